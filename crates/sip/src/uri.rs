use nom::Parser;
use nom::bytes::complete::{tag, take_while1};
use nom::combinator::recognize;

use crate::lex::{Lexed, Params, trim};

/// A URI, split as in RFC 3261 section 19.1; nothing is unescaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uri<'a> {
    /// The whole URI as spelled.
    pub text: &'a [u8],
    /// `sip`, `sips`, `tel`... as spelled.
    pub scheme: &'a [u8],
    /// The text before `@` without the password; for `tel` the number. Empty if missing.
    pub user: &'a [u8],
    /// The host, with the brackets of IPv6; empty for schemes without hosts.
    pub host: &'a [u8],
    /// The port as spelled.
    pub port: Option<&'a [u8]>,
    /// The URI's own parameters.
    pub params: Params<'a>,
    /// The text after `?`.
    pub headers: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Reads a URI; none if it has no scheme and colon.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (rest, scheme) = scheme(text).ok()?;
        let scheme = scheme.get(..scheme.len().saturating_sub(1))?;
        let none = &[][..];
        if scheme.eq_ignore_ascii_case(b"tel") {
            let at = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let (user, params) = rest.split_at_checked(at)?;
            let params = Params::new(params);
            return Some(Self { text, scheme, user, host: none, port: None, params, headers: None });
        }
        // The user part may hold ';' and '?', so '@' is searched first (RFC 4475 section 3.1.1.9).
        let (userinfo, hostpart) = match memchr::memchr(b'@', rest) {
            Some(at) => (rest.get(..at)?, rest.get(at + 1..)?),
            None => (none, rest),
        };
        let user = userinfo.split(|b| *b == b':').next().unwrap_or(none);
        let (hostpart, headers) = match memchr::memchr(b'?', hostpart) {
            Some(at) => (hostpart.get(..at)?, hostpart.get(at + 1..)),
            None => (hostpart, None),
        };
        let at = memchr::memchr(b';', hostpart).unwrap_or(hostpart.len());
        let (hostport, params) = hostpart.split_at_checked(at)?;
        let (host, port) = host_port(trim(hostport));
        Some(Self { text, scheme, user, host, port, params: Params::new(params), headers })
    }

    /// True for the schemes that SIP routes by: sip, sips and tel.
    #[must_use]
    pub fn is_telephony(&self) -> bool {
        [&b"sip"[..], b"sips", b"tel"].iter().any(|s| self.scheme.eq_ignore_ascii_case(s))
    }
}

/// Splits `host:port`; the host keeps the brackets of IPv6.
pub(crate) fn host_port(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let host_end = match text.first() {
        Some(b'[') => memchr::memchr(b']', text).map_or(text.len(), |at| at + 1),
        _ => memchr::memchr(b':', text).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(host_end).unwrap_or((text, &[]));
    (trim(host), rest.strip_prefix(b":").map(trim))
}

/// `scheme:` of RFC 3986 section 3.1, colon included.
fn scheme(input: &[u8]) -> Lexed<'_, &[u8]> {
    let letters = take_while1(|b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    recognize((letters, tag(&b":"[..]))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, String, Option<String>) {
        let uri = Uri::parse(text.as_bytes()).unwrap();
        let s = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (s(uri.scheme), s(uri.user), s(uri.host), uri.port.map(s))
    }

    #[test]
    fn user_may_hold_semicolons_and_passwords_are_left_out() {
        assert_eq!(
            parts("sip:user;par=u%40example.net@example.com"),
            ("sip".into(), "user;par=u%40example.net".into(), "example.com".into(), None)
        );
        assert_eq!(parts("sips:a:pw@[2001:db8::9]:5061;lr").2, "[2001:db8::9]");
        assert_eq!(parts("sips:a:pw@[2001:db8::9]:5061;lr").3.as_deref(), Some("5061"));
        assert_eq!(parts("sips:a:pw@h").1, "a");
        assert_eq!(parts("tel:+1-201-555-0123;phone-context=x").1, "+1-201-555-0123");
    }

    #[test]
    fn text_without_a_scheme_is_no_uri() {
        assert_eq!(Uri::parse(b"user@host"), None);
        assert_eq!(Uri::parse(b""), None);
        assert_eq!(Uri::parse(b"<sip:a@b>"), None);
    }
}
