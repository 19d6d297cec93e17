//! The lexical elements of header values (RFC 3261 section 25.1), as nom parsers over borrowed bytes.

use nom::bytes::complete::{take_while, take_while1};
use nom::{IResult, Parser};

/// Result of a value parser: the rest and the parsed part, both borrowed.
pub(crate) type Lexed<'a, T> = IResult<&'a [u8], T>;

/// White space, including line ends of folding (LWS and SWS of the RFC).
pub(crate) const fn is_lws(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// Table of `token` characters, because every octet of every header name is checked.
static TOKEN: [bool; 256] = token_table();

#[expect(clippy::indexing_slicing, reason = "evaluated when compiling: out of bounds would not build")]
const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let mut octet = 0_u8;
    loop {
        table[octet as usize] = octet.is_ascii_alphanumeric()
            || matches!(octet, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        if octet == u8::MAX {
            return table;
        }
        octet += 1;
    }
}

/// True for a `token` character.
#[expect(clippy::indexing_slicing, reason = "an octet is always within a table of 256")]
pub(crate) fn is_token(octet: u8) -> bool {
    TOKEN[usize::from(octet)]
}

/// The bytes without white space at either end.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && *first <= b' '
        && is_lws(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && *last <= b' '
        && is_lws(*last)
    {
        bytes = rest;
    }
    bytes
}

pub(crate) fn sws(input: &[u8]) -> Lexed<'_, &[u8]> {
    take_while(is_lws).parse(input)
}

pub(crate) fn token(input: &[u8]) -> Lexed<'_, &[u8]> {
    take_while1(is_token).parse(input)
}

/// Limit of escapes in one quoted string; a string with more counts as unterminated.
const MAX_ESCAPES: usize = 256;

/// The offset behind the closing quote of the quoted string that starts at `bytes[0]`, if there is one.
pub(crate) fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    for _ in 0..=MAX_ESCAPES {
        let next = at + memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(next) {
            Some(b'"') => return Some(next + 1),
            _ => at = next + 2,
        }
    }
    None
}

/// Parses decimal digits only; none if other text is present or the number has more than 19 digits.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 19 {
        return None;
    }
    bytes.iter().try_fold(0_u64, |acc, b| b.is_ascii_digit().then(|| acc * 10 + u64::from(b - b'0')))
}

/// The parts of a value between white space.
pub(crate) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| is_lws(*b)).filter(|w| !w.is_empty())
}

/// Limit of separators, quotes and brackets examined in one value. Each costs as much as about thirty octets
/// of text, and no real header has several hundred addresses.
const MAX_STOPS: u16 = 256;

/// Splits at a `separator` outside quotes and angle brackets. An unclosed quote or bracket is treated as
/// text.
///
/// At most [`MAX_STOPS`] positions are examined; the text behind them is returned in one piece.
#[derive(Clone)]
pub(crate) struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
    stops: u16,
    /// True after an unclosed quote. A later quote is unclosed too, because only an escape can hide a quote
    /// from this one.
    has_open_quote: bool,
    /// True after an unclosed bracket.
    has_open_bracket: bool,
}

impl<'a> Split<'a> {
    pub(crate) const fn new(value: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(value), separator, stops: 0, has_open_quote: false, has_open_bracket: false }
    }

    /// True if a value has more positions than the limit.
    pub(crate) fn is_too_long(value: &'a [u8], separator: u8) -> bool {
        let mut split = Self::new(value, separator);
        value.len() > usize::from(MAX_STOPS) && split.by_ref().count() > 0 && split.stops >= MAX_STOPS
    }

    /// The next position to examine.
    #[inline]
    fn stop(&self, ahead: &[u8]) -> Option<usize> {
        if !self.has_open_quote && !self.has_open_bracket {
            return memchr::memchr3(self.separator, b'"', b'<', ahead);
        }
        self.stop_behind_open(ahead)
    }

    #[cold]
    fn stop_behind_open(&self, ahead: &[u8]) -> Option<usize> {
        match (self.has_open_quote, self.has_open_bracket) {
            (true, true) => memchr::memchr(self.separator, ahead),
            (true, false) => memchr::memchr2(self.separator, b'<', ahead),
            _ => memchr::memchr2(self.separator, b'"', ahead),
        }
    }

    /// Marks the quote or bracket as unclosed; it is treated as text.
    #[cold]
    fn is_open(&mut self, octet: u8) -> usize {
        *(if octet == b'"' { &mut self.has_open_quote } else { &mut self.has_open_bracket }) = true;
        1
    }
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut at = 0;
        while self.stops < MAX_STOPS
            && let Some(ahead) = rest.get(at..)
            && let Some(found) = self.stop(ahead)
        {
            self.stops += 1;
            at += found;
            match ahead.get(found) {
                Some(b'"') => at += rest.get(at..).and_then(quoted_end).unwrap_or_else(|| self.is_open(b'"')),
                Some(b'<') => {
                    let closed = rest.get(at..).and_then(|rest| memchr::memchr(b'>', rest));
                    at += closed.map_or_else(|| self.is_open(b'<'), |end| end + 1);
                }
                _ => {
                    let (part, tail) = rest.split_at_checked(at)?;
                    self.rest = tail.get(1..);
                    return Some(trim(part));
                }
            }
        }
        self.rest = None;
        Some(trim(rest))
    }
}

