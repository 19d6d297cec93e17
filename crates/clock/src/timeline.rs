use bellwether_base::{Span, Timestamp};

use crate::points::{Point, Points};

/// Limit of segments per timeline; the oldest is dropped first.
pub const MAX_SEGMENTS: usize = 16;

/// Number of refreshes held until the period is chosen: the median of three intervals ignores one outlier.
const EARLY: usize = 4;

/// Nominal periods are multiples of half a second.
const GRID_S: f64 = 0.5;

/// Largest deviation of an interval from a multiple of the period, as a share of the period.
const TOLERANCE: f64 = 0.05;

/// Limit of missed refreshes bridged within one segment; after more, the device may have restarted unseen.
const MAX_MISSED: f64 = 20.0;

/// Random intervals in whole seconds lie on a grid of one second.
const DRAWN_S: f64 = 1.0;

/// Largest deviation from that grid by the path to the sensor, in seconds.
const DRAWN_TOLERANCE_S: f64 = 0.2;

/// The longest random interval, in seconds.
const LONGEST_DRAWN: f64 = 7200.0;

/// A challenged refresh whose retry comes later than this is visible in the line, if the timer continues from
/// the retry.
const LONG_RETRY: Span = Span::from_millis(100);

/// A shorter retry is recognised if the challenged refresh deviates by this multiple of the variation of the
/// later intervals.
const CLEARLY: f64 = 8.0;

/// Limit of [`Running::between`], which counts two up for a refresh between the periods and one down for a
/// refresh on the period.
const MAX_BETWEEN: u8 = 4;

/// Equal random intervals in a row, after the first, that are explained by chance; more are a fixed period.
const MAX_SAME: u32 = 3;

/// Consecutive intervals that fit no period until intervals count as random, and consecutive intervals that
/// are no whole seconds until they no longer do.
const ODD_IN_A_ROW: u32 = 4;
const ODD_DRAWN: u32 = 3;

/// Statistics of one unbroken run of refreshes: enough to fit it, to pool it with others, and to store it.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentStats {
    /// The first refresh.
    pub first_at: Timestamp,
    /// The last refresh.
    pub last_at: Timestamp,
    /// Number of refreshes on the grid of the period.
    pub refreshes: u32,
    /// Number of intervals that fit no multiple of the period.
    pub off_grid: u32,
    /// Nominal period in seconds; 0 while unknown.
    pub period_s: f64,
    /// Mean interval between neighbouring refreshes, in seconds.
    pub period_observed_s: f64,
    /// Centred sum of squares of time since the first refresh, in s^2.
    pub sxx: f64,
    /// Centred sum of products of time and offset.
    pub sxy: f64,
    /// Centred sum of squares of the offsets (nominal minus observed time).
    pub syy: f64,
    /// Single refreshes; [`Self::points`] reads them.
    pub packed: Points,
}

