//! Recordings that occur in several calls.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_acoustics::recordings::Found;
use bellwether_base::{CallId, CampaignId, LruTable, RecordingId, Side, Span, Timestamp};
use bellwether_senders::CallerAudio;
use smallvec::SmallVec;

use super::{Outcome, ScoringEngine};
use crate::candidate_group::{GroupKind, PLAYS_A_RECORDING};
use crate::history::{History, PastRecording};
use crate::open::{GroupMembership, Membership, OpenCall, SURE};
use crate::stack_index::distinct;
use crate::{LinkKind, LinkRow, RecordingRow};

/// Maximum number of calls per recording.
const MAX_CALLS: usize = 48;

/// Calls that are remembered for each recording, on the average.
const CALLS_PER_RECORDING: usize = 4;

/// Minimum number of callers, and of callees, for a recording to found a campaign.
const FEWEST: usize = 3;

/// Established callers, each from another address, that play a recording which is then commonplace.
const COMMONPLACE: usize = 3;

/// Least log likelihood ratio of a match that is evidence: 10 to 1. Matches that share less than 2.5 s have 3 to 1.
const LEAST_RATIO: f64 = 2.3;

/// Streams that begin within this time may be the legs of one conversation over a server that changes all names.
const ONE_PLAY: Span = Span::from_secs(2);

/// Interval at which the time of the last call of a stored recording is written.
const NOTED_EVERY: Span = Span::from_secs(3600);

/// A recording.
struct Recording {
    player: Side,
    /// The latest calls. Most recordings occur once.
    calls: SmallVec<[Heard; 1]>,
    count: u32,
    /// Calls of earlier runs with their callers, as far as this run has not heard them itself.
    past: BTreeMap<CallId, u64>,
    campaign: Option<CampaignId>,
    is_commonplace: bool,
    /// Addresses of established callers that play it, the first ones.
    established: SmallVec<[u64; 1]>,
    /// Time of the first play; true if another play began at another time.
    first_play: Option<Timestamp>,
    is_played_again: bool,
    /// The row that was last stored.
    stored: Option<Stored>,
}

/// The stored row of a recording.
#[derive(Clone, Copy)]
struct Stored {
    at: Timestamp,
    words: usize,
    is_commonplace: bool,
}

impl Stored {
    /// True if the row need not be written again.
    fn covers(&self, now: &Self) -> bool {
        self.words >= now.words
            && self.is_commonplace >= now.is_commonplace
            && now.at.since(self.at) < NOTED_EVERY
    }
}

/// A call that begins with a recording.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    pub(super) call: CallId,
    pub(super) at: Timestamp,
    pub(super) caller: u64,
    callee: u64,
    /// The source address. `None` behind a trunk.
    pub(super) source: Option<u64>,
    /// Keys of its groups by platform, deployment, origin and process; 0 for none.
    pub(super) shares: [u64; 4],
    /// True if the caller has a call history. An account registered for a single call has none.
    pub(super) has_history: bool,
}

impl Recording {
    fn add(&mut self, heard: Heard, plays_from: Timestamp) {
        let first = *self.first_play.get_or_insert(plays_from);
        self.is_played_again |= plays_from.since(first) >= ONE_PLAY || first.since(plays_from) >= ONE_PLAY;
        if self.past.remove(&heard.call).is_none() {
            self.count += 1;
        }
        if self.calls.len() == MAX_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(heard);
        if let Some(source) = heard.source.filter(|_| heard.has_history)
            && self.established.len() < COMMONPLACE
            && !self.established.contains(&source)
        {
            self.established.push(source);
            self.is_commonplace |= self.established.len() == COMMONPLACE;
        }
    }

    /// Number of callers among the latest calls.
    fn callers(&self) -> usize {
        let callers: BTreeSet<u64> =
            self.calls.iter().map(|heard| heard.caller).chain(self.past.values().copied()).collect();
        callers.len()
    }

