use bellwether_base::Ppm;

use crate::NoRate;
use crate::line::student_t_975;
use crate::plausible::{codec_rate, plausible};

/// A regression line updated point by point, in 24 octets because every stream has one. It ignores points
/// after the 65,535th.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drift {
    points: u16,
    mean_x: f32,
    mean_y: f32,
    sxx: f32,
    sxy: f32,
    syy: f32,
}

/// Fewest points for a result.
const FEWEST: u16 = 6;

/// Factor for the interval, because the residuals are not independent: neighbouring points share the state of
/// the path.
const WIDENING: f64 = 2.0;

impl Drift {
    /// Adds a reading: reference time, and lead of the clock over it, both in seconds since the first
    /// reading.
    pub fn add(&mut self, reference: f32, ahead: f32) {
        let Some(points) = self.points.checked_add(1) else { return };
        self.points = points;
        let n = f32::from(points);
        let (dx, dy) = (reference - self.mean_x, ahead - self.mean_y);
        self.mean_x += dx / n;
        self.mean_y += dy / n;
        self.sxx += dx * (reference - self.mean_x);
        self.sxy += dx * (ahead - self.mean_y);
        self.syy += dy * (ahead - self.mean_y);
    }

    /// The clock's rate against the reference, positive if it runs fast, with its 95 % interval. `step` is
    /// the clock's resolution in seconds, which limits the width of the interval from below. None if there
    /// are too few readings.
    #[must_use]
    pub fn rate(&self, step: f64) -> Option<(Ppm, (Ppm, Ppm))> {
        let sxx = f64::from(self.sxx);
        if self.points < FEWEST || sxx <= 0.0 {
            return None;
        }
        let slope = f64::from(self.sxy) / sxx;
        let freedom = u32::from(self.points) - 2;
        let residual = (f64::from(self.syy) - slope * f64::from(self.sxy)) / f64::from(freedom);
        // A reading is off by up to one step, uniformly: its variance is a twelfth of the step squared.
        let variance = residual.max(step * step / 12.0);
        let half = WIDENING * student_t_975(freedom) * (variance / sxx).sqrt();
        Some((Ppm(slope * 1e6), (Ppm((slope - half) * 1e6), Ppm((slope + half) * 1e6))))
    }
}

/// The clock of a media stream, from the RTP timestamps of its packets and their arrival times.
///
/// Only the least delayed packet of each second is used: delay is one-sided, so this packet is near the floor
/// of the path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MediaClock {
    drift: Drift,
    /// RTP timestamp of the clock at the start of the stream.
    origin: u32,
    /// The least delayed packet of the current second: seconds since the first packet, and lead of the clock.
    best: (f32, f32),
    /// Lead of the clock at the last packet.
    last: f32,
}

/// A larger step between timestamps and arrival times is no delay: the sender restarted.
const JUMP_S: f64 = 2.0;

/// Tolerance in ppm for matching the rate between two reports to a codec rate: wall clocks of senders have
/// steps of milliseconds.
const OTHER_RATE_PPM: f64 = 10_000.0;

/// Initial part of a stream that is skipped: senders fill buffers in bursts first.
const SETTLED_S: f32 = 2.0;

impl Default for MediaClock {
    fn default() -> Self {
        // A time before every packet marks "no packet yet".
        Self { drift: Drift::default(), origin: 0, best: (f32::NEG_INFINITY, 0.0), last: 0.0 }
    }
}

impl MediaClock {
    /// Adds a packet: seconds since the stream's first, RTP timestamp, and nominal clock rate in Hz.
    pub fn packet(&mut self, elapsed_s: f64, ticks: u32, rate: u32) {
        let rate = f64::from(rate.max(1));
        let now = elapsed_s as f32;
        let ahead = f64::from(ticks.wrapping_sub(self.origin).cast_signed()) / rate - elapsed_s;
        let is_first = self.best.0 == f32::NEG_INFINITY;
        if is_first || (ahead - f64::from(self.last)).abs() > JUMP_S {
            let origin = ticks.wrapping_sub((elapsed_s * rate) as u32);
            *self = Self { origin, best: (now, 0.0), ..Self::default() };
            return;
        }
        self.last = ahead as f32;
        let (at, best) = self.best;
        if now.floor() > at.floor() {
            if at >= SETTLED_S {
                self.drift.add(at, best);
            }
            self.best = (now, ahead as f32);
        } else if ahead as f32 > best {
            self.best = (now, ahead as f32);
        }
    }

    /// The clock's rate against the sensor's clock. `clock_rate` is the nominal rate in Hz, 0 if unknown.
    ///
    /// # Errors
    /// The reason if the readings do not show a clock.
    pub fn rate(&self, clock_rate: u32) -> Result<(Ppm, (Ppm, Ppm)), NoRate> {
        plausible(self.drift.rate(1.0 / f64::from(clock_rate.max(1))), clock_rate)
    }
}

/// The clock of a media stream, from the pairs of wall clock and media clock in its sender reports (RFC 3550
/// section 6.4.1). The network has no influence on such pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReportClock {
    drift: Drift,
    first: (u64, u32),
    /// The last report, in seconds since the first one by either clock.
    last: (f64, f64),
}