impl SegmentStats {
    /// Single refreshes, evenly thinned if there are many.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        self.packed.iter(self.period_s)
    }

    /// True if the intervals are random whole seconds: the grid is one second, and most intervals are several
    /// seconds.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        let seconds = self.last_at.since(self.first_at).as_secs_f64();
        self.period_s == DRAWN_S && seconds > 3.0 * f64::from(self.refreshes.saturating_sub(1))
    }

    /// Splits the segment at a step of the sensor's clock between `from` and `to`: the refreshes before and
    /// after it become segments of their own. Returns the segment itself if the step lies outside.
    pub(crate) fn parted(&self, from: Timestamp, to: Timestamp) -> Vec<Self> {
        if from < self.first_at || to > self.last_at {
            return vec![self.clone()];
        }
        let at = |point: &Point| self.first_at + Span::from_nanos((point.x_s * 1e9).round() as i64);
        let points: Vec<Point> = self.points().collect();
        let parting = points.iter().position(|point| at(point) > from).unwrap_or(points.len());
        let (before, after) = points.split_at(parting);
        [before, after].into_iter().filter_map(|part| self.run_of(part, at)).collect()
    }

    /// A part of this segment's refreshes as a segment of its own.
    fn run_of(&self, points: &[Point], at: impl Fn(&Point) -> Timestamp) -> Option<Self> {
        let periods = |point: &Point| ((point.x_s + point.y_s) / self.period_s).round() as i64;
        let (first, rest) = points.split_first()?;
        let mut running = Running::new(at(first), self.period_s);
        for point in rest {
            running.place(at(point), periods(point) - periods(first), point.wait_s);
        }
        Some(running.stats)
    }

    /// The same refreshes on the nominal period nearest to their mean interval. The period was chosen by the
    /// first intervals, which may have been outliers.
    pub(crate) fn on_grid(&self) -> Self {
        if self.is_drawn() {
            return self.clone();
        }
        let nominal = (self.period_observed_s / GRID_S).round() * GRID_S;
        if nominal <= 0.0 || self.period_s <= 0.0 || (nominal - self.period_s).abs() < 1e-9 {
            return self.clone();
        }
        // Index times period is x + y, so the new offset is (x + y) * share - x.
        let share = nominal / self.period_s;
        let more = share - 1.0;
        Self {
            period_s: nominal,
            sxy: share * self.sxy + more * self.sxx,
            syy: share * share * self.syy + 2.0 * share * more * self.sxy + more * more * self.sxx,
            packed: self.packed.on_period(nominal - self.period_s),
            ..self.clone()
        }
    }
}

/// An accepted refresh, without a challenge or after one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refresh {
    /// Time at which its timer fired: its first REGISTER, even if that was challenged.
    pub at: Timestamp,
    /// Time since the answer to the previous refresh, if that answer was captured.
    pub after_answer: Option<Span>,
    /// If it was challenged, the time of the REGISTER that was accepted.
    pub retried_at: Option<Timestamp>,
}

/// The refreshes of one device's registration.
///
/// The caller passes accepted refreshes only, without retransmissions, retries after a challenge and copies
/// from other hops. The index of a refresh follows from its time, so a refresh that the capture lost shifts
/// nothing. A REGISTER that is too early for a refresh (the retry of a challenge that the capture lost) is
/// skipped.
#[derive(Clone, Debug, Default)]
pub struct RegisterTimeline {
    closed: Vec<SegmentStats>,
    segments_seen: u32,
    early: Vec<Refresh>,
    current: Option<Running>,
    refreshes: u32,
    /// Consecutive intervals that fit no period.
    odd: u32,
}

/// An open segment with a known period.
#[derive(Clone, Debug)]
struct Running {
    stats: SegmentStats,
    /// Index of the last refresh, in periods since the first.
    index: i64,
    mean_x: f64,
    mean_y: f64,
    /// One of this many refreshes is kept as a point.
    stride: u32,
    /// For random whole-second intervals: length of the last interval, and number of equal intervals before
    /// it.
    drawn: Option<(i64, u32)>,
    /// Increases with refreshes between two of the period, and decreases with refreshes on the period.
    between: u8,
    /// If the last refresh was challenged: time to the accepted one, in microseconds like the points; else
    /// zero.
    retry_us: u32,
    /// Total delay of the timer by challenges so far.
    shift_us: u32,
}

impl RegisterTimeline {
    /// Adds a refresh that was not challenged. `after_answer` is the time since the answer to the previous
    /// one, if that answer was captured.
    pub fn refresh(&mut self, at: Timestamp, after_answer: Option<Span>) {
        self.accepted(Refresh { at, after_answer, retried_at: None });
    }

    /// Adds an accepted refresh.
    pub fn accepted(&mut self, refresh: Refresh) {
        self.refreshes += 1;
        let at = refresh.at;
        let Some(running) = &mut self.current else {
            self.early.push(refresh);
            if self.early.len() == EARLY {
                self.settle();
            }
            return;
        };
        match running.add(refresh) {
            Step::OnGrid => self.odd = 0,
            Step::TooEarly => {}
            Step::OffGrid => {
                running.stats.off_grid += 1;
                let was_drawn = running.drawn.is_some();
                self.cut();
                self.odd += 1;
                let is_drawn = if was_drawn { self.odd < ODD_DRAWN } else { self.odd >= ODD_IN_A_ROW };
                if is_drawn != was_drawn {
                    self.odd = 0;
                }
                if is_drawn {
                    self.current = Some(Running::drawn(at));
                } else {
                    self.early.push(Refresh { after_answer: None, ..refresh });
                }
            }
        }
    }

