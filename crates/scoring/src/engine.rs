//! Processes rows in order and holds the state for scoring calls.

mod campaigns;
mod feedback;
mod forecast;
mod incidents;
mod legs;
mod membership;
mod prefetch;
mod recordings;
mod registrations;
mod reputation;
mod scores;
mod senders;
mod split;
mod start;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bellwether_base::{CallId, CampaignId, HashKey, IncidentId, LruTable, SlotId, Span, Timestamp};
use bellwether_enrich::{InstanceRow, Row};
use bellwether_incidents::{IncidentLabel, Watch};
use bellwether_senders::{CallEnd, Senders};
use smallvec::SmallVec;

use self::feedback::Feedback;
pub use self::feedback::SenderLabels;
pub use self::forecast::{Forecast, KnownParties};
pub(crate) use self::incidents::words as incident_words;
use self::recordings::PlayedRecordings;
use self::senders::{SenderName, end_of, whole_secs};
use crate::Settings;
use crate::account::{Account, RegisteredDevice};
use crate::call_history::{CallHistory, CallResult};
use crate::candidate_group::CandidateGroup;
use crate::clocks::{BaselineClockRates, Rate};
use crate::history::History;
use crate::invite::Progress;
use crate::keys::{Keys, Names};
use crate::open::{Membership, OpenCall};
use crate::outcome::{CampaignRow, Outcome, ScoreRow};
use crate::platform::Platform;
use crate::reputation_record::{Label, Reputation, Subject};
use crate::signal_rates::SignalRates;
use crate::signals::Rules;
use crate::source::{Signed, Source};
use crate::write_back::WriteBackTable;

/// Capacities of the tables.
const CALLERS: usize = 131_072;
const SOURCES: usize = 65_536;
const POOLS: usize = 8_192;
const PLATFORMS: usize = 4_096;
const STANDINGS: usize = 65_536;
const CALLS: usize = 131_072;
const MEMBERS: usize = 131_072;
const CAMPAIGNS: usize = 4_096;
const LEADS: usize = 131_072;
const RECORDINGS: usize = 16_384;
const REGISTRARS: usize = 4_096;
const SENDER_NAMES: usize = 147_456;

/// Eviction classes of callers. Anybody can create an unregistered caller; a registered one passed
/// authentication.
const UNREGISTERED: usize = 0;
const REGISTERED: usize = 1;

/// Maximum number of callers in the registered class. The rest is reserved for unregistered callers, which
/// would otherwise be evicted between two calls.
const MAX_REGISTERED: usize = CALLERS / 4 * 3;

/// A call still changes for this long after its end: by late streams, and by evidence from other calls.
const SETTLES: Span = Span::from_secs(90);

/// The state of a caller.
#[derive(Default)]
struct Caller {
    account: Account,
    actor: CallHistory,
    /// The campaign that one of its calls joined last.
    campaign: Option<CampaignId>,
    /// True if the history was queried for this caller.
    is_asked: bool,
}

/// Scores calls.
pub struct ScoringEngine {
    settings: Settings,
    key: HashKey,
    rules: Rules,
    keys: Keys,
    now: Timestamp,
    since: Option<Timestamp>,
    calls_seen: u64,
    is_warm: bool,
    /// Start of this run; set while earlier calls are replayed as warm-up. Accounts are queried only after
    /// the warm-up.
    warming: Option<Timestamp>,
    /// Unregistered callers are evicted before registered ones, so that invented numbers do not evict real
    /// subscribers.
    callers: LruTable<u64, Caller, 2>,
    sources: LruTable<u64, Source, 1>,
    /// The media clock rates of established callers.
    honest_rates: BaselineClockRates,
    /// Signed and unsigned calls per trunk.
    trunks: BTreeMap<String, Signed>,
    pools: LruTable<u64, CandidateGroup, 1>,
    /// Facts about platforms, each with its number of uses.
    platforms: LruTable<u64, (Platform, u32), 1>,
    platforms_asked: u64,
    standings: WriteBackTable<Reputation>,
    labels: BTreeMap<u64, (Subject, Vec<Label>)>,
    /// What the operator says of senders, and what was said before the last change.
    feedback: Feedback,
    feedback_before: Feedback,
    open: LruTable<u64, OpenCall, 1>,
    /// Ended calls, each with the time at which it closes.
    over: VecDeque<(Timestamp, CallId)>,
    members: LruTable<u64, Membership, 1>,
    campaigns: WriteBackTable<CampaignRow>,
    /// Campaigns by the key of a candidate group.
    leads: LruTable<u64, CampaignId, 1>,
    recordings: PlayedRecordings,
    /// Addresses of servers that accepted a registration.
    registrars: LruTable<u64, (), 1>,
    /// The user and the device of each registration.
    users: LruTable<u64, (u64, RegisteredDevice), 2>,
    /// Keys of the calls that come next.
    prefetched: VecDeque<Names>,
    /// Numbers, addresses and platform families, judged by whether they come back.
    senders: Senders,
    /// How common signals are among lines.
    rates: SignalRates,
    /// Registered accounts among the calls of earlier runs.
    recalled_accounts: usize,
    /// Names of clusters of senders.
    sender_names: LruTable<u64, SenderName, 1>,
    /// Fraud that is no robocall campaign.
    watch: Watch,
    /// A new call whose legs are not known yet.
    waiting: Option<incidents::Waiting>,
    /// Incidents whose rows are due with the next commit.
    incidents_changed: BTreeSet<IncidentId>,
    incident_labels: BTreeMap<IncidentId, IncidentLabel>,
    /// True while rows come that an earlier run has scored.
    reads_again: bool,
}

