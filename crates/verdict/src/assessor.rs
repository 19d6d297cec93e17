//! Takes rows in order and keeps what judging a call needs.

mod campaigns;
mod prompts;
mod reputation;
mod start;

use std::collections::{BTreeMap, VecDeque};

use bellwether_base::{HashKey, LruTable, Span, Timestamp};
use bellwether_judge::{AttemptRow, CallUpdate, DeviceVerdict, InstanceRow, RegistrationRow, Row, StreamRow};

use crate::account::{Account, Home};
use crate::actor::{Actor, Fate};
use crate::memory::{Memory, PlatformFacts, Stage};
use crate::open::{Membership, OpenCall};
use crate::outcome::{AlertRow, CampaignRow, Outcome, ScoreRow};
use crate::pool::Pool;
use crate::score::Finding;
use crate::signals::{Found, Group, Rule, SIGNALS, Source, place};
use crate::standing::{Label, Standing, Subject};
use crate::{AlertKind, Disposition, Scorecard, Settings, Severity};

/// Sizes of the tables.
const CALLERS: usize = 131_072;
const SOURCES: usize = 32_768;
const POOLS: usize = 8_192;
const PLATFORMS: usize = 4_096;
const STANDINGS: usize = 65_536;
const CALLS: usize = 131_072;
const MEMBERS: usize = 131_072;
const CAMPAIGNS: usize = 4_096;
const KEYS: usize = 65_536;
const CLUSTERS: usize = 16_384;
const REGISTRARS: usize = 4_096;

/// How long after its end a call is still changed by what comes late: streams, and what other calls show.
const SETTLES: Span = Span::from_secs(90);

/// Calls of the window before a run that are looked at when it begins.
const WARM: Span = Span::from_secs(6 * 3600);

/// What is known of a caller.
#[derive(Default)]
struct Caller {
    account: Account,
    actor: Actor,
    /// Whether the memory was asked.
    is_asked: bool,
}

/// Judges calls.
pub struct Assessor {
    settings: Settings,
    hash_key: HashKey,
    now: Timestamp,
    since: Option<Timestamp>,
    calls_seen: u64,
    is_warm: bool,
    /// While the calls before this run are looked at: when it began. Accounts are asked for as they are by then.
    warming: Option<Timestamp>,
    callers: LruTable<u64, Caller, 1>,
    sources: LruTable<u64, Source, 1>,
    pools: LruTable<u64, Pool, 1>,
    /// What structure shows of platforms, and how often it was asked for.
    platforms: LruTable<u64, (PlatformFacts, u32), 1>,
    platforms_asked: u64,
    standings: LruTable<u64, Standing, 1>,
    labels: BTreeMap<u64, (Subject, Vec<Label>)>,
    /// Calls that were labelled: fraud or not.
    labelled: BTreeMap<i64, bool>,
    open: LruTable<u64, OpenCall, 1>,
    /// Calls that are over, and when they are closed.
    over: VecDeque<(Timestamp, i64)>,
    members: LruTable<u64, Membership, 1>,
    campaigns: LruTable<u64, CampaignRow, 1>,
    /// Campaigns by key; none where it is known that there is none.
    keys: LruTable<u64, Option<i64>, 1>,
    prompts: prompts::Prompts,
    /// Addresses at which somebody was let in to register.
    registrars: LruTable<u64, (), 1>,
    /// Users and homes by the identity of their registration.
    users: LruTable<u64, (u64, Home), 1>,
}

impl Assessor {
    /// With nothing known yet. `key` is the installation's: whoever sends the traffic chooses what is hashed.
    #[must_use]
    pub fn new(settings: Settings, key: HashKey) -> Self {
        Self {
            settings,
            hash_key: key.derive("verdict"),
            now: Timestamp::MIN,
            since: None,
            calls_seen: 0,
            is_warm: false,
            warming: None,
            callers: LruTable::new(CALLERS),
            sources: LruTable::new(SOURCES),
            pools: LruTable::new(POOLS),
            platforms: LruTable::new(PLATFORMS),
            platforms_asked: 0,
            standings: LruTable::new(STANDINGS),
            labels: BTreeMap::new(),
            labelled: BTreeMap::new(),
            open: LruTable::new(CALLS),
            over: VecDeque::new(),
            members: LruTable::new(MEMBERS),
            campaigns: LruTable::new(CAMPAIGNS),
            keys: LruTable::new(KEYS),
            prompts: prompts::Prompts::new(CLUSTERS),
            registrars: LruTable::new(REGISTRARS),
            users: LruTable::new(CALLERS),
        }
    }

