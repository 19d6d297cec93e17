use crate::header::Name;
use crate::lex::{is_token, trim};
use crate::message::{is_empty_line, skip_empty_lines};
use crate::{Verdict, probe};

/// Size limit of a message framed from a stream. RFC 3261 sets no limit. Signed INVITEs with several
/// PASSporTs and SIPREC metadata stay below this one, and it bounds an endless header.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Size limit of a message's first line.
const LONGEST_FIRST_LINE: usize = 8192;

/// Size limit of a method.
const LONGEST_METHOD: usize = 64;

/// Size limit of a start line in the search after lost framing.
const LONGEST_START_LINE: usize = 2048;

/// The result of [`Framer::next`] for the unread octets of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framed {
    /// A whole message of `len` octets.
    Message {
        /// Octets of the message.
        len: usize,
    },
    /// The first `len` octets of a message longer than [`MAX_MESSAGE`]; the rest will be skipped.
    Cut {
        /// Octets kept of the message.
        len: usize,
    },
    /// Only line ends so far (keep-alives of RFC 5626 section 4.4.1).
    KeepAlive {
        /// Number of octets.
        len: usize,
    },
    /// Octets to skip: no part of a returned message.
    Pass {
        /// Number of octets.
        len: usize,
    },
    /// More octets are needed.
    Incomplete,
    /// No SIP message starts here.
    NotSip,
}

/// Splits a stream into messages by Content-Length (RFC 3261 section 18.3).
///
/// The framer remembers its search position, so segmentation does not change the cost of a stream. A message
/// without a usable Content-Length is taken to have no body, as there is no other way on. If several
/// Content-Length headers differ, the largest applies, so that no part of a possible body is read as a
/// message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Framer {
    place: Place,
}

/// The position of the first unread octet. All offsets count from this octet.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Between two messages.
    #[default]
    Start,
    /// In a first line. The first `searched` octets hold no line end.
    FirstLine { searched: usize },
    /// Among the headers of a message.
    Headers(Headers),
    /// In a header longer than [`MAX_MESSAGE`], within a message that is cut.
    LongHeader { content_length: u64 },
    /// At the start of a message with `head` octets of headers and `body` octets of body.
    Body { head: usize, body: u64 },
    /// In a body with `left` octets to skip.
    LongBody { left: u64 },
    /// In a line that starts no message; `is_first` for the first such line after a message.
    Line { is_first: bool },
    /// Behind such a line: at a start line, at a header to skip, or at another such line.
    BehindLine { searched: usize },
    /// At the start of a line, in search of a start line. The first `searched` octets hold no line end.
    Lost { searched: usize },
}

#[derive(Clone, Copy, Debug, Default)]
struct Headers {
    /// True if the message is too long and its first octets were returned already.
    is_long: bool,
    /// Start of the current header, and of its last line.
    header: usize,
    line: usize,
    /// Octets searched for the end of that line.
    searched: usize,
    content_length: u64,
}

impl Framer {
    /// The next step on `unread`.
    ///
    /// Unless the result is [`Framed::Incomplete`] or [`Framed::NotSip`], the caller removes its `len` octets
    /// from the front before the next call. Until then `unread` may only grow at its end.
    #[must_use]
    pub fn next(&mut self, unread: &[u8]) -> Framed {
        loop {
            let step = match self.place {
                Place::Start => self.start(unread),
                Place::FirstLine { searched } => self.first_line(unread, searched),
                Place::Headers(headers) => self.headers(unread, headers),
                Place::LongHeader { content_length } => self.long_header(unread, content_length),
                Place::Body { head, body } => self.body(unread, head, body),
                Place::LongBody { left } => self.long_body(unread, left),
                Place::Line { is_first } => self.line(unread, is_first),
                Place::BehindLine { searched } => self.behind_line(unread, searched),
                Place::Lost { searched } => self.lost(unread, searched),
            };
            if let Some(framed) = step {
                return framed;
            }
        }
    }

    /// Handles a gap of `octets` between the last removed octet and the first unread one; `None` if the length
    /// is unknown.
    ///
    /// A gap within a body keeps the framer in step, and text in the body is not read as a message. After any
    /// other gap the framer searches for the next start line, first at the front. Returns true if the framer
    /// stayed in step.
    pub fn torn(&mut self, octets: Option<u64>) -> bool {
        let whole = match self.place {
            Place::Body { head, body } => (head as u64).checked_add(body),
            Place::LongBody { left } => Some(left),
            _ => None,
        };
        let left = whole.zip(octets).and_then(|(whole, octets)| whole.checked_sub(octets));
        self.place = left.map_or(Place::Lost { searched: 0 }, |left| Place::LongBody { left });
        left.is_some()
    }

    /// Skips the line at the front, which starts no message. If headers follow, they and their body are
    /// skipped like those of a message.
    pub fn pass_line(&mut self) {
        self.place = Place::Line { is_first: true };
    }

