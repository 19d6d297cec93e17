//! Clocks that a device tells the time by: wall clocks in its messages, and the rates of several media clocks as one.

use bellwether_base::{Ppm, Span, Timestamp};

use crate::Drift;

/// One reading of a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallReading {
    /// When the message was captured.
    pub captured_at: Timestamp,
    /// The time that it says.
    pub clock_at: Timestamp,
    /// The step in which the time is written.
    pub step: Span,
}

impl WallReading {
    /// By how much the clock is ahead, in nanoseconds; half a step is added, as the written time is cut off.
    const fn ahead(&self) -> i64 {
        let behind = self.clock_at.as_nanos().saturating_sub(self.captured_at.as_nanos());
        behind.saturating_add(self.step.as_nanos() / 2)
    }
}

/// What the readings of a wall clock show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WallClock {
    /// The middle of the offsets against the sensor's clock, in seconds; positive where it is ahead.
    pub offset_s: f64,
    /// The rate at which the offset changes, with its 95 % interval.
    pub rate: Option<(Ppm, (Ppm, Ppm))>,
    /// The step in which the time is written, in seconds.
    pub resolution_s: f64,
}

impl WallClock {
    /// From readings in the order of capture; none from no readings.
    #[must_use]
    pub fn of(readings: &[WallReading]) -> Option<Self> {
        let first = readings.first()?;
        let step = first.step.as_nanos();
        let mut offsets: Vec<i64> = readings.iter().map(WallReading::ahead).collect();
        offsets.sort_unstable();
        let offset = offsets.get(offsets.len() / 2).copied().unwrap_or(0);
        let mut drift = Drift::default();
        for reading in readings {
            let since = (reading.captured_at.as_nanos() - first.captured_at.as_nanos()) as f64 / 1e9;
            drift.add(since as f32, (reading.ahead() - offset) as f32 / 1e9);
        }
        let resolution_s = step as f64 / 1e9;
        Some(Self { offset_s: offset as f64 / 1e9, rate: drift.rate(resolution_s), resolution_s })
    }
}

/// Rates with the halves of their 95 % intervals, as one: weighted by the inverse of their variances (Graybill and Deal 1959).
/// Where the rates differ by more than that explains, the half grows by as much. None from no rates.
#[must_use]
pub fn pooled_rates(rates: &[(f64, f64)]) -> Option<(f64, f64)> {
    let weight = |half: f64| 1.0 / (half * half).max(1e-12);
    let total: f64 = rates.iter().map(|(_, half)| weight(*half)).sum();
    if rates.is_empty() || !total.is_finite() || total <= 0.0 {
        return None;
    }
    let mean = rates.iter().map(|(rate, half)| rate * weight(*half)).sum::<f64>() / total;
    let squares: f64 = rates.iter().map(|(rate, half)| (rate - mean).powi(2) * weight(*half)).sum();
    // Half of a 95 % interval is nearly two standard deviations.
    let excess = squares * 1.96 * 1.96 / (rates.len() as f64 - 1.0).max(1.0);
    Some((mean, (excess.max(1.0) / total).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_pooled_by_what_they_are_worth() {
        assert_eq!(pooled_rates(&[]), None);
        assert_eq!(pooled_rates(&[(5.0, 2.0)]), Some((5.0, 2.0)));
        let (rate, half) = pooled_rates(&[(10.0, 1.0), (10.4, 1.0), (50.0, 100.0)]).unwrap();
        assert!((rate - 10.2).abs() < 0.01 && half < 0.8, "{rate} {half}");
        let (_, half) = pooled_rates(&[(-40.0, 1.0), (40.0, 1.0)]).unwrap();
        assert!(half > 50.0, "{half}");
    }

    #[test]
    fn a_wall_clock_is_read_in_seconds_and_parts_of_a_million() {
        // 3.2 s behind and 2000 ppm fast over an hour, shown in whole seconds.
        let readings: Vec<WallReading> = (0..120_i64)
            .map(|i| {
                let at = i * 30_000_000_000 + i * i % 7 * 131_000_000;
                let clock = (at as f64 * 1.002 - 3.2e9) as i64;
                WallReading {
                    captured_at: Timestamp::from_nanos(at),
                    clock_at: Timestamp::from_nanos(clock.div_euclid(1_000_000_000) * 1_000_000_000),
                    step: Span::from_secs(1),
                }
            })
            .collect();
        let clock = WallClock::of(&readings).unwrap();
        let (rate, (low, high)) = clock.rate.unwrap();
        assert!((rate.0 - 2000.0).abs() < 60.0, "{rate:?}");
        assert!(low.0 < 2000.0 && high.0 > 2000.0, "{low:?} {high:?}");
        assert!((clock.offset_s - 0.4).abs() < 0.3, "{}", clock.offset_s);
        assert_eq!(WallClock::of(&[]), None);
    }
}
