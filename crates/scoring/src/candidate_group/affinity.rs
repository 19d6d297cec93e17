//! The evidence that a call belongs to the campaign of its candidate group.

use std::collections::VecDeque;

use smallvec::{SmallVec, smallvec};

use super::{CandidateGroup, GroupKind, GroupMember};
use crate::campaign::LinkKind;

/// Log odds from which on a call is evidence about its source address.
const TELLING: f64 = 0.75;

/// Features of a call from outside its candidate group.
#[derive(Clone, Copy)]
pub(crate) struct CallFeatures {
    /// Specificity of the group's shared property, from 0 to 1.
    pub(crate) specific: f64,
    /// Evidence for the honesty of the source address: log odds of 0 or below.
    pub(crate) honest: f64,
    /// True if the caller's number is fresh.
    pub(crate) is_fresh: bool,
    /// True if the caller is established.
    pub(crate) is_rooted: bool,
}

/// A call's contribution to the evidence of other calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    source: u64,
    agent: u32,
    /// `f32` suffices, and four entries fit in a cache line.
    odds: f32,
}

impl From<&GroupMember> for Neighbour {
    fn from(call: &GroupMember) -> Self {
        Self { source: call.source, agent: call.agent, odds: call.odds as f32 }
    }
}

impl Neighbour {
    fn is_telling(&self) -> bool {
        f64::from(self.odds) >= TELLING
    }
}

/// The calls of a group from one source address.
#[derive(Clone, Copy)]
pub(crate) struct Neighbourhood {
    pub(crate) source: u64,
    /// Sum of the calls' own log odds, each limited to 2 either way.
    odds: f64,
    calls: u32,
    telling: u32,
    /// The lowest and the highest hash of their User-Agents.
    agents: (u32, u32),
}

impl Neighbourhood {
    const fn new(source: u64) -> Self {
        Self { source, odds: 0.0, calls: 0, telling: 0, agents: (u32::MAX, 0) }
    }

    fn add(&mut self, call: &Neighbour) {
        self.odds += f64::from(call.odds).clamp(-2.0, 2.0);
        self.calls += 1;
        self.telling += u32::from(call.is_telling());
        self.agents = (self.agents.0.min(call.agent), self.agents.1.max(call.agent));
    }
}

/// The calls of a group by source address.
pub(crate) struct Population {
    by_source: SmallVec<[Neighbourhood; 1]>,
    telling: u32,
}

impl Population {
    /// Groups all calls by source address.
    pub(super) fn of(calls: &VecDeque<Neighbour>) -> Self {
        let mut crowd = Self { by_source: SmallVec::new(), telling: 0 };
        let mut calls: Vec<&Neighbour> = calls.iter().collect();
        // The sort is stable, so that each sum is formed in the order of the calls.
        calls.sort_by_key(|c| c.source);
        for same in calls.chunk_by(|a, b| a.source == b.source) {
            let mut here = Neighbourhood::new(same.first().map_or(0, |c| c.source));
            same.iter().for_each(|call| here.add(call));
            crowd.telling += here.telling;
            crowd.by_source.push(here);
        }
        crowd
    }

    /// Collects the calls of one source address, and the summary of the others.
    pub(super) fn around(source: u64, calls: &VecDeque<Neighbour>) -> Self {
        let mut here = Neighbourhood::new(source);
        let mut telling = 0;
        let (older, newer) = calls.as_slices();
        for call in older.iter().chain(newer) {
            telling += u32::from(call.is_telling());
            if call.source == source {
                here.add(call);
            }
        }
        Self { by_source: smallvec![here], telling }
    }

    /// All source addresses.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u64> {
        self.by_source.iter().map(|here| here.source)
    }

    fn at(&self, source: u64) -> Neighbourhood {
        let found = self.by_source.binary_search_by_key(&source, |here| here.source);
        let here = found.ok().and_then(|place| self.by_source.get(place));
        here.copied().unwrap_or(Neighbourhood::new(source))
    }
}

impl CandidateGroup {
    /// The log odds that a call of the group belongs to its campaign.
    pub(crate) fn affinity(&self, of: &GroupMember, around: CallFeatures, crowd: &Population) -> f64 {
        let mut odds = match self.kind {
            GroupKind::Fingerprint | GroupKind::Deployment => 2.5 * around.specific - 0.8,
            GroupKind::Instance | GroupKind::OriginId => 0.7,
            GroupKind::CallerBlock => 0.0,
            // Honest callers also call numbers of a block that is dialled sequentially.
            GroupKind::DialledBlock if !of.marks.is_sequential => -4.0,
            GroupKind::DialledBlock => -0.8,
        };
        if around.is_fresh {
            odds += 0.8;
        }
        if around.is_rooted {
            odds -= 6.0;
        }
        odds += around.honest + of.odds;
        let here = crowd.at(of.source);
        if !of.marks.is_from_trunk {
            // Evidence of the same source counts, without the call's own share of it.
            let others = here.odds - of.odds.clamp(-2.0, 2.0);
            odds += (others * 0.4).clamp(-3.0, 2.0);
            if here.agents.0 < here.agents.1 {
                odds += 1.2;
            } else if self.pattern.has(LinkKind::Agents) && here.calls > 6 {
                odds -= 1.5;
            }
        }
        // If the evidence is at other addresses, a trunk address without any evidence carries another party's
        // calls.
        if of.marks.is_from_trunk && crowd.telling >= 3 && here.telling == 0 && of.odds < TELLING {
            odds -= 2.0;
        }
        match self.has_its_clock(of) {
            Some(true) => odds += 1.5,
            Some(false) => odds -= 2.0,
            None => {}
        }
        if self.pattern.kinds().len() > 3 {
            odds += 0.7;
        }
        odds
    }

    /// Returns true if the call has the group's media clock. `None` if either rate is unknown.
    fn has_its_clock(&self, of: &GroupMember) -> Option<bool> {
        let (shared, own) = self.pattern.clock().zip(of.clock)?;
        Some(shared.agrees(own))
    }

    /// The reasons for a call's membership, as text.
    pub(crate) fn why(&self, of: &GroupMember, around: CallFeatures, crowd: &Population) -> String {
        let mut why = Vec::new();
        if around.is_fresh {
            why.push("the caller's number was hardly used before");
        }
        of.evidence(|weight, word| {
            if weight > 0.0 {
                why.push(word);
            }
        });
        let here = crowd.at(of.source);
        if !of.marks.is_from_trunk && here.agents.0 < here.agents.1 {
            why.push("the address changes its User-Agent");
        }
        if self.has_its_clock(of) == Some(true) {
            why.push("the media clock equals that of the campaign");
        }
        why.truncate(3);
        why.join("; ")
    }
}
