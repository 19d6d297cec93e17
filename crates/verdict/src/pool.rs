//! Calls that share something and whose callers have no roots: where campaigns are looked for.
//!
//! Honest callers leave a pool by themselves: they register, or their numbers come back and people talk to them. What stays are numbers
//! that are thrown away, and honest callers whom nobody knows yet; these differ in how they call.

use std::collections::VecDeque;

use bellwether_base::{Span, Timestamp};
use bellwether_fingerprint::PrintHash;

use crate::actor::{Fate, unevenness};
use crate::campaign::LinkKind;

/// Answered calls of a pool without which no campaign is the one that most belong to.
const FEWEST_OF_DOMINANT: usize = 3;

/// Calls remembered of a pool.
const MOST_CANDIDATES: usize = 128;

/// Seconds of talk below which who answers has hung up soon, and from which on people talked.
pub(crate) const SHORT: u16 = 20;
pub(crate) const LONG: u16 = 60;

/// Evidence of its own from which on a call tells something of its address.
const TELLING: f64 = 0.75;

/// What the calls of a pool share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum PoolKind {
    Fingerprint,
    Deployment,
    Instance,
    OriginId,
    CallerBlock,
    DialledBlock,
}

/// What a call shows that speaks for or against a campaign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) is_neighbour: bool,
    pub(crate) is_impossible: bool,
    pub(crate) is_bad_token: bool,
    pub(crate) is_contradictory: bool,
    pub(crate) is_sequential: bool,
    /// Its prompt is played in other calls too.
    pub(crate) is_prompt: bool,
    /// A label says that it is fraud, or that it is not.
    pub(crate) label: Option<bool>,
    /// It is the second leg of a call.
    pub(crate) is_leg: bool,
    pub(crate) is_from_trunk: bool,
    pub(crate) is_signed_full: bool,
}

/// A call of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) call: i64,
    pub(crate) at: Timestamp,
    pub(crate) caller: u64,
    pub(crate) callee: u64,
    pub(crate) source: u64,
    pub(crate) agent: u32,
    pub(crate) neighbourhood: u32,
    pub(crate) line: u16,
    pub(crate) secs: u16,
    pub(crate) fate: Fate,
    pub(crate) marks: Marks,
    pub(crate) platform: PrintHash,
    /// Whether it comes from where its caller is registered.
    pub(crate) is_home: bool,
    /// Whether an earlier run judged it, and it is read again: it stays where it is.
    pub(crate) is_settled: bool,
}

impl Candidate {
    /// Logarithm of the odds, by what the call itself shows, that it is one of a campaign's.
    fn evidence(&self, why: &mut Vec<&'static str>) -> f64 {
        let marks = &self.marks;
        let mut odds = 0.0;
        let mut add = |is: bool, weight: f64, word: &'static str| {
            if is {
                odds += weight;
                if weight > 0.0 {
                    why.push(word);
                }
            }
        };
        add(marks.is_prompt, 5.0, "plays a recording that other callers play");
        add(marks.is_sequential, 2.0, "dials numbers one after the other");
        add(marks.is_impossible, 2.0, "its number cannot exist");
        add(marks.is_bad_token, 1.5, "its token is no good");
        add(marks.is_contradictory, 0.7, "it is not built like what it calls itself");
        add(marks.is_neighbour, 0.7, "its number is near the called one");
        add(marks.is_signed_full, -0.7, "");
        add(marks.label == Some(true), 20.0, "a label says fraud");
        add(marks.label == Some(false), -20.0, "");
        let is_answered = self.fate == Fate::Answered;
        add(is_answered && self.secs < SHORT, 0.8, "whoever answered hung up soon");
        add(is_answered && (SHORT..LONG).contains(&self.secs), -0.7, "");
        add(is_answered && self.secs >= LONG, -2.5, "");
        odds
    }
}

/// What the calls of a pool have in common beside what makes it one.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Pattern {
    pub(crate) calls: usize,
    pub(crate) callers: usize,
    pub(crate) callees: usize,
    pub(crate) sources: usize,
    /// Whether User-Agents change at one address.
    pub(crate) agents_change: bool,
    /// Kinds of evidence, with words.
    pub(crate) kinds: Vec<(LinkKind, String)>,
    pub(crate) labels: usize,
    pub(crate) prompts: usize,
}

