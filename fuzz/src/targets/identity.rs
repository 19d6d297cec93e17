//! Evidence of a message's author: fingerprints, habits, instances, and the signatures for comparison.

use std::net::{IpAddr, Ipv4Addr};

use bellwether_base::{Span, Timestamp};
use bellwether_fingerprint::{
    Identifiers, Part, PrintHash, Readable, Seen, Signatures, combined, compare, fields, path, sdp_author,
    sip_author, write_habits,
};
use bellwether_instance::evidence;
use bellwether_sip::{Message, Name, sdp};

/// Maximum length of the readable form of a message of `len` octets. An escape takes four octets for one, and names
/// are added.
const fn bound(len: usize) -> usize {
    4096 + 16 * len
}

fn body_of<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    sdp::description(message.get(Name::ContentType), message.body())
}

/// Laws: equal messages give equal forms and hashes. The length of a form is bounded by the message. A form equals
/// itself, and comparison is symmetric.
pub(super) fn prints(octets: &[u8]) {
    let message = Message::parse(octets);
    let author = sip_author(&message);
    assert_eq!(author, sip_author(&message), "the same message has the same author");
    let body = body_of(&message).or(Some(message.body()));
    let described = body.and_then(sdp_author);
    let mut habits = Readable::default();
    write_habits(&message, body, &mut habits);
    let way = path(&message);
    for form in [author.as_deref(), described.as_deref(), Some(habits.as_str()), Some(way.as_str())] {
        let Some(form) = form else { continue };
        assert!(form.len() <= bound(octets.len()), "a form is bounded by its message");
        assert!(form.chars().all(|c| !c.is_control()), "a form holds no control characters: {form:?}");
        assert!(compare(form, form).is_compatible(), "a form is compatible with itself: {form:?}");
        assert!(fields(form).count() <= form.len() + 1);
    }
    if let (Some(author), described) = (&author, described.as_deref()) {
        let one = combined(author, described);
        let hash = PrintHash::of(Part::Sip, author);
        assert_eq!(PrintHash::stored(hash.as_str()), Some(hash), "a hash survives a round trip");
        for other in [author.as_str(), way.as_str(), habits.as_str()] {
            let (there, back) = (compare(&one, other), compare(other, &one));
            assert_eq!(
                there.is_compatible(),
                back.is_compatible(),
                "comparison is symmetric: {one:?} {other:?}"
            );
        }
    }
    let mut identifiers = Identifiers::of(&message);
    let same = identifiers;
    assert!(!identifiers.learn(&same), "known identifiers give no news");
}

/// Laws: a text gives equal signatures each time, or a named error. Valid signatures can be compared with any form.
pub(super) fn signatures(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let own = match Signatures::with(Some(text)) {
        Ok(own) => own,
        Err(error) => return assert!(!error.to_string().is_empty(), "an error has a message"),
    };
    let known = Signatures::with(None).map_or(0, |known| known.len());
    assert!(own.len() >= known, "an operator's signatures are added to the built-in ones");
    let habits: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| {
            line.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        })
        .collect();
    let seen = Seen { readable: text, habits: &habits, identifiers: &[] };
    assert_eq!(own.recognise(&seen), own.recognise(&seen));
    let _ = own.claim(&seen, Some(text));
}

/// Laws: equal messages give equal evidence. Clock readings lie near the capture time. Evidence is bounded.
pub(super) fn instances(octets: &[u8]) {
    let message = Message::parse(octets);
    let at = Timestamp::default() + Span::from_secs(1_750_000_000);
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let found = evidence(&message, Some(message.body()), source, at);
    assert_eq!(found, evidence(&message, Some(message.body()), source, at));
    assert!(found.len() <= 64 + octets.len() / 8, "evidence is bounded by its message");
    for one in &found {
        assert!(one.instance.len() <= bound(octets.len()));
        if let Some(clock) = one.clock {
            let off = clock.at.since(at).max(at.since(clock.at));
            assert!(off <= Span::from_secs(86_400), "a clock reading lies near the capture time");
        }
    }
}
