use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bellwether_base::{Span, Timestamp};

use crate::fact::Outbox;

/// A refresh may be sent at the last moment, and sent again for as long as a transaction lasts (RFC 3261 section 17.1.2.2, timer F).
const GRACE: Span = Span::from_secs(32);

/// The bindings whose expiry is waited for, each once. A refresh does not move an entry: whoever takes one that is due looks whether the
/// binding lasts longer by now, and watches it again then.
pub(super) struct Expiries {
    /// The earliest first: when, and which device.
    waiting: BinaryHeap<Reverse<(Timestamp, u64)>>,
    most: usize,
    /// Places this shard's expiries in the one order of facts.
    fired: u64,
}

impl Expiries {
    /// For a table of so many devices. Entries of devices that left the table stay until their time comes, so there may be more of them.
    pub(super) const fn new(devices: usize) -> Self {
        Self { waiting: BinaryHeap::new(), most: devices.saturating_mul(2), fired: 0 }
    }

    /// Waits for the end of a binding that was granted until then. Answers whether there is room for it: else nobody tells its end.
    pub(super) fn watch(&mut self, until: Timestamp, device: u64) -> bool {
        let has_room = self.waiting.len() < self.most;
        if has_room {
            self.waiting.push(Reverse((until + GRACE, device)));
        }
        has_room
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.peek().map(|Reverse((deadline, _))| *deadline)
    }

    /// A device whose time came before `now`, and the end that was granted. What it gives rise to has its place at that moment.
    pub(super) fn due(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) -> Option<(u64, Timestamp)> {
        self.next_deadline().filter(|deadline| *deadline < now)?;
        let Reverse((deadline, device)) = self.waiting.pop()?;
        self.fired += 1;
        out.at_timer(deadline, shard, self.fired);
        Some((device, deadline - GRACE))
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
        assert!(!expiries.watch(at(10), 3), "there is room for two");
        assert_eq!(expiries.due(at(62), 0, &mut out), None);
        assert_eq!(expiries.due(at(63), 0, &mut out), Some((2, at(30))));
        assert_eq!((expiries.due(at(63), 0, &mut out), expiries.next_deadline()), (None, Some(at(92))));
        assert_eq!(expiries.due(at(93), 0, &mut out), Some((1, at(60))));
    }
}
