//! Frames below the transport: fragments, extension headers, tags, tunnels.

use std::net::Ipv4Addr;

use super::stage::{SERVER, Stage};
use super::text::Text;
use super::{Ordinary, Shape, Shapes};

const PIECES: (usize, u32, Ordinary) = (60_000, 10, Ordinary::Fragments);
const FRAMES: (usize, u32, Ordinary) = (24_000, 10, Ordinary::Invites);

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    fragments(&mut shapes);
    fragments_6(&mut shapes);
    extensions(&mut shapes);
    tunnels(&mut shapes);
    shapes.0
}

fn ethernet(kind: u16, packet: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1][..], &kind.to_be_bytes(), packet].concat()
}

fn ipv4(src: u32, protocol: u8, id: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend((20 + payload.len() as u16).to_be_bytes());
    out.extend(id.to_be_bytes());
    out.extend(flags.to_be_bytes());
    out.extend([64, protocol, 0, 0]);
    out.extend(src.to_be_bytes());
    out.extend(SERVER.ip().octets());
    out.extend(payload);
    out
}

fn ipv6(src: u32, next: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, 64, 0x20, 1, 0xd, 0xb8]);
    out.extend([0; 8]);
    out.extend(src.to_be_bytes());
    out.extend([0x20, 1, 0xd, 0xb8]);
    out.extend([0; 11]);
    out.push(2);
    out.extend(payload);
    out
}

fn udp(octets: &[u8]) -> Vec<u8> {
    let mut out = vec![0x13, 0xc4, 0x13, 0xc4];
    out.extend((8 + octets.len() as u16).to_be_bytes());
    out.extend([0, 0]);
    out.extend(octets);
    out
}

/// Source, identification, flags with offset, payload.
type Piece = (u32, u16, u16, Vec<u8>);

/// The flag for more fragments.
const MORE: u16 = 0x2000;
/// The attacker's address.
const SRC: u32 = 0x0a00_0001;

fn fragments(shapes: &mut Shapes) {
    let mut each = |name: &str, make: fn(&mut Stage, u32) -> Piece| {
        shapes.add(format!("fragment/{name}"), PIECES, move |s| {
            let n = s.next();
            let (src, id, flags, payload) = make(s, n);
            s.raw(ethernet(0x800, &ipv4(src, 17, id, flags, &payload)));
        });
    };
    each("far", |_, n| (0x0a00_0000 + (n >> 16), n as u16, MORE | 8100, vec![b'a'; 8]));
    each("far-last", |_, n| (0x0a00_0000 + (n >> 16), n as u16, 8100, vec![b'a'; 8]));
    each("holes", |_, n| (SRC, (n / 4000) as u16, MORE | (2 * (n % 4000) + 1) as u16, vec![b'a'; 8]));
    each("falling", |_, n| (SRC, (n / 4000) as u16, MORE | (2 * (4000 - n % 4000)) as u16, vec![b'a'; 8]));
    each("same-again", |_, _| (SRC, 1, MORE | 10, vec![b'a'; 64]));
    each("overlapping", |_, n| (SRC, (n / 4000) as u16, MORE | (n % 4000) as u16, vec![n as u8; 64]));
    each("first-halves", |_, n| {
        (0x0a00_0000 + (n >> 16), n as u16, MORE, udp(&Text::new("INVITE", n).octets()[..240]))
    });
    each("last-halves", |_, n| (0x0a00_0000 + (n >> 16), n as u16, 30, vec![b'a'; 240]));
    each("random-offsets", |s, n| {
        (SRC, (n / 500) as u16, MORE | (s.rng.bits() & 0x1fff) as u16, vec![b'a'; 8])
    });
    each("beyond-the-end", |_, n| (SRC, n as u16, MORE | 0x1fff, vec![b'a'; 64]));
    each("empty", |_, n| (SRC, n as u16, MORE | 3, Vec::new()));
    each("odd-lengths", |_, n| (SRC, (n / 50) as u16, MORE | (n % 50) as u16, vec![b'a'; 9]));
    shapes.add("fragment/message-in-pieces-of-eight", PIECES, |s| {
        let n = s.next();
        let octets = udp(&Text::new("INVITE", n).octets());
        let count = octets.len().div_ceil(8);
        for (i, piece) in octets.chunks(8).enumerate() {
            let more = if i + 1 < count { MORE } else { 0 };
            s.raw(ethernet(0x800, &ipv4(SRC, 17, n as u16, i as u16 | more, piece)));
        }
    });
}

