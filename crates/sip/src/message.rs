use smallvec::SmallVec;

use crate::header::{Header, LineEnd, Name};
use crate::lex::{is_lws, is_token, number, trim};
use crate::{Address, Addresses, Defect, Defects, Method, Via, addresses, comma_values};

/// Limit of header lines per message. Real messages have 10 to 40; the limit bounds the cost of a flood.
const MAX_HEADERS: usize = 256;

/// Limit of list header lines of one name, and of their values in total. A request may pass 70 proxies (RFC
/// 3261 section 8.1.1.6), and each proxy adds a line.
pub(crate) const MAX_LISTS: usize = 72;
const MAX_VALUES: usize = 256;

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartLine<'a> {
    /// A request.
    Request {
        /// The known method.
        method: Method,
        /// The method as spelled.
        token: &'a [u8],
        /// The Request-URI as spelled.
        uri: &'a [u8],
        /// `SIP/2.0`, as spelled.
        version: &'a [u8],
    },
    /// A response.
    Status {
        /// `SIP/2.0`, as spelled.
        version: &'a [u8],
        /// The status code; 0 if it is not a number below 1000.
        code: u16,
        /// The reason phrase as spelled.
        reason: &'a [u8],
    },
    /// Any other line.
    Unknown(&'a [u8]),
}

/// The CSeq header (RFC 3261 section 20.16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CSeq<'a> {
    /// The sequence number.
    pub number: u32,
    /// The known method.
    pub method: Method,
    /// The method as spelled.
    pub token: &'a [u8],
}

/// The values that every analysis step needs, parsed once.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Call-ID, if it is not empty.
    pub call_id: Option<&'a [u8]>,
    /// CSeq, if it parses.
    pub cseq: Option<CSeq<'a>>,
    /// From.
    pub from: Option<Address<'a>>,
    /// To.
    pub to: Option<Address<'a>>,
    /// The topmost Via, if it parses.
    pub top_via: Option<Via<'a>>,
}

impl<'a> Parts<'a> {
    /// The tag of From; empty if there is none (RFC 2543).
    #[must_use]
    pub fn from_tag(&self) -> &'a [u8] {
        self.from.and_then(|a| a.tag()).unwrap_or_default()
    }

    /// The tag of To, if present.
    #[must_use]
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.to.and_then(|a| a.tag()).filter(|tag| !tag.is_empty())
    }
}

/// One SIP message, borrowed from the captured bytes.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    start: StartLine<'a>,
    headers: SmallVec<[Header<'a>; 32]>,
    body: &'a [u8],
    raw: &'a [u8],
    defects: Defects,
}

impl<'a> Message<'a> {
    /// Reads a message. The parser is total: deviations from the grammar are recorded in
    /// [`Message::defects`].
    ///
    /// This function finds the structural defects; [`Message::examine`] adds those of the values.
    #[must_use]
    pub fn parse(raw: &'a [u8]) -> Self {
        let mut defects = Defects::NONE;
        let text = skip_empty_lines(raw);
        if text.len() < raw.len() {
            defects.add(Defect::LeadingEmptyLines);
        }
        let (line, line_end, mut rest) = next_line(text);
        line_end_defect(line_end, &mut defects);
        let start = start_line(line, &mut defects);
        let mut headers: SmallVec<[Header<'a>; 32]> = SmallVec::new();
        // True if the previous line was a kept header that a folded line can continue.
        let mut continuable = false;
        loop {
            if rest.is_empty() {
                defects.add(Defect::MissingBlankLine);
                break;
            }
            let (line, line_end, after) = next_line(rest);
            line_end_defect(line_end, &mut defects);
            if line.is_empty() && line_end != LineEnd::None {
                rest = after;
                break;
            }
            if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
                let last = if continuable { headers.last_mut() } else { None };
                continue_header(last, raw, line, line_end, &mut defects);
            } else if headers.len() < MAX_HEADERS {
                let header = header(line, line_end, &mut defects);
                continuable = header.is_some();
                if let Some(header) = header {
                    headers.push(header);
                }
            } else {
                continuable = false;
                defects.add(Defect::TooManyHeaders);
            }
            rest = after;
        }
        let head = raw.len() - rest.len();
        if has_bare_nul(raw.get(..head).unwrap_or(raw)) {
            defects.add(Defect::NulByte);
        }
        let mut message = Self { start, headers, body: rest, raw, defects };
        message.bound_body();
        message
    }