    /// True within a message whose remaining octets are still to arrive.
    #[must_use]
    pub const fn is_within(&self) -> bool {
        matches!(
            self.place,
            Place::Headers(_) | Place::LongHeader { .. } | Place::Body { .. } | Place::LongBody { .. }
        )
    }

    fn start(&mut self, unread: &[u8]) -> Option<Framed> {
        let text = skip_empty_lines(unread);
        let empty = unread.len() - text.len();
        match (text.is_empty(), empty) {
            (true, 0) => Some(Framed::Incomplete),
            (true, len) => Some(Framed::KeepAlive { len }),
            (false, 0) => {
                self.place = Place::FirstLine { searched: 0 };
                None
            }
            (false, len) => Some(Framed::Pass { len }),
        }
    }

    fn first_line(&mut self, unread: &[u8], searched: usize) -> Option<Framed> {
        let is_known = begins_like_one(unread);
        let (place, framed) = match Line::at_front(unread, searched, LONGEST_FIRST_LINE) {
            Line::Whole(line) if is_known && probe(line) != Verdict::NotOurs => {
                let end = line.len();
                let headers = Headers { header: end, line: end, searched: end, ..Headers::default() };
                (Place::Headers(headers), None)
            }
            Line::Partial if is_known => {
                (Place::FirstLine { searched: unread.len() }, Some(Framed::Incomplete))
            }
            _ => (Place::Start, Some(Framed::NotSip)),
        };
        self.place = place;
        framed
    }

    fn headers(&mut self, unread: &[u8], mut at: Headers) -> Option<Framed> {
        loop {
            let end = line_end(unread, at.searched);
            // A long message is cut between two lines, independent of segmentation.
            if end.unwrap_or(unread.len()) > MAX_MESSAGE {
                return Some(self.cut_headers(unread, at));
            }
            let Some(end) = end else {
                self.place = Place::Headers(Headers { searched: unread.len(), ..at });
                return Some(Framed::Incomplete);
            };
            let line = unread.get(at.line..end).unwrap_or_default();
            let is_continuation = line.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
            if !is_continuation {
                let header = unread.get(at.header..at.line).unwrap_or_default();
                at.content_length = at.content_length.max(content_length_of(header).unwrap_or(0));
                at.header = at.line;
                if is_empty_line(line) {
                    self.place = Place::Body { head: end, body: at.content_length };
                    if at.is_long {
                        self.place = Place::LongBody { left: at.content_length };
                        return Some(Framed::Pass { len: end });
                    }
                    return None;
                }
                // Headers of a message that was cut are not returned, so they are skipped at once.
                if at.is_long && at.header > 0 {
                    let headers =
                        Headers { is_long: true, content_length: at.content_length, ..Headers::default() };
                    self.place = Place::Headers(headers);
                    return Some(Framed::Pass { len: at.header });
                }
            }
            (at.line, at.searched) = (end, end);
        }
    }

    /// Handles headers that do not end within [`MAX_MESSAGE`].
    fn cut_headers(&mut self, unread: &[u8], at: Headers) -> Framed {
        let content_length = at.content_length;
        match (at.is_long, at.header) {
            (false, header @ 1..) => {
                self.place = Place::Headers(Headers { is_long: true, content_length, ..Headers::default() });
                Framed::Cut { len: header }
            }
            (true, header @ 1..) => {
                self.place = Place::Headers(Headers { is_long: true, content_length, ..Headers::default() });
                Framed::Pass { len: header }
            }
            (_, 0) => {
                // A Content-Length header too long to read counts as the maximum, so that it cannot hide a
                // message.
                let begins = unread.get(..unread.len().min(LONGEST_METHOD)).unwrap_or_default();
                let is_length = content_length_of(begins).is_some();
                let content_length = if is_length { u64::MAX } else { content_length };
                self.place = Place::LongHeader { content_length };
                Framed::Pass { len: unread.len().min(MAX_MESSAGE) }
            }
        }
    }

    fn long_header(&mut self, unread: &[u8], content_length: u64) -> Option<Framed> {
        if let Some(end) = line_end(unread, 0) {
            self.place = Place::Headers(Headers { is_long: true, content_length, ..Headers::default() });
            return Some(Framed::Pass { len: end });
        }
        Some(pass_all(unread))
    }

    fn body(&mut self, unread: &[u8], head: usize, body: u64) -> Option<Framed> {
        let whole = (head as u64).saturating_add(body);
        if whole <= MAX_MESSAGE as u64 {
            let len = whole as usize;
            if unread.len() < len {
                return Some(Framed::Incomplete);
            }
            self.place = Place::Start;
            return Some(Framed::Message { len });
        }
        if unread.len() < MAX_MESSAGE {
            return Some(Framed::Incomplete);
        }
        self.place = Place::LongBody { left: whole - MAX_MESSAGE as u64 };
        Some(Framed::Cut { len: MAX_MESSAGE })
    }

    fn long_body(&mut self, unread: &[u8], left: u64) -> Option<Framed> {
        if left == 0 {
            self.place = Place::Start;
            return None;
        }
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(unread.len());
        self.place = Place::LongBody { left: left - len as u64 };
        Some(if len == 0 { Framed::Incomplete } else { Framed::Pass { len } })
    }

