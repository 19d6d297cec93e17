//! Campaigns: found, joined, left, merged.

use bellwether_base::{HashKey, Timestamp};
use bellwether_judge::InstanceRow;

use super::{AlertRow, Assessor, CampaignRow, Membership, Outcome, address_hash};
use crate::account::{Account, Home};
use crate::actor::Fate;
use crate::campaign::LinkKind;
use crate::memory::Memory;
use crate::outcome::{LinkRow, MemberRow};
use crate::pool::{Candidate, LONG, Pool, PoolKind};
use crate::signals::place;
use crate::standing::{Layer, Subject};
use crate::{AlertKind, Severity};

/// Odds below which a call that joined leaves again: a little doubt does not make it go back and forth.
const LEAVES_BELOW: f64 = -0.7;

/// Share of the answered calls of a pool that belong to one campaign, from which on the rest does too.
const DOMINATES: f64 = 0.6;

/// Letters of a campaign's name: none that are taken for others when read out.
const LETTERS: &[u8; 32] = b"23456789abcdefghjkmnpqrstuvwxyzx";

impl Assessor {
    /// The pool of a kind and name.
    pub(super) fn pool(&mut self, kind: PoolKind, name: &str, memory: &mut dyn Memory) -> u64 {
        let key = self.hash(&[b"pool", LinkKind::from(kind).name().as_bytes(), name.as_bytes()]);
        match self.pools.find(key, &key) {
            Some(slot) => self.pools.touch(slot, 0, self.now),
            None => {
                let mut pool = Pool::new(kind, name.to_owned());
                let kept = self.kept_campaign(key, memory);
                pool.campaign = kept.filter(|campaign| self.is_running(*campaign, memory));
                self.pools.insert(key, key, pool, 0, self.now);
            }
        }
        key
    }

    fn kept_campaign(&mut self, key: u64, memory: &mut dyn Memory) -> Option<i64> {
        if let Some(slot) = self.keys.find(key, &key) {
            return self.keys.get(slot).and_then(|(_, campaign)| *campaign);
        }
        let campaign = memory.campaign_of(key.cast_signed());
        self.keys.insert(key, key, campaign, 0, self.now);
        campaign
    }

    fn campaign_slot(&mut self, campaign: i64, memory: &mut dyn Memory) -> Option<bellwether_base::SlotId> {
        let key = campaign.cast_unsigned();
        if let Some(slot) = self.campaigns.find(key, &key) {
            self.campaigns.touch(slot, 0, self.now);
            return Some(slot);
        }
        let known = memory.campaign(campaign)?;
        Some(self.campaigns.insert(key, key, known, 0, self.now).0)
    }

    /// Whether a campaign goes on: one that made no call for long is over.
    fn is_running(&mut self, campaign: i64, memory: &mut dyn Memory) -> bool {
        let (now, ends_after) = (self.now, self.settings.campaigns.ends_after);
        let slot = self.campaign_slot(campaign, memory);
        slot.and_then(|slot| self.campaigns.get(slot))
            .is_some_and(|(_, c)| now.since(c.last_seen) <= ends_after)
    }

    pub(super) fn campaign_name(&mut self, campaign: i64, memory: &mut dyn Memory) -> Option<String> {
        let slot = self.campaign_slot(campaign, memory)?;
        self.campaigns.get(slot).map(|(_, c)| c.name.clone())
    }

    /// The membership of a call, if it has one.
    pub(super) fn membership(&self, call: i64) -> Option<Membership> {
        let key = call.cast_unsigned();
        let slot = self.members.find(key, &key)?;
        self.members.get(slot).map(|(_, m)| m.clone())
    }

    /// A call of before this run belongs to a campaign.
    pub(super) fn recall_member(&mut self, call: i64, campaign: i64, memory: &mut dyn Memory) {
        let Some(name) = self.campaign_name(campaign, memory) else { return };
        // It stays whatever it shows: why it joined is known to the run that saw it.
        let membership = Membership { campaign, name, strength: 5.0, why: String::new() };
        let key = call.cast_unsigned();
        self.members.insert(key, key, membership.clone(), 0, self.now);
        if let Some(call) = self.opened(call) {
            call.membership = Some(membership);
        }
    }

