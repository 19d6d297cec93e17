//! The start of a call.

use std::sync::Arc;

use bellwether_base::{RegistrationId, SlotId, Timestamp};
use bellwether_enrich::{CallRow, PassportStatus, Validity};
use smallvec::SmallVec;

use super::senders::LASTS;
use super::senders::RETURNS_WITHIN;
use super::{Caller, LEADS, Outcome, ScoringEngine, UNREGISTERED};
use crate::Finding;
use crate::call_history::{CallEvent, CallResult, LOOKS_BACK, OF_CALLERS};
use crate::candidate_group::{GroupKind, GroupMember, Marks};
use crate::history::{History, Judged, PastMember, SenderMarks, Stage};
use crate::invite::{Invite, Passport, Progress};
use crate::keys::Names;
use crate::open::{GroupMembership, Known, Listing, OpenCall, SURE};
use crate::platform::Platform;
use crate::reputation_record::{Layer, ReputationRecord, Reputed, Subject};
use crate::signals::{AtStart, Registration, Rule, SCANNING_SOURCE, SIGNALS};
use crate::source::{Signed, count};

impl ScoringEngine {
    pub(super) fn call(&mut self, row: &CallRow, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        self.advance(row.started_at);
        // Emergency calls are not scored and leave no trace in the evidence about others.
        if row.traits.is_emergency {
            return;
        }
        self.warm_up(row.started_at, memory);
        let judged = memory.judged(row.call, row.started_at);
        self.begin(&Invite::from(row), Some(row), judged, memory, out);
        if self.prefetched.front().is_some_and(|names| names.call == row.call) {
            self.prefetched.pop_front();
        }
    }

    /// Reads which keys and recordings belong to campaigns.
    pub(super) fn recall_campaigns(&mut self, since: Timestamp, at: Timestamp, memory: &mut dyn History) {
        for (key, campaign) in memory.leads(since, LEADS) {
            self.lead(key.cast_unsigned(), campaign);
        }
        for past in memory.recordings(at - RETURNS_WITHIN) {
            let calls = past.calls.iter().map(|(call, caller)| (*call, self.keys.user(caller))).collect();
            self.recordings.restore(&past, calls, at);
        }
    }

    /// Reads the state of earlier runs now, and not at the first call.
    pub fn wake(&mut self, at: Timestamp, memory: &mut dyn History) {
        self.warm_up(at, memory);
        self.now = self.now.max(at);
    }

    /// Replays the calls in the window before this run, so that scoring continues as if the engine had seen
    /// them.
    fn warm_up(&mut self, at: Timestamp, memory: &mut dyn History) {
        if std::mem::replace(&mut self.is_warm, true) {
            return;
        }
        self.recall_campaigns(at - self.settings.campaigns.ends_after, at, memory);
        self.recall_senders(at, memory);
        self.recall_incidents(at, memory);
        let past = memory.recent(at - LOOKS_BACK, at);
        let now = self.now;
        self.warming = Some(at);
        // The replay only builds the state for comparisons. Its own outcomes are already in the database.
        for call in past {
            if call.is_emergency {
                continue;
            }
            self.now = call.started_at;
            let mut unsaid = Vec::new();
            // Membership stays as stored. Only the run that saw the call knew the reasons.
            let member = call.campaign.map(|(campaign, kind)| PastMember {
                campaign,
                kind,
                strength: SURE,
                why: String::new(),
            });
            let judged = Judged { stage: Stage::Closed, findings: Vec::new(), member };
            self.begin(&Invite::from(&call), None, Some(judged), memory, &mut unsaid);
            self.progress(&Progress::from(&call), memory, &mut unsaid);
        }
        self.now = now;
        self.warming = None;
    }

