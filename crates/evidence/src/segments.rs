//! Frames of the segments of TCP flows.

use std::collections::VecDeque;

use bellwether_base::{FlowKey, HashKey, LruTable, Timestamp};
use bellwether_wire::{Segment, TcpLimits};

use crate::scanner::Carriers;

/// Segments remembered of one flow: a message of 64 KiB in segments of 16 octets.
const MAX_SEGMENTS: usize = 4096;

/// Wanted messages remembered of one flow, to which retransmissions may come.
const MAX_RANGES: usize = 256;

/// Frames that carry segments, by flow, beside the reassembler that holds their octets.
pub(crate) struct Segments {
    table: LruTable<FlowKey, Flow, 1>,
    hash_key: HashKey,
}

#[derive(Default)]
struct Flow {
    segments: VecDeque<Piece>,
    wanted: VecDeque<Octets>,
}

struct Piece {
    octets: Octets,
    frames: Carriers,
}

/// Sequence numbers from the first up to the one behind the last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Octets {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Octets {
    const fn of(segment: &Segment<'_>) -> Self {
        // SYN has a sequence number of its own (RFC 9293 section 3.4).
        let from = segment.seq.wrapping_add(segment.syn as u32);
        Self { from, to: from.wrapping_add(segment.payload.len() as u32) }
    }

    const fn meets(self, other: Self) -> bool {
        is_before(self.from, other.to) && is_before(other.from, self.to)
    }
}

/// Sequence numbers wrap round.
const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

impl Segments {
    pub(crate) fn new(limits: &TcpLimits, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(limits.flows), hash_key }
    }

    /// Adds a segment's frames. Returns true if the segment repeats octets of a wanted message.
    pub(crate) fn push(
        &mut self,
        flow: FlowKey,
        segment: &Segment<'_>,
        frames: &Carriers,
        now: Timestamp,
    ) -> bool {
        if segment.payload.is_empty() && !segment.syn {
            return false;
        }
        let Some(flow) = self.flow(flow, now) else { return false };
        let octets = Octets::of(segment);
        if segment.syn && !flow.segments.iter().any(|piece| piece.octets.from == octets.from) {
            // Another connection with the same ports.
            *flow = Flow::default();
        }
        let repeats = flow.wanted.iter().any(|wanted| wanted.meets(octets));
        if !segment.payload.is_empty() {
            if flow.segments.len() >= MAX_SEGMENTS {
                flow.segments.pop_front();
            }
            flow.segments.push_back(Piece { octets, frames: frames.clone() });
        }
        repeats
    }

    /// The frames that carried octets of a wanted message.
    pub(crate) fn want(&mut self, flow: FlowKey, wanted: Octets, now: Timestamp) -> Carriers {
        let Some(flow) = self.flow(flow, now) else { return Carriers::new() };
        if flow.wanted.len() >= MAX_RANGES {
            flow.wanted.pop_front();
        }
        flow.wanted.push_back(wanted);
        let carriers = flow.segments.iter().filter(|piece| piece.octets.meets(wanted));
        carriers.flat_map(|piece| piece.frames.iter().copied()).collect()
    }

    /// Forgets segments whose octets all lie before the given sequence number.
    pub(crate) fn forget(&mut self, flow: FlowKey, before: u32, now: Timestamp) {
        if let Some(flow) = self.flow(flow, now) {
            flow.segments.retain(|piece| is_before(before, piece.octets.to));
        }
    }

    fn flow(&mut self, flow: FlowKey, now: Timestamp) -> Option<&mut Flow> {
        let (slot, _) = self.table.find_or_insert(self.hash_key.flow(flow), flow, now);
        self.table.touch(slot, 0, now);
        self.table.get_mut(slot).map(|(_, flow)| flow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_sequence_numbers_meet_over_their_end() {
        let octets = |from: u32, len: u32| Octets { from, to: from.wrapping_add(len) };
        assert!(octets(u32::MAX - 5, 10).meets(octets(2, 1)));
        assert!(!octets(u32::MAX - 5, 10).meets(octets(4, 1)));
        assert!(!octets(100, 10).meets(octets(110, 5)) && octets(100, 10).meets(octets(109, 5)));
    }
}