    /// The settings that it judges by.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes a row. What follows from it goes to `out`, in an order that respects references.
    pub fn row(&mut self, row: &Row, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        match row {
            Row::Call(row) => self.call(row, memory, out),
            Row::CallUpdate(update) => self.update(update, memory, out),
            Row::Stream(row) => self.stream(row, memory, out),
            Row::Instance(row) => self.instance(row, memory, out),
            Row::Link(a, b) => self.leg(*a, *b, memory, out),
            Row::Attempt(row) => self.attempt(row, out),
            Row::Registration(row) => self.registration(row),
            Row::RegistrationUpdate(update) => {
                self.advance(update.last_seen);
                if update.last_status.is_some_and(|status| (200..300).contains(&status)) {
                    self.refreshed(update.registration, update.last_seen);
                }
            }
            _ => {}
        }
        self.close_due(memory, out);
    }

    /// Judges all calls to their end, as far as it was seen.
    pub fn finish(&mut self, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
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
    }

    fn advance(&mut self, at: Timestamp) {
        self.now = self.now.max(at);
        self.since.get_or_insert(at);
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        self.hash_key.parts(parts)
    }

    fn user(&self, user: &str) -> u64 {
        self.hash(&[b"user", user.as_bytes()])
    }

    fn address(&self, address: bellwether_base::Endpoint) -> u64 {
        address_hash(&self.hash_key, address.ip())
    }

    fn opened(&mut self, call: i64) -> Option<&mut OpenCall> {
        let key = call.cast_unsigned();
        let slot = self.open.find(key, &key)?;
        self.open.get_mut(slot).map(|(_, call)| call)
    }

    // ---------------------------------------------------------------- what becomes of a call

    fn update(&mut self, update: &CallUpdate, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        let latest = [update.answered_at, update.ended_at, Some(update.started_at)];
        if let Some(at) = latest.into_iter().flatten().max() {
            self.advance(at);
        }
        let is_nobody = matches!(update.final_status, Some(404 | 484 | 604));
        let (fate, secs) = match fate(update) {
            (Fate::Unanswered, secs) if is_nobody => (Fate::Nobody, secs),
            other => other,
        };
        let Some(call) = self.opened(update.call) else { return };
        let was_over = call.is_over;
        call.is_over = update.ended_at.is_some();
        (call.fate, call.secs) = (fate, secs);
        let (caller, source, pools) = (call.caller, call.source, call.pools.clone());
        if !call.is_over || was_over {
            return;
        }
        if let Some(slot) = self.callers.find(caller, &caller)
            && let Some((_, of)) = self.callers.get_mut(slot)
        {
            of.actor.end(update.call, fate, secs);
            if fate == Fate::Answered && self.warming.is_none() {
                of.account.talked(Span::from_secs(i64::from(secs)));
            }
        }
        if let Some(slot) = self.sources.find(source, &source)
            && let Some((_, of)) = self.sources.get_mut(slot)
        {
            of.actor.end(update.call, fate, secs);
        }
        for pool in &pools {
            if let Some(slot) = self.pools.find(*pool, pool)
                && let Some((_, pool)) = self.pools.get_mut(slot)
            {
                pool.change(update.call, |candidate| (candidate.fate, candidate.secs) = (fate, secs));
            }
        }
        self.over.push_back((self.now + SETTLES, update.call));
        // A flood of calls that end at once closes the oldest of them sooner.
        if self.over.len() > CALLS
            && let Some((_, oldest)) = self.over.pop_front()
        {
            self.close(oldest, memory, out);
        }
        self.rejoin(update.call, memory, out);
        if self.warming.is_none() {
            for pool in pools {
                self.look_if_due(pool, memory, out);
            }
        }
        self.tell(update.call, out);
    }

    fn stream(&mut self, row: &StreamRow, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        self.advance(row.last_seen);
        let Some(id) = row.call else { return };
        let Some(call) = self.opened(id) else { return };
        match row.direction {
            "caller" => {
                call.caller_packets = call.caller_packets.max(row.packets);
                if let Some(silence) = &row.silence
                    && silence.observed_packets >= 200
                {
                    call.quiet_share = Some(f64::from(silence.packets) / f64::from(silence.observed_packets));
                }
            }
            "callee" => call.callee_packets = call.callee_packets.max(row.packets),
            _ => return,
        }
        if let Some(opening) = row.opening.filter(|_| row.direction == "caller") {
            self.hear(id, opening, memory, out);
        }
        self.tell(id, out);
    }

