//! What the next rows will need is brought near before they are judged.
//!
//! What is known of callers, addresses and calls under way takes far more memory than a processor's caches hold, and who calls next is
//! anybody's guess, so that judging by itself is mostly waiting for memory: for one place, which tells where the next one is, and so on. Of
//! several rows together the processor waits for all at once ([`LruTable::gather`]).
//!
//! Nothing is changed here, and nothing goes wrong where something else comes than was prefetched.
//!
//! [`LruTable::gather`]: bellwether_base::LruTable::gather

use std::hint::black_box;

use bellwether_acoustics::OpeningPrint;
use bellwether_base::{GATHERED, SlotId, Timestamp};
use bellwether_enrich::Row;
use smallvec::SmallVec;

use super::{Caller, ScoringEngine};
use crate::candidate_group::CandidateGroup;
use crate::invite::Invite;
use crate::keys::Names;
use crate::open::GroupMembership;
use crate::source::Source;

/// Keys of one table that rows will ask for.
type Wanted = SmallVec<[u64; GATHERED]>;

/// Slots of one table that rows will ask for.
type Slots = SmallVec<[SlotId; GATHERED]>;

/// What rows will ask for.
#[derive(Default)]
struct PrefetchKeys {
    open: Wanted,
    /// Calls that begin: where they will stand.
    new: Wanted,
    users: Wanted,
    callers: Wanted,
    sources: Wanted,
    /// Callers and addresses of calls under way: where they stood.
    callers_at: Slots,
    sources_at: Slots,
    pools: Wanted,
    /// Calls with the pools that they are in.
    in_pools: SmallVec<[(i64, GroupMembership); GATHERED]>,
    prints: SmallVec<[OpeningPrint; GATHERED]>,
}

impl ScoringEngine {
    /// Rows to look ahead at once: what they need must not push each other out of the cache.
    pub const AHEAD: usize = GATHERED;

    /// Looks at the rows that come next, at most [`Self::AHEAD`] of them. A call that comes is taken for the one of its identity here.
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
        self.prompts.prefetch(&needs.prints);
    }

    /// What rows name themselves.
    fn needs_of<'a>(&mut self, rows: impl Iterator<Item = &'a Row>) -> PrefetchKeys {
        self.prefetched.clear();
        let mut needs = PrefetchKeys::default();
        let mut latest = Timestamp::MIN;
        for row in rows {
            match row {
                // Whoever calls for help is not looked at.
                Row::Call(row) if !row.traits.is_emergency => {
                    latest = latest.max(row.started_at);
                    let names = self.keys.names(&Invite::from(&**row));
                    needs.new.push(row.call.cast_unsigned());
                    needs.callers.push(names.caller);
                    needs.sources.push(names.source);
                    self.prefetched.push_back(names);
                }
                Row::CallUpdate(update) => needs.open.push(update.call.cast_unsigned()),
                Row::Stream(row) => {
                    needs.open.extend(row.call.map(i64::cast_unsigned));
                    needs.prints.extend(row.opening);
                }
                Row::Registration(row) => needs.users.push(row.registration.cast_unsigned()),
                Row::RegistrationUpdate(update) => needs.users.push(update.registration.cast_unsigned()),
                Row::RegistrationEnd { registration, .. } => needs.users.push(registration.cast_unsigned()),
                Row::Attempt(row) => {
                    needs.users.push(row.registration.cast_unsigned());
                    needs.sources.push(self.keys.address(row.source.ip()));
                }
                _ => {}
            }
        }
        // Calls that are closed on the way.
        let closing = self.over.iter().take_while(|(at, _)| *at < latest);
        let room = GATHERED.saturating_sub(needs.open.len());
        needs.open.extend(closing.map(|(_, call)| call.cast_unsigned()).take(room));
        needs
    }

    /// Calls under way, and whom and what they name.
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

    /// The pools that calls enter, and what calls under way are in theirs.
    fn prefetch_groups(&self, needs: &mut PrefetchKeys) {
        for names in &self.prefetched {
            // Whoever is at home enters no pool.
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

    /// What is known of the callers of a pool, and where its calls belong.
    pub(super) fn prefetch_calls(&self, pool: &CandidateGroup) {
        let mut calls = pool.candidates();
        loop {
            let (callers, calls): (Slots, Wanted) =
                calls.by_ref().take(GATHERED).map(|c| (c.caller_at, c.call.cast_unsigned())).unzip();
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
