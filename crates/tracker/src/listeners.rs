use std::sync::Arc;

use bellwether_base::{CallId, Span, Timestamp};

use crate::Side;
use crate::formats::{FormatLog, Formats};
use crate::negotiation::Section;

/// A stream may begin this long after the end of its call and still belong to it.
pub(crate) const AFTERGLOW: Span = Span::from_secs(1);

/// The same limit if the call named both ends and no other call claims them. Endpoints are remembered no
/// longer.
pub(crate) const LONG_AFTERGLOW: Span = Span::from_secs(5);

/// A stream may begin this much earlier than its description, because mirrors reorder packets.
const AHEAD: Span = Span::from_millis(100);

/// Maximum number of calls per endpoint. Some user agents use one port for all their concurrent calls.
const MAX_LISTENERS: usize = 16;

/// The strength of an endpoint's naming, in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rank {
    /// A stream of the call uses this source and SSRC elsewhere.
    Source,
    /// An ICE candidate.
    Candidate,
    /// The agreed endpoint of `c=` and `m=`.
    Named,
}

/// One side of a call that listens at an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) call: CallId,
    pub(crate) side: Side,
    pub(crate) section: Section,
    pub(crate) rank: Rank,
    pub(crate) since: Timestamp,
    pub(crate) released_at: Option<Timestamp>,
    pub(crate) formats: FormatLog,
}

impl Listener {
    /// Order of precedence between listeners: open calls first, then rank, then age, newest first. The
    /// identity breaks ties, so that the order of arrival never decides.
    fn weight(&self) -> (bool, Rank, Timestamp, CallId) {
        (self.released_at.is_none(), self.rank, self.since, self.call)
    }

    /// Returns true if a stream that began at `first_seen` may belong to this listener: the description came
    /// in time, and the call had ended at most `afterglow` before.
    fn is_in_time(&self, first_seen: Timestamp, afterglow: Span) -> bool {
        let is_soon = self.released_at.is_none_or(|at| first_seen.since(at) <= afterglow);
        self.since <= first_seen + AHEAD && is_soon
    }

    /// Returns true if the call held the endpoint at some time between a stream's beginning and a later
    /// claim.
    fn held_between(&self, first_seen: Timestamp, claimed: Timestamp) -> bool {
        self.since < claimed && self.released_at.is_none_or(|at| at >= first_seen)
    }
}

/// The listener of a stream, and true if it is the sender's own rather than the receiver's.
pub(crate) type Claim<'a> = (&'a Listener, bool);

/// The side whose media a claimed stream carries.
pub(crate) const fn sender_of((listener, is_sender): Claim<'_>) -> Side {
    if is_sender { listener.side } else { listener.side.other() }
}

/// The claim on a stream that began at `first_seen`, by the listeners at its destination (`there`) and source
/// (`here`).
///
/// The order of precedence: a call that listens at both ends; the higher rank; the receiver.
/// If no listener was in time, a later one counts if no other call held the endpoint in between. The last
/// resort is a call that just ended and listened at both ends.
pub(crate) fn claim<'a>(
    there: &'a [Listener],
    here: &'a [Listener],
    first_seen: Timestamp,
) -> Option<Claim<'a>> {
    let in_time = best(there, here, |l, _| l.is_in_time(first_seen, AFTERGLOW));
    let later = || {
        best(there, here, |l, beside| {
            let is_other = |o: &Listener| o.call != l.call && o.held_between(first_seen, l.since);
            l.since > first_seen && !beside.iter().any(is_other)
        })
    };
    let just_over = || both(there, here, |l, _| l.is_in_time(first_seen, LONG_AFTERGLOW));
    in_time.or_else(later).or_else(|| just_over().map(|listener| (listener, false)))
}

/// The claim of a call that named both ends. A call with one end does not count.
pub(crate) fn claim_of_both<'a>(
    there: &'a [Listener],
    here: &'a [Listener],
    first_seen: Timestamp,
) -> Option<Claim<'a>> {
    let is_apt = |l: &Listener| l.released_at.is_none_or(|at| first_seen.since(at) <= AFTERGLOW);
    both(there, here, |l, _| is_apt(l)).map(|listener| (listener, false))
}

/// The claim of the only call with this name on either side. An SSRC that several calls use at one host is no
/// evidence.
pub(crate) fn claim_of_only<'a>(
    one: &'a [Listener],
    other: &'a [Listener],
    first_seen: Timestamp,
) -> Option<Claim<'a>> {
    let overlaps = |l: &&Listener| l.released_at.is_none_or(|at| at >= first_seen);
    let mut known = one.iter().chain(other).filter(overlaps);
    let first = known.next()?;
    known.all(|l| l.call == first.call && l.side == first.side).then_some((first, true))
}