fn fragments_6(shapes: &mut Shapes) {
    let mut each = |name: &str, make: fn(u32) -> (u32, u16, u32)| {
        shapes.add(format!("fragment/v6-{name}"), PIECES, move |s| {
            let n = s.next();
            let (src, offset, id) = make(n);
            let mut payload = vec![17, 0];
            payload.extend((offset << 3 | 1).to_be_bytes());
            payload.extend(id.to_be_bytes());
            payload.extend([b'a'; 8]);
            s.raw(ethernet(0x86dd, &ipv6(src, 44, &payload)));
        });
    };
    each("far", |n| (n, 8100, n));
    each("holes", |n| (1, (2 * (n % 4000) + 1) as u16, n / 4000));
    each("first", |n| (1, 0, n));
}

fn extensions(shapes: &mut Shapes) {
    let message = |n: u32| udp(&Text::new("INVITE", n).octets());
    let chain = |kinds: &[u8], inner: &[u8]| {
        let mut out = Vec::new();
        for (i, _) in kinds.iter().enumerate() {
            out.extend([kinds.get(i + 1).copied().unwrap_or(17), 0, 1, 4, 0, 0, 0, 0]);
        }
        out.extend(inner);
        ipv6(1, kinds.first().copied().unwrap_or(17), &out)
    };
    for (name, kinds) in [
        ("ordinary", vec![0, 60, 43]),
        ("options-x150", vec![60; 150]),
        ("hop-by-hop-x150", vec![0; 150]),
        ("routing-x150", vec![43; 150]),
        ("mixed-x150", [0, 60, 43, 135, 139].repeat(30)),
    ] {
        shapes.add(format!("extension/{name}"), FRAMES, move |s| {
            let n = s.next();
            s.raw(ethernet(0x86dd, &chain(&kinds, &message(n))));
        });
    }
    shapes.add("extension/fragments-x150", FRAMES, |s| {
        let n = s.next();
        let mut out = Vec::new();
        for i in 0..150_u32 {
            out.extend([if i == 149 { 17 } else { 44 }, 0, 0, 0]);
            out.extend((n * 200 + i).to_be_bytes());
        }
        out.extend(udp(&Text::new("INVITE", n).octets()));
        s.raw(ethernet(0x86dd, &ipv6(1, 44, &out)));
    });
}

fn tunnels(shapes: &mut Shapes) {
    let inner = |n: u32| ipv4(SRC, 17, 0, 0x4000, &udp(&Text::new("INVITE", n).octets()));
    let mut nested = |name: &str, depth: usize, wrap: fn(Vec<u8>, u32) -> Vec<u8>| {
        shapes.add(format!("tunnel/{name}-x{depth}"), FRAMES, move |s| {
            let n = s.next();
            let packet = (0..depth).fold(inner(n), |packet, k| wrap(packet, n * 64 + k as u32));
            s.raw(ethernet(0x800, &packet));
        });
    };
    for depth in [1, 7, 30] {
        nested("ip", depth, |p, k| ipv4(0x0a09_0000 + k % 64, 4, 0, 0x4000, &p));
        nested("gre", depth, |p, k| {
            ipv4(0x0a09_0000 + k % 64, 47, 0, 0x4000, &[&[0, 0, 8, 0][..], &p].concat())
        });
        nested("vxlan", depth, |p, k| {
            let frame = ethernet(0x800, &p);
            let mut out = vec![0x13, 0xc4, 0x12, 0xb5];
            out.extend((16 + frame.len() as u16).to_be_bytes());
            out.extend([0, 0, 8, 0, 0, 0, 0, 0, 1, 0]);
            out.extend(frame);
            ipv4(0x0a09_0000 + k % 64, 17, 0, 0x4000, &out)
        });
    }
    nested("ip-new-sender", 1, |p, k| ipv4(0x0b00_0000 + k, 4, 0, 0x4000, &p));
    nested("gre-new-session", 1, |p, k| {
        let gre = [&[0x20, 0, 8, 0][..], &k.to_be_bytes(), &p].concat();
        ipv4(0x0a09_0001, 47, 0, 0x4000, &gre)
    });
    shapes.add("tunnel/mpls-x200", FRAMES, move |s| {
        let n = s.next();
        let mut out = [0, 1, 0, 64].repeat(200);
        out[798] = 1;
        out.extend(inner(n));
        s.raw(ethernet(0x8847, &out));
    });
    shapes.add("tunnel/vlan-x200", FRAMES, move |s| {
        let n = s.next();
        let mut out = Vec::new();
        for i in 0..200 {
            out.extend([0, 5]);
            out.extend(if i == 199 { [8, 0] } else { [0x81, 0] });
        }
        out.extend(inner(n));
        s.raw(ethernet(0x8100, &out));
    });
    shapes.add("tunnel/garbage", FRAMES, |s| {
        let octets = s.octets(400);
        s.raw(ethernet(0x800, &octets));
    });
    shapes.add("tunnel/gre-garbage", FRAMES, |s| {
        let octets = s.octets(400);
        let src = u32::from(Ipv4Addr::new(10, 9, 0, 1));
        s.raw(ethernet(0x800, &ipv4(src, 47, 0, 0x4000, &octets)));
    });
}
