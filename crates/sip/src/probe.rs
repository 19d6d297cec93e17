use crate::lex::is_token;
use crate::message::{next_line, skip_empty_lines};
use crate::{Method, header::LineEnd};

/// The certainty of a probe result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The bytes start with a SIP start line.
    Certain,
    /// The bytes start like a start line, but it is cut off or its version is unknown.
    Unsure,
    /// The bytes are not SIP.
    NotOurs,
}

/// Tests if bytes start with a SIP message. Ports are not considered: the start line identifies SIP.
///
/// The start lines of SSDP, RTSP and HTTP have the same shape, and the version distinguishes them.
#[must_use]
pub fn probe(bytes: &[u8]) -> Verdict {
    let text = skip_empty_lines(bytes);
    // The cheapest test comes first: most datagrams are media, and no media packet starts with a letter.
    if !text.first().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'!' | b'%')) {
        return Verdict::NotOurs;
    }
    let (line, end, _) = next_line(text);
    if let Some(rest) = strip_prefix_ignore_case(line, b"SIP/") {
        return match rest {
            [b'2', b'.', b'0', b' ', a, b, c, ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => {
                Verdict::Certain
            }
            _ if end == LineEnd::None
                && rest.len() < 7
                && (b"2.0 ".starts_with(rest) || rest.starts_with(b"2.0 ")) =>
            {
                Verdict::Unsure
            }
            [b'0'..=b'9', ..] => Verdict::Unsure,
            _ => Verdict::NotOurs,
        };
    }
    let Some(space) = memchr::memchr2(b' ', b'\t', line) else { return Verdict::NotOurs };
    let token = line.get(..space).unwrap_or_default();
    if !token.iter().all(|b| is_token(*b)) {
        return Verdict::NotOurs;
    }
    let trimmed = line.trim_ascii_end();
    let version =
        trimmed.get(memchr::memrchr2(b' ', b'\t', trimmed).map_or(0, |at| at + 1)..).unwrap_or_default();
    if version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Verdict::Certain;
    }
    // An unknown SIP version still identifies SIP, as in responses.
    if strip_prefix_ignore_case(version, b"SIP/").is_some_and(|v| v.first().is_some_and(u8::is_ascii_digit)) {
        return Verdict::Unsure;
    }
    // The line is cut off before the version: only a known method with a SIP URI justifies a guess.
    let uri = line.get(space + 1..).unwrap_or_default();
    let known = Method::from_token(token) != Method::Other;
    let sip_uri =
        [&b"sip:"[..], b"sips:", b"tel:"].iter().any(|s| strip_prefix_ignore_case(uri, s).is_some());
    if end == LineEnd::None && known && sip_uri { Verdict::Unsure } else { Verdict::NotOurs }
}

fn strip_prefix_ignore_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sip_is_told_from_its_neighbours() {
        for certain in [
            "INVITE sip:a@b SIP/2.0\r\n",
            "\r\n\r\nSIP/2.0 200 OK\r\n",
            "OPTIONS sip:a@b SIP/2.0  \r\n",
            "!interesting-Method0123456789_*+`.%indeed'~ sip:1@2 SIP/2.0\r\n",
        ] {
            assert_eq!(probe(certain.as_bytes()), Verdict::Certain, "{certain}");
        }
        for other in [
            "M-SEARCH * HTTP/1.1\r\n",
            "NOTIFY * HTTP/1.1\r\n",
            "OPTIONS rtsp://h/ RTSP/1.0\r\n",
            "GET / HTTP/1.1\r\n",
            "SIPHON is a word\r\n",
            "SIP/x",
            "\r\n\r\n",
            "",
            "INFO about nothing in particular",
            "INVITE sip:a@b SIP/x.0\r\n",
        ] {
            assert_eq!(probe(other.as_bytes()), Verdict::NotOurs, "{other}");
        }
        for unsure in ["INVITE sip:alice@exam", "OPTIONS sip:a@b SIP/7.0\r\n", "SIP/2.0 2"] {
            assert_eq!(probe(unsure.as_bytes()), Verdict::Unsure, "{unsure}");
        }
    }
}