    /// Looks at a pool again if there is enough news.
    pub(super) fn look_if_due(&mut self, key: u64, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        let settings = self.settings.campaigns.clone();
        let Some(slot) = self.pools.find(key, &key) else { return };
        if !self.pools.get(slot).is_some_and(|(_, pool)| pool.is_due(settings.fewest_calls)) {
            return;
        }
        let (now, callers, hash_key) = (self.now, &self.callers, self.hash_key);
        let is_rooted = |candidate: &Candidate| {
            let slot = callers.find(candidate.caller, &candidate.caller);
            let caller = slot.and_then(|slot| callers.get(slot));
            caller.is_some_and(|(_, of)| has_roots(&of.account, candidate, &hash_key, now))
        };
        let members = &self.members;
        let member_of = |call: i64| {
            let key = call.cast_unsigned();
            let slot = members.find(key, &key)?;
            members.get(slot).map(|(_, membership)| membership.campaign)
        };
        let Some((_, pool)) = self.pools.get_mut(slot) else { return };
        pool.look(now, settings.window, is_rooted, member_of);
        let (kind, name) = (pool.kind, pool.name.clone());
        let specific = self.specificity(kind, &name);
        let kinds = if specific > 0.3 { settings.kinds.0 } else { settings.kinds.1 };
        let Some((_, pool)) = self.pools.get(slot) else { return };
        // Numbers of one block are called by honest people too, unless they are dialled in turn.
        let is_campaign = pool.pattern.is_campaign(settings.fewest_calls, kinds)
            && (kind != PoolKind::DialledBlock || pool.pattern.has(LinkKind::Sequence));
        // What those share that belong to a campaign, and hardly anybody else, leads to it.
        let dominant = pool
            .dominant
            .filter(|(_, share)| kind != PoolKind::DialledBlock && *share >= DOMINATES)
            .map(|(campaign, _)| campaign);
        if pool.campaign.is_none() && !is_campaign && dominant.is_none() {
            return;
        }
        let calls: Vec<i64> = pool.candidates().map(|c| c.call).collect();
        if pool.campaign.is_none() {
            let first = calls.first().copied().unwrap_or_default();
            let founder = LinkKind::from(kind).name();
            let Some(campaign) = dominant.or_else(|| self.found(founder, first, memory, out)) else { return };
            self.bind(key, campaign, out);
        }
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let Some(campaign) = pool.campaign else { return };
        if is_campaign {
            let pattern = pool.pattern.clone();
            let shared = format!("{} calls share {}", pattern.calls, words(kind, &name));
            self.link(campaign, LinkRow { kind: kind.into(), evidence: shared }, memory, out);
            for (kind, evidence) in pattern.kinds {
                self.link(campaign, LinkRow { kind, evidence }, memory, out);
            }
        }
        // Members are considered again when they end, and now and then: somebody may have got roots since.
        let is_turn = self.pools.get(slot).is_some_and(|(_, pool)| pool.looks.is_multiple_of(3));
        for call in calls {
            if is_turn || self.membership(call).is_none() {
                self.consider(key, call, memory, out);
            }
        }
        self.announce(campaign, memory, out);
    }

    /// The pool's calls belong to a campaign from now on.
    fn bind(&mut self, key: u64, campaign: i64, out: &mut Vec<Outcome>) {
        if let Some(slot) = self.pools.find(key, &key)
            && let Some((_, pool)) = self.pools.get_mut(slot)
        {
            pool.campaign = Some(campaign);
        }
        match self.keys.find(key, &key) {
            Some(slot) => {
                if let Some((_, of)) = self.keys.get_mut(slot) {
                    *of = Some(campaign);
                }
            }
            None => {
                self.keys.insert(key, key, Some(campaign), 0, self.now);
            }
        }
        out.push(Outcome::Key { key: key.cast_signed(), campaign });
    }

    /// A new campaign, named after what it was found by and its first call.
    pub(super) fn found(
        &mut self,
        by: &str,
        first: i64,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) -> Option<i64> {
        let campaign = self.hash_key.identity(&[b"campaign", by.as_bytes(), &first.to_le_bytes()]);
        if self.campaign_slot(campaign, memory).is_some() {
            return Some(campaign);
        }
        let mut name = String::from("c-");
        for place in 0..8 {
            let letter = (campaign.cast_unsigned() >> (5 * place)) as usize % LETTERS.len();
            name.push(char::from(LETTERS.get(letter).copied().unwrap_or(b'x')));
        }
        let row = CampaignRow {
            campaign,
            name,
            found_at: self.now,
            first_seen: self.now,
            last_seen: self.now,
            calls: 0,
            is_confirmed: false,
            told: 0,
            links: Vec::new(),
        };
        let key = campaign.cast_unsigned();
        self.campaigns.insert(key, key, row.clone(), 0, self.now);
        out.push(Outcome::Campaign(Box::new(row)));
        Some(campaign)
    }

