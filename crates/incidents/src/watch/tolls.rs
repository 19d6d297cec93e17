//! Accounts that call abroad, alone or many of them, and accounts in two places.

use bellwether_base::{SlotId, Span, Timestamp, several};

use super::{Call, GUESSED, REGISTERED, SCANNED, Watch, network};
use crate::IncidentKind;
use crate::account::{PACES, pace};
use crate::alarm::Alarm;
use crate::collection::Collection;
use crate::detector::of;
use crate::novelty::{KINDS, Novelty};
use crate::number::Place;
use crate::pool::{PoolKey, address_key};
use crate::settings::DAY;
use crate::source::{Suspicion, UNKNOWN_SHARE};
use crate::toll::{Marks, Site};
use crate::{pooled, sketch};

/// Other accounts that must have begun to call a country within a week to make a season.
const SEASON: usize = 2;

/// One account in so many must have begun, too.
const SEASON_SHARE: usize = 33;

/// Accounts of one country that are remembered.
const MAX_BEGUN: usize = 64;

const WEEK: Span = Span::from_secs(7 * 86_400);

/// Average destinations and pace of the site's accounts.
#[derive(Clone, Copy, Debug)]
pub(super) struct SiteMix {
    kinds: [f32; KINDS],
    paces: [f32; PACES],
}

impl Default for SiteMix {
    /// The prior is worth a hundred calls: known, new at home, new in a known country, new plain and costly countries.
    fn default() -> Self {
        Self { kinds: [60.0, 36.0, 3.0, 0.7, 0.3], paces: [2.0, 8.0, 14.0, 30.0, 46.0] }
    }
}

impl SiteMix {
    fn count(&mut self, kind: usize, pace: Option<usize>) {
        if let Some(count) = self.kinds.get_mut(kind) {
            *count += 1.0;
        }
        if let Some(count) = pace.and_then(|pace| self.paces.get_mut(pace)) {
            *count += 1.0;
        }
        if self.kinds.iter().sum::<f32>() > 10_000.0 {
            self.kinds.iter_mut().chain(&mut self.paces).for_each(|count| *count /= 2.0);
        }
    }

    fn shares<const N: usize>(counts: &[f32; N]) -> [f64; N] {
        let all: f32 = counts.iter().sum();
        counts.map(|count| f64::from(count / all.max(1.0)))
    }
}

impl Watch {
    fn site(&mut self, call: &Call) -> Site {
        let source = self.sources.value_mut(address_key(call.source));
        let share_abroad = source.map_or(UNKNOWN_SHARE, |source| source.share_abroad(call.at));
        let place = call.destination.place();
        Site {
            kinds: SiteMix::shares(&self.mix.kinds),
            paces: SiteMix::shares(&self.mix.paces),
            is_season: place.is_some_and(|place| self.is_season(place_key(place), call)),
            share_abroad,
        }
    }

    /// True if many accounts have begun to call a country within a week, and more than any other: a holiday, or people
    /// who came together. A fraud calls several countries. At a large site some people begin to call any country.
    fn is_season(&self, country: u64, call: &Call) -> bool {
        let others = self.others_begun(country, call);
        // No list of a country is longer, and nobody can invent registered accounts.
        let share = (self.accounts.len_of(REGISTERED) / SEASON_SHARE).min(MAX_BEGUN / 2);
        let least = SEASON.max(share);
        others >= least && self.season.is_none_or(|of| of == country || self.others_begun(of, call) < others)
    }

    /// Other accounts that began to call a country within a week.
    fn others_begun(&self, country: u64, call: &Call) -> usize {
        let is_other =
            |(account, at): &&(u64, Timestamp)| *account != call.account && call.at.since(*at) < WEEK;
        self.begun.value(country).map_or(0, |of| of.iter().filter(is_other).count())
    }

    /// The account's own detectors.
    pub(super) fn watch_tolls(&mut self, call: &Call) {
        let is_abroad = call.destination.is_abroad();
        if self.accounts.value(call.account).is_none_or(|of| of.toll.is_none() && !is_abroad) {
            return;
        }
        let prior = self.prior(call);
        let site = self.site(call);
        let (threshold, costly_threshold) = (self.threshold, self.costly_threshold);
        let Some(account) = self.accounts.value_mut(call.account) else { return };
        let marks =
            Marks::of(account, (call.callee, call.range, call.source), call.destination, &site, call.at);
        let had = account.prior.filter(|(_, at)| call.at.since(*at) < DAY).map(|(ln_odds, _)| ln_odds);
        let pool = account.toll.get_or_insert_default();
        if let Some(ln_odds) = prior.filter(|ln_odds| is_abroad && had.is_none_or(|had| had < *ln_odds)) {
            pool.add_prior(ln_odds);
            account.prior = Some((ln_odds, call.at));
        }
        pool.step(call.call, &marks, call.at);
        let ln_m = pool.ln_m();
        // Travellers and new projects call plain countries, and a fraud there costs little.
        let threshold = if pool.is_costly() { costly_threshold } else { threshold };
        if ln_m < threshold || pool.calls.last().is_none_or(|last| last.call != call.call) {
            return;
        }
        let calls = pool.calls.iter().map(|known| known.call).collect();
        let rival = pool.rival().name();
        account.toll = None;
        let key = PoolKey::Account(call.account);
        self.alarm(&Alarm { kind: IncidentKind::TollFraud, key, ln_m, threshold, calls, rival, also: None });
    }