    /// Ends the segment: the device restarted, or its granted expiry or account changed.
    pub fn cut(&mut self) {
        if self.current.is_none() {
            self.settle();
        }
        self.early.clear();
        if let Some(running) = self.current.take() {
            if self.closed.len() == MAX_SEGMENTS {
                self.closed.remove(0);
            }
            self.segments_seen += 1;
            self.closed.push(running.stats);
        }
    }

    /// All segments, including the open one, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentStats> {
        let mut open = self.clone();
        open.cut();
        open.closed
    }

    /// Number of segments, including dropped ones.
    #[must_use]
    pub fn segment_count(&self) -> u32 {
        self.segments_seen + u32::from(self.current.is_some() || !self.early.is_empty())
    }

    /// Number of refreshes added, on the grid or not.
    #[must_use]
    pub const fn refreshes(&self) -> u32 {
        self.refreshes
    }

    /// Chooses the period from the first refreshes and adds them.
    fn settle(&mut self) {
        let mut early = std::mem::take(&mut self.early);
        begin_on_the_line(&mut early);
        let Some(first) = early.first().copied() else { return };
        let period_s = on_the_grid(usual(intervals(&early)));
        let mut running = Running::new(first.at, period_s);
        running.retry_us = first.retry_us();
        for refresh in early.into_iter().skip(1) {
            if let Step::OffGrid = running.add(refresh) {
                self.odd += 1;
                // The grid starts again behind an outlier interval; otherwise every later offset would be
                // shifted.
                let begun = Running::new(refresh.at, period_s);
                let before = std::mem::replace(&mut running, begun);
                running.stats.off_grid = before.stats.off_grid + 1;
            }
        }
        self.current = Some(running);
    }
}

impl Refresh {
    /// Time from the challenged REGISTER to the accepted one; zero without a challenge.
    fn retry(&self) -> Span {
        self.retried_at.map_or(Span::ZERO, |retried| retried.since(self.at))
    }

    fn retry_us(&self) -> u32 {
        u32::try_from(self.retry().as_nanos() / 1000).unwrap_or_default()
    }
}

fn micros(n: u32) -> Span {
    Span::from_nanos(i64::from(n) * 1000)
}

/// Replaces a challenged first refresh by its retry if the timer continued from the retry.
///
/// A nonce that stays valid lets later refreshes pass at once, so only the first one is challenged. Some
/// timers continue from the challenged refresh, some from the retry; the later refreshes show which of both
/// lies on their line. The retry is chosen only if the difference is significant. A point that is always
/// moved to the best fit makes any random walk look like a line.
fn begin_on_the_line(early: &mut [Refresh]) {
    let [first, second, later @ ..] = early else { return };
    let Some(retried_at) = first.retried_at.filter(|_| second.retried_at.is_none()) else { return };
    let is_long = first.retry() > LONG_RETRY;
    let on: Vec<Refresh> = [&[*second], &*later].concat();
    let on = intervals(&on);
    let period_s = usual(on.clone());
    let periods = |seconds: f64| (seconds / period_s).round().max(1.0);
    let each: Vec<f64> = on.iter().map(|seconds| seconds / periods(*seconds)).collect();
    let is_retry = if each.is_empty() {
        is_long
    } else {
        let mean = each.iter().sum::<f64>() / each.len() as f64;
        let off = |at: Timestamp| {
            let seconds = second.at.since(at).as_secs_f64();
            (seconds - periods(seconds) * mean).abs()
        };
        let varies = each.iter().map(|seconds| (seconds - mean).abs()).fold(0.0, f64::max);
        let is_seen = is_long || (each.len() > 1 && off(first.at) > CLEARLY * varies);
        is_seen && off(retried_at) < off(first.at)
    };
    if is_retry {
        *first = Refresh { at: retried_at, after_answer: None, retried_at: None };
    }
}

