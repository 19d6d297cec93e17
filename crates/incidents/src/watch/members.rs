//! Calls that belong to a known incident.

use bellwether_base::{CallId, IncidentId, several};

use smallvec::SmallVec;

use super::{Call, INVENTED, REGISTERED, Watch, network};
use crate::account::{Account, CallPlace};
use crate::collection::{Collection, Joining};
use crate::novelty::Novelty;
use crate::pool::{PoolKey, address_key};
use crate::settings::HOUR;
use crate::source::{Source, Suspicion};
use crate::{Incident, IncidentKind};

impl Watch {
    /// Adds a call to an incident. Returns false if it is a member of one already.
    pub(super) fn join(&mut self, id: IncidentId, call: CallId) -> bool {
        let Some(known) = self.calls.value(call.key()).copied() else { return false };
        let name = self.accounts.value(known.account).map_or("", |account| &account.name);
        if !self.incidents.join(id, Joining { call: &known, name }) {
            return false;
        }
        if let Some(of) = self.calls.value_mut(call.key()) {
            of.incident = Some(id);
        }
        if let Some(account) = self.accounts.value_mut(known.account) {
            account.forget(call);
        }
        if let Some(place) = known.destination.place() {
            self.leaves_country(place, known.account);
        }
        if let Some(rang) = self.rang.value_mut(known.account) {
            rang.incident = Some(id);
        }
        self.watch_kin(id, &known);
        true
    }

    /// Later calls of the same account, source or destination are looked at.
    fn watch_kin(&mut self, id: IncidentId, call: &Call) {
        let Some(kind) = self.incidents.get(id).map(|incident| incident.kind) else { return };
        let is_shared = self.is_shared(call);
        match kind {
            IncidentKind::TollFraud | IncidentKind::AccountTakeover | IncidentKind::TwoPlaces => {
                self.incidents.add_key(id, PoolKey::Account(call.account));
                if !is_shared && kind == IncidentKind::TollFraud {
                    self.incidents.add_key(id, PoolKey::Source(call.source));
                }
            }
            IncidentKind::Pumping => self.incidents.add_key(id, PoolKey::Callee(call.callee)),
            IncidentKind::OneRing if !is_shared || call.origin.is_some() => {
                self.incidents.add_key(id, PoolKey::Source(call.source));
            }
            _ => {}
        }
    }

    fn is_shared(&self, call: &Call) -> bool {
        call.is_from_trunk || self.sources.value(address_key(call.source)).is_some_and(Source::is_server)
    }

    /// Adds a new call to the incident that it belongs to, if one is open.
    pub(super) fn join_known_incidents(&mut self, call: &Call) {
        let Some(id) = self.known_incident(call) else { return };
        if self.join(id, call.call) {
            self.incidents.refresh(id, false, &self.settings);
        }
    }

    /// The open incident that a call belongs to.
    pub(super) fn known_incident(&self, call: &Call) -> Option<IncidentId> {
        if self.incidents.is_empty() {
            return None;
        }
        let keys = [
            PoolKey::Account(call.account),
            PoolKey::Source(call.source),
            PoolKey::Callee(call.callee),
            PoolKey::Platform(call.platform),
            network(call.source),
            PoolKey::Site,
        ];
        let found = keys
            .into_iter()
            .find_map(|key| self.incidents.of_key(key).find(|incident| self.belongs(call, key, incident)))?;
        let place = call.destination.place();
        let is_exempt =
            Collection::is_exempt(&self.settings, found.kind, call.account, call.source, place, call.at);
        (!is_exempt).then_some(found.id)
    }

    /// True for a call that belongs to an incident of one of its pools.
    fn belongs(&self, call: &Call, key: PoolKey, incident: &Incident) -> bool {
        let facts = &incident.facts;
        let is_new_abroad = call.novelty.is_new_abroad();
        let is_stranger = || self.accounts.value(call.account).is_none_or(|account| account.calls == 0);
        let is_source = || facts.names_source(call.source);
        let is_lately = || facts.was_lately(call.at, HOUR);
        match (incident.kind, key) {
            (IncidentKind::TollFraud, PoolKey::Account(_)) => {
                is_new_abroad || (call.novelty == Novelty::Settled && self.began_with(call, incident))
            }
            (IncidentKind::TollFraud, PoolKey::Source(_)) => is_new_abroad && !self.is_shared(call),
            (IncidentKind::TollFraud, PoolKey::Platform(_) | PoolKey::Network(_) | PoolKey::Site) => {
                is_new_abroad && facts.keys.contains(&key) && facts.names_place(call.destination.place())
            }
            // The owner's own calls from home are none.
            (IncidentKind::AccountTakeover | IncidentKind::TwoPlaces, PoolKey::Account(_)) => {
                is_source() && self.accounts.value(call.account).is_some_and(|of| is_late(of, call))
            }
            (IncidentKind::OneRing, PoolKey::Source(_) | PoolKey::Platform(_)) => {
                let is_of_origin = call.origin.is_some_and(|at| {
                    let is_own_source = matches!(key, PoolKey::Source(_)) && !facts.origins.is_empty();
                    is_own_source || facts.origins.iter().any(|(of, _)| *of == at)
                });
                let is_of_home = facts.origins.is_empty() && call.origin.is_none() && !self.is_shared(call);
                let has_rung = self.rang.value(call.account).is_some_and(|rang| rang.incident.is_some());
                is_lately() && (is_stranger() || has_rung) && (is_of_origin || (is_of_home && is_source()))
            }
            (IncidentKind::Scan, PoolKey::Source(_)) => {
                is_lately() && !call.is_registered && !call.is_from_trunk
            }
            (IncidentKind::Gateway, PoolKey::Source(_)) => true,
            (IncidentKind::Pumping, PoolKey::Callee(_)) => {
                is_stranger() || (is_source() && !call.is_from_trunk && facts.sources.len() < 8)
            }
            (IncidentKind::Pumping, PoolKey::Source(_)) => is_stranger() && call.fan_in.is_some(),
            _ => false,
        }
    }

