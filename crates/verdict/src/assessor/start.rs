//! A call begins.

use bellwether_base::Timestamp;
use bellwether_judge::{CallRow, PassportStatus, Validity};

use super::{Assessor, Caller, Finding, Outcome, WARM};
use crate::actor::{Deed, Fate, follows};
use crate::memory::{Judged, Memory, PastCall, Stage};
use crate::open::OpenCall;
use crate::pool::{Candidate, Marks, PoolKind};
use crate::signals::{AtStart, Registration, Rule, SIGNALS};
use crate::standing::{Layer, Reputed, Subject};

/// Calls of a caller up to which its number is hardly used.
const FRESH: u32 = 3;

impl Assessor {
    pub(super) fn call(&mut self, row: &CallRow, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        self.advance(row.started_at);
        // Whoever calls for help is not looked at, and leaves no trace in what others are judged by.
        if row.traits.is_emergency {
            return;
        }
        self.warm_up(row.started_at, memory);
        let judged = memory.judged(row.call);
        self.begin(row, judged, memory, out);
    }

    /// Looks at the calls of the window before this run, so that it judges as if it had seen them.
    fn warm_up(&mut self, at: Timestamp, memory: &mut dyn Memory) {
        if std::mem::replace(&mut self.is_warm, true) {
            return;
        }
        for (print, campaign) in memory.prompts() {
            self.prompts.known(print, campaign, at);
        }
        let past = memory.recent(at - WARM, at);
        let now = self.now;
        self.warming = Some(at);
        // Only what later calls are compared with: what was concluded of these stands in the database.
        for PastCall { row, answered_at, ended_at, final_status, campaign } in past {
            if row.traits.is_emergency {
                continue;
            }
            self.now = row.started_at;
            let mut unsaid = Vec::new();
            let judged = Judged { stage: Stage::Closed, findings: Vec::new(), campaign };
            self.begin(&row, Some(judged), memory, &mut unsaid);
            let update = bellwether_judge::CallUpdate {
                call: row.call,
                started_at: row.started_at,
                answered_at,
                ended_at,
                final_status,
                duplicates: 0,
                retransmissions: 0,
                hops: 1,
                last_destination: row.destination,
                access_side: row.access_side,
                trunk_id: None,
                forks: 0,
                reinvites: 0,
                cancelled: false,
            };
            self.update(&update, memory, &mut unsaid);
        }
        self.now = now;
        self.warming = None;
    }

