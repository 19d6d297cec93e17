use std::collections::VecDeque;

use bellwether_base::{SlotId, Span, Timestamp};

use crate::fact::Outbox;

/// Schedules interim reports of open table entries, for readers of a live run. Without live readers it is
/// disabled.
///
/// An entry is queued at most once: its owner stores a mark and clears it when the entry is due. The owner
/// must check the mark then, because the slot may have been reused.
pub(crate) struct UnderWay {
    is_told: bool,
    known: Queue,
    /// Unproven entries, which an attacker can create at no cost. They never delay the others.
    strangers: Queue,
    /// Number of reports fired; orders this shard's interim facts.
    fired: u64,
}

/// Entries in order of their deadline. All have the same delay.
struct Queue {
    waiting: VecDeque<(Timestamp, SlotId)>,
    most: usize,
    /// No report fires before this time.
    free_at: Timestamp,
}

/// Delay of an interim report, so that several changes make one report. No shard checks its timers less
/// often.
const WAIT: Span = Span::from_secs(5);

/// Minimum interval between reports of a shard: about 2,000 per second over all shards. Under load the
/// reports become rarer, so that the database writer keeps up.
const PACE: Span = Span::from_millis(1000 / 32);

/// Maximum number of queued unproven entries: the number reported within one delay. Others are reported at
/// their end only.
const MAX_STRANGERS: usize = 160;

impl UnderWay {
    /// Creates a schedule for a table of this many entries.
    pub(crate) const fn new(is_told: bool, most: usize) -> Self {
        Self { is_told, known: Queue::new(most), strangers: Queue::new(MAX_STRANGERS), fired: 0 }
    }

    /// Returns true if interim reports are enabled.
    pub(crate) const fn is_told(&self) -> bool {
        self.is_told
    }

    /// Returns true if a new entry may be reported at once. The report counts against the rate limit.
    pub(crate) fn may_tell_now(&mut self, now: Timestamp) -> bool {
        let may = self.is_told && self.known.free_at <= now;
        if may {
            self.known.free_at = now + PACE;
        }
        may
    }

    /// Queues a changed entry. Returns true if it was queued.
    pub(crate) fn mark(&mut self, slot: SlotId, at: Timestamp, is_stranger: bool) -> bool {
        let queue = if is_stranger { &mut self.strangers } else { &mut self.known };
        let is_marked = self.is_told && queue.waiting.len() < queue.most;
        if is_marked {
            queue.waiting.push_back((at + WAIT, slot));
        }
        is_marked
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.known.next_deadline().into_iter().chain(self.strangers.next_deadline()).min()
    }

    /// An entry due before `now`. Facts that follow are ordered at the deadline.
    pub(crate) fn due(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) -> Option<SlotId> {
        let (due, slot) = self.known.due(now).or_else(|| self.strangers.due(now))?;
        self.fired += 1;
        out.at_timer(due, shard, self.fired);
        Some(slot)
    }
}

impl Queue {
    const fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), most, free_at: Timestamp::MIN }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(due, _)| (*due).max(self.free_at))
    }

    fn due(&mut self, now: Timestamp) -> Option<(Timestamp, SlotId)> {
        let due = self.next_deadline().filter(|due| *due < now)?;
        let (_, slot) = self.waiting.pop_front()?;
        self.free_at = due + PACE;
        Some((due, slot))
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::LruTable;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn slots(n: u64) -> Vec<SlotId> {
        let mut table: LruTable<u64, (), 1> = LruTable::new(1000);
        (0..n).map(|i| table.insert(i, i, (), 0, at(0)).0).collect()
    }

    #[test]
    fn a_change_is_told_once_its_time_has_come() {
        let (slots, mut out) = (slots(2), Outbox::default());
        let mut under_way = UnderWay::new(true, 2);
        assert!(under_way.mark(slots[0], at(0), false) && under_way.mark(slots[1], at(1), false));
        assert!(!under_way.mark(slots[1], at(1), false), "the queue is full");
        assert_eq!(under_way.due(at(5), 0, &mut out), None);
        assert_eq!(under_way.due(at(6), 0, &mut out), Some(slots[0]));
        assert_eq!((under_way.due(at(6), 0, &mut out), under_way.next_deadline()), (None, Some(at(6))));
        assert_eq!(under_way.due(at(7), 0, &mut out), Some(slots[1]));
        let mut silent = UnderWay::new(false, 2);
        assert!(!silent.mark(slots[0], at(0), false) && !silent.may_tell_now(at(0)));
    }

    #[test]
    fn where_very_many_go_on_they_are_told_in_turn_and_nobody_waits_for_strangers() {
        let (slots, mut out) = (slots(300), Outbox::default());
        let mut under_way = UnderWay::new(true, 1000);
        assert!(
            under_way.may_tell_now(at(0)) && !under_way.may_tell_now(at(0)),
            "new entries are rate-limited too"
        );
        let strangers = slots.iter().filter(|slot| under_way.mark(**slot, at(0), true)).count();
        assert_eq!(strangers, 160);
        slots[..40].iter().for_each(|slot| assert!(under_way.mark(*slot, at(0), false)));
        let mut told_by = |now| std::iter::from_fn(|| under_way.due(now, 0, &mut out)).count();
        assert_eq!((told_by(at(6)), told_by(at(7)), told_by(at(60))), (33 + 33, 7 + 32, 95));
    }
}
