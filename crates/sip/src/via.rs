use nom::Parser;
use nom::bytes::complete::take_while1;
use nom::character::complete::char as octet;

use crate::lex::{Lexed, Params, is_lws, sws, token, trim};
use crate::uri::host_port;

/// One Via value (RFC 3261 section 20.42).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    /// `SIP`.
    pub protocol: &'a [u8],
    /// `2.0`.
    pub version: &'a [u8],
    /// `UDP`, as spelled.
    pub transport: &'a [u8],
    /// The host of sent-by.
    pub host: &'a [u8],
    /// The port of sent-by, if written.
    pub port: Option<&'a [u8]>,
    /// Parameters in wire order.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value; none if it does not parse.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (rest, (protocol, version, transport)) = sent_protocol(value).ok()?;
        let at = memchr::memchr(b';', rest).unwrap_or(rest.len());
        let (sent_by, params) = rest.split_at_checked(at)?;
        let (host, port) = host_port(trim(sent_by));
        if host.is_empty() || host.iter().any(|b| is_lws(*b)) {
            return None;
        }
        Some(Self { protocol, version, transport, host, port, params: Params::new(params) })
    }

    /// The branch parameter.
    #[must_use]
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.get("branch").and_then(|p| p.value)
    }
}

/// Reads `SIP / 2.0 / UDP` and the white space behind it.
fn sent_protocol(input: &[u8]) -> Lexed<'_, (&[u8], &[u8], &[u8])> {
    let slash = |input| (sws, octet('/'), sws).map(|_| ()).parse(input);
    let (rest, (_, protocol, (), version, (), transport)) =
        (sws, token, slash, token, slash, token).parse(input)?;
    let (rest, _) = take_while1(is_lws).parse(rest)?;
    Ok((rest, (protocol, version, transport)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_slashes_and_colon_is_allowed() {
        let via = Via::parse(b"SIP  / 2.0\r\n /UDP\r\n    192.0.2.2 : 5060;rport;branch=390skdjuw").unwrap();
        assert_eq!((via.transport, via.host, via.port), (&b"UDP"[..], &b"192.0.2.2"[..], Some(&b"5060"[..])));
        assert_eq!(via.branch(), Some(&b"390skdjuw"[..]));
    }

    #[test]
    fn a_value_without_sent_by_is_none() {
        assert_eq!(Via::parse(b"SIP/2.0/UDP ;branch=z9hG4bK1"), None);
        assert_eq!(Via::parse(b"192.0.2.15;;,;,,"), None);
    }
}