    fn line(&mut self, unread: &[u8], is_first: bool) -> Option<Framed> {
        if let Some(end) = line_end(unread, 0) {
            self.place =
                if is_first { Place::BehindLine { searched: 0 } } else { Place::Lost { searched: 0 } };
            return Some(Framed::Pass { len: end });
        }
        Some(pass_all(unread))
    }

    fn behind_line(&mut self, unread: &[u8], searched: usize) -> Option<Framed> {
        let line = match Line::at_front(unread, searched, LONGEST_FIRST_LINE) {
            Line::Whole(line) | Line::TooLong(line) => line,
            Line::Partial => {
                self.place = Place::BehindLine { searched: unread.len() };
                return Some(Framed::Incomplete);
            }
        };
        self.place = if probe(line) == Verdict::Certain {
            Place::Lost { searched: 0 }
        } else if looks_like_header(line) {
            Place::Headers(Headers { is_long: true, ..Headers::default() })
        } else {
            Place::Line { is_first: true }
        };
        None
    }

    fn lost(&mut self, unread: &[u8], mut searched: usize) -> Option<Framed> {
        let mut passed = 0;
        // Lines that start no message are returned together.
        loop {
            let rest = unread.get(passed..).unwrap_or_default();
            let line = Line::at_front(rest, searched, LONGEST_START_LINE);
            self.place = match line {
                Line::Whole(line) => {
                    let is_empty = matches!(line, [b'\r' | b'\n', ..]);
                    if is_empty || probe(line) != Verdict::Certain {
                        (passed, searched) = (passed + line.len(), 0);
                        continue;
                    }
                    Place::FirstLine { searched: line.len() - 1 }
                }
                Line::TooLong(_) => Place::Line { is_first: false },
                Line::Partial => Place::Lost { searched: rest.len() },
            };
            return match (passed, line) {
                (0, Line::Partial) => Some(Framed::Incomplete),
                (0, _) => None,
                (len, _) => Some(Framed::Pass { len }),
            };
        }
    }
}

/// The line at the front of a stream, as far as a decision may depend on it.
///
/// A line beyond the limit is always seen by its first `limit` octets, whether its end has arrived or not, so
/// segmentation does not change a decision.
enum Line<'a> {
    /// A line of at most `limit` octets, line end included.
    Whole(&'a [u8]),
    /// The first `limit` octets of a longer line.
    TooLong(&'a [u8]),
    /// The start of a line that may yet become either.
    Partial,
}

impl<'a> Line<'a> {
    /// The line at the front of `unread`, whose first `searched` octets hold no line end.
    fn at_front(unread: &'a [u8], searched: usize, limit: usize) -> Self {
        let head = unread.get(..limit).unwrap_or(unread);
        match line_end(head, searched) {
            Some(end) => head.get(..end).map_or(Self::Partial, Self::Whole),
            None if head.len() == limit => Self::TooLong(head),
            None => Self::Partial,
        }
    }
}

/// True if a line starts like a header, with a name and a colon (RFC 3261 section 7.3.1).
fn looks_like_header(line: &[u8]) -> bool {
    let name = line.split(|b| *b == b':').next().unwrap_or_default();
    name.len() < line.len() && !trim(name).is_empty() && trim(name).iter().all(|b| is_token(*b))
}

/// The end of the line that continues at `from`, line end included.
fn line_end(unread: &[u8], from: usize) -> Option<usize> {
    memchr::memchr(b'\n', unread.get(from..)?).map(|at| from + at + 1)
}

const fn pass_all(unread: &[u8]) -> Framed {
    if unread.is_empty() { Framed::Incomplete } else { Framed::Pass { len: unread.len() } }
}

/// The value of a header, continuation lines included, if its name is Content-Length.
fn content_length_of(header: &[u8]) -> Option<u64> {
    if !header.first().is_some_and(|b| matches!(b, b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let colon = memchr::memchr(b':', header)?;
    let (name, value) = header.split_at_checked(colon)?;
    (Name::from_spelling(trim(name)) == Name::ContentLength).then_some(())?;
    Some(length(value.get(1..)?))
}

/// Reads a length like the most lenient receiver: the digits after any white space, sign or zeros, with any
/// text behind them. A body taken as too long costs only this connection's sender; a body taken as too short
/// would let the sender hide a message in it.
fn length(value: &[u8]) -> u64 {
    let digits = value.iter().skip_while(|b| !b.is_ascii_digit()).take_while(|b| b.is_ascii_digit());
    digits.fold(0_u64, |length, digit| length.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// True if the available text starts like the method of a request or the version of a response. TCP may split
/// the line anywhere, so the full check waits for the line end.
fn begins_like_one(text: &[u8]) -> bool {
    let word = text.get(..LONGEST_METHOD).unwrap_or(text);
    let word = word.split(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).next().unwrap_or_default();
    word.len() < LONGEST_METHOD && word.iter().all(|b| is_token(*b) || *b == b'/')
}

#[cfg(test)]
mod tests;
