//! Takes rows in order and keeps what judging a call needs.

mod campaigns;
mod legs;
mod membership;
mod prefetch;
mod prompts;
mod registrations;
mod reputation;
mod scores;
mod split;
mod start;

use std::collections::{BTreeMap, VecDeque};

use bellwether_base::{HashKey, LruTable, SlotId, Span, Timestamp};
use bellwether_enrich::{InstanceRow, Row};
use smallvec::SmallVec;

use crate::Settings;
use crate::account::{Account, RegisteredDevice};
use crate::call_history::{CallHistory, CallResult};
use crate::candidate_group::CandidateGroup;
use crate::clocks::{BaselineClockRates, Rate};
use crate::history::History;
use crate::invite::Progress;
use crate::keys::{Keys, Names};
use crate::open::{Membership, OpenCall};
use crate::outcome::{AlertRow, CampaignRow, Outcome, ScoreRow};
use crate::platform::Platform;
use crate::reputation_record::{Label, Reputation, Subject};
use crate::signals::Rules;
use crate::source::{Signed, Source};
use crate::write_back::WriteBackTable;

/// Sizes of the tables.
const CALLERS: usize = 131_072;
const SOURCES: usize = 65_536;
const POOLS: usize = 8_192;
const PLATFORMS: usize = 4_096;
const STANDINGS: usize = 65_536;
const CALLS: usize = 131_072;
const MEMBERS: usize = 131_072;
const CAMPAIGNS: usize = 4_096;
const LEADS: usize = 131_072;
const CLUSTERS: usize = 16_384;
const REGISTRARS: usize = 4_096;

/// Classes of callers: anybody may be a stranger; who lives somewhere was let in to register.
const UNREGISTERED: usize = 0;
const REGISTERED: usize = 1;

/// Callers that are kept as residents at most: the rest is for strangers, who would not be remembered from one call to the next.
const MAX_REGISTERED: usize = CALLERS / 4 * 3;

/// How long after its end a call is still changed by what comes late: streams, and what other calls show.
const SETTLES: Span = Span::from_secs(90);

/// What is known of a caller.
#[derive(Default)]
struct Caller {
    account: Account,
    actor: CallHistory,
    /// The campaign that a call of it joined last.
    campaign: Option<i64>,
    /// Whether the memory was asked.
    is_asked: bool,
}

/// Judges calls.
pub struct ScoringEngine {
    settings: Settings,
    rules: Rules,
    keys: Keys,
    now: Timestamp,
    since: Option<Timestamp>,
    calls_seen: u64,
    is_warm: bool,
    /// While the calls before this run are looked at: when it began. Accounts are asked for as they are by then.
    warming: Option<Timestamp>,
    /// Strangers before those who live somewhere: whoever makes up numbers shall not make them forgotten.
    callers: LruTable<u64, Caller, 2>,
    sources: LruTable<u64, Source, 1>,
    /// The media clocks of callers with roots.
    honest_rates: BaselineClockRates,
    /// Tokens by trunk.
    trunks: BTreeMap<String, Signed>,
    pools: LruTable<u64, CandidateGroup, 1>,
    /// What structure shows of platforms, and how often it was asked for.
    platforms: LruTable<u64, (Platform, u32), 1>,
    platforms_asked: u64,
    standings: WriteBackTable<Reputation>,
    labels: BTreeMap<u64, (Subject, Vec<Label>)>,
    /// Calls that were labelled: fraud or not.
    labelled: BTreeMap<i64, bool>,
    open: LruTable<u64, OpenCall, 1>,
    /// Calls that are over, and when they are closed.
    over: VecDeque<(Timestamp, i64)>,
    members: LruTable<u64, Membership, 1>,
    campaigns: WriteBackTable<CampaignRow>,
    /// Campaigns by what leads to them.
    leads: LruTable<u64, i64, 1>,
    prompts: prompts::Prompts,
    /// Addresses at which somebody was let in to register.
    registrars: LruTable<u64, (), 1>,
    /// Users and homes by the identity of their registration.
    users: LruTable<u64, (u64, RegisteredDevice), 1>,
    /// Who is named in the calls that come next.
    prefetched: VecDeque<Names>,
}

