use bellwether_base::{Span, Timestamp};

/// The waits before new attempts: each is twice as long as the one before, up to a limit. Up to half of each is taken off by chance, so that
/// sensors that lost their server together do not come back together.
pub(crate) struct Backoff {
    min: Span,
    max: Span,
    failures: u32,
    /// The state of the generator (`SplitMix64`: small, and random enough for spreading).
    chance: u64,
    until: Option<Timestamp>,
}

impl Backoff {
    pub(crate) fn new(min: Span, max: Span, seed: u64) -> Self {
        Self { min, max, failures: 0, chance: seed, until: None }
    }

    /// Counts a failure; returns the time of the next attempt.
    pub(crate) fn failed(&mut self, now: Timestamp) -> Timestamp {
        let factor = 1i64.checked_shl(self.failures.min(40)).unwrap_or(i64::MAX);
        let wait = self.min.as_nanos().saturating_mul(factor).min(self.max.as_nanos()).max(1);
        self.failures = self.failures.saturating_add(1);
        let spread = i64::try_from(self.draw() % (wait.cast_unsigned() / 2 + 1)).unwrap_or(0);
        let until = now + Span::from_nanos(wait - spread);
        self.until = Some(until);
        until
    }

    pub(crate) fn worked(&mut self) {
        self.failures = 0;
        self.until = None;
    }

    /// The time of the next attempt, if it lies ahead. A clock that was set back does not make it later.
    pub(crate) fn waits(&mut self, now: Timestamp) -> Option<Timestamp> {
        let until = self.until?;
        if until <= now || until.since(now) > self.max {
            self.until = None;
        }
        self.until
    }

    fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_are_spread() {
        let mut backoff = Backoff::new(Span::from_secs(1), Span::from_secs(300), 7);
        let now = Timestamp::from_nanos(0);
        let mut spread = Vec::new();
        for failure in 0..20 {
            let wait = backoff.failed(now).since(now).as_secs_f64();
            let full = f64::from(1 << failure.min(9)).min(300.0);
            assert!((full / 2.0..=full).contains(&wait), "{failure}: {wait}");
            spread.push(wait / full);
        }
        assert!(spread.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 0.1), "{spread:?}");
        backoff.worked();
        assert!(backoff.failed(now).since(now) <= Span::from_secs(1));
    }

    #[test]
    fn a_clock_that_was_set_back_is_not_waited_for() {
        let mut backoff = Backoff::new(Span::from_secs(1), Span::from_secs(300), 7);
        let now = Timestamp::from_nanos(0) + Span::from_secs(100_000);
        let until = backoff.failed(now);
        assert_eq!(backoff.waits(now), Some(until));
        assert_eq!(backoff.waits(now - Span::from_secs(90_000)), None);
    }
}
