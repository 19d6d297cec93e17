//! Facts by which other crates find the conversation of a call.

use bellwether_base::{Endpoint, FlowKey, HashKey, Span, Timestamp};
use bellwether_tracker::{Content, Fact, Item, Limits, Outbox, Side, Worker};

const PHONE: Endpoint = Endpoint::v4([192, 0, 2, 10], 5060);
const PBX: Endpoint = Endpoint::v4([192, 0, 2, 20], 5060);

/// Start line, CSeq, further headers, the port of a description, and true if the phone sends it.
type Sent<'a> = (&'a str, &'a str, &'a str, Option<u16>, bool);

/// The facts that follow from messages of one call, a second apart.
fn facts(messages: &[Sent<'_>]) -> Vec<Fact> {
    let mut worker = Worker::new(0, 1, &Limits::default(), HashKey::new([3; 16]));
    let mut out = Outbox::default();
    for (n, (start, cseq, more, port, is_forth)) in messages.iter().enumerate() {
        let body = port.map_or(String::new(), |port| {
            format!("v=0\r\no=- {port} 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
        });
        let tag = if start.starts_with("INVITE") && !more.contains("in-dialog") { "" } else { ";tag=b" };
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK{}\r\nFrom: <sip:1@a>;tag=a\r\nTo: <sip:2@a>{tag}\r\nCall-ID: id\r\nCSeq: {cseq}\r\n{more}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            cseq.replace(' ', ""),
            body.len(),
        );
        let at = Timestamp::from_nanos(1_790_000_000_000_000_000) + Span::from_secs(n as i64);
        let (src, dst) = if *is_forth { (PHONE, PBX) } else { (PBX, PHONE) };
        let item = Item {
            seq: n as u64,
            at,
            stamp: at,
            agent: None,
            mirror: None,
            flow: FlowKey { src, dst },
            content: Content::SipDatagram,
            shard: 0,
            pair: 0,
            ip_id: n as u16 + 1,
            is_cut: false,
            bytes: text.as_bytes(),
        };
        worker.handle(&item, &mut out);
    }
    out.drain(Vec::new()).0.into_iter().map(|stamped| stamped.fact).collect()
}

const INVITE: &str = "INVITE sip:2@a SIP/2.0";

#[test]
fn where_a_side_listens_is_told_once_for_each_place() {
    let again = "X-Note: in-dialog\r\n";
    let found: Vec<(Side, u16)> = facts(&[
        (INVITE, "1 INVITE", "", Some(4000), true),
        ("SIP/2.0 183 Session Progress", "1 INVITE", "", Some(5000), false),
        ("SIP/2.0 200 OK", "1 INVITE", "", Some(5000), false),
        (INVITE, "2 INVITE", again, Some(4000), true),
        (INVITE, "3 INVITE", again, Some(4002), true),
    ])
    .into_iter()
    .filter_map(|fact| match fact {
        Fact::MediaNamed(named) => Some((named.side, named.endpoint.port())),
        _ => None,
    })
    .collect();
    assert_eq!(found, [(Side::Caller, 4000), (Side::Callee, 5000), (Side::Caller, 4002)]);
}

#[test]
fn what_an_invite_says_of_other_calls_comes_with_it() {
    let kin = |more: &str| {
        let facts = facts(&[(INVITE, "1 INVITE", more, None, true)]);
        let started = facts.into_iter().find_map(|fact| match fact {
            Fact::CallStarted(started) => Some(started),
            _ => None,
        });
        started.unwrap().kin
    };
    assert!(kin("").is_none());
    let found =
        kin("Replaces: first-call@a;to-tag=1\r\nDiversion: <sip:2302@a>\r\nReferred-By: <sip:3@a>\r\n")
            .unwrap();
    assert_eq!(
        (found.ids.len(), found.sent_on_by.as_slice(), found.is_referred),
        (1, &["2302".to_owned()][..], true)
    );
}

#[test]
fn credentials_let_in_whoever_is_not_asked_for_others() {
    let is_let_in = |second: &str, more: &str| {
        let facts = facts(&[
            (INVITE, "1 INVITE", "", None, true),
            ("SIP/2.0 401 Unauthorized", "1 INVITE", "", None, false),
            (INVITE, "2 INVITE", more, None, true),
            (second, "2 INVITE", "", None, false),
        ]);
        let last = facts.into_iter().rev().find_map(|fact| match fact {
            Fact::CallProgress(progress) => Some(progress.is_let_in),
            _ => None,
        });
        last.unwrap_or_default()
    };
    let credentials = "Authorization: Digest username=\"1\", response=\"0\"\r\n";
    assert!(is_let_in("SIP/2.0 200 OK", credentials));
    assert!(!is_let_in("SIP/2.0 200 OK", ""), "the last request had no credentials");
    assert!(!is_let_in("SIP/2.0 100 Trying", credentials), "not yet");
    assert!(!is_let_in("SIP/2.0 403 Forbidden", credentials));
    // Unsolicited credentials prove nothing.
    let facts = facts(&[
        (INVITE, "1 INVITE", credentials, None, true),
        ("SIP/2.0 200 OK", "1 INVITE", "", None, false),
    ]);
    let is_let_in = facts.iter().any(|fact| matches!(fact, Fact::CallProgress(p) if p.is_let_in));
    assert!(!is_let_in);
}
