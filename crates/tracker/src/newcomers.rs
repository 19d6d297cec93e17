use bellwether_base::{Span, Timestamp};

/// Number of platforms that a shard reports at once with their first message.
const MAX_NEW: u32 = 16;

/// Interval after which one more platform is reported with its first message.
const ONE_MORE: Span = Span::from_secs(4);

/// Limits the reports of platforms, or their authors, with a single message. Other newcomers are reported
/// with their second message. Without the limit, a flood of differently built messages would write the
/// readable form of each message, and some twenty more rows.
pub(crate) struct Newcomers {
    left: u32,
    since: Timestamp,
    deferred: u64,
}

impl Default for Newcomers {
    fn default() -> Self {
        Self { left: MAX_NEW, since: Timestamp::MIN, deferred: 0 }
    }
}

impl Newcomers {
    /// Returns true if one more newcomer is reported at once. Counts the deferred ones.
    pub(crate) fn admit(&mut self, at: Timestamp) -> bool {
        while self.left < MAX_NEW && at.since(self.since) >= ONE_MORE {
            self.left += 1;
            self.since = if self.left == MAX_NEW { at } else { self.since + ONE_MORE };
        }
        if self.left == MAX_NEW {
            self.since = at;
        }
        let is_admitted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.deferred += u64::from(!is_admitted);
        is_admitted
    }

    /// Number of newcomers not reported with their first message, since the previous call of this method.
    pub(crate) const fn take_deferred(&mut self) -> u64 {
        std::mem::replace(&mut self.deferred, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn so_many_newcomers_are_admitted_at_once_and_one_more_each_second() {
        let mut newcomers = Newcomers::default();
        let admitted =
            |newcomers: &mut Newcomers, second| (0..100).filter(|_| newcomers.admit(at(second))).count();
        assert_eq!(admitted(&mut newcomers, 10), 16);
        assert_eq!(admitted(&mut newcomers, 10), 0);
        assert_eq!(admitted(&mut newcomers, 25), 3);
        assert_eq!(admitted(&mut newcomers, 1000), 16);
        assert_eq!(newcomers.take_deferred(), 400 - 16 - 3 - 16);
    }
}
