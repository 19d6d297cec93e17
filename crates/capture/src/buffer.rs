use std::io::{self, Read};

/// Octets per read. Larger reads cost more cache than they save in calls.
const READ_SIZE: usize = 256 * 1024;

/// A stream with a window of bytes that can be inspected before they are consumed.
pub(crate) struct Buffer {
    source: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Octets consumed so far.
    taken: u64,
    is_over: bool,
    /// True if the file may grow behind its current end.
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

    /// Treats the end of the file as temporary, for a file that is still being written.
    pub(crate) const fn follow(&mut self) {
        self.is_followed = true;
    }

    /// True if the end of the file is temporary.
    pub(crate) const fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// True if the last read reached the end of the file.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.is_over
    }

    /// Makes `n` octets visible if the stream has them. Returns the number of visible octets, up to `n`.
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

    /// The visible octets.
    #[inline]
    pub(crate) fn visible(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Consumes `n` visible octets and returns them.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize) -> &[u8] {
        let from = self.start;
        self.start = (self.start + n).min(self.end);
        self.taken += (self.start - from) as u64;
        &self.bytes[from..self.start]
    }

    /// Octets consumed so far.
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
