//! The common calling pattern of a candidate group.

use smallvec::SmallVec;

use super::{GroupMember, LONG, MIN_IN_TURN, SHORT};
use crate::call_history::{CallResult, unevenness};
use crate::campaign::LinkKind;
use crate::clocks::{BaselineClockRates, Rate};
use crate::stack_index::{StackIndex, distinct};

/// The pattern of a candidate group, beyond its shared property.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Pattern {
    tally: Tally,
    /// The common clock rate if it is rare among honest callers, and the number of calls with it.
    clock: Option<(Rate, usize)>,
    /// Coefficient of variation of the gaps between calls, if there are enough calls.
    unevenness: Option<f64>,
    /// The kinds of evidence found, in the order of the checks.
    kinds: SmallVec<[LinkKind; 16]>,
}

/// Counters over the calls, from one pass.
#[derive(Clone, PartialEq, Debug, Default)]
struct Tally {
    calls: usize,
    neighbours: usize,
    impossible: usize,
    bad_tokens: usize,
    sequential: usize,
    prompts: usize,
    labels: usize,
    ended: usize,
    answered: usize,
    short: usize,
    long: usize,
    from_trunks: usize,
    /// Calls whose caller returned after three or more other calls. Honest numbers return.
    returns: usize,
    /// Calls whose caller made the previous call too.
    in_a_row: usize,
    /// Calls whose caller returned after other calls.
    back: usize,
    callers: usize,
    sources: usize,
    /// Number of addresses with two or more User-Agents.
    volatile: usize,
    /// True if one address has four or more User-Agents.
    is_very_volatile: bool,
}

impl Tally {
    fn of(calls: &[&GroupMember]) -> Self {
        let mut tally = Self::default();
        let (mut callers, mut sources) = (StackIndex::<256>::new(), StackIndex::<256>::new());
        let mut has_renamed = false;
        for (place, c) in calls.iter().enumerate() {
            let is = |is: bool| usize::from(is);
            tally.calls += 1;
            tally.neighbours += is(c.marks.is_neighbour);
            tally.impossible += is(c.marks.is_impossible);
            tally.bad_tokens += is(c.marks.is_bad_token);
            tally.sequential += is(c.marks.is_sequential);
            tally.prompts += is(c.marks.is_prompt);
            tally.labels += is(c.marks.label == Some(true));
            tally.ended += is(c.fate != CallResult::Open);
            let is_answered = c.fate == CallResult::Answered;
            tally.answered += is(is_answered);
            tally.short += is(is_answered && c.secs < SHORT);
            tally.long += is(is_answered && c.secs >= LONG);
            tally.from_trunks += is(c.marks.is_from_trunk);
            let last = callers.put(place, |at| calls.get(at).map_or(0, |c| c.caller));
            tally.returns += is(last.is_some_and(|last| place - last > 3));
            tally.in_a_row += is(last.is_some_and(|last| place - last == 1));
            tally.back += is(last.is_some_and(|last| place - last > 1));
            let last = sources.put(place, |at| calls.get(at).map_or(0, |c| c.source));
            let before = last.and_then(|last| calls.get(last));
            has_renamed |= before.is_some_and(|before| before.agent != c.agent);
        }
        (tally.callers, tally.sources) = (callers.distinct(), sources.distinct());
        // Most addresses have one User-Agent.
        if has_renamed {
            tally.count_names(calls);
        }
        tally
    }

    /// Returns true for serial rotation: numbers make consecutive calls and never return. People also redial
    /// at once, but return later too. Numbers with a single call show no order.
    const fn is_serial(&self) -> bool {
        self.in_a_row >= 5 && self.back == 0 && self.callers >= 6
    }

    /// Counts User-Agents per address. A population has many of them; one address normally has one.
    fn count_names(&mut self, calls: &[&GroupMember]) {
        let of_no_trunk = calls.iter().filter(|c| !c.marks.is_from_trunk);
        let mut names: Vec<(u64, u32)> = of_no_trunk.map(|c| (c.source, c.agent)).collect();
        names.sort_unstable();
        names.dedup();
        let by_source = || names.chunk_by(|a, b| a.0 == b.0);
        self.volatile = by_source().filter(|same| same.len() >= 2).count();
        self.is_very_volatile = by_source().any(|same| same.len() >= 4);
    }
}

