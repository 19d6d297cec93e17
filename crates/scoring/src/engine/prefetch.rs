//! Software prefetch: loads the state that the next rows need into the processor's caches.
//!
//! The state of callers, addresses and open calls is much larger than the caches, and the next caller is
//! unpredictable. Scoring is therefore bound by memory latency, in chains of dependent loads. For several
//! rows together the processor overlaps these loads ([`LruTable::gather`]).
//!
//! Prefetching changes no state. A wrong prediction costs time only.
//!
//! [`LruTable::gather`]: bellwether_base::LruTable::gather

use std::hint::black_box;

use bellwether_base::{CallId, GATHERED, SlotId, Timestamp};
use bellwether_enrich::Row;
use smallvec::SmallVec;

use super::{Caller, ScoringEngine};
use crate::candidate_group::CandidateGroup;
use crate::invite::Invite;
use crate::keys::Names;
use crate::open::GroupMembership;
use crate::source::Source;

/// Keys of one table that rows will look up.
type Wanted = SmallVec<[u64; GATHERED]>;

/// Slots of one table that rows will access.
type Slots = SmallVec<[SlotId; GATHERED]>;

/// All keys that rows will look up.
#[derive(Default)]
struct PrefetchKeys {
    open: Wanted,
    /// Identities of new calls. Prefetching them loads their future slots.
    new: Wanted,
    users: Wanted,
    callers: Wanted,
    sources: Wanted,
    /// Slots of the callers and addresses of open calls.
    callers_at: Slots,
    sources_at: Slots,
    pools: Wanted,
    /// Open calls with their groups.
    in_pools: SmallVec<[(CallId, GroupMembership); GATHERED]>,
}

impl ScoringEngine {
    /// Number of rows per prefetch. Their data must fit in the cache together.
    pub const AHEAD: usize = GATHERED;

    /// Prefetches for the next rows, at most [`Self::AHEAD`] of them. The identity of a call is its key here.
    pub fn prefetch(&mut self, rows: &[Row]) {
        let mut needs = self.needs_of(rows.iter().take(Self::AHEAD));
        black_box(self.open.gather(&needs.new).len());
        self.prefetch_open(&mut needs);
        for (user, home) in self.users.gather(&needs.users).into_iter().flatten() {
            black_box(home.last);
            needs.callers.push(*user);
        }
        let (callers, sources) = (&self.callers, &self.sources);
        needs.callers.chunks(GATHERED).for_each(|keys| look_at_callers(&callers.gather(keys)));
        needs.callers_at.chunks(GATHERED).for_each(|slots| look_at_callers(&callers.gather_slots(slots)));
        needs.sources.chunks(GATHERED).for_each(|keys| look_at_sources(&sources.gather(keys)));
        needs.sources_at.chunks(GATHERED).for_each(|slots| look_at_sources(&sources.gather_slots(slots)));
        self.prefetch_groups(&mut needs);
    }

