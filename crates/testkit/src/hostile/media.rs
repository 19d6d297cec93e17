//! Media and traffic that resembles media.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::stage::{ATTACKER, SERVER, Stage};
use super::text::{OFFER, Text};
use super::{Ordinary, Shape, Shapes};

/// Packets of media.
const MEDIA: (usize, u32, Ordinary) = (120_000, 10, Ordinary::Media);
/// The media ports of attacker and server.
const PAIR: [SocketAddrV4; 2] =
    [SocketAddrV4::new(*ATTACKER.ip(), 4000), SocketAddrV4::new(*SERVER.ip(), 4000)];

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    rtp(&mut shapes);
    rtcp(&mut shapes);
    other(&mut shapes);
    calls(&mut shapes);
    shapes.0
}

fn packet(kind: u8, seq: u16, stamp: u32, source: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, kind];
    out.extend(seq.to_be_bytes());
    out.extend(stamp.to_be_bytes());
    out.extend(source.to_be_bytes());
    out.extend(payload);
    out
}

/// A unique pair of ports.
fn pair(s: &mut Stage) -> [SocketAddrV4; 2] {
    [10, 11].map(|net| {
        let bits = s.rng.bits();
        let ip = Ipv4Addr::from(net << 24 | bits as u32 & 0xff_ffff);
        SocketAddrV4::new(ip, 1024 + (bits >> 40) as u16 % 60_000)
    })
}

fn rtp(shapes: &mut Shapes) {
    let quiet = [0xff; 160];
    shapes.add("rtp/new-source", MEDIA, move |s| {
        let (n, source) = (s.next(), s.rng.bits() as u32);
        s.udp(PAIR[0], PAIR[1], &packet(0, n as u16, n * 160, source, &quiet));
    });
    shapes.add("rtp/many-sources-in-turn", MEDIA, move |s| {
        let n = s.next();
        let source = (n % 40_000).wrapping_mul(2_654_435_761);
        s.udp(PAIR[0], PAIR[1], &packet(0, (n / 40_000) as u16, n / 40_000 * 160, source, &quiet));
    });
    shapes.add("rtp/new-pair", MEDIA, move |s| {
        let (n, [src, dst]) = (s.next(), pair(s));
        let source = s.rng.bits() as u32;
        s.udp(src, dst, &packet(0, n as u16, n * 160, source, &quiet));
    });
    shapes.add("rtp/many-pairs-in-turn", MEDIA, move |s| {
        let n = s.next();
        let src = SocketAddrV4::new(Ipv4Addr::from(0x0a10_0000 + n % 40_000), 4000);
        s.udp(src, PAIR[1], &packet(0, (n / 40_000) as u16, n / 40_000 * 160, n % 40_000, &quiet));
    });
    shapes.add("rtp/new-payload-type", MEDIA, move |s| {
        let n = s.next();
        s.udp(PAIR[0], PAIR[1], &packet((n % 128) as u8, n as u16, n * 160, 7, &quiet));
    });
    shapes.add("rtp/random-fields", MEDIA, move |s| {
        let bits = s.rng.bits();
        let payload = s.octets(20);
        s.udp(
            PAIR[0],
            PAIR[1],
            &packet(bits as u8 & 127, (bits >> 8) as u16, (bits >> 24) as u32, 7, &payload),
        );
    });
    shapes.add("rtp/backwards", MEDIA, move |s| {
        let n = u32::MAX - s.next();
        s.udp(PAIR[0], PAIR[1], &packet(0, n as u16, n.wrapping_mul(160), 7, &quiet));
    });
    shapes.add("rtp/events", MEDIA, |s| {
        let n = s.next();
        s.udp(
            PAIR[0],
            PAIR[1],
            &packet(101, n as u16, n * 160, 7, &[(n % 16) as u8, 10, (n >> 8) as u8, n as u8]),
        );
    });
    shapes.add("rtp/extensions", MEDIA, |s| {
        let n = s.next();
        let mut octets = packet(0, n as u16, n * 160, 7, &[0; 60]);
        octets[0] = 0x9f;
        octets.extend([0xbe, 0xde, 0, 40]);
        octets.extend([0x10; 160]);
        s.udp(PAIR[0], PAIR[1], &octets);
    });
    shapes.add("rtp/tiny", MEDIA, |s| {
        let n = s.next();
        s.udp(PAIR[0], PAIR[1], &packet(0, n as u16, n, 7, &[]));
    });
}

