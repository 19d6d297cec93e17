//! Detects timers that fire on the ticks of a coarse clock. The tick is a trait of the stack and limits the
//! accuracy of its refreshes.

use bellwether_base::Span;

use crate::{Reading, SegmentStats};

/// Ticks of timers in milliseconds, the longest first: refreshes on a long tick also lie on its divisors.
const TICKS_MS: [i64; 6] = [1000, 500, 100, 50, 20, 10];

/// Fewest refreshes for a result.
const FEWEST: usize = 24;

/// Largest clock error of a crystal, and therefore of the tick.
const MAX_SKEW: f64 = 2e-4;

/// Natural log of the significance required of a tick.
const RARE: f64 = 12.0;

/// The tick on which a device's refreshes fall. None if there is no tick, if there are too few refreshes, or
/// if the timer is periodic (the period is a multiple of every tick anyway).
///
/// Refresh times are mapped onto a circle with the circumference of one tick; refreshes on a tick cluster
/// there (Rayleigh's test). The clock's skew shifts the tick rate slightly, so rates within 200 ppm are
/// tried.
#[must_use]
pub fn tick(segments: &[SegmentStats], reading: &Reading) -> Option<Span> {
    if reading.rate.is_some_and(|rate| rate.kind == crate::RateKind::Drawn) {
        return Some(Span::from_secs(1));
    }
    if reading.discipline == crate::Discipline::Periodic {
        return None;
    }
    let longest = segments.iter().filter(|s| !s.is_drawn()).max_by_key(|s| s.refreshes)?;
    let times: Vec<f64> = longest.points().map(|point| point.x_s).collect();
    let time = times.last().copied().filter(|_| times.len() >= FEWEST)?;
    let found = TICKS_MS.into_iter().find(|ms| {
        let tick_s = *ms as f64 / 1e3;
        // Neighbouring rates differ by a quarter turn over the whole time, which misses little.
        let steps = (MAX_SKEW * time * 4.0 / tick_s).ceil().max(1.0);
        let gathered = (-steps as i64..=steps as i64)
            .map(|i| gathering(&times, tick_s * (1.0 + MAX_SKEW * i as f64 / steps)))
            .fold(0.0, f64::max);
        times.len() as f64 * gathered * gathered - (2.0 * steps + 1.0).ln() > RARE
    });
    found.map(Span::from_millis)
}

/// Mean resultant length of times on a circle of this circumference: 0 to 1.
fn gathering(times: &[f64], around: f64) -> f64 {
    let (mut sine, mut cosine) = (0.0, 0.0);
    for time in times {
        let (s, c) = (std::f64::consts::TAU * (time / around).fract()).sin_cos();
        (sine, cosine) = (sine + s, cosine + c);
    }
    sine.hypot(cosine) / times.len() as f64
}

#[cfg(test)]
mod tests {
    use bellwether_base::Timestamp;

    use super::*;
    use crate::{RegisterTimeline, RoundTrip, read_clock};

    /// A restart timer that fires on the next tick of its clock, which is `ppm` fast; answers take 30 to 200
    /// ms.
    fn of(tick_ms: f64, ppm: f64) -> Option<Span> {
        let mut timeline = RegisterTimeline::default();
        let (mut at, mut state) = (0.0_f64, 1_u64);
        for _ in 0..140 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let trip = 0.03 + (state >> 40) as f64 / f64::from(1 << 24) * 0.17;
            let due = at + trip + 25.0;
            let ticks = due * (1.0 + ppm / 1e6) / tick_ms * 1e3;
            let ticks = if tick_ms > 0.001 { ticks.ceil() } else { ticks };
            let sent = ticks * tick_ms / 1e3 / (1.0 + ppm / 1e6);
            let wait = Span::from_nanos(((sent - at - trip) * 1e9) as i64);
            timeline.refresh(Timestamp::from_nanos((sent * 1e9) as i64), Some(wait));
            at = sent;
        }
        let segments = timeline.segments();
        let round_trip = RoundTrip { shortest: Span::from_millis(30), seen: 140, middle: None };
        tick(&segments, &read_clock(&segments, Some(round_trip)).unwrap())
    }

    #[test]
    fn ticks_are_found_whatever_the_skew_and_none_where_none_is() {
        for (tick_ms, found) in [(100.0, 100), (50.0, 50), (20.0, 20), (10.0, 10)] {
            for ppm in [0.0, 70.0, -90.0] {
                assert_eq!(of(tick_ms, ppm), Some(Span::from_millis(found)), "{tick_ms} ms, {ppm} ppm");
            }
        }
        assert_eq!(of(0.001, 0.0), None);
    }
}
