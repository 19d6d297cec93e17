//! Calls join and leave campaigns.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_base::{CallId, CampaignId, SlotId, Timestamp};
use smallvec::SmallVec;

use super::{Membership, Outcome, ScoringEngine};
use crate::MembershipKind;
use crate::account::{Account, RegisteredDevice};
use crate::candidate_group::{CallFeatures, CandidateGroup, GroupKind, GroupMember};
use crate::history::History;
use crate::keys::Keys;
use crate::open::{GroupMembership, OF_LEG, SURE};
use crate::outcome::MemberRow;
use crate::signals::{CAMPAIGN_MEMBER, member};
use crate::source::Source;

/// A member leaves below these log odds. The gap to 0 prevents flapping.
const LEAVES_BELOW: f64 = -0.7;

impl ScoringEngine {
    /// Decides the membership of a group's calls: of those without a campaign, or of all.
    pub(super) fn consider_all(
        &mut self,
        slot: SlotId,
        campaign: CampaignId,
        members_too: bool,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let crowd = pool.crowd();
        let honest: BTreeMap<u64, f64> =
            crowd.sources().map(|source| (source, self.honesty(SlotId::default(), source))).collect();
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let specific = self.specificity(pool);
        let mut news = Vec::new();
        for (place, call) in pool.placed() {
            // The conclusion of an earlier run about this call stands.
            if call.is_settled || (call.campaign.is_some() && !members_too) {
                continue;
            }
            let around = CallFeatures {
                specific: share_of(pool, call, specific, campaign),
                honest: if is_spoken_for(pool, call) {
                    honest.get(&call.source).copied().unwrap_or(0.0)
                } else {
                    0.0
                },
                is_fresh: call.is_fresh,
                is_rooted: call.is_rooted,
            };
            let odds = pool.affinity(call, around, &crowd);
            match call.campaign {
                Some(of) if of == campaign && odds < LEAVES_BELOW => news.push((place, *call, odds, None)),
                None if odds > 0.0 => {
                    news.push((place, *call, odds, Some(pool.why(call, around, &crowd).into())));
                }
                _ => {}
            }
        }
        for (place, candidate, odds, why) in news {
            let call = candidate.call;
            self.decide(&candidate, campaign, odds, why, memory, out);
            // Only this group still knows a call that is closed.
            let of = self.member(call).map(|(campaign, _)| campaign);
            if let Some((_, pool)) = self.pools.get_mut(slot) {
                pool.belongs(place, call, of);
            }
            if let Some(of) = of {
                let source = (!candidate.marks.is_from_trunk).then_some(candidate.source);
                self.is_known_by(candidate.caller, source, of);
            }
        }
    }

    /// The group's campaign, or a campaign split from it that fits better: by the call's recording, or by
    /// other calls of its address.
    fn nearest_of_parted(&self, candidate: &GroupMember, campaign: CampaignId) -> CampaignId {
        let recording = self.open.value(candidate.call.key()).and_then(|call| call.recording);
        let by_recording = recording.and_then(|recording| self.recordings.campaign(recording));
        let source = self
            .sources
            .value_from(candidate.source_at, candidate.source)
            .filter(|_| !candidate.marks.is_from_trunk);
        let nearest = by_recording.or_else(|| source.and_then(|of| of.campaign));
        nearest.filter(|nearest| self.are_parted(*nearest, campaign)).unwrap_or(campaign)
    }

    /// Applies a decision: the call joins the campaign for a reason, or leaves it.
    fn decide(
        &mut self,
        candidate: &GroupMember,
        campaign: CampaignId,
        odds: f64,
        why: Option<Arc<str>>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let (call, at) = (candidate.call, candidate.at);
        match (why, self.member(call)) {
            (Some(why), None) => {
                let campaign = self.nearest_of_parted(candidate, campaign);
                let Some(name) = self.campaign_name(campaign, memory, out) else { return };
                self.join((call, at), Membership::by_evidence(campaign, name, odds, why), memory, out);
            }
            (None, Some((of, strength))) if of == campaign && strength < SURE => {
                self.leave(call, campaign, "later evidence contradicts the membership", out);
            }
            _ => {}
        }
    }

