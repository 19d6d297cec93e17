//! Candidate groups: calls that share a property and come from callers that are not established. Campaigns
//! are found here.
//!
//! Honest callers leave a group over time. They register, or their numbers return and hold conversations.
//! Throwaway numbers remain, and honest callers without a history yet. These two differ in their calling
//! pattern.

mod affinity;
mod pattern;

use std::collections::VecDeque;

use bellwether_base::{CallId, CampaignId, SlotId, Span, Timestamp};
use bellwether_fingerprint::PrintHash;

use crate::call_history::{CallResult, follows};
use crate::clocks::{BaselineClockRates, Rate};

use affinity::Neighbour;
pub(crate) use affinity::{CallFeatures, Population};
pub(crate) use pattern::Pattern;

/// Minimum number of answered calls before one campaign can dominate a group.
const MIN_OF_DOMINANT: usize = 3;

/// Maximum number of calls per group.
const MAX_CANDIDATES: usize = u128::BITS as usize;

/// An answered call below this number of seconds is short.
pub(crate) const SHORT: u16 = 20;

/// An answered call from this number of seconds on is long.
pub(crate) const LONG: u16 = 60;

/// Minimum number of consecutive numbers before sequential dialling is evidence.
const MIN_IN_TURN: u32 = 4;

/// Reason for membership in a campaign that is known by its recordings.
pub(crate) const PLAYS_A_RECORDING: &str = "the caller plays a recording that other callers play too";

/// The property that the calls of a group share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum GroupKind {
    Fingerprint,
    Deployment,
    Instance,
    OriginId,
    CallerBlock,
    DialledBlock,
}

/// Features of a call that speak for or against a campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) is_neighbour: bool,
    pub(crate) is_impossible: bool,
    pub(crate) is_bad_token: bool,
    pub(crate) is_contradictory: bool,
    pub(crate) is_sequential: bool,
    /// The call's prompt occurs in other calls too.
    pub(crate) is_prompt: bool,
    /// A label: `true` for fraud, `false` for honest.
    pub(crate) label: Option<bool>,
    /// The call is the second leg of another call.
    pub(crate) is_leg: bool,
    pub(crate) is_from_trunk: bool,
    pub(crate) is_signed_full: bool,
}

/// A call in a candidate group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupMember {
    pub(crate) call: CallId,
    pub(crate) at: Timestamp,
    pub(crate) caller: u64,
    pub(crate) source: u64,
    /// Slots of the caller and the source in their tables.
    pub(crate) caller_at: SlotId,
    pub(crate) source_at: SlotId,
    pub(crate) agent: u32,
    pub(crate) neighbourhood: u32,
    pub(crate) line: u16,
    pub(crate) secs: u16,
    pub(crate) fate: CallResult,
    pub(crate) marks: Marks,
    pub(crate) platform: PrintHash,
    /// True if the call comes from the caller's registered device.
    pub(crate) is_home: bool,
    /// True if an earlier run scored this call and it is read again. Its membership does not change.
    pub(crate) is_settled: bool,
    /// The call's campaign, and whether its caller is established or fresh. All three are as of the last
    /// update: see [`CandidateGroup::refresh`].
    pub(crate) campaign: Option<CampaignId>,
    /// See `campaign`.
    pub(crate) is_rooted: bool,
    /// See `campaign`.
    pub(crate) is_fresh: bool,
    /// The rate of the caller's media clock, if it is informative.
    pub(crate) clock: Option<Rate>,
    /// The call's own evidence as log odds: see [`GroupMember::evidence`].
    pub(crate) odds: f64,
}