impl ScoringEngine {
    /// Creates an engine without any knowledge. `key` is the installation's secret: senders choose the hashed
    /// text, so an unkeyed hash would allow crafted collisions.
    #[must_use]
    pub fn new(settings: Settings, key: HashKey) -> Self {
        let keys = Keys::new(key.derive("verdict"));
        let watch = Self::new_watch(&settings, &keys, key.derive("watch"));
        Self {
            rules: Rules::of(&settings),
            settings,
            key,
            now: Timestamp::MIN,
            since: None,
            calls_seen: 0,
            is_warm: false,
            warming: None,
            callers: LruTable::new(CALLERS),
            sources: LruTable::new(SOURCES),
            honest_rates: BaselineClockRates::default(),
            trunks: BTreeMap::new(),
            pools: LruTable::new(POOLS),
            platforms: LruTable::new(PLATFORMS),
            platforms_asked: 0,
            standings: WriteBackTable::new(STANDINGS),
            labels: BTreeMap::new(),
            feedback: Feedback::default(),
            feedback_before: Feedback::default(),
            open: LruTable::new(CALLS),
            over: VecDeque::new(),
            members: LruTable::new(MEMBERS),
            campaigns: WriteBackTable::new(CAMPAIGNS),
            leads: LruTable::new(LEADS),
            recordings: PlayedRecordings::new(RECORDINGS),
            registrars: LruTable::new(REGISTRARS),
            users: LruTable::new(CALLERS),
            prefetched: VecDeque::new(),
            senders: Senders::new(),
            rates: SignalRates::new(),
            recalled_accounts: 0,
            sender_names: LruTable::new(SENDER_NAMES),
            watch,
            waiting: None,
            incidents_changed: BTreeSet::new(),
            incident_labels: BTreeMap::new(),
            reads_again: false,
            keys,
        }
    }

    /// An engine without any knowledge, with the same settings and key.
    #[must_use]
    pub fn renewed(&self) -> Self {
        Self::new(self.settings.clone(), self.key)
    }

    /// The settings in use.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Processes a row. Outcomes go to `out` in an order that respects references. Changed reputation records
    /// and campaigns follow with [`Self::settle`].
    pub fn row(&mut self, row: &Row, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        // A call's links to other legs follow its row.
        if !matches!(row, Row::Link(..) | Row::Instance(_) | Row::Family { .. } | Row::Fingerprint(_)) {
            self.watch_waiting(out);
        }
        match row {
            Row::Call(row) => self.call(row, memory, out),
            Row::CallUpdate(update) => {
                let progress = Progress::from(&**update);
                self.watch_progress(&progress, out);
                self.progress(&progress, memory, out);
            }
            Row::Stream(row) => self.stream(row, memory, out),
            Row::Instance(row) => self.instance(row, memory, out),
            Row::Link(a, b) => {
                self.watch_leg(*a, *b);
                self.leg(*a, *b, memory, out);
            }
            Row::Attempt(row) => self.attempt(row, memory, out),
            Row::Registration(row) => self.registration(row),
            Row::RegistrationEnd { registration, at } => self.registration_ended(*registration, *at),
            Row::RegistrationUpdate(update) => {
                self.advance(update.last_seen);
                let is_accepted = update.last_status.is_some_and(|status| (200..300).contains(&status));
                if is_accepted && update.ended_at.is_none() {
                    self.refreshed(update.registration, update.last_seen);
                    self.registration_lasts(update.registration, update.last_seen, memory, out);
                }
            }
            _ => {}
        }
        self.close_due(memory, out);
    }

    /// Finishes all calls, as far as their end was seen.
    pub fn finish(&mut self, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        self.watch_waiting(out);
        while let Some((_, call)) = self.over.pop_front() {
            self.close(call, memory, out);
        }
        // An open call gets its score so far. A later run treats it as scored and does not change it.
        let mut rest = Vec::new();
        self.open.for_each_mut(|_, call| rest.push((call.started_at, call.call)));
        rest.sort_unstable();
        for (_, call) in rest {
            self.close(call, memory, out);
        }
        self.settle(out);
    }

