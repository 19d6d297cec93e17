//! The octets of one TCP connection in two segmentations: SIP, SIP over WebSocket, HEP, TLS, and other protocols.

use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_capture::Record;
use bellwether_testkit::{Frame, tcp_frame};
use bellwether_wire::LinkType;

use crate::input::Input;
use crate::rehearsal::{Room, lead, rows_of};

/// Flags of a segment: SYN, and ACK for data.
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Maximum octets per segment, so that it fits in an IPv4 packet.
const LONGEST: usize = 60_000;

const FIRST: u32 = 0xffff_f000;

/// Laws: segmentation does not change the rows. Swapped neighbours and repeated segments do not either.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let mode = input.octet();
    let cuts: Vec<usize> = (0..mode & 7).map(|_| usize::from(input.word())).collect();
    let stream = input.rest();
    let stream = stream.get(..LONGEST).unwrap_or(stream);
    // A connection without its beginning is only partly visible. Then only the laws of single frames apply.
    let is_begun = mode & 0x10 == 0;
    let whole = frames(&[(0, stream)], is_begun);
    let mut pieces = cut(stream, &cuts);
    if mode & 0x20 != 0 {
        pieces.chunks_mut(2).for_each(<[_]>::reverse);
    }
    if mode & 0x40 != 0 {
        let copies = pieces.clone();
        pieces.extend(copies);
    }
    let (one, other) = (told(&whole), told(&frames(&pieces, is_begun)));
    if is_begun {
        assert_eq!(one, other, "segmentation does not change the rows");
    }
}

/// Pieces of the stream with their offsets.
fn cut<'a>(stream: &'a [u8], cuts: &[usize]) -> Vec<(usize, &'a [u8])> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    ends.push(stream.len());
    ends.sort_unstable();
    let mut from = 0;
    let piece = |end: usize| {
        let piece = (from, stream.get(from..end).unwrap_or_default());
        from = end;
        piece
    };
    ends.into_iter().map(piece).filter(|(_, piece)| !piece.is_empty()).collect()
}

fn frames(pieces: &[(usize, &[u8])], is_begun: bool) -> Vec<Frame> {
    let at = Timestamp::default() + Span::from_secs(1_750_000_000);
    let end = |host, port| SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, host), port);
    let frame = |seq, flags, octets: &[u8]| tcp_frame(at, end(1, 40_000), end(2, 5060), seq, flags, octets);
    let begin = is_begun.then(|| frame(FIRST.wrapping_sub(1), SYN, &[]));
    let rest = pieces.iter().map(|(place, octets)| frame(FIRST.wrapping_add(*place as u32), ACK, octets));
    begin.into_iter().chain(rest).collect()
}

fn told(frames: &[Frame]) -> (u64, Vec<String>) {
    let records: Vec<Record<'_>> = frames
        .iter()
        .map(|frame| Record {
            at: frame.at,
            link: LinkType::Ethernet,
            original_len: frame.bytes.len() as u32,
            frame: &frame.bytes,
        })
        .collect();
    lead(&records, 1, Room::Ample).map(|done| (done.sip_messages, rows_of(&done))).unwrap_or_default()
}
