//! ICE candidates: addresses besides `c=` and `m=` at which the author of a description may receive media
//! (RFC 8839), including trickled candidates (RFC 8840).

use std::net::IpAddr;

use crate::lex::{self, number};

/// Limit of candidate lines in one section: ten interfaces with every kind of candidate have fewer.
pub(crate) const MAX_CANDIDATES: usize = 64;

/// Allowed length of a username fragment in octets (RFC 8839 section 5.4).
const FRAGMENT: std::ops::RangeInclusive<usize> = 4..=256;

/// An `a=candidate` line that names an address for RTP over UDP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Address and port as seen by the peer.
    pub address: (IpAddr, u16),
    /// The local address behind a server-reflexive or peer-reflexive candidate. None for a relayed one, whose
    /// related address is no local socket.
    pub base: Option<(IpAddr, u16)>,
}

impl Candidate {
    /// Parses the value behind `candidate:` (RFC 8839 section 5.1).
    ///
    /// Returns `None` for candidates of RTCP, of transports other than UDP, and with a host name, because a
    /// passive sensor resolves no names.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut words = lex::words(value);
        let component = words.nth(1)?;
        let transport = words.next()?;
        if component != b"1" || !transport.eq_ignore_ascii_case(b"UDP") {
            return None;
        }
        let address = socket(words.nth(1)?, words.next()?)?;
        let kind = words.nth(1)?;
        let (mut ip, mut port) = (None, None);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name {
                b"raddr" => ip = Some(value),
                b"rport" => port = Some(value),
                _ => {}
            }
        }
        let is_mapped = kind.eq_ignore_ascii_case(b"srflx") || kind.eq_ignore_ascii_case(b"prflx");
        let base = ip.zip(port).filter(|_| is_mapped).and_then(|(ip, port)| socket(ip, port));
        Some(Self { address, base })
    }

    /// All endpoints that the candidate names.
    pub fn endpoints(self) -> impl Iterator<Item = (IpAddr, u16)> {
        std::iter::once(self.address).chain(self.base)
    }
}

/// Returns `None` for an unspecified address and for ports 0 and 9, which mean "no port" (RFC 8839 section
/// 4.3.1).
fn socket(address: &[u8], port: &[u8]) -> Option<(IpAddr, u16)> {
    // Some implementations write the zone of a link-local address (RFC 4007 section 11).
    let address = address.split(|b| *b == b'%').next()?;
    let address: IpAddr = std::str::from_utf8(address).ok()?.parse().ok()?;
    let port = number(port).and_then(|n| u16::try_from(n).ok())?;
    (!address.is_unspecified() && port != 0 && port != 9).then_some((address, port))
}

/// Checks a username fragment: letters, digits, `+` and `/`.
pub(crate) fn fragment(value: &[u8]) -> Option<&[u8]> {
    let is_apt = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    (FRAGMENT.contains(&value.len()) && value.iter().all(is_apt)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Candidate> {
        Candidate::parse(line.as_bytes())
    }

    fn at(text: &str, port: u16) -> (IpAddr, u16) {
        (text.parse().unwrap(), port)
    }

    #[test]
    fn each_kind_of_candidate_names_where_its_author_may_receive() {
        let host = parsed("1 1 UDP 2130706431 2001:db8::1 8998 typ host").unwrap();
        assert_eq!((host.address, host.base), (at("2001:db8::1", 8998), None));
        let zoned = parsed("1 1 UDP 1 fe80::2%eth0 7002 typ host").unwrap();
        assert_eq!(zoned.address, at("fe80::2", 7002));
        let mapped =
            parsed("2 1 udp 1694498815 192.0.2.3 45664 typ srflx raddr 10.0.1.1 rport 8998").unwrap();
        assert_eq!(mapped.endpoints().collect::<Vec<_>>(), [at("192.0.2.3", 45664), at("10.0.1.1", 8998)]);
        let late =
            parsed("2 1 UDP 5 192.0.2.3 45664 typ srflx generation 0 rport 8998 raddr 10.0.1.1").unwrap();
        assert_eq!(late, mapped);
        let relay = parsed("3 1 UDP 5 203.0.113.9 50000 typ relay raddr 192.0.2.3 rport 45664").unwrap();
        assert_eq!(relay.endpoints().collect::<Vec<_>>(), [at("203.0.113.9", 50000)]);
    }

    #[test]
    fn what_names_no_place_for_media_over_udp_is_none() {
        for line in [
            "1 2 UDP 1 192.0.2.1 4001 typ host",
            "1 1 TCP 1 192.0.2.1 9 typ host tcptype active",
            "1 1 UDP 1 3f2504e0-4f89.local 4000 typ host",
            "1 1 UDP 1 0.0.0.0 4000 typ host",
            "1 1 UDP 1 192.0.2.1 0 typ host",
            "1 1 UDP 1 192.0.2.1 70000 typ host",
            "1 1 UDP 1 192.0.2.1 4000",
            "",
        ] {
            assert_eq!(parsed(line), None, "{line}");
        }
        let hidden = parsed("2 1 UDP 1 192.0.2.3 45664 typ srflx raddr 0.0.0.0 rport 0").unwrap();
        assert_eq!(hidden.base, None);
    }

    #[test]
    fn fragments_of_user_names_are_as_long_as_the_standard_says() {
        assert_eq!(fragment(b"8hhY"), Some(&b"8hhY"[..]));
        assert_eq!((fragment(b"8hh"), fragment(b"8hh:Y"), fragment(&[b'a'; 257])), (None, None, None));
    }
}
