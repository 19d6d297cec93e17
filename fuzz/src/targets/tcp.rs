//! Segments of a few flows, in any order, with copies, overlaps, gaps and pauses. The reader consumes arbitrary
//! amounts.

use std::net::Ipv4Addr;

use bellwether_base::{Endpoint, FlowKey, HashKey, Losses, Span, Timestamp};
use bellwether_wire::{Held, Segment, TcpLimits, TcpReassembler, TcpStream};

use crate::input::Input;

/// Number of offsets in a flow at which segments begin.
const PLACES: u32 = 8192;

/// Length of a sequence of octets that is unique in a flow.
const TELLING: usize = 8;

/// The reader's state: the offset of the first unread octet, once it is known.
#[derive(Default)]
struct Front(Option<u32>);

impl Held for Front {
    fn held(&self) -> usize {
        0
    }
}

/// Laws: octets arrive in order, none twice, and none missing without the mark of a gap. No flow holds more than its
/// limit.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let choice = input.octet();
    let limits = match choice % 3 {
        0 => TcpLimits::default(),
        1 => TcpLimits { flows: 2, ..TcpLimits::default() },
        _ => TcpLimits { flows: 4, bytes: 4096, flow_bytes: 2048, patience: Span::from_millis(100) },
    };
    let first = input.long();
    let mut tcp: TcpReassembler<Front> = TcpReassembler::new(limits, HashKey::new([5; 16]));
    let mut losses = Losses::default();
    let mut now = Timestamp::default();
    let mut appetite = usize::from(choice) * 16;
    while !input.is_empty() {
        let (flags, place, len) = (input.octet(), u32::from(input.word()) % PLACES, input.word());
        if flags & 0x30 == 0x30 {
            now = now + Span::from_millis(60);
        }
        let (number, len) = (u16::from(flags & 3), u32::from(len) % 1500);
        let payload: Vec<u8> = (place..place + len).map(|place| truth(number, place)).collect();
        let segment = Segment {
            seq: first.wrapping_add(place),
            syn: flags & 4 != 0,
            ends: flags & 8 != 0,
            payload: &payload,
            is_cut: false,
        };
        // The sequence number of a SYN precedes that of the first octet.
        let segment =
            if segment.syn { Segment { seq: segment.seq.wrapping_sub(1), ..segment } } else { segment };
        tcp.push(flow(number), segment, now, &mut losses, |stream, _| {
            appetite = (appetite * 7 + 13) % 3000;
            read(number, stream, appetite, &limits);
        });
    }
    tcp.finish(&mut losses, |flow, stream, _| read(flow.src.port(), stream, PLACES as usize, &limits));
}

fn flow(number: u16) -> FlowKey {
    let end = |port| Endpoint::new(Ipv4Addr::LOCALHOST.into(), port);
    FlowKey { src: end(number), dst: end(5060) }
}

fn read(number: u16, stream: &mut TcpStream<Front>, appetite: usize, limits: &TcpLimits) {
    if stream.take_torn().is_some() {
        stream.state.0 = None;
    }
    let unread = stream.unread();
    // A distant segment is accepted together with the next one.
    assert!(unread.len() <= limits.flow_bytes + 3000, "a flow holds no more than its limit and two segments");
    let place = match stream.state.0 {
        Some(place) => {
            assert!(is_at(number, place, unread), "octets arrive as sent, from offset {place} on");
            Some(place)
        }
        None if unread.len() >= TELLING => {
            // The last segment reaches beyond the offsets at which segments begin.
            let place = (0..PLACES + 1500).find(|place| is_at(number, *place, unread));
            assert!(place.is_some(), "consecutive octets were sent consecutively");
            place
        }
        None => None,
    };
    let taken = appetite.min(unread.len());
    stream.state.0 = place.map(|place| place + taken as u32);
    stream.consume(taken);
}

fn truth(number: u16, place: u32) -> u8 {
    let mixed = place.wrapping_add(u32::from(number) << 20).wrapping_mul(0x9e37_79b1);
    ((mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca77) >> 24) as u8
}

fn is_at(number: u16, place: u32, octets: &[u8]) -> bool {
    (place..).zip(octets).all(|(place, octet)| *octet == truth(number, place))
}