/// Calls of callers without roots that share something.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) kind: PoolKind,
    pub(crate) name: String,
    candidates: VecDeque<Candidate>,
    /// The campaign that its calls belong to, if they do.
    pub(crate) campaign: Option<i64>,
    pub(crate) pattern: Pattern,
    /// The campaign that most of its answered calls belong to, and the share of those.
    pub(crate) dominant: Option<(i64, f64)>,
    /// News since it was last looked at, and how often it was.
    news: usize,
    pub(crate) looks: u32,
}

impl Pool {
    pub(crate) fn new(kind: PoolKind, name: String) -> Self {
        Self {
            kind,
            name,
            candidates: VecDeque::new(),
            campaign: None,
            pattern: Pattern::default(),
            dominant: None,
            news: 0,
            looks: 0,
        }
    }

    pub(crate) fn add(&mut self, candidate: Candidate) {
        if self.candidates.len() == MOST_CANDIDATES {
            self.candidates.pop_front();
        }
        self.candidates.push_back(candidate);
        self.news += 1;
    }

    pub(crate) fn change(&mut self, call: i64, change: impl FnOnce(&mut Candidate)) {
        if let Some(candidate) = self.candidates.iter_mut().rev().find(|c| c.call == call) {
            change(candidate);
            self.news += 1;
        }
    }

    pub(crate) fn find(&self, call: i64) -> Option<&Candidate> {
        self.candidates.iter().rev().find(|c| c.call == call)
    }

    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter()
    }

    /// The call before the latest.
    pub(crate) fn previous(&self) -> Option<&Candidate> {
        self.candidates.back()
    }

    /// Whether there is enough news to look again: more seldom the more calls there are.
    pub(crate) fn is_due(&self, fewest: usize) -> bool {
        // What has a campaign is looked at for what else it shows; each of its calls is considered by itself.
        let share = if self.campaign.is_some() { 3 } else { 6 };
        self.candidates.len() >= fewest && self.news > self.candidates.len() / share
    }

    /// Looks for what its calls have in common, callers with roots aside, and calls that belong to other campaigns: those would make
    /// their neighbours look like them.
    pub(crate) fn look(
        &mut self,
        now: Timestamp,
        window: Span,
        is_rooted: impl Fn(&Candidate) -> bool,
        member_of: impl Fn(i64) -> Option<i64>,
    ) {
        self.news = 0;
        self.looks = self.looks.wrapping_add(1);
        while self.candidates.front().is_some_and(|c| c.at < now - window) {
            self.candidates.pop_front();
        }
        let all: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|c| !c.marks.is_leg && c.marks.label != Some(false))
            .filter(|c| c.marks.label == Some(true) || !is_rooted(c))
            .collect();
        // Calls that nobody answered show too little to be known by, and would hide what the others say.
        let answered: Vec<&Candidate> = all.iter().filter(|c| c.fate == Fate::Answered).copied().collect();
        let mut others: Vec<i64> = answered.iter().filter_map(|c| member_of(c.call)).collect();
        others.sort_unstable();
        let largest = others.chunk_by(|a, b| a == b).max_by_key(|same| same.len());
        self.dominant = largest
            .and_then(|same| Some((*same.first()?, same.len() as f64 / answered.len() as f64)))
            .filter(|_| answered.len() >= FEWEST_OF_DOMINANT);
        let own: Vec<&Candidate> = all
            .into_iter()
            .filter(|c| member_of(c.call).is_none_or(|campaign| self.campaign == Some(campaign)))
            .collect();
        self.pattern = pattern(&own);
    }

    /// Logarithm of the odds that a call of the pool belongs to its campaign, and why. `specific` is how far the pool is nobody else's,
    /// from 0 to 1; `is_fresh` whether the caller has hardly called before; `honest` what speaks for its address, as odds of 0 and
    /// below.
    pub(crate) fn affinity(
        &self,
        of: &Candidate,
        specific: f64,
        is_fresh: bool,
        honest: f64,
    ) -> (f64, String) {
        let mut why = Vec::new();
        let mut odds = match self.kind {
            PoolKind::Fingerprint | PoolKind::Deployment => 2.5 * specific - 0.8,
            PoolKind::Instance | PoolKind::OriginId => 0.7,
            PoolKind::CallerBlock => 0.0,
            // Honest callers call the numbers too that somebody dials in turn.
            PoolKind::DialledBlock if !of.marks.is_sequential => -4.0,
            PoolKind::DialledBlock => -0.8,
        };
        if is_fresh {
            odds += 0.8;
            why.push("its number was hardly used before");
        }
        odds += honest;
        odds += of.evidence(&mut why);
        // Its neighbours at the same address are judged by their own evidence: half of that is its own.
        let mut others = 0.0;
        let mut agents: Vec<u32> = vec![of.agent];
        let (mut count, mut telling, mut telling_here) = (0, 0, 0);
        for other in self.candidates.iter().filter(|c| c.call != of.call) {
            if other.evidence(&mut Vec::new()) >= TELLING {
                telling += 1;
                telling_here += u32::from(other.source == of.source);
            }
        }
        for other in self.candidates.iter().filter(|c| c.source == of.source && c.call != of.call) {
            others += other.evidence(&mut Vec::new()).clamp(-2.0, 2.0);
            count += 1;
            if agents.len() < 4 && !agents.contains(&other.agent) {
                agents.push(other.agent);
            }
        }
        if !of.marks.is_from_trunk {
            odds += (others * 0.4).clamp(-3.0, 2.0);
            if agents.len() > 1 {
                odds += 1.2;
                why.push("its address changes its User-Agent");
            } else if self.pattern.agents_change && count >= 6 {
                odds -= 1.5;
            }
        }
        // Whoever copies what a carrier's calls share makes its calls from elsewhere.
        if of.marks.is_from_trunk
            && telling >= 3
            && telling_here == 0
            && of.evidence(&mut Vec::new()) < TELLING
        {
            odds -= 2.0;
        }
        if self.pattern.kinds.len() > 3 {
            odds += 0.7;
        }
        why.truncate(3);
        (odds, why.join("; "))
    }
}

