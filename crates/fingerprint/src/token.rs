//! Grammar of identifiers: the class of a single identifier, and the common properties of many.

use std::fmt;

use crate::Readable;
/// Writes the class of an identifier that a single specimen proves: `uuid`, `md5` (in capitals if its letters
/// are), else `x`. Lengths and alphabets of other identifiers vary by chance, and are learned ([`Grammar`]).
pub(crate) fn push_certain_class(out: &mut Readable, token: &[u8]) {
    // Other lengths have no certain class, and most tokens have other lengths.
    let digits = if matches!(token.len(), 32 | 36) { Digits::of(token) } else { Digits::default() };
    out.push_str(match (is_uuid_of(token, &digits), is_md5_of(token, &digits)) {
        (true, _) if digits.has_capitals => "UUID",
        (true, _) => "uuid",
        (_, true) if digits.has_capitals => "MD5",
        (_, true) => "md5",
        _ => "x",
    });
}

/// Statistics of the hexadecimal digits in a token.
#[derive(Default)]
struct Digits {
    count: usize,
    has_capitals: bool,
}

impl Digits {
    fn of(token: &[u8]) -> Self {
        let mut digits = Self::default();
        for octet in token {
            let is_capital = matches!(octet, b'A'..=b'F');
            digits.has_capitals |= is_capital;
            digits.count += usize::from(is_capital | octet.is_ascii_digit() | matches!(octet, b'a'..=b'f'));
        }
        digits
    }
}

/// True if the token has the layout of a UUID.
pub(crate) fn is_uuid(token: &[u8]) -> bool {
    is_uuid_of(token, &Digits::of(token))
}

/// A UUID has 32 digits and four dashes at fixed positions (RFC 9562 section 4).
fn is_uuid_of(token: &[u8], digits: &Digits) -> bool {
    let is_dash = |at: usize| token.get(at) == Some(&b'-');
    token.len() == 36 && digits.count == 32 && is_dash(8) && is_dash(13) && is_dash(18) && is_dash(23)
}

/// True for a hash in 32 hexadecimal digits. A random hash has letters, except once in three million. Text in
/// hexadecimal digits (tags of a scanner) is no hash, although it may have this length too.
pub(crate) fn is_md5(token: &[u8]) -> bool {
    is_md5_of(token, &Digits::of(token))
}

fn is_md5_of(token: &[u8], digits: &Digits) -> bool {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    let is_text = |pair: &[u8]| match pair {
        [high, low] => {
            value(high).zip(value(low)).is_some_and(|(h, l)| matches!(h * 16 + l, 1 | 0x20..=0x7e))
        }
        _ => false,
    };
    token.len() == 32 && digits.count == 32 && !token.chunks(2).all(is_text)
}

/// Octet classes of identifiers, as bits.
const CLASSES: [(u16, &str); 8] = [
    (DIGIT, "0-9"),
    (LOWER_HEX, "a-f"),
    (LOWER, "g-z"),
    (UPPER_HEX, "A-F"),
    (UPPER, "G-Z"),
    (DASH, "-"),
    (DOT, "."),
    (REST, "other"),
];
const DIGIT: u16 = 1;
const LOWER_HEX: u16 = 1 << 1;
const LOWER: u16 = 1 << 2;
const UPPER_HEX: u16 = 1 << 3;
const UPPER: u16 = 1 << 4;
const DASH: u16 = 1 << 5;
const DOT: u16 = 1 << 6;
const REST: u16 = 1 << 7;

/// Limit of the common prefix in octets.
const LONGEST_PREFIX: usize = 12;

/// Limit of consecutive digits in the prefix: more could be a phone number.
const DIGITS_IN_PREFIX: usize = 3;

/// Common properties of the identifiers of one kind by one author. Learning is a union, so the order and
/// number of specimens do not matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grammar {
    /// The shortest and the longest length, in octets.
    pub lengths: (u16, u16),
    alphabet: u16,
    prefix: [u8; LONGEST_PREFIX],
    prefix_len: u8,
}

