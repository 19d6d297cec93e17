use bellwether_base::{Ppm, Span};

use crate::answered::Answered;
use crate::fit::{is_of_period, main_period};
use crate::line::{Offsets, middle_and_deviation, select, student_t_975};
use crate::schedule::Schedule;
use crate::{Discipline, NoFit, SegmentStats, SkewFit, pooled_fit};

/// Spread below which offsets show no jitter at all: then both disciplines say the same.
const NO_JITTER_S: f64 = 5e-6;

/// A slope that is steeper than this belongs to another period: half of what neighbouring periods of the grid differ by at
/// 25 s.
const MAX_SLOPE_PPM: f64 = 10_000.0;

/// A clock that is further off than this is no crystal.
const MAX_SKEW: f64 = 5e-4;

/// Readings of both disciplines that lie no further apart are the same for every purpose.
const AGREEMENT_PPM: f64 = 50.0;

/// Logarithm of the odds against a reading by which the device's clock would be no crystal.
const IMPLAUSIBLE: f64 = 8.0;

/// And against one by which refreshes come before the answer could have armed their timer: by more than any clock is off, and a
/// program's own time in a challenge's round trip.
const IMPOSSIBLE: f64 = 100.0;
const FAR_TOO_SOON: f64 = 1.5e-3;

/// What the refreshes of one device say of its clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// How the timer is armed.
    pub discipline: Discipline,
    /// Natural logarithm of the odds for restart against periodic.
    pub odds: f64,
    /// The nominal period that the reading goes by, in seconds; of drawn intervals their mean.
    pub period_s: f64,
    /// The paper's slope: least squares over everything, whatever the discipline.
    pub slope: SkewFit,
    /// The clock's own skew, or why it cannot be had.
    pub skew: Result<Skew, NoFit>,
    /// Of restart timers: how much later than the nominal period after the answer the next refresh was sent, in seconds. It
    /// holds the program's lateness and the clock's skew.
    pub lateness_s: Option<f64>,
    /// The rate of refreshes with the path taken out, lateness left in: what one program is compared by, with itself over
    /// time or with another instance of it. Of timers that may be armed by answers it is read as of such.
    pub rate: Option<Rate>,
    /// Steps of the path that were taken out: a new route makes all that follows earlier or later by one amount.
    pub path_steps: u32,
}

/// The rate of refreshes, with its statistical interval alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Positive: refreshes come early.
    pub rate: Ppm,
    /// 95 % interval.
    pub ci95: (Ppm, Ppm),
    /// What it was read from: rates of different kinds do not compare, as a program's lateness is in them in different ways.
    pub kind: RateKind,
}

/// What a rate was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKind {
    /// The line of a schedule.
    Schedule,
    /// The shortest waits, against the shortest round trips.
    Shortest,
    /// The middle of the waits, against the middle of the round trips.
    Middle,
    /// What drawn intervals have beyond whole seconds.
    Drawn,
    /// Each interval for itself, of timers that nothing answers.
    Interval,
}

impl RateKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Shortest => "shortest_wait",
            Self::Middle => "middle_wait",
            Self::Drawn => "drawn_wait",
            Self::Interval => "interval",
        }
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

/// The round trips between the sensor and the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundTrip {
    /// The shortest.
    pub shortest: Span,
    /// Of so many.
    pub seen: u32,
    /// The middle of the latest, and how far half of them lie from it at most; none if there are too few for that.
    pub middle: Option<(Span, Span)>,
}

impl RoundTrip {
    /// Of so many round trips the middle is taken: the latest.
    pub const KEPT: u32 = 8;
}

/// Reads a device's clock from all its segments.
///
/// # Errors
/// Why there is not even a slope.
pub fn read_clock(segments: &[SegmentStats], round_trip: Option<RoundTrip>) -> Result<Reading, NoFit> {
    let segments: Vec<SegmentStats> = segments.iter().map(SegmentStats::on_grid).collect();
    let slope = pooled_fit(&segments)?;
    if slope.skew.0.abs() > MAX_SLOPE_PPM {
        return Err(NoFit::IrregularIntervals);
    }
    let period_s = main_period(&segments);
    let used: Vec<&SegmentStats> = segments.iter().filter(|s| is_of_period(s, period_s)).collect();
    if used.iter().any(|s| s.is_drawn()) {
        return Ok(drawn(&used, slope, round_trip));
    }
    let points: Vec<Offsets> = used.iter().map(|s| s.points().map(|p| (p.x_s, p.y_s)).collect()).collect();
    let waits: Vec<Option<f64>> = used.iter().flat_map(|s| s.points().map(|p| p.wait_s)).collect();
    let prior = |line: f64| prior_odds(line, &waits, period_s, round_trip);
    let schedule = Schedule::of(points.clone(), slope, &waits, prior);
    let mut discipline = schedule.discipline;
    let is_exact = slope.residual_s < NO_JITTER_S && schedule.line.abs() < MAX_SKEW;
    if discipline == Discipline::Undetermined && is_exact {
        discipline = Discipline::Periodic;
    }
    let answered = round_trip.and_then(|trip| Answered::of(&waits, period_s, trip));
    let skew = match (discipline, answered) {
        (Discipline::Periodic, _) => Ok(schedule.skew(&slope)),
        (_, None) => Err(if discipline == Discipline::Restart {
            NoFit::PathUnknown
        } else {
            NoFit::DisciplineUndetermined
        }),
        (Discipline::Restart, Some(answered)) => Ok(answered.skew),
        (Discipline::Randomised | Discipline::Undetermined, Some(answered)) => {
            either(schedule.skew(&slope), answered.skew).ok_or(NoFit::DisciplineUndetermined)
        }
    };
    let rate = match (discipline, skew) {
        (Discipline::Periodic, Ok(skew)) => {
            Some(Rate { rate: skew.skew, ci95: skew.ci95, kind: RateKind::Schedule })
        }
        _ if waits.iter().all(Option::is_none) => by_intervals(&points, period_s),
        _ => answered.map(|answered| answered.rate),
    };
    let lateness_s = answered.filter(|_| discipline == Discipline::Restart).map(|answered| answered.late_s);
    let Schedule { odds, path_steps, .. } = schedule;
    Ok(Reading { discipline, odds, period_s, slope, skew, lateness_s, rate, path_steps })
}

