//! Any input gives forms of printable ASCII with separable fields, and nothing panics.

use bellwether_fingerprint::{
    Identifiers, Readable, compare, fields, path, write_habits, write_sdp_author, write_sip_author,
};
use bellwether_sip::Message;
use proptest::prelude::*;

/// Messages similar to an INVITE, so that the deeper code is reached.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        "(Via|f|To|Contact|Call-ID|CSeq|Allow|Content-Type|Authorization)[ ]{0,2}:[ -~]{0,60}"
            .prop_map(String::into_bytes),
    ];
    (
        prop_oneof!["INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK", "OPTIONS x y"],
        proptest::collection::vec(line, 0..20),
    )
        .prop_map(|(start, lines)| {
            let mut out = start.into_bytes();
            for line in lines {
                out.extend(b"\r\n");
                out.extend(line);
            }
            out.extend(b"\r\n\r\n");
            out
        })
}

proptest! {
    #[test]
    fn forms_are_printable_and_equal_to_themselves(octets in message(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let message = Message::parse(&octets);
        let body = [b"v=0\r\n", body.as_slice()].concat();
        let (mut sip, mut sdp, mut habits) = (Readable::default(), Readable::default(), Readable::default());
        write_sip_author(&message, &mut sip);
        write_sdp_author(&body, &mut sdp);
        write_habits(&message, Some(&body), &mut habits);
        let forms = [path(&message), sip.to_string(), sdp.to_string(), habits.to_string()];
        for form in forms {
            prop_assert!(form.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{form}");
            prop_assert!(compare(&form, &form).is_compatible());
            prop_assert!(fields(&form).count() <= 200 * 6);
        }
        let identifiers = Identifiers::of(&message);
        let mut learned = identifiers;
        prop_assert!(!learned.learn(&identifiers));
    }
}
