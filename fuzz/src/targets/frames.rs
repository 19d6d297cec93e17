//! A sequence of frames of any link type with their times, through dispatcher, workers, merge and enrichment.

use bellwether_base::{Span, Timestamp};
use bellwether_capture::Record;

use super::wire::link;
use crate::input::{Input, with_length};
use crate::rehearsal::{Room, lead, rows_of};

/// Time steps of a frame in nanoseconds: none, short, timer lengths, backwards, and the extreme.
const STEPS: [i64; 8] =
    [0, 1_000_000, 20_000_000, 500_000_000, 5_000_000_000, 240_000_000_000, -1_000_000_000, i64::MAX];

/// The encoding of a frame in an input: link type and cut flag; time step; length; octets.
pub(crate) fn write(link: u8, step: u8, frame: &[u8]) -> Vec<u8> {
    [&[link, step][..], &with_length(frame)].concat()
}

/// Laws: captured = delivered + lost. The number of workers does not change the rows.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let room = if input.octet() & 1 == 0 { Room::Ample } else { Room::Scarce };
    let mut at = Timestamp::default() + Span::from_secs(1_750_000_000);
    let mut records = Vec::new();
    while !input.is_empty() {
        let (kind, step) = (input.octet(), usize::from(input.octet()) % STEPS.len());
        at = at + Span::from_nanos(STEPS.get(step).copied().unwrap_or(0));
        let frame = input.piece();
        let beyond = u32::from(kind >> 7) * 100;
        records.push(Record { at, link: link(kind), original_len: frame.len() as u32 + beyond, frame });
    }
    let (one, three) = (lead(&records, 1, room), lead(&records, 3, room));
    if let (Some(one), Some(three)) = (one, three) {
        assert_eq!(one.counters, three.counters, "the number of workers changes no count");
        assert_eq!(rows_of(&one), rows_of(&three), "the number of workers changes no row");
    }
}