    /// Tells of a campaign once it has links and calls; once more when a label confirms it.
    pub(super) fn announce(&mut self, campaign: i64, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        let Some(slot) = self.campaign_slot(campaign, memory) else { return };
        let Some((_, row)) = self.campaigns.get_mut(slot) else { return };
        if row.calls == 0 {
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
        out.push(Outcome::Alert(Box::new(AlertRow {
            at,
            kind: AlertKind::CampaignFound,
            severity: if row.is_confirmed { Severity::Critical } else { Severity::Warning },
            subject: row.name.clone(),
            message: words.join("; "),
            call: None,
            campaign: Some(row.name.clone()),
        })));
        out.push(Outcome::Campaign(Box::new(row.clone())));
    }

    /// Adds what holds a campaign together, or says it anew.
    pub(super) fn link(
        &mut self,
        campaign: i64,
        link: LinkRow,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) {
        let Some(slot) = self.campaign_slot(campaign, memory) else { return };
        let Some((_, row)) = self.campaigns.get_mut(slot) else { return };
        match row.links.iter_mut().find(|known| known.kind == link.kind) {
            Some(known) if *known == link => return,
            Some(known) => *known = link,
            None => row.links.push(link),
        }
        row.links.sort_by_key(|link| link.kind);
        out.push(Outcome::Campaign(Box::new(row.clone())));
    }

    /// How far what a pool shares is nobody else's.
    fn specificity(&self, kind: PoolKind, name: &str) -> f64 {
        let layer = match kind {
            PoolKind::Fingerprint => Layer::Fingerprint,
            PoolKind::Deployment => Layer::Deployment,
            _ => return 1.0,
        };
        let key = self.subject_key(&Subject { layer, name: name.to_owned() });
        let slot = self.standings.find(key, &key);
        slot.and_then(|slot| self.standings.get(slot)).map_or(1.0, |(_, standing)| standing.specificity())
    }

    /// Whether a call of a pool belongs to the pool's campaign: it joins, or leaves.
    pub(super) fn consider(&mut self, key: u64, call: i64, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        let Some(slot) = self.pools.find(key, &key) else { return };
        let Some((_, pool)) = self.pools.get(slot) else { return };
        let Some(campaign) = pool.campaign else { return };
        let Some(candidate) = pool.find(call).copied() else { return };
        // What an earlier run concluded of a call that is read again stands.
        if candidate.is_settled {
            return;
        }
        let specific = self.specificity(pool.kind, &pool.name);
        let caller_slot = self.callers.find(candidate.caller, &candidate.caller);
        let is_rooted = caller_slot
            .and_then(|slot| self.callers.get(slot))
            .is_some_and(|(_, of)| has_roots(&of.account, &candidate, &self.hash_key, self.now));
        // A trunk's address is everybody's who comes through it: it speaks for a platform, and for nobody behind it.
        let is_of_address = matches!(pool.kind, PoolKind::Fingerprint | PoolKind::Deployment);
        let honest = if candidate.marks.is_from_trunk && !is_of_address {
            0.0
        } else {
            self.honesty(candidate.source)
        };
        // What comes through a trunk shows the trunk's platform, which is the campaign's own only if nobody else calls by it.
        let specific = if candidate.marks.is_from_trunk {
            pool.dominant
                .filter(|(of, _)| *of == campaign)
                .map_or(0.0, |(_, share)| (2.0 * share - 1.0).max(0.0))
        } else {
            specific
        };
        let (mut odds, why) = pool.affinity(&candidate, specific, self.is_fresh(candidate.caller), honest);
        if is_rooted {
            odds -= 6.0;
        }
        let member = self.membership(call);
        match member {
            Some(member) if member.campaign == campaign && odds < LEAVES_BELOW && member.strength < 5.0 => {
                self.leave(call, campaign, "what it shows speaks against it by now", out);
            }
            Some(_) => {}
            None if odds > 0.0 => {
                let Some(name) = self.campaign_name(campaign, memory) else { return };
                let membership = Membership { campaign, name, strength: odds, why };
                self.join(call, membership, memory, out);
            }
            None => {}
        }
    }

    /// What speaks for an address, as odds, 0 and below: numbers that come back, callers with roots, people who talk.
    fn honesty(&self, source: u64) -> f64 {
        let Some((_, of)) = self.sources.find(source, &source).and_then(|slot| self.sources.get(slot)) else {
            return 0.0;
        };
        let mut odds = 0.0;
        if of.actor.returns(16) >= 6 {
            odds -= 4.0;
        }
        let (rooted, calls) = of.rooted;
        if calls >= 4 && rooted * 4 >= calls {
            odds -= 3.0;
        }
        let (mut answered, mut long) = (0, 0);
        for deed in of.actor.since(Timestamp::MIN).filter(|d| d.fate == Fate::Answered) {
            answered += 1;
            long += u32::from(deed.secs >= LONG);
        }
        if answered >= 4 && long * 5 >= answered * 2 {
            odds -= 2.5;
        }
        odds
    }

    /// Whether calls share something beside a recording that is not everybody's.
    pub(super) fn share_a_pool(&self, a: i64, b: i64) -> bool {
        let pools = |call: i64| {
            let key = call.cast_unsigned();
            self.open.find(key, &key).and_then(|slot| self.open.get(slot)).map(|(_, call)| call)
        };
        let (Some(a), Some(b)) = (pools(a), pools(b)) else { return false };
        a.pools.iter().filter(|key| b.pools.contains(key)).any(|key| {
            let pool = self.pools.find(*key, key).and_then(|slot| self.pools.get(slot));
            pool.is_some_and(|(_, pool)| match pool.kind {
                PoolKind::OriginId | PoolKind::Instance | PoolKind::CallerBlock => true,
                PoolKind::Fingerprint | PoolKind::Deployment => !a.is_from_trunk,
                PoolKind::DialledBlock => false,
            })
        })
    }

    /// What a call shows at its end may change where it belongs.
    pub(super) fn rejoin(&mut self, call: i64, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        let pools = self.opened(call).map(|c| c.pools.clone()).unwrap_or_default();
        for pool in pools {
            self.consider(pool, call, memory, out);
        }
    }

    pub(super) fn join(
        &mut self,
        call: i64,
        membership: Membership,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) {
        let key = call.cast_unsigned();
        if self.membership(call).is_some() || self.labelled.get(&call) == Some(&false) {
            return;
        }
        self.members.insert(key, key, membership.clone(), 0, self.now);
        let now = self.now;
        let started_at = self.opened(call).map(|c| c.started_at);
        if let Some(slot) = self.campaign_slot(membership.campaign, memory)
            && let Some((_, row)) = self.campaigns.get_mut(slot)
        {
            row.calls += 1;
            let at = started_at.unwrap_or(now);
            row.first_seen = row.first_seen.min(at);
            row.last_seen = row.last_seen.max(at);
            out.push(Outcome::Campaign(Box::new(row.clone())));
        }
        out.push(Outcome::Member(MemberRow {
            campaign: membership.campaign,
            call,
            at: now,
            strength: (membership.strength * 100.0).round() / 100.0,
            why: membership.why.clone(),
        }));
        let other = self.opened(call).and_then(|c| c.leg);
        let signal = place("campaign_member");
        let found = crate::signals::member(&membership.name, membership.strength, &membership.why);
        let finding = self.finding(signal, &found);
        let campaign = Some(membership.campaign);
        match self.opened(call) {
            Some(opened) => {
                opened.membership = Some(membership.clone());
                self.tell(call, out);
            }
            None => out.push(Outcome::Amend { call, signal, finding, campaign }),
        }
        if let Some(other) = other.filter(|other| self.membership(*other).is_none()) {
            let why = "another leg of a call of it".to_owned();
            self.join(other, Membership { why, ..membership }, memory, out);
        }
    }

    fn leave(&mut self, call: i64, campaign: i64, why: &str, out: &mut Vec<Outcome>) {
        let key = call.cast_unsigned();
        if let Some(slot) = self.members.find(key, &key) {
            self.members.remove(slot);
        }
        let at = campaign.cast_unsigned();
        if let Some(slot) = self.campaigns.find(at, &at)
            && let Some((_, row)) = self.campaigns.get_mut(slot)
        {
            row.calls = row.calls.saturating_sub(1);
            out.push(Outcome::Campaign(Box::new(row.clone())));
        }
        out.push(Outcome::Left { campaign, call, why: why.to_owned() });
        match self.opened(call) {
            Some(opened) => {
                opened.membership = None;
                self.tell(call, out);
            }
            None => {
                let signal = place("campaign_member");
                out.push(Outcome::Amend { call, signal, finding: None, campaign: None });
            }
        }
    }

    /// A call that belongs to another campaign links both; answers the one that goes on.
    pub(super) fn merge_by_call(
        &mut self,
        call: i64,
        campaign: i64,
        memory: &mut dyn Memory,
        out: &mut Vec<Outcome>,
    ) -> i64 {
        match self.membership(call).map(|m| m.campaign).filter(|other| *other != campaign) {
            Some(other) => {
                self.merge(other, campaign, "a call of one plays the recording of the other", memory, out)
            }
            None => campaign,
        }
    }

    /// Makes two campaigns one: the older goes on, and is answered.
    fn merge(&mut self, a: i64, b: i64, why: &str, memory: &mut dyn Memory, out: &mut Vec<Outcome>) -> i64 {
        let (Some(slot_a), Some(slot_b)) = (self.campaign_slot(a, memory), self.campaign_slot(b, memory))
        else {
            return b;
        };
        let (Some((_, row_a)), Some((_, row_b))) = (self.campaigns.get(slot_a), self.campaigns.get(slot_b))
        else {
            return b;
        };
        let is_a_older = (row_a.found_at, a) <= (row_b.found_at, b);
        let (from, into) =
            if is_a_older { (row_b.clone(), row_a.clone()) } else { (row_a.clone(), row_b.clone()) };
        let name = into.name.clone();
        let slot = if is_a_older { slot_a } else { slot_b };
        if let Some((_, row)) = self.campaigns.get_mut(slot) {
            row.calls += from.calls;
            row.first_seen = row.first_seen.min(from.first_seen);
            row.last_seen = row.last_seen.max(from.last_seen);
            for link in &from.links {
                if !row.links.iter().any(|known| known.kind == link.kind) {
                    row.links.push(link.clone());
                }
            }
            row.links.sort_by_key(|link| link.kind);
            out.push(Outcome::Campaign(Box::new(row.clone())));
        }
        let gone = from.campaign.cast_unsigned();
        self.campaigns.find(gone, &gone).and_then(|slot| self.campaigns.remove(slot));
        out.push(Outcome::Merged {
            from: from.campaign,
            into: into.campaign,
            at: self.now,
            why: why.to_owned(),
        });
        let move_to = |membership: &mut Membership| {
            if membership.campaign == from.campaign {
                membership.campaign = into.campaign;
                membership.name.clone_from(&name);
            }
        };
        self.members.for_each_mut(|_, membership| move_to(membership));
        self.open.for_each_mut(|_, call| call.membership.iter_mut().for_each(move_to));
        let moved = |campaign: &mut Option<i64>| {
            if *campaign == Some(from.campaign) {
                *campaign = Some(into.campaign);
            }
        };
        self.pools.for_each_mut(|_, pool| moved(&mut pool.campaign));
        self.keys.for_each_mut(|_, campaign| moved(campaign));
        self.prompts.merged(from.campaign, into.campaign);
        into.campaign
    }

    /// A call's process or device is named.
    pub(super) fn named(&mut self, row: &InstanceRow, memory: &mut dyn Memory, out: &mut Vec<Outcome>) {
        let id = row.subject;
        let Some(call) = self.opened(id) else { return };
        let fingerprint = call.subjects.first().map(|s| s.name.clone()).unwrap_or_default();
        let first = call.pools.first().copied();
        // A private address is a device's own only together with its platform.
        let name = format!("{}:{}:{fingerprint}", row.kind, row.instance);
        if !call.subjects.iter().any(|s| s.layer == Layer::Instance) {
            call.subjects.push(Subject { layer: Layer::Instance, name: name.clone() });
        }
        let candidate = first.and_then(|key| {
            let slot = self.pools.find(key, &key)?;
            self.pools.get(slot)?.1.find(id).copied()
        });
        if let Some(candidate) = candidate {
            self.enter_pool(PoolKind::Instance, &name, candidate, memory, out);
        }
    }

    /// A call plays a recording that other callers play.
    pub(super) fn mark_prompt(&mut self, call: i64) {
        let pools = self.opened(call).map(|c| c.pools.clone()).unwrap_or_default();
        for pool in pools {
            if let Some(slot) = self.pools.find(pool, &pool)
                && let Some((_, pool)) = self.pools.get_mut(slot)
            {
                pool.change(call, |candidate| candidate.marks.is_prompt = true);
            }
        }
    }
}

/// Whether a call has roots by now: its caller may have registered there since, or become known.
fn has_roots(account: &Account, candidate: &Candidate, hash_key: &HashKey, now: Timestamp) -> bool {
    let is_there = |home: &Home| address_hash(hash_key, home.source) == candidate.source;
    let is_home = candidate.is_home || account.homes.iter().any(is_there);
    account.is_rooted(is_home, candidate.platform, now)
}

fn words(kind: PoolKind, name: &str) -> String {
    let what = match kind {
        PoolKind::Fingerprint => "the platform",
        PoolKind::Deployment => "the deployment",
        PoolKind::Instance => "the process or device",
        PoolKind::OriginId => "the origin of their tokens,",
        PoolKind::CallerBlock => "a block of callers' numbers,",
        PoolKind::DialledBlock => "the block of numbers dialled,",
    };
    format!("{what} {name}")
}
