use std::fmt;

/// Buffer for a readable form. It holds printable ASCII only, and is reused for the next message.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Readable(Vec<u8>);

impl Readable {
    /// The text written so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The content is ASCII, so the conversion cannot fail.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The text as octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Removes the content and keeps the allocation.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Appends a literal of the program.
    pub fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn push(&mut self, octet: u8) {
        self.0.push(octet);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Inserts an octet before the text from `at` on.
    pub(crate) fn insert(&mut self, at: usize, octet: u8) {
        self.0.insert(at.min(self.0.len()), octet);
    }

    /// Appends octets that need no escape.
    pub(crate) fn push_plain(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
