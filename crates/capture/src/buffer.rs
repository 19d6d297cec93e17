use std::io::{self, Read};

/// Octets asked for at once. Larger reads cost more cache than they save in calls.
const READ_SIZE: usize = 256 * 1024;

/// A stream with a window of bytes that can be looked at before they are taken.
pub(crate) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Octets taken so far.
    taken: u64,
    is_over: bool,
    /// Whether there may be more behind the end.
    is_followed: bool,
}

impl Buffer {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            bytes: vec![0; READ_SIZE],
            start: 0,
            end: 0,
            taken: 0,
            is_over: false,
            is_followed: false,
        }
    }

    /// Takes no end for final: a file that is still being written has more later.
    pub(crate) const fn follow(&mut self) {
        self.is_followed = true;
    }

    /// Whether its end is final.
    pub(crate) const fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Whether it ended for now.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.is_over
    }

    /// Makes `n` octets visible if the stream has them; answers how many there are, up to `n`.
    #[inline]
    pub(crate) fn fill(&mut self, n: usize) -> io::Result<usize> {
        if self.end - self.start >= n {
            return Ok(n);
        }
        self.fill_slowly(n)
    }

    #[cold]
    fn fill_slowly(&mut self, n: usize) -> io::Result<usize> {
        self.is_over &= !self.is_followed;
        while self.end - self.start < n && !self.is_over {
            self.make_room(n);
            match self.source.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.is_over = true,
                Ok(got) => self.end += got,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok((self.end - self.start).min(n))
    }

    /// The octets that are visible.
    #[inline]
    pub(crate) fn visible(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Consumes `n` visible octets and lends them.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) -> &[u8] {
        let from = self.start;
        self.start = (self.start + n).min(self.end);
        self.taken += (self.start - from) as u64;
        &self.bytes[from..self.start]
    }

    /// Octets taken so far.
    pub(crate) const fn position(&self) -> u64 {
        self.taken
    }

    fn make_room(&mut self, n: usize) {
        if self.start > 0 && self.bytes.len() - self.start < n.max(READ_SIZE / 4) {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() - self.start < n {
            self.bytes.resize(self.start + n, 0);
        }
    }
}
