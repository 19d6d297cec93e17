//! Splits a campaign that turns out to be two, and merges two that turn out to be one.
//!
//! Several recordings belong to one party if they are played from the same addresses, or by the same numbers
//! or processes.
//!
//! A second party on a shared platform first joins the campaign that was found there. Its recordings reveal
//! it: each party reuses its own addresses, and never an address, number, process or origin of the other. The
//! two share nothing but the platform.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{CallId, CampaignId, RecordingId, Timestamp};

use super::recordings::Heard;
use super::{Membership, Outcome, ScoringEngine};
use crate::candidate_group::PLAYS_A_RECORDING;
use crate::history::History;
use crate::open::SURE;

/// Minimum number of calls per recording for the analysis.
pub(super) const FEWEST: usize = 8;

/// Minimum number of calls per address for a party that reuses its addresses.
const USED_AGAIN: usize = 2;

/// Minimum number of calls of either party that must share a property for a merge.
const MIN_SHARED: usize = 2;

/// At least one call in this number must share a property for a merge, in either party.
const SHARE: usize = 5;

/// Minimum specificity of a platform that belongs to one party.
const SPECIFIC: f64 = 0.3;

/// A recording of a campaign, with the calls that play it.
struct Recording {
    id: RecordingId,
    campaign: CampaignId,
    calls: Vec<Heard>,
}

/// Recordings that share a property beside the platform.
struct Party(Vec<Recording>);

impl Party {
    fn calls(&self) -> impl Iterator<Item = &Heard> + Clone {
        self.0.iter().flat_map(|recording| &recording.calls)
    }

    /// The first call of the party, or of its recordings in one campaign.
    fn first(&self, of: Option<CampaignId>) -> Option<(Timestamp, CallId)> {
        let recordings = self.0.iter().filter(|recording| of.is_none_or(|of| recording.campaign == of));
        recordings.flat_map(|recording| &recording.calls).map(|heard| (heard.at, heard.call)).min()
    }

    fn campaigns(&self) -> BTreeSet<CampaignId> {
        self.0.iter().map(|recording| recording.campaign).collect()
    }

    /// Returns true if the party reuses its addresses. Only then are disjoint addresses evidence for two
    /// parties.
    fn uses_again(&self) -> bool {
        let sources: BTreeSet<u64> = self.calls().filter_map(|heard| heard.source).collect();
        self.calls().all(|heard| heard.source.is_some()) && sources.len() * USED_AGAIN <= self.calls().count()
    }
}

/// Properties of calls that other calls may share.
struct Shared {
    callers: BTreeSet<u64>,
    sources: BTreeSet<u64>,
    keys: BTreeSet<u64>,
}

impl Shared {
    fn of<'a>(calls: impl Iterator<Item = &'a Heard> + Clone) -> Self {
        Self {
            callers: calls.clone().map(|heard| heard.caller).collect(),
            sources: calls.clone().filter_map(|heard| heard.source).collect(),
            keys: calls.flat_map(|heard| heard.shares).filter(|key| *key != 0).collect(),
        }
    }

    fn has(&self, heard: &Heard, is_specific: impl Fn(u64) -> bool) -> bool {
        let [platform, deployment, origin, process] = heard.shares;
        self.callers.contains(&heard.caller)
            || heard.source.is_some_and(|source| self.sources.contains(&source))
            || [origin, process].iter().any(|key| self.keys.contains(key))
            || [platform, deployment].iter().any(|key| self.keys.contains(key) && is_specific(*key))
    }
}

impl ScoringEngine {
    /// The root of a family of split campaigns: the first of them, which may have been merged into another
    /// since.
    fn root(&self, campaign: CampaignId) -> CampaignId {
        let row = self.campaigns.find(campaign.key()).and_then(|slot| self.campaigns.get(slot));
        row.and_then(|row| row.parted_from).unwrap_or(campaign)
    }

    /// Returns true if two campaigns were split from each other.
    pub(super) fn are_parted(&self, a: CampaignId, b: CampaignId) -> bool {
        a != b && self.root(a) == self.root(b)
    }

    /// Joins two families after a merge: campaigns split from either one now have the same root.
    pub(super) fn make_kin(&mut self, family: CampaignId, with: CampaignId) {
        let root = self.root(with);
        self.campaigns.change_each(|row| {
            let is_kin = row.parted_from == Some(family) || row.campaign == family;
            let is_new = is_kin && row.campaign != root && row.parted_from != Some(root);
            if is_new {
                row.parted_from = Some(root);
            }
            is_new
        });
    }

    /// Analyses the recordings of a campaign, and of campaigns split from it.
    pub(super) fn part_or_join(
        &mut self,
        campaign: CampaignId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let roots = self.roots_nearby(campaign);
        let recordings = self.recordings.of(|of| roots.contains(&self.root(of)));
        let mut parties: Vec<Party> = Vec::new();
        for (id, campaign, calls) in recordings.into_iter().filter(|(.., calls)| calls.len() >= FEWEST) {
            let (mut akin, others): (Vec<Party>, Vec<Party>) =
                parties.into_iter().partition(|party| self.are_akin(&calls, party));
            let mut party = Party(vec![Recording { id, campaign, calls }]);
            akin.iter_mut().for_each(|other| party.0.append(&mut other.0));
            parties = others;
            parties.push(party);
        }
        if parties.len() < 2 && parties.iter().all(|party| party.campaigns().len() < 2) {
            return;
        }
        parties.sort_by_key(|party| party.first(None));
        // A campaign belongs to the party with its first call.
        let owner = |campaign: CampaignId| {
            let with = |party: &&Party| party.campaigns().contains(&campaign);
            parties.iter().filter(with).filter_map(|party| party.first(Some(campaign))).min()
        };
        let all: BTreeSet<CampaignId> = parties.iter().flat_map(Party::campaigns).collect();
        let owners: BTreeMap<CampaignId, Option<(Timestamp, CallId)>> =
            all.into_iter().map(|of| (of, owner(of))).collect();
        for party in &parties {
            let is_own =
                |of: &CampaignId| owners.get(of).is_some_and(|first| *first == party.first(Some(*of)));
            let (own, others): (Vec<CampaignId>, Vec<CampaignId>) =
                party.campaigns().into_iter().partition(is_own);
            let into = own.into_iter().reduce(|a, b| {
                let why = "the same addresses, numbers or processes play the recordings of both";
                self.merge(a, b, why, memory, out)
            });
            for from in others {
                match into {
                    Some(into) => self.change_over(from, into, party, memory, out),
                    None if party.uses_again() => self.part(from, party, memory, out),
                    None => {}
                }
            }
        }
    }