impl Grammar {
    /// The grammar of one specimen.
    #[must_use]
    pub fn of(token: &[u8]) -> Self {
        let length = u16::try_from(token.len()).unwrap_or(u16::MAX);
        let mut prefix = [0; LONGEST_PREFIX];
        let mut prefix_len = 0;
        let mut digits = 0;
        for (to, from) in prefix.iter_mut().zip(token) {
            digits = if from.is_ascii_digit() { digits + 1 } else { 0 };
            if digits > DIGITS_IN_PREFIX {
                break;
            }
            *to = if from.is_ascii_graphic() { *from } else { b'?' };
            prefix_len += 1;
        }
        Self {
            lengths: (length, length),
            alphabet: token.iter().fold(0, |a, b| a | class(*b)),
            prefix,
            prefix_len,
        }
    }

    /// Restores a stored grammar from lengths, [`Self::alphabet`] and [`Self::prefix`].
    #[must_use]
    pub fn stored(lengths: (u16, u16), alphabet: u16, prefix: &str) -> Self {
        let kept = Self::of(prefix.as_bytes());
        Self { lengths, alphabet, ..kept }
    }

    /// Adds another grammar. Returns true if this one changed.
    pub fn learn(&mut self, other: &Self) -> bool {
        let before = *self;
        self.lengths = (self.lengths.0.min(other.lengths.0), self.lengths.1.max(other.lengths.1));
        self.alphabet |= other.alphabet;
        let common = self.prefix().bytes().zip(other.prefix().bytes()).take_while(|(a, b)| a == b).count();
        self.prefix_len = common as u8;
        // The rest of the prefix is zeroed, so that equal grammars are equal octet by octet.
        self.prefix.iter_mut().skip(common).for_each(|octet| *octet = 0);
        *self != before
    }

    /// The octet classes that occurred, as bits.
    #[must_use]
    pub const fn alphabet(&self) -> u16 {
        self.alphabet
    }

    /// The common prefix of all specimens, 12 octets at most.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let octets = self.prefix.get(..usize::from(self.prefix_len)).unwrap_or_default();
        std::str::from_utf8(octets).unwrap_or_default()
    }

    /// True if all specimens fit a rule.
    #[must_use]
    pub fn fits(&self, rule: &Rule) -> bool {
        let (shortest, longest) = rule.lengths;
        self.lengths.0 >= shortest
            && self.lengths.1 <= longest
            && self.alphabet & !rule.alphabet == 0
            && self.alphabet & rule.needed == rule.needed
            && self.prefix().starts_with(&rule.prefix)
    }
}

impl fmt::Display for Grammar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lengths {
            (a, b) if a == b => write!(f, "{a} of ")?,
            (a, b) => write!(f, "{a} to {b} of ")?,
        }
        let mut classes = CLASSES.iter().filter(|(bit, _)| self.alphabet & bit != 0).map(|(_, name)| *name);
        f.write_str(classes.next().unwrap_or("nothing"))?;
        classes.try_for_each(|name| write!(f, " {name}"))?;
        if self.prefix_len > 0 {
            write!(f, ", beginning {}", self.prefix())?;
        }
        Ok(())
    }
}

fn class(octet: u8) -> u16 {
    match octet {
        b'0'..=b'9' => DIGIT,
        b'a'..=b'f' => LOWER_HEX,
        b'g'..=b'z' => LOWER,
        b'A'..=b'F' => UPPER_HEX,
        b'G'..=b'Z' => UPPER,
        b'-' => DASH,
        b'.' => DOT,
        _ => REST,
    }
}

