//! Detects steps of the sensor's own clock by its devices. A step of the clock that timestamps packets
//! changes the current interval of every device by the same amount, which no device's own clock does.

use std::collections::BTreeMap;

use bellwether_base::{Span, Timestamp};

use crate::SegmentStats;
use crate::line::{MAD_TO_SD, middle_and_deviation, select};

/// Smaller steps are left to the confidence interval of each clock.
const SMALLEST_S: f64 = 0.01;

/// An interval is an outlier beyond this many deviations of its timeline.
const ODD: f64 = 6.0;

/// Smallest deviation assumed for a timeline, because few intervals may look better than they are.
const LEAST_SPREAD_S: f64 = 5e-4;

/// Fewest intervals for an estimate of a timeline's spread.
const MIN_INTERVALS: usize = 6;

/// Fewest devices that must show a step, and their share of the devices that could show it.
const MIN_DEVICES: usize = 5;
const SHARE: f64 = 0.8;

/// Limit of outlier intervals examined, the most accurate first.
const MAX_ODD: usize = 4096;

/// A step of the clock that timestamps packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CommonStep {
    /// The step happened after this time.
    pub from: Timestamp,
    /// The step happened before this time.
    pub to: Timestamp,
    /// Size of the step in seconds; negative if the clock was set back.
    pub seconds: f64,
    /// Number of devices that show the step.
    pub devices: u32,
    /// Number of devices whose intervals could show such a step.
    pub of: u32,
}

/// The time between two refreshes of one device.
#[derive(Clone, Copy, Debug)]
struct Interval {
    device: u32,
    from: Timestamp,
    to: Timestamp,
    /// Excess over this device's usual interval, in seconds.
    excess_s: f64,
    spread_s: f64,
}

impl Interval {
    fn can_show(&self, seconds: f64) -> bool {
        self.spread_s * ODD <= seconds.abs()
    }

    fn shows(&self, seconds: f64) -> bool {
        (self.excess_s - seconds).abs() <= ODD * self.spread_s
    }
}

/// Those of some steps that no known step explains: what the system said of its own clock is known better. A known step is the
/// moments that it fell between.
pub fn unknown_steps(
    steps: Vec<CommonStep>,
    known: &[(Timestamp, Timestamp)],
) -> impl Iterator<Item = CommonStep> {
    steps.into_iter().filter(|step| !known.iter().any(|(from, to)| *from <= step.to && step.from <= *to))
}

/// Steps that devices show together, in order of time. Each item holds one device's segments, oldest first.
///
/// Devices behind one path also show a new route together if their timers are schedules. Such a route change
/// cannot be distinguished from a clock step, and is reported as one.
#[must_use]
pub fn common_steps(devices: &[Vec<SegmentStats>]) -> Vec<CommonStep> {
    let mut intervals: Vec<Interval> = Vec::new();
    for (device, segments) in (0_u32..).zip(devices) {
        add_intervals(device, segments, &mut intervals);
    }
    intervals.sort_by_key(|i| (i.from, i.device));
    let longest = intervals.iter().map(|i| i.to.since(i.from)).max().unwrap_or_default();
    let mut odd: Vec<Interval> = intervals
        .iter()
        .filter(|i| i.excess_s.abs() >= SMALLEST_S && i.can_show(i.excess_s))
        .copied()
        .collect();
    // The most accurate first: later intervals must agree with them.
    odd.sort_by(|a, b| a.spread_s.total_cmp(&b.spread_s).then(a.from.cmp(&b.from)));
    odd.truncate(MAX_ODD);
    let mut steps: Vec<CommonStep> = Vec::new();
    while let Some(first) = odd.first().copied() {
        let seconds = first.excess_s;
        let (mut from, mut to) = (first.from, first.to);
        let mut agreeing = vec![first];
        for other in odd.iter().skip(1) {
            let is_new = agreeing.iter().all(|a| a.device != other.device);
            let overlaps = other.from < to && from < other.to;
            if is_new && overlaps && other.shows(seconds) {
                (from, to) = (from.max(other.from), to.min(other.to));
                agreeing.push(*other);
            }
        }
        let of = witnesses(&intervals, longest, (from, to), seconds);
        let devices = agreeing.len();
        odd.retain(|i| !agreeing.iter().any(|a| a.device == i.device && a.from == i.from));
        if devices >= MIN_DEVICES && devices as f64 >= SHARE * of as f64 {
            let seconds = select(&mut agreeing.iter().map(|i| i.excess_s).collect::<Vec<_>>(), 0.5);
            steps.push(CommonStep { from, to, seconds, devices: devices as u32, of: of as u32 });
        }
    }
    steps.sort_by_key(|step| step.from);
    steps
}

/// Number of devices whose intervals cover the time between `from` and `to` and could show the step.
fn witnesses(
    intervals: &[Interval],
    longest: Span,
    (from, to): (Timestamp, Timestamp),
    seconds: f64,
) -> usize {
    let begin = intervals.partition_point(|i| i.from < from - longest);
    let mut seen: BTreeMap<u32, (Timestamp, Timestamp)> = BTreeMap::new();
    for interval in intervals.iter().skip(begin).take_while(|i| i.from < to) {
        if interval.to > from && interval.can_show(seconds) {
            let (first, last) = seen.entry(interval.device).or_insert((interval.from, interval.to));
            (*first, *last) = ((*first).min(interval.from), (*last).max(interval.to));
        }
    }
    seen.values().filter(|(first, last)| *first <= from && to <= *last).count()
}