fn best<'a>(
    there: &'a [Listener],
    here: &'a [Listener],
    is_apt: impl Fn(&Listener, &[Listener]) -> bool,
) -> Option<Claim<'a>> {
    if let Some(listener) = both(there, here, &is_apt) {
        return Some((listener, false));
    }
    let heaviest = |of: &'a [Listener]| of.iter().filter(|l| is_apt(l, of)).max_by_key(|l| l.weight());
    match (heaviest(there), heaviest(here)) {
        (Some(receiver), Some(sender)) if sender.rank > receiver.rank => Some((sender, true)),
        (Some(receiver), _) => Some((receiver, false)),
        (None, sender) => sender.map(|sender| (sender, true)),
    }
}

/// The receiver's listener of a call whose other side listens at the other end. The weight is symmetric, so
/// that both directions go to one call: the lower rank and the later time of the two listeners.
fn both<'a>(
    there: &'a [Listener],
    here: &'a [Listener],
    is_apt: impl Fn(&Listener, &[Listener]) -> bool,
) -> Option<&'a Listener> {
    let weight = |l: &Listener, h: &Listener| {
        let (is_open, _, _, call) = l.weight();
        (is_open, l.rank.min(h.rank), l.since.max(h.since), call)
    };
    let other_side =
        |l: &Listener| here.iter().find(|h| h.call == l.call && h.side != l.side).filter(|h| is_apt(h, here));
    there
        .iter()
        .filter(|l| is_apt(l, there))
        .filter_map(|l| other_side(l).map(|h| (l, h)))
        .max_by_key(|(l, h)| weight(l, h))
        .map(|(l, _)| l)
}

/// The listeners of an endpoint. Most endpoints have one, which needs no list.
#[derive(Debug)]
pub(crate) enum Listeners {
    One(Listener),
    Several(Vec<Listener>),
}

