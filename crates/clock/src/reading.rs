use bellwether_base::{Ppm, Span};

use crate::discipline::{Discipline, classify};
use crate::fit::{is_of_period, main_period};
use crate::line::{Offsets, Slope, least_squares, robust_slope};
use crate::steps::{evidence, parted_at_step};
use crate::{NoFit, SegmentStats, SkewFit, pooled_fit};

/// How late a program's timer may be after its time is up, beyond what its clock says: 1 to 32 ms were measured of real
/// programs at half a minute, and kernels add a thousandth of the wait, 100 ms at most.
const MOST_LATE_S: f64 = 0.04;
const MOST_SLACK: f64 = 1e-3;
const MOST_SLACK_S: f64 = 0.1;

/// Spread below which offsets show no jitter at all: then both disciplines say the same.
const NO_JITTER_S: f64 = 5e-6;

/// A slope that is steeper than this belongs to another period: half of what neighbouring periods of the grid differ by at
/// 25 s.
const MOST_SLOPE_PPM: f64 = 10_000.0;

/// A clock that is further off than this is no crystal.
const MOST_SKEW: f64 = 5e-4;

/// Readings of both disciplines that lie no further apart are the same for every purpose.
const AGREEMENT_PPM: f64 = 50.0;

/// Steps of the path that are taken out of one timeline.
const MOST_STEPS: u32 = 3;

/// A step must be so many times likelier than none (natural logarithm): its place and its height were chosen.
const STEP_ODDS: f64 = 20.0;

/// Logarithm of the odds against a reading by which the device's clock would be no crystal.
const IMPLAUSIBLE: f64 = 8.0;

/// What the refreshes of one device say of its clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// How the timer is armed.
    pub discipline: Discipline,
    /// Natural logarithm of the odds for restart against periodic.
    pub odds: f64,
    /// The paper's slope: least squares over everything, whatever the discipline.
    pub slope: SkewFit,
    /// The clock's own skew, or why it cannot be had.
    pub skew: Result<Skew, NoFit>,
    /// Of restart timers: how much later than the nominal period after the answer the next refresh was sent, in seconds. It
    /// holds the program's lateness and the clock's skew.
    pub lateness_s: Option<f64>,
    /// The rate of refreshes with the path taken out, lateness left in, and its statistical interval alone: what one program
    /// is compared by, with itself over time or with another instance of it. Of timers that may be armed by answers it is
    /// read as of such.
    pub rate: Option<(Ppm, (Ppm, Ppm))>,
    /// Steps of the path that were taken out: a new route makes all that follows earlier or later by one amount.
    pub path_steps: u32,
}

/// A reading of the points as a schedule.
struct Schedule {
    points: Vec<Offsets>,
    robust: Option<Slope>,
    line: f64,
    residuals: Vec<f64>,
    discipline: Discipline,
    odds: f64,
}

impl Schedule {
    /// The line that `fit` gives, or one of slope `otherwise`, and how it stands against timers that answers arm.
    fn over(
        points: Vec<Offsets>,
        fit: impl FnOnce(&[Offsets]) -> Option<Slope>,
        otherwise: f64,
        waits: &[Vec<f64>],
        prior: impl FnOnce(f64) -> f64,
        steps: usize,
    ) -> Self {
        let robust = fit(&points);
        let line = robust.map_or(otherwise, |r| r.slope);
        let residuals = residuals(&points, line);
        let (discipline, odds) = classify(&residuals, &points, waits, prior(line), steps);
        Self { points, robust, line, residuals, discipline, odds }
    }
}

/// A clock's rate against the sensor's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skew {
    /// Positive: the clock runs fast.
    pub skew: Ppm,
    /// 95 % interval.
    pub ci95: (Ppm, Ppm),
    /// The estimator.
    pub method: &'static str,
}

/// The shortest round trip between the sensor and the device, and of how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundTrip {
    /// The shortest.
    pub shortest: Span,
    /// Of so many.
    pub seen: u32,
}

