//! Answers, lengths and callees of the calls of a sender.

use smallvec::SmallVec;

/// Counts of a sender's ended calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Conduct {
    /// Calls that began, ended or not.
    pub(crate) calls: u32,
    /// Calls that ended.
    pub(crate) ended: u32,
    /// Calls that were answered.
    pub(crate) answered: u32,
    /// Answered calls that were shorter than a quarter of the site's conversations.
    pub(crate) short: u32,
    /// Ended calls that the caller gave up before the answer or right after it.
    pub(crate) abandoned: u32,
    /// Calls under a number that was a line's in use at another address.
    pub(crate) borrowed: u32,
    /// Calls to a callee that the sender called before.
    pub(crate) repeated_callees: u32,
    /// Answered calls whose caller was heard.
    pub(crate) heard: u32,
    /// Calls of these with a recording that several calls play.
    pub(crate) recorded: u32,
}

/// Calls under way to each ended one that are counted.
const OPEN_TO_AN_ENDED: u32 = 4;

/// Calls from which on those under way are counted: shares of fewer are no whole numbers.
const ENOUGH_CALLS: u32 = 20;

/// Shares of a line's answered calls that are short, and of its calls that it gives up: the means of their distributions
/// in the model.
const SHORT_OF_LINES: f64 = 0.25;
const ABANDONED_OF_LINES: f64 = 0.04;

impl Conduct {
    /// Adds the counts of another sender.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.calls += other.calls;
        self.ended += other.ended;
        self.answered += other.answered;
        self.short += other.short;
        self.abandoned += other.abandoned;
        self.borrowed += other.borrowed;
        self.repeated_callees += other.repeated_callees;
        self.heard += other.heard;
        self.recorded += other.recorded;
    }

    /// The same with the calls under way, as if they will end like those of lines, which answer a share of `answers`.
    ///
    /// Short calls end first. In the first minutes of a sensor the ended calls are therefore the short ones, whoever
    /// calls. Calls under way count for nothing where no end is seen.
    pub(crate) fn with_calls_under_way(&self, answers: f64) -> Self {
        if self.calls < ENOUGH_CALLS {
            return *self;
        }
        let open = self.calls.saturating_sub(self.ended).min(self.ended.saturating_mul(OPEN_TO_AN_ENDED));
        let share = |share: f64| (f64::from(open) * share).round() as u32;
        Self {
            ended: self.ended + open,
            answered: self.answered + share(answers),
            short: self.short + share(answers * SHORT_OF_LINES),
            abandoned: self.abandoned + share(ABANDONED_OF_LINES),
            ..*self
        }
    }

    /// Removes the counts of a part.
    pub(crate) fn remove(&mut self, part: &Self) {
        let of = |whole: &mut u32, part: u32| *whole = whole.saturating_sub(part);
        of(&mut self.calls, part.calls);
        of(&mut self.ended, part.ended);
        of(&mut self.answered, part.answered);
        of(&mut self.short, part.short);
        of(&mut self.abandoned, part.abandoned);
        of(&mut self.borrowed, part.borrowed);
        of(&mut self.repeated_callees, part.repeated_callees);
        of(&mut self.heard, part.heard);
        of(&mut self.recorded, part.recorded);
    }
}

/// Maximum number of distinct values that a sender's names are counted by. Further ones are counted as new.
const MAX_KINDS: usize = 64;

/// Distinct values of a property, for example of the User-Agent, each with its number of calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kinds {
    counts: SmallVec<[(u32, u32); 1]>,
    /// Calls whose value found no room.
    more: u32,
    draws: u32,
}

impl Kinds {
    /// Counts a call with a value.
    pub(crate) fn add(&mut self, value: u64) {
        self.add_many(value as u32, 1);
    }

    fn add_many(&mut self, value: u32, calls: u32) {
        self.draws = self.draws.saturating_add(calls);
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| *known == value) {
            *count = count.saturating_add(calls);
        } else if self.counts.len() < MAX_KINDS {
            self.counts.push((value, calls));
        } else {
            self.more = self.more.saturating_add(calls);
        }
    }

    /// Adds the values of another sender.
    pub(crate) fn extend(&mut self, other: &Self) {
        other.counts.iter().for_each(|(value, calls)| self.add_many(*value, *calls));
        self.draws = self.draws.saturating_add(other.more);
        self.more = self.more.saturating_add(other.more);
    }

    /// Removes the values of a part. Values that found no room are removed first from the rest.
    pub(crate) fn remove(&mut self, part: &Self) {
        for (value, calls) in &part.counts {
            match self.counts.iter().position(|(known, _)| known == value) {
                Some(place) => {
                    let left = self.counts.get(place).map_or(0, |(_, count)| count.saturating_sub(*calls));
                    if left == 0 {
                        self.counts.swap_remove(place);
                    } else if let Some((_, count)) = self.counts.get_mut(place) {
                        *count = left;
                    }
                }
                None => self.more = self.more.saturating_sub(*calls),
            }
            self.draws = self.draws.saturating_sub(*calls);
        }
        self.more = self.more.saturating_sub(part.more);
        self.draws = self.draws.saturating_sub(part.more);
    }

    /// Number of distinct values.
    pub(crate) fn kinds(&self) -> u32 {
        (self.counts.len() as u32).saturating_add(self.more)
    }

    /// Number of calls.
    pub(crate) const fn draws(&self) -> u32 {
        self.draws
    }
}

/// Number of callees that a sender's calls are compared with.
const CALLEES: usize = 256;

/// The last callees of a sender.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callees {
    recent: SmallVec<[u32; 2]>,
    next: usize,
}

impl Callees {
    /// Counts a call to a callee. Returns true if the sender called it before.
    pub(crate) fn add(&mut self, callee: u64) -> bool {
        let callee = callee as u32;
        if self.recent.contains(&callee) {
            return true;
        }
        if self.recent.len() < CALLEES {
            self.recent.push(callee);
        } else if let Some(oldest) = self.recent.get_mut(self.next) {
            *oldest = callee;
            self.next = (self.next + 1) % CALLEES;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_callee_is_known_until_many_others_were_called() {
        let mut callees = Callees::default();
        assert!(!callees.add(1) && callees.add(1));
        (2..=256).for_each(|n| assert!(!callees.add(n)));
        assert!(callees.add(1));
        assert!(!callees.add(1000));
        assert!(!callees.add(1), "the oldest left");
    }

    proptest! {
        #[test]
        fn a_part_that_leaves_takes_what_it_brought(
            stay in proptest::collection::vec(0_u64..40, 0..60), leave in proptest::collection::vec(0_u64..40, 0..60),
        ) {
            let of = |values: &[u64]| {
                let mut kinds = Kinds::default();
                values.iter().for_each(|v| kinds.add(*v));
                kinds
            };
            let (one, part) = (of(&stay), of(&leave));
            let mut all = one.clone();
            all.extend(&part);
            all.remove(&part);
            prop_assert_eq!((all.kinds(), all.draws()), (one.kinds(), one.draws()));
        }

        #[test]
        fn memory_is_bounded_and_every_new_value_counts(n in 1_u64..500) {
            let mut kinds = Kinds::default();
            (0..n).for_each(|v| kinds.add(v));
            prop_assert_eq!(u64::from(kinds.kinds()), n);
            prop_assert!(kinds.counts.len() <= MAX_KINDS);
        }
    }
}
