//! The same call behind every link type, read to the same rows.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, PcapFormat, Rng, Talk, write_pcap};
use common::{Room, assert_same};

fn call() -> Vec<Frame> {
    let mut rng = Rng::new(20);
    let talk = || Talk { law: Law::Mu, packets: vec![vec![0xff; 160]; 100] };
    let call = Call {
        caller: Agent::new([192, 0, 2, 1], "100", "Phone"),
        callee: Agent::new([192, 0, 2, 2], "200", "Phone"),
        start: Timestamp::from_nanos(1_700_000_000_000_000_000),
        rings: Span::from_millis(500),
        is_challenged: false,
        caller_talk: talk(),
        callee_talk: talk(),
    };
    call.frames(&mut rng)
}

/// A frame behind another link type's header, made of its Ethernet form.
type Wrapped = fn(&[u8]) -> Vec<u8>;

const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

fn behind(header: &[u8], frame: &[u8]) -> Vec<u8> {
    [header, frame].concat()
}

fn wireless(frame: &[u8]) -> Vec<u8> {
    [&[0x88, 2][..], &[0; 24], &SNAP, &frame[14..]].concat()
}

fn endace(kind: u8, frame: &[u8]) -> Vec<u8> {
    let len = (16 + frame.len()) as u16;
    [&[0; 8][..], &[kind, 4], &len.to_be_bytes(), &[0, 0], &(frame.len() as u16).to_be_bytes(), frame]
        .concat()
}

const LINKS: [(u32, &str, Wrapped); 15] = [
    (10, "FDDI", |f| [&[0x50; 13][..], &SNAP, &f[14..]].concat()),
    (104, "Cisco HDLC", |f| behind(&[0x0f, 0, 8, 0], &f[14..])),
    (105, "802.11", wireless),
    (127, "radiotap", |f| behind(&[0, 0, 17, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10], &wireless(f))),
    (192, "PPI of 802.11", |f| behind(&[0, 0, 8, 0, 105, 0, 0, 0], &wireless(f))),
    (192, "PPI of Ethernet", |f| behind(&[0, 0, 8, 0, 1, 0, 0, 0], f)),
    (197, "ERF of Ethernet", |f| endace(2, &behind(&[0, 0], f))),
    (197, "ERF of Ethernet with an extension", |f| {
        endace(0x82, &[&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], f].concat())
    }),
    (197, "ERF of PPP", |f| endace(1, &behind(&[0xff, 3, 0, 0x21], &f[14..]))),
    (197, "ERF of Cisco HDLC", |f| endace(1, &behind(&[0x8f, 0, 8, 0], &f[14..]))),
    (197, "ERF of IPv4", |f| endace(22, &f[14..])),
    (239, "netfilter's log", |f| {
        let len = (4 + f.len() as u16 - 14).to_le_bytes();
        [&[2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0][..], &len, &[9, 0], &f[14..]].concat()
    }),
    (239, "netfilter's log of the other byte order", |f| {
        let len = (4 + f.len() as u16 - 14).to_be_bytes();
        [&[2, 0, 0, 5, 0, 8, 0, 1, 8, 0, 1, 0][..], &len, &[0, 9], &f[14..]].concat()
    }),
    (113, "cooked", |f| [&[0; 14][..], &[8, 0], &f[14..]].concat()),
    (276, "cooked, version 2", |f| [&[8, 0][..], &[0; 18], &f[14..]].concat()),
];

#[test]
fn a_call_is_read_alike_behind_every_link_type() {
    let (room, frames) = (Room::new(), call());
    let write = |name: &str, link: u32, wrap: Wrapped| {
        let wrapped: Vec<Frame> = frames.iter().map(|f| Frame { at: f.at, bytes: wrap(&f.bytes) }).collect();
        let mut capture = write_pcap(&wrapped, PcapFormat::Nano);
        capture[20..24].copy_from_slice(&link.to_le_bytes());
        room.write(name, &capture)
    };
    let reports = |db: &str| {
        let report = |what| room.expect(0, &["--db", db, "--format", "jsonl", "report", what]);
        [report("calls"), report("streams"), report("losses")].concat()
    };
    room.replay("ethernet.db", "1", &[&write("ethernet.pcap", 1, <[u8]>::to_vec)]);
    let known = reports("ethernet.db");
    assert_eq!((room.rows("ethernet.db", "calls").len(), room.rows("ethernet.db", "streams").len()), (1, 2));
    for (i, (link, name, wrap)) in LINKS.into_iter().enumerate() {
        let db = format!("{i}.db");
        room.replay(&db, "1", &[&write(&format!("{i}.pcap"), link, wrap)]);
        assert_same(&reports(&db), &known, name);
    }
}

#[test]
fn what_a_link_brings_besides_readable_packets_is_passed_over_or_named() {
    let room = Room::new();
    let frame = &call()[0];
    let at = frame.at;
    let named = |link: u32, bytes: Vec<u8>| {
        let mut capture = write_pcap(&[Frame { at, bytes }], PcapFormat::Nano);
        capture[20..24].copy_from_slice(&link.to_le_bytes());
        let capture = room.write("x.pcap", &capture);
        let db = format!("{link}-{}.db", capture.metadata().unwrap().len());
        room.replay(&db, "1", &[&capture]);
        room.rows(&db, "losses").first().map(|row| row["name"].as_str().unwrap().to_owned())
    };
    let mut sealed = wireless(&frame.bytes);
    sealed[1] |= 0x40;
    assert_eq!(named(105, sealed).as_deref(), Some("encapsulation_unsupported"), "a protected frame");
    assert_eq!(named(105, vec![0x80; 40]), None, "a beacon");
    assert_eq!(named(197, endace(21, &[0; 40])).as_deref(), Some("encapsulation_unsupported"), "Infiniband");
    assert_eq!(
        named(239, vec![2, 0, 0, 0, 9, 9, 9, 9]).as_deref(),
        Some("link_malformed"),
        "no packet in it"
    );
}
