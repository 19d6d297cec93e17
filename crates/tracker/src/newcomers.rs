use bellwether_base::{Span, Timestamp};

/// Platforms of which a shard tells with their first message, at once and in how long one more.
const MAX_NEW: u32 = 16;
const ONE_MORE: Span = Span::from_secs(4);

/// How many more platforms, or their authors, are told of with their first message. Of the others all is told with their second: a flood
/// of messages that are all built differently would otherwise write the readable form of each, and some twenty rows beside it.
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
    /// Whether one more is told of at once; counts those that are not.
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

    /// Those that were not told of with their first message, since this was asked last.
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