/// Splits every segment that contains one of these clock steps.
#[must_use]
pub fn parted_at(segments: Vec<SegmentStats>, steps: &[(Timestamp, Timestamp)]) -> Vec<SegmentStats> {
    steps.iter().fold(segments, |segments, (from, to)| {
        segments.into_iter().flat_map(|segment| segment.parted(*from, *to)).collect()
    })
}

/// Adds one device's intervals, relative to its usual interval. Random intervals are left out. An interval
/// between two segments is compared with the period they share.
fn add_intervals(device: u32, segments: &[SegmentStats], out: &mut Vec<Interval>) {
    let begin = out.len();
    let mut before: Option<(Timestamp, f64)> = None;
    for segment in segments {
        if segment.is_drawn() || segment.period_s <= 0.0 {
            before = None;
            continue;
        }
        let at = |x_s: f64| segment.first_at + Span::from_nanos((x_s * 1e9).round() as i64);
        let mut add = |from, to, excess_s| out.push(Interval { device, from, to, excess_s, spread_s: 0.0 });
        if let Some((last, _)) = before.filter(|(_, period_s)| *period_s == segment.period_s) {
            let gap = segment.first_at.since(last).as_secs_f64();
            let periods = (gap / segment.period_s).round();
            add(last, segment.first_at, gap - periods * segment.period_s);
        }
        let points: Vec<_> = segment.points().collect();
        for pair in points.windows(2) {
            if let [a, b] = pair {
                add(at(a.x_s), at(b.x_s), a.y_s - b.y_s);
            }
        }
        before = Some((segment.last_at, segment.period_s));
    }
    let own = out.get_mut(begin..).unwrap_or_default();
    let excesses: Vec<f64> = own.iter().map(|i| i.excess_s).collect();
    if excesses.len() < MIN_INTERVALS {
        out.truncate(begin);
        return;
    }
    let (usual, deviation) = middle_and_deviation(&excesses);
    let spread_s = (MAD_TO_SD * deviation).max(LEAST_SPREAD_S);
    for interval in own {
        (interval.excess_s, interval.spread_s) = (interval.excess_s - usual, spread_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RegisterTimeline, read_clock};

    const START: i64 = 1_700_000_000_000_000_000;

    /// Devices with an hour of refreshes, 1 to 3 ms of jitter and skews of their own. The sensor's clock is
    /// `step_s` ahead from half an hour on, except for the first `unmoved` devices.
    fn hour(devices: i64, unmoved: i64, step_s: f64) -> Vec<Vec<SegmentStats>> {
        (0..devices)
            .map(|device| {
                let mut timeline = RegisterTimeline::default();
                for i in 0..130_i64 {
                    let jitter = (i * 7919 + device * 104_729).rem_euclid(1000) * (1000 + device * 200);
                    let at = device * 1_700_000_000 + i * (27_000_000_000 - device * 10_000) + jitter;
                    let is_behind = at > 1800 * 1_000_000_000 && device >= unmoved;
                    let step = if is_behind { (step_s * 1e9) as i64 } else { 0 };
                    timeline.refresh(Timestamp::from_nanos(START + at + step), None);
                }
                timeline.segments()
            })
            .collect()
    }

    #[test]
    fn a_step_that_all_show_is_the_sensors() {
        for step_s in [0.05, -0.05, 0.9, 3.0, -2.0] {
            let devices = hour(10, 0, step_s);
            let steps = common_steps(&devices);
            assert_eq!(steps.len(), 1, "{step_s}: {steps:?}");
            let step = steps[0];
            assert!((step.seconds - step_s).abs() < 0.005, "{step:?}");
            assert!((9..=10).contains(&step.devices), "{step:?}");
            let at = START + 1800 * 1_000_000_000;
            assert!(step.from.as_nanos() <= at && at <= step.to.as_nanos() + 3_000_000_000, "{step:?}");
            let bounds: Vec<_> = steps.iter().map(|s| (s.from, s.to)).collect();
            for (device, segments) in devices.into_iter().enumerate() {
                let skew = read_clock(&parted_at(segments, &bounds), None).unwrap().slope.skew;
                let truth = device as f64 * 10_000.0 / 27e3;
                assert!((skew.0 - truth).abs() < 1.5, "{step_s}: device {device}: {skew:?}, {truth}");
            }
        }
    }

    #[test]
    fn what_few_or_some_show_is_theirs() {
        assert_eq!(common_steps(&hour(10, 0, 0.0)), []);
        assert_eq!(common_steps(&hour(10, 3, 0.05)), [], "seven of ten");
        assert_eq!(common_steps(&hour(4, 0, 0.05)), [], "four");
    }

    #[test]
    fn a_segment_is_parted_only_by_what_lies_in_it() {
        let segments = hour(1, 0, 0.0).remove(0);
        let outside = (Timestamp::from_nanos(START - 5), Timestamp::from_nanos(START + 5));
        assert_eq!(parted_at(segments.clone(), &[outside]), segments);
        let at = |s: i64| Timestamp::from_nanos(START + s * 1_000_000_000);
        let parts = parted_at(segments.clone(), &[(at(1000), at(1010)), (at(2000), at(2010))]);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts.iter().map(|p| p.refreshes).sum::<u32>(), segments[0].refreshes);
        assert_eq!(parts[2].last_at.since(segments[0].last_at).as_nanos().abs() / 1000, 0);
    }

    #[test]
    fn a_step_that_the_system_told_is_not_found_again() {
        let steps = common_steps(&hour(10, 0, 0.9));
        let found = steps[0];
        assert_eq!(unknown_steps(steps.clone(), &[(found.to, found.to)]).count(), 0);
        let before = (Timestamp::from_nanos(START), Timestamp::from_nanos(START + 1));
        assert_eq!(unknown_steps(steps, &[before]).count(), 1);
    }
}
