use std::fmt;
use std::ops::Deref;

/// Text that may be stored, reported and sent: a token, or text in which people's names and numbers are masked.
///
/// Only [`crate::Tokeniser`] and the mask of a message make it from a sender's text, which is [`bellwether_tracker::Clear`]. A row holds
/// nothing but masked text, so the compiler proves that no clear number passes enrichment. In the mode `clear` the operator asked for
/// readable text, and both leave it as it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Masked(String);

impl Masked {
    /// A token, or masked text.
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    /// Text that was masked before: from the database, or made up by a test.
    #[must_use]
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Masked {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq<str> for Masked {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Masked {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}
