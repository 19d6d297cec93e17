//! Evidence in Call-IDs: UUIDs, clocks, counters and private addresses.

use std::net::IpAddr;

use bellwether_base::{Timestamp, host_address};
use bellwether_sip::Message;

use crate::{Evidence, LAN, number, text, unix_seconds, uuid};

pub(crate) fn read(message: &Message<'_>, at: Timestamp, found: &mut Vec<Evidence>) {
    let Some(call_id) = message.call_id() else { return };
    let (local, host) = match call_id.iter().position(|b| *b == b'@') {
        Some(at) => (call_id.get(..at).unwrap_or_default(), call_id.get(at + 1..).unwrap_or_default()),
        None => (call_id, &[][..]),
    };
    let standard = uuid::digits(local, &uuid::STANDARD).or_else(|| uuid::digits(local, &uuid::WORDS));
    found.extend(standard.and_then(|digits| uuid::read(digits, at)));
    found.extend(snom(local, at));
    found.extend(kamailio(local, host));
    found.extend(private_host(host));
}

/// snom: eight hexadecimal digits of seconds since 1970 in either byte order, four more digits, and twelve
/// letters.
fn snom(local: &[u8], at: Timestamp) -> Option<Evidence> {
    let (digits, letters) = local.split_at_checked(12)?;
    if letters.len() != 13
        || letters.first() != Some(&b'-')
        || !letters.iter().skip(1).all(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    let seconds = u32::try_from(number(digits.get(..8)?, 16)?).ok()?;
    number(digits, 16)?;
    [seconds, seconds.swap_bytes()]
        .into_iter()
        .find_map(|seconds| unix_seconds(u64::from(seconds), at))
        .map(|clock| Evidence::clock("snom", clock))
}

/// Kamailio and OpenSIPS as clients: a counter in 16 hexadecimal digits, and the process number.
fn kamailio(local: &[u8], host: &[u8]) -> Option<Evidence> {
    let (counter, rest) = local.split_at_checked(16)?;
    let process = rest.strip_prefix(b"-")?;
    if process.is_empty() || process.len() > 7 || !process.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let counter = number(counter, 16)?;
    Some(Evidence {
        counter: Some(counter),
        ..Evidence::new("kamailio", format!("{}@{}", text(process), text(host)))
    })
}

/// A private address in the host part is the device's own address, visible through NAT.
fn private_host(host: &[u8]) -> Option<Evidence> {
    let host = std::str::from_utf8(host).ok()?;
    let address = host.rsplit_once(':').map_or(host, |(address, _port)| address);
    let ip = host_address(address)?;
    is_private(ip).then(|| Evidence::new(LAN, ip.to_string()))
}

/// True for private networks (RFC 1918, RFC 4193) and link-local addresses.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_nanos(1_358_834_013_000_000_000);

    fn of(call_id: &str) -> Vec<(&'static str, String, Option<u64>, bool)> {
        let message = format!("INVITE sip:a@b SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n");
        let mut found = Vec::new();
        read(&Message::parse(message.as_bytes()), AT, &mut found);
        found.into_iter().map(|e| (e.kind, e.instance.into_owned(), e.counter, e.clock.is_some())).collect()
    }

    #[test]
    fn each_generator_is_told_by_its_layout() {
        assert_eq!(
            of("2bf0cb8d7a1c0d04-31337@192.0.2.1"),
            [("kamailio", "31337@192.0.2.1".to_owned(), Some(0x2bf0_cb8d_7a1c_0d04), false)]
        );
        assert_eq!(of("1_3871236712@192.168.7.20"), [("lan", "192.168.7.20".to_owned(), None, false)]);
        // 0x50fe2bdd is the time of the capture in seconds.
        assert_eq!(of("50fe2bdd1234-abcdefgh1234"), [("snom", String::new(), None, true)]);
        assert_eq!(of("dd2bfe501234-abcdefgh1234"), [("snom", String::new(), None, true)]);
        for nothing in ["abc@192.0.2.1", "3c26700c1adf-abcdefgh1234", "", "10.0.0.1"] {
            assert!(of(nothing).is_empty(), "{nothing}");
        }
    }
}