    /// `judged` is what an earlier run kept: what the INVITE showed then stands, as what is known of others has changed since.
    fn begin(
        &mut self,
        row: &CallRow,
        judged: Option<Judged>,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) {
        let now = row.started_at;
        let key = row.call.cast_unsigned();
        if self.open.find(key, &key).is_some() {
            return;
        }
        let caller = self.user(&row.caller);
        let callee = self.user(&row.dialled);
        let source = self.address(row.source);
        let platform = self.hash(&[b"platform", row.fingerprint.as_str().as_bytes()]);
        let agent = self.hash(&[b"agent", row.user_agent.as_deref().unwrap_or_default().as_bytes()]) as u32;
        let neighbourhood =
            row.callee_neighbourhood.as_ref().map_or(0, |n| self.hash(&[b"block", n.as_bytes()]) as u32);
        let line = row.traits.callee_line.unwrap_or(u16::MAX);
        let deed = Deed {
            call: row.call,
            at: now,
            caller,
            callee,
            agent,
            platform: platform as u32,
            neighbourhood,
            line,
            secs: 0,
            fate: Fate::Open,
        };
        let subjects = subjects(row);
        let (standings, platform_calls) = self.standings_of(&subjects, now, memory);
        let facts = self.platform(row, memory);
        let caller_slot = self.caller(caller, &row.caller, now, memory);
        if let Some((_, of)) = self.callers.get_mut(caller_slot) {
            of.actor.begin(deed);
        }
        let source_slot = self.source(source);
        if let Some((_, of)) = self.sources.get_mut(source_slot) {
            of.actor.begin(deed);
            let counted = if row.attested.is_some() { &mut of.signed.0 } else { &mut of.signed.1 };
            *counted = counted.saturating_add(1);
            of.rooted.1 = of.rooted.1.saturating_add(1);
        }
        let registrar = self.address(row.destination);
        let is_registrar = self.registrars.find(registrar, &registrar).is_some();
        let (Some((_, of_caller)), Some((_, of_source))) =
            (self.callers.get(caller_slot), self.sources.get(source_slot))
        else {
            return;
        };
        let registration = of_caller.account.registration(row.source.ip());
        let is_home = registration == Registration::Here;
        let is_rooted = of_caller.account.is_rooted(is_home, row.fingerprint, now);
        let is_moved = of_caller.account.moved(row.source.ip(), now).is_some();
        let at = AtStart {
            row,
            platform: &facts,
            account: &of_caller.account,
            caller: &of_caller.actor,
            source: of_source,
            registration,
            standings,
            calls_seen: self.calls_seen,
            since: self.since.unwrap_or(now),
            is_registrar,
            platform_calls,
            is_rooted,
        };
        let mut at_start: Vec<Finding> = Vec::new();
        let is_known = judged.as_ref().is_some_and(|judged| judged.stage == Stage::Closed);
        let kept = judged.map(|judged| (judged.findings, judged.campaign));
        if kept.is_none() {
            for (place, signal) in SIGNALS.iter().enumerate() {
                if let Rule::Start(look) = signal.rule
                    && let Some(tuned) = self.settings.signals.get(place).filter(|t| t.is_on)
                    && let Some(found) = look(&at, tuned)
                {
                    at_start.extend(self.finding(place, &found));
                }
            }
        }
        let campaign = kept.as_ref().and_then(|(_, campaign)| *campaign);
        let mut of_device = Vec::new();
        for finding in kept.map(|(findings, _)| findings).unwrap_or_default() {
            match SIGNALS.get(finding.signal).map(|signal| &signal.rule) {
                Some(Rule::Start(_)) => at_start.push(finding),
                Some(Rule::Device) => of_device.push(finding),
                _ => {}
            }
        }
        let is_scanner = crate::signals::is_scanner(&facts, row.user_agent.as_deref())
            || at_start.iter().any(|f| f.name() == "scanning_source");
        let marks = Marks {
            is_neighbour: row.traits.is_neighbour,
            is_impossible: matches!(
                row.caller_number.validity,
                Some(Validity::Impossible | Validity::Unallocated)
            ),
            is_bad_token: row.attested.as_ref().is_some_and(|a| a.status >= PassportStatus::Mismatch),
            is_contradictory: facts.is_contradictory,
            is_sequential: false,
            is_prompt: false,
            label: self.labelled.get(&row.call).copied(),
            is_leg: false,
            is_from_trunk: row.traits.trunk.is_some(),
            is_signed_full: row
                .attested
                .as_ref()
                .is_some_and(|a| a.attestation == Some("A") && a.status <= PassportStatus::Unverified),
        };
        let risk = row.traits.risk.is_some();
        // The account learns of the call behind its signals: they compare it with what came before.
        let country = row.callee_number.country.as_deref().and_then(|c| c.parse().ok());
        if self.warming.is_none()
            && let Some((_, of)) = self.callers.get_mut(caller_slot)
        {
            of.account.begin(now, country, row.fingerprint);
        }
        self.calls_seen += 1;
        if is_rooted && let Some((_, of)) = self.sources.get_mut(source_slot) {
            of.rooted.0 = of.rooted.0.saturating_add(1);
        }
        let call = OpenCall {
            call: row.call,
            started_at: now,
            caller,
            callee,
            source,
            pools: Vec::new(),
            fate: Fate::Open,
            is_over: false,
            secs: 0,
            caller_packets: 0,
            callee_packets: 0,
            quiet_share: None,
            prompt: None,
            cluster: None,
            membership: None,
            at_start,
            of_device,
            is_known,
            is_recalled: self.warming.is_some(),
            is_from_trunk: row.traits.trunk.is_some(),
            is_rooted: is_rooted && !is_moved,
            is_risky: risk,
            leg: None,
            subjects,
            name: format!("sip:{}@{}", row.caller, row.caller_host),
            told: None,
            is_alerted: false,
        };
        // When the table is full the oldest gives way: what was thought of it last stands.
        self.open.insert(key, key, call, 0, now);
        if let Some(campaign) = campaign {
            self.recall_member(row.call, campaign, memory);
        }
        if !is_rooted && !is_scanner {
            let candidate = Candidate {
                call: row.call,
                at: now,
                caller,
                callee,
                source,
                agent,
                neighbourhood,
                line,
                secs: 0,
                fate: Fate::Open,
                marks,
                platform: row.fingerprint,
                is_home,
                is_settled: is_known && self.warming.is_none(),
            };
            self.enter_pools(row, candidate, memory, out);
        }
        self.tell(row.call, out);
    }