/// Minimum number of calls with a known clock rate.
const MIN_PACED: usize = 6;

/// Minimum number of addresses, and of callers, with the common clock rate.
const MIN_PLACES: usize = 3;

/// The common media clock of nearly all calls with a known rate, and the number of these calls. Several
/// addresses and numbers must share the rate, and it must be rare among honest callers.
fn shared_clock(all: &[&GroupMember], honest: &BaselineClockRates) -> Option<(Rate, usize)> {
    let paced = all.iter().copied().filter(|c| c.clock.is_some() && !c.marks.is_from_trunk);
    let count = paced.clone().count();
    if count < MIN_PACED {
        return None;
    }
    let mean = Rate::mean(paced.clone().filter_map(|c| c.clock))?;
    let same: Vec<&GroupMember> = paced.filter(|c| c.clock.is_some_and(|clock| clock.agrees(mean))).collect();
    let agree = same.len();
    let places = distinct(&same, |c| c.source).min(distinct(&same, |c| c.caller));
    (agree * 10 >= count * 9 && places >= MIN_PLACES && honest.is_rare(mean)).then_some((mean, agree))
}

impl Pattern {
    /// Determines the pattern of calls, oldest first.
    pub(super) fn of(all: &[&GroupMember], honest: &BaselineClockRates) -> Self {
        let t = Tally::of(all);
        let calls = t.calls;
        let clock = shared_clock(all, honest);
        let unevenness = if calls >= 12 { unevenness(all, |c| c.at) } else { None };
        let is_share = |n: usize, of: f64| n as f64 / calls as f64 >= of;
        let is_thrown_away = t.callers >= 5 && is_share(t.callers, 0.34) && t.returns * 5 <= calls;
        let is_spread = t.sources >= 3 && t.sources * 16 >= calls && t.from_trunks * 2 <= calls;
        let are_short = t.answered >= 4 && t.short * 10 >= t.answered * 6 && t.long * 10 <= t.ended;
        let is_paced = unevenness.is_some_and(|u| u < 0.35);
        let kinds = [
            (LinkKind::Numbers, is_thrown_away),
            // People who redial do so after uneven gaps.
            (LinkKind::Rotation, t.is_serial() && is_paced),
            (LinkKind::Addresses, is_spread),
            (LinkKind::Agents, t.volatile >= 2 || t.is_very_volatile),
            (LinkKind::Neighbours, t.neighbours >= 3 && is_share(t.neighbours, 0.4)),
            (LinkKind::ImpossibleNumbers, t.impossible >= 3 && is_share(t.impossible, 0.3)),
            (LinkKind::Tokens, t.bad_tokens >= 3 && is_share(t.bad_tokens, 0.3)),
            (LinkKind::Sequence, t.sequential >= MIN_IN_TURN as usize && is_share(t.sequential, 0.3)),
            (LinkKind::ShortCalls, are_short),
            (LinkKind::Unanswered, t.ended >= 10 && t.answered * 4 <= t.ended && t.answered > 0),
            (LinkKind::Prompt, t.prompts >= 3 && is_share(t.prompts, 0.1)),
            (LinkKind::Label, t.labels > 0),
            (LinkKind::Clock, clock.is_some()),
            (LinkKind::Pace, is_paced),
        ];
        let kinds = kinds.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect();
        Self { tally: t, clock, unevenness, kinds }
    }

    /// Number of calls in the pattern.
    pub(crate) const fn calls(&self) -> usize {
        self.tally.calls
    }

    /// The common clock rate.
    pub(super) fn clock(&self) -> Option<Rate> {
        self.clock.map(|(rate, _)| rate)
    }