impl GroupMember {
    /// The call's own evidence of campaign membership: log odds, each with its text.
    fn evidence(&self, mut add: impl FnMut(f64, &'static str)) {
        let marks = &self.marks;
        let is_answered = self.fate == CallResult::Answered;
        let shown = [
            (marks.is_prompt, 5.0, PLAYS_A_RECORDING),
            (marks.is_sequential, 2.0, "the caller dials numbers in sequence"),
            (marks.is_impossible, 2.0, "the caller's number cannot exist"),
            (marks.is_bad_token, 1.5, "the PASSporT is bad"),
            (marks.is_contradictory, 0.7, "the User-Agent contradicts the structure"),
            (marks.is_neighbour, 0.7, "the caller's number is near the called number"),
            (marks.is_signed_full, -0.7, ""),
            (marks.label == Some(true), 20.0, "the call has the label fraud"),
            (marks.label == Some(false), -20.0, ""),
            (is_answered && self.secs < SHORT, 0.8, "the answered call ended soon"),
            (is_answered && (SHORT..LONG).contains(&self.secs), -0.7, ""),
            (is_answered && self.secs >= LONG, -2.5, ""),
        ];
        shown.into_iter().filter(|(is, ..)| *is).for_each(|(_, weight, word)| add(weight, word));
    }

    fn weigh(&mut self) {
        let mut odds = 0.0;
        self.evidence(|weight, _| odds += weight);
        self.odds = odds;
    }
}

/// Calls that share a property and come from callers that are not established.
#[derive(Clone, Debug)]
pub(crate) struct CandidateGroup {
    pub(crate) kind: GroupKind,
    pub(crate) name: String,
    /// The key of the property's reputation record, if it has one.
    pub(crate) standing: Option<u64>,
    /// The key of this group in the campaign index.
    pub(crate) lead: u64,
    /// Block and offset of the number dialled last.
    dialled: (u32, u16),
    /// One bit per call, the latest in the lowest bit: set if the number follows the previous one. It saves a
    /// scan of the calls.
    in_turn: u128,
    candidates: VecDeque<GroupMember>,
    /// Compact copies of the calls, scanned for every call of a campaign. Empty while the group has no
    /// campaign.
    neighbours: VecDeque<Neighbour>,
    /// Total number of calls added. The place of a call is the number of calls before it.
    added: u32,
    /// The campaign of this group, if it has one.
    campaign: Option<CampaignId>,
    pub(crate) pattern: Pattern,
    /// The campaign of most answered calls, and its share of them.
    pub(crate) dominant: Option<(CampaignId, f64)>,
    /// Number of changes since the last evaluation.
    news: usize,
    /// Number of evaluations.
    looks: u32,
}

impl CandidateGroup {
    pub(crate) fn new(kind: GroupKind, name: String, standing: Option<u64>, lead: u64) -> Self {
        Self {
            kind,
            name,
            standing,
            lead,
            dialled: (0, 0),
            in_turn: 0,
            // Many groups never get a second call.
            candidates: VecDeque::with_capacity(1),
            neighbours: VecDeque::new(),
            added: 0,
            campaign: None,
            pattern: Pattern::default(),
            dominant: None,
            news: 0,
            looks: 0,
        }
    }

    /// Adds a call and returns its place.
    pub(crate) fn add(&mut self, mut candidate: GroupMember) -> u32 {
        if self.candidates.len() == MAX_CANDIDATES {
            self.forget_oldest();
        }
        let dialled = (candidate.neighbourhood, candidate.line);
        candidate.marks.is_sequential = !self.candidates.is_empty() && follows(self.dialled, dialled);
        self.dialled = dialled;
        self.in_turn = self.in_turn << 1 | u128::from(candidate.marks.is_sequential);
        candidate.weigh();
        if self.campaign.is_some() {
            self.neighbours.push_back(Neighbour::from(&candidate));
        }
        self.candidates.push_back(candidate);
        self.news += 1;
        self.added = self.added.wrapping_add(1);
        self.added.wrapping_sub(1)
    }

    /// The place of the oldest call in memory.
    fn first(&self) -> u32 {
        self.added.wrapping_sub(self.candidates.len() as u32)
    }

    fn forget_oldest(&mut self) {
        self.candidates.pop_front();
        self.neighbours.pop_front();
    }

    /// Index of the call at a place, if it is still in memory.
    fn position(&self, place: u32, call: CallId) -> Option<usize> {
        let at = place.wrapping_sub(self.first()) as usize;
        self.candidates.get(at).is_some_and(|c| c.call == call).then_some(at)
    }

    /// The call at a place, if it is still in memory.
    pub(crate) fn find(&self, place: u32, call: CallId) -> Option<&GroupMember> {
        self.candidates.get(self.position(place, call)?)
    }

    /// Changes a call and updates its evidence.
    pub(crate) fn change(&mut self, place: u32, call: CallId, change: impl FnOnce(&mut GroupMember)) {
        let Some(at) = self.position(place, call) else { return };
        let Some(candidate) = self.candidates.get_mut(at) else { return };
        change(candidate);
        candidate.weigh();
        if let Some(neighbour) = self.neighbours.get_mut(at) {
            *neighbour = Neighbour::from(&*candidate);
        }
        self.news += 1;
    }

