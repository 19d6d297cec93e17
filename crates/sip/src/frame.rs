use crate::header::Name;
use crate::lex::{number, trim};
use crate::message::{next_line, skip_empty_lines};
use crate::{Method, Verdict, probe};

/// The largest message framed out of a stream. RFC 3261 sets no limit; signed INVITEs with several
/// PASSporTs and SIPREC metadata stay below this, and an endless header must end somewhere.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// What stands at the front of a stream's unread bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framed {
    /// A whole message of `len` octets, after `skip` octets of keep-alive line ends.
    Message {
        /// Line ends before the message (RFC 5626 section 4.4.1 keep-alives).
        skip: usize,
        /// Octets of the message itself.
        len: usize,
    },
    /// Only line ends so far.
    KeepAlive {
        /// How many octets.
        len: usize,
    },
    /// A message that has not arrived in full.
    Incomplete,
    /// No SIP message begins here.
    NotSip,
    /// A message that would be larger than [`MAX_MESSAGE`].
    TooLarge,
}

/// Finds the message at the front of a stream (RFC 3261 section 18.3: Content-Length is its framing).
///
/// A message without a usable Content-Length is taken to have no body, as there is no other way on.
#[must_use]
pub fn frame(stream: &[u8]) -> Framed {
    let text = skip_empty_lines(stream);
    let skip = stream.len() - text.len();
    if text.is_empty() {
        return if skip == 0 { Framed::Incomplete } else { Framed::KeepAlive { len: skip } };
    }
    match probe(text) {
        Verdict::Certain => {}
        // A version line cut by the segment's end looks unsure until the rest arrives.
        Verdict::Unsure if memchr::memchr(b'\n', text).is_none() => return Framed::Incomplete,
        Verdict::Unsure => {}
        Verdict::NotOurs if may_become_start_line(text) => return Framed::Incomplete,
        Verdict::NotOurs => return Framed::NotSip,
    }
    let mut rest = text;
    let mut content_length = 0;
    loop {
        let Some(_) = memchr::memchr(b'\n', rest) else {
            return if text.len() > MAX_MESSAGE { Framed::TooLarge } else { Framed::Incomplete };
        };
        let (line, _, after) = next_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        content_length = content_length_of(line).unwrap_or(content_length);
    }
    let Some(len) =
        usize::try_from(content_length).ok().and_then(|body| (text.len() - rest.len()).checked_add(body))
    else {
        return Framed::TooLarge;
    };
    if len > MAX_MESSAGE {
        Framed::TooLarge
    } else if len > text.len() {
        Framed::Incomplete
    } else {
        Framed::Message { skip, len }
    }
}

/// Where the next start line begins, at or after `from`: the way back into a stream after a gap.
#[must_use]
pub fn resync(stream: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = stream.get(at..)?;
        if probe(rest) == Verdict::Certain && !rest.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            return Some(at);
        }
        at += memchr::memchr(b'\n', rest)? + 1;
    }
}

fn content_length_of(line: &[u8]) -> Option<u64> {
    if !line.first().is_some_and(|b| matches!(b, b'C' | b'c' | b'L' | b'l')) {
        return None;
    }
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    (Name::from_spelling(trim(name)) == Name::ContentLength).then_some(())?;
    number(trim(value.get(1..)?))
}

/// Whether a first line that has not ended could still turn into a SIP start line: a token and a URI may
/// be split anywhere by TCP.
fn may_become_start_line(text: &[u8]) -> bool {
    const LONGEST_START_LINE: usize = 2048;
    if text.len() > LONGEST_START_LINE || memchr::memchr(b'\n', text).is_some() {
        return false;
    }
    let word = text.split(|b| *b == b' ').next().unwrap_or_default();
    let is_whole = word.len() < text.len();
    let methods = Method::ALL.iter().filter(|m| **m != Method::Other).map(|m| m.name());
    methods
        .chain(["SIP/2.0"])
        .map(str::as_bytes)
        .any(|name| if is_whole { name == word } else { name.starts_with(word) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nl: 4\r\n\r\nbodySIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn messages_are_framed_however_the_stream_is_cut() {
        let first = Framed::Message { skip: 4, len: 37 };
        assert_eq!(frame(TWO), first);
        for cut in 5..41 {
            assert_eq!(frame(&TWO[..cut]), Framed::Incomplete, "cut at {cut}");
        }
        assert_eq!(frame(&TWO[..41]), first);
        assert_eq!(frame(&TWO[41..]), Framed::Message { skip: 0, len: TWO.len() - 41 });
        assert_eq!(frame(&TWO[..4]), Framed::KeepAlive { len: 4 });
    }

    #[test]
    fn other_protocols_and_endless_messages_are_refused() {
        assert_eq!(frame(b"GET / HTTP/1.1\r\n\r\n"), Framed::NotSip);
        assert_eq!(frame(b"\x16\x03\x01\x02"), Framed::NotSip);
        assert_eq!(frame(b"BYE sip:a SIP/2.0\r\nl: 99999999\r\n\r\n"), Framed::TooLarge);
    }

    #[test]
    fn a_length_that_is_no_number_frames_like_none() {
        let bye = b"BYE sip:a SIP/2.0\r\nl: 18446744073709551615\r\n\r\n";
        assert_eq!(frame(bye), Framed::Message { skip: 0, len: bye.len() });
    }

    #[test]
    fn reading_resumes_at_the_next_start_line() {
        let torn = b"gged;tag=1\r\nCSeq: 1 BYE\r\n\r\nBYE sip:a@b SIP/2.0\r\n\r\n";
        assert_eq!(resync(torn, 0), Some(27));
        assert_eq!(resync(b"nothing here\r\n", 0), None);
    }
}