    /// The kinds of evidence.
    pub(crate) fn kinds(&self) -> &[LinkKind] {
        &self.kinds
    }

    /// The text of one kind of evidence.
    pub(crate) fn words(&self, kind: LinkKind) -> String {
        let (t, calls) = (&self.tally, self.tally.calls);
        match kind {
            LinkKind::Numbers => {
                format!("{calls} calls under {} numbers, each used for a few calls", t.callers)
            }
            LinkKind::Rotation => {
                format!("{calls} calls under {} numbers, in succession, none used again", t.callers)
            }
            LinkKind::Addresses => format!("{calls} calls from {} addresses", t.sources),
            LinkKind::Agents => format!("{} of {} addresses change their User-Agent", t.volatile, t.sources),
            LinkKind::Neighbours => {
                format!("{} of {calls} calls go to numbers near the caller's", t.neighbours)
            }
            LinkKind::ImpossibleNumbers => {
                format!("{} of {calls} callers' numbers cannot exist", t.impossible)
            }
            LinkKind::Tokens => format!("{} of {calls} calls have a bad PASSporT", t.bad_tokens),
            LinkKind::Sequence => {
                format!("{} of {calls} called numbers follow the number before", t.sequential)
            }
            LinkKind::ShortCalls => {
                format!("{} of {} answered calls ended within {SHORT} s", t.short, t.answered)
            }
            LinkKind::Unanswered => format!("{} of {} calls were answered", t.answered, t.ended),
            LinkKind::Prompt => {
                format!("{} of {calls} calls play a recording of several callers", t.prompts)
            }
            LinkKind::Label => format!("{} calls have the label fraud", t.labels),
            LinkKind::Clock => self.clock.map_or(String::new(), |(clock, paced)| {
                format!(
                    "{paced} calls from several addresses have one rare media clock ({:+.0} ppm)",
                    clock.ppm
                )
            }),
            LinkKind::Pace => {
                let percent = self.unevenness.unwrap_or_default() * 100.0;
                format!("the gaps between calls deviate by only {percent:.0} %")
            }
            LinkKind::Fingerprint
            | LinkKind::Deployment
            | LinkKind::Instance
            | LinkKind::OriginId
            | LinkKind::CallerBlock
            | LinkKind::DialledBlock
            | LinkKind::BorrowedNumbers
            | LinkKind::Leg => String::new(),
        }
    }

    pub(crate) fn has(&self, kind: LinkKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Returns true if the pattern is that of a campaign: throwaway numbers, and enough other evidence. A
    /// shared recording or a label has twice the weight.
    pub(crate) fn is_campaign(&self, fewest_calls: usize, kinds: usize) -> bool {
        if self.tally.calls < fewest_calls || !self.has(LinkKind::Numbers) {
            return false;
        }
        let weight = |kind: LinkKind| match kind {
            LinkKind::Prompt | LinkKind::Label => 2.0,
            LinkKind::Sequence
            | LinkKind::Neighbours
            | LinkKind::ImpossibleNumbers
            | LinkKind::Tokens
            | LinkKind::Agents
            | LinkKind::Rotation
            | LinkKind::ShortCalls
            | LinkKind::Clock
            | LinkKind::Pace => 1.0,
            // Subscribers also have different addresses, and people do not always answer.
            LinkKind::Addresses | LinkKind::Unanswered => 0.5,
            _ => 0.0,
        };
        // Honest mass callers also make short, evenly paced calls with few answers, but they do not hide.
        let hides = self.kinds.iter().any(|kind| {
            matches!(
                kind,
                LinkKind::Prompt
                    | LinkKind::Label
                    | LinkKind::Sequence
                    | LinkKind::Neighbours
                    | LinkKind::ImpossibleNumbers
                    | LinkKind::Tokens
                    | LinkKind::Agents
                    | LinkKind::Rotation
                    | LinkKind::Clock
            )
        });
        let sum: f64 = self.kinds.iter().map(|kind| weight(*kind)).sum();
        sum >= kinds as f64 + if hides { 0.0 } else { 1.0 }
    }
}
