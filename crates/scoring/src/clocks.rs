//! Media clocks: the rate of the one that paces a caller's packets, against the sensor's.
//!
//! A crystal is off by some tens of millionths, each by its own. Calls of one machine have one rate, whatever numbers and addresses they
//! show. But machines that set their clocks by the network all have the same, and a gateway's callers have the gateway's: a rate tells only
//! where hardly anybody honest has it, and never behind a trunk.

use std::collections::VecDeque;

/// A media clock's rate, in millionths.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rate {
    pub(crate) ppm: f32,
    /// Half the width of its 95 % interval.
    pub(crate) within: f32,
}

/// Intervals wider than this either way tell nothing: crystals do not differ by much more.
const WIDEST: f32 = 12.0;

/// What a mean is uncertain by at least: temperature moves a crystal while it is looked at.
const DRIFT: f32 = 2.0;

/// Honest callers' rates that are remembered, and fewest without which nothing is known of them.
const MOST: usize = 512;
const FEWEST: usize = 40;

/// Share of honest callers up to which a rate is hardly anybody's.
const RARE: f64 = 0.15;

impl Rate {
    /// From a measured rate and its interval; none where that is too wide to tell anything.
    pub(crate) fn new(ppm: f64, (low, high): (f64, f64)) -> Option<Self> {
        let within = ((high - low) / 2.0) as f32;
        (ppm.abs() < 1000.0 && within > 0.0 && within <= WIDEST).then_some(Self { ppm: ppm as f32, within })
    }

    /// Whether two may be of one clock.
    pub(crate) fn agrees(self, other: Self) -> bool {
        (self.ppm - other.ppm).abs() <= (self.within.powi(2) + other.within.powi(2)).sqrt() + DRIFT
    }

    /// The mean of several, weighed by how well each is known.
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

/// The rates of honest callers' clocks.
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

    /// Whether hardly any honest caller has such a clock. Not as long as too few are known.
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
            // Crystals: tens of millionths either way.
            honest.add(rate(((i * 37) % 80) as f32 - 40.0, 5.0));
        }
        assert!(honest.is_rare(odd) && honest.is_rare(rate(61.0, 1.0)));
        // Clocks that are set by the network are all alike.
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