fn pattern(all: &[&Candidate]) -> Pattern {
    let calls = all.len();
    let mut pattern = Pattern { calls, ..Pattern::default() };
    if calls == 0 {
        return pattern;
    }
    let distinct = |values: &mut dyn Iterator<Item = u64>| crate::actor::distinct(values);
    pattern.callers = distinct(&mut all.iter().map(|c| c.caller));
    pattern.callees = distinct(&mut all.iter().map(|c| c.callee));
    pattern.sources = distinct(&mut all.iter().map(|c| c.source));
    let count = |is: &dyn Fn(&Candidate) -> bool| all.iter().filter(|c| is(c)).count();
    let share = |n: usize| n as f64 / calls as f64;
    let neighbours = count(&|c| c.marks.is_neighbour);
    let impossible = count(&|c| c.marks.is_impossible);
    let tokens = count(&|c| c.marks.is_bad_token);
    let sequential = count(&|c| c.marks.is_sequential);
    pattern.prompts = count(&|c| c.marks.is_prompt);
    pattern.labels = count(&|c| c.marks.label == Some(true));
    let ended = count(&|c| c.fate != Fate::Open);
    let answered = count(&|c| c.fate == Fate::Answered);
    let short = count(&|c| c.fate == Fate::Answered && c.secs < SHORT);
    let long = count(&|c| c.fate == Fate::Answered && c.secs >= LONG);
    let trunks = count(&|c| c.marks.is_from_trunk);
    // People's programs have many names; one address's program has one.
    let mut names: Vec<(u64, u32)> =
        all.iter().filter(|c| !c.marks.is_from_trunk).map(|c| (c.source, c.agent)).collect();
    names.sort_unstable();
    names.dedup();
    let volatile = names.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() >= 2).count();
    pattern.agents_change = volatile >= 2 || names.chunk_by(|a, b| a.0 == b.0).any(|same| same.len() >= 4);
    let returns = returns(all);
    let mut kinds = Vec::new();
    let mut add = |is: bool, kind: LinkKind, words: &dyn Fn() -> String| {
        if is {
            kinds.push((kind, words()));
        }
    };
    let (callers, sources) = (pattern.callers, pattern.sources);
    add(callers >= 5 && share(callers) >= 0.34 && returns * 5 <= calls, LinkKind::Numbers, &|| {
        format!("{callers} numbers in {calls} calls, used for a few calls each")
    });
    add(sources >= 3 && sources * 16 >= calls && trunks * 2 <= calls, LinkKind::Addresses, &|| {
        format!("{sources} addresses in {calls} calls")
    });
    add(pattern.agents_change, LinkKind::Agents, &|| {
        format!("{volatile} of {sources} addresses change their User-Agent")
    });
    add(neighbours >= 3 && share(neighbours) >= 0.4, LinkKind::Neighbours, &|| {
        format!("{neighbours} of {calls} call their own neighbourhood")
    });
    add(impossible >= 3 && share(impossible) >= 0.3, LinkKind::ImpossibleNumbers, &|| {
        format!("{impossible} of {calls} numbers cannot exist")
    });
    add(tokens >= 3 && share(tokens) >= 0.3, LinkKind::Tokens, &|| {
        format!("{tokens} of {calls} tokens are no good")
    });
    add(sequential >= 4 && share(sequential) >= 0.3, LinkKind::Sequence, &|| {
        format!("{sequential} of {calls} numbers follow the one before")
    });
    add(answered >= 4 && short * 10 >= answered * 6 && long * 10 <= ended, LinkKind::ShortCalls, &|| {
        format!("{short} of {answered} answered calls ended within {SHORT} s")
    });
    add(ended >= 10 && answered * 4 <= ended && answered > 0, LinkKind::Unanswered, &|| {
        format!("{answered} of {ended} calls were answered")
    });
    add(pattern.prompts >= 3 && share(pattern.prompts) >= 0.1, LinkKind::Prompt, &|| {
        format!("{} of {calls} calls begin with a recording that others play too", pattern.prompts)
    });
    add(pattern.labels > 0, LinkKind::Label, &|| format!("{} calls were labelled as fraud", pattern.labels));
    if calls >= 12
        && let Some(unevenness) = unevenness(all.iter().map(|c| c.at)).filter(|u| *u < 0.35)
    {
        add(true, LinkKind::Pace, &|| {
            format!("gaps between calls deviate by {:.0} % only", unevenness * 100.0)
        });
    }
    pattern.kinds = kinds;
    pattern
}

