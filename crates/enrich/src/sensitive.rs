//! Calls by which a thief earns: those that change forwarding, and those that reach a voice portal or mailbox.

use crate::number::canonical;

/// Numbers that are judged strictly when they are dialled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SensitiveNumbers {
    /// Prefixes of such numbers.
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
    /// True if a dialled user part is one.
    #[must_use]
    pub fn contains(&self, dialled: &str) -> bool {
        let number = canonical(dialled);
        self.prefixes.iter().any(|p| !p.is_empty() && number.starts_with(p.as_str()))
            || self.numbers.iter().any(|n| canonical(n) == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feature_codes_and_named_numbers_are_sensitive() {
        let sensitive =
            SensitiveNumbers { numbers: vec!["+49 30 8600".to_owned()], ..SensitiveNumbers::default() };
        for (dialled, is) in
            [("*72", true), ("#21#", true), ("+49308600", true), ("8600", false), ("", false)]
        {
            assert_eq!(sensitive.contains(dialled), is, "{dialled}");
        }
    }
}
