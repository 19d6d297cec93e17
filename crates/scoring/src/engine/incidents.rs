//! Incidents: what the watch of accounts, sources and destinations finds, on its way to scores and alerts.

use std::net::IpAddr;
use std::sync::Arc;

use bellwether_base::{
    Alert, AlertKind, CallId, HashKey, IncidentId, IncidentMention, IncidentState, Severity, Span, Timestamp,
};
use bellwether_enrich::{CallRow, NumberClass as RangeClass, NumberReadings, Reading};
use bellwether_incidents::{
    CallEnd, CallStart, Change, Device, Exempt, Exemption, Incident, IncidentLabel, Number, NumberClass,
    Readings, RegistrationAnswer, Watch,
};

use bellwether_senders::log_odds;
use smallvec::SmallVec;

use super::{Outcome, ScoringEngine};
use crate::Settings;
use crate::history::{History, PastWatched};
use crate::invite::Progress;
use crate::keys::Keys;
use crate::open::OfIncident;
use crate::signals::{INCIDENT, of_incident};

/// Calls of this time before a run are watched again.
const WATCHES_BACK: Span = Span::from_secs(14 * 86_400);

/// Maximum number of these calls, the latest.
const MAX_PAST: usize = 300_000;

/// A call that waits for the rows that link it to other legs.
pub(super) struct Waiting {
    call: CallId,
    at: Timestamp,
    account: u64,
    name: String,
    devices: SmallVec<[Device; 1]>,
    caller: Readings,
    callee: u64,
    called: Readings,
    source: IpAddr,
    platform: u64,
    is_registered: bool,
    is_from_trunk: bool,
    /// True for a leg of an earlier call.
    is_leg: bool,
}

impl Waiting {
    fn start(&self) -> CallStart<'_> {
        CallStart {
            call: self.call,
            at: self.at,
            account: self.account,
            name: &self.name,
            devices: &self.devices,
            caller: self.caller,
            callee: self.callee,
            called: self.called,
            source: self.source,
            platform: self.platform,
            is_registered: self.is_registered,
            is_from_trunk: self.is_from_trunk,
        }
    }
}

impl ScoringEngine {
    /// Notes a new call. The watch sees it when its legs are known.
    pub(super) fn await_legs(&mut self, row: &CallRow, is_registered: bool) {
        let traits = &row.traits;
        let account = self.keys.user(&row.caller);
        // The watch keeps the name and the devices of an account that it knows.
        let (mut name, mut devices) = (String::new(), SmallVec::new());
        if !self.watch.knows(account) {
            name = format!("sip:{}@{}", row.caller.as_str(), row.caller_host.as_str());
            let known = self.callers.value(account);
            devices.extend(known.into_iter().flat_map(|caller| {
                caller.account.devices.iter().map(|of| Device {
                    address: of.source,
                    first: of.first,
                    last: of.last,
                })
            }));
        }
        self.waiting = Some(Waiting {
            call: row.call,
            at: row.started_at,
            account,
            name,
            devices,
            caller: readings(&traits.caller_readings),
            callee: self.keys.user(&row.dialled),
            called: readings(&traits.called_readings),
            source: row.source.ip(),
            platform: self.keys.family(row.family),
            is_registered,
            is_from_trunk: traits.trunk.is_some(),
            is_leg: false,
        });
    }

    /// Shows the waiting call to the watch.
    pub(super) fn watch_waiting(&mut self, out: &mut Vec<Outcome>) {
        let Some(waiting) = self.waiting.take() else { return };
        if !waiting.is_leg {
            self.watch.begin(&waiting.start());
            self.take_incidents(waiting.call, out);
        }
        self.tell(waiting.call, out);
    }