/// The comma-separated values of a header without white space; commas in quotes and brackets do not separate.
pub fn comma_values(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    Split::new(value, b',')
}

/// One `;name=value` parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Param<'a> {
    /// The name as spelled.
    pub name: &'a [u8],
    /// The value as spelled, quotes included; none for a flag parameter.
    pub value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// The value without its quotes.
    #[must_use]
    pub fn unquoted(&self) -> Option<&'a [u8]> {
        let value = self.value?;
        Some(value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value))
    }
}

/// The parameters behind a value, in wire order. Iteration skips empty parameters (`;;`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// Takes the text behind the value: empty, or starting with `;`.
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// The text as spelled.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Every parameter with a name.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        self.places().flatten()
    }

    /// The first parameter with the name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|p| p.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// True if an empty parameter is present (`;;`).
    pub(crate) fn has_empty_place(&self) -> bool {
        let text = trim(self.0);
        // Consecutive separators are rare, so this check runs before the split.
        let is_suspect = memchr::memchr_iter(b';', text).any(|at| {
            let rest = trim(text.get(at + 1..).unwrap_or_default());
            rest.is_empty() || rest.starts_with(b";")
        });
        is_suspect && self.places().any(|p| p.is_none())
    }

    fn places(&self) -> impl Iterator<Item = Option<Param<'a>>> + use<'a> {
        let text = trim(self.0);
        let inner = text.strip_prefix(b";");
        inner.into_iter().flat_map(|inner| Split::new(inner, b';')).map(|part| {
            let (name, value) = match memchr::memchr(b'=', part) {
                Some(at) => (part.get(..at)?, part.get(at + 1..)),
                None => (part, None),
            };
            let name = trim(name);
            (!name.is_empty()).then(|| Param { name, value: value.map(trim) })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let values: Vec<_> = comma_values(br#""a, \", b" <sip:x,y@z>;q=1 , sip:c@d,"#).collect();
        assert_eq!(values, [&br#""a, \", b" <sip:x,y@z>;q=1"#[..], b"sip:c@d", b""]);
    }

    #[test]
    fn a_quote_or_bracket_that_nothing_closes_is_text() {
        let split = |value: &'static str| -> Vec<&[u8]> { comma_values(value.as_bytes()).collect() };
        assert_eq!(split(r#""a\",b,c"#), [&br#""a\""#[..], b"b", b"c"]);
        assert_eq!(split("<a,<b,c"), [&b"<a"[..], b"<b", b"c"]);
        assert_eq!(split("<a,b>,<c,d"), [&b"<a,b>"[..], b"<c", b"d"]);
    }

    #[test]
    fn of_a_value_without_end_only_the_beginning_is_split() {
        let value = b"a,".repeat(10_000);
        let parts: Vec<_> = comma_values(&value).collect();
        assert_eq!((parts.len(), parts[0], parts[255]), (257, &b"a"[..], &b"a"[..]));
        assert_eq!(parts[256].len(), value.len() - 512);
        assert!(Split::is_too_long(&value, b',') && !Split::is_too_long(&value[..400], b','));
    }

    #[test]
    fn parameters_keep_order_spelling_and_empty_places() {
        let params = Params::new(b" ; rport;Branch = z9 ;; q=\"a;b\"");
        let names: Vec<_> = params.iter().map(|p| p.name).collect();
        assert_eq!(names, [&b"rport"[..], b"Branch", b"q"]);
        assert_eq!(params.get("branch").and_then(|p| p.value), Some(&b"z9"[..]));
        assert_eq!(params.get("q").and_then(|p| p.unquoted()), Some(&b"a;b"[..]));
        assert!(params.has_empty_place());
        assert!(!Params::new(b";a;b=1").has_empty_place());
    }
}