fn intervals(refreshes: &[Refresh]) -> Vec<f64> {
    refreshes.windows(2).map(|w| w[1].at.since(w[0].at).as_secs_f64()).collect()
}

fn on_the_grid(seconds: f64) -> f64 {
    ((seconds / GRID_S).round() * GRID_S).max(0.0)
}

/// The shortest interval if all others are multiples of it, as after lost refreshes; else the median, which
/// ignores one outlier.
fn usual(mut intervals: Vec<f64>) -> f64 {
    intervals.sort_unstable_by(f64::total_cmp);
    let shortest = intervals.first().copied().unwrap_or(0.0);
    let is_multiple = |interval: &f64| {
        let periods = interval / shortest;
        (periods - periods.round()).abs() <= TOLERANCE && periods <= MAX_MISSED
    };
    if intervals.iter().all(is_multiple) {
        return shortest;
    }
    intervals.get(intervals.len() / 2).copied().unwrap_or(0.0)
}

enum Step {
    OnGrid,
    /// Less than half a period: the retry of a challenge that was not captured.
    TooEarly,
    OffGrid,
}

impl Running {
    fn new(first: Timestamp, period_s: f64) -> Self {
        let mut packed = Points::default();
        packed.push(0, 0, None);
        Self {
            stats: SegmentStats {
                first_at: first,
                last_at: first,
                refreshes: 1,
                off_grid: 0,
                period_s,
                period_observed_s: 0.0,
                sxx: 0.0,
                sxy: 0.0,
                syy: 0.0,
                packed,
            },
            retry_us: 0,
            shift_us: 0,
            index: 0,
            mean_x: 0.0,
            mean_y: 0.0,
            stride: 1,
            drawn: None,
            between: 0,
        }
    }

    /// Starts a run of random whole-second intervals.
    fn drawn(first: Timestamp) -> Self {
        Self { drawn: Some((0, 0)), ..Self::new(first, DRAWN_S) }
    }

    fn add(&mut self, refresh: Refresh) -> Step {
        let Refresh { at, after_answer, .. } = refresh;
        if self.stats.period_s <= 0.0 {
            return Step::OffGrid;
        }
        let since = at.since(self.stats.last_at);
        let slip_us = self.slip_us(&refresh, since);
        let periods = (since - micros(slip_us)).as_secs_f64() / self.stats.period_s;
        let steps = periods.round();
        if periods < 0.0 {
            // The clock that timestamps packets was set back.
            return Step::OffGrid;
        }
        if steps < 1.0 {
            // A retry after a challenge comes at once; repeated refreshes in between have another period.
            self.between += if periods > TOLERANCE { 2 } else { 0 };
            return if self.between > MAX_BETWEEN { Step::OffGrid } else { Step::TooEarly };
        }
        let (tolerance, most) =
            if self.drawn.is_some() { (DRAWN_TOLERANCE_S, LONGEST_DRAWN) } else { (TOLERANCE, MAX_MISSED) };
        if (periods - steps).abs() > tolerance || steps > most {
            return Step::OffGrid;
        }
        if let Some((last, same)) = &mut self.drawn {
            *same = if *last == steps as i64 { *same + 1 } else { 0 };
            *last = steps as i64;
            if *same > MAX_SAME {
                return Step::OffGrid;
            }
        }
        let wait = after_answer.map(Span::as_secs_f64).and_then(|after| match self.drawn.is_some() {
            true => Some(after - after.round()),
            false => (steps < 1.5).then_some(after - self.stats.period_s),
        });
        self.between = self.between.saturating_sub(1);
        self.retry_us = refresh.retry_us();
        self.shift_us = self.shift_us.saturating_add(slip_us);
        self.place(at, self.index + steps as i64, wait);
        Step::OnGrid
    }

