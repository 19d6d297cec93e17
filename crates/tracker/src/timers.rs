use bellwether_base::{LruTable, SlotId, Span, Timestamp};

use crate::fact::Outbox;

/// The time-outs of a table, one per eviction class, and the order in which they fire.
pub(crate) struct Timers<const CLASSES: usize> {
    timeouts: [Span; CLASSES],
    /// Number of timers fired; orders this shard's timer facts.
    fired: u64,
}

impl<const CLASSES: usize> Timers<CLASSES> {
    pub(crate) const fn new(timeouts: [Span; CLASSES]) -> Self {
        Self { timeouts, fired: 0 }
    }

    /// Deadline of the next entry.
    pub(crate) fn next_deadline<K: Eq, V>(&self, table: &LruTable<K, V, CLASSES>) -> Option<Timestamp> {
        let deadline = |(class, timeout): (usize, &Span)| table.oldest_touched(class).map(|t| t + *timeout);
        self.timeouts.iter().enumerate().filter_map(deadline).min()
    }

    /// An entry due before `now`, and its deadline. Facts that follow are ordered at the deadline.
    pub(crate) fn due<K: Eq, V>(
        &mut self,
        table: &LruTable<K, V, CLASSES>,
        now: Timestamp,
        shard: u16,
        out: &mut Outbox,
    ) -> Option<(SlotId, Timestamp)> {
        let (slot, deadline) = self.timeouts.iter().enumerate().find_map(|(class, timeout)| {
            table.oldest_before(class, now - *timeout).map(|(slot, touched)| (slot, touched + *timeout))
        })?;
        self.fired += 1;
        out.at_timer(deadline, shard, self.fired);
        Some((slot, deadline))
    }

    /// Any entry, at the end of the input. Facts that follow are ordered at `now`.
    pub(crate) fn rest<K: Eq, V>(
        &mut self,
        table: &LruTable<K, V, CLASSES>,
        now: Timestamp,
        shard: u16,
        out: &mut Outbox,
    ) -> Option<SlotId> {
        let slot = (0..CLASSES).find_map(|class| table.oldest(class))?;
        self.fired += 1;
        out.at_timer(now, shard, self.fired);
        Some(slot)
    }
}