    /// Begins a call. `judged` is the result of an earlier run. Its findings at the INVITE stand, because the
    /// knowledge about others has changed since.
    fn begin(
        &mut self,
        invite: &Invite<'_>,
        row: Option<&CallRow>,
        judged: Option<Judged>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let now = invite.started_at;
        let key = invite.call.key();
        if self.open.slot(key).is_some() {
            return;
        }
        let names = self.names(invite);
        let Names { caller, callee, source, agent, fingerprint, .. } = names;
        let neighbourhood = names.dialled_block as u32;
        let line = invite.callee_line.unwrap_or(u16::MAX);
        let deed = CallEvent {
            call: invite.call,
            at: now,
            caller: caller as u32,
            callee: callee as u32,
            agent: agent as u32,
            platform: fingerprint as u32,
            neighbourhood,
            line,
            secs: 0,
            fate: CallResult::Open,
        };
        let (subjects, standings) = self.standings_of(invite, &names, memory, out);
        let platform = self.platform(invite, names.platform_and_agent(), memory);
        let caller_slot = self.caller(caller, invite.caller, now, memory);
        let in_caller = self.callers.get_mut(caller_slot).map_or(0, |(_, of)| {
            of.account.expire(now);
            of.actor.begin(deed, OF_CALLERS)
        });
        let source_slot = self.source(source);
        let in_source = self.sources.get_mut(source_slot).map_or(0, |(_, of)| of.begin(deed));
        let signed = self.count_signed(invite, source_slot);
        let registrar = self.keys.address(invite.destination);
        let is_registrar = self.registrars.slot(registrar).is_some();
        let account = self.callers.get(caller_slot).map(|(_, of)| &of.account);
        let registration = account.map_or(Registration::No, |of| of.registration(invite.source));
        let registered_at = account.and_then(|of| of.registered_at(invite.source));
        let is_contested =
            account.is_some_and(|of| of.moved(invite.source, now).is_some()) && !invite.is_from_trunk;
        let is_young = registered_at.is_some_and(|at| now.since(at) < LASTS);
        let is_judged = self.warming.is_none() && judged.as_ref().is_none_or(|of| of.stage != Stage::Closed);
        let mut changes = Vec::new();
        let (sender, sender_marks) = if is_judged {
            self.judge_sender(invite, (registration, is_young), &mut changes)
        } else {
            (self.senders.verdict(invite.call), SenderMarks::default())
        };
        // Registration and return prove nothing for an account that somebody else uses, too.
        let listing = self.listed(&self.feedback, invite.call).map(Listing::from).filter(|_| is_judged);
        let is_line = Self::is_line(sender.as_ref()) && !is_contested;
        let is_vouched_for = sender.is_some_and(|verdict| self.with_feedback(invite.call, verdict).1);
        let (Some((_, of_caller)), Some((_, of_source))) =
            (self.callers.get(caller_slot), self.sources.get(source_slot))
        else {
            return;
        };
        let is_home = matches!(registration, Registration::Here | Registration::ByServer);
        let is_rooted = of_caller.account.is_rooted(is_home, invite.family, now);
        // The network before a trunk registers and calls for its subscribers.
        let moved = of_caller.account.moved(invite.source, now).filter(|_| !invite.is_from_trunk);
        let is_moved = moved.is_some();
        let unknown;
        let platform = match platform.and_then(|slot| self.platforms.get(slot)) {
            Some((_, (platform, _))) => platform,
            None => {
                unknown = Platform::new(crate::PlatformFacts::default(), invite.user_agent);
                &unknown
            }
        };
        let at = |row| AtStart {
            row,
            platform,
            account: &of_caller.account,
            caller: &of_caller.actor,
            source: of_source,
            signed,
            registration,
            moved,
            standings,
            since: self.since.unwrap_or(now),
            is_registrar,
            is_rooted,
            is_line,
        };
        let peers = self.keys.peers(invite.family, invite.trunk);
        let is_server = self.registrars.slot(source).is_some();
        let is_nobody = registration == Registration::No && !invite.is_from_trunk && !is_rooted && !is_server;
        let is_stranger = is_nobody && of_source.is_unknown() && !of_caller.account.is_established(now);
        let mut at_start: SmallVec<[Finding; 4]> = SmallVec::new();
        let is_known = judged.as_ref().is_some_and(|judged| judged.stage == Stage::Closed);
        let (kept, member) = match judged {
            Some(judged) => (Some(judged.findings), judged.member),
            None => (None, None),
        };
        if let Some(row) = row.filter(|_| kept.is_none()) {
            self.rules.at_invite(&at(row), |signal, found| {
                at_start.extend(self.weighed_finding(signal, found, peers))
            });
        }
        let mut of_device = Vec::new();
        for finding in kept.unwrap_or_default() {
            match SIGNALS.get(finding.signal).map(|signal| &signal.rule) {
                Some(Rule::Start(_) | Rule::Token(_)) => at_start.push(finding),
                Some(Rule::Device) => of_device.push(finding),
                _ => {}
            }
        }
        let is_scanner = platform.is_scanner || at_start.iter().any(|f| f.signal == SCANNING_SOURCE);
        let marks = Marks {
            is_neighbour: invite.is_neighbour,
            is_impossible: matches!(
                invite.caller_validity,
                Some(Validity::Impossible | Validity::Unallocated)
            ),
            is_bad_token: invite.passport.is_some_and(|p| p.status >= PassportStatus::Mismatch),
            is_contradictory: platform.facts.is_contradictory,
            is_sequential: false,
            is_prompt: false,
            label: self.feedback.label(invite.call),
            is_leg: false,
            is_from_trunk: invite.is_from_trunk,
            is_signed_full: invite.passport.is_some_and(|p| p.attestation == Some("A") && p.is_sound()),
        };
        // The account learns of the call after its signals, which compare the call with earlier ones.
        let country = invite.callee_country.and_then(|c| c.parse().ok());
        let mut is_fresh = false;
        if let Some((_, of)) = self.callers.get_mut(caller_slot) {
            if self.warming.is_none() {
                // A call that the account's server originates shows no platform of the account.
                let platform = (registration != Registration::ByServer).then_some(invite.family);
                of.account.begin(now, country, platform);
            }
            is_fresh = of.account.is_fresh();
        }
        self.calls_seen += 1;
        if is_rooted && let Some((_, of)) = self.sources.get_mut(source_slot) {
            of.is_rooted();
        }
        let call = OpenCall {
            places: (in_caller, in_source),
            caller_at: caller_slot,
            source_at: source_slot,
            sender,
            sender_marks,
            peers,
            is_vouched_for,
            listing,
            is_contested,
            at_start,
            of_device,
            is_known,
            is_recalled: self.warming.is_some(),
            is_rooted: is_rooted && !is_moved,
            stranger_to: invite.dials_abroad.filter(|_| is_stranger),
            subjects,
            ..OpenCall::new(invite, &names)
        };
        // A full table evicts the oldest call. Its last score stands.
        let (open, oldest) = self.open.insert(key, key, call, 0, now);
        if let Some(mut oldest) = oldest {
            let lesson = oldest.value.lesson(self.settings.dispositions.quarantine_below);
            self.closed(oldest.value.call, lesson, memory, out);
        }
        if let Some(member) = member {
            self.recall_member(invite.call, member, memory, out);
        }
        if !is_rooted && !is_scanner {
            let candidate = GroupMember {
                call: invite.call,
                at: now,
                caller,
                source,
                caller_at: caller_slot,
                source_at: source_slot,
                agent: agent as u32,
                neighbourhood,
                line,
                secs: 0,
                fate: CallResult::Open,
                marks,
                platform: invite.family,
                is_home,
                is_settled: is_known && self.warming.is_none(),
                campaign: None,
                is_rooted,
                is_fresh,
                clock: None,
                odds: 0.0,
            };
            self.enter_pools(invite, &names, (open, candidate), memory, out);
        }
        if let Some(row) = row {
            self.await_legs(row, is_home);
        }
        self.apply(changes, memory, out);
        self.tell(invite.call, out);
    }

