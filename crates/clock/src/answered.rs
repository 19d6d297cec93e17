//! Reads refreshes as a restart timer, which each answer arms: by the waits from answer to refresh.

use bellwether_base::Ppm;

use crate::line::{MAD_TO_SD, middle_and_deviation, student_t_975};
use crate::rate::{Rate, RateKind, RoundTrip, Skew};

/// Fewest waits for a result.
const FEWEST: usize = 4;

/// Largest lateness of a program's timer beyond its clock error: real programs showed 1 to 32 ms at half a
/// minute. Kernel timer slack adds up to a thousandth of the wait, 100 ms at most.
const MAX_LATE_S: f64 = 0.04;
const MAX_SLACK: f64 = 1e-3;
const MAX_SLACK_S: f64 = 0.1;

/// Clock estimate from the waits of a restart timer.
#[derive(Clone, Copy)]
pub(crate) struct Answered {
    /// Time by which the next refresh is later than one period after the answer, in seconds.
    pub(crate) late_s: f64,
    /// Rate of refreshes without the path, and its statistical interval.
    pub(crate) rate: Rate,
    /// Rate by the median wait. It is preferred if the waits vary by the program more than by the path.
    pub(crate) middle: Rate,
    /// Skew of the clock, with an interval that includes the lateness a program may add.
    pub(crate) skew: Skew,
}

impl Answered {
    /// Estimates from waits, which are independent samples of one round trip plus one period each; none if
    /// there are too few.
    pub(crate) fn of(waits: &[Option<f64>], period_s: f64, rtt: RoundTrip) -> Option<Self> {
        let mut sorted: Vec<f64> = waits.iter().flatten().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len();
        if n < FEWEST {
            return None;
        }
        let at = |q: f64| sorted.get(((n - 1) as f64 * q).round() as usize).copied().unwrap_or(0.0);
        // The shortest of `seen` round trips is compared with the expected shortest of equally many waits.
        // For as many waits this is the shortest wait; for one round trip it is the median wait.
        let seen = f64::from(rtt.seen.max(1));
        let rank = ((n + 1) as f64 / (seen + 1.0)).round().max(1.0) as usize - 1;
        let (low, middle) = (sorted.get(rank).copied().unwrap_or(0.0), at(0.5));
        let late = low - rtt.shortest.as_secs_f64();
        // The difference of two minima of one distribution is logistic (Gumbel's extreme value law).
        let least = LOGISTIC_975 * extreme_scale(&sorted);
        // The shortest of a few round trips may lie anywhere in the 95 % range of such minima among the
        // waits.
        let luck = |p: f64| at(1.0 - p.powf(1.0 / seen));
        let (sooner, later) = (least.max(low - luck(0.975)), least.max(luck(0.025) - low));
        // The uncertainty of the path is the distance from the shortest to the median wait. A round trip can
        // also be the device's time to answer a challenge, without any path. In the extreme there is no path,
        // and the whole wait is lateness.
        let path = (middle - low).max(rtt.shortest.as_secs_f64());
        let rate = |seconds: f64| Ppm(-seconds / period_s * 1e6);
        let program = MAX_LATE_S + (period_s * MAX_SLACK).min(MAX_SLACK_S);
        let shortest = Rate {
            rate: rate(late),
            ci95: (rate(late + later), rate(late - sooner)),
            kind: RateKind::Shortest,
        };
        let (by_middle, varies) = middle_rate(&sorted, rtt, rate);
        let is_programs_own =
            rtt.middle.is_some_and(|(_, off)| varies > OWN_SPREAD * off.as_secs_f64() + OWN_SPREAD_S);
        Some(Self {
            late_s: late,
            rate: if is_programs_own { by_middle } else { shortest },
            middle: by_middle,
            skew: Skew {
                skew: rate(late),
                ci95: (rate(late + later + path), rate(late - sooner - program)),
                method: "restart_wait",
            },
        })
    }
}

/// Waits that exceed the variation of round trips by this factor, plus this many seconds, vary by the
/// program. The median wait is then more accurate than the shortest, which is then an accident. If the path
/// varies both, the shortest of each is near its floor.
const OWN_SPREAD: f64 = 3.0;
const OWN_SPREAD_S: f64 = 1.5e-3;

/// The rate by the median of sorted waits, and their median absolute deviation. The median round trip is
/// subtracted. Without one, the shortest round trip replaces it, with the spread of the waits as its
/// uncertainty.
fn middle_rate(sorted: &[f64], rtt: RoundTrip, rate: impl Fn(f64) -> Ppm) -> (Rate, f64) {
    let n = sorted.len() as f64;
    let (wait, varies) = middle_and_deviation(sorted);
    let spread = MAD_TO_SD * varies;
    let (trip, trip_variance) = match rtt.middle {
        Some((middle, off)) => {
            let deviation = MAD_TO_SD * off.as_secs_f64();
            (middle.as_secs_f64(), deviation * deviation / f64::from(rtt.seen.clamp(1, RoundTrip::KEPT)))
        }
        None => (rtt.shortest.as_secs_f64(), spread * spread),
    };
    // The variance of a median is pi / 2 times that of a mean.
    let deviation = (std::f64::consts::FRAC_PI_2 * (spread * spread / n + trip_variance)).sqrt();
    let half = student_t_975(sorted.len() as u32 - 1) * deviation;
    let late = wait - trip;
    let ci95 = (rate(late + half), rate(late - half));
    (Rate { rate: rate(late), ci95, kind: RateKind::Middle }, varies)
}

/// 97.5 % point of the standard logistic distribution.
const LOGISTIC_975: f64 = 3.664;

/// Scale of the extreme value law for the smallest of sorted values: the i-th gap between the lowest values
/// is exponential with mean scale / i (Renyi). If the distribution ends sharply, the gaps grow more slowly,
/// and the scale is overestimated rather than underestimated.
fn extreme_scale(sorted: &[f64]) -> f64 {
    let gaps = (sorted.len() / 4).clamp(2, 6);
    let weighted = sorted.windows(2).take(gaps).zip(1_u32..).map(|(w, i)| f64::from(i) * (w[1] - w[0]));
    weighted.sum::<f64>() / gaps as f64
}

#[cfg(test)]
mod tests {
    use bellwether_base::Span;

    use super::*;

    #[test]
    fn a_device_that_is_slow_to_answer_a_challenge_has_its_truth_within_the_interval() {
        // A clock 100 ppm fast behind a path of 5 ms, with a punctual timer; the time to answer a challenge
        // varies.
        let (period_s, path) = (45.0, 5e-3);
        let waits: Vec<Option<f64>> =
            (0..40_i32).map(|i| Some(path - 100e-6 * period_s + f64::from(i * 7919 % 10) * 1e-5)).collect();
        for slow in [0.0, 2e-3, 30e-3, 300e-3] {
            let shortest = Span::from_nanos(((path + slow) * 1e9) as i64);
            let found =
                Answered::of(&waits, period_s, RoundTrip { shortest, seen: 3, middle: None }).unwrap();
            let (low, high) = (found.skew.ci95.0.0, found.skew.ci95.1.0);
            assert!(low <= 100.0 && 100.0 <= high, "{slow}: {low} to {high}");
            // The bound for the case that the whole wait is lateness.
            assert!(low >= -300.0, "{slow}: {low}");
        }
    }
}