    /// The row to be stored. What only one conversation played is not stored; of what several played, the words are stored when
    /// there are more of them, and the time of the last call once an hour.
    fn row(&mut self, found: &Found, now: Timestamp) -> Option<Outcome> {
        let is_known = self.stored.is_some() || (self.count >= 2 && self.is_played_again);
        let print = found.print.as_ref().filter(|_| is_known)?;
        let now_stored = Stored { at: now, words: print.len(), is_commonplace: self.is_commonplace };
        if self.stored.is_some_and(|stored| stored.covers(&now_stored)) {
            return None;
        }
        self.stored = Some(now_stored);
        Some(Outcome::Recording(Box::new(RecordingRow {
            recording: found.recording,
            player: self.player,
            first_call: self.calls.first()?.call,
            print: print.clone(),
            last_seen: now,
            is_commonplace: self.is_commonplace,
            is_stock: found.is_stock,
        })))
    }
}

/// Recordings by their identity, with the latest calls that play them.
pub(super) struct PlayedRecordings {
    known: LruTable<u64, Recording, 1>,
    /// Recordings that belong to a campaign.
    of_campaigns: BTreeSet<RecordingId>,
    /// The recording of each call's caller.
    of_calls: LruTable<u64, RecordingId, 1>,
}

impl PlayedRecordings {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            known: LruTable::new(capacity),
            of_campaigns: BTreeSet::new(),
            of_calls: LruTable::new(CALLS_PER_RECORDING * capacity),
        }
    }

    /// Restores a recording of an earlier run.
    pub(super) fn restore(&mut self, past: &PastRecording, calls: BTreeMap<CallId, u64>, at: Timestamp) {
        let Some(recording) = self.entry(past.recording, past.player, at) else { return };
        let (at, words, is_commonplace) = (past.last_seen, past.words, past.is_commonplace);
        recording.stored = Some(Stored { at, words, is_commonplace });
        recording.count = calls.len() as u32;
        recording.past = calls;
        recording.is_commonplace = is_commonplace;
        if past.player == Side::Caller {
            past.calls.iter().for_each(|(call, _)| self.plays(*call, past.recording, at));
        }
        if let Some(campaign) = past.campaign {
            self.belongs(past.recording, campaign);
        }
    }

    /// Notes what the caller of a call plays.
    fn plays(&mut self, call: CallId, recording: RecordingId, at: Timestamp) {
        if self.of_calls.slot(call.key()).is_none() {
            self.of_calls.insert(call.key(), call.key(), recording, 0, at);
        }
    }

    /// The recording that the caller of a call plays.
    pub(super) fn of_call(&self, call: CallId) -> Option<RecordingId> {
        self.of_calls.value(call.key()).copied()
    }

    /// Assigns a recording to a campaign, or to another one. True at the first assignment.
    pub(super) fn belongs(&mut self, id: RecordingId, campaign: CampaignId) -> bool {
        let Some(recording) = self.get_mut(id) else { return false };
        let is_first = recording.campaign.replace(campaign).is_none();
        self.of_campaigns.insert(id);
        is_first
    }

    fn get(&self, id: RecordingId) -> Option<&Recording> {
        self.known.value(id.key())
    }

    fn get_mut(&mut self, id: RecordingId) -> Option<&mut Recording> {
        self.known.value_mut(id.key())
    }

    /// A recording, known or new.
    fn entry(&mut self, id: RecordingId, player: Side, at: Timestamp) -> Option<&mut Recording> {
        let slot = match self.known.slot(id.key()) {
            Some(slot) => slot,
            None => {
                let new = Recording {
                    player,
                    calls: SmallVec::new(),
                    count: 0,
                    past: BTreeMap::new(),
                    campaign: None,
                    is_commonplace: false,
                    established: SmallVec::new(),
                    first_play: None,
                    is_played_again: false,
                    stored: None,
                };
                let (slot, gone) = self.known.insert(id.key(), id.key(), new, 0, at);
                if let Some(gone) = gone {
                    self.of_campaigns.remove(&RecordingId::from_key(gone.key));
                }
                slot
            }
        };
        self.known.mark_used(slot);
        self.known.get_mut(slot).map(|(_, recording)| recording)
    }

    /// The campaign of a recording.
    pub(super) fn campaign(&self, id: RecordingId) -> Option<CampaignId> {
        self.get(id).and_then(|recording| recording.campaign)
    }

    /// The recordings of some campaigns, each with its campaign and its calls of callers without a history.
    pub(super) fn of(
        &self,
        is_meant: impl Fn(CampaignId) -> bool,
    ) -> Vec<(RecordingId, CampaignId, Vec<Heard>)> {
        let mut found = Vec::new();
        for id in &self.of_campaigns {
            let Some(recording) = self.get(*id) else { continue };
            if let Some(campaign) = recording.campaign.filter(|campaign| is_meant(*campaign)) {
                let calls = recording.calls.iter().filter(|heard| !heard.has_history).copied();
                found.push((*id, campaign, calls.collect()));
            }
        }
        found
    }

    /// A recording of each campaign that has some, the first.
    pub(super) fn by_campaign(&self) -> BTreeMap<CampaignId, RecordingId> {
        let of = |id: &RecordingId| Some((self.campaign(*id)?, *id));
        self.of_campaigns.iter().rev().filter_map(of).collect()
    }

    /// Replaces a campaign that was merged into another.
    pub(super) fn merged(&mut self, from: CampaignId, into: CampaignId) {
        for id in &self.of_campaigns {
            if let Some(recording) = self.known.value_mut(id.key())
                && recording.campaign == Some(from)
            {
                recording.campaign = Some(into);
            }
        }
    }
}