    /// The keys of a call: prefetched, or computed now.
    fn names(&self, invite: &Invite<'_>) -> Names {
        // Calls from before this run are never prefetched, although one of them may be read again.
        let prefetched =
            self.prefetched.front().filter(|names| names.call == invite.call && self.warming.is_none());
        prefetched.copied().unwrap_or_else(|| self.keys.names(invite))
    }

    /// Counts the call for the signing habit of its trunk, or else of its source address.
    fn count_signed(&mut self, invite: &Invite<'_>, source: SlotId) -> Signed {
        let signed = match invite.trunk {
            // The configuration bounds the number of trunks.
            Some(trunk) => match self.trunks.get_mut(trunk) {
                Some(signed) => signed,
                None => self.trunks.entry(trunk.to_owned()).or_default(),
            },
            None => match self.sources.get_mut(source) {
                Some((_, of)) => &mut of.signed,
                None => return Signed::default(),
            },
        };
        count(signed, invite.passport.is_some());
        *signed
    }

    /// Adds a call of a caller that is not established to its groups.
    fn enter_pools(
        &mut self,
        invite: &Invite<'_>,
        names: &Names,
        candidate: (SlotId, GroupMember),
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        // Other calls are judged by their senders. Behind a trunk many senders share one address and one
        // platform, so what parts them is compared.
        if invite.is_from_trunk {
            let fingerprint = &|| invite.fingerprint.as_str().to_owned();
            self.enter_pool((GroupKind::Fingerprint, names.fingerprint), fingerprint, candidate, memory, out);
            let deployment = &|| invite.deployment.to_owned();
            self.enter_pool((GroupKind::Deployment, names.deployment), deployment, candidate, memory, out);
        }
        if let Some(passport) = invite.passport.filter(Passport::is_sound)
            && let Some(origid) = passport.origid
        {
            let (signer, status) = (passport.signer.unwrap_or_default(), passport.status);
            let key = self.keys.origin_id(origid, signer, status);
            let origin = &|| format!("{origid} of {signer}, {}", status.name());
            self.enter_pool((GroupKind::OriginId, key), origin, candidate, memory, out);
        }
        if !invite.is_from_trunk {
            return;
        }
        if let Some(block) = invite.callee_block {
            let key = (GroupKind::DialledBlock, names.dialled_block);
            self.enter_pool(key, &|| block.to_owned(), candidate, memory, out);
        }
        if let Some(block) = invite.caller_block {
            let key = (GroupKind::CallerBlock, names.caller_block);
            self.enter_pool(key, &|| block.to_owned(), candidate, memory, out);
        }
    }

