//! Media clocks: the rate of the clock behind a caller's packets, measured against the sensor's clock.
//!
//! Each crystal is off by some tens of ppm. All calls of one machine have one rate, whatever numbers and
//! addresses they use. But all machines with network-synchronised clocks have one rate too, and all callers
//! behind a gateway have the gateway's rate. A rate is therefore evidence only if it is rare among honest
//! callers, and never behind a trunk.

use std::collections::VecDeque;

/// A media clock's rate, in ppm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rate {
    pub(crate) ppm: f32,
    /// Half the width of its 95 % confidence interval.
    pub(crate) within: f32,
}

/// Wider intervals are uninformative, because crystals rarely differ by more.
const WIDEST: f32 = 12.0;

/// Minimum uncertainty of a comparison. Temperature shifts a crystal during the measurement.
const DRIFT: f32 = 2.0;

/// Maximum number of baseline rates.
const MOST: usize = 512;

/// Minimum number of baseline rates for a decision.
const FEWEST: usize = 40;

/// A rate is rare up to this share of honest callers.
const RARE: f64 = 0.15;

impl Rate {
    /// Creates a rate from a measurement. `None` if the interval is too wide to be informative.
    pub(crate) fn new(ppm: f64, (low, high): (f64, f64)) -> Option<Self> {
        let within = ((high - low) / 2.0) as f32;
        (ppm.abs() < 1000.0 && within > 0.0 && within <= WIDEST).then_some(Self { ppm: ppm as f32, within })
    }

    /// Returns true if both rates may belong to one clock.
    pub(crate) fn agrees(self, other: Self) -> bool {
        (self.ppm - other.ppm).abs() <= (self.within.powi(2) + other.within.powi(2)).sqrt() + DRIFT
    }

    /// Inverse-variance weighted mean of several rates.
    pub(crate) fn mean(rates: impl Iterator<Item = Self>) -> Option<Self> {
        let (mut weight, mut sum) = (0.0_f32, 0.0_f32);
        for rate in rates {
            let of = rate.within.max(0.1).powi(-2);
            weight += of;
            sum += of * rate.ppm;
        }
        (weight > 0.0).then(|| Self { ppm: sum / weight, within: weight.sqrt().recip() })
    }
}

/// The baseline: clock rates of honest callers.
#[derive(Default)]
pub(crate) struct BaselineClockRates {
    latest: VecDeque<Rate>,
}

impl BaselineClockRates {
    pub(crate) fn add(&mut self, rate: Rate) {
        if self.latest.len() == MOST {
            self.latest.pop_front();
        }
        self.latest.push_back(rate);
    }

    /// Returns true if the rate is rare among honest callers. Returns false while the baseline is too small.
    pub(crate) fn is_rare(&self, rate: Rate) -> bool {
        let same = self.latest.iter().filter(|known| known.agrees(rate)).count();
        self.latest.len() >= FEWEST && same as f64 <= RARE * self.latest.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(ppm: f32, within: f32) -> Rate {
        Rate { ppm, within }
    }

    #[test]
    fn a_rate_is_rare_where_hardly_anybody_has_it_and_only_once_others_are_known() {
        let mut honest = BaselineClockRates::default();
        let odd = rate(61.0, 4.0);
        for i in 0..FEWEST {
            assert!(!honest.is_rare(odd), "after {i}");
            // Free-running crystals: tens of ppm either way.
            honest.add(rate(((i * 37) % 80) as f32 - 40.0, 5.0));
        }
        assert!(honest.is_rare(odd) && honest.is_rare(rate(61.0, 1.0)));
        // Network-synchronised clocks have one rate.
        for _ in 0..FEWEST {
            honest.add(rate(0.2, 3.0));
        }
        assert!(!honest.is_rare(rate(0.0, 3.0)));
    }

    #[test]
    fn agreement_goes_by_the_intervals() {
        assert!(rate(10.0, 5.0).agrees(rate(16.0, 5.0)));
        assert!(!rate(10.0, 1.0).agrees(rate(16.0, 1.0)));
        let mean = Rate::mean([rate(10.0, 2.0), rate(14.0, 2.0), rate(90.0, 500.0)].into_iter()).unwrap();
        assert!((mean.ppm - 12.0).abs() < 0.1, "{mean:?}");
        assert!(Rate::new(5.0, (-60.0, 70.0)).is_none());
    }
}
