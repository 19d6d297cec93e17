//! Any input is read without a panic, and the evidence is text of bounded length.

use std::net::{IpAddr, Ipv4Addr};

use bellwether_base::Timestamp;
use bellwether_instance::evidence;
use bellwether_sip::Message;
use proptest::prelude::*;

proptest! {
    #[test]
    fn evidence_is_bounded(
        tag in "[0-9a-zA-Z]{0,40}",
        call_id in "[0-9a-fA-F-]{0,50}(@[0-9.:a-f]{0,20})?",
        branch in "(z9hG4bK)?[0-9a-zA-Z-]{0,50}",
        date in "[ -~]{0,40}",
        instance in "[ -~]{0,200}",
        body in "v=0\r\n(o=[ -~]{0,60}\r\n)?(a=fingerprint:[ -~]{0,60}\r\n)?",
        seconds in any::<i64>(),
    ) {
        let text = format!(
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h.invalid;branch={branch}\r\nFrom: <sip:a@b>;tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: 7 INVITE\r\nDate: {date}\r\nContact: <sip:a@b>;+sip.instance=\"{instance}\"\r\n\r\n"
        );
        let at = Timestamp::from_nanos(seconds.max(i64::MIN + 1));
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let found = evidence(&Message::parse(text.as_bytes()), Some(body.as_bytes()), source, at);
        prop_assert!(found.len() < 16);
        prop_assert!(found.iter().all(|e| e.instance.len() <= 256), "{found:?}");
    }
}
