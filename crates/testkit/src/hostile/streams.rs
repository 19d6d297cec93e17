//! Connections: segments, framing, WebSocket, and HEP agents.

use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::Timestamp;

use super::stage::{ATTACKER, LARGE, SERVER, Stage};
use super::text::{Text, count, fill};
use super::{Ordinary, Shape, Shapes};
use crate::{as_hep, as_web_socket, udp_frame};

/// Segments of one octet.
const OCTETS: (usize, u32, Ordinary) = (100_000, 3, Ordinary::Stream);
/// Other segments.
const SEGMENTS: (usize, u32, Ordinary) = (60_000, 10, Ordinary::Stream);

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    octets(&mut shapes);
    segments(&mut shapes);
    flows(&mut shapes);
    web_socket(&mut shapes);
    hep(&mut shapes);
    shapes.0
}

fn octets(shapes: &mut Shapes) {
    let mut each = |name: &str, make: fn(u32) -> Vec<u8>| {
        shapes.add(format!("tcp/octets-of-{name}"), OCTETS, move |s| {
            let n = s.next();
            s.stream(&make(n), 1);
        });
    };
    each("ordinary-messages", |n| Text::new("OPTIONS", n).octets());
    each("short-lines", |n| {
        Text::new("INVITE", n).with(count(LARGE, |k| format!("X:{}\r\n", k % 10))).octets()
    });
    each("one-letter-lines", |n| Text::new("INVITE", n).with(fill("C\n", LARGE)).octets());
    each("one-long-line", |n| Text::new("INVITE", n).with(format!("X: {}\r\n", fill("a", LARGE))).octets());
    each("folded-lines", |n| {
        Text::new("INVITE", n).with(format!("X: a\r\n{}", fill(" b\r\n", LARGE))).octets()
    });
    each("a-long-body", |n| Text::new("INVITE", n).saying(fill("a\r\n", LARGE)).octets());
    each("a-long-start-line", |_| format!("INVITE sip:{}", fill("a", LARGE)).into_bytes());
    each("line-ends", |_| fill("\r\n", LARGE).into_bytes());
    each("content-lengths", |n| Text::new("INVITE", n).with(fill("l: 1\r\n", LARGE)).octets());
    each("half-start-lines", |_| fill("INVITE sip:a SIP/2\n", LARGE).into_bytes());
    each("noise", |_| fill("\n\nSIP/2.0 a", LARGE).into_bytes());
}

fn segments(shapes: &mut Shapes) {
    let mut each = |name: &str, size: usize, make: fn(u32) -> Vec<u8>| {
        shapes.add(format!("tcp/{name}"), SEGMENTS, move |s| {
            let n = s.next();
            s.stream(&make(n), size);
        });
    };
    each("many-in-a-segment", 1400, |_| fill("A b:c SIP/2.0\r\nl:0\r\n\r\n", LARGE).into_bytes());
    each("never-ending-header", 1400, |_| count(LARGE, |k| format!("X{k}: 1\r\n")).into_bytes());
    each("never-ending-after-a-start-line", 600, |n| {
        let start = if n == 1 { "INVITE sip:a@h SIP/2.0\r\n" } else { "" };
        format!("{start}{}", count(LARGE, |k| format!("X{k}: 1\r\n"))).into_bytes()
    });
    each("content-length-too-large", 600, |n| {
        let text = Text::new("INVITE", n).with("Content-Length: 4000000000\r\n").octets();
        [text, fill("z", LARGE).into_bytes()].concat()
    });
    each("content-length-negative", 600, |n| Text::new("OPTIONS", n).with("Content-Length: -5\r\n").octets());
    each("content-length-of-64-kib", 600, |n| Text::new("INVITE", n).saying(fill("z", 66_000)).octets());
    each("line-ends", 400, |_| fill("\r\n", LARGE).into_bytes());
    each("joined-midway", 9, |_| fill("\n\n\n\n\n\n\n\n\nSIP/2.0 a", LARGE).into_bytes());
    each("whole-messages-that-end-within-a-segment", 613, |n| Text::new("OPTIONS", n).octets());
    shapes.add("tcp/swapped-pairs", SEGMENTS, |s| {
        let octets: Vec<u8> = (0..40).flat_map(|_| Text::new("OPTIONS", s.next()).octets()).collect();
        let mut pieces: Vec<&[u8]> = octets.chunks(600).collect();
        if s.seq == 1 {
            s.tcp(ATTACKER, 0, 2, &[]);
        }
        while let [a, b, ..] = pieces.as_slice() {
            let seq = s.seq;
            s.tcp(ATTACKER, seq + a.len() as u32, 0x18, b);
            s.tcp(ATTACKER, seq, 0x18, a);
            s.seq = seq + (a.len() + b.len()) as u32;
            pieces.drain(..2);
        }
        for piece in pieces {
            s.stream(piece, 600);
        }
    });
}

