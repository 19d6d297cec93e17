use std::collections::VecDeque;

use bellwether_base::{SlotId, Span, Timestamp};

use crate::fact::Outbox;

/// Entries of a table that are to be told of while they go on, each once its time has come. A reader of a live run sees by that what no
/// end has told yet; where nobody looks meanwhile, nothing is told.
///
/// An entry stands here once: whoever marks it keeps that it is marked, and looks at that when its time has come, since
/// the slot may be another's by then.
pub(crate) struct UnderWay {
    is_told: bool,
    known: Queue,
    /// Those whom anybody can make for free: however many they are, the others do not wait for them.
    strangers: Queue,
    /// Places this shard's facts of this kind in the one order.
    fired: u64,
}

/// Entries in the order in which their time comes: all wait equally long.
struct Queue {
    waiting: VecDeque<(Timestamp, SlotId)>,
    most: usize,
    /// Nothing is told before this.
    free_at: Timestamp,
}

/// How long a change waits to be told, so that changes that come together are told once. No shard looks at its timers less often.
const WAIT: Span = Span::from_secs(5);

/// One entry is told in so much time, some 2,000 of all shards in a second: where very many go on at once the writer has to keep up, so that
/// they are told less often.
const PACE: Span = Span::from_millis(1000 / 32);

/// Strangers that wait: as many as are told while one waits. Of the others the end tells.
const MAX_STRANGERS: usize = 160;

impl UnderWay {
    /// For a table of so many entries.
    pub(crate) const fn new(is_told: bool, most: usize) -> Self {
        Self { is_told, known: Queue::new(most), strangers: Queue::new(MAX_STRANGERS), fired: 0 }
    }

    /// Whether anything is told.
    pub(crate) const fn is_told(&self) -> bool {
        self.is_told
    }

    /// Whether something new may be told at once, if the pace allows it; the pace counts it then.
    pub(crate) fn may_tell_now(&mut self, now: Timestamp) -> bool {
        let may = self.is_told && self.known.free_at <= now;
        if may {
            self.known.free_at = now + PACE;
        }
        may
    }

    /// An entry that has changed will be told of; answers whether it is marked.
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

    /// An entry that was due before `now`. What is told of it has its place at that moment.
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
        assert!(!under_way.mark(slots[1], at(1), false), "it is full");
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
            "what is new has its pace too"
        );
        let strangers = slots.iter().filter(|slot| under_way.mark(**slot, at(0), true)).count();
        assert_eq!(strangers, 160);
        slots[..40].iter().for_each(|slot| assert!(under_way.mark(*slot, at(0), false)));
        let mut told_by = |now| std::iter::from_fn(|| under_way.due(now, 0, &mut out)).count();
        assert_eq!((told_by(at(6)), told_by(at(7)), told_by(at(60))), (33 + 33, 7 + 32, 95));
    }
}
