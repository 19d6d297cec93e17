//! Random parameters.

use std::ops::{Range, RangeInclusive};

use bellwether_testkit::Rng;

/// A generator of parameters, keys and choices.
pub(crate) struct Draw(Rng);

impl Draw {
    /// A kind and a seed give the same numbers on every machine.
    pub(crate) fn new(kind: &str, seed: u64, has_registrations: bool) -> Self {
        let start = seed.wrapping_mul(0x00ab_cdef_1234_5678) ^ u64::from(has_registrations);
        let mix = |state: u64, byte: u8| Rng::new(state ^ u64::from(byte)).bits();
        Self(Rng::new(kind.bytes().fold(start, mix)))
    }

    /// A uniform number of a range.
    pub(crate) fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + (range.end - range.start) * self.0.uniform()
    }

    /// A uniform count of a range, both ends included.
    pub(crate) fn count(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.0.below(range.end().saturating_sub(*range.start()).saturating_add(1))
    }

    /// True with a probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.uniform() < probability
    }

    /// A number around a median, log-normal.
    pub(crate) fn around(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.0.normal()).exp()
    }

    /// The number of random events, of which a mean is expected.
    pub(crate) fn events(&mut self, mean: f64) -> u64 {
        let mut count = 0;
        let mut at = self.0.exponential();
        while at < mean {
            count += 1;
            at += self.0.exponential();
        }
        count
    }

    /// A new key of a number, an address or a name; never 0.
    pub(crate) fn key(&mut self) -> u64 {
        self.0.bits() | 1
    }

    /// New keys.
    pub(crate) fn keys(&mut self, count: u64) -> Vec<u64> {
        (0..count).map(|_| self.key()).collect()
    }

    /// One of several, each equally often; none of none.
    pub(crate) fn any<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.0.below(all.len().max(1) as u64) as usize).copied()
    }

    /// One of several, each equally often.
    pub(crate) fn one_of<T: Clone + Default>(&mut self, all: &[T]) -> T {
        let place = self.0.below(all.len() as u64) as usize;
        all.get(place).cloned().unwrap_or_default()
    }

    /// One of several, the first ones more often.
    pub(crate) fn favourite<T: Clone + Default>(&mut self, all: &[T]) -> T {
        let place = self.0.uniform().powi(2) * all.len() as f64;
        all.get(place as usize).cloned().unwrap_or_default()
    }
}