fn rtcp(shapes: &mut Shapes) {
    let control: [SocketAddrV4; 2] = PAIR.map(|p| SocketAddrV4::new(*p.ip(), 4001));
    let compound = |unit: &[u8]| unit.repeat(1400 / unit.len());
    let report = |source: u32, blocks: u8| {
        let mut out = vec![0x80 | blocks, 201];
        out.extend((1 + 6 * u16::from(blocks)).to_be_bytes());
        out.extend(source.to_be_bytes());
        out.extend(
            (0..blocks).flat_map(|b| [source + u32::from(b), 0, 1, 2, 3, 4]).flat_map(u32::to_be_bytes),
        );
        out
    };
    let few = (24_000, 10, Ordinary::Media);
    shapes.add("rtcp/many-reports", few, move |s| {
        let octets = compound(&report(s.next(), 0));
        s.udp(control[0], control[1], &octets);
    });
    shapes.add("rtcp/many-blocks", few, move |s| {
        let octets = compound(&report(s.next().wrapping_mul(31), 28));
        s.udp(control[0], control[1], &octets);
    });
    shapes.add("rtcp/many-goodbyes", few, move |s| {
        let n = s.next();
        let mut unit = vec![0x81, 203, 0, 1];
        unit.extend(n.to_be_bytes());
        s.udp(control[0], control[1], &compound(&unit));
    });
    shapes.add("rtcp/many-descriptions", few, move |s| {
        let n = s.next();
        let mut unit = vec![0x81, 202, 0, 3];
        unit.extend(n.to_be_bytes());
        unit.extend([1, 2, b'a', n as u8, 0, 0, 0, 0]);
        s.udp(control[0], control[1], &compound(&unit));
    });
    shapes.add("rtcp/new-pair", MEDIA, move |s| {
        let [src, dst] = pair(s);
        let octets = report(s.next(), 1);
        s.udp(src, dst, &octets);
    });
}

fn other(shapes: &mut Shapes) {
    shapes.add("other/stun-new-pair", MEDIA, |s| {
        let [src, dst] = pair(s);
        let mut octets = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        octets.extend(s.octets(12));
        s.udp(src, dst, &octets);
    });
    shapes.add("other/stun-attributes", (24_000, 10, Ordinary::Media), |s| {
        let mut octets = vec![0, 1, 5, 120, 0x21, 0x12, 0xa4, 0x42];
        octets.extend(s.octets(12));
        octets.extend([0x80, 0x22, 0, 0].repeat(350));
        s.udp(PAIR[0], PAIR[1], &octets);
    });
    shapes.add("other/dtls-new-pair", MEDIA, |s| {
        let [src, dst] = pair(s);
        let mut octets = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 100, 1, 0, 0, 88, 0, 0];
        octets.extend(s.octets(94));
        s.udp(src, dst, &octets);
    });
    shapes.add("other/keep-alives-new-pair", MEDIA, |s| {
        let [src, dst] = pair(s);
        s.udp(src, SocketAddrV4::new(*dst.ip(), 5060), b"\r\n\r\n");
    });
    shapes.add("other/noise-new-pair", MEDIA, |s| {
        let [src, dst] = pair(s);
        let octets = s.octets(172);
        s.udp(src, dst, &octets);
    });
    shapes.add("other/rtp-on-sip-ports", MEDIA, |s| {
        let n = s.next();
        s.send_octets(&packet(0, n as u16, n * 160, 7, &[0xff; 160]));
    });
}

/// Announced streams: calls with a unique recording each, and calls whose streams move.
fn calls(shapes: &mut Shapes) {
    let announced = |s: &mut Stage, n: u32, port: u16| {
        let mut text = Text::new("INVITE", n).saying(OFFER.replace("4000", &port.to_string()));
        text.from = s.number();
        text.to = s.number();
        s.send(&text);
        let body = text.body.replace("10.0.0.1", "10.0.0.2");
        s.udp(SERVER, ATTACKER, &text.answer("200 OK", "u", "", &body));
        [ATTACKER, SERVER].map(|side| SocketAddrV4::new(*side.ip(), port))
    };
    // Forty concurrent calls with interleaved packets, so that the packet interval of a stream is realistic.
    shapes.add("prompt/noise-of-its-own", MEDIA, move |s| {
        let first = s.next() * 40;
        let pairs: Vec<_> =
            (first..first + 40).map(|n| announced(s, n, 10_000 + 2 * (n % 20_000) as u16)).collect();
        for k in 0..300_u32 {
            for (n, [src, dst]) in (first..).zip(&pairs) {
                let payload = s.octets(160);
                s.udp(*src, *dst, &packet(0, k as u16, k * 160, n + 1, &payload));
            }
        }
    });
    shapes.add("prompt/short-and-many", MEDIA, move |s| {
        let first = s.next() * 40;
        let pairs: Vec<_> =
            (first..first + 40).map(|n| announced(s, n, 10_000 + 2 * (n % 20_000) as u16)).collect();
        for k in 0..40_u32 {
            for (n, [src, dst]) in (first..).zip(&pairs) {
                let payload = s.octets(160);
                s.udp(*src, *dst, &packet(8, k as u16, k * 160, n + 1, &payload));
            }
        }
    });
}