    /// Specificity of a group's shared property.
    pub(super) fn specificity(&self, pool: &CandidateGroup) -> f64 {
        let standing = pool.standing.and_then(|key| self.standings.find(key));
        let standing = standing.and_then(|slot| self.standings.get(slot));
        standing.map_or(1.0, |kept| kept.standing.specificity())
    }

    /// Decides the membership of one call of a group.
    pub(super) fn consider(
        &mut self,
        slot: SlotId,
        place: u32,
        call: CallId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let Some(campaign) = pool.campaign() else { return };
        let Some(candidate) = pool.find(place, call).copied() else { return };
        let member = self.member(call);
        // The conclusion of an earlier run about this call stands.
        if candidate.is_settled || member.is_some_and(|(of, strength)| of != campaign || strength >= SURE) {
            return;
        }
        let honest = if is_spoken_for(pool, &candidate) {
            self.honesty(candidate.source_at, candidate.source)
        } else {
            0.0
        };
        let (mut is_rooted, mut is_fresh) = (false, false);
        if let Some(of) = self.callers.value_from(candidate.caller_at, candidate.caller) {
            is_rooted = has_roots(&of.account, &candidate, &self.keys, self.now);
            is_fresh = of.account.is_fresh();
        }
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let specific = share_of(pool, &candidate, self.specificity(pool), campaign);
        let around = CallFeatures { specific, honest, is_fresh, is_rooted };
        let crowd = pool.around(candidate.source);
        let odds = pool.affinity(&candidate, around, &crowd);
        match member {
            Some(_) if odds < LEAVES_BELOW => self.decide(&candidate, campaign, odds, None, memory, out),
            None if odds > 0.0 => {
                let why = pool.why(&candidate, around, &crowd);
                self.decide(&candidate, campaign, odds, Some(why.into()), memory, out);
            }
            _ => {}
        }
    }

    fn honesty(&mut self, at: SlotId, source: u64) -> f64 {
        self.sources.value_from_mut(at, source).map_or(0.0, Source::honesty)
    }

    /// Returns true if two calls share a specific property beside a recording.
    pub(super) fn share_a_pool(&self, a: CallId, b: CallId) -> bool {
        let call = |call: CallId| self.open.value(call.key());
        let (Some(a), Some(b)) = (call(a), call(b)) else { return false };
        let both = |key: &u64| b.pools.iter().any(|other| other.key == *key);
        a.pools.iter().map(|pool| pool.key).filter(both).any(|key| {
            self.pools.value(key).is_some_and(|pool| match pool.kind {
                GroupKind::OriginId | GroupKind::Instance | GroupKind::CallerBlock => true,
                GroupKind::Fingerprint | GroupKind::Deployment => !a.is_from_trunk,
                GroupKind::DialledBlock => false,
            })
        })
    }

    /// Adds a call to a campaign. `at` is the start of the call.
    pub(super) fn join(
        &mut self,
        (call, at): (CallId, Timestamp),
        membership: Membership,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let key = call.key();
        let is_pardoned = self.is_pardoned(call, membership.campaign);
        let membership = Membership { is_pardoned, ..membership };
        if self.member(call).is_some() || self.feedback.label(call) == Some(false) {
            return;
        }
        self.members.insert(key, key, membership.clone(), 0, self.now);
        let (now, campaign) = (self.now, membership.campaign);
        if let Some(slot) = self.campaign_slot(campaign, memory, out)
            && let Some(row) = self.campaigns.get_mut(slot)
        {
            row.calls += 1;
            row.first_seen = row.first_seen.min(at);
            row.last_seen = row.last_seen.max(at);
            self.campaigns.is_news(slot);
        }
        out.push(Outcome::Member(MemberRow {
            campaign,
            call,
            at: now,
            kind: membership.kind,
            strength: (membership.strength * 100.0).round() / 100.0,
            why: membership.why.clone(),
        }));
        self.belongs(call, Some(campaign));
        let legs = match self.opened(call) {
            Some(opened) => {
                opened.membership = Some(membership.clone());
                opened.is_news = true;
                let (legs, caller) = (opened.legs.clone(), opened.caller);
                let source = (!opened.is_from_trunk).then_some(opened.source);
                if membership.is_against() {
                    self.is_known_by(caller, source, campaign);
                }
                self.tell(call, out);
                legs
            }
            None => {
                self.amend_membership(call, &membership, out);
                SmallVec::default()
            }
        };
        for other in legs {
            if self.member(other).is_none() {
                let why = "another leg of the call is a member".into();
                // The sender of another leg is an element of the network and was not judged.
                let (kind, strength) = match membership.kind {
                    MembershipKind::Sender => (MembershipKind::Leg, OF_LEG),
                    kind => (kind, membership.strength),
                };
                self.join((other, at), Membership { why, kind, strength, ..membership.clone() }, memory, out);
            }
        }
    }