    /// The other leg of a call shares its fate, and is no call of its own.
    fn leg(&mut self, a: i64, b: i64, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        for (of, other) in [(a, b), (b, a)] {
            let is_later = self.opened(of).map(|c| c.started_at) > self.opened(other).map(|c| c.started_at);
            let Some(call) = self.opened(of) else { continue };
            call.leg = Some(other);
            if !is_later && of < other {
                continue;
            }
            for pool in call.pools.clone() {
                if let Some(slot) = self.pools.find(pool, &pool)
                    && let Some((_, pool)) = self.pools.get_mut(slot)
                {
                    pool.change(of, |candidate| candidate.marks.is_leg = true);
                }
            }
            let is_settled = self.opened(of).is_some_and(|c| c.is_known && !c.is_recalled);
            if let Some(membership) = self.membership(other).filter(|_| !is_settled) {
                self.join(
                    of,
                    Membership { why: "another leg of a call of it".to_owned(), ..membership },
                    memory,
                    out,
                );
            }
        }
    }

    fn instance(&mut self, row: &InstanceRow, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        self.advance(row.captured_at);
        if !row.instance.is_empty() {
            self.named(row, memory, out);
        }
    }

    // ---------------------------------------------------------------- registrations

    fn registration(&mut self, row: &RegistrationRow) {
        self.advance(row.first_seen);
        let user = self.user(user_of(&row.aor));
        let key = row.registration.cast_unsigned();
        if self.users.find(key, &key).is_none() {
            let home = Home {
                source: row.source.ip(),
                platform: row.fingerprint,
                first: row.first_seen,
                last: row.first_seen,
            };
            self.users.insert(key, key, (user, home), 0, row.first_seen);
        }
    }

    fn attempt(&mut self, row: &AttemptRow, out: &mut Vec<Outcome>) {
        self.advance(row.at);
        let (source, user) = (self.address(row.source), self.user(&row.user));
        let is_accepted = (200..300).contains(&row.status);
        if is_accepted {
            self.let_in(row.registration, row.source.ip(), row.at);
            let registrar = self.address(row.registrar);
            if self.registrars.find(registrar, &registrar).is_none() {
                self.registrars.insert(registrar, registrar, (), 0, row.at);
            }
        }
        let slot = self.source(source);
        let Some((_, of)) = self.sources.get_mut(slot) else { return };
        // An hour without a refusal is a new beginning.
        if of.refused_at.is_some_and(|at| row.at.since(at) > Span::from_secs(3600)) {
            of.refused.clear();
            of.accepted.clear();
            (of.wrong_passwords, of.is_told) = (0, false);
        }
        if is_accepted {
            if of.accepted.len() < 64 && !of.accepted.contains(&user) {
                of.accepted.push(user);
            }
            return;
        }
        of.refused_at = Some(row.at);
        of.wrong_passwords = of.wrong_passwords.saturating_add(u32::from(row.had_credentials));
        if of.refused.len() < 64 && !of.refused.contains(&user) {
            of.refused.push(user);
        }
        let tuned = self.settings.signals.get(place("scanning_source"));
        let (accounts, passwords) = tuned.map_or((8.0, 10.0), |t| (t.limit(0), t.limit(1)));
        if of.is_told {
            return;
        }
        if let Some(words) = of.attack(accounts, passwords) {
            of.is_told = true;
            out.push(Outcome::Alert(Box::new(AlertRow {
                at: row.at,
                kind: AlertKind::RegistrationAttack,
                severity: Severity::Warning,
                subject: row.source.ip().to_string(),
                message: words,
                call: None,
                campaign: None,
            })));
        }
    }

    fn refreshed(&mut self, registration: i64, at: Timestamp) {
        let key = registration.cast_unsigned();
        let Some(slot) = self.users.find(key, &key) else { return };
        let Some((user, mut home)) = self.users.get(slot).map(|(_, known)| *known) else { return };
        home.last = home.last.max(at);
        self.lives(user, home);
    }