    /// Records the campaign of a call, or that it left one.
    pub(crate) fn belongs(&mut self, place: u32, call: CallId, campaign: Option<CampaignId>) {
        if let Some(candidate) = self.position(place, call).and_then(|at| self.candidates.get_mut(at)) {
            candidate.campaign = campaign;
        }
    }

    /// The campaign of this group, if it has one.
    pub(crate) const fn campaign(&self) -> Option<CampaignId> {
        self.campaign
    }

    /// Assigns the group to a campaign.
    pub(crate) fn leads_to(&mut self, campaign: CampaignId) {
        if self.campaign.replace(campaign).is_none() {
            self.neighbours = self.candidates.iter().map(Neighbour::from).collect();
        }
    }

    /// Replaces a campaign that was merged into another.
    pub(crate) fn merged(&mut self, from: CampaignId, into: CampaignId) {
        let named = self.candidates.iter_mut().map(|c| &mut c.campaign).chain([&mut self.campaign]);
        named.filter(|campaign| **campaign == Some(from)).for_each(|campaign| *campaign = Some(into));
    }

    pub(crate) fn candidates(&self) -> impl DoubleEndedIterator<Item = &GroupMember> {
        self.candidates.iter()
    }

    /// All calls with their places.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (u32, &GroupMember)> {
        let first = self.first();
        (0_u32..).map(move |at| first.wrapping_add(at)).zip(&self.candidates)
    }

    /// Returns true if an evaluation is due. Larger groups are evaluated after more changes.
    pub(crate) fn is_due(&self, fewest: usize) -> bool {
        // Honest callers dial the same block too, so a dialled block counts only with sequential dialling.
        let in_turn = self.in_turn & (u128::MAX >> (MAX_CANDIDATES - self.candidates.len()).min(127));
        let is_everybodys = self.kind == GroupKind::DialledBlock && in_turn.count_ones() < MIN_IN_TURN;
        if self.campaign.is_none() && is_everybodys {
            return false;
        }
        // A group with a campaign is evaluated for further evidence only; its calls are considered one by
        // one.
        let is_large = self.candidates.len() >= MAX_CANDIDATES / 2;
        let share = if self.campaign.is_some() || is_large { 3 } else { 6 };
        self.candidates.len() >= fewest && self.news > self.candidates.len() / share
    }

    /// Returns true if an earlier run scored the latest call, so that the group has no real news.
    pub(crate) fn is_settled(&self) -> bool {
        self.candidates.back().is_some_and(|c| c.is_settled)
    }

    /// Returns true if caller data is due for an update: callers may have become established since.
    pub(crate) const fn is_turn(&self) -> bool {
        self.looks % 3 == 2
    }

    /// Updates data of callers and calls from other tables. This costs far more than an evaluation, because
    /// the data is spread over memory, and it rarely changes anything.
    pub(crate) fn refresh(&mut self, ask: impl FnMut(&mut GroupMember)) {
        self.candidates.iter_mut().for_each(ask);
    }

    /// Evaluates the pattern of the group. Established callers and calls of other campaigns are left out,
    /// because they would distort the pattern of the rest.
    pub(crate) fn look(&mut self, now: Timestamp, window: Span, honest: &BaselineClockRates) {
        self.news = 0;
        self.looks = self.looks.wrapping_add(1);
        while self.candidates.front().is_some_and(|c| c.at < now - window) {
            self.forget_oldest();
        }
        let all = self
            .candidates
            .iter()
            .filter(|c| !c.marks.is_leg && c.marks.label != Some(false))
            .filter(|c| c.marks.label == Some(true) || !c.is_rooted);
        // Unanswered calls carry too little evidence and would hide the pattern of the others.
        let answered = all.clone().filter(|c| c.fate == CallResult::Answered);
        let count = answered.clone().count();
        let mut others: Vec<CampaignId> = answered.filter_map(|c| c.campaign).collect();
        others.sort_unstable();
        let largest = others.chunk_by(|a, b| a == b).max_by_key(|same| same.len());
        self.dominant = largest
            .and_then(|same| Some((*same.first()?, same.len() as f64 / count as f64)))
            .filter(|_| count >= MIN_OF_DOMINANT);
        let own = self.campaign;
        let own: Vec<&GroupMember> = all.filter(|c| c.campaign.is_none() || c.campaign == own).collect();
        self.pattern = Pattern::of(&own, honest);
    }

    /// All calls of the group by source address.
    pub(crate) fn crowd(&self) -> Population {
        Population::of(&self.neighbours)
    }