    /// True for a call whose score waits for what the watch says.
    pub(super) fn awaits_legs(&self, call: CallId) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.call == call)
    }

    /// A call is a leg of another one: the watch counts it once.
    pub(super) fn watch_leg(&mut self, a: CallId, b: CallId) {
        let Some(waiting) = self.waiting.as_mut().filter(|waiting| waiting.call == a || waiting.call == b)
        else {
            return;
        };
        let other = if waiting.call == a { b } else { a };
        waiting.is_leg |= self.open.slot(other.key()).is_some();
    }

    /// Shows the progress of a call to the watch.
    pub(super) fn watch_progress(&mut self, update: &Progress, out: &mut Vec<Outcome>) {
        match (end_of(update.ended_at, update.final_status, update.started_at), update.answered_at) {
            (Some(at), answered_at) => {
                let legs =
                    self.open.value(update.call.key()).map(|call| call.legs.clone()).unwrap_or_default();
                let is_answered_elsewhere = legs.iter().any(|leg| {
                    self.open
                        .value(leg.key())
                        .is_some_and(|leg| leg.fate == crate::call_history::CallResult::Answered)
                });
                self.watch.end(&CallEnd {
                    call: update.call,
                    at,
                    answered_at,
                    status: update.final_status,
                    is_cancelled: update.is_cancelled,
                    is_answered_elsewhere,
                });
            }
            (None, Some(at)) => self.watch.answered(update.call, at),
            (None, None) => return,
        }
        self.take_incidents(update.call, out);
    }

    /// Shows the result of a registration to the watch.
    pub(super) fn watch_registration(
        &mut self,
        user: u64,
        source: IpAddr,
        answer: RegistrationAnswer,
        at: Timestamp,
        out: &mut Vec<Outcome>,
    ) {
        self.watch.registration(user, source, answer, at);
        self.take_changes(out);
    }

    /// Reads the calls of the last weeks again. What follows from them is in the database.
    pub(super) fn recall_incidents(&mut self, at: Timestamp, memory: &mut dyn History) {
        let past = memory.watched(at - WATCHES_BACK, at, MAX_PAST);
        let mut events: Vec<(Timestamp, u8, &PastWatched)> = Vec::with_capacity(3 * past.len());
        for call in &past {
            events.push((call.started_at, 0, call));
            events.extend(call.answered_at.map(|answered| (answered, 1, call)));
            let ended = end_of(call.ended_at, call.final_status, call.started_at);
            events.extend(ended.map(|ended| (ended, 2, call)));
        }
        events.sort_by_key(|(at, stage, call)| (*at, *stage, call.call));
        for (at, stage, call) in events {
            match stage {
                0 => {
                    let name = format!("sip:{}@{}", call.caller, call.caller_host);
                    self.watch.begin(&CallStart {
                        call: call.call,
                        at,
                        account: self.keys.user(&call.caller),
                        name: &name,
                        devices: &[],
                        caller: readings(&call.caller_readings),
                        callee: self.keys.user(&call.dialled),
                        called: readings(&call.called_readings),
                        source: call.source,
                        platform: self.keys.family(call.family),
                        is_registered: call.is_registered,
                        is_from_trunk: call.is_from_trunk,
                    });
                }
                1 => self.watch.answered(call.call, at),
                _ => self.watch.end(&CallEnd {
                    call: call.call,
                    at,
                    answered_at: call.answered_at,
                    status: call.final_status,
                    is_cancelled: call.is_cancelled,
                    is_answered_elsewhere: call.is_answered_elsewhere,
                }),
            }
        }
        self.watch.take_changes();
        self.watch.take_changed();
    }

    /// Takes over what the watch found, unless an earlier run has done so: it scored the latest call completely.
    fn take_incidents(&mut self, call: CallId, out: &mut Vec<Outcome>) {
        if let Some(opened) = self.opened(call) {
            self.reads_again = opened.is_known;
        }
        self.take_changes(out);
    }

    fn take_changes(&mut self, out: &mut Vec<Outcome>) {
        let (changes, changed) = (self.watch.take_changes(), self.watch.take_changed());
        if self.reads_again {
            return;
        }
        self.incidents_changed.extend(changed);
        for change in changes {
            match change {
                Change::Joined { incident, call } => {
                    out.push(Outcome::IncidentMember { incident, call });
                    self.becomes_member(call, incident, out);
                }
                Change::Merged { from, into } => out.push(Outcome::IncidentMerged { from, into }),
                Change::Told { incident, state } => {
                    let Some(of) = self.watch.described(incident) else { continue };
                    out.push(Outcome::Alert(Box::new(alert(of, state))));
                }
            }
        }
    }

    /// Emits incidents in their present state, before a commit.
    pub(super) fn settle_incidents(&mut self, out: &mut Vec<Outcome>) {
        for id in std::mem::take(&mut self.incidents_changed) {
            if let Some(incident) = self.watch.described(id) {
                out.push(Outcome::Incident(Box::new(incident.clone())));
            }
        }
    }

    /// A call became a member: its score says so.
    fn becomes_member(&mut self, call: CallId, id: IncidentId, out: &mut Vec<Outcome>) {
        let Some(of) = self.watch.incident(id).map(membership) else { return };
        let campaign = self.member(call).map(|(campaign, _)| campaign);
        let finding = self.finding(INCIDENT, of_incident(&of));
        match self.opened(call) {
            Some(opened) if !opened.is_known => {
                opened.incident = Some(of);
                opened.is_news = true;
                self.tell(call, out);
            }
            _ => out.push(Outcome::Amend { call, signal: INCIDENT, finding, campaign }),
        }
    }

    /// The finding about a call of an incident.
    pub(super) fn finding_of_incident(&self, id: IncidentId) -> Option<crate::Finding> {
        self.watch.incident(id).map(membership).and_then(|of| self.finding(INCIDENT, of_incident(&of)))
    }

    /// Replaces the operator's labels of incidents.
    pub(super) fn set_incident_labels(
        &mut self,
        labels: Vec<(IncidentId, bool)>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let of = |is_fraud: bool| if is_fraud { IncidentLabel::Fraud } else { IncidentLabel::Legit };
        let labels: Vec<(IncidentId, IncidentLabel)> =
            labels.into_iter().map(|(id, is_fraud)| (id, of(is_fraud))).collect();
        let before = std::mem::replace(&mut self.incident_labels, labels.iter().copied().collect());
        self.watch.set_labels(&labels);
        self.take_changes(out);
        let ids = before.keys().chain(self.incident_labels.keys()).copied();
        let changed: std::collections::BTreeSet<IncidentId> =
            ids.filter(|id| before.get(id) != self.incident_labels.get(id)).collect();
        for id in changed {
            let label = self.incident_labels.get(&id).copied();
            let Some(past) = memory.incident(id) else { continue };
            out.push(Outcome::IncidentLabelled {
                incident: id,
                is_honest: label == Some(IncidentLabel::Legit),
            });
            for call in past.members.iter().copied() {
                let of = OfIncident::new(id, past.kind, past.log_odds(label), past.is_notice(label));
                let of = (label != Some(IncidentLabel::Legit)).then_some(of);
                let finding = of.as_ref().and_then(|of| self.finding(INCIDENT, of_incident(of)));
                let campaign = self.member(call).map(|(campaign, _)| campaign);
                match self.opened(call) {
                    Some(opened) if !opened.is_known => {
                        opened.incident = of;
                        opened.is_news = true;
                        self.tell(call, out);
                    }
                    _ => out.push(Outcome::Amend { call, signal: INCIDENT, finding, campaign }),
                }
            }
        }
    }

    /// The settings of the watch.
    pub(super) fn new_watch(settings: &Settings, keys: &Keys, key: HashKey) -> Watch {
        let mut incidents = settings.incidents.clone();
        incidents.exemptions.extend(settings.exempt_accounts.iter().map(|of| Exemption {
            what: Exempt::Account(keys.user(&of.account)),
            reason: of.reason.clone(),
            until: of.until,
        }));
        Watch::new(incidents, key)
    }
}

