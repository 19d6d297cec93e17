//! Evidence in session descriptions: clocks, certificates and private addresses of the author's process.

use std::net::Ipv4Addr;

use bellwether_base::Timestamp;
use bellwether_sip::sdp::lines;

use crate::call_id::is_private;
use crate::{Evidence, LAN, NTP_TO_UNIX, number, unix_seconds};

/// Digits kept of a certificate hash: enough to distinguish certificates.
const HASH_DIGITS: usize = 32;

pub(crate) fn read(body: &[u8], at: Timestamp, found: &mut Vec<Evidence>) {
    let value_of = |wanted: u8| lines(body).find(|l| l.kind == wanted).map_or(&[][..], |l| l.value);
    found.extend(origin(word(value_of(b'o'), 1), word(value_of(b'm'), 1), value_of(b's'), at));
    let attributes = || lines(body).filter(|l| l.kind == b'a').map(|l| l.value);
    found.extend(attributes().find_map(certificate));
    found.extend(attributes().find_map(foundation));
}

fn word(line: &[u8], index: usize) -> &[u8] {
    line.split(|b| *b == b' ').nth(index).unwrap_or_default()
}

/// Reads the origin's session identifier as a clock: seconds since 1970 or 1900. FreeSWITCH subtracts the
/// media port from the seconds.
fn origin(id: &[u8], port: &[u8], name: &[u8], at: Timestamp) -> Option<Evidence> {
    let id = number(id, 10)?;
    if name == b"FreeSWITCH" {
        let clock = unix_seconds(id.checked_add(number(port, 10)?)?, at)?;
        return Some(Evidence::clock("origin-freeswitch", clock));
    }
    let ntp = || id.checked_sub(NTP_TO_UNIX).and_then(|id| unix_seconds(id, at));
    unix_seconds(id, at).or_else(ntp).map(|clock| Evidence::clock("origin", clock))
}

/// The certificate hash of DTLS-SRTP (RFC 8122). The certificate is made when the process starts or when the
/// device is manufactured.
fn certificate(attribute: &[u8]) -> Option<Evidence> {
    let value = attribute.strip_prefix(b"fingerprint:")?;
    let hash = value.split(|b| *b == b' ').nth(1)?;
    let digits: String = hash
        .iter()
        .filter(|b| b.is_ascii_hexdigit())
        .take(HASH_DIGITS)
        .map(|b| char::from(b.to_ascii_lowercase()))
        .collect();
    (digits.len() == HASH_DIGITS).then(|| Evidence::new("dtls", digits))
}

/// pjnath derives the foundation of a host candidate from its address: `H` and hexadecimal digits.
fn foundation(attribute: &[u8]) -> Option<Evidence> {
    let digits = attribute.strip_prefix(b"candidate:H")?.split(|b| *b == b' ').next()?;
    let ip = Ipv4Addr::from(u32::try_from(number(digits, 16)?).ok().filter(|_| digits.len() <= 8)?);
    is_private(ip.into()).then(|| Evidence::new(LAN, ip.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_nanos(1_358_834_013_000_000_000);

    fn of(body: &str) -> Vec<(&'static str, String, Option<i64>)> {
        let mut found = Vec::new();
        read(body.as_bytes(), AT, &mut found);
        let seconds = |e: &Evidence| e.clock.map(|c| c.at.since(AT).as_nanos() / 1_000_000_000);
        found.iter().map(|e| (e.kind, e.instance.clone().into_owned(), seconds(e))).collect()
    }

    #[test]
    fn origins_are_clocks_where_they_are_near() {
        assert_eq!(of("v=0\r\no=- 1358834010 1 IN IP4 1.1.1.1\r\n"), [("origin", String::new(), Some(-3))]);
        assert_eq!(of("v=0\r\no=- 3567822813 1 IN IP4 1.1.1.1\r\n"), [("origin", String::new(), Some(0))]);
        assert_eq!(
            of(
                "v=0\r\no=FreeSWITCH 1358813841 1 IN IP4 1.1.1.1\r\ns=FreeSWITCH\r\nm=audio 20172 RTP/AVP 0\r\n"
            ),
            [("origin-freeswitch", String::new(), Some(0))]
        );
        assert!(of("v=0\r\no=- 4711 1 IN IP4 1.1.1.1\r\n").is_empty());
    }

    #[test]
    fn certificates_and_foundations_name_the_process_and_the_host() {
        let hash = "AB:".repeat(31) + "AB";
        assert_eq!(
            of(&format!("v=0\r\na=fingerprint:sha-256 {hash}\r\n")),
            [("dtls", "ab".repeat(16), None)]
        );
        assert_eq!(
            of("v=0\r\na=candidate:Hc0a80714 1 UDP 1 192.168.7.20 4000 typ host\r\n"),
            [("lan", "192.168.7.20".to_owned(), None)]
        );
    }
}
