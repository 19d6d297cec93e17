//! A call as far as it matters for others, and how two of them lie to each other.

use bellwether_base::{Endpoint, FlowKey, Span, Timestamp};
use bellwether_tracker::Side;
use smallvec::SmallVec;

/// Where one side listens, as a hash, and which.
pub(super) type Listener = (u64, Side);

/// A stream is told when it is over: a call that ended so long before its last packet has none of it.
const AFTERGLOW: Span = Span::from_secs(1);

/// Mirrors show what passes two ports of a switch in another order by so much: a leg may seem to begin before the one it goes on from.
const OUT_OF_ORDER: Span = Span::from_millis(20);

/// Within this time the same caller calls the same callee on two ways that share no host: a session border controller of two addresses.
const AT_ONCE: Span = Span::from_secs(1);

/// What is kept of a call.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) started_at: Timestamp,
    /// When it was answered or refused, and whether it was answered.
    pub(super) outcome: Option<(Timestamp, bool)>,
    pub(super) ended_at: Option<Timestamp>,
    /// The first hop of its INVITE, and where the last one went.
    pub(super) flow: FlowKey,
    pub(super) last_destination: Endpoint,
    /// The last digits of the number that was dialled.
    pub(super) dialled_line: Option<u16>,
    /// The domain that its caller is local to, as a hash.
    pub(super) domain: Option<u64>,
    /// Calls of the same conversation.
    pub(super) peers: SmallVec<[i64; 2]>,
    /// Whether a call that goes on from it, and one that it goes on from, is known.
    pub(super) has_next: bool,
    pub(super) has_previous: bool,
    /// Where its sides listen for media.
    pub(super) media: SmallVec<[Listener; 4]>,
}

impl Leg {
    /// Whether another call goes on where this one arrived: it begins while this one lasts, and comes from where that went.
    ///
    /// Two calls of one host to another, or of one host to itself, only touch the same hosts: of these the second has to come from the very
    /// port that the first went to.
    pub(super) fn goes_on_as(&self, next: &Self) -> bool {
        self.started_at <= next.started_at && self.leads_to(next)
    }

    /// Whether it does, or would if a mirror showed the two in the order that they were sent in.
    pub(super) fn goes_on_by_mirror_as(&self, next: &Self) -> bool {
        self.started_at <= next.started_at + OUT_OF_ORDER && self.leads_to(next)
    }

    fn leads_to(&self, next: &Self) -> bool {
        let (from, to) = (self.flow.src, next.flow.src);
        let arrivals = [self.flow.dst, self.last_destination];
        let from_its_port = arrivals.contains(&to) && from != to;
        let from_its_host = arrivals.iter().any(|at| at.ip() == to.ip()) && from.ip() != to.ip();
        self.lasts_at(next.started_at) && (from_its_port || from_its_host)
    }

    /// Whether two calls that begin one behind the other are of different senders to different places: nobody calls twice so.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.flow.src.ip() != other.flow.src.ip() && self.flow.dst.ip() != other.flow.dst.ip()
    }

    /// Whether the two began at one time, in either order.
    pub(super) fn began_at_once(&self, other: &Self) -> bool {
        self.started_at <= other.started_at + AT_ONCE && other.started_at <= self.started_at + AT_ONCE
    }

    /// Whether the call was not over at a time.
    pub(super) fn lasts_at(&self, at: Timestamp) -> bool {
        self.ended_at.is_none_or(|ended| ended > at)
    }

    /// Whether both lasted at one time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.lasts_at(other.started_at) && other.lasts_at(self.started_at)
    }

    /// Whether it lasted while a stream did.
    pub(super) fn lasts_during(&self, first: Timestamp, last: Timestamp) -> bool {
        self.started_at <= last && self.ended_at.is_none_or(|ended| ended + AFTERGLOW >= first)
    }

    /// How well it names the two ends of a stream, and whose voice the stream carries then: both ends, the receiver, the sender.
    pub(super) fn names(&self, src: u64, dst: u64) -> Option<(u8, Side)> {
        let side = |end: u64| self.media.iter().find(|(at, _)| *at == end).map(|(_, side)| *side);
        match (side(src), side(dst)) {
            (Some(from), Some(to)) if from != to => Some((3, from)),
            (_, Some(to)) => Some((2, to.other())),
            (Some(from), None) => Some((1, from)),
            (None, None) => None,
        }
    }
}