    /// The calls of one source address, with a summary of the others.
    pub(crate) fn around(&self, source: u64) -> Population {
        Population::around(source, &self.neighbours)
    }
}

/// Number of calls per source address of a group.
#[cfg(test)]
pub(crate) fn by_source(pool: &CandidateGroup) -> std::collections::BTreeMap<u64, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for candidate in pool.candidates() {
        *counts.entry(candidate.source).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkKind;
    use bellwether_fingerprint::Part;

    const WINDOW: Span = Span::from_secs(6 * 3600);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    fn candidate(call: i64, caller: u64, source: u64, agent: u32) -> GroupMember {
        GroupMember {
            call: CallId::new(call),
            // Uneven gaps, as people make them.
            at: at(call * 60 + (call * call * 7) % 97),
            caller,
            source,
            caller_at: SlotId::default(),
            source_at: SlotId::default(),
            agent,
            neighbourhood: 0,
            line: 0,
            secs: 90,
            fate: CallResult::Answered,
            marks: Marks::default(),
            platform: PrintHash::of(Part::Combined, "x"),
            is_home: false,
            is_settled: false,
            campaign: None,
            is_rooted: false,
            is_fresh: false,
            clock: None,
            odds: 0.0,
        }
    }

    fn pool(candidates: impl Iterator<Item = GroupMember>) -> CandidateGroup {
        let mut pool = CandidateGroup::new(GroupKind::Fingerprint, "x".into(), None, 0);
        candidates.for_each(|c| {
            pool.add(c);
        });
        let now = pool.candidates().last().map_or(at(0), |c| c.at);
        pool.look(now, WINDOW, &BaselineClockRates::default());
        pool
    }

    /// The log odds that a call of a fresh number belongs to the group's campaign. Evaluation with one source
    /// must equal evaluation with all.
    fn joins(pool: &mut CandidateGroup, call: GroupMember, specific: f64, honest: f64) -> (f64, String) {
        pool.leads_to(CampaignId::new(1));
        let place = pool.add(call);
        let call = *pool.find(place, call.call).unwrap();
        let around = CallFeatures { specific, honest, is_fresh: true, is_rooted: false };
        let [alone, with_all] =
            [pool.around(call.source), pool.crowd()].map(|c| pool.affinity(&call, around, &c));
        assert!((alone - with_all).abs() < 1e-9, "{alone} {with_all}");
        (alone, pool.why(&call, around, &pool.around(call.source)))
    }

    #[test]
    fn rotating_numbers_addresses_and_agents_are_a_campaign_before_any_call_has_ended() {
        let mut robots = pool((0..8).map(|i| GroupMember {
            fate: CallResult::Open,
            secs: 0,
            marks: Marks { is_neighbour: i % 2 == 0, ..Marks::default() },
            ..candidate(i, i as u64, (i / 2) as u64, i as u32)
        }));
        assert!(robots.pattern.is_campaign(6, 2), "{:?}", robots.pattern);
        assert_eq!(by_source(&robots).len(), 4);
        let newest = candidate(9, 99, 3, 9);
        let (odds, why) = joins(&mut robots, newest, 1.0, 0.0);
        assert!(odds > 0.0 && why.contains("hardly used"), "{odds} {why}");
    }

    #[test]
    fn honest_callers_of_a_carrier_are_none() {
        // Each caller calls once, through two border elements, and holds a conversation.
        let carrier = pool((0..100).map(|i| candidate(i, i as u64, (i % 2) as u64, 1)));
        assert!(carrier.pattern.has(LinkKind::Numbers));
        assert!(!carrier.pattern.is_campaign(6, 2), "{:?}", carrier.pattern);
    }

    #[test]
    fn a_call_centre_is_none_although_its_calls_are_short_and_paced() {
        let centre = pool((0..100).map(|i| GroupMember {
            secs: 8,
            at: at(i * 10),
            ..candidate(i, (i % 8) as u64, 5, 1)
        }));
        assert!(!centre.pattern.is_campaign(6, 2), "{:?}", centre.pattern);
    }

    #[test]
    fn a_machine_that_walks_through_numbers_is_one_before_anybody_answers() {
        let calls = |caller: fn(i64) -> u64, gap: fn(i64) -> i64| {
            pool((0..14).map(|i| GroupMember {
                at: at(i * 120 + gap(i)),
                fate: CallResult::Unanswered,
                ..candidate(i, caller(i), 3, 1)
            }))
        };
        let in_turn: fn(i64) -> u64 = |i| i as u64 / 2;
        let even: fn(i64) -> i64 = |i| (i * 7) % 30;
        let robot = calls(in_turn, even);
        assert!(
            robot.pattern.has(LinkKind::Rotation) && robot.pattern.is_campaign(6, 2),
            "{:?}",
            robot.pattern
        );
        // A call centre with returning numbers, and people in an office who redial.
        for honest in [calls(|i| (i * 5 % 9) as u64 / 2, even), calls(in_turn, |i| 100 * (i % 2))] {
            assert!(!honest.pattern.has(LinkKind::Rotation), "{:?}", honest.pattern);
            assert!(!honest.pattern.is_campaign(6, 2), "{:?}", honest.pattern);
        }
    }

    #[test]
    fn who_gets_roots_leaves() {
        let mut mixed = pool((0..40).map(|i| candidate(i, i as u64, i as u64, i as u32)));
        mixed.refresh(|c| c.is_rooted = c.caller >= 3);
        mixed.look(at(4000), WINDOW, &BaselineClockRates::default());
        assert_eq!(mixed.pattern.calls(), 3);
    }

    #[test]
    fn one_clock_behind_several_addresses_links_calls_and_tells_them_from_others() {
        let mut honest = BaselineClockRates::default();
        for i in 0..60_u8 {
            honest.add(Rate { ppm: f32::from(i % 12) * 5.0 - 30.0, within: 4.0 });
        }
        let one = |i: i64| GroupMember {
            clock: Some(Rate { ppm: 57.0 + (i % 3) as f32, within: 4.0 }),
            secs: 30,
            ..candidate(i, i as u64, (i / 3) as u64, 1)
        };
        let look = |pool: &mut CandidateGroup, honest: &BaselineClockRates| {
            let now = pool.candidates().last().map_or(at(0), |c| c.at);
            pool.look(now, WINDOW, honest);
            pool.pattern.has(LinkKind::Clock)
        };
        let mut robot = pool((0..12).map(one));
        assert!(look(&mut robot, &honest), "{:?}", robot.pattern);
        // Without a baseline, or if all honest callers have this rate, the rate is no evidence.
        assert!(!look(&mut robot.clone(), &BaselineClockRates::default()));
        // Nor is it with one address (as a PBX has), behind a trunk, or with differing rates.
        assert!(!look(&mut pool((0..12).map(|i| GroupMember { source: 5, ..one(i) })), &honest));
        let by_trunk = |i| GroupMember { marks: Marks { is_from_trunk: true, ..Marks::default() }, ..one(i) };
        assert!(!look(&mut pool((0..12).map(by_trunk)), &honest));
        let differ =
            |i: i64| GroupMember { clock: Some(Rate { ppm: 57.0 + 9.0 * i as f32, within: 4.0 }), ..one(i) };
        assert!(!look(&mut pool((0..12).map(differ)), &honest));
        // A call with another clock rate belongs to another caller.
        let odds = |clock| joins(&mut robot.clone(), GroupMember { clock, ..one(50) }, 0.1, 0.0).0;
        let (same, none, other) = (
            odds(Some(Rate { ppm: 58.0, within: 4.0 })),
            odds(None),
            odds(Some(Rate { ppm: 5.0, within: 4.0 })),
        );
        assert!(same > none && none > other, "{same} {none} {other}");
    }

    #[test]
    fn what_is_older_than_the_window_leaves_and_the_rest_is_bounded() {
        let mut old = pool((0..1000).map(|i| candidate(i, i as u64, 0, 0)));
        assert_eq!(old.candidates().count(), MAX_CANDIDATES);
        old.look(at(1000 * 60 + 20_000), WINDOW, &BaselineClockRates::default());
        assert!(old.candidates().count() < MAX_CANDIDATES);
    }

    #[test]
    fn a_conversation_with_somebody_unknown_on_a_shared_stack_does_not_join() {
        let robots = || {
            pool((0..20).map(|i| GroupMember { secs: 6, ..candidate(i, i as u64, (i / 2) as u64, i as u32) }))
        };
        let honest = candidate(50, 77, 900, 5);
        assert!(joins(&mut robots(), honest, 0.01, 0.0).0 < 0.0);
        let robot = GroupMember { secs: 6, ..candidate(51, 78, 901, 6) };
        assert!(joins(&mut robots(), robot, 0.01, 0.0).0 > 0.0);
        assert!(joins(&mut robots(), robot, 0.01, -4.0).0 < 0.0, "an address that brings its numbers back");
    }
}