/// Format of a known generator's identifiers, written as `PREFIX LENGTHS of CLASSES`: `as 10 of 0-9 a-f g-z`,
/// `8-10 of 0-9`. Lengths include the prefix. A class with `+` must have occurred, the others may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    prefix: String,
    lengths: (u16, u16),
    alphabet: u16,
    /// Classes that must have occurred.
    needed: u16,
}

impl std::str::FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not of the form \"PREFIX LENGTHS of CLASSES\"");
        let (front, classes) = text.split_once(" of ").ok_or_else(wrong)?;
        let (prefix, lengths) = front.rsplit_once(' ').unwrap_or(("", front));
        let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
        let lengths = match lengths.split_once('-') {
            Some((shortest, longest)) => (number(shortest)?, number(longest)?),
            None => (number(lengths)?, number(lengths)?),
        };
        let mut alphabet = prefix.bytes().fold(0, |a, b| a | class(b));
        let mut needed = 0;
        for name in classes.split_whitespace() {
            let (is_needed, name) = name.strip_prefix('+').map_or((false, name), |name| (true, name));
            let (bit, _) = CLASSES
                .iter()
                .find(|(_, known)| *known == name)
                .ok_or_else(|| format!("\"{name}\" is not a class of octets"))?;
            alphabet |= bit;
            needed |= if is_needed { *bit } else { 0 };
        }
        Ok(Self { prefix: prefix.to_owned(), lengths, alphabet, needed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certain(token: &str) -> String {
        let mut out = Readable::default();
        push_certain_class(&mut out, token.as_bytes());
        out.to_string()
    }

    #[test]
    fn only_what_chance_cannot_make_is_a_class() {
        assert_eq!(certain("e5f1a8f1-defa-1230-b29f-001b7843d1c0"), "uuid");
        assert_eq!(certain("E5F1A8F1-DEFA-1230-B29F-001B7843D1C0"), "UUID");
        assert_eq!(certain("e7f6c011776e8db7cd330b54174fd76f"), "md5");
        assert_eq!(certain("E7F6C011776E8DB7CD330B54174FD76F"), "MD5");
        for chance in [
            "33363533633465653133633401313233",
            "e7f6c011776e8db7",
            "12345678",
            "1234567890123456",
            "",
            "e5f1a8f1-defa",
        ] {
            assert_eq!(certain(chance), "x", "{chance}");
        }
    }

    #[test]
    fn learning_does_not_depend_on_order_or_repetition() {
        let tokens = ["as1f00", "as9", "as77xx"];
        let learned = |order: &[usize]| {
            let mut grammar = Grammar::of(tokens[order[0]].as_bytes());
            for i in order {
                grammar.learn(&Grammar::of(tokens[*i].as_bytes()));
            }
            grammar
        };
        let grammar = learned(&[0, 1, 2]);
        assert_eq!(grammar, learned(&[2, 0, 1, 1, 0]));
        assert_eq!(grammar.to_string(), "3 to 6 of 0-9 a-f g-z, beginning as");
        assert!(!{ grammar }.learn(&Grammar::of(b"as000")), "nothing new");
        let kept = Grammar::stored(grammar.lengths, grammar.alphabet(), grammar.prefix());
        assert_eq!(kept, grammar);
    }

    #[test]
    fn rules_hold_lengths_alphabet_and_beginning() {
        let mut grammar = Grammar::of(b"as12ab34cd");
        grammar.learn(&Grammar::of(b"as00000000"));
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        assert!(grammar.fits(&rule("as 10 of 0-9 a-f")));
        assert!(grammar.fits(&rule("4-12 of 0-9 a-f g-z")));
        assert!(!grammar.fits(&rule("10 of 0-9 g-z")));
        assert!(!grammar.fits(&rule("bs 10 of 0-9 a-f g-z")));
        assert!(!grammar.fits(&rule("as 11 of 0-9 a-f")));
        for wrong in ["", "8", "x of 0-9", "8 of b-q"] {
            assert!(wrong.parse::<Rule>().is_err(), "{wrong}");
        }
    }
}