    /// The first line.
    #[must_use]
    pub const fn start(&self) -> StartLine<'a> {
        self.start
    }

    /// Every header in wire order.
    #[must_use]
    pub fn headers(&self) -> &[Header<'a>] {
        &self.headers
    }

    /// The content behind the empty line, limited to Content-Length.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The whole message as captured.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// All defects found so far.
    #[must_use]
    pub const fn defects(&self) -> Defects {
        self.defects
    }

    /// Examines the values too, and returns all defects.
    pub fn examine(&mut self) -> Defects {
        let parts = self.parts();
        self.examine_with(&parts)
    }

    /// Like [`Self::examine`], with parts that are parsed already.
    pub fn examine_with(&mut self, parts: &Parts<'a>) -> Defects {
        self.defects = self.defects.union(crate::examine::value_defects(self, parts));
        self.defects
    }

    /// Parses the values that every analysis step needs.
    #[must_use]
    pub fn parts(&self) -> Parts<'a> {
        Parts {
            call_id: self.call_id(),
            cseq: self.cseq(),
            from: self.from(),
            to: self.to(),
            top_via: self.vias().next().flatten(),
        }
    }

    /// The method of a request.
    #[must_use]
    pub const fn method(&self) -> Option<Method> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Status { .. } | StartLine::Unknown(_) => None,
        }
    }

    /// The code of a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Status { code, .. } => Some(code),
            StartLine::Request { .. } | StartLine::Unknown(_) => None,
        }
    }

    /// The headers with the name, in wire order.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &Header<'a>> {
        self.headers.iter().filter(move |h| h.name == name)
    }

    /// The first value of the name.
    #[must_use]
    pub fn get(&self, name: Name) -> Option<&'a [u8]> {
        self.headers.iter().find(|h| h.name == name).map(|h| h.value)
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> Option<&'a [u8]> {
        self.get(Name::CallId).filter(|v| !v.is_empty())
    }

    /// The CSeq, if it parses.
    #[must_use]
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        let mut words = self.get(Name::CSeq)?.split(|b| is_lws(*b)).filter(|w| !w.is_empty());
        let number = u32::try_from(number(words.next()?)?).ok()?;
        let token = words.next()?;
        Some(CSeq { number, method: Method::from_token(token), token })
    }

    /// The From address.
    #[must_use]
    pub fn from(&self) -> Option<Address<'a>> {
        self.get(Name::From).map(Address::parse)
    }

    /// The To address.
    #[must_use]
    pub fn to(&self) -> Option<Address<'a>> {
        self.get(Name::To).map(Address::parse)
    }

    /// Every Contact, over all Contact headers.
    pub fn contacts(&self) -> impl Iterator<Item = Address<'a>> {
        let lists = self.all(Name::Contact).take(MAX_LISTS).map(|h| addresses(h.value));
        lists.flat_map(|list: Addresses<'a>| list).take(MAX_VALUES)
    }

    /// The Via values from the top down, 256 at most; `None` for each value that does not parse.
    pub fn vias(&self) -> impl Iterator<Item = Option<Via<'a>>> {
        let values = self.all(Name::Via).take(MAX_LISTS).flat_map(|h| comma_values(h.value));
        values.take(MAX_VALUES).map(Via::parse)
    }

    /// The last Via value, added by the originator of the request. None if it is missing or does not parse.
    #[must_use]
    pub fn own_via(&self) -> Option<Via<'a>> {
        let value = self.headers.iter().rfind(|h| h.name == Name::Via)?.value;
        match memchr::memchr(b',', value) {
            None => Via::parse(value),
            Some(_) => comma_values(value).last().and_then(Via::parse),
        }
    }

    /// The value of Expires in seconds.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        self.get(Name::Expires).and_then(number).and_then(|n| u32::try_from(n).ok())
    }

    /// Cuts the body to Content-Length (RFC 3261 section 18.3), or records the defect that prevents it.
    fn bound_body(&mut self) {
        let mut lengths = self.headers.iter().filter(|h| h.name == Name::ContentLength).map(|h| h.value);
        let Some(first) = lengths.next() else { return };
        if lengths.any(|other| other != first) {
            self.defects.add(Defect::ConflictingContentLength);
            return;
        }
        let Some(length) = number(first) else {
            self.defects.add(Defect::BadContentLength);
            return;
        };
        match usize::try_from(length).ok().and_then(|length| self.body.split_at_checked(length)) {
            None => self.defects.add(Defect::BodyShort),
            Some((body, extra)) => {
                if !extra.is_empty() {
                    self.defects.add(Defect::TrailingOctets);
                }
                self.body = body;
            }
        }
    }
}