/// The start of a message.
const HALF: &[u8] = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP x;branch=z9hG4bK1\r\n";

fn flows(shapes: &mut Shapes) {
    let flow =
        |n: u32| SocketAddrV4::new(Ipv4Addr::from(0x0a20_0000 + (n >> 14)), 1024 + (n & 0x3fff) as u16);
    shapes.add("tcp/half-messages", SEGMENTS, move |s| {
        let src = flow(s.next());
        s.tcp(src, 1, 0x18, HALF);
    });
    shapes.add("tcp/openings", SEGMENTS, move |s| {
        let src = flow(s.next());
        s.tcp(src, 1, 2, &[]);
    });
    shapes.add("tcp/half-messages-in-turn", SEGMENTS, move |s| {
        let n = s.next();
        s.tcp(flow(n % 5000), 1 + n / 5000 * 6, 0x18, b"X: 1\r\n");
    });
    shapes.add("tcp/behind-a-gap-falling", SEGMENTS, |s| {
        let n = s.next();
        s.tcp(ATTACKER, 900_000 - n % 60 * 1400 - 2 * (n / 60), 0x18, &[HALF, &[b'y'; 900]].concat());
    });
    shapes.add("tcp/behind-a-gap-holes", SEGMENTS, |s| {
        let n = s.next();
        s.tcp(ATTACKER, 10 + n % 20_000 * 3, 0x18, b"y");
    });
    shapes.add("tcp/same-again", SEGMENTS, |s| {
        s.tcp(ATTACKER, 100, 0x18, &[HALF, &[b'y'; 900]].concat());
    });
    shapes.add("tcp/overlaps", SEGMENTS, |s| {
        let n = s.next();
        s.tcp(ATTACKER, 100 + n, 0x18, &[b'y'; 900]);
    });
}

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Key: x\r\n\r\n";

fn web_socket(shapes: &mut Shapes) {
    let mut each = |name: &str, size: usize, make: fn(u32) -> Vec<u8>| {
        shapes.add(format!("websocket/{name}"), OCTETS, move |s| {
            let n = s.next();
            if n == 1 {
                s.stream(UPGRADE, 1400);
            }
            s.stream(&make(n), size);
        });
    };
    each("messages-in-frames-of-one-octet", 3, |n| as_web_socket(&Text::new("INVITE", n).octets(), 1, None));
    each("never-final", 3, |n| {
        let mut octets = as_web_socket(&[b'a'; 50_000], 1, None);
        octets[0] = u8::from(n == 1);
        let last = octets.len() - 3;
        octets[last] = 0;
        octets
    });
    each("large-frame-in-segments-of-one-octet", 1, |n| {
        as_web_socket(&Text::new("INVITE", n).with(fill("C\n", LARGE)).octets(), 65_000, Some([1, 2, 3, 4]))
    });
    each("announced-length", 600, |_| [&[0x82, 0x7f, 0x7f, 0xff][..], &[0xff; 6], &[b'a'; 30_000]].concat());
    each("empty-frames", 600, |_| [0x80, 0].repeat(15_000));
    each("pings", 600, |_| [0x89, 1, b'a'].repeat(10_000));
}