    /// Prior odds by what the address did before.
    fn prior(&self, call: &Call) -> Option<f64> {
        Some(match self.sources.value(address_key(call.source))?.suspicion(call.at)? {
            Suspicion::Guessed => GUESSED,
            Suspicion::Scanned => SCANNED,
        })
    }

    /// The pools of several accounts: platform, network and site.
    pub(super) fn watch_pooled(&mut self, call: &Call) {
        let is_new = call.novelty.is_new_abroad();
        let keys = [PoolKey::Platform(call.platform), network(call.source), PoolKey::Site];
        let is_watched = |key: &PoolKey| self.pools.slot(key.hash(IncidentKind::TollFraud as u64)).is_some();
        // Most calls stay at home, at sites where nobody calls abroad for the first time.
        if !is_new && !keys.iter().any(is_watched) {
            return;
        }
        let site = self.site(call);
        let Some(account) = self.accounts.value_mut(call.account) else { return };
        if is_new {
            if call.at.since(account.pooled.1) >= DAY {
                account.pooled = (0, call.at);
            }
            if account.pooled.0 >= pooled::CALLS {
                return;
            }
            account.pooled.0 += 1;
        }
        let marks =
            Marks::of(account, (call.callee, call.range, call.source), call.destination, &site, call.at);
        let (ln_e, rival) = (marks.kind_only(), marks.rival().name());
        for key in keys {
            self.pooled_step(key, call, ln_e, rival);
        }
    }

    /// Earlier calls of other accounts of a pool to the range of a call.
    fn range_of_others(&self, slot: SlotId, call: &Call) -> Option<pooled::Range> {
        let (_, pool) = self.pools.get(slot).filter(|(_, pool)| call.range != 0 && !pool.calls.is_empty())?;
        let others = pool.calls.iter().filter_map(|other| self.calls.value(other.key()));
        let mut found = pooled::Range::Other;
        for other in others.filter(|other| other.range == call.range && other.account != call.account) {
            if other.callee == call.callee {
                return Some(pooled::Range::Same);
            }
            found = pooled::Range::Neighbour;
        }
        Some(found)
    }

    fn pooled_step(&mut self, key: PoolKey, call: &Call, ln_e: f64, rival: &'static str) {
        let is_new = call.novelty.is_new_abroad();
        let Some(slot) = self.pool((key, IncidentKind::TollFraud), pooled::LOGS, is_new, call.at) else {
            return;
        };
        let range = self.range_of_others(slot, call).filter(|_| is_new).unwrap_or(pooled::Range::Unknown);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        pooled::step(&mut pool.logs, ln_e, range);
        if matches!(call.novelty, Novelty::NewCountry { .. }) {
            pooled::step_range(&mut pool.logs, range);
        }
        if !is_new {
            return;
        }
        if call.at.since(pool.last) > WEEK {
            pool.calls.clear();
            pool.parties.clear();
        }
        if ln_e > 0.0 || range == pooled::Range::Neighbour {
            pool.remember(call.call, call.account, call.at);
        }
        let ln_m = pooled::ln_m(&pool.logs);
        if ln_m < self.threshold || pool.parties.len() < pooled::ACCOUNTS {
            return;
        }
        let calls = pool.take_calls();
        let also =
            Some(format!("many accounts, each with few calls: {} within a week", call_count(calls.len())));
        let threshold = self.threshold;
        self.alarm(&Alarm { kind: IncidentKind::TollFraud, key, ln_m, threshold, calls, rival, also });
    }

