//! All incidents: opening, joining, growth and end.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bellwether_base::{HashKey, IncidentId, IncidentState, Severity, Span, Timestamp};

use crate::alarm::Alarm;
use crate::incident::{Facts, tally};
use crate::number::Place;
use crate::pool::PoolKey;
use crate::settings::DAY;
use crate::watch::{Call, Change};
use crate::{Exempt, Incident, IncidentKind, IncidentLabel, IncidentSettings};

/// Incidents in memory. Closed ones leave first.
const MAX_INCIDENTS: usize = 4_096;

/// Open incidents. Beyond them the one that was quiet the longest ends.
const MAX_OPEN: usize = 1_024;

/// Share of an alarm's calls that an incident holds already, from which on the alarm joins it.
const HELD: f64 = 0.3;

/// An alarm joins an incident of its kind and platform within this time.
const SAME_PLATFORM: Span = Span::from_secs(6 * 3600);

/// ln M above the threshold from which on toll fraud to plain countries is a warning.
const SURE: f64 = 3.0;

/// Pools of one incident.
const MAX_KEYS: usize = 256;

/// Prior odds that an incident is right, as counts of right and wrong ones. Labels add to them.
const RIGHT: f64 = 9.0;
const WRONG: f64 = 1.0;

pub(crate) struct Collection {
    key: HashKey,
    all: BTreeMap<IncidentId, Incident>,
    /// The open incidents of a pool.
    by_key: BTreeMap<PoolKey, Vec<IncidentId>>,
    labels: BTreeMap<IncidentId, IncidentLabel>,
    /// Pools that the operator called honest, by kind, with the end of that.
    honest: BTreeMap<(PoolKey, IncidentKind), Timestamp>,
    changed: BTreeSet<IncidentId>,
    pub(crate) changes: Vec<Change>,
    next_look: Timestamp,
}

/// A call as an incident takes it in.
#[derive(Clone, Copy)]
pub(crate) struct Joining<'a> {
    pub(crate) call: &'a Call,
    /// Name of the account.
    pub(crate) name: &'a str,
}

impl Collection {
    pub(crate) fn new(key: HashKey) -> Self {
        Self {
            key,
            all: BTreeMap::new(),
            by_key: BTreeMap::new(),
            labels: BTreeMap::new(),
            honest: BTreeMap::new(),
            changed: BTreeSet::new(),
            changes: Vec::new(),
            next_look: Timestamp::MIN,
        }
    }