/// Splits off the first line: its text, its line end, and the rest.
pub(crate) fn next_line(text: &[u8]) -> (&[u8], LineEnd, &[u8]) {
    let Some(at) = memchr::memchr(b'\n', text) else { return (text, LineEnd::None, &[]) };
    let (line, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
    let rest = rest.get(1..).unwrap_or_default();
    match line {
        [line @ .., b'\r', b'\r'] => (without_returns(line), LineEnd::CrCrLf, rest),
        [line @ .., b'\r'] => (line, LineEnd::CrLf, rest),
        _ => (line, LineEnd::Lf, rest),
    }
}

/// The line without trailing CRs, of which some implementations write several.
#[cold]
fn without_returns(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|octet| *octet != b'\r').map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

/// True if a line, line end included, is empty and therefore ends the headers.
pub(crate) fn is_empty_line(line: &[u8]) -> bool {
    matches!(line, [b'\r' | b'\n', ..])
        && matches!(line, [returns @ .., b'\n'] if returns.iter().all(|b| *b == b'\r'))
}

fn line_end_defect(end: LineEnd, defects: &mut Defects) {
    match end {
        LineEnd::Lf => defects.add(Defect::BareLineFeed),
        LineEnd::CrCrLf => defects.add(Defect::StrayCarriageReturn),
        LineEnd::CrLf | LineEnd::None => {}
    }
}

/// The text without leading CR and LF.
pub(crate) fn skip_empty_lines(mut text: &[u8]) -> &[u8] {
    while let [b'\r' | b'\n', rest @ ..] = text {
        text = rest;
    }
    text
}

/// Splits `Name : value`.
fn header<'a>(line: &'a [u8], line_end: LineEnd, defects: &mut Defects) -> Option<Header<'a>> {
    // Names are short: a check of each octet is faster here than a vectorised search.
    let Some(colon) = line.iter().position(|b| *b == b':') else {
        defects.add(Defect::LineWithoutColon);
        return None;
    };
    let (before, after) = line.split_at_checked(colon)?;
    let after = after.get(1..)?;
    let spelling = trim(before);
    let value = trim(after);
    if spelling.is_empty() || !spelling.iter().all(|b| is_token(*b)) {
        defects.add(Defect::BadHeaderName);
    }
    let leading =
        if value.is_empty() { after.len() } else { after.iter().take_while(|b| is_lws(**b)).count() };
    Some(Header {
        name: Name::from_spelling(spelling),
        spelling,
        value,
        space_before_colon: saturated(before.len() - spelling.len()),
        space_after_colon: saturated(leading),
        folded: false,
        line_end,
    })
}

/// True if a zero octet stands in the headers outside a quoted pair, where it is legal (RFC 4475 section
/// 3.1.1.2).
fn has_bare_nul(head: &[u8]) -> bool {
    memchr::memchr_iter(0, head).any(|at| at == 0 || head.get(at - 1) != Some(&b'\\'))
}

/// Extends the last header's value over a continuation line (RFC 3261 section 7.3.1).
fn continue_header<'a>(
    last: Option<&mut Header<'a>>,
    raw: &'a [u8],
    line: &'a [u8],
    line_end: LineEnd,
    defects: &mut Defects,
) {
    let Some(last) = last else {
        defects.add(Defect::OrphanFold);
        return;
    };
    last.folded = true;
    last.line_end = line_end;
    // A line of white space alone is skipped, so that the value is not trimmed again for each such line.
    let line = trim(line);
    if line.is_empty() {
        return;
    }
    // Both slices lie in `raw`, so the value only gets a later end. An empty value starts at the trimmed
    // line.
    let offset = |part: &[u8]| part.as_ptr().addr().saturating_sub(raw.as_ptr().addr());
    let line_start = offset(line);
    let start = if last.value.is_empty() { line_start } else { offset(last.value) };
    if let Some(value) = raw.get(start..line_start + line.len()) {
        last.value = value;
    }
}

