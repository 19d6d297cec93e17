//! Headers that several handlers read: media types and names of content.

use axum::http::{HeaderMap, HeaderName, header};

use crate::auth;

/// True if the body has a media type; parameters do not matter, nor does case (RFC 9110 section 8.3.1).
pub(crate) fn has_media_type(headers: &HeaderMap, name: &str) -> bool {
    let media = text(headers, header::CONTENT_TYPE).unwrap_or_default();
    media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(name)
}

/// The ETag of some content.
pub(crate) fn etag_of(content: &[u8]) -> String {
    format!("\"{}\"", auth::sha256(content).get(..32).unwrap_or_default())
}

/// True if the client has the content of an ETag (RFC 9110 section 13.1.2).
pub(crate) fn has_content(headers: &HeaderMap, etag: &str) -> bool {
    text(headers, header::IF_NONE_MATCH)
        .is_some_and(|known| known == "*" || known.split(',').any(|one| one.trim() == etag))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn media_types_and_etags_are_compared_as_the_rfc_says() {
        let mut headers = HeaderMap::new();
        assert!(!has_media_type(&headers, "application/json") && !has_content(&headers, "\"a\""));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("Application/JSON; charset=utf-8"));
        assert!(has_media_type(&headers, "application/json") && !has_media_type(&headers, "application/jso"));
        for (known, is_same) in [("\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"ab\"", false)] {
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(known));
            assert_eq!(has_content(&headers, "\"a\""), is_same, "{known}");
        }
    }
}