    /// Emits the changed reputation records and campaigns in their present state. Call it once before each
    /// commit: one call in ten changes a record that most calls change.
    pub fn settle(&mut self, out: &mut Vec<Outcome>) {
        self.standings.settle(|kept| out.push(kept.outcome()));
        self.campaigns.settle(|row| out.push(Outcome::Campaign(Box::new(row.clone()))));
        self.settle_incidents(out);
    }

    fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.since.get_or_insert(at);
    }

    fn opened(&mut self, call: CallId) -> Option<&mut OpenCall> {
        self.open.value_mut(call.key())
    }

    // ---------------------------------------------------------------- progress and end of a call

    fn progress(&mut self, update: &Progress, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        let latest = [update.answered_at, update.ended_at, Some(update.started_at)];
        if let Some(at) = latest.into_iter().flatten().max() {
            self.advance(at);
        }
        let is_nobody = matches!(update.final_status, Some(404 | 484 | 604));
        let (fate, secs) = match fate(update) {
            (CallResult::Unanswered, secs) if is_nobody => (CallResult::Nobody, secs),
            other => other,
        };
        let Some(call) = self.opened(update.call) else { return };
        let was_over = call.is_over;
        call.is_over = update.ended_at.is_some();
        call.is_news |=
            (call.fate, call.secs, was_over, call.is_let_in) != (fate, secs, call.is_over, update.is_let_in);
        let is_known_now = update.is_let_in && !call.is_let_in;
        call.is_let_in = update.is_let_in;
        let is_no_stranger_now = is_known_now && call.stranger_to.is_some();
        (call.fate, call.secs) = (fate, secs);
        let (caller, source, pools, places) = (call.caller, call.source, call.pools, call.places);
        let (caller_at, source_at, is_over) = (call.caller_at, call.source_at, call.is_over);
        // The account is what was taken. A thief's long calls earn it no trust.
        let is_of_incident = call.incident.is_some();
        if is_known_now {
            self.vouch(update.call, out);
        }
        if !is_over || was_over {
            if is_no_stranger_now {
                self.tell(update.call, out);
            }
            return;
        }
        if let Some(of) = self.callers.value_from_mut(caller_at, caller) {
            of.actor.end(places.0, update.call, fate, secs);
            if fate == CallResult::Answered && self.warming.is_none() && !is_of_incident {
                of.account.talked(Span::from_secs(i64::from(secs)));
            }
        }
        if let Some(of) = self.sources.value_from_mut(source_at, source) {
            of.end(places.1, update.call, fate, secs);
        }
        let pools: SmallVec<[(u32, SlotId); 8]> = pools
            .iter()
            .filter_map(|pool| Some((pool.place, self.pools.slot_from(pool.slot, pool.key)?)))
            .collect();
        for (place, slot) in &pools {
            if let Some((_, pool)) = self.pools.get_mut(*slot) {
                pool.change(*place, update.call, |candidate| {
                    (candidate.fate, candidate.secs) = (fate, secs);
                });
            }
        }
        self.over.push_back((self.now + SETTLES, update.call));
        if let Some(ended) = update.ended_at.filter(|_| self.warming.is_none()) {
            let end = CallEnd {
                at: self.now,
                ..end_of(update.call, (update.started_at, update.answered_at), ended, update.ended_by)
            };
            self.sender_ended(&end, memory, out);
        }
        // A flood of simultaneous call ends closes the oldest ones early.
        if self.over.len() > CALLS
            && let Some((_, oldest)) = self.over.pop_front()
        {
            self.close(oldest, memory, out);
        }
        // The result of the call may change its membership.
        for (place, slot) in &pools {
            self.consider(*slot, *place, update.call, memory, out);
        }
        if self.warming.is_none() {
            for (_, slot) in &pools {
                self.look_if_due(*slot, memory, out);
            }
        }
        self.tell(update.call, out);
    }

    /// Records the rate of a caller's media clock.
    fn paced(&mut self, id: CallId, rate: Rate) {
        let Some(call) = self.opened(id) else { return };
        if call.is_rooted && !call.is_from_trunk && !call.is_in_campaign() {
            self.honest_rates.add(rate);
            return;
        }
        self.in_pools(id, |pool, place| pool.change(place, id, |candidate| candidate.clock = Some(rate)));
    }

    fn instance(&mut self, row: &InstanceRow, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        self.advance(row.captured_at);
        if !row.instance.is_empty() {
            self.named(row, memory, out);
        }
    }
}

/// The result of a call, and its duration of talk in seconds.
fn fate(update: &Progress) -> (CallResult, u16) {
    let end = update.ended_at;
    match (update.answered_at, end) {
        (Some(answered), Some(ended)) => (CallResult::Answered, whole_secs(ended.since(answered))),
        (Some(_), None) => (CallResult::Answered, 0),
        (None, Some(_)) => (CallResult::Unanswered, 0),
        (None, None) => (CallResult::Open, 0),
    }
}
