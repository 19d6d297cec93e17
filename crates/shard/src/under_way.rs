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
    /// Oldest first: all wait equally long.
    waiting: VecDeque<(Timestamp, SlotId)>,
    /// As many as the table has entries; strangers leave half of it to others.
    most: usize,
    /// Nothing is told before this.
    free_at: Timestamp,
    /// Places this shard's facts of this kind in the one order.
    fired: u64,
}

impl UnderWay {
    /// How long a change waits to be told, so that changes that come together are told once. No shard looks at its timers less often.
    const WAIT: Span = Span::from_secs(5);

    /// One entry is told in so much time, some 2,000 of all shards in a second: where very many go on at once the writer has to keep up, so that
    /// they are told less often.
    const PACE: Span = Span::from_millis(1000 / 32);

    pub(crate) const fn new(is_told: bool, most: usize) -> Self {
        Self { is_told, waiting: VecDeque::new(), most, free_at: Timestamp::MIN, fired: 0 }
    }

    /// Whether anything is told.
    pub(crate) const fn is_told(&self) -> bool {
        self.is_told
    }

    /// Whether something new may be told at once, if the pace allows it; the pace counts it then.
    pub(crate) fn may_tell_now(&mut self, now: Timestamp) -> bool {
        let may = self.is_told && self.free_at <= now;
        if may {
            self.free_at = now + Self::PACE;
        }
        may
    }

    /// An entry that has changed will be told of; answers whether it is marked. Of those whom anybody can make for free
    /// (`is_stranger`) some are passed over where they are very many.
    pub(crate) fn mark(&mut self, slot: SlotId, at: Timestamp, is_stranger: bool) -> bool {
        let most = if is_stranger { self.most / 2 } else { self.most };
        let is_marked = self.is_told && self.waiting.len() < most;
        if is_marked {
            self.waiting.push_back((at + Self::WAIT, slot));
        }
        is_marked
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.front().map(|(due, _)| (*due).max(self.free_at))
    }

    /// An entry that was due before `now`. What is told of it has its place at that moment.
    pub(crate) fn due(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) -> Option<SlotId> {
        let due = self.next_deadline().filter(|due| *due < now)?;
        let (_, slot) = self.waiting.pop_front()?;
        self.free_at = due + Self::PACE;
        self.fired += 1;
        out.at_timer(due, shard, self.fired);
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::LruTable;

    use super::*;

    #[test]
    fn a_change_is_told_once_its_time_has_come_and_strangers_leave_room() {
        let mut table: LruTable<u64, (), 1> = LruTable::new(8);
        let at = |s: i64| Timestamp::from_nanos(s * 1_000_000_000);
        let slots: Vec<SlotId> = (0..4).map(|i| table.insert(i, i, (), 0, at(0)).0).collect();
        let mut under_way = UnderWay::new(true, 2);
        let mut out = Outbox::default();
        assert!(under_way.mark(slots[0], at(0), true));
        assert!(!under_way.mark(slots[1], at(0), true), "strangers have their half");
        assert!(under_way.mark(slots[2], at(1), false));
        assert!(!under_way.mark(slots[3], at(1), false), "it is full");
        assert_eq!(under_way.due(at(5), 0, &mut out), None);
        assert_eq!(under_way.due(at(6), 0, &mut out), Some(slots[0]));
        assert_eq!((under_way.due(at(6), 0, &mut out), under_way.next_deadline()), (None, Some(at(6))));
        assert_eq!(under_way.due(at(7), 0, &mut out), Some(slots[2]));
        let mut many = UnderWay::new(true, 1000);
        assert!(many.may_tell_now(at(0)) && !many.may_tell_now(at(0)), "what is new has its pace too");
        (0..100).for_each(|_| assert!(many.mark(slots[0], at(0), false)));
        let mut told_by = |now| std::iter::from_fn(|| many.due(now, 0, &mut out)).count();
        assert_eq!(
            (told_by(at(6)), told_by(at(7)), told_by(at(60))),
            (33, 32, 35),
            "those who wait are told in turn"
        );
        assert!(!UnderWay::new(false, 2).mark(slots[0], at(0), false));
    }
}
