use bellwether_base::Ppm;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::{Rate, RateKind, Reading};

/// Result of testing if two timelines come from one device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The rates agree, and are accurate enough that most other devices would not agree.
    Same,
    /// The rates differ by more than chance and drift allow.
    Different,
    /// The refreshes do not show which.
    CannotTell,
}

impl Verdict {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// Comparison of two timelines.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Match {
    /// The result.
    pub verdict: Verdict,
    /// Probability that rates of one device differ as much by chance; none if they are not comparable.
    pub p_value: Option<f64>,
    /// Second rate minus first.
    pub difference: Option<Ppm>,
    /// log10 likelihood ratio of the difference: one device against two devices.
    pub log10_odds: Option<f64>,
}

/// Tolerances of a comparison.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tolerance {
    /// Share of pairs from one device that may be reported as different.
    pub false_alarms: f64,
    /// Standard deviation of a crystal's rate over temperature.
    pub drift: Ppm,
}

impl Default for Tolerance {
    fn default() -> Self {
        // A crystal in a room: some parts in ten million per degree, over a few degrees.
        Self { false_alarms: 0.01, drift: Ppm(1.0) }
    }
}

/// Standard deviation of crystal rates between devices. Agreement of rates with a larger uncertainty proves
/// nothing.
const BETWEEN_DEVICES: f64 = 30.0;

/// Compares the clocks of two devices, by rates of the same kind and nominal period. Rates of restart timers
/// include the program's lateness and rates of schedules do not, so different kinds are not comparable.
#[must_use]
pub fn compare_clocks(a: &Reading, b: &Reading, tolerance: &Tolerance) -> Match {
    const NOTHING: Match =
        Match { verdict: Verdict::CannotTell, p_value: None, difference: None, log10_odds: None };
    // Random intervals have no nominal period, only a mean.
    let is_near = |allowed: f64| (a.period_s - b.period_s).abs() <= allowed * a.period_s.max(b.period_s);
    let (Some(Rate { rate: one, ci95: (low, high), kind }), Some(other)) = (a.rate, b.rate) else {
        return NOTHING;
    };
    let is_one_period = is_near(if kind == RateKind::Drawn { 0.2 } else { 1e-9 });
    if kind != other.kind || !is_one_period {
        return NOTHING;
    }
    let Rate { rate: two, ci95: (other_low, other_high), .. } = other;
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
    let between = noise.hypot(BETWEEN_DEVICES * std::f64::consts::SQRT_2);
    let log_density = |deviation: f64| -0.5 * (difference / deviation).powi(2) - deviation.ln();
    let log10_odds = (log_density(noise) - log_density(between)) / std::f64::consts::LN_10;
    Match { verdict, p_value: Some(p_value), difference: Some(Ppm(difference)), log10_odds: Some(log10_odds) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Discipline, NoFit, SkewFit};

    fn reading(kind: RateKind, rate: f64, half: f64) -> Reading {
        let ci95 = (Ppm(rate - half), Ppm(rate + half));
        Reading {
            discipline: Discipline::Undetermined,
            odds: 0.0,
            period_s: 25.0,
            slope: SkewFit { skew: Ppm(rate), ci95, residual_s: 1e-3, refreshes: 40 },
            skew: Err(NoFit::PathUnknown),
            lateness_s: None,
            rate: Some(Rate { rate: Ppm(rate), ci95, kind }),
            path_steps: 0,
        }
    }

    #[test]
    fn rates_are_compared_within_what_chance_allows() {
        let of = |rate, half| reading(RateKind::Schedule, rate, half);
        let verdict = |a: &Reading, b: &Reading| compare_clocks(a, b, &Tolerance::default()).verdict;
        assert_eq!(verdict(&of(20.0, 2.0), &of(22.0, 2.0)), Verdict::Same);
        assert_eq!(verdict(&of(20.0, 2.0), &of(40.0, 2.0)), Verdict::Different);
        assert_eq!(verdict(&of(20.0, 80.0), &of(40.0, 80.0)), Verdict::CannotTell);
        let other = reading(RateKind::Shortest, 20.0, 2.0);
        assert_eq!(verdict(&of(20.0, 2.0), &other), Verdict::CannotTell);
        assert_eq!(verdict(&other, &reading(RateKind::Middle, 20.0, 2.0)), Verdict::CannotTell);
        let elsewhere = Reading { period_s: 27.0, ..of(20.0, 2.0) };
        let found = compare_clocks(&of(20.0, 2.0), &elsewhere, &Tolerance::default());
        assert_eq!(found.p_value, None, "another period");
        let drawn = |period_s| Reading { period_s, ..reading(RateKind::Drawn, 20.0, 2.0) };
        assert_eq!(verdict(&drawn(30.0), &drawn(31.0)), Verdict::Same);
        assert_eq!(verdict(&drawn(30.0), &drawn(60.0)), Verdict::CannotTell);
    }
}
