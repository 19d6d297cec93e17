//! Campaigns: found, joined, left, merged.

use std::sync::Arc;

use bellwether_base::{Alert, AlertKind, CallId, CampaignId, Severity, SlotId, Timestamp};
use bellwether_enrich::InstanceRow;

use super::membership::has_roots;
use super::{CampaignRow, Membership, Outcome, ScoringEngine};
use crate::CampaignKind;
use crate::campaign::LinkKind;
use crate::candidate_group::{CandidateGroup, GroupKind, PLAYS_A_RECORDING};
use crate::history::{History, PastMember};
use crate::open::{GroupMembership, Known, SURE};
use crate::outcome::LinkRow;
use crate::reputation_record::{Layer, Subject};

/// A campaign with this share of a group's answered calls takes over the rest of the group.
const DOMINATES: f64 = 0.6;

/// Letters of a campaign's name. Letters that are easily confused are left out.
const LETTERS: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyzx";

impl ScoringEngine {
    /// The candidate group of a kind and key. `name` is called only for a new group.
    pub(super) fn pool(
        &mut self,
        (kind, key): (GroupKind, u64),
        name: &dyn Fn() -> String,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> SlotId {
        if let Some(slot) = self.pools.slot(key) {
            self.pools.mark_used(slot);
            return slot;
        }
        let name = name();
        // A property with a reputation record has one key as a group and as a subject.
        let standing = matches!(kind, GroupKind::Fingerprint | GroupKind::Deployment).then_some(key);
        let lead = self.keys.lead(kind, &name);
        let mut pool = CandidateGroup::new(kind, name, standing, lead);
        let campaign = self.leads.value(lead).copied();
        if let Some(campaign) = campaign.filter(|campaign| self.is_running(*campaign, memory, out)) {
            pool.leads_to(campaign);
        }
        self.pools.insert(key, key, pool, 0, self.now).0
    }

    pub(super) fn campaign_slot(
        &mut self,
        campaign: CampaignId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> Option<SlotId> {
        let key = campaign.key();
        if let Some(slot) = self.campaigns.find(key) {
            self.campaigns.mark_used(slot);
            return Some(slot);
        }
        let known = memory.campaign(campaign)?;
        Some(self.remember(known, out))
    }

    fn remember(&mut self, row: CampaignRow, out: &mut Vec<Outcome>) -> SlotId {
        let (slot, gone) = self.campaigns.insert(row.campaign.key(), row, self.now);
        out.extend(gone.map(|row| Outcome::Campaign(Box::new(row))));
        slot
    }

    /// Returns true if a campaign is active. A campaign ends after a long time without a call.
    pub(super) fn is_running(
        &mut self,
        campaign: CampaignId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let (now, ends_after) = (self.now, self.settings.campaigns.ends_after);
        let slot = self.campaign_slot(campaign, memory, out);
        let campaign = slot.and_then(|slot| self.campaigns.get(slot));
        campaign.is_some_and(|c| now.since(c.last_seen) <= ends_after)
    }

    pub(super) fn campaign_name(
        &mut self,
        campaign: CampaignId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> Option<Arc<str>> {
        let slot = self.campaign_slot(campaign, memory, out)?;
        self.campaigns.get(slot).map(|c| c.name.clone())
    }

    /// The campaign of a call, and the strength of the membership.
    pub(super) fn member(&self, call: CallId) -> Option<(CampaignId, f64)> {
        self.members.value(call.key()).map(|m| (m.campaign, m.strength))
    }

    /// The membership of a call, if it has one.
    pub(super) fn membership(&self, call: CallId) -> Option<Membership> {
        self.members.value(call.key()).cloned()
    }

    /// Restores the membership of a call from before this run.
    pub(super) fn recall_member(
        &mut self,
        call: CallId,
        member: PastMember,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let PastMember { campaign, kind, strength, why } = member;
        let Some(name) = self.campaign_name(campaign, memory, out) else { return };
        let is_pardoned = self.is_pardoned(call, campaign);
        let membership = Membership { is_pardoned, ..Membership::new(campaign, name, kind, strength, why) };
        let key = call.key();
        match self.members.value_mut(key) {
            Some(known) => known.clone_from(&membership),
            None => drop(self.members.insert(key, key, membership.clone(), 0, self.now)),
        }
        if let Some(call) = self.opened(call) {
            call.membership = Some(membership);
        }
    }

    /// Evaluates a group if enough has changed.
    pub(super) fn look_if_due(&mut self, slot: SlotId, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        let (fewest, window) = (self.settings.campaigns.fewest_calls, self.settings.campaigns.window);
        let Some((_, pool)) = self.pools.get(slot) else { return };
        // An earlier run has scored these calls; its conclusions about their groups stand.
        if !pool.is_due(fewest) || pool.is_settled() {
            return;
        }
        let is_turn = pool.is_turn();
        if is_turn {
            self.refresh(slot);
        }
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        pool.look(self.now, window, &self.honest_rates);
        let (mut is_campaign, mut dominant) = self.shows(slot);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        let is_new = pool.campaign().is_none();
        if is_new && !is_campaign && dominant.is_none() {
            return;
        }
        // A new campaign needs current data: outdated evidence must not accuse a caller.
        if is_new && !is_turn {
            self.refresh(slot);
            let Some((_, pool)) = self.pools.get_mut(slot) else { return };
            pool.look(self.now, window, &self.honest_rates);
            (is_campaign, dominant) = self.shows(slot);
            if !is_campaign && dominant.is_none() {
                return;
            }
        }
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let (kind, name) = (pool.kind, pool.name.clone());
        if is_new {
            let first = pool.candidates().next().map_or(CallId::default(), |c| c.call);
            let founder = LinkKind::from(kind).name();
            let Some(campaign) = dominant.or_else(|| self.found(founder, first, memory, out)) else { return };
            self.bind(slot, campaign, out);
        }
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let Some(campaign) = pool.campaign() else { return };
        if is_campaign {
            let pattern = pool.pattern.clone();
            let shared = format!("{} calls share {}", pattern.calls(), words(kind, &name));
            self.link(campaign, LinkRow { kind: kind.into(), evidence: shared }, memory, out);
            for kind in pattern.kinds() {
                let link = LinkRow { kind: *kind, evidence: pattern.words(*kind) };
                self.link(campaign, link, memory, out);
            }
        }
        // Members are reconsidered at their end, and sometimes all together, because callers may have become
        // established.
        self.consider_all(slot, campaign, is_turn || is_new, memory, out);
        self.announce(campaign, memory, out);
    }

    /// Updates the group's data of its callers and of its calls' campaigns.
    fn refresh(&mut self, slot: SlotId) {
        if let Some((_, pool)) = self.pools.get(slot) {
            self.prefetch_calls(pool);
        }
        let (callers, members, keys, now) = (&self.callers, &self.members, &self.keys, self.now);
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        pool.refresh(|candidate| {
            if let Some(of) = callers.value_from(candidate.caller_at, candidate.caller) {
                candidate.is_rooted = has_roots(&of.account, candidate, keys, now);
                candidate.is_fresh = of.account.is_fresh();
            }
            let member = members.value(candidate.call.key());
            candidate.campaign = member.map(|membership| membership.campaign);
        });
    }

    /// Returns true if a group's pattern is that of a campaign, and the campaign that dominates the group.
    fn shows(&self, slot: SlotId) -> (bool, Option<CampaignId>) {
        let Some((_, pool)) = self.pools.get(slot) else { return (false, None) };
        let settings = &self.settings.campaigns;
        let kinds = if self.specificity(pool) > 0.3 { settings.kinds.0 } else { settings.kinds.1 };
        // Honest callers also call numbers of one block, unless the numbers are dialled sequentially.
        let is_campaign = pool.pattern.is_campaign(settings.fewest_calls, kinds)
            && (pool.kind != GroupKind::DialledBlock || pool.pattern.has(LinkKind::Sequence));
        let dominant = pool
            .dominant
            .filter(|(_, share)| pool.kind != GroupKind::DialledBlock && *share >= DOMINATES)
            .map(|(campaign, _)| campaign);
        (is_campaign, dominant)
    }

    /// Maps the key of a group to a campaign.
    pub(super) fn lead(&mut self, key: u64, campaign: CampaignId) {
        match self.leads.slot(key) {
            Some(slot) => {
                if let Some((_, of)) = self.leads.get_mut(slot) {
                    *of = campaign;
                }
                self.leads.mark_used(slot);
            }
            None => {
                self.leads.insert(key, key, campaign, 0, self.now);
            }
        }
    }

    /// Assigns a group to a campaign.
    fn bind(&mut self, slot: SlotId, campaign: CampaignId, out: &mut Vec<Outcome>) {
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        pool.leads_to(campaign);
        let lead = pool.lead;
        self.leads_to(lead, campaign, out);
    }

    /// Maps a key to a campaign, also for later runs.
    pub(super) fn leads_to(&mut self, lead: u64, campaign: CampaignId, out: &mut Vec<Outcome>) {
        self.lead(lead, campaign);
        out.push(Outcome::Key { key: lead.cast_signed(), campaign });
    }

    /// Creates a campaign. Its identity follows from the evidence that found it and from its first call.
    pub(super) fn found(
        &mut self,
        by: &str,
        first: CallId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> Option<CampaignId> {
        let campaign = self.keys.campaign(by, first);
        if self.campaign_slot(campaign, memory, out).is_some() {
            return Some(campaign);
        }
        let mut name = String::from("c-");
        for place in 0..8 {
            let letter = (campaign.key() >> (5 * place)) as usize % LETTERS.len();
            name.push(char::from(LETTERS.get(letter).copied().unwrap_or(b'x')));
        }
        let row = CampaignRow {
            campaign,
            name: name.into(),
            found_at: self.now,
            first_seen: self.now,
            last_seen: self.now,
            calls: 0,
            is_confirmed: false,
            told: 0,
            parted_from: None,
            kind: CampaignKind::Campaign,
            links: Vec::new(),
        };
        // Rows that refer to the campaign must follow its own row.
        out.push(Outcome::Campaign(Box::new(row.clone())));
        self.remember(row, out);
        Some(campaign)
    }

    /// Raises an alert once a campaign has links and calls, and a second one when a label confirms it.
    pub(super) fn announce(
        &mut self,
        campaign: CampaignId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some(slot) = self.campaign_slot(campaign, memory, out) else { return };
        let Some(row) = self.campaigns.get_mut(slot) else { return };
        if row.calls == 0 || row.kind == CampaignKind::Notification {
            return;
        }
        let is_confirmed = row.links.iter().any(|link| link.kind == LinkKind::Label);
        row.is_confirmed |= is_confirmed;
        let tells = if row.is_confirmed { 2 } else { 1 };
        if row.told >= tells {
            return;
        }
        row.told = tells;
        let at = self.now;
        let words: Vec<&str> = row.links.iter().map(|link| link.evidence.as_str()).collect();
        out.push(Outcome::Alert(Box::new(Alert {
            at,
            kind: AlertKind::CampaignFound,
            severity: if row.is_confirmed { Severity::Critical } else { Severity::Warning },
            subject: row.name.to_string(),
            message: words.join("; "),
            call: None,
            campaign: Some(row.name.to_string()),
            incident: None,
        })));
        self.campaigns.is_news(slot);
    }

    /// Adds a link to a campaign, or updates it.
    pub(super) fn link(
        &mut self,
        campaign: CampaignId,
        link: LinkRow,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some(slot) = self.campaign_slot(campaign, memory, out) else { return };
        let Some(row) = self.campaigns.get_mut(slot) else { return };
        match row.links.iter_mut().find(|known| known.kind == link.kind) {
            Some(known) if *known == link => return,
            Some(known) => *known = link,
            None => row.links.push(link),
        }
        row.links.sort_by_key(|link| link.kind);
        self.campaigns.is_news(slot);
    }

    /// Handles a call that already belongs to another campaign: merges the two campaigns and returns the
    /// surviving one.
    ///
    /// If the two campaigns were split from each other, the call was assigned to the wrong one and moves
    /// instead.
    pub(super) fn merge_by_call(
        &mut self,
        (call, at): (CallId, Timestamp),
        campaign: CampaignId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> CampaignId {
        let Some((other, _)) = self.member(call).filter(|(of, _)| *of != campaign) else {
            return campaign;
        };
        if !self.are_parted(other, campaign) {
            return self.merge(
                other,
                campaign,
                "a call of one campaign plays a recording of the other",
                memory,
                out,
            );
        }
        if let Some(name) = self.campaign_name(campaign, memory, out) {
            self.leave(call, other, "the call plays a recording of another campaign", out);
            let membership = Membership::by_evidence(campaign, name, SURE, PLAYS_A_RECORDING);
            self.join((call, at), membership, memory, out);
        }
        campaign
    }

    /// Merges two campaigns. The older one survives and is returned.
    pub(super) fn merge(
        &mut self,
        a: CampaignId,
        b: CampaignId,
        why: &str,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) -> CampaignId {
        let slots = (self.campaign_slot(a, memory, out), self.campaign_slot(b, memory, out));
        let (Some(slot_a), Some(slot_b)) = slots else { return b };
        let (Some(row_a), Some(row_b)) = (self.campaigns.get(slot_a), self.campaigns.get(slot_b)) else {
            return b;
        };
        let is_a_older = (row_a.found_at, a) <= (row_b.found_at, b);
        let (slot, gone) = if is_a_older { (slot_a, slot_b) } else { (slot_b, slot_a) };
        let Some(from) = self.campaigns.get(gone).cloned() else { return b };
        out.extend(self.campaigns.remove(gone).map(|row| Outcome::Campaign(Box::new(row))));
        let Some(into) = self.campaigns.get_mut(slot) else { return b };
        into.calls += from.calls;
        into.first_seen = into.first_seen.min(from.first_seen);
        into.last_seen = into.last_seen.max(from.last_seen);
        for link in &from.links {
            if !into.links.iter().any(|known| known.kind == link.kind) {
                into.links.push(link.clone());
            }
        }
        into.links.sort_by_key(|link| link.kind);
        let (into, name) = (into.campaign, into.name.clone());
        self.campaigns.is_news(slot);
        self.make_kin(from.parted_from.unwrap_or(from.campaign), into);
        out.push(Outcome::Merged { from: from.campaign, into, at: self.now, why: why.to_owned() });
        let move_to = |membership: &mut Membership| {
            if membership.campaign == from.campaign {
                membership.campaign = into;
                membership.name.clone_from(&name);
            }
        };
        self.members.for_each_mut(|_, membership| move_to(membership));
        self.open.for_each_mut(|_, call| call.membership.iter_mut().for_each(move_to));
        self.pools.for_each_mut(|_, pool| pool.merged(from.campaign, into));
        self.leads.for_each_mut(|_, campaign| {
            if *campaign == from.campaign {
                *campaign = into;
            }
        });
        let moved = |campaign: &mut Option<CampaignId>| {
            if *campaign == Some(from.campaign) {
                *campaign = Some(into);
            }
        };
        self.sources.for_each_mut(|_, source| moved(&mut source.campaign));
        self.callers.for_each_mut(|_, caller| moved(&mut caller.campaign));
        self.recordings.merged(from.campaign, into);
        into
    }

    /// Records the process or device of a call.
    pub(super) fn named(&mut self, row: &InstanceRow, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        let id = row.subject.as_call();
        let Some(call) = self.opened(id) else { return };
        let first = call.pools.iter().next();
        let Some(fingerprint) = call.subjects.first().map(|s| s.subject.name.clone()) else { return };
        // A private address identifies a device only together with its platform.
        let name = format!("{}:{}:{fingerprint}", row.kind, row.instance);
        let is_named = call.subjects.iter().any(|s| s.subject.layer == Layer::Instance);
        let key = self.keys.subject(Layer::Instance, &name);
        if !is_named {
            let subject = Subject { layer: Layer::Instance, name: name.clone() };
            let known = Known { key, subject: Arc::new(subject) };
            if let Some(call) = self.opened(id) {
                call.subjects.push(known);
            }
        }
        let candidate = first.and_then(|GroupMembership { key, slot, place }| {
            self.pools.value_from(slot, key)?.find(place, id).copied()
        });
        if let Some(candidate) = self.open.slot(id.key()).zip(candidate) {
            self.enter_pool((GroupKind::Instance, key), &|| name.clone(), candidate, memory, out);
        }
    }
}

fn words(kind: GroupKind, name: &str) -> String {
    let what = match kind {
        GroupKind::Fingerprint => "the platform",
        GroupKind::Deployment => "the deployment",
        GroupKind::Instance => "the process or device",
        GroupKind::OriginId => "the origin of the PASSporTs,",
        GroupKind::CallerBlock => "the number block of the callers,",
        GroupKind::DialledBlock => "the number block of the callees,",
    };
    format!("{what} {name}")
}
