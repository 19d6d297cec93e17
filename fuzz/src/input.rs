//! Reads values from the front of a fuzz input. Reading never fails: missing octets are zero.

/// The rest of an input.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    pub(crate) fn long(&mut self) -> u32 {
        (u32::from(self.word()) << 16) | u32::from(self.word())
    }

    /// Up to `n` octets.
    pub(crate) fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(n.min(self.0.len()));
        self.0 = left;
        taken
    }

    /// A piece, preceded by its length in two octets.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let len = usize::from(self.word());
        self.take(len)
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// The inverse of [`Input::piece`], for seeds.
pub(crate) fn with_length(octets: &[u8]) -> Vec<u8> {
    let octets = octets.get(..usize::from(u16::MAX)).unwrap_or(octets);
    let len = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), octets].concat()
}
