//! Refreshes read as a timer that each answer arms: waits from answer to refresh.

use bellwether_base::Ppm;

use crate::line::{MAD_TO_SD, middle_and_deviation, student_t_975};
use crate::reading::{Rate, RateKind};
use crate::{RoundTrip, Skew};

/// Waits below which nothing is said.
const FEWEST: usize = 4;

/// How late a program's timer may be after its time is up, beyond what its clock says: 1 to 32 ms were measured of real
/// programs at half a minute, and kernels add a thousandth of the wait, 100 ms at most.
const MAX_LATE_S: f64 = 0.04;
const MAX_SLACK: f64 = 1e-3;
const MAX_SLACK_S: f64 = 0.1;

/// What the waits of a timer that answers arm say of its clock.
#[derive(Clone, Copy)]
pub(crate) struct Answered {
    /// How much later than the period after the answer the next refresh left, in seconds.
    pub(crate) late_s: f64,
    /// The rate of refreshes with the path taken out, and its statistical interval.
    pub(crate) rate: Rate,
    /// The same by the middle of the waits, whose spread is then the program's own more than the path's.
    pub(crate) middle: Rate,
    /// The clock's own, with an interval that holds what the program may add.
    pub(crate) skew: Skew,
}

impl Answered {
    /// Waits from answer to refresh are independent samples, each a round trip and a period long; none if there are too few.
    pub(crate) fn of(waits: &[Option<f64>], period_s: f64, rtt: RoundTrip) -> Option<Self> {
        let mut sorted: Vec<f64> = waits.iter().flatten().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len();
        if n < FEWEST {
            return None;
        }
        let at = |q: f64| sorted.get(((n - 1) as f64 * q).round() as usize).copied().unwrap_or(0.0);
        // The shortest of `seen` round trips is held against the wait that as many would have as their shortest: of as many waits
        // the shortest, of one round trip the middle.
        let seen = f64::from(rtt.seen.max(1));
        let rank = ((n + 1) as f64 / (seen + 1.0)).round().max(1.0) as usize - 1;
        let (low, middle) = (sorted.get(rank).copied().unwrap_or(0.0), at(0.5));
        let late = low - rtt.shortest.as_secs_f64();
        // Two shortest of one distribution differ by a logistic variable (Gumbel's law of extremes).
        let least = LOGISTIC_975 * extreme_scale(&sorted);
        // The shortest of few may be any of the waits that one in forty of such samples would have as theirs, on either side.
        let luck = |p: f64| at(1.0 - p.powf(1.0 / seen));
        let (sooner, later) = (least.max(low - luck(0.975)), least.max(luck(0.025) - low));
        // How far the fastest are from the usual is how unsure the path is. A device that is slow to answer a challenge is in its round
        // trip as in no path: at the furthest there is no path at all, and all of the wait is lateness.
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

/// Waits that vary so much more than round trips do, in times and in seconds, vary by the program: then their middle says more than
/// the shortest, which is a stroke of luck. Where the path makes both vary, the shortest of both are near its floor.
const OWN_SPREAD: f64 = 3.0;
const OWN_SPREAD_S: f64 = 1.5e-3;

/// The rate by the middle of sorted waits, and how far half of them lie from it at most. The middle round trip
/// is taken out; without that, the shortest stands for it, and what the waits vary by is what it may be off.
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
    // A median's variance is pi / 2 times a mean's.
    let deviation = (std::f64::consts::FRAC_PI_2 * (spread * spread / n + trip_variance)).sqrt();
    let half = student_t_975(sorted.len() as u32 - 1) * deviation;
    let late = wait - trip;
    let ci95 = (rate(late + half), rate(late - half));
    (Rate { rate: rate(late), ci95, kind: RateKind::Middle }, varies)
}

/// 97.5 % point of the standard logistic distribution.
const LOGISTIC_975: f64 = 3.664;

/// Scale of the law of the smallest of sorted values: the i-th gap between the lowest is exponential with an i-th of it (Renyi).
/// Where a distribution ends sharply, gaps grow more slowly than that and the scale comes out too large, not too small.
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
        // A clock 100 ppm fast behind a path of 5 ms, whose timer is on time; what it takes to answer a challenge varies.
        let (period_s, path) = (45.0, 5e-3);
        let waits: Vec<Option<f64>> =
            (0..40_i32).map(|i| Some(path - 100e-6 * period_s + f64::from(i * 7919 % 10) * 1e-5)).collect();
        for slow in [0.0, 2e-3, 30e-3, 300e-3] {
            let shortest = Span::from_nanos(((path + slow) * 1e9) as i64);
            let found =
                Answered::of(&waits, period_s, RoundTrip { shortest, seen: 3, middle: None }).unwrap();
            let (low, high) = (found.skew.ci95.0.0, found.skew.ci95.1.0);
            assert!(low <= 100.0 && 100.0 <= high, "{slow}: {low} to {high}");
            // And no further than if all of the wait were lateness.
            assert!(low >= -300.0, "{slow}: {low}");
        }
    }
}
