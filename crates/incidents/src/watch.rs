//! The way of a call through all detectors.

mod fan_in;
mod gateways;
mod limits;
mod members;
mod rings;
mod tolls;

use std::collections::VecDeque;
use std::net::IpAddr;

use bellwether_base::{CallId, HashKey, IncidentId, IncidentState, LruTable, SlotId, Span, Timestamp};

use crate::account::{Account, CallPlace, UnderWay};
use crate::alarm::Alarm;
use crate::collection::{Collection, Joining};
use crate::home::Home;
use crate::novelty::Novelty;
use crate::number::{Destination, Place};
use crate::pool::{Pool, PoolKey, address_key, network_key};
use crate::rate::Rate;
use crate::source::{SiteRates, Source};
use crate::{Incident, IncidentKind, IncidentLabel, IncidentSettings, Readings, gateway};

/// Capacities of the tables.
const ACCOUNTS: usize = 131_072;
const SOURCES: usize = 16_384;
const CALLS: usize = 65_536;
const POOLS: usize = 32_768;
const CALLEES: usize = 4_096;
const RANG: usize = 65_536;
const BEGUN: usize = 4_096;

/// Eviction classes of accounts: anybody can invent a number, and a registered account passed authentication.
const INVENTED: usize = 0;
const REGISTERED: usize = 1;

/// A call that is cancelled within this time was cut.
const CUT: Span = Span::from_secs(10);

/// A call to a number that rang once belongs to its incident for this long.
const CALLS_BACK: Span = Span::from_secs(7 * 86_400);

/// ln of the prior odds that a scan, and guessed passwords, add.
const SCANNED: f64 = 6.91;
const GUESSED: f64 = 11.51;

/// Events of which the earliest is the present time.
const STEADY: usize = 8;

/// Share of refused calls of a subscriber who mistakes a prefix.
const OF_SUBSCRIBER: f64 = 0.4;

/// A registered device of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Device {
    /// The source address of its registrations.
    pub address: IpAddr,
    /// Time of the first registration there.
    pub first: Timestamp,
    /// Time of the last one.
    pub last: Timestamp,
}

/// A new call.
#[derive(Clone, Copy, Debug)]
pub struct CallStart<'a> {
    /// Its identity.
    pub call: CallId,
    /// Time of its INVITE.
    pub at: Timestamp,
    /// Key of the caller: its account, else its number.
    pub account: u64,
    /// The caller's name in reports; empty for an account that the watch knows.
    pub name: &'a str,
    /// The account's registered devices; empty for an account that the watch knows.
    pub devices: &'a [Device],
    /// The caller's number.
    pub caller: Readings,
    /// Key of the called number, of the same kind as `account`.
    pub callee: u64,
    /// The called number.
    pub called: Readings,
    /// Source address of the INVITE.
    pub source: IpAddr,
    /// Key of the platform family.
    pub platform: u64,
    /// True if the caller is registered at the source address.
    pub is_registered: bool,
    /// True for a call of a trunk that the operator declared.
    pub is_from_trunk: bool,
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallEnd {
    /// The call.
    pub call: CallId,
    /// Time of its end.
    pub at: Timestamp,
    /// Time of its answer.
    pub answered_at: Option<Timestamp>,
    /// Its final SIP status.
    pub status: Option<u16>,
    /// True if the caller cancelled it.
    pub is_cancelled: bool,
    /// True if another leg of the same call was answered.
    pub is_answered_elsewhere: bool,
}

/// The answer to a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegistrationAnswer {
    /// It was accepted.
    Accepted,
    /// It was refused, whatever the password.
    Refused,
    /// It had credentials that were not accepted.
    WrongPassword,
}

/// A result that must be stored or told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// A call became a member.
    Joined {
        /// The incident.
        incident: IncidentId,
        /// The call.
        call: CallId,
    },
    /// An incident took the members of another one in.
    Merged {
        /// The incident that ends.
        from: IncidentId,
        /// The incident that goes on.
        into: IncidentId,
    },
    /// Opening, growth or end that an operator should hear of.
    Told {
        /// The incident.
        incident: IncidentId,
        /// What happened.
        state: IncidentState,
    },
}