    /// Delay of the timer by a challenge: the time from the challenged refresh to its retry, else zero. It
    /// applies if this refresh was accepted at once and the line continues from the retry.
    fn slip_us(&self, refresh: &Refresh, since: Span) -> u32 {
        let retry = micros(self.retry_us);
        if retry <= LONG_RETRY || refresh.retried_at.is_some() {
            return 0;
        }
        let is_known = self.stats.refreshes > 2 && self.drawn.is_none();
        let period = if is_known { self.stats.period_observed_s } else { self.stats.period_s };
        let off = |since: Span| {
            let periods = since.as_secs_f64() / period;
            (periods - periods.round()).abs()
        };
        if off(since - retry) < off(since) { self.retry_us } else { 0 }
    }

    /// Places a refresh at a number of periods after the first.
    fn place(&mut self, at: Timestamp, index: i64, wait_s: Option<f64>) {
        let period = Span::from_nanos((self.stats.period_s * 1e9).round() as i64);
        self.index = index;
        self.stats.last_at = at;
        self.stats.refreshes += 1;
        // The offset is computed in whole nanoseconds, so that no precision is lost by cancellation.
        let elapsed = at.since(self.stats.first_at) - micros(self.shift_us);
        let offset = period.as_nanos().saturating_mul(index).saturating_sub(elapsed.as_nanos());
        self.stats.period_observed_s = elapsed.as_secs_f64() / index.max(1) as f64;
        self.add_point(elapsed.as_secs_f64(), Span::from_nanos(offset).as_secs_f64());
        if (self.stats.refreshes - 1).is_multiple_of(self.stride) {
            let wait = wait_s.map(|seconds| (seconds * 1e9).round() as i64);
            if self.stats.packed.push(index, offset, wait) {
                self.stride *= 2;
            }
        }
    }

    /// Welford's update of the centred sums. The first refresh is the point (0, 0).
    fn add_point(&mut self, x: f64, y: f64) {
        let n = f64::from(self.stats.refreshes);
        let (dx, dy) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += dx / n;
        self.mean_y += dy / n;
        self.stats.sxx += dx * (x - self.mean_x);
        self.stats.sxy += dx * (y - self.mean_y);
        self.stats.syy += dy * (y - self.mean_y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NoFit, SkewFit, pooled_fit};

    const START: i64 = 1_700_000_000_000_000_000;

    /// Refreshes of a schedule with `skew_ppm`, each delayed by `delay_ns`.
    fn schedule(n: i64, period_s: f64, skew_ppm: f64, delay_ns: impl Fn(i64) -> i64) -> Vec<Timestamp> {
        (0..n)
            .map(|i| {
                let nominal = i as f64 * period_s * 1e9 / (1.0 + skew_ppm / 1e6);
                Timestamp::from_nanos(START + nominal.round() as i64 + delay_ns(i))
            })
            .collect()
    }

    fn slope(timeline: &RegisterTimeline) -> Result<SkewFit, NoFit> {
        pooled_fit(&timeline.segments())
    }

    fn timeline(times: impl IntoIterator<Item = Timestamp>) -> RegisterTimeline {
        let mut timeline = RegisterTimeline::default();
        times.into_iter().for_each(|t| timeline.refresh(t, None));
        timeline
    }

    #[test]
    fn an_exact_clock_is_measured_exactly_and_fast_is_positive() {
        for skew in [-5560.0, -2.3, 0.0, 131.0, 1000.0] {
            let fit = slope(&timeline(schedule(100, 25.0, skew, |_| 0))).unwrap();
            assert!((fit.skew.0 - skew).abs() < 0.02 + skew.abs() * 0.006, "{skew}: {fit:?}");
            assert_eq!(fit.refreshes, 100);
        }
    }

    #[test]
    fn lost_refreshes_and_unseen_challenges_shift_nothing() {
        let mut times = schedule(100, 25.0, 50.0, |_| 0);
        let retry = times[40] + Span::from_millis(30);
        times.retain(|t| ![times_at(20), times_at(21), times_at(60)].contains(t));
        times.push(retry);
        times.sort_unstable();
        let fit = slope(&timeline(times)).unwrap();
        assert!((fit.skew.0 - 50.0).abs() < 0.1, "{fit:?}");
        assert_eq!(fit.refreshes, 97);

        fn times_at(i: i64) -> Timestamp {
            schedule(i + 1, 25.0, 50.0, |_| 0)[i as usize]
        }
    }

    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        // 2 ms of roughly Gaussian jitter, by summing twelve uniform draws of a fixed generator.
        let mut state = 42_u64;
        let mut uniform = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let mut covered = 0;
        for _ in 0..1000 {
            let jitter: Vec<i64> =
                (0..37).map(|_| (((0..12).map(|_| uniform()).sum::<f64>() - 6.0) * 2e6) as i64).collect();
            let fit = slope(&timeline(schedule(37, 25.0, 20.0, |i| jitter[i as usize]))).unwrap();
            covered += i32::from(fit.ci95.0.0 <= 20.0 && 20.0 <= fit.ci95.1.0);
        }
        assert!((930..=970).contains(&covered), "{covered} of 1000");
    }

