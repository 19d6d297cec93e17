use crate::lex::{Params, Split, is_lws, is_token, quoted_end, trim};
use crate::{Defect, Defects, Uri};

/// `name-addr` or `addr-spec` with its header parameters (RFC 3261 section 20.10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address<'a> {
    /// The display name as spelled, quotes included; empty if there is none.
    pub display: &'a [u8],
    /// True if the URI stands in angle brackets.
    pub bracketed: bool,
    /// The URI; `None` for `*` or unparsable text.
    pub uri: Option<Uri<'a>>,
    /// The text at the position of the URI.
    pub target: &'a [u8],
    /// The parameters of the header, not of the URI.
    pub params: Params<'a>,
    /// Defects of the address.
    pub defects: Defects,
}

impl<'a> Address<'a> {
    /// Reads one address. The parser is total: text that does not parse is recorded in `defects`.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        let value = trim(value);
        let mut defects = Defects::NONE;
        let open = if value.first() == Some(&b'"') {
            match quoted_end(value) {
                Some(end) => memchr::memchr(b'<', value.get(end..).unwrap_or_default()).map(|at| at + end),
                None => {
                    defects.add(Defect::UnterminatedQuote);
                    memchr::memchr(b'<', value)
                }
            }
        } else {
            memchr::memchr(b'<', value)
        };
        let Some((display, inside)) = open
            .and_then(|at| value.split_at_checked(at))
            .map(|(d, rest)| (d, rest.get(1..).unwrap_or_default()))
        else {
            return Self::bare(value, defects);
        };
        let display = trim(display);
        if !display.starts_with(b"\"") && !display.iter().all(|b| is_token(*b) || is_lws(*b)) {
            defects.add(Defect::BadDisplayName);
        }
        let close = memchr::memchr(b'>', inside).unwrap_or(inside.len());
        let (target, rest) = inside.split_at_checked(close).unwrap_or((inside, &[]));
        if target.iter().any(|b| is_lws(*b)) {
            defects.add(Defect::SpaceInAddress);
        }
        let params = Params::new(trim(rest.get(1..).unwrap_or_default()));
        let target = trim(target);
        Self { display, bracketed: true, uri: Uri::parse(target), target, params, defects }
    }

    /// Reads an address without brackets, in which every parameter belongs to the header (RFC 3261 section
    /// 20).
    fn bare(value: &'a [u8], mut defects: Defects) -> Self {
        let at = memchr::memchr(b';', value).unwrap_or(value.len());
        let (target, params) = value.split_at_checked(at).unwrap_or((value, &[]));
        let target = trim(target);
        let uri = Uri::parse(target);
        if uri.is_some_and(|u| u.headers.is_some()) {
            defects.add(Defect::UnbracketedUri);
        }
        Self { display: &[], bracketed: false, uri, target, params: Params::new(params), defects }
    }

    /// The value of the `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.get("tag").and_then(|p| p.value)
    }

    /// The user part of the URI; empty if there is none.
    #[must_use]
    pub fn user(&self) -> &'a [u8] {
        self.uri.map_or(&[], |uri| uri.user)
    }
}

/// The tag of a From or To value, found without parsing the rest of the value.
#[must_use]
pub fn tag_of(value: &[u8]) -> Option<&[u8]> {
    // Every parameter behind the closing bracket, or behind a URI without brackets, belongs to the header.
    let at = memchr::memrchr(b'>', value).map(|at| at + 1).or_else(|| memchr::memchr(b';', value))?;
    Params::new(value.get(at..)?).get("tag").and_then(|tag| tag.value)
}

/// Iterator over the addresses of a list header such as Contact.
#[derive(Clone)]
pub struct Addresses<'a>(Split<'a>);

impl<'a> Iterator for Addresses<'a> {
    type Item = Address<'a>;

    fn next(&mut self) -> Option<Address<'a>> {
        self.0.next().map(Address::parse)
    }
}

/// The comma-separated addresses of a value.
#[must_use]
pub const fn addresses(value: &[u8]) -> Addresses<'_> {
    Addresses(Split::new(value, b','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_inside_brackets_belong_to_the_uri() {
        let a = Address::parse(br#""Bob, \"B\" <x>" <sip:bob@h;transport=tcp>;tag=1;q=.3"#);
        assert_eq!((a.user(), a.tag()), (&b"bob"[..], Some(&b"1"[..])));
        assert_eq!(a.uri.unwrap().params.get("transport").unwrap().value, Some(&b"tcp"[..]));
        assert!(a.defects.is_empty());
    }

    #[test]
    fn parameters_without_brackets_belong_to_the_header() {
        let a = Address::parse(b"sip:bob@h;tag=abc");
        assert_eq!(a.tag(), Some(&b"abc"[..]));
        assert_eq!(a.uri.unwrap().params.iter().count(), 0);
    }

    #[test]
    fn the_tag_alone_is_the_tag_of_the_whole() {
        for value in [
            "\"A > b\" <sip:a@b;tag=no>;x=1;tag=yes",
            "sip:a@b;tag=yes",
            "<sip:a@b> ; TAG = yes ;z",
            "<sip:a@b>",
            "sip:a@b",
        ] {
            assert_eq!(tag_of(value.as_bytes()), Address::parse(value.as_bytes()).tag(), "{value}");
        }
    }

    #[test]
    fn an_open_quote_is_named_and_the_address_still_read() {
        let a = Address::parse(br#""Mr. J. User <sip:j.user@example.com>"#);
        assert!(a.defects.has(Defect::UnterminatedQuote));
        assert_eq!(a.user(), b"j.user");
    }
}