    /// Adds a call in the table of open calls to a group.
    pub(super) fn enter_pool(
        &mut self,
        (kind, key): (GroupKind, u64),
        name: &dyn Fn() -> String,
        (open, candidate): (SlotId, GroupMember),
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let slot = self.pool((kind, key), name, memory, out);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        let place = pool.add(candidate);
        let campaign = self.open.get_mut(open).and_then(|(_, call)| {
            call.pools.push(GroupMembership { key, slot, place });
            call.membership.as_ref().map(|m| m.campaign)
        });
        // An earlier group may have brought the call into a campaign.
        if campaign.is_some()
            && let Some((_, pool)) = self.pools.get_mut(slot)
        {
            pool.belongs(place, candidate.call, campaign);
        }
        if self.warming.is_none() {
            self.consider(slot, place, candidate.call, memory, out);
            self.look_if_due(slot, memory, out);
        }
    }

    /// The caller, with its data from earlier runs.
    pub(super) fn caller(
        &mut self,
        caller: u64,
        name: &str,
        now: Timestamp,
        memory: &mut dyn History,
    ) -> SlotId {
        let slot = match self.callers.slot(caller) {
            Some(slot) => slot,
            None => self.callers.insert(caller, caller, Caller::default(), UNREGISTERED, now).0,
        };
        self.callers.mark_used(slot);
        // No query for calls from before the run. There may be very many, and the next call of the caller
        // triggers the query.
        if self.warming.is_none()
            && let Some((_, of)) = self.callers.get_mut(slot)
            && !std::mem::replace(&mut of.is_asked, true)
        {
            // The caller may have registered before its call.
            let devices = std::mem::take(&mut of.account.devices);
            of.account = memory.account(name, now);
            // The database does not know yet which of its registrations ended in this run.
            let has_ended = |registration: &RegistrationId| {
                self.users.value(registration.key()).is_some_and(|(_, home)| home.until.is_some())
            };
            of.account.devices.retain(|home| !home.registrations.iter().all(has_ended));
            devices.into_iter().for_each(|home| of.account.add_device(home));
            if !of.account.devices.is_empty() {
                self.mark_registered(slot);
            }
        }
        slot
    }

