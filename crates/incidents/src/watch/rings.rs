//! One ring and scans: cut calls and refused requests, and calls back to numbers that rang once.

use std::net::IpAddr;

use bellwether_base::{CallId, Timestamp};

use super::{CALLS_BACK, CUT, Call, OF_SUBSCRIBER, Rang, Watch};
use crate::alarm::Alarm;
use crate::novelty::Novelty;
use crate::pool::{PoolKey, address_key};
use crate::{Incident, IncidentKind, ring};

impl Watch {
    /// True if another leg of a cut call was answered: a ring group, or a second try of a server.
    pub(super) fn is_forked(&self, call: &Call, at: Timestamp) -> bool {
        let of = self.accounts.value(call.account);
        of.is_some_and(|account| {
            account.under_way.iter().any(|other| {
                other.source == call.source
                    && other.answered.is_some_and(|answered| at.since(answered) <= CUT && answered >= call.at)
            })
        })
    }

    /// True for two people who have called each other before: one beeps, and the other calls back. A number that rang
    /// somebody before rings the same one again.
    pub(super) fn know_each_other(&self, call: &Call) -> bool {
        let has_rung = |rang: &Rang| rang.callees.contains(&(call.callee as u32));
        if self.rang.value(call.account).is_some_and(has_rung) {
            return true;
        }
        let knows = |account: u64, other: u64| {
            self.accounts.value(account).is_some_and(|account| account.has_called(other))
        };
        knows(call.callee, call.account) || call.novelty == Novelty::Known
    }

    pub(super) fn watch_rings(&mut self, call: &Call, is_cut: bool, knows: bool) {
        let at = self.now;
        let from = usize::from(call.origin.is_some());
        let site = self.rates.cut.get_mut(from).map_or(0.05, |rate| rate.mean(at));
        let source_key = address_key(call.source);
        let of_source = self.sources.value_mut(source_key).map_or(0.0, |of| of.cut.usual(is_cut, at));
        if let Some(rate) = self.rates.cut.get_mut(from).filter(|_| call.incident.is_none()) {
            rate.count(is_cut, at);
        }
        // One of two people who know each other beeps, and the other calls back.
        if knows {
            return;
        }
        if is_cut {
            self.rings(call);
            self.join_event(call, IncidentKind::OneRing);
        }
        let ln_e = ring::ln_e(is_cut, site.max(of_source));
        for key in PoolKey::of_ring(call) {
            self.watch_event(key, IncidentKind::OneRing, (call.callee, Some(call.call)), is_cut, ln_e);
        }
    }

    pub(super) fn watch_scans(
        &mut self,
        source: IpAddr,
        target: u64,
        call: Option<CallId>,
        is_refused: bool,
        is_registered: bool,
    ) {
        let at = self.now;
        let site = self.rates.refused.mean(at);
        let of_source =
            self.sources.value_mut(address_key(source)).map_or(0.0, |of| of.refused.usual(is_refused, at));
        // Registrations are a matter of their address.
        if call.is_some() {
            self.rates.refused.count(is_refused, at);
        }
        if is_refused && let Some(known) = call.and_then(|call| self.calls.value(call.key()).copied()) {
            self.join_event(&known, IncidentKind::Scan);
        }
        // A subscriber who dials wrongly at home tries again and again.
        let of_subscriber = if is_registered { OF_SUBSCRIBER } else { 0.0 };
        let ln_e = ring::ln_e(is_refused, site.max(of_source).max(of_subscriber));
        self.watch_event(PoolKey::Source(source), IncidentKind::Scan, (target, call), is_refused, ln_e);
    }

    /// One event of a pool that counts events against a usual rate.
    fn watch_event(
        &mut self,
        key: PoolKey,
        kind: IncidentKind,
        (party, call): (u64, Option<CallId>),
        has_event: bool,
        ln_e: f64,
    ) {
        let at = self.now;
        let Some(slot) = self.pool((key, kind), 1, has_event, at) else { return };
        self.pools.touch(slot, 0, at);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        // Somebody who is refused tries the same number again. A scan goes on to the next.
        if kind == IncidentKind::Scan && has_event && pool.parties.contains(&party) {
            return;
        }
        let Some(log) = pool.logs.first_mut() else { return };
        log.step(ln_e);
        let ln_m = log.ln();
        if !has_event {
            return;
        }
        if let Some(call) = call {
            pool.remember(call, party, at);
        } else if !pool.parties.contains(&party) && pool.parties.len() < 64 {
            pool.parties.push(party);
        }
        if ln_m < self.threshold || pool.parties.len() < ring::PARTIES {
            return;
        }
        let tried = pool.parties.len();
        let calls = pool.take_calls();
        if kind == IncidentKind::Scan
            && let PoolKey::Source(source) = key
            && let Some(of) = self.sources.value_mut(address_key(source))
        {
            of.scanned = Some(at);
        }
        let rival = match kind {
            IncidentKind::Scan => "a server with the usual share of wrong numbers",
            _ => "callers who hang up as often as others",
        };
        // Registrations are no calls, and none of the members.
        let is_scan = kind == IncidentKind::Scan;
        let also =
            is_scan.then(|| format!("it had tried {tried} numbers or accounts in vain when it was found"));
        self.alarm(&Alarm { kind, key, ln_m, threshold: self.threshold, calls, rival, also });
    }

    /// Notes a number that rang briefly.
    fn rings(&mut self, call: &Call) {
        let callee = call.callee as u32;
        match self.rang.value_mut(call.account) {
            Some(rang) => {
                (rang.at, rang.call) = (call.at, Some(call.call));
                rang.callees = [callee, rang.callees[0]];
            }
            None => {
                let rang = Rang { at: call.at, call: Some(call.call), callees: [callee, 0], incident: None };
                self.rang.insert(call.account, call.account, rang, 0, call.at);
            }
        }
    }

    /// People call back to those who beep, and few to a stranger that rang once. A call back counts from where its caller
    /// registered or called before: whoever rings could invent calls back otherwise.
    fn weigh_call_back(&mut self, back: &Call) {
        let lives = self.accounts.value(back.account).and_then(|account| account.address(back.source));
        if lives.is_none_or(|known| known.calls == 0 && !known.is_registered) {
            return;
        }
        let last = self.rang.value_mut(back.callee).and_then(|rang| rang.call.take());
        let rang = last.and_then(|call| self.calls.value(call.key()).copied());
        let Some(rang) = rang.filter(|rang| rang.source != back.source) else { return };
        for key in PoolKey::of_ring(&rang) {
            if let Some(pool) = self.pools.value_mut(key.hash(IncidentKind::OneRing as u64)) {
                pool.logs.iter_mut().for_each(|log| log.weigh(ring::CALLED_BACK));
            }
        }
    }

    /// A call to a number that rang briefly belongs to the incident of that number.
    pub(super) fn calls_back(&mut self, call: &Call) -> bool {
        let Some(rang) = self.rang.value(call.callee).copied() else { return false };
        if call.at.since(rang.at) > CALLS_BACK {
            return false;
        }
        let Some(incident) = rang.incident.map(|id| self.incidents.standing(id)) else {
            // The person who was rung calls back, before anybody knows why.
            let is_called_back = rang.callees.contains(&(call.account as u32));
            if is_called_back {
                self.weigh_call_back(call);
            }
            return is_called_back;
        };
        let is_open = self.incidents.get(incident).is_some_and(Incident::is_open);
        if is_open && self.join(incident, call.call) {
            if let Some(of) = self.incidents.get_mut(incident) {
                of.facts.call_backs += 1;
            }
            self.incidents.refresh(incident, false, &self.settings);
        }
        true
    }
}