impl Pattern {
    pub(crate) fn has(&self, kind: LinkKind) -> bool {
        self.kinds.iter().any(|(k, _)| *k == kind)
    }

    /// Whether it is that of a campaign: numbers are thrown away, and so many other kinds of evidence agree. A recording that several
    /// play, or a label, is as good as two.
    pub(crate) fn is_campaign(&self, fewest_calls: usize, kinds: usize) -> bool {
        if self.calls < fewest_calls || !self.has(LinkKind::Numbers) {
            return false;
        }
        let weight = |kind: LinkKind| match kind {
            LinkKind::Prompt | LinkKind::Label => 2.0,
            LinkKind::Sequence
            | LinkKind::Neighbours
            | LinkKind::ImpossibleNumbers
            | LinkKind::Tokens
            | LinkKind::Agents
            | LinkKind::ShortCalls
            | LinkKind::Pace => 1.0,
            // Subscribers' addresses differ, and people do not always answer.
            LinkKind::Addresses | LinkKind::Unanswered => 0.5,
            _ => 0.0,
        };
        // Honest mass callers have short calls, at a machine's pace, that few answer. They do not hide.
        let hides = self.kinds.iter().any(|(kind, _)| {
            matches!(
                kind,
                LinkKind::Prompt
                    | LinkKind::Label
                    | LinkKind::Sequence
                    | LinkKind::Neighbours
                    | LinkKind::ImpossibleNumbers
                    | LinkKind::Tokens
                    | LinkKind::Agents
            )
        });
        let sum: f64 = self.kinds.iter().map(|(kind, _)| weight(*kind)).sum();
        sum >= kinds as f64 + if hides { 0.0 } else { 1.0 }
    }
}

/// Calls whose caller had called before, with three others or more in between: numbers that are used for good come back.
fn returns(all: &[&Candidate]) -> usize {
    let came_back = |place: usize| {
        let caller = all.get(place).map(|c| c.caller);
        let before = all.get(..place).unwrap_or_default();
        let last = before.iter().rposition(|c| Some(c.caller) == caller);
        last.is_some_and(|last| place - last > 3)
    };
    (0..all.len()).filter(|place| came_back(*place)).count()
}

