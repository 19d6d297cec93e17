//! How far a call belongs to the campaign of a pool.

use std::collections::VecDeque;

use smallvec::{SmallVec, smallvec};

use super::{CandidateGroup, GroupKind, GroupMember};
use crate::campaign::LinkKind;

/// Evidence of its own from which on a call tells something of its address.
const TELLING: f64 = 0.75;

/// What is known of a call beside what its pool knows.
#[derive(Clone, Copy)]
pub(crate) struct CallFeatures {
    /// How far the pool is nobody else's, from 0 to 1.
    pub(crate) specific: f64,
    /// What speaks for its address, as odds of 0 and below.
    pub(crate) honest: f64,
    /// Whether the caller has hardly called before.
    pub(crate) is_fresh: bool,
    /// Whether the caller has roots by now.
    pub(crate) is_rooted: bool,
}

/// What a call adds to what is thought of its neighbours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    source: u64,
    agent: u32,
    /// A cache line holds four of these: a decimal less is no loss.
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

/// The calls of a pool from one address.
#[derive(Clone, Copy)]
pub(crate) struct Neighbourhood {
    pub(crate) source: u64,
    /// What they show by themselves, each within two either way.
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

/// The calls of a pool by address.
pub(crate) struct Population {
    by_source: SmallVec<[Neighbourhood; 1]>,
    telling: u32,
}

impl Population {
    /// All calls of a pool.
    pub(super) fn of(calls: &VecDeque<Neighbour>) -> Self {
        let mut crowd = Self { by_source: SmallVec::new(), telling: 0 };
        let mut calls: Vec<&Neighbour> = calls.iter().collect();
        // The sort is stable: what is summed up is so in the order of the calls.
        calls.sort_by_key(|c| c.source);
        for same in calls.chunk_by(|a, b| a.source == b.source) {
            let mut here = Neighbourhood::new(same.first().map_or(0, |c| c.source));
            same.iter().for_each(|call| here.add(call));
            crowd.telling += here.telling;
            crowd.by_source.push(here);
        }
        crowd
    }

    /// Those of one address apart, and of the others what matters.
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

    /// The addresses.
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
    /// Logarithm of the odds that one of its calls belongs to its campaign.
    pub(crate) fn affinity(&self, of: &GroupMember, around: CallFeatures, crowd: &Population) -> f64 {
        let mut odds = match self.kind {
            GroupKind::Fingerprint | GroupKind::Deployment => 2.5 * around.specific - 0.8,
            GroupKind::Instance | GroupKind::OriginId => 0.7,
            GroupKind::CallerBlock => 0.0,
            // Honest callers call the numbers too that somebody dials in turn.
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
            // Its neighbours at the same address are judged by their own evidence: half of that is its own.
            let others = here.odds - of.odds.clamp(-2.0, 2.0);
            odds += (others * 0.4).clamp(-3.0, 2.0);
            if here.agents.0 < here.agents.1 {
                odds += 1.2;
            } else if self.pattern.has(LinkKind::Agents) && here.calls > 6 {
                odds -= 1.5;
            }
        }
        // Whoever copies what a carrier's calls share makes its calls from elsewhere.
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

    /// Whether a call has the media clock that the pool's calls share, where both are known.
    fn has_its_clock(&self, of: &GroupMember) -> Option<bool> {
        let (shared, own) = self.pattern.clock().zip(of.clock)?;
        Some(shared.agrees(own))
    }

    /// Why a call belongs to the campaign, in words.
    pub(crate) fn why(&self, of: &GroupMember, around: CallFeatures, crowd: &Population) -> String {
        let mut why = Vec::new();
        if around.is_fresh {
            why.push("its number was hardly used before");
        }
        of.evidence(|weight, word| {
            if weight > 0.0 {
                why.push(word);
            }
        });
        let here = crowd.at(of.source);
        if !of.marks.is_from_trunk && here.agents.0 < here.agents.1 {
            why.push("its address changes its User-Agent");
        }
        if self.has_its_clock(of) == Some(true) {
            why.push("its media clock is the campaign's");
        }
        why.truncate(3);
        why.join("; ")
    }
}