    /// Returns true if scoring this call will query the history about its platform. Pending rows must be
    /// committed before.
    ///
    /// A platform is queried when it is new, and again at its 4th, 16th, 64th call and so on, when more is
    /// known of it. A flood of invented platforms causes at most one query in four calls.
    pub fn will_ask_platform(&self, row: &CallRow) -> bool {
        if row.traits.is_emergency {
            return false;
        }
        let key = self.names(&Invite::from(row)).platform_and_agent();
        let known = self.platforms.value(key);
        asks(known.map(|(_, uses)| *uses), self.platforms_asked, self.calls_seen)
    }

    /// The slot of the facts about a call's platform. `None` if the facts are unknown and no query is due.
    fn platform(&mut self, invite: &Invite<'_>, key: u64, memory: &mut dyn History) -> Option<SlotId> {
        let slot = self.platforms.slot(key);
        let known = slot.and_then(|slot| self.platforms.get(slot));
        let platform =
            asks(known.map(|(_, (_, uses))| *uses), self.platforms_asked, self.calls_seen).then(|| {
                self.platforms_asked += 1;
                let agent = invite.user_agent;
                let facts = memory.platform(invite.fingerprint.as_str(), agent);
                Platform::new(facts.unwrap_or_default(), agent)
            });
        let Some(slot) = slot else {
            return Some(self.platforms.insert(key, key, (platform?, 1), 0, invite.started_at).0);
        };
        self.platforms.mark_used(slot);
        if let Some((_, (known, uses))) = self.platforms.get_mut(slot) {
            *uses = uses.saturating_add(1);
            if let Some(platform) = platform {
                *known = platform;
            }
        }
        Some(slot)
    }

    /// The subjects of a call, and their reputation by layer. The instance may follow later.
    fn standings_of(
        &mut self,
        invite: &Invite<'_>,
        names: &Names,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> (SmallVec<[Known; 3]>, [Option<Reputed>; 4]) {
        let now = invite.started_at;
        let mut known = SmallVec::new();
        let mut reputed = [None; 4];
        for (layer, key) in [(Layer::Fingerprint, names.fingerprint), (Layer::Deployment, names.deployment)] {
            let subject = || {
                let is_platform = layer == Layer::Fingerprint;
                let name = if is_platform { invite.fingerprint.as_str() } else { invite.deployment };
                Arc::new(Subject { layer, name: name.to_owned() })
            };
            let slot = self.standing(key, subject, now, memory, out);
            let Some(kept) = self.standings.get(slot) else { continue };
            if let Some(of) = reputed.get_mut(layer as usize) {
                *of = Some(kept.standing.at(now, self.labels_of(key), &self.settings.reputation));
            }
            known.push(Known { key, subject: kept.subject.clone() });
        }
        if let Some(of) = reputed.get_mut(Layer::Origin as usize) {
            *of = self.reputed_origin(invite);
        }
        (known, reputed)
    }
}

impl ScoringEngine {
    /// The reputation of a call's origin. An origin belongs to one caller, so it has no observed reputation, only labels.
    pub(super) fn reputed_origin(&self, invite: &Invite<'_>) -> Option<Reputed> {
        if self.labels.is_empty() {
            return None;
        }
        let labels = self.labels_of(self.keys.subject(Layer::Origin, invite.origin));
        (!labels.is_empty())
            .then(|| ReputationRecord::default().at(invite.started_at, labels, &self.settings.reputation))
    }
}

/// Returns true if a platform with this number of uses is due for a query.
fn asks(uses: Option<u32>, asked: u64, calls_seen: u64) -> bool {
    match uses {
        Some(uses) => (uses + 1).is_power_of_two() && (uses + 1).trailing_zeros().is_multiple_of(2),
        None => asked <= 512 + calls_seen / 4,
    }
}
