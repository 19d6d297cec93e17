//! Defects of header values: violations of RFC 3261 in a message whose structure is sound.

use crate::header::{Header, Name};
use crate::lex::{Split, is_lws, number};
use crate::message::{MAX_LISTS, Parts, StartLine};
use crate::{Address, Defect, Defects, Message, Method, Uri, Via, addresses, comma_values};

/// Headers that may stand once and hold one value (RFC 3261 section 7.3.1, table 2).
const SINGLE: [Name; 9] = [
    Name::From,
    Name::To,
    Name::CallId,
    Name::CSeq,
    Name::MaxForwards,
    Name::ContentType,
    Name::Expires,
    Name::Date,
    Name::UserAgent,
];

pub(crate) fn value_defects(message: &Message<'_>, parts: &Parts<'_>) -> Defects {
    let mut defects = Defects::NONE;
    request_uri(message, &mut defects);
    presence(message, &mut defects);
    let mut lists = 0;
    for header in message.headers() {
        if is_list(header.name) {
            lists += 1;
            if lists > MAX_LISTS || Split::is_too_long(header.value, b',') {
                defects.add(Defect::TooManyValues);
            }
            if lists > MAX_LISTS {
                continue;
            }
        }
        header_defects(message, parts, header, &mut defects);
    }
    defects
}

/// True if the values of the header are examined one by one.
const fn is_list(name: Name) -> bool {
    matches!(name, Name::Via | Name::Contact | Name::Warning)
}

fn request_uri(message: &Message<'_>, defects: &mut Defects) {
    let StartLine::Request { uri, .. } = message.start() else { return };
    if uri.starts_with(b"<") {
        defects.add(Defect::RequestUriBracketed);
    }
    if uri.iter().any(|b| is_lws(*b)) {
        defects.add(Defect::RequestUriSpace);
    }
    match Uri::parse(uri) {
        Some(uri) if uri.is_telephony() => {
            if uri.headers.is_some() {
                defects.add(Defect::RequestUriHeaders);
            }
        }
        _ => defects.add(Defect::RequestUriScheme),
    }
}

fn presence(message: &Message<'_>, defects: &mut Defects) {
    let mut seen = 0_u64;
    for header in message.headers() {
        let bit = if header.name == Name::Other { 0 } else { 1_u64 << (header.name as u8) };
        if seen & bit != 0 && SINGLE.contains(&header.name) {
            defects.add(Defect::RepeatedHeader);
        }
        seen |= bit;
    }
    let has = |name: Name| seen & (1_u64 << (name as u8)) != 0;
    for (name, defect) in [
        (Name::Via, Defect::MissingVia),
        (Name::From, Defect::MissingFrom),
        (Name::To, Defect::MissingTo),
        (Name::CallId, Defect::MissingCallId),
        (Name::CSeq, Defect::MissingCSeq),
    ] {
        if !has(name) {
            defects.add(defect);
        }
    }
    if message.method().is_some() && !has(Name::MaxForwards) {
        defects.add(Defect::MissingMaxForwards);
    }
    if message.method() == Some(Method::Invite) && !has(Name::Contact) {
        defects.add(Defect::MissingContact);
    }
}

fn header_defects(message: &Message<'_>, parts: &Parts<'_>, header: &Header<'_>, defects: &mut Defects) {
    let value = header.value;
    match header.name {
        Name::Via => vias(message, parts, header, defects),
        Name::From => party(parts.from, Defect::BadFrom, true, defects),
        Name::To => party(parts.to, Defect::BadTo, false, defects),
        Name::Contact => contacts(value, defects),
        Name::CallId if value.is_empty() || value.iter().any(|b| is_lws(*b)) => {
            defects.add(Defect::BadCallId);
        }
        Name::CSeq => cseq(message, parts, defects),
        Name::MaxForwards if number(value).is_none_or(|n| n > 255) => defects.add(Defect::BadMaxForwards),
        Name::Expires if number(value).is_none_or(|n| u32::try_from(n).is_err()) => {
            defects.add(Defect::BadExpires);
        }
        Name::Date if !value.ends_with(b"GMT") => defects.add(Defect::BadDate),
        Name::Warning if comma_values(value).any(|w| !warning_code_is_three_digits(w)) => {
            defects.add(Defect::BadWarning);
        }
        _ => {}
    }
}

