//! Writes text of a message into a readable form.

use crate::Readable;

/// Limit of a text in octets.
const LONGEST: usize = 64;

/// Appends text as printable ASCII, with the separators of the readable form escaped and the length limited.
pub(crate) fn push_text(out: &mut Readable, bytes: &[u8]) {
    let kept = bytes.get(..LONGEST).unwrap_or(bytes);
    let mut rest = kept;
    // Nearly all text is plain, and is copied in runs.
    while !rest.is_empty() {
        let run = rest.iter().position(|b| !is_plain(*b)).unwrap_or(rest.len());
        let (plain, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        out.push_plain(plain);
        rest = match after {
            [octet, after @ ..] => {
                push_octet(out, *octet);
                after
            }
            [] => after,
        };
    }
    if kept.len() < bytes.len() {
        out.push(b'~');
    }
}

/// The same in lower case.
pub(crate) fn push_lower(out: &mut Readable, bytes: &[u8]) {
    push_mapped(out, bytes, |b| b.to_ascii_lowercase());
}

/// The same with every run of digits as `#`: texts that differ only in numbers become equal.
pub(crate) fn push_numberless(out: &mut Readable, bytes: &[u8]) {
    for part in bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).take(8) {
        if part.first().is_some_and(u8::is_ascii_digit) {
            out.push(b'#');
        } else {
            push_text(out, part);
        }
    }
}

fn push_mapped(out: &mut Readable, bytes: &[u8], map: fn(u8) -> u8) {
    let kept = bytes.get(..LONGEST).unwrap_or(bytes);
    for byte in kept {
        push_octet(out, map(*byte));
    }
    if kept.len() < bytes.len() {
        out.push(b'~');
    }
}

fn push_octet(out: &mut Readable, octet: u8) {
    match octet {
        b'|' | b' ' | b',' | b';' | b'\\' => out.push_plain(&[b'\\', octet]),
        0x21..=0x7e => out.push(octet),
        _ => out.push(b'?'),
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'|' | b' ' | b',' | b';' | b'\\')
}

/// True if the octet needs no escape.
fn is_plain(byte: u8) -> bool {
    PLAIN.get(usize::from(byte)).copied().unwrap_or(false)
}

static PLAIN: [bool; 256] = plain();

#[expect(clippy::indexing_slicing, reason = "evaluated when compiling: out of bounds would not build")]
const fn plain() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = !is_separator(byte as u8);
        byte += 1;
    }
    table
}

/// Writes items separated by commas.
pub(crate) struct List<'o> {
    out: &'o mut Readable,
    is_first: bool,
}

impl<'o> List<'o> {
    /// Starts the field `key`.
    pub(crate) fn field(out: &'o mut Readable, key: &str) -> Self {
        push_key(out, key);
        Self { out, is_first: true }
    }

    /// Starts an item and returns the buffer to write it to.
    pub(crate) fn item(&mut self) -> &mut Readable {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        self.out
    }

    /// Writes a mark before all items.
    pub(crate) fn mark(&mut self, mark: u8) {
        self.out.push(mark);
    }
}

/// Starts the field `key`.
pub(crate) fn push_key(out: &mut Readable, key: &str) {
    out.push(b'|');
    out.push_str(key);
    out.push(b'=');
}

/// Writes a number without a formatter.
pub(crate) fn push_number(out: &mut Readable, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        if let Some(digit) = digits.get_mut(at) {
            *digit = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_plain(digits.get(at..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut Readable)) -> String {
        let mut out = Readable::default();
        write(&mut out);
        out.to_string()
    }

    #[test]
    fn separators_are_escaped_and_what_is_not_printable_is_marked() {
        assert_eq!(written(|o| push_text(o, b"a|b c,d;e\\f\0\xff")), "a\\|b\\ c\\,d\\;e\\\\f??");
        assert_eq!(written(|o| push_lower(o, b"X-Foo")), "x-foo");
        assert_eq!(written(|o| push_text(o, &[b'x'; 70])).len(), 65);
    }

    #[test]
    fn numbers_disappear_from_text_and_are_written_whole_elsewhere() {
        assert_eq!(written(|o| push_numberless(o, b"Call ID 12-a7")), "Call\\ ID\\ #-a#");
        for number in [0, 7, 10, u64::MAX] {
            assert_eq!(written(|o| push_number(o, number)), number.to_string());
        }
    }
}
