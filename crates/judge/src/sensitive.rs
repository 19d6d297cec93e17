//! Calls by which a thief earns: those that change forwarding, and those that reach a voice portal or mailbox.

use std::borrow::Cow;

use crate::number::canonical;

/// Numbers that are judged strictly when they are dialled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SensitiveNumbers {
    /// What such a number begins with.
    pub prefixes: Vec<String>,
    /// Whole numbers.
    pub numbers: Vec<String>,
}

impl Default for SensitiveNumbers {
    /// Feature codes.
    fn default() -> Self {
        Self { prefixes: vec!["*".to_owned(), "#".to_owned()], numbers: Vec::new() }
    }
}

impl SensitiveNumbers {
    /// Whether a dialled user part is one.
    #[must_use]
    pub fn contains(&self, dialled: &str) -> bool {
        let number = canonical(&unescaped(dialled));
        self.prefixes.iter().any(|p| !p.is_empty() && number.starts_with(p.as_str()))
            || self.numbers.iter().any(|n| canonical(n) == number)
    }
}

/// With the characters that a SIP URI has to escape, of which a feature code's `#` is one (RFC 3261 section 19.1.2).
pub(crate) fn unescaped(user: &str) -> Cow<'_, str> {
    if !user.contains('%') {
        return Cow::Borrowed(user);
    }
    let mut out = String::with_capacity(user.len());
    let mut rest = user;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let escaped = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii);
        out.push(escaped.map_or('%', char::from));
        rest = escaped.and_then(|_| after.get(2..)).unwrap_or(after);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_codes_and_named_numbers_are_sensitive() {
        let sensitive =
            SensitiveNumbers { numbers: vec!["+49 30 8600".to_owned()], ..SensitiveNumbers::default() };
        for (dialled, is) in [
            ("*72", true),
            ("#21#", true),
            ("%2321%23", true),
            ("%2A72", true),
            ("100%", false),
            ("%zz", false),
            ("+49308600", true),
            ("8600", false),
            ("", false),
        ] {
            assert_eq!(sensitive.contains(dialled), is, "{dialled}");
        }
    }
}