    /// The keys that the rows contain.
    fn needs_of<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) -> PrefetchKeys {
        self.prefetched.clear();
        let mut needs = PrefetchKeys::default();
        let mut latest = Timestamp::MIN;
        for row in rows {
            match row {
                // Emergency calls are not scored.
                Row::Call(row) if !row.traits.is_emergency => {
                    latest = latest.max(row.started_at);
                    let names = self.keys.names(&Invite::from(&**row));
                    needs.new.push(row.call.key());
                    needs.callers.push(names.caller);
                    needs.sources.push(names.source);
                    self.prefetched.push_back(names);
                }
                Row::CallUpdate(update) => needs.open.push(update.call.key()),
                Row::Stream(row) => needs.open.extend(row.call.map(CallId::key)),
                Row::Registration(row) => needs.users.push(row.registration.key()),
                Row::RegistrationUpdate(update) => needs.users.push(update.registration.key()),
                Row::RegistrationEnd { registration, .. } => needs.users.push(registration.key()),
                Row::Attempt(row) => {
                    needs.users.push(row.registration.key());
                    needs.sources.push(self.keys.address(row.source.ip()));
                }
                _ => {}
            }
        }
        // Calls that close in the meantime.
        let closing = self.over.iter().take_while(|(at, _)| *at < latest);
        let room = GATHERED.saturating_sub(needs.open.len());
        needs.open.extend(closing.map(|(_, call)| call.key()).take(room));
        needs
    }

    /// Prefetches open calls and collects their keys.
    fn prefetch_open(&self, needs: &mut PrefetchKeys) {
        let near = self.open.gather(&needs.open);
        for call in near.iter().flatten() {
            black_box((call.call, call.is_news, call.told.is_some(), call.membership.is_some()));
            needs.callers_at.push(call.caller_at);
            needs.sources_at.push(call.source_at);
            needs.in_pools.extend(call.pools.iter().map(|pool| (call.call, pool)));
        }
        for call in near.iter().flatten() {
            call.at_start.iter().for_each(|finding| {
                black_box(finding.points);
            });
            black_box(call.subjects.first().map(|known| known.key));
        }
    }

    /// Prefetches the groups that new calls enter, and the entries of open calls in their groups.
    fn prefetch_groups(&self, needs: &mut PrefetchKeys) {
        for names in &self.prefetched {
            // A caller with a registered device enters no group.
            if self.callers.value(names.caller).is_none_or(|of| of.account.devices.is_empty()) {
                let Names { fingerprint, deployment, dialled_block, caller_block, .. } = *names;
                needs.pools.extend([fingerprint, deployment, dialled_block, caller_block]);
            }
        }
        let slots: SmallVec<[SlotId; 4 * GATHERED]> =
            needs.in_pools.iter().map(|(_, pool)| pool.slot).collect();
        needs.pools.chunks(GATHERED).for_each(|keys| look_at_pools(&self.pools.gather(keys)));
        slots.chunks(GATHERED).for_each(|slots| look_at_pools(&self.pools.gather_slots(slots)));
        for (call, GroupMembership { key, slot, place }) in &needs.in_pools {
            black_box(self.pools.value_from(*slot, *key).and_then(|pool| pool.find(*place, *call)).is_some());
        }
    }

    /// Prefetches the callers of a group and the memberships of its calls.
    pub(super) fn prefetch_calls(&self, pool: &CandidateGroup) {
        let mut calls = pool.candidates();
        loop {
            let (callers, calls): (Slots, Wanted) =
                calls.by_ref().take(GATHERED).map(|c| (c.caller_at, c.call.key())).unzip();
            if calls.is_empty() {
                return;
            }
            look_at_callers(&self.callers.gather_slots(&callers));
            for membership in self.members.gather(&calls).into_iter().flatten() {
                black_box(membership.campaign);
            }
        }
    }
}

fn look_at_pools(near: &[Option<&CandidateGroup>]) {
    for pool in near.iter().flatten() {
        black_box((pool.campaign(), pool.dominant, pool.pattern.calls()));
    }
}

fn look_at_sources(near: &[Option<&Source>]) {
    for source in near.iter().flatten() {
        black_box((source.wrong_passwords, source.signed, source.refused.len(), source.campaign));
    }
    for source in near.iter().flatten() {
        black_box((source.actor.latest().last().map(|deed| deed.at), source.accepted.first().copied()));
    }
}

fn look_at_callers(near: &[Option<&Caller>]) {
    for caller in near.iter().flatten() {
        let account = &caller.account;
        black_box((account.calls, account.hours.first(), account.hours.last(), caller.is_asked));
        black_box((account.devices.len(), account.platforms.len(), account.countries.len()));
    }
    for caller in near.iter().flatten() {
        black_box((
            caller.account.devices.first().map(|home| home.last),
            caller.account.platforms.first().map(|(_, at)| *at),
            caller.actor.latest().last().map(|deed| deed.at),
        ));
    }
}
