//! Recordings that occur in several calls.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_acoustics::OpeningPrint;
use bellwether_base::{CallId, CampaignId, ContentHasher, LruTable, Timestamp};
use bellwether_senders::CallerAudio;
use smallvec::SmallVec;

use super::{Outcome, ScoringEngine};
use crate::candidate_group::{GroupKind, PLAYS_A_RECORDING};
use crate::history::History;
use crate::open::{GroupMembership, Membership, SURE};
use crate::prompt_index::PromptIndex;
use crate::stack_index::distinct;
use crate::{LinkKind, LinkRow};

/// Maximum distance in bits between two fingerprints of one recording. Two voices differ in some 80 of 192
/// bits.
const SAME: u32 = 38;

/// Maximum number of calls per recording.
const MAX_CALLS: usize = 48;

/// Minimum number of callers, and of callees, for a recording to found a campaign.
const FEWEST: usize = 3;

/// A recording.
struct Cluster {
    print: OpeningPrint,
    /// The latest calls. Most recordings occur once.
    calls: SmallVec<[Heard; 1]>,
    count: u32,
    campaign: Option<CampaignId>,
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

/// Recordings, found by parts of their fingerprints.
pub(super) struct Prompts {
    clusters: LruTable<u64, Cluster, 1>,
    bands: PromptIndex,
    /// Recordings that belong to a campaign.
    of_campaigns: BTreeSet<u64>,
    /// The latest identity, never 0.
    latest: u32,
}

impl Prompts {
    pub(super) fn new(capacity: usize, hasher: ContentHasher) -> Self {
        Self {
            clusters: LruTable::new(capacity),
            bands: PromptIndex::new(capacity, hasher),
            of_campaigns: BTreeSet::new(),
            latest: 0,
        }
    }

    /// Restores a recording from an earlier run.
    pub(super) fn known(&mut self, print: OpeningPrint, campaign: CampaignId, at: Timestamp) {
        let id = self.cluster(print, at);
        self.belongs(id, campaign);
    }

    /// Assigns a recording to a campaign. Returns the fingerprint at the first assignment, to be stored.
    pub(super) fn belongs(&mut self, id: u64, campaign: CampaignId) -> Option<OpeningPrint> {
        let cluster = self.get_mut(id)?;
        let is_first = cluster.campaign.replace(campaign).is_none();
        let print = cluster.print;
        self.of_campaigns.insert(id);
        is_first.then_some(print)
    }

    /// Prefetches the index entries of fingerprints: see [`super::prefetch`].
    pub(super) fn prefetch(&self, prints: &[OpeningPrint]) {
        self.bands.prefetch(prints);
    }