impl Listeners {
    pub(crate) fn as_slice(&self) -> &[Listener] {
        match self {
            Self::One(listener) => std::slice::from_ref(listener),
            Self::Several(listeners) => listeners,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Listener] {
        match self {
            Self::One(listener) => std::slice::from_mut(listener),
            Self::Several(listeners) => listeners,
        }
    }

    /// Returns true if all calls are over.
    pub(crate) fn are_released(&self) -> bool {
        self.as_slice().iter().all(|l| l.released_at.is_some())
    }

    /// Returns true if an open call's description names the endpoint as the agreed one.
    pub(crate) fn are_named(&self) -> bool {
        self.as_slice().iter().any(|l| l.rank == Rank::Named && l.released_at.is_none())
    }

    /// Adds a listener. It replaces the same call's earlier entry, an entry of a finished call, or the entry
    /// of least weight. `said` is the mapping of its description; `offered_by` is the CSeq of the re-INVITE
    /// with the offer. Returns true if a payload type changed its encoding.
    pub(crate) fn add(&mut self, listener: Listener, said: &Arc<Formats>, offered_by: Option<u32>) -> bool {
        let known = self.as_mut_slice();
        if let Some(same) = known.iter_mut().find(|l| l.call == listener.call) {
            // In contradictory descriptions a candidate does not take the endpoint from the side that agreed
            // to it.
            if same.side != listener.side && listener.rank < same.rank {
                return false;
            }
            let mut formats = same.formats.clone();
            let is_remapped = match offered_by {
                Some(cseq) => {
                    formats.offer(cseq, said);
                    false
                }
                None => formats.add(said, same.since, listener.since),
            };
            // A re-INVITE changes the description, not the start of listening.
            *same = Listener { since: same.since, rank: same.rank.max(listener.rank), formats, ..listener };
            return is_remapped;
        }
        let is_over = |l: &Listener| l.released_at.is_some_and(|at| listener.since.since(at) > AFTERGLOW);
        if let Some(over) = known.iter_mut().find(|l| is_over(l)) {
            *over = listener;
            return false;
        }
        match self {
            Self::One(first) => *self = Self::Several(vec![first.clone(), listener]),
            Self::Several(listeners) if listeners.len() < MAX_LISTENERS => listeners.push(listener),
            Self::Several(listeners) => {
                if let Some(least) = listeners.iter_mut().min_by_key(|l| l.weight())
                    && least.weight() < listener.weight()
                {
                    *least = listener;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(ms * 1_000_000)
    }

    fn listener(call: i64, side: Side, rank: Rank, since_ms: i64) -> Listener {
        Listener {
            call: CallId::new(call),
            side,
            section: Section::default(),
            rank,
            since: at(since_ms),
            released_at: None,
            formats: FormatLog::new(Arc::default()),
        }
    }

    fn over(listener: Listener, ms: i64) -> Listener {
        Listener { released_at: Some(at(ms)), ..listener }
    }

    fn call_of(there: &[Listener], here: &[Listener], first_seen_ms: i64) -> Option<(i64, bool)> {
        claim(there, here, at(first_seen_ms)).map(|(l, is_sender)| (l.call.get(), is_sender))
    }

    use Rank::{Candidate, Named, Source};
    use Side::{Callee, Caller};

    #[test]
    fn a_candidate_gives_way_to_what_was_agreed_unless_it_knows_both_ends() {
        let agreed = listener(1, Callee, Named, 0);
        let tried = listener(2, Callee, Candidate, 50);
        assert_eq!(call_of(&[agreed.clone(), tried.clone()], &[], 100), Some((1, false)));
        let other_end = [listener(2, Caller, Candidate, 40)];
        assert_eq!(call_of(&[agreed, tried], &other_end, 100), Some((2, false)));
    }

    #[test]
    fn what_was_agreed_at_one_end_is_heavier_than_a_candidate_at_the_other() {
        let (tried, agreed) = (listener(1, Callee, Candidate, 0), listener(2, Caller, Named, 0));
        assert_eq!(call_of(std::slice::from_ref(&tried), &[agreed], 10), Some((2, true)));
        assert_eq!(call_of(&[tried], &[listener(2, Caller, Source, 0)], 10), Some((1, false)));
    }

    #[test]
    fn a_later_claim_is_heard_if_no_other_call_held_the_endpoint_meanwhile() {
        let late = listener(1, Callee, Named, 5000);
        assert_eq!(call_of(std::slice::from_ref(&late), &[], 0), Some((1, false)));
        // The call that held the endpoint at the stream's beginning keeps it. A call in between excludes the
        // later one.
        assert_eq!(call_of(&[late.clone(), listener(2, Callee, Named, 0)], &[], 0), Some((2, false)));
        let between = over(listener(2, Callee, Named, 1000), 2000);
        assert_eq!(call_of(&[late.clone(), between], &[], 0), Some((2, false)));
        let before = over(listener(2, Callee, Named, -9000), -4000);
        assert_eq!(call_of(&[late, before], &[], 0), Some((1, false)));
    }

    #[test]
    fn a_call_that_is_just_over_keeps_what_runs_between_its_two_ends() {
        let (there, here) =
            (over(listener(1, Callee, Named, 0), 1000), over(listener(1, Caller, Named, 0), 1000));
        let there = std::slice::from_ref(&there);
        assert_eq!(call_of(there, &[], 1900), Some((1, false)));
        assert_eq!(call_of(there, &[], 2100), None);
        assert_eq!(call_of(there, std::slice::from_ref(&here), 5900), Some((1, false)));
        assert_eq!(call_of(there, std::slice::from_ref(&here), 6100), None);
        assert_eq!(call_of(there, &[here, listener(2, Caller, Candidate, 5000)], 5900), Some((2, true)));
    }

    #[test]
    fn both_directions_of_one_conversation_fall_to_one_call() {
        // Two legs share one description: the second leg names the caller's end last, the first leg the
        // callee's end.
        let caller_end = [listener(1, Caller, Named, 0), listener(2, Caller, Named, 10)];
        let callee_end = [listener(2, Callee, Named, 500), listener(1, Callee, Named, 510)];
        assert_eq!(call_of(&callee_end, &caller_end, 600), Some((1, false)));
        assert_eq!(call_of(&caller_end, &callee_end, 600), Some((1, false)));
    }

    #[test]
    fn a_call_that_was_answered_after_the_stream_began_does_not_know_both_ends_of_it() {
        let there = [listener(1, Caller, Named, 0), listener(2, Caller, Named, 20)];
        let here = [listener(1, Callee, Named, 900), listener(2, Callee, Named, 40)];
        assert_eq!(call_of(&there, &here, 500), Some((2, false)));
    }

    #[test]
    fn of_calls_of_one_moment_the_order_decides_nothing() {
        let (a, b) = (listener(7, Callee, Named, 0), listener(3, Callee, Named, 0));
        assert_eq!(call_of(&[a.clone(), b.clone()], &[], 1), Some((7, false)));
        assert_eq!(call_of(&[b, a], &[], 1), Some((7, false)));
    }

    #[test]
    fn candidates_by_the_thousand_push_nobody_out_who_agreed() {
        let mut listeners = Listeners::One(listener(0, Callee, Named, 0));
        for call in 1..1000 {
            listeners.add(listener(call, Callee, Candidate, call), &Arc::default(), None);
        }
        assert_eq!(listeners.as_slice().len(), MAX_LISTENERS);
        assert_eq!(call_of(listeners.as_slice(), &[], 2000), Some((0, false)));
    }

    #[test]
    fn a_call_that_contradicts_itself_keeps_the_stronger_word() {
        let mut listeners = Listeners::One(listener(1, Callee, Named, 0));
        listeners.add(listener(1, Caller, Candidate, 10), &Arc::default(), None);
        assert_eq!(listeners.as_slice()[0].side, Callee);
        listeners.add(listener(1, Callee, Candidate, 20), &Arc::default(), None);
        assert_eq!((listeners.as_slice()[0].rank, listeners.as_slice()[0].since), (Named, at(0)));
        listeners.add(listener(1, Caller, Named, 30), &Arc::default(), None);
        assert_eq!(listeners.as_slice()[0].side, Caller);
    }
}