    /// A device was let in. From here on its address may be another than that of its first request.
    fn let_in(&mut self, registration: i64, source: std::net::IpAddr, at: Timestamp) {
        let key = registration.cast_unsigned();
        let Some(slot) = self.users.find(key, &key) else { return };
        let Some((_, (user, home))) = self.users.get_mut(slot) else { return };
        (home.source, home.last) = (source, home.last.max(at));
        let (user, home) = (*user, *home);
        let source = self.address(bellwether_base::Endpoint::new(source, 0));
        let others = self.lives(user, home);
        if others {
            let slot = self.source(source);
            if let Some((_, of)) = self.sources.get_mut(slot)
                && of.taken.len() < 64
                && !of.taken.contains(&user)
            {
                of.taken.push(user);
            }
        }
    }

    /// A user lives somewhere. What else is known of it stays to be asked when it calls. Answers whether somebody else, by another
    /// platform at another address, had the account before.
    fn lives(&mut self, user: u64, home: Home) -> bool {
        let slot = match self.callers.find(user, &user) {
            Some(slot) => slot,
            None => self.callers.insert(user, user, Caller::default(), 0, self.now).0,
        };
        self.callers.touch(slot, 0, self.now);
        let Some((_, caller)) = self.callers.get_mut(slot) else { return false };
        caller.account.lives(home);
        caller.account.moved(home.source, home.last).is_some()
    }

    fn source(&mut self, source: u64) -> bellwether_base::SlotId {
        let slot = match self.sources.find(source, &source) {
            Some(slot) => slot,
            None => self.sources.insert(source, source, Source::default(), 0, self.now).0,
        };
        self.sources.touch(slot, 0, self.now);
        slot
    }

    // ---------------------------------------------------------------- devices and labels

    /// What was found of the device that made a call. Answers the signal, for a call that is closed.
    pub fn device(
        &mut self,
        call: i64,
        verdict: DeviceVerdict,
        evidence: &str,
        is_shared: bool,
        out: &mut Vec<Outcome>,
    ) {
        let name = match verdict {
            DeviceVerdict::Authorised => Some("device_authorised"),
            DeviceVerdict::Unauthorised => Some("device_unauthorised"),
            DeviceVerdict::Unknown | DeviceVerdict::NotEnrolled => None,
        };
        let words = if evidence.is_empty() { verdict.name() } else { evidence };
        let mut found: Vec<(usize, Option<Finding>)> = Vec::new();
        for signal in ["device_authorised", "device_unauthorised"] {
            let signal = place(signal);
            let is = name.is_some_and(|name| place(name) == signal);
            found.push((
                signal,
                if is {
                    self.finding(signal, &Found { share: 1.0, evidence: words.to_owned() })
                } else {
                    None
                },
            ));
        }
        let signal = place("device_shared");
        let shared = Found { share: 1.0, evidence: "the device registers other accounts too".to_owned() };
        found.push((signal, if is_shared { self.finding(signal, &shared) } else { None }));
        if let Some(opened) = self.opened(call) {
            opened.of_device = found.into_iter().filter_map(|(_, finding)| finding).collect();
            self.tell(call, out);
            return;
        }
        let campaign = self.membership(call).map(|m| m.campaign);
        out.extend(found.into_iter().map(|(signal, finding)| Outcome::Amend {
            call,
            signal,
            finding,
            campaign,
        }));
    }

    /// A signal's finding with its points, if it is on.
    fn finding(&self, signal: usize, found: &Found) -> Option<Finding> {
        let tuned = self.settings.signals.get(signal).filter(|t| t.is_on)?;
        let points = tuned.points * found.share.clamp(-1.0, 1.0);
        (points.abs() >= 0.05).then(|| Finding { signal, points, evidence: found.evidence.clone() })
    }

    // ---------------------------------------------------------------- scores

    fn card(&self, call: &OpenCall) -> Scorecard {
        let mut findings = call.at_start.clone();
        findings.extend(call.of_device.iter().cloned());
        for (place, signal) in SIGNALS.iter().enumerate() {
            if let Rule::Later(look) = signal.rule
                && let Some(tuned) = self.settings.signals.get(place).filter(|t| t.is_on)
                && let Some(found) = look(call, tuned)
            {
                findings.extend(self.finding(place, &found));
            }
        }
        Scorecard::new(findings)
    }