impl ReportClock {
    /// Starts with the first report: NTP time and RTP timestamp.
    #[must_use]
    pub fn new(ntp: u64, ticks: u32) -> Self {
        let mut drift = Drift::default();
        drift.add(0.0, 0.0);
        Self { drift, first: (ntp, ticks), last: (0.0, 0.0) }
    }

    /// Adds a later report. A report that jumps is skipped, unless the jump fits a media clock with another
    /// codec rate.
    pub fn report(&mut self, ntp: u64, ticks: u32, rate: u32) {
        let rate = f64::from(rate.max(1));
        let reference = ntp.wrapping_sub(self.first.0).cast_signed() as f64 / 4_294_967_296.0;
        let shown = f64::from(ticks.wrapping_sub(self.first.1).cast_signed()) / rate;
        let (passed, counted) = (reference - self.last.0, shown - self.last.1);
        let is_steady = (counted - passed).abs() < JUMP_S
            || codec_rate(rate * counted / passed, OTHER_RATE_PPM).is_some();
        if passed > 0.0 && is_steady {
            self.last = (reference, shown);
            self.drift.add(reference as f32, (shown - reference) as f32);
        }
    }

    /// The media clock's rate against the sender's wall clock.
    ///
    /// # Errors
    /// The reason if the readings do not show a clock.
    pub fn rate(&self, clock_rate: u32) -> Result<(Ppm, (Ppm, Ppm)), NoRate> {
        plausible(self.drift.rate(1.0 / f64::from(clock_rate.max(1))), clock_rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute of packets every 20 ms from a clock `ppm` fast, each delayed by `delay_s`.
    fn minute(ppm: f64, jump_at: usize, delay_s: impl Fn(usize) -> f64) -> MediaClock {
        let mut clock = MediaClock::default();
        for i in 0..3000 {
            let sent = i as f64 * 0.02 / (1.0 + ppm / 1e6);
            let jump = if i >= jump_at { 1_000_000 } else { 0 };
            let ticks = 4_294_960_000_u32.wrapping_add(160 * i as u32).wrapping_add(jump);
            clock.packet(sent + delay_s(i) - delay_s(0), ticks, 8000);
        }
        clock
    }

    #[test]
    fn a_media_clock_is_read_through_one_sided_jitter_and_a_wrap() {
        for ppm in [-900.0, -40.0, 0.0, 35.0, 990.0] {
            let clock = minute(ppm, usize::MAX, |i| 0.002 * ((i * 7919) % 997) as f64 / 997.0);
            let (rate, (low, high)) = clock.rate(8000).unwrap();
            assert!((rate.0 - ppm).abs() < 3.0 + ppm.abs() * 0.001, "{ppm}: {rate:?}");
            assert!(low.0 <= ppm && ppm <= high.0 || ppm.abs() > 500.0, "{ppm}: {low:?} {high:?}");
        }
    }

    #[test]
    fn a_sender_that_begins_anew_is_read_anew() {
        let (rate, _) = minute(50.0, 1500, |_| 0.0).rate(8000).unwrap();
        assert!((rate.0 - 50.0).abs() < 10.0, "{rate:?}");
        assert_eq!(MediaClock::default().rate(8000), Err(NoRate::TooShort));
    }

    #[test]
    fn stamps_that_count_at_another_rate_are_no_skew() {
        let mut clock = MediaClock::default();
        for i in 0..1500_u32 {
            clock.packet(f64::from(i) * 0.032, 256 * i, 11_025);
        }
        assert_eq!(clock.rate(11_025), Err(NoRate::WrongRate(8000)));
        let mut six_fold = MediaClock::default();
        for i in 0..1500_u32 {
            six_fold.packet(f64::from(i) * 0.02, 960 * i, 8000);
        }
        assert_eq!(six_fold.rate(8000), Err(NoRate::WrongRate(48_000)));
        assert_eq!(minute(-350_000.0, usize::MAX, |_| 0.0).rate(8000), Err(NoRate::Starved));
        assert_eq!(minute(-12_000.0, usize::MAX, |_| 0.0).rate(8000), Err(NoRate::Implausible));
    }

    #[test]
    fn reports_of_a_clock_at_another_rate_say_so_and_those_of_one_that_begins_anew_are_passed_over() {
        let mut wrong = ReportClock::new(7 << 32, 100);
        let mut anew = ReportClock::new(7 << 32, 100);
        for i in 1..20_u64 {
            let ntp = (7 + 5 * i) << 32;
            wrong.report(ntp, 100 + 16_000 * 5 * i as u32, 8000);
            let jump = if i == 9 { 3_000_000 } else { 0 };
            anew.report(ntp, 100 + 8000 * 5 * i as u32 + jump, 8000);
        }
        assert_eq!(wrong.rate(8000), Err(NoRate::WrongRate(16_000)));
        let (rate, _) = anew.rate(8000).unwrap();
        assert!(rate.0.abs() < 1.0, "{rate:?}");
    }

    #[test]
    fn reports_compare_the_senders_two_clocks() {
        let mut clock = ReportClock::new(7 << 32, 100);
        for i in 1..20_u64 {
            let seconds = 5 * i;
            clock.report((7 + seconds) << 32, 100 + (seconds as f64 * 8000.0 * 1.0001) as u32, 8000);
        }
        let (rate, (low, high)) = clock.rate(8000).unwrap();
        assert!((rate.0 - 100.0).abs() < 2.0 && low.0 < 100.0 && high.0 > 100.0, "{rate:?}");
    }
}
