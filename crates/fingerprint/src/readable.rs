use std::fmt;

/// A readable form being written. It holds printable ASCII only, and is used again for the next message.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Readable(Vec<u8>);

impl Readable {
    /// What was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // ASCII throughout, so there is nothing to fall back to.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The same as octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Forgets all and keeps the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds text of our own.
    pub fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn push(&mut self, octet: u8) {
        self.0.push(octet);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds an octet in front of what was written from `at` on.
    pub(crate) fn insert(&mut self, at: usize, octet: u8) {
        self.0.insert(at.min(self.0.len()), octet);
    }

    /// Adds octets that are plain.
    pub(crate) fn push_plain(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
    }
}

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
