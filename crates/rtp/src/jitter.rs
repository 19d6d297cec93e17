/// Interarrival jitter of one RTP source (RFC 3550 appendix A.8), in seconds and therefore independent of the
/// clock rate.
///
/// The rate is given with each packet. Packets of different rates are not compared, because the source may
/// have started another clock (RFC 7160).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Jitter {
    /// The smoothed jitter in seconds, times 16.
    sum: f32,
    /// Rate, timestamp and arrival of the previous packet; a rate of 0 if there is none.
    rate: u32,
    ticks: u32,
    /// In microseconds; wraps after more than an hour.
    arrival: u32,
}

/// Largest step back, or ahead of the arrival times, between two timestamps in seconds. The packets of a
/// burst stay far below it.
const LEAP_S: f64 = 2.0;

impl Jitter {
    /// Adds a packet: arrival time, timestamp, and clock rate. A packet with rate 0 is skipped.
    pub fn packet(&mut self, arrival_s: f64, ticks: u32, rate: u32) {
        if rate == 0 {
            return;
        }
        let arrival = (arrival_s * 1e6 + 0.5) as i64 as u32;
        if self.rate == rate {
            // Ticks wrap at 2^32.
            let sent_s = f64::from(ticks.wrapping_sub(self.ticks).cast_signed()) / f64::from(rate);
            let passed_s = f64::from(arrival.wrapping_sub(self.arrival).cast_signed()) / 1e6;
            // A timestamp jump without a matching gap in arrivals means another clock, not a late packet.
            if (-LEAP_S..=passed_s.max(0.0) + LEAP_S).contains(&sent_s) {
                let difference = (passed_s - sent_s).abs() as f32;
                self.sum += difference - self.sum / 16.0;
            }
        }
        (self.rate, self.ticks, self.arrival) = (rate, ticks, arrival);
    }

    /// Ends the comparison with earlier packets, because the source restarted.
    pub const fn restart(&mut self) {
        self.rate = 0;
    }

    /// The jitter in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        f64::from(self.sum) / 16.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_follows_the_formula_of_the_rfc() {
        let mut jitter = Jitter::default();
        // Every second packet is 2 ms late: |D| is 2 ms each time, so the estimate converges to it.
        for i in 0..400_u32 {
            jitter.packet(f64::from(i) * 0.02 + f64::from(i % 2) * 0.002, i * 160, 8000);
        }
        assert!((jitter.seconds() - 0.002).abs() < 1e-6, "{jitter:?}");
    }

    #[test]
    fn wrapping_ticks_make_no_jitter() {
        let mut jitter = Jitter::default();
        for i in 0..10_u32 {
            jitter.packet(f64::from(i) * 0.02, (u32::MAX - 800).wrapping_add(i * 160), 8000);
        }
        assert!(jitter.seconds() < 1e-6, "{jitter:?}");
    }

    #[test]
    fn stamps_that_begin_anew_are_no_jitter_and_a_path_that_stalls_is() {
        let (mut anew, mut stalled) = (Jitter::default(), Jitter::default());
        for i in 0..10_u32 {
            anew.packet(f64::from(i) * 0.02, if i < 5 { 700_000 + i * 160 } else { i * 160 }, 8000);
            stalled.packet(f64::from(i) * 0.02 + if i < 9 { 0.0 } else { 3.2 }, i * 160, 8000);
        }
        assert!(anew.seconds() < 1e-6, "{anew:?}");
        assert!((stalled.seconds() - 0.2).abs() < 1e-3, "{stalled:?}");
    }

    #[test]
    fn hours_and_arrivals_before_the_first_are_no_jitter() {
        let mut jitter = Jitter::default();
        for i in 0..1_000_u32 {
            jitter.packet(f64::from(i) * 20.0 - 50.0, i.wrapping_mul(160_000), 8000);
        }
        assert!(jitter.seconds() < 1e-6, "{jitter:?}");
    }

    #[test]
    fn another_rate_is_not_compared_with_the_one_before() {
        let mut jitter = Jitter::default();
        for i in 0..20_u32 {
            let (ticks, rate) = if i < 10 { (i * 160, 8000) } else { (4_000_000_000 + i * 960, 48_000) };
            jitter.packet(f64::from(i) * 0.02, ticks, rate);
        }
        assert!(jitter.seconds() < 1e-6, "{jitter:?}");
        jitter.packet(1.0, 7, 0);
        assert!(jitter.seconds() < 1e-6, "no rate, no comparison");
    }
}
