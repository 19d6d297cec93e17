//! What the next rows will need is brought near before they are judged.
//!
//! What is known of callers, addresses and calls under way takes far more memory than a processor's caches hold, and who calls next is
//! anybody's guess, so that judging by itself is mostly waiting for memory: for one place, which tells where the next one is, and so on. Of
//! several rows together the processor waits for all at once ([`LruTable::gather`]).
//!
//! Nothing is changed here, and nothing goes wrong where something else comes than was foreseen.
//!
//! [`LruTable::gather`]: bellwether_base::LruTable::gather

use std::hint::black_box;

use bellwether_base::{GATHERED, Timestamp};
use bellwether_judge::Row;
use smallvec::SmallVec;

use super::Assessor;
use crate::pool::Pool;

/// Keys of one table that rows will ask for.
type Wanted = SmallVec<[u64; GATHERED]>;

impl Assessor {
    /// Rows to look ahead at once: what they need must not push each other out of the cache.
    pub const AHEAD: usize = GATHERED;

    /// Looks at the rows that come next, at most [`Self::AHEAD`] of them.
    pub fn foresee(&mut self, rows: &[Row]) {
        self.foreseen.clear();
        let (mut open, mut users) = (Wanted::new(), Wanted::new());
        let (mut callers, mut sources) = (Wanted::new(), Wanted::new());
        let mut prints: SmallVec<[_; GATHERED]> = SmallVec::new();
        let mut latest = Timestamp::MIN;
        for row in rows.iter().take(Self::AHEAD) {
            match row {
                Row::Call(row) => {
                    latest = latest.max(row.started_at);
                    let names = self.keys.names(row);
                    callers.push(names.caller);
                    sources.push(names.source);
                    self.foreseen.push_back(names);
                }
                Row::CallUpdate(update) => open.push(update.call.cast_unsigned()),
                Row::Stream(row) => {
                    open.extend(row.call.map(i64::cast_unsigned));
                    prints.extend(row.opening);
                }
                Row::Registration(row) => users.push(row.registration.cast_unsigned()),
                Row::RegistrationUpdate(update) => users.push(update.registration.cast_unsigned()),
                Row::Attempt(row) => {
                    users.push(row.registration.cast_unsigned());
                    sources.push(self.keys.address(row.source.ip()));
                }
                _ => {}
            }
        }
        // Calls that are closed on the way.
        let closing =
            self.over.iter().take_while(|(at, _)| *at < latest).map(|(_, call)| call.cast_unsigned());
        open.extend(closing.take(GATHERED - open.len().min(GATHERED)));
        let mut pools = Wanted::new();
        let near = self.open.gather(&open);
        for call in near.iter().flatten() {
            black_box((
                call.call,
                call.is_news,
                call.told.is_some(),
                call.membership.is_some(),
                call.name.len(),
            ));
            callers.push(call.caller);
            sources.push(call.source);
            pools.extend(call.pools.iter().map(|pool| pool.key));
        }
        for call in near.iter().flatten() {
            call.at_start.iter().for_each(|finding| {
                black_box(finding.points);
            });
            black_box(call.subjects.first().map(|known| known.key));
        }
        for (user, home) in self.users.gather(&users).into_iter().flatten() {
            black_box(home.last);
            callers.push(*user);
        }
        callers.chunks(GATHERED).for_each(|callers| self.foresee_callers(callers));
        for sources in sources.chunks(GATHERED) {
            let near = self.sources.gather(sources);
            for source in near.iter().flatten() {
                black_box((source.wrong_passwords, source.signed, source.refused.len(), source.campaign));
            }
            for source in near.iter().flatten() {
                black_box((
                    source.actor.latest().last().map(|deed| deed.at),
                    source.accepted.first().copied(),
                ));
            }
        }
        for pools in pools.chunks(GATHERED) {
            for pool in self.pools.gather(pools).into_iter().flatten() {
                black_box((pool.campaign, pool.dominant, pool.pattern.calls));
            }
        }
        self.prompts.foresee(&prints);
    }

    fn foresee_callers(&self, keys: &[u64]) {
        let near = self.callers.gather(keys);
        for caller in near.iter().flatten() {
            let account = &caller.account;
            black_box((account.calls, account.hours.first(), account.hours.last(), caller.is_asked));
            black_box((account.homes.len(), account.platforms.len(), account.countries.len()));
        }
        for caller in near.iter().flatten() {
            black_box((
                caller.account.homes.first().map(|home| home.last),
                caller.account.platforms.first().map(|(_, at)| *at),
                caller.actor.latest().last().map(|deed| deed.at),
            ));
        }
    }

    /// What is known of the callers of a pool, and where its calls belong.
    pub(super) fn foresee_calls(&self, pool: &Pool) {
        let mut calls = pool.candidates();
        loop {
            let (callers, calls): (Wanted, Wanted) =
                calls.by_ref().take(GATHERED).map(|c| (c.caller, c.call.cast_unsigned())).unzip();
            if calls.is_empty() {
                return;
            }
            self.foresee_callers(&callers);
            for membership in self.members.gather(&calls).into_iter().flatten() {
                black_box(membership.campaign);
            }
        }
    }
}