fn vias(message: &Message<'_>, parts: &Parts<'_>, header: &Header<'_>, defects: &mut Defects) {
    let is_first = message.get(Name::Via).is_some_and(|first| std::ptr::eq(first, header.value));
    for (i, value) in comma_values(header.value).enumerate() {
        let is_top = is_first && i == 0;
        let Some(via) = (if is_top { parts.top_via } else { Via::parse(value) }) else {
            defects.add(Defect::BadVia);
            continue;
        };
        if via.params.has_empty_place() {
            defects.add(Defect::EmptyParameter);
        }
        if via.host == b"255.255.255.255" {
            defects.add(Defect::BroadcastVia);
        }
        if is_top {
            match via.branch() {
                None => defects.add(Defect::MissingBranch),
                Some(branch) if branch.eq_ignore_ascii_case(b"z9hG4bK") => defects.add(Defect::EmptyBranch),
                Some(_) => {}
            }
        }
    }
}

fn party(address: Option<Address<'_>>, bad: Defect, is_from: bool, defects: &mut Defects) {
    let Some(address) = address else { return };
    address_defects(&address, bad, defects);
    if is_from && address.tag().is_none() {
        defects.add(Defect::MissingFromTag);
    }
}

fn contacts(value: &[u8], defects: &mut Defects) {
    if value == b"*" {
        return;
    }
    for address in addresses(value) {
        address_defects(&address, Defect::BadContact, defects);
        let expires = address.params.get("expires").and_then(|p| p.value);
        if expires.is_some_and(|e| number(e).is_none_or(|n| u32::try_from(n).is_err())) {
            defects.add(Defect::BadExpires);
        }
    }
}

fn address_defects(address: &Address<'_>, bad: Defect, defects: &mut Defects) {
    *defects = defects.union(address.defects);
    match address.uri {
        None => defects.add(bad),
        // A Contact may have any URI scheme (RFC 3261 section 8.1.1.8), an address of record may not.
        Some(uri) if !uri.is_telephony() && bad != Defect::BadContact => defects.add(Defect::AddressScheme),
        Some(_) => {}
    }
    if address.params.has_empty_place() {
        defects.add(Defect::EmptyParameter);
    }
}

fn cseq(message: &Message<'_>, parts: &Parts<'_>, defects: &mut Defects) {
    let Some(cseq) = parts.cseq else {
        defects.add(Defect::BadCSeq);
        return;
    };
    // RFC 3261 section 8.1.1.5: less than 2**31.
    if cseq.number >= 1 << 31 {
        defects.add(Defect::BadCSeq);
    }
    if let StartLine::Request { token, .. } = message.start()
        && token != cseq.token
    {
        defects.add(Defect::CSeqMismatch);
    }
}

fn warning_code_is_three_digits(value: &[u8]) -> bool {
    let code = value.split(|b| is_lws(*b)).next().unwrap_or_default();
    code.len() == 3 && number(code).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defects_of(text: &str) -> Vec<&'static str> {
        Message::parse(text.as_bytes()).examine().iter().map(Defect::name).collect()
    }

    const SOUND: &str = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: A <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c@h\r\nCSeq: 1 INVITE\r\nContact: <sip:a@h>\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn a_sound_message_has_no_defects() {
        assert_eq!(defects_of(SOUND), Vec::<&str>::new());
    }

    #[test]
    fn each_change_is_named() {
        for (from, to, expected) in [
            ("CSeq: 1 INVITE", "CSeq: 1 BYE", "cseq-mismatch"),
            ("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE", "bad-cseq"),
            ("Max-Forwards: 70", "Max-Forwards: 300", "bad-max-forwards"),
            ("INVITE sip:b@h", "INVITE <sip:b@h>", "request-uri-bracketed"),
            ("INVITE sip:b@h", "INVITE sip:b@h; lr", "request-uri-space"),
            ("branch=z9hG4bKx", "branch=z9hG4bK", "empty-branch"),
            ("<sip:a@h>;tag=1", "< sip:a@h >;tag=1", "space-in-address"),
            ("From: A", "From: A, B", "bad-display-name"),
            ("Content-Length: 0", "Content-Length: -1", "bad-content-length"),
            ("Content-Length: 0", "Content-Length: 9", "body-short"),
            ("Call-ID: c@h\r\n", "", "missing-call-id"),
            ("To: <sip:b@h>", "To: \"b <sip:b@h>", "unterminated-quote"),
            ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", "unsupported-version"),
        ] {
            let text = SOUND.replace(from, to);
            assert_ne!(text, SOUND, "{from} is not in the message");
            assert!(defects_of(&text).contains(&expected), "{to}: {:?}", defects_of(&text));
        }
    }
}