    #[test]
    fn a_cut_starts_a_segment_and_the_slope_is_common_to_both() {
        let mut timeline = timeline(schedule(30, 25.0, 100.0, |_| 0));
        timeline.cut();
        for t in schedule(30, 25.0, 100.0, |_| 0) {
            timeline.refresh(t + Span::from_secs(1007), None);
        }
        assert_eq!((timeline.segments().len(), timeline.segment_count()), (2, 2));
        let fit = slope(&timeline).unwrap();
        assert!((fit.skew.0 - 100.0).abs() < 0.1, "{fit:?}");
    }

    #[test]
    fn drawn_intervals_and_too_few_give_a_reason() {
        let drawn = (0..40).scan(START, |t, i: i64| {
            *t += (8 + (i * 7919) % 15) * 1_000_000_000 + 137_000_000 * (i % 5);
            Some(Timestamp::from_nanos(*t))
        });
        assert_eq!(slope(&timeline(drawn)), Err(NoFit::IrregularIntervals));
        assert_eq!(slope(&timeline(schedule(3, 25.0, 0.0, |_| 0))), Err(NoFit::TooFewRefreshes));
        assert_eq!(slope(&timeline([])), Err(NoFit::TooFewRefreshes));
    }

    #[test]
    fn equal_and_absurd_times_are_survived() {
        let t = Timestamp::from_nanos(START);
        assert!(slope(&timeline([t; 50])).is_err());
        assert!(slope(&timeline([Timestamp::MIN, Timestamp::MAX, t, Timestamp::MAX, t])).is_err());
    }

    #[test]
    fn an_odd_interval_at_the_start_shifts_nothing() {
        for odd in 0..3 {
            let early = |i| if i > odd { -22_000_000_000 } else { 0 };
            let times = schedule(40, 25.0, 50.0, early);
            let fit = slope(&timeline(times)).unwrap();
            assert!((fit.skew.0 - 50.0).abs() < 0.1, "odd interval {odd}: {fit:?}");
        }
    }