    /// Roots of the campaign, and of the campaigns that its addresses and numbers joined last.
    fn roots_nearby(&self, campaign: CampaignId) -> BTreeSet<CampaignId> {
        let mut roots = BTreeSet::from([self.root(campaign)]);
        for (.., calls) in self.recordings.of(|of| of == campaign) {
            for heard in calls {
                let caller = self.callers.value(heard.caller).and_then(|of| of.campaign);
                let source = heard.source.and_then(|source| self.sources.value(source)?.campaign);
                roots.extend([caller, source].into_iter().flatten().map(|of| self.root(of)));
            }
        }
        roots
    }

    /// Returns true if calls of a recording and a party share specific properties. Many calls of both must
    /// share them, because two parties may use one address by chance.
    fn are_akin(&self, calls: &[Heard], party: &Party) -> bool {
        let own = Shared::of(calls.iter());
        let theirs = Shared::of(party.calls());
        let count = |of: &mut dyn Iterator<Item = &Heard>, shared: &Shared| {
            of.filter(|heard| shared.has(heard, |key| self.is_specific(key))).count()
        };
        let enough = |shared: usize, all: usize| shared >= MIN_SHARED.max(all / SHARE);
        enough(count(&mut calls.iter(), &theirs), calls.len())
            && enough(count(&mut party.calls(), &own), party.calls().count())
    }

    fn is_specific(&self, key: u64) -> bool {
        self.pools.value(key).is_some_and(|pool| self.specificity(pool) > SPECIFIC)
    }

    /// Splits the calls of a party from a campaign into a new campaign.
    fn part(&mut self, from: CampaignId, party: &Party, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        let Some((at, first)) = party.first(Some(from)) else { return };
        let (root, Some(into)) = (self.root(from), self.found("parted", first, memory, out)) else { return };
        let old = self.campaign_slot(from, memory, out).and_then(|slot| self.campaigns.get(slot));
        let (found_at, links) = old.map_or((self.now, Vec::new()), |row| (row.found_at, row.links.clone()));
        let Some(slot) = self.campaign_slot(into, memory, out) else { return };
        let Some(row) = self.campaigns.get_mut(slot) else { return };
        // The party's calls belonged to a campaign at the earliest when the old one was found.
        (row.parted_from, row.links, row.found_at) = (Some(root), links, found_at.max(at));
        self.campaigns.is_news(slot);
        out.push(Outcome::Parted {
            from,
            into,
            at: self.now,
            why: "separate addresses, numbers and recordings".to_owned(),
        });
        self.change_over(from, into, party, memory, out);
        self.announce(into, memory, out);
    }

    /// Moves the calls of a party from one campaign to another.
    fn change_over(
        &mut self,
        from: CampaignId,
        into: CampaignId,
        party: &Party,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some(name) = self.campaign_name(into, memory, out) else { return };
        for recording in party.0.iter().filter(|recording| recording.campaign == from) {
            self.recordings.belongs(recording.id, into);
            out.push(Outcome::RecordingOf { recording: recording.id, campaign: into });
        }
        let heard: BTreeSet<CallId> = party.calls().map(|heard| heard.call).collect();
        for (call, at) in self.calls_of(from, party) {
            let (strength, why) = if heard.contains(&call) {
                (SURE, PLAYS_A_RECORDING)
            } else {
                (1.0, "the address or number also has calls that play the campaign's recording")
            };
            self.leave(call, from, "", out);
            self.join((call, at), Membership::by_evidence(into, name.clone(), strength, why), memory, out);
        }
    }

    /// The calls of a campaign that belong to a party, with their start, as far as they are in memory. These
    /// are the calls that play its recordings, and calls from its addresses and numbers.
    fn calls_of(&self, campaign: CampaignId, party: &Party) -> BTreeMap<CallId, Timestamp> {
        let sources: BTreeSet<u64> = party.calls().filter_map(|heard| heard.source).collect();
        let callers: BTreeSet<u64> = party.calls().map(|heard| heard.caller).collect();
        let mut calls: BTreeMap<CallId, Timestamp> =
            party.calls().map(|heard| (heard.call, heard.at)).collect();
        self.pools.for_each(|_, pool| {
            let own = pool.candidates().filter(|c| {
                c.campaign == Some(campaign)
                    && (callers.contains(&c.caller) || !c.marks.is_from_trunk && sources.contains(&c.source))
            });
            calls.extend(own.map(|c| (c.call, c.at)));
        });
        calls.retain(|call, _| self.member(*call).is_some_and(|(of, _)| of == campaign));
        calls
    }
}