/// Reads a device's clock from all its segments.
///
/// # Errors
/// Why there is not even a slope.
pub fn read_clock(segments: &[SegmentStats], round_trip: Option<RoundTrip>) -> Result<Reading, NoFit> {
    let segments: Vec<SegmentStats> = segments.iter().map(SegmentStats::on_grid).collect();
    let slope = pooled_fit(&segments)?;
    if slope.skew.0.abs() > MOST_SLOPE_PPM {
        return Err(NoFit::IrregularIntervals);
    }
    let period_s = main_period(&segments);
    let used: Vec<&SegmentStats> = segments.iter().filter(|s| is_of_period(s, period_s)).collect();
    let points: Vec<Offsets> = used.iter().map(|s| s.points().map(|p| (p.x_s, p.y_s)).collect()).collect();
    let waits: Vec<Vec<f64>> = used.iter().map(|s| s.points().filter_map(|p| p.wait_s).collect()).collect();
    let prior = |line: f64| prior_odds(line, &waits, period_s, round_trip);
    let mut schedule = Schedule::over(points, robust_slope, slope.skew.0 * 1e-6, &waits, prior, 0);
    let mut path_steps = 0;
    let straight = |points: &[Offsets]| robust_slope(points).or_else(|| least_squares(points));
    while path_steps < MOST_STEPS {
        let Some(parts) = parted_at_step(&schedule.points, schedule.line) else { break };
        let steps = path_steps + 1;
        let stepped = Schedule::over(parts, straight, schedule.line, &waits, prior, steps as usize);
        let is_likely = evidence(&schedule.residuals, &stepped.residuals) >= STEP_ODDS;
        if !is_likely || stepped.discipline != Discipline::Periodic {
            break;
        }
        (schedule, path_steps) = (stepped, steps);
    }
    let Schedule { robust, line, mut discipline, odds, .. } = schedule;
    let is_exact = slope.residual_s < NO_JITTER_S && line.abs() < MOST_SKEW;
    if discipline == Discipline::Undetermined && is_exact {
        discipline = Discipline::Periodic;
    }
    let periodic = || match robust {
        Some(r) => Skew {
            skew: Ppm(r.slope * 1e6),
            ci95: (Ppm((r.slope - r.half) * 1e6), Ppm((r.slope + r.half) * 1e6)),
            method: r.method,
        },
        None => {
            // Refreshes that look like a schedule by chance also look more regular than they are.
            let n = f64::from(slope.refreshes);
            let half = (slope.ci95.1.0 - slope.skew.0) * (1.0 + 130.0 / (n * n));
            let ci95 = (Ppm(slope.skew.0 - half), Ppm(slope.skew.0 + half));
            Skew { skew: slope.skew, ci95, method: "least_squares" }
        }
    };
    let mut reading = Reading {
        discipline,
        odds,
        slope,
        skew: Err(NoFit::DisciplineUndetermined),
        lateness_s: None,
        rate: None,
        path_steps,
    };
    match discipline {
        Discipline::Periodic => {
            let skew = periodic();
            reading.rate = Some((skew.skew, skew.ci95));
            reading.skew = Ok(skew);
        }
        Discipline::Restart => restart(&mut reading, &waits, period_s, round_trip),
        Discipline::Randomised | Discipline::Undetermined => {
            let schedule = periodic();
            restart(&mut reading, &waits, period_s, round_trip);
            reading.lateness_s = None;
            // Near its registrar a device's two readings hardly differ: then it does not matter which is right.
            reading.skew = match reading.skew {
                Ok(answered) if (answered.skew.0 - schedule.skew.0).abs() < AGREEMENT_PPM => Ok(Skew {
                    skew: schedule.skew,
                    ci95: (
                        Ppm(answered.ci95.0.0.min(schedule.ci95.0.0)),
                        Ppm(answered.ci95.1.0.max(schedule.ci95.1.0)),
                    ),
                    method: "either",
                }),
                _ => Err(NoFit::DisciplineUndetermined),
            };
        }
    }
    Ok(reading)
}

/// What is known of clocks before the refreshes are compared: a schedule whose slope no crystal has is a timer that is armed by
/// answers, and one that is armed by answers does not refresh sooner than its period after them.
fn prior_odds(slope: f64, waits: &[Vec<f64>], period_s: f64, round_trip: Option<RoundTrip>) -> f64 {
    let is_schedule_plausible = slope.abs() < MOST_SKEW;
    let soonest = waits.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    if !soonest.is_finite() {
        return 0.0;
    }
    let way = round_trip.map_or(0.0, |trip| trip.shortest.as_secs_f64());
    let is_restart_plausible = (soonest - way) / period_s > -MOST_SKEW;
    match (is_schedule_plausible, is_restart_plausible) {
        (true, false) => -IMPLAUSIBLE,
        (false, true) => IMPLAUSIBLE,
        _ => 0.0,
    }
}

/// Restart timers: the waits from answer to refresh are independent samples, each a round trip and a period long.
fn restart(reading: &mut Reading, waits: &[Vec<f64>], period_s: f64, round_trip: Option<RoundTrip>) {
    let mut sorted: Vec<f64> = waits.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let (Some(rtt), true) = (round_trip, n >= 4) else {
        reading.skew = Err(NoFit::PathUnknown);
        return;
    };
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
    // How far the fastest are from the usual is how unsure the path is.
    let path = middle - low;
    let rate = |seconds: f64| Ppm(-seconds / period_s * 1e6);
    reading.lateness_s = Some(late);
    reading.rate = Some((rate(late), (rate(late + later), rate(late - sooner))));
    let program = MOST_LATE_S + (period_s * MOST_SLACK).min(MOST_SLACK_S);
    reading.skew = Ok(Skew {
        skew: rate(late),
        ci95: (rate(late + later + path), rate(late - sooner - program)),
        method: "restart_wait",
    });
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

/// What is left of the offsets around lines of one slope, each segment's middle taken out.
fn residuals(segments: &[Offsets], slope: f64) -> Vec<f64> {
    let mut out = Vec::new();
    for points in segments {
        let mut of: Vec<f64> = points.iter().map(|(x, y)| y - slope * x).collect();
        let mut sorted = of.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        of.iter_mut().for_each(|r| *r -= middle);
        out.append(&mut of);
    }
    out
}
