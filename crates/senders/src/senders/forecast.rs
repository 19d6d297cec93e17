//! The verdict that a call would get if it came now.

use bellwether_base::CallId;

use super::verdicts::{nothing, of_line};
use super::{CallStart, CallerAccess, Cluster, LineKind, Senders, Verdict};
use crate::parties::{Address, Recorded};

impl Senders {
    /// The verdict of a call that has not come. Nothing is counted and no other verdict changes, so the answer does not
    /// include what the call itself would add to its clusters.
    #[must_use]
    pub fn forecast(&self, call: &CallStart) -> Verdict {
        let key = call.place();
        let number = self.numbers.value(call.number);
        let sessions = number.map_or(1, |of| of.sessions.max(1));
        let is_bonded = number.and_then(|of| of.place(key)).is_some_and(|place| place.is_bonded);
        match call.access {
            CallerAccess::Registered => return of_line(sessions, LineKind::Registered),
            CallerAccess::Server => return of_line(sessions, LineKind::Server),
            CallerAccess::Trunk if is_bonded => return of_line(sessions, LineKind::Returning),
            CallerAccess::Trunk => return Verdict { cluster: Cluster::Trunk, ..nothing() },
            CallerAccess::RegisteredLately | CallerAccess::Unknown => {}
        }
        let home = number.and_then(|of| of.home_elsewhere(call.address, call.at));
        let recorded = Recorded {
            call: CallId::default(),
            at: call.at,
            number: call.number,
            product: call.product as u32,
            agent: call.agent as u32,
            print: call.print as u32,
            callee: call.callee as u32,
            block: call.block as u32,
            is_young: call.access == CallerAccess::RegisteredLately,
            is_borrowed: home.is_some(),
            ..Recorded::default()
        };
        match self.addresses.value(key) {
            Some(address) => self.of_recorded(key, address, &recorded, 1),
            // A new address is a stranger of its family.
            None => {
                let address = Address {
                    family: call.family,
                    first: Some(call.at),
                    sessions: 1,
                    numbers: 1,
                    counted_by: self.families.value(call.family).map_or(0, |family| family.serial),
                    ..Address::default()
                };
                self.of_recorded(key, &address, &recorded, 1)
            }
        }
    }
}