/// A call in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) call: CallId,
    pub(crate) at: Timestamp,
    pub(crate) account: u64,
    pub(crate) callee: u64,
    pub(crate) source: IpAddr,
    pub(crate) platform: u64,
    pub(crate) destination: Destination,
    pub(crate) range: u64,
    /// The country that the caller shows, if it is abroad.
    pub(crate) origin: Option<Place>,
    pub(crate) novelty: Novelty,
    pub(crate) is_from_trunk: bool,
    /// The caller is registered at the source.
    pub(crate) is_registered: bool,
    pub(crate) has_ended: bool,
    is_answered: bool,
    /// The source's earlier calls to the callee, and the number's earlier calls there.
    of_source: (gateway::Callee, u32),
    fan_in: Option<(crate::pumping::Caller, crate::pumping::Source)>,
    pub(crate) incident: Option<IncidentId>,
}

impl Call {
    /// True for an answered call that has not ended.
    pub(crate) const fn is_running(&self) -> bool {
        self.is_answered && !self.has_ended
    }
}

/// A number that rang briefly.
#[derive(Clone, Copy, Debug)]
struct Rang {
    at: Timestamp,
    /// The last call, until somebody calls back.
    call: Option<CallId>,
    callees: [u32; 2],
    incident: Option<IncidentId>,
}

/// Watches calls for fraud that is no robocall campaign.
pub struct Watch {
    settings: IncidentSettings,
    threshold: f64,
    costly_threshold: f64,
    /// Times of the latest events.
    latest: VecDeque<Timestamp>,
    /// The earliest of them: a stamp from the future changes nothing.
    now: Timestamp,
    /// Time of the present event.
    event: Timestamp,
    home: Home,
    accounts: LruTable<u64, Account, 2>,
    sources: LruTable<u64, Source, 1>,
    calls: LruTable<u64, Call, 1>,
    pools: LruTable<u64, Pool, 1>,
    callees: LruTable<u64, fan_in::Callee, 2>,
    rang: LruTable<u64, Rang, 1>,
    /// Accounts that began to call a country within the last week.
    begun: LruTable<u64, Vec<(u64, Timestamp)>, 1>,
    /// The country that most accounts began to call.
    season: Option<u64>,
    rates: SiteRates,
    mix: tolls::SiteMix,
    /// Share of calls that go to the site's own callers.
    inward: Rate,
    incidents: Collection,
}

impl Watch {
    /// Creates a watch without any knowledge.
    #[must_use]
    pub fn new(settings: IncidentSettings, key: HashKey) -> Self {
        Self {
            threshold: settings.threshold(),
            costly_threshold: settings.costly_threshold(),
            home: Home::new(settings.home),
            settings,
            latest: VecDeque::new(),
            now: Timestamp::MIN,
            event: Timestamp::MIN,
            accounts: LruTable::new(ACCOUNTS),
            sources: LruTable::new(SOURCES),
            calls: LruTable::new(CALLS),
            pools: LruTable::new(POOLS),
            callees: LruTable::new(CALLEES),
            rang: LruTable::new(RANG),
            begun: LruTable::new(BEGUN),
            season: None,
            rates: SiteRates::default(),
            mix: tolls::SiteMix::default(),
            inward: Rate::prior(0.1, 20.0),
            incidents: Collection::new(key.derive("incidents")),
        }
    }

    /// True for an account whose name is known.
    #[must_use]
    pub fn knows(&self, account: u64) -> bool {
        self.accounts.slot(account).is_some()
    }

    /// An incident with its subject and its evidence in words, which are written when somebody reads them.
    pub fn described(&mut self, id: IncidentId) -> Option<&Incident> {
        self.incidents.described(id)
    }

    /// An incident. Its words are those of the last [`Self::described`].
    #[must_use]
    pub fn incident(&self, id: IncidentId) -> Option<&Incident> {
        self.incidents.get(id)
    }

