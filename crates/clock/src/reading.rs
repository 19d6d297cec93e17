use bellwether_base::Ppm;

use crate::answered::Answered;
use crate::fit::{is_of_period, main_period};
use crate::line::{Offsets, middle_and_deviation, select, student_t_975};
use crate::rate::{Rate, RateKind, RoundTrip, Skew};
use crate::schedule::Schedule;
use crate::{Discipline, NoFit, SegmentStats, SkewFit, pooled_fit};

/// Spread below which offsets have no jitter: both disciplines then give the same result.
const NO_JITTER_S: f64 = 5e-6;

/// A steeper slope belongs to another nominal period: half the relative difference of neighbouring grid
/// periods at 25 s.
const MAX_SLOPE_PPM: f64 = 10_000.0;

/// Largest plausible clock error of a crystal.
const MAX_SKEW: f64 = 5e-4;

/// Largest difference between the readings of both disciplines that counts as agreement.
const AGREEMENT_PPM: f64 = 50.0;

/// Log odds against a reading with a clock error that no crystal has.
const IMPLAUSIBLE: f64 = 8.0;

/// Log odds against a reading in which refreshes come before the answer could have armed the timer. "Too
/// soon" exceeds any clock error, and any time of the program within a challenge's round trip.
const IMPOSSIBLE: f64 = 100.0;
const FAR_TOO_SOON: f64 = 1.5e-3;

/// Clock estimate from the refreshes of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The discipline of the timer.
    pub discipline: Discipline,
    /// Natural logarithm of the odds for restart against periodic.
    pub odds: f64,
    /// Nominal period of the reading in seconds; for random intervals their mean.
    pub period_s: f64,
    /// The paper's slope: least squares over everything, independent of the discipline.
    pub slope: SkewFit,
    /// Skew of the clock, or the reason for none.
    pub skew: Result<Skew, NoFit>,
    /// For restart timers: time by which the next refresh is later than the nominal period after the answer,
    /// in seconds. It includes the program's lateness and the clock's skew.
    pub lateness_s: Option<f64>,
    /// Rate of refreshes without the path but with the program's lateness. It serves to compare a program
    /// with itself over time, or with another instance of it. For timers of undetermined discipline it is the
    /// rate of a restart timer.
    pub rate: Option<Rate>,
    /// Number of path steps that were removed. A new route shifts all later refreshes by a constant amount.
    pub path_steps: u32,
}

/// Reads a device's clock from all its segments.
///
/// # Errors
/// The reason for a missing slope.
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

/// Random intervals in whole seconds still have a remainder: the path of the answer, the program's lateness,
/// and the clock's gain over the mean interval.
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

/// Rate by the mean interval, for timers without answers to compare with. It includes any delay between
/// intervals. Outliers are left out.
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

/// Outlier limit in median absolute deviations, and fewest intervals for a result.
const FAR: f64 = 7.5;
const MIN_INTERVALS: f64 = 4.0;

/// The result that holds for both readings, if they agree closely. Near its registrar, a device's readings
/// hardly differ.
fn either(schedule: Skew, answered: Skew) -> Option<Skew> {
    ((answered.skew.0 - schedule.skew.0).abs() < AGREEMENT_PPM).then_some(Skew {
        skew: schedule.skew,
        ci95: (Ppm(answered.ci95.0.0.min(schedule.ci95.0.0)), Ppm(answered.ci95.1.0.max(schedule.ci95.1.0))),
        method: "either",
    })
}

/// Prior log odds for restart. A schedule whose slope no crystal has is a restart timer. A restart timer does
/// not refresh sooner than one period after the answer; a single early refresh may be an outlier, but not
/// most of them.
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
