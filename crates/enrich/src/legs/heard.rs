//! Links by media streams: a relay forwards a stream with its SSRC.

use bellwether_base::{CallId, FlowKey, Span, Timestamp};
use bellwether_tracker::{Side, StreamFact};
use smallvec::SmallVec;

use super::leg::Leg;
use super::{Legs, Link, MAX_LEGS};

/// Lower SSRCs are counters instead of random numbers, so that unrelated streams share them.
const RANDOM_SSRC: u32 = 0x1_0000;

/// Maximum delay of a relayed packet.
const RELAYED_IN: Span = Span::from_millis(100);

/// Maximum time between the ends of a stream and of its relayed copy. A side continues for a while after a
/// request to stop.
const ENDS_IN: Span = Span::from_secs(1);

/// A stream of a call.
#[derive(Clone, Copy)]
pub(super) struct Heard {
    call: CallId,
    /// The side whose media it is.
    sender: Option<Side>,
    flow: FlowKey,
    first: Timestamp,
    last: Timestamp,
}

impl Legs {
    /// Adds a stream of a call and returns the links that follow.
    pub(crate) fn hears(&mut self, stream: &StreamFact) -> Vec<Link> {
        let mut links = Vec::new();
        let Some(call) = stream.call.filter(|_| stream.ssrc >= RANDOM_SSRC) else { return links };
        let heard = Heard {
            call,
            sender: stream.sender,
            flow: stream.flow,
            first: stream.first_seen,
            last: stream.last_seen,
        };
        let key = self.hash(&[b"source", &stream.ssrc.to_le_bytes()]);
        let (slot, _) = self.heard.find_or_insert(key, key, stream.last_seen);
        self.heard.touch(slot, 0, stream.last_seen);
        let Some((_, known)) = self.heard.get_mut(slot) else { return links };
        match known.iter().position(|known| known.call == call && known.flow == heard.flow) {
            Some(place) => known.get_mut(place).into_iter().for_each(|known| *known = heard),
            None if known.len() < MAX_LEGS => known.push(heard),
            // An SSRC in many calls belongs to a recording.
            None => return links,
        }
        let known = known.clone();
        // Each relation must hold for exactly one other call. Ambiguous streams are not linked.
        let relations: [fn(&Heard, &Heard) -> bool; 4] =
            [is_relayed_as, |a, b| is_relayed_as(b, a), has_moved_to, is_the_same_elsewhere];
        for is_related in relations {
            let mut found: SmallVec<[CallId; 4]> = known
                .iter()
                .filter(|other| other.call != call && is_related(other, &heard))
                .filter(|other| {
                    self.leg(other.call).zip(self.leg(call)).is_some_and(|(a, b)| follow_each_other(a, b))
                })
                .map(|other| other.call)
                .collect();
            found.sort_unstable();
            found.dedup();
            if let [other] = found.as_slice() {
                self.link(*other, call, &mut links);
            }
        }
        links
    }
}

/// Returns true if a relay forwards stream `a` as stream `b`. Both must carry the media of the same side: a
/// stream that is sent back is an echo.
fn is_relayed_as(a: &Heard, b: &Heard) -> bool {
    let is_at_once = a.first <= b.last && b.first <= a.last;
    let is_sent_on = a.flow.dst.ip() == b.flow.src.ip() && a.flow.src.ip() != b.flow.src.ip();
    is_at_once && is_sent_on && a.sender == b.sender
}

/// Returns true if two streams of one SSRC and side start and end together on paths without a common host.
/// This is a session border controller with two addresses.
fn is_the_same_elsewhere(a: &Heard, b: &Heard) -> bool {
    let is_near = |a: Timestamp, b: Timestamp, by: Span| a <= b + by && b <= a + by;
    let is_apart = a.flow.src.ip() != b.flow.src.ip() && a.flow.dst.ip() != b.flow.dst.ip();
    is_apart
        && a.sender == b.sender
        && is_near(a.first, b.first, RELAYED_IN)
        && is_near(a.last, b.last, ENDS_IN)
}

/// Returns true if a source sends to one endpoint in one call and to another in the other.
fn has_moved_to(a: &Heard, b: &Heard) -> bool {
    a.flow.src == b.flow.src && a.flow.dst != b.flow.dst
}

/// Returns true if two calls overlap in time, and one is the next leg of the other or both have separate
/// paths.
fn follow_each_other(a: &Leg, b: &Leg) -> bool {
    a.overlaps(b) && (a.goes_on_as(b) || b.goes_on_as(a) || a.is_apart_from(b))
}
