//! Watches the clock that timestamps live packets: compares the system time with a counter that is never set.
#![expect(
    unsafe_code,
    reason = "the C library is the only way to clock_gettime(2) and clock_adjtime(2) here"
)]

use bellwether_base::{Span, Timestamp};

/// Largest time between the two counter readings of a sample; a sample interrupted for longer is repeated.
const EXACT: Span = Span::from_nanos(50_000);
const TRIES: u32 = 5;

/// Largest deviation between two samples that is no step, beyond the deviation explained by the rate.
const STEP: Span = Span::from_millis(4);

/// Largest difference between a leap second's step and one second; the kernel's leap state must agree too.
const LEAP: Span = Span::from_millis(100);

/// Interval over which the rate is measured.
const RATE_OVER: Span = Span::from_secs(60);
/// Smallest reported change of the rate; a disciplined clock is steered by less.
const RATE_CHANGE_PPM: f64 = 20.0;

/// A change of the clock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ClockEvent {
    /// The change happened between `from` and `to`, by the clock itself.
    pub from: Timestamp,
    /// End of the interval.
    pub to: Timestamp,
    /// The kind of change.
    pub kind: ClockEventKind,
}

/// Kinds of [`ClockEvent`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ClockEventKind {
    /// The clock was set by this much; ahead is positive.
    Step(Span),
    /// A leap second, ahead (deleted) or back (inserted).
    Leap(Span),
    /// The rate changed by this many ppm; faster is positive.
    Rate(f64),
}

/// One sample of the system time and the counter.
#[derive(Clone, Copy, Debug)]
struct Look {
    wall: Timestamp,
    /// Time since boot, by a counter that is never set or steered.
    counter: Span,
    /// True while the kernel inserts or deletes a leap second, before it, or just after it.
    is_leaping: bool,
}

/// Detects steps, leap seconds and rate changes of the clock that timestamps packets.
#[derive(Debug, Default)]
pub struct StampingClock {
    last: Option<Look>,
    /// Start of the current rate measurement.
    base: Option<Look>,
    rate_ppm: Option<f64>,
}

impl StampingClock {
    /// Samples the clock and returns the change since the last sample. One call a second is enough.
    pub fn look(&mut self) -> Option<ClockEvent> {
        self.compare(Look::now()?)
    }

    fn compare(&mut self, now: Look) -> Option<ClockEvent> {
        let Some(last) = self.last.replace(now) else {
            self.base = Some(now);
            return None;
        };
        let event = |from, kind| Some(ClockEvent { from, to: now.wall.max(from), kind });
        let counted = now.counter.as_secs_f64() - last.counter.as_secs_f64();
        let steered = counted * self.rate_ppm.unwrap_or(0.0) * 1e-6;
        let ahead = gained(&last, &now) - steered;
        if ahead.abs() > STEP.as_secs_f64() {
            // The previous rate is not valid any more.
            self.base = Some(now);
            let step = Span::from_nanos((ahead * 1e9).round() as i64);
            let is_leap =
                (last.is_leaping || now.is_leaping) && (ahead.abs() - 1.0).abs() < LEAP.as_secs_f64();
            let from = last.wall.min(now.wall);
            return event(
                from,
                if is_leap { ClockEventKind::Leap(step) } else { ClockEventKind::Step(step) },
            );
        }
        let base = self.base?;
        let over = now.counter.as_secs_f64() - base.counter.as_secs_f64();
        if over < RATE_OVER.as_secs_f64() {
            return None;
        }
        let rate_ppm = gained(&base, &now) / over * 1e6;
        let change = self.rate_ppm.map(|before| rate_ppm - before);
        (self.base, self.rate_ppm) = (Some(now), Some(rate_ppm));
        let change = change.filter(|change| change.abs() > RATE_CHANGE_PPM)?;
        event(base.wall, ClockEventKind::Rate(change))
    }
}

