//! The data of a call that matters for linking, and relations between two calls.

use bellwether_base::{CallId, Endpoint, FlowKey, Span, Timestamp};
use bellwether_tracker::Side;
use smallvec::SmallVec;

/// A media endpoint as a hash, with the side that listens there.
pub(super) type Listener = (u64, Side);

/// A stream is reported after its end. A call that ended longer before the stream's first packet does not own
/// it.
const AFTERGLOW: Span = Span::from_secs(1);

/// Mirrors reorder packets of two switch ports by up to this time, so that a leg may seem to begin before its
/// previous one.
const OUT_OF_ORDER: Span = Span::from_millis(20);

/// Two calls of one caller to one callee within this time, on paths without a common host, pass a session
/// border controller with two addresses.
const AT_ONCE: Span = Span::from_secs(1);

/// The stored data of a call.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    pub(super) started_at: Timestamp,
    /// Time of the answer or refusal, and true for an answer.
    pub(super) outcome: Option<(Timestamp, bool)>,
    pub(super) ended_at: Option<Timestamp>,
    /// The first hop of its INVITE, and the destination of the last hop.
    pub(super) flow: FlowKey,
    pub(super) last_destination: Endpoint,
    /// The last digits of the dialled number.
    pub(super) dialled_line: Option<u16>,
    /// The domain of its caller, as a hash.
    pub(super) domain: Option<u64>,
    /// Linked calls of the same conversation.
    pub(super) peers: SmallVec<[CallId; 2]>,
    /// True if its next leg, or its previous leg, is known.
    pub(super) has_next: bool,
    pub(super) has_previous: bool,
    /// Media endpoints of both sides.
    pub(super) media: SmallVec<[Listener; 4]>,
}

impl Leg {
    /// Returns true if `next` is the next leg: it begins while this call lasts, and comes from this call's
    /// destination.
    ///
    /// Two calls between the same two hosts, or within one host, touch the same hosts anyway. The second call
    /// must then come from the exact port of the first one's destination.
    pub(super) fn goes_on_as(&self, next: &Self) -> bool {
        self.started_at <= next.started_at && self.leads_to(next)
    }

    /// The same with tolerance for the reordering of a mirror.
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

    /// Returns true if two calls have different sources and different destinations. No device repeats a call
    /// in this way.
    pub(super) fn is_apart_from(&self, other: &Self) -> bool {
        self.flow.src.ip() != other.flow.src.ip() && self.flow.dst.ip() != other.flow.dst.ip()
    }

    /// Returns true if both calls began at about the same time, in either order.
    pub(super) fn began_at_once(&self, other: &Self) -> bool {
        self.started_at <= other.started_at + AT_ONCE && other.started_at <= self.started_at + AT_ONCE
    }

    /// Returns true if the call is active at a time.
    pub(super) fn lasts_at(&self, at: Timestamp) -> bool {
        self.ended_at.is_none_or(|ended| ended > at)
    }

    /// Returns true if both calls overlap in time.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.lasts_at(other.started_at) && other.lasts_at(self.started_at)
    }

    /// Returns true if the call was active during a stream.
    pub(super) fn lasts_during(&self, first: Timestamp, last: Timestamp) -> bool {
        self.started_at <= last && self.ended_at.is_none_or(|ended| ended + AFTERGLOW >= first)
    }

    /// Rank of the match between the call's endpoints and a stream, and the side whose media it is. Both ends
    /// rank highest, then the receiver, then the sender.
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
