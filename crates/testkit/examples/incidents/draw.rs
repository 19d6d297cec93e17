//! Random parameters.

use std::ops::{Range, RangeInclusive};

use bellwether_testkit::Rng;

/// A generator of parameters and choices.
pub(crate) struct Draw(Rng);

impl Draw {
    /// A kind and a seed give the same numbers on every machine.
    pub(crate) fn new(kind: &str, seed: u64) -> Self {
        let mix = |state: u64, byte: u8| Rng::new(state ^ u64::from(byte)).bits();
        Self(Rng::new(kind.bytes().fold(seed.wrapping_mul(0x00ab_cdef_1234_5679), mix)))
    }

    /// A uniform number of a range.
    pub(crate) fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + (range.end - range.start) * self.0.uniform()
    }

    /// A uniform count of a range, both ends included.
    pub(crate) fn count(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.0.below(range.end().saturating_sub(*range.start()).saturating_add(1))
    }

    /// A count of a wide range, whose small values are as frequent as its large ones.
    pub(crate) fn size(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (*range.start() as f64, *range.end() as f64);
        let drawn = (self.within(low.ln()..(high + 1.0).ln())).exp() as u64;
        drawn.clamp(*range.start(), *range.end())
    }

    /// True with a probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.uniform() < probability
    }

    /// A number around a median, log-normal.
    pub(crate) fn around(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.0.normal()).exp()
    }

    /// A waiting time with a mean.
    pub(crate) fn wait(&mut self, mean: f64) -> f64 {
        mean * self.0.exponential()
    }

    /// 64 random bits.
    pub(crate) fn key(&mut self) -> u64 {
        self.0.bits()
    }

    /// Random decimal digits.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b"0123456789"[self.0.below(10) as usize])).collect()
    }

    /// One of several, each equally often.
    pub(crate) fn one_of<T: Clone + Default>(&mut self, all: &[T]) -> T {
        all.get(self.0.below(all.len() as u64) as usize).cloned().unwrap_or_default()
    }

    /// One of several, the first ones more often.
    pub(crate) fn favourite<T: Clone + Default>(&mut self, all: &[T]) -> T {
        let place = self.0.uniform().powi(2) * all.len() as f64;
        all.get(place as usize).cloned().unwrap_or_default()
    }

    /// Some of several, in random order.
    pub(crate) fn some<T: Clone>(&mut self, all: &[T], count: u64) -> Vec<T> {
        let mut all = all.to_vec();
        for place in (1..all.len()).rev() {
            all.swap(place, self.0.below(place as u64 + 1) as usize);
        }
        all.truncate(count as usize);
        all
    }
}