    /// Puts a membership into the score of a closed call.
    pub(super) fn amend_membership(&self, call: CallId, of: &Membership, out: &mut Vec<Outcome>) {
        let is_counted = of.is_against() && !of.is_of_sender();
        let finding = is_counted.then(|| self.finding(CAMPAIGN_MEMBER, member(of))).flatten();
        out.push(Outcome::Amend { call, signal: CAMPAIGN_MEMBER, finding, campaign: Some(of.campaign) });
    }

    pub(super) fn leave(&mut self, call: CallId, campaign: CampaignId, why: &str, out: &mut Vec<Outcome>) {
        let key = call.key();
        if let Some(slot) = self.members.slot(key) {
            self.members.remove(slot);
        }
        if let Some(slot) = self.campaigns.find(campaign.key())
            && let Some(row) = self.campaigns.get_mut(slot)
        {
            row.calls = row.calls.saturating_sub(1);
            self.campaigns.is_news(slot);
        }
        out.push(Outcome::Left { campaign, call, why: why.to_owned() });
        self.belongs(call, None);
        match self.opened(call) {
            Some(opened) => {
                opened.membership = None;
                opened.is_news = true;
                self.tell(call, out);
            }
            None => out.push(Outcome::Amend { call, signal: CAMPAIGN_MEMBER, finding: None, campaign: None }),
        }
    }

    /// Records the campaign that a caller and a source address joined last.
    fn is_known_by(&mut self, caller: u64, source: Option<u64>, campaign: CampaignId) {
        if let Some(of) = source.and_then(|source| self.sources.value_mut(source)) {
            of.campaign = Some(campaign);
        }
        if let Some(of) = self.callers.value_mut(caller) {
            of.campaign = Some(campaign);
        }
    }

    /// Records the campaign of a call in its groups.
    fn belongs(&mut self, call: CallId, campaign: Option<CampaignId>) {
        self.in_pools(call, |pool, place| pool.belongs(place, call, campaign));
    }

    /// Marks a call whose recording occurs in calls of other callers.
    pub(super) fn mark_prompt(&mut self, call: CallId) {
        self.in_pools(call, |pool, place| pool.change(place, call, |c| c.marks.is_prompt = true));
    }

    /// Calls `change` for each group of a call, with the call's place in it.
    pub(super) fn in_pools(&mut self, call: CallId, mut change: impl FnMut(&mut CandidateGroup, u32)) {
        let pools = self.opened(call).map(|c| c.pools).unwrap_or_default();
        for GroupMembership { key, slot, place } in pools.iter() {
            if let Some(pool) = self.pools.value_from_mut(slot, key) {
                change(pool, place);
            }
        }
    }
}

/// Returns true if the source address is evidence. A trunk's address is shared by all its callers: it is
/// evidence about a platform, but not about a caller.
fn is_spoken_for(pool: &CandidateGroup, call: &GroupMember) -> bool {
    !call.marks.is_from_trunk || matches!(pool.kind, GroupKind::Fingerprint | GroupKind::Deployment)
}

/// The share of a group that belongs to a campaign. A call through a trunk shows the trunk's platform, which
/// is the campaign's own only if no other party calls through it.
fn share_of(pool: &CandidateGroup, call: &GroupMember, specific: f64, campaign: CampaignId) -> f64 {
    if call.marks.is_from_trunk {
        pool.dominant.filter(|(of, _)| *of == campaign).map_or(0.0, |(_, share)| (2.0 * share - 1.0).max(0.0))
    } else {
        specific
    }
}

/// Returns true if the caller is established by now. It may have registered or built a history since the
/// call.
pub(super) fn has_roots(account: &Account, candidate: &GroupMember, keys: &Keys, now: Timestamp) -> bool {
    let is_there = |home: &RegisteredDevice| keys.address(home.source) == candidate.source;
    let is_home = candidate.is_home || account.devices.iter().any(is_there);
    account.is_rooted(is_home, candidate.platform, now)
}