fn hep(shapes: &mut Shapes) {
    let of = (6_000, 10, Ordinary::Hep);
    let wrap = |s: &mut Stage, n: u32, more: &dyn Fn(&mut Vec<u8>)| {
        let at = s.tick();
        let mut octets = as_hep(&udp_frame(at, ATTACKER, SERVER, 0, &Text::new("INVITE", n).octets()), 7);
        more(&mut octets);
        let length = (octets.len() as u16).to_be_bytes();
        octets[4..6].copy_from_slice(&length);
        let [agent, sensor] = [3, 4].map(|ip| SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, ip), 9060));
        s.udp(agent, sensor, &octets);
    };
    let chunks = |length: usize, chunk: &[u8]| chunk.repeat(length / chunk.len());
    shapes.add("hep/empty-chunks", of, move |s| {
        let n = s.next();
        wrap(s, n, &|octets| octets.extend(chunks(55_000, &[0, 0, 0, 99, 0, 6])));
    });
    shapes.add("hep/time-chunks", of, move |s| {
        let n = s.next();
        wrap(s, n, &|octets| octets.extend(chunks(55_000, &[0, 0, 0, 9, 0, 10, 0, 0, 0, 1])));
    });
    shapes.add("hep/many-payloads", of, move |s| {
        let n = s.next();
        wrap(s, n, &|octets| octets.extend(chunks(55_000, b"\0\0\0\x0f\0\x1cOPTIONS sip:a SIP/2.0")));
    });
    for (name, unpacked) in [("packed-64-kib", 60_000), ("packed-1-mib", 1 << 20), ("packed-9-mib", 9 << 20)]
    {
        let packed = packed(HALF, unpacked);
        let empty = udp_frame(Timestamp::from_nanos(0), ATTACKER, SERVER, 0, &[]);
        let before_payload = as_hep(&empty, 7).len() - 6;
        shapes.add(format!("hep/{name}"), of, move |s| {
            let n = s.next();
            wrap(s, n, &|octets| {
                octets.truncate(before_payload);
                octets.extend([0, 0, 0, 16]);
                octets.extend((packed.len() as u16 + 6).to_be_bytes());
                octets.extend(&packed);
            });
        });
    }
    shapes.add("hep/new-agent", (24_000, 10, Ordinary::Hep), move |s| {
        let n = s.next();
        let at = s.tick();
        let octets = as_hep(&udp_frame(at, ATTACKER, SERVER, 0, &Text::new("INVITE", n).octets()), n);
        let src = s.host(n);
        s.udp(src, SocketAddrV4::new(*SERVER.ip(), 9060), &octets);
    });
}

/// A zlib stream (RFC 1950, fixed codes of RFC 1951) of `start` and a number of equal letters after it.
fn packed(start: &[u8], letters: usize) -> Vec<u8> {
    let (mut bits, mut held, mut out) = (0_u32, 0, vec![0x78, 0x9c]);
    let mut push = |out: &mut Vec<u8>, value: u32, count: u32| {
        bits |= value << held;
        held += count;
        while held >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            held -= 8;
        }
    };
    let reversed = |code: u32, count: u32| code.reverse_bits() >> (32 - count);
    push(&mut out, 0b011, 3);
    for octet in start.iter().chain(b"a") {
        push(&mut out, reversed(0x30 + u32::from(*octet), 8), 8);
    }
    for _ in 0..letters / 258 {
        push(&mut out, reversed(0b1100_0101, 8), 8);
        push(&mut out, 0, 5);
    }
    push(&mut out, 0, 7);
    push(&mut out, 0, 7);
    let octets = start.iter().copied().chain(std::iter::repeat_n(b'a', 1 + letters / 258 * 258));
    let (a, b) = octets.fold((1_u32, 0_u32), |(a, b), octet| {
        let a = (a + u32::from(octet)) % 65_521;
        (a, (a + b) % 65_521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}