/// Intervals that are drawn in whole seconds have a remainder all the same: the answer's way, the program's lateness, and what the
/// clock gains over the mean interval.
fn drawn(used: &[&SegmentStats], slope: SkewFit, round_trip: Option<RoundTrip>) -> Reading {
    let seconds: f64 = used.iter().map(|s| s.last_at.since(s.first_at).as_secs_f64()).sum();
    let intervals: u32 = used.iter().map(|s| s.refreshes - 1).sum();
    let period_s = seconds / f64::from(intervals.max(1));
    let waits: Vec<Option<f64>> = used.iter().flat_map(|s| s.points().map(|p| p.wait_s)).collect();
    let answered = round_trip.and_then(|trip| Answered::of(&waits, period_s, trip));
    Reading {
        discipline: Discipline::Randomised,
        odds: 0.0,
        period_s,
        slope,
        skew: Err(NoFit::IrregularIntervals),
        lateness_s: answered.map(|answered| answered.late_s),
        rate: answered.map(|answered| Rate { kind: RateKind::Drawn, ..answered.middle }),
        path_steps: 0,
    }
}

/// The mean interval of a timer that may be armed again by whatever it does, with no answer to hold it against: what that adds is
/// in it. Intervals far from the rest do not count.
fn by_intervals(points: &[Offsets], period_s: f64) -> Option<Rate> {
    let mut steps: Vec<f64> = Vec::new();
    for segment in points {
        steps.extend(
            segment.windows(2).map(|w| (w[1].1 - w[0].1) / ((w[1].0 - w[0].0) / period_s).round().max(1.0)),
        );
    }
    let (middle, deviation) = middle_and_deviation(&steps);
    steps.retain(|step| (step - middle).abs() <= FAR * deviation);
    let n = steps.len() as f64;
    if n < MIN_INTERVALS {
        return None;
    }
    let mean = steps.iter().sum::<f64>() / n;
    let variance = steps.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (n - 1.0);
    let half = student_t_975(steps.len() as u32 - 1) * (variance / n).sqrt();
    let ppm = |seconds: f64| Ppm(seconds / period_s * 1e6);
    Some(Rate { rate: ppm(mean), ci95: (ppm(mean - half), ppm(mean + half)), kind: RateKind::Interval })
}

/// Median deviations beyond which an interval does not count, and intervals below which nothing is said.
const FAR: f64 = 7.5;
const MIN_INTERVALS: f64 = 4.0;

/// What holds whichever of two readings is right: near its registrar a device's two hardly differ, and then it does not matter.
fn either(schedule: Skew, answered: Skew) -> Option<Skew> {
    ((answered.skew.0 - schedule.skew.0).abs() < AGREEMENT_PPM).then_some(Skew {
        skew: schedule.skew,
        ci95: (Ppm(answered.ci95.0.0.min(schedule.ci95.0.0)), Ppm(answered.ci95.1.0.max(schedule.ci95.1.0))),
        method: "either",
    })
}

/// What is known of clocks before the refreshes are compared: a schedule whose slope no crystal has is a timer that is armed by
/// answers, and one that is armed by answers does not refresh sooner than its period after them; once may be an odd refresh,
/// far too soon most of the time is no such timer.
fn prior_odds(slope: f64, waits: &[Option<f64>], period_s: f64, round_trip: Option<RoundTrip>) -> f64 {
    let is_schedule_plausible = slope.abs() < MAX_SKEW;
    let soonest = waits.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    if !soonest.is_finite() {
        return 0.0;
    }
    let way = round_trip.map_or(0.0, |trip| trip.shortest.as_secs_f64());
    let usual = select(&mut waits.iter().flatten().copied().collect::<Vec<_>>(), 0.5);
    if (usual - way) / period_s < -FAR_TOO_SOON {
        return -IMPOSSIBLE;
    }
    let is_restart_plausible = (soonest - way) / period_s > -MAX_SKEW;
    match (is_schedule_plausible, is_restart_plausible) {
        (true, false) => -IMPLAUSIBLE,
        (false, true) => IMPLAUSIBLE,
        _ => 0.0,
    }
}