/// The membership of a call, as its score takes it.
pub(super) fn membership(incident: &Incident) -> OfIncident {
    let odds = log_odds(incident.fraud_probability.clamp(0.001, 0.999));
    OfIncident::new(incident.id, incident.kind, odds, incident.severity == Severity::Notice)
}

fn alert(incident: &Incident, state: IncidentState) -> Alert {
    let at = match state {
        IncidentState::Opened => incident.opened_at,
        _ => incident.updated_at,
    };
    Alert {
        at,
        kind: AlertKind::FraudIncident,
        severity: incident.severity,
        subject: incident.subject.clone(),
        message: format!("{}: {}", incident.kind, incident.evidence.join("; ")),
        call: None,
        campaign: None,
        incident: Some(IncidentMention { incident: incident.id, state }),
    }
}

/// The end of a call. A scanner acknowledges no refusal, so that the end of its call is not seen: the call ends where it
/// began.
fn end_of(ended_at: Option<Timestamp>, status: Option<u16>, started_at: Timestamp) -> Option<Timestamp> {
    let is_refused = status.is_some_and(|status| status >= 300);
    ended_at.or_else(|| is_refused.then_some(started_at))
}

/// The readings of a number, as the watch takes them.
pub(super) fn readings(of: &NumberReadings) -> Readings {
    Readings {
        told: of.told.map(number),
        is_dialled: of.is_dialled,
        bare: of.bare.map(number),
        is_number: of.is_number,
    }
}

fn number(of: Reading) -> Number {
    let class = match of.class {
        RangeClass::Premium => NumberClass::Premium,
        RangeClass::SharedCost => NumberClass::SharedCost,
        RangeClass::TollFree => NumberClass::TollFree,
        RangeClass::Satellite => NumberClass::Satellite,
        RangeClass::Ordinary if of.is_risky => NumberClass::Risky,
        RangeClass::Ordinary => NumberClass::Plain,
    };
    Number { country: of.country, class, range: of.range.cast_unsigned() }
}

/// The words of a membership, one text for each incident.
pub(crate) fn words(id: IncidentId, kind: bellwether_incidents::IncidentKind) -> Arc<str> {
    format!("the call belongs to the incident {} ({kind})", id.name()).into()
}