    /// Notes that an account began to call a country, and what the site's accounts call.
    pub(super) fn begins_country(&mut self, call: &Call) {
        if self.is_member(call.call) {
            return;
        }
        let last = self.accounts.value(call.account).map(|account| account.last_pause(call.at));
        self.mix.count(call.novelty.kind(), last.flatten().map(pace));
        let Novelty::NewCountry { place, .. } = call.novelty else { return };
        let key = place_key(place);
        let slot = match self.begun.slot(key) {
            Some(slot) => slot,
            None => self.begun.insert(key, key, Vec::new(), 0, call.at).0,
        };
        self.begun.touch(slot, 0, call.at);
        if let Some((_, of)) = self.begun.get_mut(slot) {
            of.retain(|(account, at)| *account != call.account && call.at.since(*at) < WEEK);
            if of.len() == MAX_BEGUN {
                of.remove(0);
            }
            of.push((call.account, call.at));
        }
        if self.season.is_none_or(|of| self.others_begun(of, call) < self.others_begun(key, call)) {
            self.season = Some(key);
        }
    }

    /// A call to a country is a member of an incident: it makes no season.
    pub(super) fn leaves_country(&mut self, place: Place, account: u64) {
        let key = place_key(place);
        if let Some(of) = self.begun.value_mut(key) {
            of.retain(|(other, _)| *other != account);
        }
        if self.season == Some(key) {
            let mut most = (0, None);
            self.begun.for_each_mut(|country, of| {
                if of.len() > most.0 {
                    most = (of.len(), Some(*country));
                }
            });
            self.season = most.1;
        }
    }

    /// Two conversations at once from two addresses of few numbers.
    pub(super) fn watch_two_places(&mut self, call: &Call, at: Timestamp) {
        let Some(account) = self.accounts.value(call.account).filter(|of| of.addresses.len() > 1) else {
            return;
        };
        let other = account.under_way.iter().find(|other| {
            other.call != call.call
                && other.source != call.source
                && other.answered.is_some()
                && other.is_recent(at)
        });
        let is_old = account
            .addresses
            .iter()
            .filter(|known| at.since(known.first) >= Span::from_secs(3 * 86_400))
            .count()
            > 1;
        let few = |source| self.sources.value(address_key(source)).is_some_and(|of| of.numbers() <= 3.5);
        if !few(call.source) || other.is_some_and(|other| !few(other.source)) {
            return;
        }
        let honest = if is_old { 0.3 } else { 0.05 };
        let ln_e = (of(other.is_some(), 0.4) / of(other.is_some(), honest)).ln();
        let key = PoolKey::Account(call.account);
        self.place_step(key, IncidentKind::TwoPlaces, call, ln_e, "an owner with two devices");
    }

    /// A device whose calls share no contact with the account's past.
    pub(super) fn watch_strangers_of_account(&mut self, call: &Call) {
        const LEAST: f64 = 0.1;
        let Some(account) = self.accounts.value(call.account).filter(|_| !self.is_member(call.call)) else {
            return;
        };
        let first = account.addresses.iter().map(|known| known.first).min();
        let here = account.address(call.source).map_or(call.at, |known| known.first);
        let is_late = first.is_some_and(|first| here.since(first) >= DAY) && !account.is_new(call.at);
        // Calls abroad are watched by themselves.
        if !is_late || call.destination.is_abroad() {
            return;
        }
        let shared = (0.5 * account.familiar.mean()).max(LEAST);
        let is_known = call.novelty == Novelty::Known;
        let ln_e = (of(!is_known, 0.97) / of(!is_known, 1.0 - shared)).ln();
        let key = PoolKey::Callee(sketch::pair(call.account, address_key(call.source)));
        self.place_step(key, IncidentKind::AccountTakeover, call, ln_e, "an owner with a second device");
    }

    fn place_step(&mut self, key: PoolKey, kind: IncidentKind, call: &Call, ln_e: f64, rival: &'static str) {
        let Some(slot) = self.pool((key, kind), 1, ln_e > 0.0, call.at) else { return };
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        let Some(log) = pool.logs.first_mut() else { return };
        log.step(ln_e);
        let ln_m = log.ln();
        if ln_e <= 0.0 {
            return;
        }
        pool.remember(call.call, call.callee, call.at);
        if ln_m >= self.threshold {
            let calls = pool.take_calls();
            let (key, threshold) = (PoolKey::Account(call.account), self.threshold);
            self.alarm(&Alarm { kind, key, ln_m, threshold, calls, rival, also: None });
        }
    }

    /// True if the operator wants no toll fraud told of this call.
    pub(super) fn is_toll_exempt(&self, call: &Call) -> bool {
        let place = call.destination.place();
        Collection::is_exempt(
            &self.settings,
            IncidentKind::TollFraud,
            call.account,
            call.source,
            place,
            call.at,
        )
    }
}

fn call_count(calls: usize) -> String {
    several(calls as u64, "call", "calls")
}

/// The key of a country.
fn place_key(place: Place) -> u64 {
    sketch::pair(place.country.into(), place.class as u64)
}
