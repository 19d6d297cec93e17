use bellwether_base::Ppm;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::{Discipline, Reading};

/// Whether two timelines come from one device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Their rates agree, and are known well enough that most other devices would not.
    Same,
    /// Their rates differ by more than chance and drift allow.
    Different,
    /// The refreshes do not tell.
    CannotTell,
}

impl Verdict {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// Two timelines held against each other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Match {
    /// What they say.
    pub verdict: Verdict,
    /// How often rates of one device would differ as much by chance; none where they cannot be compared.
    pub p_value: Option<f64>,
    /// Second rate minus first.
    pub difference: Option<Ppm>,
}

/// What a comparison allows for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tolerance {
    /// Share of pairs from one device that may be called different.
    pub false_alarms: f64,
    /// How far a crystal's rate wanders with temperature, as a standard deviation.
    pub drift: Ppm,
}

impl Default for Tolerance {
    fn default() -> Self {
        // A crystal in a room: some parts in ten million per degree, over a few degrees.
        Self { false_alarms: 0.01, drift: Ppm(1.0) }
    }
}

/// Crystals of different devices lie this far apart, as a standard deviation: rates known no better say nothing by agreeing.
const BETWEEN_DEVICES: f64 = 30.0;

/// Compares two devices' clocks, by rates of one kind: of one nominal period, and both read as a schedule or both as a timer
/// that answers arm (which includes those that may be one), since a program's lateness is in the latter.
#[must_use]
pub fn compare_clocks(a: (&Reading, f64), b: (&Reading, f64), tolerance: &Tolerance) -> Match {
    const NOTHING: Match = Match { verdict: Verdict::CannotTell, p_value: None, difference: None };
    let ((a, a_period), (b, b_period)) = (a, b);
    let kind = |reading: &Reading| match reading.discipline {
        Discipline::Periodic => Some(Discipline::Periodic),
        Discipline::Restart | Discipline::Undetermined => Some(Discipline::Restart),
        Discipline::Randomised => None,
    };
    let is_comparable = kind(a).is_some() && kind(a) == kind(b) && (a_period - b_period).abs() < 1e-9;
    let (true, Some((one, (low, high))), Some((two, (other_low, other_high)))) =
        (is_comparable, a.rate, b.rate)
    else {
        return NOTHING;
    };
    // Half of a 95 % interval is nearly two standard deviations.
    let deviation = |low: Ppm, high: Ppm| (high.0 - low.0) / 2.0 / 1.96;
    let noise = deviation(low, high)
        .hypot(deviation(other_low, other_high))
        .hypot(tolerance.drift.0 * std::f64::consts::SQRT_2);
    let difference = two.0 - one.0;
    if !(noise.is_finite() && noise > 0.0) {
        return NOTHING;
    }
    let p_value = 2.0 * Normal::standard().cdf(-(difference / noise).abs());
    let verdict = if p_value < tolerance.false_alarms {
        Verdict::Different
    } else if noise < BETWEEN_DEVICES / 3.0 {
        Verdict::Same
    } else {
        Verdict::CannotTell
    };
    Match { verdict, p_value: Some(p_value), difference: Some(Ppm(difference)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoFit, SkewFit};

    fn reading(discipline: Discipline, rate: f64, half: f64) -> Reading {
        let ci95 = (Ppm(rate - half), Ppm(rate + half));
        Reading {
            discipline,
            odds: 0.0,
            slope: SkewFit { skew: Ppm(rate), ci95, residual_s: 1e-3, refreshes: 40 },
            skew: Err(NoFit::PathUnknown),
            lateness_s: None,
            rate: Some((Ppm(rate), ci95)),
            path_steps: 0,
        }
    }

    #[test]
    fn rates_are_compared_within_what_chance_allows() {
        let of = |rate, half| reading(Discipline::Periodic, rate, half);
        let verdict =
            |a: &Reading, b: &Reading| compare_clocks((a, 25.0), (b, 25.0), &Tolerance::default()).verdict;
        assert_eq!(verdict(&of(20.0, 2.0), &of(22.0, 2.0)), Verdict::Same);
        assert_eq!(verdict(&of(20.0, 2.0), &of(40.0, 2.0)), Verdict::Different);
        assert_eq!(verdict(&of(20.0, 80.0), &of(40.0, 80.0)), Verdict::CannotTell);
        let other = reading(Discipline::Restart, 20.0, 2.0);
        assert_eq!(verdict(&of(20.0, 2.0), &other), Verdict::CannotTell);
        assert_eq!(verdict(&reading(Discipline::Undetermined, 20.0, 2.0), &other), Verdict::Same);
        let drawn = reading(Discipline::Randomised, 20.0, 2.0);
        assert_eq!(verdict(&drawn, &drawn), Verdict::CannotTell);
        let found = compare_clocks((&of(20.0, 2.0), 25.0), (&of(20.0, 2.0), 27.0), &Tolerance::default());
        assert_eq!(found.p_value, None, "another period");
    }
}