    /// The pools of a call whose caller has no roots.
    fn enter_pools(
        &mut self,
        row: &CallRow,
        candidate: Candidate,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) {
        let mut kinds: Vec<(PoolKind, String)> = vec![
            (PoolKind::Fingerprint, row.fingerprint.as_str().to_owned()),
            (PoolKind::Deployment, row.deployment.clone()),
        ];
        // A signer's own name for an origin: one that was verified is another than one that anybody may have written.
        if let Some(attested) = row.attested.as_ref().filter(|a| a.status <= PassportStatus::Unverified)
            && let Some(origid) = &attested.origid
        {
            let signer = attested.signer.as_deref().unwrap_or_default();
            let name = format!("{origid} of {signer}, {}", attested.status.name());
            kinds.push((PoolKind::OriginId, name));
        }
        if let Some(block) = row.callee_neighbourhood.clone() {
            kinds.push((PoolKind::DialledBlock, block));
        }
        if let Some(block) = row.traits.caller_neighbourhood.clone() {
            kinds.push((PoolKind::CallerBlock, block));
        }
        for (kind, name) in kinds {
            self.enter_pool(kind, &name, candidate, memory, out);
        }
    }

    pub(super) fn enter_pool(
        &mut self,
        kind: PoolKind,
        name: &str,
        mut candidate: Candidate,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) {
        let key = self.pool(kind, name, memory);
        let Some(slot) = self.pools.find(key, &key) else { return };
        if let Some((_, pool)) = self.pools.get_mut(slot) {
            candidate.marks.is_sequential = pool.previous().is_some_and(|p| {
                follows((p.neighbourhood, p.line), (candidate.neighbourhood, candidate.line))
            });
            pool.add(candidate);
        }
        if let Some(call) = self.opened(candidate.call) {
            call.pools.push(key);
        }
        if self.warming.is_none() {
            self.consider(key, candidate.call, memory, out);
            self.look_if_due(key, memory, out);
        }
    }

    /// The caller, with what earlier runs know.
    fn caller(
        &mut self,
        caller: u64,
        name: &str,
        now: Timestamp,
        memory: &mut dyn Memory,
    ) -> bellwether_base::SlotId {
        let slot = match self.callers.find(caller, &caller) {
            Some(slot) => slot,
            None => self.callers.insert(caller, caller, Caller::default(), 0, now).0,
        };
        self.callers.touch(slot, 0, now);
        // Not for the calls before a run: there may be very many, and whoever calls again is asked for then.
        if self.warming.is_none()
            && let Some((_, of)) = self.callers.get_mut(slot)
            && !std::mem::replace(&mut of.is_asked, true)
        {
            // It may have registered before it called.
            let homes = std::mem::take(&mut of.account.homes);
            of.account = memory.account(name, now);
            homes.into_iter().for_each(|home| of.account.lives(home));
        }
        slot
    }

