//! The choice of subscribers that have to be assessed again.

use std::collections::BTreeSet;
use std::ops::Bound;

use bellwether_base::{CallId, RegistrationId};
use bellwether_enrich::{AccessSide, Row};

/// Calls and registrations that are remembered until their subscribers are assessed. Beyond that all subscribers are.
const MAX_TOUCHED: usize = 65_536;

/// The calls, registrations and subscribers whose verdicts may have changed.
#[derive(Debug, Default)]
pub struct DirtySubjects {
    calls: BTreeSet<CallId>,
    registrations: BTreeSet<RegistrationId>,
    /// Calls that may come from a trunk and dial a number that only subscribers may dial.
    sensitive: BTreeSet<CallId>,
    /// More than could be remembered: any subscriber's calls may have changed, or any call may be a trunk's.
    is_anyone: bool,
    is_any_call: bool,
    /// Subscribers that wait for their turn, and the one whose turn it was last.
    waiting: BTreeSet<String>,
    last: String,
}

/// Calls and registrations whose subscribers have to be assessed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DirtyRows {
    /// True if every subscriber of the inventory has to be.
    pub is_anyone: bool,
    /// Calls, by their identities.
    pub calls: BTreeSet<CallId>,
    /// Registrations, by their identities.
    pub registrations: BTreeSet<RegistrationId>,
}

/// Calls that may be sensitive and come from a trunk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sensitive {
    /// True if every sensitive call may.
    pub is_any_call: bool,
    /// Calls, by their identities.
    pub calls: BTreeSet<CallId>,
}

impl DirtySubjects {
    /// Notes a row that may change verdicts.
    pub fn note(&mut self, row: &Row) {
        match row {
            Row::Call(row) => {
                self.calls.insert(row.call);
                if row.is_sensitive {
                    self.sensitive.insert(row.call);
                }
            }
            // The side that a call comes from is certain only when all its hops are known.
            Row::CallUpdate(row) if row.access_side == AccessSide::Inbound => {
                self.sensitive.insert(row.call);
            }
            Row::Referral(row) if row.is_sensitive => {
                self.calls.insert(row.call);
                self.sensitive.insert(row.call);
            }
            Row::Stream(row) if row.pauses.is_some() => self.calls.extend(row.call),
            Row::RegistrationUpdate(row) => {
                self.registrations.insert(row.registration);
            }
            _ => {}
        }
        if self.calls.len() > MAX_TOUCHED || self.registrations.len() > MAX_TOUCHED {
            self.calls.clear();
            self.registrations.clear();
            self.is_anyone = true;
        }
        if self.sensitive.len() > MAX_TOUCHED {
            self.sensitive.clear();
            self.is_any_call = true;
        }
    }

    /// Notes calls that an earlier run may have left without an assessment, and the sensitive calls among them.
    pub fn note_left_over(
        &mut self,
        calls: impl IntoIterator<Item = CallId>,
        sensitive: impl IntoIterator<Item = CallId>,
    ) {
        self.calls.extend(calls);
        self.sensitive.extend(sensitive);
    }

    /// Notes every subscriber of the inventory.
    pub const fn note_anyone(&mut self) {
        self.is_anyone = true;
    }

