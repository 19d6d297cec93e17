//! SIP messages, header values, and session descriptions.

use bellwether_sip::{
    Address, Framed, Framer, MAX_MESSAGE, Message, Method, Name, RouteKey, Uri, Verdict, Via, addresses,
    comma_values, probe, route_key, sdp, tag_of,
};

use super::wire::is_within;

/// Laws: parsing is total and borrows from the given octets. The dispatcher's routing and the parser agree on the
/// owner of a message. Framing finds equal messages for any segmentation of the stream.
pub(super) fn message(octets: &[u8]) {
    let mut message = Message::parse(octets);
    let defects = message.examine();
    assert_eq!(defects, message.examine(), "examination is repeatable");
    for header in message.headers() {
        assert!(
            is_within(header.value, octets) || header.value.is_empty(),
            "a value lies within the message"
        );
    }
    assert!(is_within(message.body(), octets) || message.body().is_empty(), "a body lies within the message");
    let parts = message.parts();
    for name in Name::ALL {
        assert_eq!(message.get(*name), message.all(*name).next().map(|header| header.value));
    }
    let _ = (message.contacts().count(), message.vias().count(), message.own_via(), message.expires());
    let _ = (parts.from_tag(), parts.to_tag(), message.status());
    if probe(octets) != Verdict::NotOurs {
        owners_agree(&message, octets);
    }
    framing_agrees(octets);
}

/// Registrations and OPTIONS are routed by addresses, all other messages by Call-ID.
fn owners_agree(message: &Message<'_>, octets: &[u8]) {
    let key = route_key(octets);
    assert_eq!(key, route_key(octets), "the same message has the same owner");
    let method = message.method().or_else(|| message.cseq().map(|cseq| cseq.method));
    if matches!(method, None | Some(Method::Register | Method::Options)) {
        return;
    }
    let call_id = message.call_id().filter(|id| !id.is_empty());
    assert_eq!(
        key,
        call_id.map_or(RouteKey::None, RouteKey::Call),
        "routing and parser see the same Call-ID"
    );
}

/// Every octet of a stream is consumed once, and segmentation does not change the messages.
fn framing_agrees(stream: &[u8]) {
    let whole = framed(stream, stream.len().max(1));
    for size in [1, 7, 1460] {
        assert_eq!(framed(stream, size), whole, "segments of {size} octets give the same messages");
    }
}

/// The positions of the messages in a stream with segments of one size.
fn framed(stream: &[u8], size: usize) -> Vec<(usize, usize)> {
    let (mut framer, mut messages, mut taken) = (Framer::default(), Vec::new(), 0);
    for end in (size..stream.len() + size).step_by(size) {
        let end = end.min(stream.len());
        loop {
            let unread = stream.get(taken..end).unwrap_or_default();
            let len = match framer.next(unread) {
                Framed::Message { len } | Framed::Cut { len } => {
                    assert!(len <= MAX_MESSAGE, "a message is bounded");
                    messages.push((taken, len));
                    len
                }
                Framed::KeepAlive { len } | Framed::Pass { len } => len,
                Framed::NotSip => {
                    framer.pass_line();
                    continue;
                }
                Framed::Incomplete => break,
            };
            assert!(len > 0 && len <= unread.len(), "only present octets are consumed");
            taken += len;
        }
        assert!(end - taken <= MAX_MESSAGE, "at most one message is unread");
    }
    messages
}

/// One header value, parsed as each kind of value.
pub(super) fn values(octets: &[u8]) {
    let address = Address::parse(octets);
    assert_eq!(address.tag(), Address::parse(octets).tag());
    let _ = (address.user(), tag_of(octets));
    for param in address.params.iter() {
        let _ = param.unquoted();
        assert!(is_within(param.name, octets) || param.name.is_empty());
    }
    let _ = address.params.get("tag");
    let whole: usize = addresses(octets).map(|address| address.user().len()).sum();
    assert!(whole <= octets.len(), "addresses of a list do not overlap");
    let split: usize = comma_values(octets).map(<[u8]>::len).sum();
    assert!(split <= octets.len(), "values of a list do not overlap");
    if let Some(uri) = Uri::parse(octets) {
        assert!(uri.user.len() + uri.host.len() <= octets.len());
        let _ = uri.is_telephony();
    }
    if let Some(via) = Via::parse(octets) {
        assert!(via.branch().is_none_or(|branch| branch.len() <= octets.len()));
    }
    let _ = (Method::from_token(octets), Name::from_spelling(octets));
}

/// A session description, as a whole body and as one part of a body.
pub(super) fn description(octets: &[u8]) {
    let lines: usize = sdp::lines(octets).map(|line| line.value.len() + 2).sum();
    assert!(lines <= octets.len() + 2, "lines do not overlap");
    let session = sdp::Session::parse(octets);
    if let Some(session) = &session {
        assert!(session.media.len() <= octets.len() / 4, "a section has a line of its own");
    }
    let told_later = sdp::Session::parse_fragment(octets);
    for media in session.iter().flat_map(|session| &session.media).chain(&told_later.media) {
        assert!(
            media.candidates.iter().all(|line| is_within(line, octets)),
            "a candidate lies within the body"
        );
        assert!(media.candidates().count() <= media.candidates.len());
        assert!(
            media.candidates().all(|c| c.endpoints().all(|(ip, port)| port != 0 && !ip.is_unspecified()))
        );
    }
    for content_type in [
        None,
        Some(&b"application/sdp"[..]),
        Some(b"multipart/mixed;boundary=b"),
        Some(b"multipart/mixed; boundary=\"--x--\""),
    ] {
        if let Some(found) = sdp::description(content_type, octets) {
            assert!(found.is_empty() || is_within(found, octets), "a description lies within the body");
        }
    }
}