    #[test]
    fn intervals_of_whole_seconds_are_drawn_and_their_remainder_is_read() {
        let mut timeline = RegisterTimeline::default();
        let (mut at, mut state) = (START, 7_u64);
        for _ in 0..60 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let seconds = 15 + (state >> 33) as i64 % 31;
            // 8 ms for path and program, and a clock that is 1000 ppm fast.
            let wait = Span::from_nanos(seconds * 999_000_000 + 8_000_000);
            at += 5_000_000 + wait.as_nanos();
            timeline.refresh(Timestamp::from_nanos(at), Some(wait));
        }
        let segments = timeline.segments();
        assert!(segments.last().unwrap().is_drawn(), "{segments:?}");
        assert!(segments.last().unwrap().refreshes > 50);
        let trip = crate::RoundTrip { shortest: Span::from_millis(5), seen: 60, middle: None };
        let reading = crate::read_clock(&segments, Some(trip)).unwrap();
        assert_eq!(
            (reading.discipline, reading.skew),
            (crate::Discipline::Randomised, Err(NoFit::IrregularIntervals))
        );
        // 3 ms of lateness in 30 s are 100 ppm.
        let rate = reading.rate.unwrap();
        assert!((rate.rate.0 - 900.0).abs() < 60.0, "{rate:?}");
        assert!((20.0..40.0).contains(&reading.period_s), "{reading:?}");
    }

    #[test]
    fn a_period_is_found_where_every_second_refresh_is_lost_at_first() {
        let mut times = schedule(60, 25.0, 50.0, |_| 0);
        for lost in [7, 5, 3, 1] {
            times.remove(lost);
        }
        let timeline = timeline(times);
        assert_eq!((timeline.segments().last().unwrap().period_s, timeline.refreshes()), (25.0, 56));
        assert!((slope(&timeline).unwrap().skew.0 - 50.0).abs() < 0.1);
    }

    #[test]
    fn a_clock_that_is_set_back_cuts() {
        let mut times = schedule(40, 25.0, 50.0, |i| if i >= 20 { -3_600_000_000_000 } else { 0 });
        let timeline = timeline(times.drain(..));
        assert_eq!(timeline.segments().len(), 2);
        assert!((slope(&timeline).unwrap().skew.0 - 50.0).abs() < 0.1);
    }

    /// Refreshes that are accepted at once except those in `challenged`, whose retry comes `retry` later. The
    /// timer continues from the accepted REGISTER or from its own schedule.
    fn nonces_live_on(challenged: &[i64], retry: Span, goes_on_from_retry: bool) -> RegisterTimeline {
        let mut timeline = RegisterTimeline::default();
        let mut late = Span::ZERO;
        for (i, at) in (0..).zip(schedule(40, 45.0, 50.0, |i| (i * 7919) % 5 * 100_000)) {
            let at = at + late;
            let is_challenged = challenged.contains(&i);
            let retried_at = is_challenged.then(|| at + retry);
            timeline.accepted(Refresh { at, after_answer: None, retried_at });
            late = if is_challenged && goes_on_from_retry { late + retry } else { late };
        }
        timeline
    }

    #[test]
    fn a_challenge_before_a_nonce_that_lives_on_puts_no_point_off_the_line() {
        for retry in [Span::from_millis(2), Span::from_millis(30), Span::from_millis(480), Span::from_secs(2)]
        {
            for goes_on_from_retry in [true, false] {
                let timeline = nonces_live_on(&[0], retry, goes_on_from_retry);
                let fit = slope(&timeline).unwrap();
                let seen = format!("{retry:?} {goes_on_from_retry} {fit:?}");
                assert!((fit.skew.0 - 50.0).abs() < 2.0 && fit.residual_s < 1e-3, "{seen}");
                assert_eq!((fit.refreshes, timeline.segments().len()), (40, 1), "{seen}");
            }
        }
    }

    #[test]
    fn a_nonce_that_is_stale_on_the_way_moves_the_line_by_what_it_cost_the_timer() {
        for goes_on_from_retry in [true, false] {
            let timeline = nonces_live_on(&[0, 13, 27], Span::from_millis(500), goes_on_from_retry);
            let fit = slope(&timeline).unwrap();
            assert!((fit.skew.0 - 50.0).abs() < 1.0 && fit.residual_s < 1e-3, "{goes_on_from_retry} {fit:?}");
        }
    }

    #[test]
    fn many_refreshes_in_runs_that_are_too_short_are_restarts() {
        let mut timeline = RegisterTimeline::default();
        for i in 0..33 {
            timeline.refresh(Timestamp::from_nanos(START + i * 60_000_000_000), None);
            timeline.cut();
        }
        assert_eq!(slope(&timeline), Err(NoFit::Restarts));
        let mut three = RegisterTimeline::default();
        for at in schedule(3, 25.0, 0.0, |_| 0) {
            three.refresh(at, None);
            three.cut();
        }
        assert_eq!(slope(&three), Err(NoFit::TooFewRefreshes));
    }

    #[test]
    fn segments_are_bounded() {
        let mut timeline = RegisterTimeline::default();
        for i in 0..500 {
            timeline.refresh(Timestamp::from_nanos(START + i * 10_000_000_000), None);
            timeline.refresh(Timestamp::from_nanos(START + i * 10_000_000_000 + 3_000_000_000), None);
            timeline.cut();
        }
        assert_eq!((timeline.segments().len(), timeline.segment_count()), (MAX_SEGMENTS, 500));
    }
}
