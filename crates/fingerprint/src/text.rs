//! How text of a message is written into a readable form.

/// Octets of a text that are kept.
const LONGEST: usize = 64;

/// Printable ASCII without the separators of the readable form, and not endless.
pub(crate) fn push_text(out: &mut String, bytes: &[u8]) {
    push_mapped(out, bytes, |b| b);
}

/// The same in lower case.
pub(crate) fn push_lower(out: &mut String, bytes: &[u8]) {
    push_mapped(out, bytes, |b| b.to_ascii_lowercase());
}

/// The same with every run of digits as `#`: what differs in numbers alone is one text.
pub(crate) fn push_numberless(out: &mut String, bytes: &[u8]) {
    let mut was_digit = false;
    for part in bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).take(8) {
        let is_digit = part.first().is_some_and(u8::is_ascii_digit);
        if is_digit && !was_digit {
            out.push('#');
        } else {
            push_text(out, part);
        }
        was_digit = is_digit;
    }
}

fn push_mapped(out: &mut String, bytes: &[u8], map: fn(u8) -> u8) {
    for byte in bytes.iter().take(LONGEST) {
        match byte {
            b'|' | b' ' | b',' | b';' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            0x21..=0x7e => out.push(char::from(map(*byte))),
            _ => out.push('?'),
        }
    }
    if bytes.len() > LONGEST {
        out.push('~');
    }
}

/// Writes items with a comma between them.
pub(crate) struct List<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl<'o> List<'o> {
    /// Begins the field `key`.
    pub(crate) fn field(out: &'o mut String, key: &str) -> Self {
        push_key(out, key);
        Self { out, is_first: true }
    }

    /// Begins an item and answers where to write it.
    pub(crate) fn item(&mut self) -> &mut String {
        if !self.is_first {
            self.out.push(',');
        }
        self.is_first = false;
        self.out
    }

    /// Writes a mark that stands before all items.
    pub(crate) fn mark(&mut self, mark: char) {
        self.out.push(mark);
    }
}

/// Begins the field `key`.
pub(crate) fn push_key(out: &mut String, key: &str) {
    out.push('|');
    out.push_str(key);
    out.push('=');
}

/// Writes a number without going through a formatter.
pub(crate) fn push_number(out: &mut String, mut number: u64) {
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
    out.push_str(digits.get(at..).and_then(|d| std::str::from_utf8(d).ok()).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
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
