use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bellwether_base::{Span, Timestamp};

use crate::fact::Outbox;

/// Grace period after expiry. A refresh may leave at the last moment and be retransmitted for the length of a
/// transaction (RFC 3261 section 17.1.2.2, timer F).
const GRACE: Span = Span::from_secs(32);

/// Queue of binding expiries, one entry per device. A refresh does not move an entry. The receiver of a due
/// entry checks the binding's present expiry and queues it again if it is later.
pub(super) struct Expiries {
    /// Deadline, device, and true if the device has left the table; earliest first.
    waiting: BinaryHeap<Reverse<(Timestamp, u64, bool)>>,
    most: usize,
    /// Number of expiries fired; orders this shard's expiry facts.
    fired: u64,
}

impl Expiries {
    /// Creates a queue for a table of this many devices. Entries of evicted devices stay until their
    /// deadline, hence the larger capacity.
    pub(super) const fn new(devices: usize) -> Self {
        Self { waiting: BinaryHeap::new(), most: devices.saturating_mul(2), fired: 0 }
    }

    /// Queues the expiry of a binding granted until `until`. Returns false if the queue is full; the end is
    /// then not reported.
    pub(super) fn watch(&mut self, until: Timestamp, device: u64) -> bool {
        let has_room = self.waiting.len() < self.most;
        if has_room {
            self.waiting.push(Reverse((until + GRACE, device, false)));
        }
        has_room
    }

    /// Queues the expiry of a binding whose device leaves the table before it.
    pub(super) fn outlives(&mut self, until: Timestamp, device: u64) {
        if self.waiting.len() < self.most {
            self.waiting.push(Reverse((until + GRACE, device, true)));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.peek().map(|Reverse((deadline, ..))| *deadline)
    }

    /// A device due before `now`, its granted expiry time, and true if it had left the table. Facts that follow are
    /// ordered at the deadline.
    pub(super) fn due(
        &mut self,
        now: Timestamp,
        shard: u16,
        out: &mut Outbox,
    ) -> Option<(u64, Timestamp, bool)> {
        self.next_deadline().filter(|deadline| *deadline < now)?;
        let Reverse((deadline, device, has_left)) = self.waiting.pop()?;
        self.fired += 1;
        out.at_timer(deadline, shard, self.fired);
        Some((device, deadline - GRACE, has_left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn bindings_end_in_the_order_of_their_expiry_and_no_sooner_than_the_grace_is_over() {
        let (mut expiries, mut out) = (Expiries::new(1), Outbox::default());
        assert!(expiries.watch(at(60), 1) && expiries.watch(at(30), 2));
        assert!(!expiries.watch(at(10), 3), "the capacity is two");
        assert_eq!(expiries.due(at(62), 0, &mut out), None);
        assert_eq!(expiries.due(at(63), 0, &mut out), Some((2, at(30), false)));
        expiries.outlives(at(70), 4);
        assert_eq!((expiries.due(at(63), 0, &mut out), expiries.next_deadline()), (None, Some(at(92))));
        assert_eq!(expiries.due(at(93), 0, &mut out), Some((1, at(60), false)));
        assert_eq!(expiries.due(at(103), 0, &mut out), Some((4, at(70), true)));
    }
}