    /// The incident that a call is a member of.
    #[must_use]
    pub fn of_call(&self, call: CallId) -> Option<IncidentId> {
        let incident = self.calls.value(call.key())?.incident?;
        Some(self.incidents.standing(incident))
    }

    /// True for a member of an incident.
    fn is_member(&self, call: CallId) -> bool {
        self.calls.value(call.key()).is_some_and(|known| known.incident.is_some())
    }

    /// Results since the last call, in order.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.incidents.changes)
    }

    /// Incidents that changed since the last call.
    pub fn take_changed(&mut self) -> Vec<IncidentId> {
        self.incidents.take_changed().into_iter().collect()
    }

    /// The operator's labels, all of them.
    pub fn set_labels(&mut self, labels: &[(IncidentId, IncidentLabel)]) {
        let gone: Vec<IncidentId> = self
            .incidents
            .labelled()
            .into_iter()
            .filter(|id| labels.iter().all(|(labelled, _)| labelled != id))
            .collect();
        let now = self.now;
        for id in gone {
            self.incidents.label(id, None, now);
        }
        for (id, label) in labels {
            if self.incidents.label(*id, Some(*label), now) && *label == IncidentLabel::Legit {
                self.release(*id);
            }
        }
    }

    fn advance(&mut self, at: Timestamp) {
        self.event = at;
        if self.latest.len() == STEADY {
            self.latest.pop_front();
        }
        self.latest.push_back(at);
        self.now = self.latest.iter().copied().min().unwrap_or(at);
        self.incidents.tick(self.now);
    }

    /// Takes a new call in.
    pub fn begin(&mut self, start: &CallStart<'_>) {
        let key = start.call.key();
        if self.calls.slot(key).is_some() {
            return;
        }
        self.advance(start.at);
        let at = start.at;
        self.meet(start);
        let destination = self.home.destination(&start.called);
        let fan_in = self.count_fan_in(start, destination);
        let of_source = self.at_source(start);
        self.call_back_to_gateway(start);
        let is_inward = self.accounts.slot(start.callee).is_some();
        self.inward.count(is_inward);
        if let Some(account) = self.accounts.value_mut(start.account) {
            account.mature(at);
        }
        let call = Call { of_source, fan_in, ..self.call_of(start) };
        self.calls.insert(key, key, call, 0, at);
        let is_answer_to_ring = self.calls_back(&call);
        if !is_answer_to_ring {
            self.join_known_incidents(&call);
            self.watch_tolls(&call);
            self.watch_pooled(&call);
            self.watch_strangers_of_account(&call);
        }
        self.account_takes(&call);
    }

    /// A new call, as far as the parties and the numbers say.
    fn call_of(&self, start: &CallStart<'_>) -> Call {
        let destination = self.home.destination(&start.called);
        let range = self.home.range(&start.called);
        let account = self.accounts.value(start.account);
        let novelty = account.map_or(Novelty::NewDomestic, |account| {
            account.novelty((start.callee, range), destination, start.at)
        });
        Call {
            call: start.call,
            at: start.at,
            account: start.account,
            callee: start.callee,
            source: start.source,
            platform: start.platform,
            destination,
            range,
            origin: self.home.destination(&start.caller).place(),
            novelty,
            is_from_trunk: start.is_from_trunk,
            is_registered: start.is_registered,
            has_ended: false,
            is_answered: false,
            of_source: (gateway::Callee::New, 0),
            fan_in: None,
            incident: None,
        }
    }

    /// The open incident that a call would belong to if it came now. Nothing is counted.
    #[must_use]
    pub fn forecast(&self, start: &CallStart<'_>) -> Option<IncidentId> {
        self.known_incident(&self.call_of(start))
    }

    /// The open incident of an account or of a source address.
    #[must_use]
    pub fn open_incident(&self, account: Option<u64>, source: Option<IpAddr>) -> Option<IncidentId> {
        let keys = [account.map(PoolKey::Account), source.map(PoolKey::Source)];
        keys.into_iter().flatten().find_map(|key| self.incidents.of_key(key).next()).map(|of| of.id)
    }

    /// A call was answered.
    pub fn answered(&mut self, call: CallId, at: Timestamp) {
        self.advance(at);
        let Some(known) = self.calls.value_mut(call.key()) else { return };
        if known.is_answered || known.has_ended {
            return;
        }
        known.is_answered = true;
        let known = *known;
        if let Some(incident) = known.incident {
            self.incidents.runs(incident, true);
        }
        if let Some(account) = self.accounts.value_mut(known.account) {
            account.answered(call, at);
        }
        self.watch_two_places(&known, at);
    }

    /// A call ended.
    pub fn end(&mut self, end: &CallEnd) {
        if let Some(answered_at) = end.answered_at {
            self.answered(end.call, answered_at);
        }
        self.advance(end.at);
        let Some(known) = self.calls.value_mut(end.call.key()) else { return };
        if known.has_ended {
            return;
        }
        known.has_ended = true;
        let call = *known;
        let talked = end.answered_at.map(|answered| end.at.since(answered));
        if let Some(account) = self.accounts.value_mut(call.account) {
            account.end(call.call, call.callee, talked, end.at);
        }
        let is_cut = end.is_cancelled
            && talked.is_none()
            && end.at.since(call.at) <= CUT
            && !end.is_answered_elsewhere
            && !self.is_forked(&call, end.at);
        // A number that nobody has says nothing about who rings.
        let is_nobody = matches!(end.status, Some(404 | 410 | 484 | 604));
        if !is_nobody {
            let knows = self.know_each_other(&call);
            self.watch_rings(&call, is_cut, knows);
        }
        let is_refused =
            talked.is_none() && matches!(end.status, Some(401 | 403 | 404 | 407 | 410 | 484 | 604));
        self.watch_scans(call.source, call.callee, Some(call.call), is_refused, call.is_registered);
        self.watch_gateway(&call, talked);
        self.watch_fan_in(&call, talked);
        if let Some(talked) = talked {
            let incident = self.calls.value(end.call.key()).and_then(|known| known.incident);
            if let Some(incident) = incident {
                self.incidents.runs(incident, false);
                self.incidents.ended(incident, &call, talked, &self.settings);
                let standing = self.incidents.standing(incident);
                self.incidents.refresh(standing, false, &self.settings);
            }
            self.spend(&call, talked, end.at);
        }
    }

    /// A registration was answered. `account` is the key of the user, as in calls.
    pub fn registration(&mut self, account: u64, source: IpAddr, answer: RegistrationAnswer, at: Timestamp) {
        self.advance(at);
        let slot = self.source_slot(source, at);
        let has_lived = self.accounts.value(account).is_some_and(|known| known.address(source).is_some());
        let Some((_, of)) = self.sources.get_mut(slot) else { return };
        let is_accepted = answer == RegistrationAnswer::Accepted;
        let times = of.registered(account, is_accepted);
        if of.guesses() {
            of.guessed = Some(at);
        }
        if is_accepted && !has_lived && of.guessed_one(account) {
            of.scanned = Some(at);
        }
        if is_accepted && let Some(known) = self.accounts.value_mut(account) {
            known.at_address(source, at, true);
        }
        // A device with a wrong password at its own place scans nothing. A first wrong password may be a nonce that is
        // too old (RFC 7616 section 3.3).
        let counts = match answer {
            RegistrationAnswer::WrongPassword => times == 2,
            RegistrationAnswer::Accepted | RegistrationAnswer::Refused => times == 1,
        };
        if counts && !has_lived {
            self.watch_scans(source, account, None, !is_accepted, false);
        }
    }

    /// Finds or makes account and address.
    fn meet(&mut self, start: &CallStart<'_>) {
        let class = if start.is_registered { REGISTERED } else { INVENTED };
        match self.accounts.slot(start.account) {
            Some(slot) => {
                let class = self.accounts.class(slot).unwrap_or(INVENTED).max(class);
                self.accounts.touch(slot, class, start.at);
            }
            None => {
                self.home.count(&start.caller);
                let mut account = Account::new(start.name, start.at);
                for device in start.devices {
                    account.registered_before(device);
                }
                self.accounts.insert(start.account, start.account, account, class, start.at);
            }
        }
        if start.is_registered
            && let Some(account) = self.accounts.value_mut(start.account)
        {
            account.at_address(start.source, start.at, true);
        }
        self.source_slot(start.source, start.at);
    }

    fn source_slot(&mut self, source: IpAddr, at: Timestamp) -> SlotId {
        let key = address_key(source);
        match self.sources.slot(key) {
            Some(slot) => {
                self.sources.touch(slot, 0, at);
                slot
            }
            None => self.sources.insert(key, key, Source::new(), 0, at).0,
        }
    }

    /// The pool of a kind of incident. One that is not there is made if `makes`, with `logs` statistics.
    fn pool(
        &mut self,
        (key, kind): (PoolKey, IncidentKind),
        logs: usize,
        makes: bool,
        at: Timestamp,
    ) -> Option<SlotId> {
        let hash = key.hash(kind as u64);
        match self.pools.slot(hash) {
            Some(slot) => Some(slot),
            None => makes.then(|| self.pools.insert(hash, hash, Pool::new(logs, at), 0, at).0),
        }
    }

    fn at_source(&mut self, start: &CallStart<'_>) -> (gateway::Callee, u32) {
        let of = self.sources.value_mut(address_key(start.source));
        of.map_or((gateway::Callee::New, 0), |of| of.begin(start.account, start.callee, start.at))
    }

    /// The account takes the call in, after all detectors looked at what it was before.
    fn account_takes(&mut self, call: &Call) {
        let is_member = self.is_member(call.call);
        if let Some(source) = self.sources.value_mut(address_key(call.source)).filter(|_| !is_member) {
            source.abroad.count(call.destination.is_abroad(), call.at);
        }
        let Some(account) = self.accounts.value_mut(call.account) else { return };
        let place = account.place(call.source, call.at);
        if place != CallPlace::Unknown && !is_member {
            account.moves.count(place == CallPlace::New { has_arrived: false });
        }
        if !call.destination.is_abroad() {
            account.familiar.count(call.novelty == Novelty::Known);
        }
        let under_way = UnderWay {
            call: call.call,
            at: call.at,
            callee: call.callee,
            range: call.range,
            source: call.source,
            is_abroad: call.destination.is_abroad(),
            answered: None,
        };
        account.begin(&under_way, call.novelty, call.destination);
        account.at_address(call.source, call.at, false);
        if is_member {
            account.forget(call.call);
        }
        self.begins_country(call);
    }

    /// Opens an incident for an alarm or adds to one, with the alarm's calls as members.
    fn alarm(&mut self, alarm: &Alarm) -> Option<IncidentId> {
        let at = self.event;
        let calls: Vec<Call> =
            alarm.calls.iter().filter_map(|call| self.calls.value(call.key()).copied()).collect();
        let last = calls.last()?;
        let place = match alarm.kind {
            IncidentKind::OneRing => last.origin,
            _ => last.destination.place(),
        };
        if Collection::is_exempt(&self.settings, alarm.kind, last.account, last.source, place, at) {
            return None;
        }
        let (accounts, sources) = (&self.accounts, &self.sources);
        let joining: Vec<Joining<'_>> = calls
            .iter()
            .map(|call| Joining {
                call,
                name: accounts.value(call.account).map_or("", |account| &account.name),
            })
            .collect();
        let shared = |source: IpAddr| sources.value(address_key(source)).is_some_and(Source::is_server);
        let (id, is_new) = self.incidents.raise(alarm, &joining, at, &shared)?;
        for call in &calls {
            self.join(id, call.call);
        }
        if is_new {
            self.add_past(id, last);
        }
        self.incidents.refresh(id, is_new, &self.settings);
        if self.incidents.label_of(id) == Some(IncidentLabel::Legit) {
            self.incidents.close(id, at, "the operator says that it is honest");
            self.release(id);
        }
        Some(id)
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The network of a source, for pools.
fn network(source: IpAddr) -> PoolKey {
    PoolKey::Network(network_key(source))
}