    pub(crate) fn get(&self, id: IncidentId) -> Option<&Incident> {
        self.all.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: IncidentId) -> Option<&mut Incident> {
        self.changed.insert(id);
        self.all.get_mut(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The open incidents of a pool.
    pub(crate) fn of_key(&self, key: PoolKey) -> impl Iterator<Item = &Incident> {
        self.by_key.get(&key).into_iter().flatten().filter_map(|id| self.all.get(id)).filter(|i| i.is_open())
    }

    /// Incidents that changed since the last call.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<IncidentId> {
        std::mem::take(&mut self.changed)
    }

    /// The incident that stands for this one: the one that took it in, if one did.
    pub(crate) fn standing(&self, id: IncidentId) -> IncidentId {
        let mut at = id;
        for _ in 0..8 {
            match self.all.get(&at).and_then(|incident| incident.merged_into) {
                Some(into) => at = into,
                None => break,
            }
        }
        at
    }

    /// True if the operator wants no incident of this kind or subject.
    pub(crate) fn is_exempt(
        settings: &IncidentSettings,
        kind: IncidentKind,
        account: u64,
        source: IpAddr,
        place: Option<Place>,
        at: Timestamp,
    ) -> bool {
        settings.exemptions.iter().filter(|exemption| exemption.is_in_force(at)).any(|exemption| {
            match exemption.what {
                Exempt::Kind(exempt) => exempt == kind,
                Exempt::Account(exempt) => exempt == account,
                Exempt::Network(network) => network.contains(&source),
                Exempt::Country(country) => place.is_some_and(|place| place.country == country),
            }
        })
    }

    /// The incident that an alarm joins.
    fn joins(
        &self,
        alarm: &Alarm,
        calls: &[Joining<'_>],
        at: Timestamp,
        shared: &dyn Fn(IpAddr) -> bool,
    ) -> Vec<IncidentId> {
        let mut held: BTreeMap<IncidentId, usize> = BTreeMap::new();
        for joining in calls {
            if let Some(incident) = joining.call.incident {
                *held.entry(self.standing(incident)).or_default() += 1;
            }
        }
        let is_open = |id: &IncidentId| self.all.get(id).is_some_and(Incident::is_open);
        let mut found: Vec<(usize, IncidentId)> = held
            .into_iter()
            .filter(|(id, count)| is_open(id) && *count as f64 >= HELD * calls.len() as f64)
            .map(|(id, count)| (count, id))
            .collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        if !found.is_empty() {
            return found.into_iter().map(|(_, id)| id).collect();
        }
        let platform = commonest(calls.iter().map(|joining| joining.call.platform));
        let joins = |incident: &&Incident| {
            let facts = &incident.facts;
            let shares_account = calls
                .iter()
                .any(|joining| facts.accounts.iter().any(|(account, ..)| *account == joining.call.account));
            let shares_source = calls.iter().any(|joining| {
                let source = joining.call.source;
                !shared(source) && facts.names_source(source)
            });
            let of_platform =
                facts.platforms.iter().max_by_key(|(_, count)| *count).map(|(platform, _)| *platform);
            let shares_platform = incident.kind != IncidentKind::TollFraud
                && facts.was_lately(at, SAME_PLATFORM)
                && of_platform == platform
                && platform.is_some();
            incident.kind == alarm.kind
                && incident.is_open()
                && (facts.keys.contains(&alarm.key) || shares_account || shares_source || shares_platform)
        };
        let latest =
            self.all.values().filter(joins).max_by_key(|incident| (incident.updated_at, incident.id));
        latest.map(|incident| incident.id).into_iter().collect()
    }

    /// Opens an incident for an alarm, or adds the alarm to one. Returns it, and whether it is new.
    pub(crate) fn raise(
        &mut self,
        alarm: &Alarm,
        calls: &[Joining<'_>],
        at: Timestamp,
        shared: &dyn Fn(IpAddr) -> bool,
    ) -> Option<(IncidentId, bool)> {
        let last = calls.last()?;
        let is_honest = |key| self.honest.get(&(key, alarm.kind)).is_some_and(|until| at < *until);
        if is_honest(alarm.key)
            || is_honest(PoolKey::Source(last.call.source))
            || is_honest(PoolKey::Callee(last.call.callee))
        {
            return None;
        }
        let joined = self.joins(alarm, calls, at, shared);
        if let Some((first, others)) = joined.split_first() {
            for other in others {
                self.merge(*other, *first, at);
            }
            self.add_key(*first, alarm.key);
            if let Some(incident) = self.get_mut(*first) {
                // The detector began anew after its last alarm, so that both are evidence.
                incident.facts.ln_m = added(incident.facts.ln_m, alarm.ln_m);
                let is_of_device =
                    matches!(incident.kind, IncidentKind::AccountTakeover | IncidentKind::TwoPlaces);
                if is_of_device && alarm.kind == IncidentKind::TollFraud {
                    incident.kind = alarm.kind;
                    incident.facts.rival = alarm.rival;
                }
                if let Some(also) = &alarm.also {
                    incident.facts.say(also);
                }
            }
            self.probability(*first);
            return Some((*first, false));
        }
        let id = IncidentId::of(
            &self.key,
            &[b"incident", alarm.kind.name().as_bytes(), &last.call.call.get().to_le_bytes()],
        );
        if self.all.contains_key(&id) {
            return None;
        }
        self.make_room(at);
        let facts = Facts {
            ln_m: alarm.ln_m,
            threshold: alarm.threshold,
            rival: alarm.rival,
            also: alarm.also.clone().into_iter().collect(),
            ..Facts::default()
        };
        let incident = Incident {
            id,
            kind: alarm.kind,
            severity: Severity::Notice,
            subject: String::new(),
            opened_at: at,
            updated_at: at,
            closed_at: None,
            state: IncidentState::Opened,
            calls: 0,
            exposed_minutes: 0.0,
            exposed_money: 0.0,
            fraud_probability: 0.0,
            evidence: Vec::new(),
            label: self.labels.get(&id).copied(),
            merged_into: None,
            facts,
        };
        self.all.insert(id, incident);
        self.changed.insert(id);
        self.add_key(id, alarm.key);
        self.probability(id);
        Some((id, true))
    }

    /// Adds a pool whose calls belong to the incident.
    pub(crate) fn add_key(&mut self, id: IncidentId, key: PoolKey) {
        let Some(incident) = self.all.get_mut(&id) else { return };
        if incident.facts.keys.contains(&key) || incident.facts.keys.len() == MAX_KEYS {
            return;
        }
        incident.facts.keys.push(key);
        self.by_key.entry(key).or_default().push(id);
    }

    /// The operator says that what a pool shows is honest: for good of one address or number, for a week of what many
    /// have in common.
    pub(crate) fn exempt(&mut self, key: PoolKey, kind: IncidentKind, at: Timestamp) {
        let is_of_one = matches!(key, PoolKey::Source(_) | PoolKey::Callee(_) | PoolKey::Account(_));
        let until = if is_of_one { Timestamp::MAX } else { at + Span::from_secs(7 * 86_400) };
        if self.honest.len() < MAX_INCIDENTS {
            self.honest.insert((key, kind), until);
        }
    }

    /// Takes a call in. Returns false if it is a member already.
    pub(crate) fn join(&mut self, id: IncidentId, joining: Joining<'_>) -> bool {
        let call = joining.call;
        if call.incident.is_some() {
            return false;
        }
        let Some(incident) = self.get_mut(id) else { return false };
        incident.calls = incident.calls.saturating_add(1);
        incident.updated_at = incident.updated_at.max(call.at);
        let facts = &mut incident.facts;
        facts.name(call.account, joining.name, 1);
        tally(&mut facts.sources, call.source);
        tally(&mut facts.platforms, call.platform);
        if call.range != 0 {
            tally(&mut facts.ranges, call.range);
        }
        if let Some(place) = call.destination.place() {
            tally(&mut facts.places, place);
        }
        if let Some(origin) = call.origin {
            tally(&mut facts.origins, origin);
        }
        let costly = match incident.kind {
            IncidentKind::OneRing => call.origin.is_some_and(|origin| origin.class.is_costly()),
            _ => call.destination.is_costly(),
        };
        facts.costly += u32::from(costly);
        facts.callees.add(call.callee);
        facts.first = Some(facts.first.map_or(call.at, |first| first.min(call.at)));
        facts.last = Some(facts.last.map_or(call.at, |last| last.max(call.at)));
        facts.running += u32::from(call.is_running());
        self.changes.push(Change::Joined { incident: id, call: call.call });
        true
    }

    /// Counts a member that was answered, or that ended.
    pub(crate) fn runs(&mut self, id: IncidentId, begins: bool) {
        let id = self.standing(id);
        let Some(incident) = self.get_mut(id) else { return };
        let running = &mut incident.facts.running;
        *running = if begins { running.saturating_add(1) } else { running.saturating_sub(1) };
    }

    /// Counts the talk of a member that ended.
    pub(crate) fn ended(&mut self, id: IncidentId, call: &Call, talked: Span, settings: &IncidentSettings) {
        let id = self.standing(id);
        let Some(incident) = self.get_mut(id) else { return };
        let minutes = talked.as_secs_f64() / 60.0;
        incident.exposed_minutes += minutes;
        incident.exposed_money += minutes * settings.rates.of(call.destination.rate());
        incident.facts.answered += 1;
    }

    /// An incident with its subject and its evidence in words.
    pub(crate) fn described(&mut self, id: IncidentId) -> Option<&Incident> {
        let incident = self.all.get_mut(&id)?;
        crate::words::describe(incident);
        Some(incident)
    }

    /// Sets the severity anew, and tells of opening and growth.
    pub(crate) fn refresh(&mut self, id: IncidentId, is_new: bool, settings: &IncidentSettings) {
        let Some(incident) = self.get_mut(id) else { return };
        let before = incident.severity;
        incident.severity = incident.severity.max(severity(incident, settings));
        let is_more_severe = incident.severity > before;
        if is_new {
            incident.facts.told_at = incident.calls.max(1) * 2;
            self.changes.push(Change::Told { incident: id, state: IncidentState::Opened });
        } else if incident.calls >= incident.facts.told_at || is_more_severe {
            while incident.facts.told_at <= incident.calls {
                incident.facts.told_at = incident.facts.told_at.saturating_mul(2).max(2);
            }
            incident.state = IncidentState::Updated;
            self.changes.push(Change::Told { incident: id, state: IncidentState::Updated });
        }
    }

    /// Ends incidents without new members for a day (a gateway: a week). Looks once a minute.
    pub(crate) fn tick(&mut self, at: Timestamp) {
        if at < self.next_look {
            return;
        }
        self.next_look = at + Span::from_secs(60);
        let due: Vec<IncidentId> = self
            .all
            .values()
            .filter(|incident| incident.is_open())
            .filter(|incident| {
                let quiet =
                    if incident.kind == IncidentKind::Gateway { Span::from_secs(7 * 86_400) } else { DAY };
                at.since(incident.updated_at) >= quiet
            })
            .map(|incident| incident.id)
            .collect();
        for id in due {
            self.close(id, at, "no further call for a day");
        }
    }

    pub(crate) fn close(&mut self, id: IncidentId, at: Timestamp, why: &'static str) {
        let Some(incident) = self.get_mut(id).filter(|incident| incident.is_open()) else { return };
        incident.closed_at = Some(at);
        incident.updated_at = incident.updated_at.max(at);
        incident.state = IncidentState::Closed;
        incident.facts.closed_for = Some(why);
        let keys = std::mem::take(&mut incident.facts.keys);
        for key in &keys {
            self.drop_key(*key, id);
        }
        if let Some(incident) = self.all.get_mut(&id) {
            incident.facts.keys = keys;
        }
        self.changes.push(Change::Told { incident: id, state: IncidentState::Closed });
    }

    fn drop_key(&mut self, key: PoolKey, id: IncidentId) {
        if let Some(of) = self.by_key.get_mut(&key) {
            of.retain(|other| *other != id);
            if of.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Adds the members of one incident to another. The first keeps its name as an alias.
    fn merge(&mut self, from: IncidentId, into: IncidentId, at: Timestamp) {
        if from == into {
            return;
        }
        self.close(from, at, "another incident took its calls in");
        let Some(gone) = self.get_mut(from) else { return };
        gone.merged_into = Some(into);
        let gone = gone.clone();
        for key in &gone.facts.keys {
            self.add_key(into, *key);
        }
        if let Some(incident) = self.get_mut(into) {
            incident.calls = incident.calls.saturating_add(gone.calls);
            incident.exposed_minutes += gone.exposed_minutes;
            incident.exposed_money += gone.exposed_money;
            let facts = &mut incident.facts;
            for (account, name, count) in gone.facts.accounts {
                facts.name(account, &name, count);
            }
            for (source, _) in gone.facts.sources {
                tally(&mut facts.sources, source);
            }
            facts.answered += gone.facts.answered;
            facts.costly += gone.facts.costly;
            facts.first = facts.first.into_iter().chain(gone.facts.first).min();
        }
        self.changes.push(Change::Merged { from, into });
    }

    /// The operator's word about an incident. Returns it if the word is new.
    pub(crate) fn label(&mut self, id: IncidentId, label: Option<IncidentLabel>, at: Timestamp) -> bool {
        let before = match label {
            Some(label) => self.labels.insert(id, label),
            None => self.labels.remove(&id),
        };
        if before == label {
            return false;
        }
        let Some(incident) = self.get_mut(id) else { return false };
        incident.label = label;
        if label == Some(IncidentLabel::Legit) {
            self.close(id, at, "the operator says that it is honest");
        }
        self.probability(id);
        true
    }

    /// Labels that are not repeated were taken back.
    pub(crate) fn labelled(&self) -> Vec<IncidentId> {
        self.labels.keys().copied().collect()
    }

    pub(crate) fn label_of(&self, id: IncidentId) -> Option<IncidentLabel> {
        self.labels.get(&id).copied()
    }

    fn probability(&mut self, id: IncidentId) {
        let (mut right, mut wrong) = (RIGHT, WRONG);
        for label in self.labels.values() {
            match label {
                IncidentLabel::Fraud => right += 1.0,
                IncidentLabel::Legit => wrong += 1.0,
            }
        }
        let Some(incident) = self.all.get_mut(&id) else { return };
        // A limit says nothing about fraud.
        let evidence = if incident.facts.ln_m == f64::NEG_INFINITY {
            -(right / wrong).ln()
        } else {
            (incident.facts.ln_m - incident.facts.threshold).min(4.0)
        };
        let log_odds = evidence + (right / wrong).ln();
        let unlabelled = 1.0 / (1.0 + (-log_odds).exp());
        incident.fraud_probability = incident.label.map_or(unlabelled, IncidentLabel::probability);
    }

    fn make_room(&mut self, at: Timestamp) {
        let open: Vec<&Incident> = self.all.values().filter(|incident| incident.is_open()).collect();
        if open.len() >= MAX_OPEN {
            let quiet =
                open.iter().min_by_key(|incident| (incident.severity, incident.updated_at, incident.id));
            if let Some(id) = quiet.map(|incident| incident.id) {
                self.close(id, at, "too many incidents are open");
            }
        }
        if self.all.len() >= MAX_INCIDENTS {
            let closed = self.all.values().filter(|incident| !incident.is_open());
            let oldest =
                closed.filter(|i| !self.changed.contains(&i.id)).min_by_key(|i| (i.updated_at, i.id));
            if let Some(id) = oldest.map(|incident| incident.id) {
                self.all.remove(&id);
            }
        }
    }
}

/// The severity by what is known now.
fn severity(incident: &Incident, settings: &IncidentSettings) -> Severity {
    let facts = &incident.facts;
    let is_costly = facts.costly * 2 >= incident.calls.max(1);
    let is_money =
        settings.limits.critical_money > 0.0 && incident.exposed_money >= settings.limits.critical_money;
    let by_kind = match incident.kind {
        IncidentKind::TollFraud if facts.ln_m == f64::NEG_INFINITY => Severity::Notice,
        IncidentKind::TollFraud if is_costly => Severity::Critical,
        // Somebody who rings round in one country looks alike at first.
        IncidentKind::TollFraud if facts.ln_m >= settings.threshold() + SURE => Severity::Warning,
        IncidentKind::Scan => Severity::Warning,
        IncidentKind::OneRing if is_costly => Severity::Critical,
        // Honest senders that are the same on the wire are named in the evidence.
        _ => Severity::Notice,
    };
    // Money says how urgent a fraud is. It does not say that something is one.
    if is_money && by_kind >= Severity::Warning { Severity::Critical } else { by_kind }
}

/// The evidence of two alarms, one after the other. An alarm of a limit is none.
fn added(a: f64, b: f64) -> f64 {
    match (a == f64::NEG_INFINITY, b == f64::NEG_INFINITY) {
        (false, false) => (a + b).min(MOST),
        (true, _) => b,
        (_, true) => a,
    }
}

/// ln M beyond which evidence is not counted.
const MOST: f64 = 60.0;

fn commonest(all: impl Iterator<Item = u64>) -> Option<u64> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for key in all {
        *counts.entry(key).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(key, count)| (*count, *key)).map(|(key, _)| key)
}