    /// Tells a call's score where it is news.
    fn tell(&mut self, id: i64, out: &mut Vec<Outcome>) {
        let key = id.cast_unsigned();
        let Some(slot) = self.open.find(key, &key) else { return };
        let Some((_, call)) = self.open.get(slot) else { return };
        if call.is_known {
            return;
        }
        let card = self.card(call);
        let stage = if call.is_over { Stage::Final } else { Stage::Provisional };
        let (score, disposition) = (card.score(), card.disposition(&self.settings));
        let state = (stage, score, disposition, card.findings().len());
        let at = self.now;
        let Some((_, call)) = self.open.get_mut(slot) else { return };
        if call.told == Some(state) {
            return;
        }
        call.told = Some(state);
        let campaign = call.membership.as_ref().map(|m| m.campaign);
        let alert = alert_of(call, disposition, card.findings(), at);
        out.push(Outcome::Score(Box::new(ScoreRow {
            call: id,
            stage,
            at,
            score,
            disposition,
            findings: card.findings().to_vec(),
            campaign,
        })));
        out.extend(alert);
    }

    fn close_due(&mut self, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        while self.over.front().is_some_and(|(at, _)| *at < self.now) {
            if let Some((_, call)) = self.over.pop_front() {
                self.close(call, memory, out);
            }
        }
    }

    /// Nothing more is expected of a call: it teaches what it has to, and is forgotten.
    fn close(&mut self, id: i64, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        self.tell(id, out);
        let key = id.cast_unsigned();
        let Some(slot) = self.open.find(key, &key) else { return };
        let Some((_, call)) = self.open.remove(slot) else { return };
        if call.is_known {
            return;
        }
        let card = self.card(&call);
        if call.is_over {
            self.learn(&call, card.score_without(&[Group::Reputation, Group::Campaign]), memory, out);
        }
        out.push(Outcome::Score(Box::new(ScoreRow {
            call: id,
            stage: Stage::Closed,
            at: self.now,
            score: card.score(),
            disposition: card.disposition(&self.settings),
            findings: card.findings().to_vec(),
            campaign: call.membership.as_ref().map(|m| m.campaign),
        })));
    }
}

/// An alert of a call that is quarantined, or of a token that was used before: once. Those of a campaign are the campaign's.
fn alert_of(
    call: &mut OpenCall,
    disposition: Disposition,
    findings: &[Finding],
    at: Timestamp,
) -> Option<Outcome> {
    if call.is_alerted || call.membership.is_some() {
        return None;
    }
    let against: Vec<&str> = {
        let mut bad: Vec<&Finding> = findings.iter().filter(|f| f.points < 0.0).collect();
        bad.sort_by(|a, b| a.points.total_cmp(&b.points));
        bad.into_iter().take(3).map(|f| f.evidence.as_str()).collect()
    };
    let is_replay = findings.iter().any(|f| f.name() == "passport_replay");
    let (kind, severity) = if disposition == Disposition::Quarantine {
        let severity = if call.is_risky { Severity::Critical } else { Severity::Warning };
        (AlertKind::CallQuarantined, severity)
    } else if is_replay {
        (AlertKind::PassportReplay, Severity::Warning)
    } else {
        return None;
    };
    call.is_alerted = true;
    Some(Outcome::Alert(Box::new(AlertRow {
        at,
        kind,
        severity,
        subject: call.name.clone(),
        message: against.join("; "),
        call: Some(call.call),
        campaign: None,
    })))
}

/// What became of a call, and how long people talked.
fn fate(update: &CallUpdate) -> (Fate, u16) {
    let end = update.ended_at;
    match (update.answered_at, end) {
        (Some(answered), Some(ended)) => {
            let secs = ended.since(answered).as_secs_f64().clamp(0.0, f64::from(u16::MAX));
            (Fate::Answered, secs as u16)
        }
        (Some(_), None) => (Fate::Answered, 0),
        (None, Some(_)) => (Fate::Unanswered, 0),
        (None, None) => (Fate::Open, 0),
    }
}

/// How addresses are known in the tables.
fn address_hash(hash_key: &HashKey, address: std::net::IpAddr) -> u64 {
    hash_key.parts(&[b"address", &bellwether_base::Endpoint::new(address, 0).octets()])
}

/// The user part of an address of record as reports print it.
fn user_of(aor: &str) -> &str {
    let rest = aor.split_once(':').map_or(aor, |(_, rest)| rest);
    rest.rsplit_once('@').map_or(rest, |(user, _)| user)
}