impl ScoringEngine {
    /// With nothing known yet. `key` is the installation's: whoever sends the traffic chooses what is hashed.
    #[must_use]
    pub fn new(settings: Settings, key: HashKey) -> Self {
        let keys = Keys::new(key.derive("verdict"));
        Self {
            rules: Rules::of(&settings),
            settings,
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
            labelled: BTreeMap::new(),
            open: LruTable::new(CALLS),
            over: VecDeque::new(),
            members: LruTable::new(MEMBERS),
            campaigns: WriteBackTable::new(CAMPAIGNS),
            leads: LruTable::new(LEADS),
            prompts: prompts::Prompts::new(CLUSTERS, keys.hasher()),
            registrars: LruTable::new(REGISTRARS),
            users: LruTable::new(CALLERS),
            prefetched: VecDeque::new(),
            keys,
        }
    }

    /// The settings that it judges by.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes a row. What follows from it goes to `out`, in an order that respects references; standings and campaigns that change wait for
    /// [`Self::settle`].
    pub fn row(&mut self, row: &Row, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        match row {
            Row::Call(row) => self.call(row, memory, out),
            Row::CallUpdate(update) => self.progress(&Progress::from(&**update), memory, out),
            Row::Stream(row) => self.stream(row, memory, out),
            Row::Instance(row) => self.instance(row, memory, out),
            Row::Link(a, b) => self.leg(*a, *b, memory, out),
            Row::Attempt(row) => self.attempt(row, out),
            Row::Registration(row) => self.registration(row),
            Row::RegistrationEnd { registration, at } => self.registration_ended(*registration, *at),
            Row::RegistrationUpdate(update) => {
                self.advance(update.last_seen);
                let is_accepted = update.last_status.is_some_and(|status| (200..300).contains(&status));
                if is_accepted && update.ended_at.is_none() {
                    self.refreshed(update.registration, update.last_seen);
                }
            }
            _ => {}
        }
        self.close_due(memory, out);
    }

    /// Judges all calls to their end, as far as it was seen.
    pub fn finish(&mut self, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        while let Some((_, call)) = self.over.pop_front() {
            self.close(call, memory, out);
        }
        // What is under way is told as far as it was seen: a later run knows it as judged, and changes nothing of it.
        let mut rest = Vec::new();
        self.open.for_each_mut(|_, call| rest.push((call.started_at, call.call)));
        rest.sort_unstable();
        for (_, call) in rest {
            self.close(call, memory, out);
        }
        self.settle(out);
    }

    /// Tells standings and campaigns that have changed, as they are now: to be called before what was told is kept, as one call in ten
    /// changes those that all others change.
    pub fn settle(&mut self, out: &mut Vec<Outcome>) {
        self.standings.settle(|kept| out.push(kept.outcome()));
        self.campaigns.settle(|row| out.push(Outcome::Campaign(Box::new(row.clone()))));
    }

    fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.since.get_or_insert(at);
    }

    fn opened(&mut self, call: i64) -> Option<&mut OpenCall> {
        self.open.value_mut(call.cast_unsigned())
    }

    // ---------------------------------------------------------------- what becomes of a call

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
            if fate == CallResult::Answered && self.warming.is_none() {
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
        // A flood of calls that end at once closes the oldest of them sooner.
        if self.over.len() > CALLS
            && let Some((_, oldest)) = self.over.pop_front()
        {
            self.close(oldest, memory, out);
        }
        // What it shows at its end may change where it belongs.
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

    /// The rate of a caller's media clock is known.
    fn paced(&mut self, id: i64, rate: Rate) {
        let Some(call) = self.opened(id) else { return };
        if call.is_rooted && !call.is_from_trunk && call.membership.is_none() {
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

/// What became of a call, and how long people talked.
fn fate(update: &Progress) -> (CallResult, u16) {
    let end = update.ended_at;
    match (update.answered_at, end) {
        (Some(answered), Some(ended)) => {
            let secs = ended.since(answered).as_secs_f64().clamp(0.0, f64::from(u16::MAX));
            (CallResult::Answered, secs as u16)
        }
        (Some(_), None) => (CallResult::Answered, 0),
        (None, Some(_)) => (CallResult::Unanswered, 0),
        (None, None) => (CallResult::Open, 0),
    }
}
