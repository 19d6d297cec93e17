//! Fragments of a few datagrams, in any order, with copies, overlaps and pauses.

use std::net::Ipv4Addr;

use bellwether_base::{Endpoint, HashKey, Losses, Span, Timestamp};
use bellwether_wire::{Fragment, FragmentLimits, FragmentPool, Pushed};

use crate::input::Input;

const LARGEST: usize = 65_535;

/// Laws: each fragment is held, delivered, a copy, or a named loss. A datagram without false fragments is reassembled
/// as sent, and no larger than a datagram can be.
pub(super) fn run(octets: &[u8]) {
    let mut input = Input::new(octets);
    let limits = match input.octet() % 3 {
        0 => FragmentLimits::default(),
        1 => FragmentLimits { datagrams: 2, bytes: 1 << 20, timeout: Span::from_secs(1) },
        _ => FragmentLimits { datagrams: 8, bytes: 2048, timeout: Span::from_secs(1) },
    };
    let mut pool = FragmentPool::new(limits, HashKey::new([3; 16]));
    let mut losses = Losses::default();
    let mut now = Timestamp::default();
    let (mut pushed, mut gone) = (0, 0);
    let mut liars = [false; 8];
    while !input.is_empty() {
        let (flags, offset, len) = (input.octet(), input.word(), input.word());
        let id = usize::from(flags & 7);
        // A pause occurs only if two flag bits are set.
        now = now + Span::from_millis(if flags & 0x60 == 0x60 { 700 } else { 0 });
        let is_lie = flags & 0x10 != 0;
        if let Some(liar) = liars.get_mut(id) {
            *liar |= is_lie;
        }
        let offset = u32::from(offset) * 8 % 65_536;
        let len = usize::from(len) % 4096;
        let payload: Vec<u8> = (0..len as u32).map(|at| truth(id, offset + at) ^ u8::from(is_lie)).collect();
        let fragment = Fragment {
            src: Endpoint::new(Ipv4Addr::LOCALHOST.into(), 0),
            dst: Endpoint::new(Ipv4Addr::BROADCAST.into(), 0),
            protocol: 17,
            id: id as u32,
            offset,
            more: flags & 8 == 0,
            payload: &payload,
        };
        pushed += 1;
        match pool.push(fragment, now, &mut losses) {
            Pushed::Held | Pushed::Refused => {}
            Pushed::Copy => gone += 1,
            Pushed::Whole(whole) => {
                gone += whole.frames;
                assert!(whole.payload.len() <= LARGEST, "a datagram is no larger than IP allows");
                assert!(
                    liars.get(id) == Some(&true) || is_true(id, &whole.payload),
                    "a datagram is reassembled as sent"
                );
            }
        }
        let accounted = gone + pool.held_frames() + losses.frames();
        assert_eq!(pushed, accounted, "each fragment is held, delivered, or a named loss");
    }
    pool.expire(Timestamp::MAX, &mut losses);
    assert_eq!(pool.held_frames(), 0, "no fragment is held after the time-out");
    assert_eq!(pushed, gone + losses.frames(), "held fragments become named losses");
}

/// The original octet at an offset of a datagram.
fn truth(id: usize, at: u32) -> u8 {
    (at.wrapping_mul(0x9e37_79b1).wrapping_add(id as u32) >> 24) as u8
}

fn is_true(id: usize, payload: &[u8]) -> bool {
    (0..).zip(payload).all(|(at, octet)| *octet == truth(id, at))
}