    /// True if no subscriber has to be assessed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_noted = self.is_anyone || !self.calls.is_empty() || !self.registrations.is_empty();
        !is_noted && self.waiting.is_empty()
    }

    /// Takes the calls that may be sensitive and come from a trunk.
    pub fn take_sensitive(&mut self) -> Sensitive {
        Sensitive {
            is_any_call: std::mem::take(&mut self.is_any_call),
            calls: std::mem::take(&mut self.sensitive),
        }
    }

    /// Takes the calls and registrations whose subscribers have to be assessed; [`Self::wait`] takes those subscribers.
    pub fn take_dirty_rows(&mut self) -> DirtyRows {
        DirtyRows {
            is_anyone: std::mem::take(&mut self.is_anyone),
            calls: std::mem::take(&mut self.calls),
            registrations: std::mem::take(&mut self.registrations),
        }
    }

    /// Has subscribers wait for their turn, by address of record.
    pub fn wait<'a>(&mut self, aors: impl IntoIterator<Item = &'a str>) {
        self.waiting.extend(aors.into_iter().map(str::to_owned));
    }

    /// The next subscriber, in turn: no subscriber waits for longer than one round, however often others change.
    pub fn next_subscriber(&mut self) -> Option<String> {
        let behind = (Bound::Excluded(self.last.as_str()), Bound::Unbounded);
        let next = self.waiting.range::<str, _>(behind).next().or(self.waiting.first())?.clone();
        self.waiting.remove(&next);
        self.last.clone_from(&next);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::{Endpoint, Timestamp};
    use bellwether_enrich::{CallUpdate, Masked, ReferralRow, RegistrationUpdate};

    use super::*;

    fn update(call: i64, access_side: AccessSide) -> Row {
        let at = Timestamp::from_nanos(1);
        Row::CallUpdate(Box::new(CallUpdate {
            call: CallId::new(call),
            started_at: at,
            answered_at: None,
            ended_at: None,
            final_status: None,
            duplicates: 0,
            retransmissions: 0,
            hops: 1,
            last_destination: Endpoint::v4([192, 0, 2, 1], 5060),
            access_side,
            trunk_id: None,
            forks: 0,
            reinvites: 0,
            cancelled: false,
            ended_by: None,
            is_let_in: false,
        }))
    }

    fn registered(registration: i64) -> Row {
        let at = Timestamp::from_nanos(1);
        Row::RegistrationUpdate(Box::new(RegistrationUpdate {
            registration: RegistrationId::new(registration),
            first_seen: at,
            last_seen: at,
            refreshes: 1,
            duplicates: 0,
            challenges: 0,
            last_status: None,
            expires_s: None,
            rtt_ms: None,
            rtt_middle_ms: None,
            registered_by: None,
            ended_at: None,
            moves: Vec::new(),
            segments: Vec::new(),
        }))
    }

    fn referral(call: i64, is_sensitive: bool) -> Row {
        Row::Referral(Box::new(ReferralRow {
            call: CallId::new(call),
            referred_to: Masked::stored("900"),
            is_sensitive,
        }))
    }

    #[test]
    fn a_call_that_came_from_a_trunk_may_be_sensitive_and_changes_no_verdict_about_a_device() {
        let mut dirty = DirtySubjects::default();
        dirty.note(&update(1, AccessSide::Inbound));
        dirty.note(&update(2, AccessSide::Internal));
        assert!(dirty.is_empty());
        assert_eq!(
            dirty.take_sensitive(),
            Sensitive { is_any_call: false, calls: BTreeSet::from([CallId::new(1)]) }
        );
        assert_eq!(dirty.take_sensitive(), Sensitive::default(), "each is taken once");
    }

    #[test]
    fn a_registration_and_a_call_that_is_sent_on_to_a_sensitive_number_are_dirty() {
        let mut dirty = DirtySubjects::default();
        dirty.note(&registered(5));
        dirty.note(&referral(7, true));
        dirty.note(&referral(8, false));
        assert!(!dirty.is_empty());
        assert_eq!(dirty.take_sensitive().calls, BTreeSet::from([CallId::new(7)]));
        let touched = DirtyRows {
            is_anyone: false,
            calls: BTreeSet::from([CallId::new(7)]),
            registrations: BTreeSet::from([RegistrationId::new(5)]),
        };
        assert_eq!(dirty.take_dirty_rows(), touched);
        assert!(dirty.is_empty());
    }

    #[test]
    fn more_than_can_be_remembered_is_every_subscriber_and_every_call() {
        let mut dirty = DirtySubjects::default();
        for call in 0..=MAX_TOUCHED as i64 {
            dirty.note(&referral(call, true));
        }
        let touched = dirty.take_dirty_rows();
        assert!(touched.is_anyone && touched.calls.is_empty());
        let sensitive = dirty.take_sensitive();
        assert!(sensitive.is_any_call && sensitive.calls.is_empty());
    }

    #[test]
    fn a_subscriber_that_changes_all_the_time_does_not_hold_up_the_others() {
        let mut dirty = DirtySubjects::default();
        dirty.wait(["a", "b", "c"]);
        let mut turns = Vec::new();
        for _ in 0..5 {
            dirty.wait(["a"]);
            turns.extend(dirty.next_subscriber());
        }
        assert_eq!(turns, ["a", "b", "c", "a", "a"]);
    }
}