    /// Whether the memory is going to be asked of the call's platform: what it knows must be up to date then.
    ///
    /// A platform is asked for when it is new, and again at its 4th, 16th, 64th call and so on, as more is learned of it by then. Whoever makes
    /// up platforms is not asked for more often than in each fourth call.
    pub fn will_ask_platform(&self, row: &CallRow) -> bool {
        if row.traits.is_emergency {
            return false;
        }
        let key = self.platform_key(row);
        match self.platforms.find(key, &key).and_then(|slot| self.platforms.get(slot)) {
            Some((_, (_, uses))) => (uses + 1).is_power_of_two() && (uses + 1).trailing_zeros() % 2 == 0,
            None => self.platforms_asked <= 512 + self.calls_seen / 4,
        }
    }

    fn platform_key(&self, row: &CallRow) -> u64 {
        let agent = row.user_agent.as_deref().unwrap_or_default();
        self.hash(&[row.fingerprint.as_str().as_bytes(), agent.as_bytes()])
    }

    fn platform(&mut self, row: &CallRow, memory: &mut dyn Memory) -> crate::PlatformFacts {
        let key = self.platform_key(row);
        let asks = self.will_ask_platform(row);
        if !asks && let Some(slot) = self.platforms.find(key, &key) {
            self.platforms.touch(slot, 0, row.started_at);
            if let Some((_, (facts, uses))) = self.platforms.get_mut(slot) {
                *uses = uses.saturating_add(1);
                return facts.clone();
            }
        }
        if !asks {
            return crate::PlatformFacts::default();
        }
        let facts = memory.platform(row.fingerprint.as_str(), row.user_agent.as_deref());
        self.platforms_asked += 1;
        match self.platforms.find(key, &key).and_then(|slot| self.platforms.get_mut(slot)) {
            Some((_, (known, uses))) => {
                known.clone_from(&facts);
                *uses = uses.saturating_add(1);
            }
            None => {
                self.platforms.insert(key, key, (facts.clone(), 1), 0, row.started_at);
            }
        }
        facts
    }

    pub(super) fn is_fresh(&self, caller: u64) -> bool {
        let slot = self.callers.find(caller, &caller);
        slot.and_then(|slot| self.callers.get(slot)).is_some_and(|(_, of)| of.account.calls <= FRESH)
    }

    fn standings_of(
        &mut self,
        subjects: &[Subject],
        now: Timestamp,
        memory: &mut dyn Memory,
    ) -> ([Option<Reputed>; 4], u64) {
        let mut found = [None; 4];
        let mut calls = 0;
        for subject in subjects {
            let key = self.subject_key(subject);
            let slot = self.standing(key, subject, now, memory);
            let labels = self.labels.get(&key).map_or(&[][..], |(_, labels)| labels.as_slice());
            let Some((_, standing)) = self.standings.get(slot) else { continue };
            if subject.layer == Layer::Fingerprint {
                calls = standing.calls;
            }
            let place = Layer::ALL.iter().position(|layer| *layer == subject.layer);
            if let Some(of) = place.and_then(|place| found.get_mut(place)) {
                *of = Some(standing.at(now, labels, &self.settings.reputation));
            }
        }
        (found, calls)
    }
}

/// Who is known by a call at its INVITE; its instance may be told behind it.
fn subjects(row: &CallRow) -> Vec<Subject> {
    vec![
        Subject { layer: Layer::Fingerprint, name: row.fingerprint.as_str().to_owned() },
        Subject { layer: Layer::Deployment, name: row.deployment.clone() },
        Subject { layer: Layer::Origin, name: row.origin.clone() },
    ]
}