    fn get(&self, id: u64) -> Option<&Cluster> {
        self.clusters.value(id)
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Cluster> {
        self.clusters.value_mut(id)
    }

    /// The recording of a fingerprint, known or new.
    fn cluster(&mut self, print: OpeningPrint, at: Timestamp) -> u64 {
        let is_it = |id: &u32| {
            let cluster = self.get(u64::from(*id));
            cluster.is_some_and(|cluster| cluster.print.distance(&print) <= SAME)
        };
        let found = self.bands.recordings(&print).find(is_it);
        let id = found.unwrap_or_else(|| self.begin(print, at));
        self.bands.heard(&print, id);
        let id = u64::from(id);
        if let Some(slot) = self.clusters.slot(id) {
            self.clusters.mark_used(slot);
        }
        id
    }

    /// Creates a recording.
    fn begin(&mut self, print: OpeningPrint, at: Timestamp) -> u32 {
        // Identities may wrap around while early ones are still in use.
        loop {
            self.latest = self.latest.checked_add(1).unwrap_or(1);
            if self.get(u64::from(self.latest)).is_none() {
                break;
            }
        }
        let key = u64::from(self.latest);
        let cluster = Cluster { print, calls: SmallVec::new(), count: 0, campaign: None };
        if let (_, Some(gone)) = self.clusters.insert(key, key, cluster, 0, at) {
            self.of_campaigns.remove(&gone.key);
        }
        self.latest
    }

    /// The campaign of a recording.
    pub(super) fn campaign(&self, id: u64) -> Option<CampaignId> {
        self.get(id).and_then(|cluster| cluster.campaign)
    }

    /// The recordings of some campaigns, each with its campaign and its calls of callers without a history.
    pub(super) fn of(&self, is_meant: impl Fn(CampaignId) -> bool) -> Vec<(u64, CampaignId, Vec<Heard>)> {
        let mut found = Vec::new();
        for id in &self.of_campaigns {
            let Some(cluster) = self.get(*id) else { continue };
            if let Some(campaign) = cluster.campaign.filter(|campaign| is_meant(*campaign)) {
                let calls = cluster.calls.iter().filter(|heard| !heard.has_history).copied();
                found.push((*id, campaign, calls.collect()));
            }
        }
        found
    }

    /// A recording of each campaign that has some, the first.
    pub(super) fn by_campaign(&self) -> BTreeMap<CampaignId, u32> {
        let of = |id: &u64| Some((self.campaign(*id)?, *id as u32));
        self.of_campaigns.iter().rev().filter_map(of).collect()
    }

    /// Moves a recording to another campaign and returns its fingerprint.
    pub(super) fn moved(&mut self, id: u64, into: CampaignId) -> Option<OpeningPrint> {
        let cluster = self.get_mut(id)?;
        cluster.campaign = Some(into);
        Some(cluster.print)
    }

    /// Replaces a campaign that was merged into another.
    pub(super) fn merged(&mut self, from: CampaignId, into: CampaignId) {
        for id in &self.of_campaigns {
            if let Some(cluster) = self.clusters.value_mut(*id)
                && cluster.campaign == Some(from)
            {
                cluster.campaign = Some(into);
            }
        }
    }
}

impl ScoringEngine {
    /// Records the fingerprint of a call's first words.
    pub(super) fn hear(
        &mut self,
        id: CallId,
        print: OpeningPrint,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let now = self.now;
        // The legs of one conversation count as one call.
        let Some(legs) = self.opened(id).map(|call| call.legs.clone()) else { return };
        if legs.iter().any(|leg| self.opened(*leg).is_some_and(|leg| leg.cluster.is_some())) {
            return;
        }
        let Some(call) = self.opened(id) else { return };
        if call.cluster.is_some() {
            return;
        }
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
        let cluster_id = self.prompts.cluster(print, now);
        let Some(cluster) = self.prompts.get_mut(cluster_id) else { return };
        cluster.count += 1;
        if cluster.calls.len() == MAX_CALLS {
            cluster.calls.remove(0);
        }
        cluster.calls.push(heard);
        let (count, campaign) = (cluster.count, cluster.campaign);
        let all_callers = distinct(&cluster.calls, |h| h.caller) as u32;
        // A voice with a single caller is no evidence.
        let unrooted: Vec<Heard> = if all_callers < 2 {
            Vec::new()
        } else {
            cluster.calls.iter().filter(|h| !h.has_history).copied().collect()
        };
        if let Some(call) = self.opened(id) {
            call.cluster = Some(cluster_id);
            call.prompt = Some((count, all_callers));
            call.is_news = true;
        }
        let is_repeated = count as usize >= FEWEST && all_callers >= 2;
        let audio = if is_repeated { CallerAudio::Recording(cluster_id as u32) } else { CallerAudio::Speech };
        if !is_settled {
            self.sender_heard(id, audio, memory, out);
        }
        if is_repeated && count as usize == FEWEST {
            let earlier = self.prompts.get(cluster_id).map(|of| of.calls.clone()).unwrap_or_default();
            earlier.iter().for_each(|heard| self.sender_heard(heard.call, audio, memory, out));
        }
        if all_callers < 2 || is_settled {
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
        if let Some(print) = self.prompts.belongs(cluster_id, campaign) {
            out.push(Outcome::Prompt { print, campaign });
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