impl ScoringEngine {
    /// True if a recording is evidence about those who play it: several callers do, and it is nobody's who is honest.
    pub(super) fn is_repeated(&self, recording: RecordingId) -> bool {
        self.recordings.get(recording).is_some_and(|of| {
            of.count as usize >= FEWEST && of.callers() >= 2 && !self.is_commonplace(recording)
        })
    }

    /// True if several established callers play a recording, or the operator declares it honest: it links nobody.
    fn is_commonplace(&self, recording: RecordingId) -> bool {
        let is_known = self.recordings.get(recording).is_some_and(|of| of.is_commonplace);
        is_known || self.feedback.label_of_recording(recording) == Some(false)
    }

    /// Records that a call plays a recording.
    pub(super) fn hear(
        &mut self,
        id: CallId,
        (found, player): (&Found, Side),
        plays_from: Timestamp,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let now = self.now;
        // Phrases are spoken by many.
        if found.known_by.is_some_and(|known_by| known_by.log_likelihood_ratio() < LEAST_RATIO) {
            return;
        }
        // The legs of one conversation count as one call.
        let Some(legs) = self.opened(id).map(|call| call.legs.clone()) else { return };
        let plays = |call: &OpenCall| match player {
            Side::Caller => call.recording.is_some(),
            Side::Callee => call.announcement.is_some(),
        };
        if legs.iter().any(|leg| self.opened(*leg).is_some_and(|leg| plays(leg))) {
            return;
        }
        let Some(call) = self.opened(id).filter(|call| !plays(call)) else { return };
        // The conclusion of an earlier run about this call stands, but later calls are compared with it.
        let is_settled = call.is_known && !call.is_recalled;
        let (caller, caller_at, callee) = (call.caller, call.caller_at, call.callee);
        let (at, pools) = (call.started_at, call.pools);
        let source = (!call.is_from_trunk).then_some(call.source);
        let has_history =
            self.callers.value_from(caller_at, caller).is_some_and(|of| of.account.has_history(at));
        let mut shares = [0; 4];
        for GroupMembership { key, slot, .. } in pools.iter() {
            let kind = self.pools.value_from(slot, key).map(|pool| pool.kind);
            let place = match kind {
                Some(GroupKind::Fingerprint) => 0,
                Some(GroupKind::Deployment) => 1,
                Some(GroupKind::OriginId) => 2,
                Some(GroupKind::Instance) => 3,
                _ => continue,
            };
            if let Some(share) = shares.get_mut(place) {
                *share = key;
            }
        }
        let heard = Heard { call: id, at, caller, callee, source, shares, has_history };
        let Some(recording) = self.recordings.entry(found.recording, player, now) else { return };
        recording.add(heard, plays_from);
        recording.is_commonplace |= found.is_stock;
        out.extend(recording.row(found, now));
        // An announcement of the callee says nothing of the caller.
        if player == Side::Callee {
            if let Some(call) = self.opened(id) {
                call.announcement = Some(found.recording);
            }
            return;
        }
        let (count, campaign) = (recording.count, recording.campaign);
        let all_callers = recording.callers() as u32;
        let is_commonplace = self.is_commonplace(found.recording);
        let Some(recording) = self.recordings.get(found.recording) else { return };
        // A voice with a single caller is no evidence.
        let unrooted: Vec<Heard> = if all_callers < 2 || is_commonplace {
            Vec::new()
        } else {
            recording.calls.iter().filter(|h| !h.has_history).copied().collect()
        };
        if let Some(call) = self.opened(id) {
            call.recording = Some(found.recording);
            call.prompt = Some((count, all_callers)).filter(|_| !is_commonplace);
            call.is_news = true;
        }
        self.recordings.plays(id, found.recording, now);
        self.apply_word_about_recording(id, memory, out);
        let is_repeated = self.is_repeated(found.recording);
        let audio = if is_repeated { CallerAudio::Recording(found.recording) } else { CallerAudio::Speech };
        if !is_settled {
            self.sender_heard(id, audio, memory, out);
        }
        if is_repeated && count as usize == FEWEST {
            let earlier = self.recordings.get(found.recording).map(|of| of.calls.clone()).unwrap_or_default();
            earlier.iter().for_each(|heard| self.sender_heard(heard.call, audio, memory, out));
        }
        if all_callers < 2 || is_settled || is_commonplace {
            return;
        }
        let callers = distinct(&unrooted, |h| h.caller);
        let callees = distinct(&unrooted, |h| h.callee);
        // Two callers suffice if they share another property too.
        let are_akin = callers == 2
            && callees >= 2
            && unrooted.first().is_some_and(|first| self.share_a_pool(first.call, id));
        // Outside a trunk a recording founds no campaign: honest senders play recordings, too. What it says of a
        // sender is in the judgement of the sender.
        let is_behind_trunk = unrooted.iter().filter(|heard| heard.source.is_none()).count() >= 2;
        let is_shared = is_behind_trunk && (callers >= FEWEST && callees >= FEWEST || are_akin);
        let news: Vec<Heard> = if campaign.is_none() && is_shared { unrooted } else { vec![heard] };
        for heard in &news {
            if let Some(call) = self.opened(heard.call) {
                call.prompt = Some((count, all_callers));
                call.is_news = true;
            }
            self.mark_prompt(heard.call);
        }
        let campaign = match campaign {
            Some(campaign) => Some(campaign),
            None if is_shared => {
                let known = news.iter().find_map(|h| self.member(h.call)).map(|(of, _)| of);
                let first = news.first().map_or(id, |h| h.call);
                known.or_else(|| self.found("prompt", first, memory, out))
            }
            None => None,
        };
        let Some(mut campaign) = campaign else { return };
        if self.recordings.belongs(found.recording, campaign) {
            out.push(Outcome::RecordingOf { recording: found.recording, campaign });
        }
        let evidence = format!("{count} calls of {all_callers} callers play the same recording");
        self.link(campaign, LinkRow { kind: LinkKind::Prompt, evidence }, memory, out);
        for heard in news.into_iter().filter(|h| !h.has_history) {
            // Outside a trunk the judgement of the sender decides.
            if heard.source.is_some() {
                continue;
            }
            let Some(name) = self.campaign_name(campaign, memory, out) else { return };
            let membership = Membership::by_evidence(campaign, name, SURE, PLAYS_A_RECORDING);
            self.join((heard.call, heard.at), membership, memory, out);
            // Groups of this call that belong to another campaign have the same origin.
            campaign = self.merge_by_call((heard.call, heard.at), campaign, memory, out);
            self.tell(heard.call, out);
        }
        self.announce(campaign, memory, out);
        // The split check runs at powers of two, as more is known of the recording.
        if count.is_power_of_two() && count as usize >= super::split::FEWEST {
            self.part_or_join(campaign, memory, out);
        }
    }
}
