//! Random parameters of worlds.

use std::ops::{Range, RangeInclusive};

use crate::Rng;

/// Draws the parameters, keys and choices of a random world.
#[derive(Clone, Debug)]
pub struct Draw(Rng);

impl Draw {
    /// The draws of a kind of world. A kind and a start give the same draws on every machine.
    #[must_use]
    pub fn new(kind: &str, start: u64) -> Self {
        let mix = |state: u64, byte: u8| Rng::new(state ^ u64::from(byte)).bits();
        Self(Rng::new(kind.bytes().fold(start, mix)))
    }

    /// A uniform number of a range.
    pub fn within(&mut self, range: Range<f64>) -> f64 {
        range.start + (range.end - range.start) * self.0.uniform()
    }

    /// A uniform count of a range, both ends included.
    pub fn count(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.0.below(range.end().saturating_sub(*range.start()).saturating_add(1))
    }

    /// A count of a wide range, whose small values are as frequent as its large ones.
    pub fn size(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = (*range.start() as f64, *range.end() as f64);
        let drawn = (self.within(low.ln()..(high + 1.0).ln())).exp() as u64;
        drawn.clamp(*range.start(), *range.end())
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.uniform() < probability
    }

    /// A number around a median, log-normal.
    pub fn around(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.0.normal()).exp()
    }

    /// A waiting time with a mean, exponential.
    pub fn wait(&mut self, mean: f64) -> f64 {
        mean * self.0.exponential()
    }

    /// The number of random events, of which a mean is expected.
    pub fn events(&mut self, mean: f64) -> u64 {
        let mut count = 0;
        let mut at = self.0.exponential();
        while at < mean {
            count += 1;
            at += self.0.exponential();
        }
        count
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.bits()
    }

    /// A new key of a number, an address or a name; never 0.
    pub fn key(&mut self) -> u64 {
        self.0.bits() | 1
    }

    /// New keys.
    pub fn keys(&mut self, count: u64) -> Vec<u64> {
        (0..count).map(|_| self.key()).collect()
    }

    /// Random decimal digits.
    pub fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b"0123456789"[self.0.below(10) as usize])).collect()
    }

    /// One of several, each equally often; none of none.
    pub fn any<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(self.0.below(all.len().max(1) as u64) as usize).copied()
    }

    /// One of several, each equally often; the default of none.
    pub fn one_of<T: Clone + Default>(&mut self, all: &[T]) -> T {
        all.get(self.0.below(all.len() as u64) as usize).cloned().unwrap_or_default()
    }

    /// One of several, the first ones more often; the default of none.
    pub fn favourite<T: Clone + Default>(&mut self, all: &[T]) -> T {
        let place = self.0.uniform().powi(2) * all.len() as f64;
        all.get(place as usize).cloned().unwrap_or_default()
    }

    /// Some of several, in random order.
    pub fn some<T: Clone>(&mut self, all: &[T], count: u64) -> Vec<T> {
        let mut all = all.to_vec();
        for place in (1..all.len()).rev() {
            all.swap(place, self.0.below(place as u64 + 1) as usize);
        }
        all.truncate(count as usize);
        all
    }
}