/// Addresses of a pool with how many calls came from each.
#[cfg(test)]
pub(crate) fn by_source(pool: &Pool) -> std::collections::BTreeMap<u64, usize> {
    let mut counts = std::collections::BTreeMap::new();
    for candidate in pool.candidates() {
        *counts.entry(candidate.source).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_fingerprint::Part;

    const WINDOW: Span = Span::from_secs(6 * 3600);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    fn candidate(call: i64, caller: u64, source: u64, agent: u32) -> Candidate {
        Candidate {
            call,
            // Uneven gaps: people's.
            at: at(call * 60 + (call * call * 7) % 97),
            caller,
            callee: 1000 + call.cast_unsigned(),
            source,
            agent,
            neighbourhood: 0,
            line: 0,
            secs: 90,
            fate: Fate::Answered,
            marks: Marks::default(),
            platform: PrintHash::of(Part::Combined, "x"),
            is_home: false,
            is_settled: false,
        }
    }

    fn pool(candidates: impl Iterator<Item = Candidate>) -> Pool {
        let mut pool = Pool::new(PoolKind::Fingerprint, "x".into());
        candidates.for_each(|c| pool.add(c));
        let now = pool.candidates().last().map_or(at(0), |c| c.at);
        pool.look(now, WINDOW, |_| false, |_| None);
        pool
    }

    #[test]
    fn rotating_numbers_addresses_and_agents_are_a_campaign_before_any_call_has_ended() {
        let mut robots = pool((0..8).map(|i| Candidate {
            fate: Fate::Open,
            secs: 0,
            marks: Marks { is_neighbour: i % 2 == 0, ..Marks::default() },
            ..candidate(i, i as u64, (i / 2) as u64, i as u32)
        }));
        assert!(robots.pattern.is_campaign(6, 2), "{:?}", robots.pattern);
        assert_eq!(by_source(&robots).len(), 4);
        let newest = candidate(9, 99, 3, 9);
        robots.add(newest);
        let (odds, why) = robots.affinity(&newest, 1.0, true, 0.0);
        assert!(odds > 0.0 && why.contains("hardly used"), "{odds} {why}");
    }

    #[test]
    fn honest_callers_of_a_carrier_are_none() {
        // Each calls once, through two border elements, and people talk.
        let carrier = pool((0..100).map(|i| candidate(i, i as u64, (i % 2) as u64, 1)));
        assert!(carrier.pattern.has(LinkKind::Numbers));
        assert!(!carrier.pattern.is_campaign(6, 2), "{:?}", carrier.pattern);
    }

    #[test]
    fn a_call_centre_is_none_although_its_calls_are_short_and_paced() {
        let centre = pool((0..100).map(|i| Candidate {
            secs: 8,
            at: at(i * 10),
            ..candidate(i, (i % 8) as u64, 5, 1)
        }));
        assert!(!centre.pattern.is_campaign(6, 2), "{:?}", centre.pattern);
    }

    #[test]
    fn who_gets_roots_leaves() {
        let mut mixed = pool((0..40).map(|i| candidate(i, i as u64, i as u64, i as u32)));
        mixed.look(at(4000), WINDOW, |c| c.caller >= 3, |_| None);
        assert_eq!(mixed.pattern.calls, 3);
    }

    #[test]
    fn what_is_older_than_the_window_leaves_and_the_rest_is_bounded() {
        let mut old = pool((0..1000).map(|i| candidate(i, i as u64, 0, 0)));
        assert_eq!(old.candidates().count(), MOST_CANDIDATES);
        old.look(at(1000 * 60 + 20_000), WINDOW, |_| false, |_| None);
        assert!(old.candidates().count() < MOST_CANDIDATES);
    }

    #[test]
    fn a_conversation_with_somebody_unknown_on_a_shared_stack_does_not_join() {
        let robots =
            pool((0..20).map(|i| Candidate { secs: 6, ..candidate(i, i as u64, (i / 2) as u64, i as u32) }));
        let honest = candidate(50, 77, 900, 5);
        assert!(robots.affinity(&honest, 0.01, true, 0.0).0 < 0.0);
        let robot = Candidate { secs: 6, ..candidate(51, 78, 901, 6) };
        assert!(robots.affinity(&robot, 0.01, true, 0.0).0 > 0.0);
        assert!(robots.affinity(&robot, 0.01, true, -4.0).0 < 0.0, "an address that brings its numbers back");
    }
}