    /// True if the account called the country of a call for the first time in the incident. Calls to the countries that
    /// it called before are the owner's.
    fn began_with(&self, call: &Call, incident: &Incident) -> bool {
        let first = |place| self.accounts.value(call.account)?.first_call_to(place);
        call.destination.place().and_then(first).zip(incident.facts.first).is_some_and(|(to, of)| to >= of)
    }

    /// Adds a call that was cut or refused to the incident of its pools.
    pub(super) fn join_event(&mut self, call: &Call, kind: IncidentKind) {
        if self.incidents.is_empty() {
            return;
        }
        let keys = match kind {
            IncidentKind::OneRing => PoolKey::of_ring(call),
            _ => SmallVec::from_iter([PoolKey::Source(call.source)]),
        };
        let is_line = self
            .accounts
            .slot(call.account)
            .is_some_and(|slot| self.accounts.class(slot).unwrap_or(INVENTED) == REGISTERED);
        let found = keys.into_iter().find_map(|key| {
            let belongs = |incident: &&Incident| {
                let is_abroad = !incident.facts.origins.is_empty();
                incident.kind == kind
                    && (kind == IncidentKind::Scan
                        || (is_abroad == call.origin.is_some() && (is_abroad || !is_line)))
            };
            self.incidents.of_key(key).find(belongs).map(|incident| incident.id)
        });
        if let Some(id) = found
            && self.join(id, call.call)
        {
            self.incidents.refresh(id, false, &self.settings);
        }
    }

    /// Says what the account's past was, for an incident that opens.
    pub(super) fn add_past(&mut self, id: IncidentId, call: &Call) {
        let is_of_account = self.incidents.get(id).is_some_and(|incident| {
            matches!(
                incident.kind,
                IncidentKind::TollFraud | IncidentKind::AccountTakeover | IncidentKind::TwoPlaces
            )
        });
        let Some(account) = self.accounts.value(call.account).filter(|_| is_of_account) else { return };
        let history = crate::words::words(call.at.since(account.first));
        let mut past = match account.past {
            0 => format!("{history} of history without a call"),
            calls => format!(
                "{history} of history, {}, {}, {}, in {}",
                several(calls.into(), "call", "calls"),
                several(account.contacts() as u64, "contact", "contacts"),
                match account.calls_abroad() {
                    0 => "none abroad".to_owned(),
                    n => format!("{n} of them abroad"),
                },
                several(account.hours_used() as u64, "hour of the day", "hours of the day"),
            ),
        };
        if matches!(account.place(call.source, call.at), CallPlace::New { .. }) {
            past.push_str("; it lived at another address");
        }
        let source = self.sources.value(address_key(call.source));
        let suspicion = source.and_then(|of| of.suspicion(call.at));
        let Some(incident) = self.incidents.get_mut(id) else { return };
        incident.facts.past = Some(past);
        match suspicion {
            Some(Suspicion::Guessed) => incident.facts.say("its address guessed passwords before"),
            Some(Suspicion::Scanned) => {
                incident.facts.say("its address scanned for extensions, dial prefixes or a password before");
            }
            None => {}
        }
    }

    /// The operator says that an incident is honest: what its parties did becomes their habit.
    pub(super) fn release(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get(id) else { return };
        let (kind, facts) = (incident.kind, incident.facts.clone());
        for (account, ..) in &facts.accounts {
            if let Some(account) = self.accounts.value_mut(*account) {
                account.accept();
            }
        }
        for key in facts.keys {
            for of in IncidentKind::ALL {
                if let Some(pool) = self.pools.value_mut(key.hash(of as u64)) {
                    pool.reset();
                }
            }
            self.incidents.exempt(key, kind, self.event);
        }
    }
}

/// True for a call from an address that the account came to later.
fn is_late(account: &Account, call: &Call) -> bool {
    let first = account.addresses.iter().map(|known| known.first).min();
    let here = account.address(call.source).map(|known| known.first);
    here.zip(first).is_none_or(|(here, first)| here > first)
}