fn saturated(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// Reads the start line and records deviations from `Method SP Request-URI SP SIP-Version`.
fn start_line<'a>(line: &'a [u8], defects: &mut Defects) -> StartLine<'a> {
    if line.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line, defects);
    }
    let text = trim(line);
    let first = memchr::memchr2(b' ', b'\t', text);
    let last = memchr::memrchr2(b' ', b'\t', text);
    let (Some(first), Some(last)) = (first, last) else {
        defects.add(Defect::StartLineMalformed);
        return StartLine::Unknown(line);
    };
    let token = text.get(..first).unwrap_or_default();
    let version = text.get(last + 1..).unwrap_or_default();
    let between = text.get(first..=last).unwrap_or_default();
    let uri = trim(between);
    if !version.get(..4).is_some_and(|p| p.eq_ignore_ascii_case(b"SIP/"))
        || uri.is_empty()
        || !token.iter().all(|b| is_token(*b))
    {
        defects.add(Defect::StartLineMalformed);
        return StartLine::Unknown(line);
    }
    if between.len() != uri.len() + 2 {
        defects.add(Defect::StartLineSpacing);
    }
    if text.len() < line.len() {
        defects.add(Defect::StartLineTrailing);
    }
    version_defect(version, defects);
    StartLine::Request { method: Method::from_token(token), token, uri, version }
}

fn status_line<'a>(line: &'a [u8], defects: &mut Defects) -> StartLine<'a> {
    let mut words = line.splitn(3, |b| *b == b' ');
    let version = words.next().unwrap_or_default();
    let code = words.next().unwrap_or_default();
    let reason = words.next().unwrap_or_else(|| {
        defects.add(Defect::StartLineSpacing);
        &[]
    });
    version_defect(version, defects);
    let code = number(code).filter(|n| *n < 1000).and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
    if !(100..700).contains(&code) {
        defects.add(Defect::BadStatusCode);
    }
    StartLine::Status { version, code, reason }
}

fn version_defect(version: &[u8], defects: &mut Defects) {
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        defects.add(Defect::UnsupportedVersion);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHORT: &[u8] = b"INVITE sip:bob@b.example SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bK1\r\nSubject :\r\n \t hi\r\n there\r\nCSeq: 7 INVITE\r\nl: 3\r\n\r\nabcde";

    #[test]
    fn order_spelling_folding_and_spacing_are_kept() {
        let m = Message::parse(SHORT);
        let spellings: Vec<_> = m.headers().iter().map(|h| h.spelling).collect();
        assert_eq!(spellings, [&b"v"[..], b"Subject", b"CSeq", b"l"]);
        let subject = m.all(Name::Subject).next().unwrap();
        assert_eq!((subject.value, subject.folded), (&b"hi\r\n there"[..], true));
        assert_eq!((subject.space_before_colon, subject.space_after_colon), (1, 0));
        assert_eq!(m.body(), b"abc");
        assert!(m.defects().has(Defect::TrailingOctets));
        assert_eq!(m.cseq().unwrap().number, 7);
    }

    #[test]
    fn bare_line_feeds_are_read_and_named() {
        let m = Message::parse(b"OPTIONS sip:a@b SIP/2.0\nCall-ID: 1\n\n");
        assert_eq!(m.call_id(), Some(&b"1"[..]));
        assert!(m.defects().has(Defect::BareLineFeed));
        assert!(!m.defects().has(Defect::MissingBlankLine));
    }

    #[test]
    fn several_carriage_returns_are_one_line_end_and_named() {
        let m = Message::parse(b"OPTIONS sip:a@b SIP/2.0\r\r\nCall-ID: 1\r\r\nl: 2\r\r\r\n\r\r\nab");
        assert_eq!((m.call_id(), m.body()), (Some(&b"1"[..]), &b"ab"[..]));
        assert!(m.defects().iter().eq([Defect::StrayCarriageReturn]), "{:?}", m.defects());
        // One line of that kind in a message without other defects.
        let m = Message::parse(b"SIP/2.0 200 OK\r\nCall-ID: 1\r\r\nCSeq: 7 INVITE\r\n\r\n");
        assert_eq!((m.status(), m.cseq().map(|cseq| cseq.number)), (Some(200), Some(7)));
        assert!(m.defects().has(Defect::StrayCarriageReturn));
    }

    proptest! {
        /// Any bytes parse, and every returned slice lies within them.
        #[test]
        fn parsing_is_total(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Message::parse(&bytes).examine();
        }

        /// Damage anywhere in a real message is tolerated.
        #[test]
        fn damaged_messages_parse(at in 0_usize..200, with in any::<u8>(), cut in 0_usize..200) {
            let mut bytes = SHORT.to_vec();
            let len = bytes.len();
            bytes[at % len] = with;
            bytes.truncate(cut.max(1));
            let mut m = Message::parse(&bytes);
            let _ = m.examine();
            let _ = (m.cseq(), m.from(), m.to(), m.vias().count(), m.contacts().count());
        }
    }
}
