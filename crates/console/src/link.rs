//! Addresses of pages.

use std::fmt::Write as _;

use bellwether_base::percent_decoded;

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(octet))
            }
            other => {
                // Writing to a string does not fail.
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

/// Decodes a percent-encoded text. Octets that are not UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str) -> String {
    String::from_utf8_lossy(&percent_decoded(text.as_bytes())).into_owned()
}

/// The page of one thing. Browsers remove dots as path segments, so such names stand in the query.
pub(crate) fn to(kind: &str, id: &str) -> String {
    if matches!(id, "" | "." | "..") {
        return with_query(&format!("/{kind}"), &[("id", id)]);
    }
    format!("/{kind}/{}", encode(id))
}

/// A path with a query.
pub(crate) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    for (i, (name, value)) in query.iter().enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        out.push_str(&encode(name));
        out.push('=');
        out.push_str(&encode(value));
    }
    out
}

/// A path of this console to return to. Other addresses become the first page.
pub(crate) fn local(path: &str) -> &str {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(|c: char| c == '\\' || c.is_control());
    if is_local { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_survives_its_address() {
        for name in ["a@b", "a/b?c#d", "100%", "%41", "ü\u{202e}\n", "..", ".", ""] {
            let address = to("call", name);
            let read = match address.split_once("?id=") {
                Some((_, id)) => decode(id),
                None => decode(address.strip_prefix("/call/").unwrap()),
            };
            assert_eq!(read, name, "{address}");
        }
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn only_a_path_of_the_console_is_returned_to() {
        assert_eq!(local("/calls?caller=a"), "/calls?caller=a");
        for elsewhere in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nb"] {
            assert_eq!(local(elsewhere), "/", "{elsewhere}");
        }
    }
}