/// Time that the clock gained over the counter, in seconds.
fn gained(from: &Look, to: &Look) -> f64 {
    let counted = Span::from_nanos(to.counter.as_nanos() - from.counter.as_nanos());
    Span::from_nanos(to.wall.since(from.wall).as_nanos() - counted.as_nanos()).as_secs_f64()
}

impl Look {
    fn now() -> Option<Self> {
        let mut best: Option<(Span, Self)> = None;
        let is_leaping = is_leaping();
        for _ in 0..TRIES {
            let before = read(libc::CLOCK_MONOTONIC_RAW)?;
            let wall = read(libc::CLOCK_REALTIME)?;
            let after = read(libc::CLOCK_MONOTONIC_RAW)?;
            let taken = Span::from_nanos(after - before);
            let look = Self {
                wall: Timestamp::from_nanos(wall),
                counter: Span::from_nanos(before + taken.as_nanos() / 2),
                is_leaping,
            };
            if best.is_none_or(|(least, _)| taken < least) {
                best = Some((taken, look));
            }
            if taken <= EXACT {
                break;
            }
        }
        best.map(|(_, look)| look)
    }
}

fn read(clock: libc::clockid_t) -> Option<i64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec, which is ours and outlives the call.
    let done = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (done == 0).then(|| time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec))
}

/// The kernel's leap state (adjtimex(2)).
fn is_leaping() -> bool {
    // SAFETY: a timex is numbers only, for which zeros are valid, and all zeros ask to change nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads and writes one timex, which is ours and outlives the call.
    let answer = unsafe { libc::clock_adjtime(libc::CLOCK_REALTIME, &raw mut state) };
    matches!(answer, libc::TIME_INS | libc::TIME_DEL | libc::TIME_OOP | libc::TIME_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples a clock each second that is off the counter by `off_ns`.
    fn events(seconds: i64, is_leaping: bool, off_ns: impl Fn(i64) -> i64) -> Vec<ClockEventKind> {
        let mut clock = StampingClock::default();
        let look = |i: i64| Look {
            wall: Timestamp::from_nanos(1_700_000_000_000_000_000 + i * 1_000_000_000 + off_ns(i)),
            counter: Span::from_secs(i),
            is_leaping,
        };
        (0..seconds).filter_map(|i| clock.compare(look(i))).map(|event| event.kind).collect()
    }

    #[test]
    fn steps_are_told_with_their_size_and_a_steady_clock_tells_nothing() {
        assert_eq!(events(600, false, |_| 0), []);
        assert_eq!(events(600, false, |i| i * 80_000), [], "80 ppm fast all the time");
        for step in [50_000_000, -50_000_000, 3_600_000_000_000, -2_000_000_000] {
            let found = events(600, false, |i| if i >= 300 { step } else { 0 });
            assert_eq!(found, [ClockEventKind::Step(Span::from_nanos(step))]);
        }
    }

    #[test]
    fn a_leap_second_is_told_from_a_step_by_the_kernels_word() {
        let back = |i| if i >= 300 { -1_000_000_000 } else { 0 };
        let second = Span::from_secs(-1);
        assert_eq!(events(600, true, back), [ClockEventKind::Leap(second)]);
        assert_eq!(events(600, false, back), [ClockEventKind::Step(second)]);
    }

    #[test]
    fn a_slew_is_told_when_it_begins_and_when_it_ends() {
        // adjtime(3) slews by 500 ppm.
        let found = events(900, false, |i| (i.clamp(301, 601) - 301) * 500_000);
        let rates: Vec<f64> = found
            .iter()
            .map(|kind| match kind {
                ClockEventKind::Rate(ppm) => *ppm,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!((rates.iter().sum::<f64>()).abs() < 1.0, "{rates:?}");
        assert!((2..=4).contains(&rates.len()) && rates[0] > 400.0, "{rates:?}");
    }

    #[test]
    fn this_machines_clock_can_be_read() {
        let mut clock = StampingClock::default();
        assert_eq!(clock.look(), None);
        assert!(clock.last.is_some());
    }
}
