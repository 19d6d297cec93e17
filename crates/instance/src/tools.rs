//! Scanners, load generators, browsers and Java stacks that put a constant into their identifiers.

use std::net::Ipv4Addr;

use bellwether_sip::Message;

use crate::{Evidence, number, text};

pub(crate) fn read(message: &Message<'_>, found: &mut Vec<Evidence>) {
    let tag = message.from().and_then(|from| from.tag()).unwrap_or_default();
    let call_id = message.call_id().unwrap_or_default();
    let via = message.own_via();
    let branch =
        via.and_then(|via| via.branch()).and_then(|b| b.strip_prefix(b"z9hG4bK")).unwrap_or_default();
    found.extend(sipp(tag, call_id));
    found.extend(sipvicious(tag));
    found.extend(jain(branch));
    found.extend(via.and_then(|via| browser(via.host)));
    for contact in message.contacts().take(4) {
        found.extend(contact.params.get("+sip.instance").and_then(|p| p.unquoted()).and_then(sip_instance));
    }
}

/// SIPp: the tag is the process number and a constant. The Call-ID starts with the call number.
fn sipp(tag: &[u8], call_id: &[u8]) -> Option<Evidence> {
    let at = tag.windows(7).position(|w| w == b"SIPpTag")?;
    let process = tag.get(..at).filter(|p| !p.is_empty() && p.iter().all(u8::is_ascii_digit))?;
    let host = call_id.iter().position(|b| *b == b'@').and_then(|at| call_id.get(at..)).unwrap_or_default();
    let counter = call_id.split(|b| *b == b'-').next().and_then(|n| number(n, 10));
    Some(Evidence { counter, ..Evidence::new("sipp", text(process) + &text(host)) })
}

/// SIPVicious: the tag is the hexadecimal form of a text. The text starts with the target's address and port
/// in hexadecimal digits, an octet 1, and a random number. The instance is the target of the scan.
fn sipvicious(tag: &[u8]) -> Option<Evidence> {
    if tag.len() < 28 || tag.len() > 128 {
        return None;
    }
    let octets: Vec<u8> =
        tag.chunks_exact(2).map(|pair| number(pair, 16).map(|n| n as u8)).collect::<Option<_>>()?;
    let (target, rest) = octets.split_at_checked(12)?;
    if !target.iter().all(u8::is_ascii_hexdigit) || rest.first() != Some(&1) {
        return None;
    }
    let address = Ipv4Addr::from(u32::try_from(number(target.get(..8)?, 16)?).ok()?);
    let port = number(target.get(8..)?, 16)?;
    Some(Evidence::new("sipvicious", format!("{address}:{port}")))
}

/// JAIN-SIP: each branch holds a signature of the virtual machine between dashes, followed by an MD5.
fn jain(branch: &[u8]) -> Option<Evidence> {
    let (signature, md5) = branch.strip_prefix(b"-").and_then(|rest| {
        let at = rest.iter().position(|b| *b == b'-')?;
        rest.split_at_checked(at)
    })?;
    let is_hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    // The signature is a decimal number as character codes: 30 to 39 each.
    let is_number = (2..=6).contains(&signature.len())
        && signature.chunks(2).all(|pair| matches!(pair, [b'3', b'0'..=b'9']));
    (is_number && md5.len() == 33 && is_hex(md5.get(1..)?)).then(|| Evidence::new("jain", text(signature)))
}

/// SIP in a browser: a random host name per page load.
fn browser(host: &[u8]) -> Option<Evidence> {
    let name = host.strip_suffix(b".invalid")?;
    let is_drawn = name.len() == 12 && name.iter().all(u8::is_ascii_alphanumeric);
    is_drawn.then(|| Evidence::new("browser", text(name)))
}

/// The instance that a device declares (RFC 5626 section 4.1); many devices derive it from their MAC address.
fn sip_instance(value: &[u8]) -> Option<Evidence> {
    let urn = std::str::from_utf8(value).ok()?.trim_matches(['<', '>']).to_ascii_lowercase();
    let uuid = urn.strip_prefix("urn:uuid:").unwrap_or(&urn);
    let mac = uuid.strip_prefix("00000000-0000-").and_then(|rest| rest.get(10..));
    Some(match mac.filter(|mac| mac.len() == 12 && mac.bytes().all(|b| b.is_ascii_hexdigit())) {
        Some(mac) => Evidence::new("mac", mac.to_owned()),
        None if uuid.is_empty() || uuid.len() > 128 => return None,
        None => Evidence::new("sip-instance", uuid.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &str) -> Vec<(&'static str, String, Option<u64>)> {
        let message = format!("INVITE sip:a@b SIP/2.0\r\n{headers}\r\n\r\n");
        let mut found = Vec::new();
        read(&Message::parse(message.as_bytes()), &mut found);
        found.into_iter().map(|e| (e.kind, e.instance.into_owned(), e.counter)).collect()
    }

    #[test]
    fn tools_leave_their_constants() {
        assert_eq!(
            of("From: <sip:a@b>;tag=6199SIPpTag007\r\nCall-ID: 7-6199@10.77.1.11"),
            [("sipp", "6199@10.77.1.11".to_owned(), Some(7))]
        );
        let target: String = "3653c4ee13c4\u{1}123".bytes().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            of(&format!("From: <sip:a@b>;tag={target}")),
            [("sipvicious", "54.83.196.238:5060".to_owned(), None)]
        );
        assert_eq!(
            of("Via: SIP/2.0/UDP h;branch=z9hG4bK-3238-e7f6c011776e8db7cd330b54174fd76f"),
            [("jain", "3238".to_owned(), None)]
        );
        assert_eq!(
            of("Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK56"),
            [("browser", "df7jal23ls0d".to_owned(), None)]
        );
    }

    #[test]
    fn devices_declare_themselves() {
        assert_eq!(
            of("Contact: <sip:a@b>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000E08ABCDEF>\""),
            [("mac", "000e08abcdef".to_owned(), None)]
        );
        assert_eq!(
            of("Contact: <sip:a@b>;+sip.instance=\"<urn:uuid:df7a4a50-1b5d-4c50-9d2e-1f7b1f7b1f7b>\""),
            [("sip-instance", "df7a4a50-1b5d-4c50-9d2e-1f7b1f7b1f7b".to_owned(), None)]
        );
        assert!(of("From: <sip:a@b>;tag=abc\r\nCall-ID: x@y").is_empty());
    }
}
