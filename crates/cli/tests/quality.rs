//! Quality of streams: loss, bursts, the E-model, and what receivers report.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::SocketAddrV4;

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, PcapFormat, Rng, Talk, udp_frame, write_pcap};
use common::{Room, assert_same};
use serde_json::Value;

const START: i64 = 1_700_000_000_000_000_000;

fn call() -> Vec<Frame> {
    let talk = || Talk { law: Law::Mu, packets: vec![vec![0xff; 160]; 1000] };
    let call = Call {
        caller: Agent::new([192, 0, 2, 1], "100", "Phone"),
        callee: Agent::new([192, 0, 2, 2], "200", "Phone"),
        start: Timestamp::from_nanos(START),
        rings: Span::from_millis(500),
        is_challenged: false,
        caller_talk: talk(),
        callee_talk: talk(),
    };
    call.frames(&mut Rng::new(20))
}

/// Sender and receiver of a media packet, and its place among those of its sender; none for other frames.
fn media(frame: &Frame) -> Option<(SocketAddrV4, SocketAddrV4, u32)> {
    let octets = &frame.bytes;
    if octets.get(42)? >> 6 != 2 || octets.len() != 42 + 172 {
        return None;
    }
    let end = |ip: usize, port: usize| {
        let address: [u8; 4] = octets[ip..ip + 4].try_into().unwrap();
        SocketAddrV4::new(address.into(), u16::from_be_bytes([octets[port], octets[port + 1]]))
    };
    Some((end(26, 34), end(30, 36), u32::from_be_bytes(octets[50..54].try_into().unwrap())))
}

/// The call without the packets of the caller that a rule loses.
fn without(is_lost: fn(usize) -> bool) -> Vec<Frame> {
    let mut place = 0;
    let mut frames = call();
    frames.retain(|frame| {
        let is_callers = media(frame).is_some_and(|(src, ..)| src.ip().octets() == [192, 0, 2, 1]);
        place += usize::from(is_callers);
        !(is_callers && is_lost(place))
    });
    frames
}

fn streams(room: &Room, name: &str, frames: &[Frame]) -> Vec<Value> {
    let capture = room.write(&format!("{name}.pcap"), &write_pcap(frames, PcapFormat::Nano));
    room.replay(&format!("{name}.db"), "2", &[&capture]);
    let mut rows = room.rows(&format!("{name}.db"), "streams");
    rows.sort_by_key(|row| row["src"].as_str().unwrap().to_owned());
    assert_eq!(rows.len(), 2);
    rows
}

fn number(row: &Value, column: &str) -> f64 {
    row[column].as_f64().unwrap()
}

#[test]
fn the_same_loss_is_worse_in_bursts() {
    let room = Room::new();
    let clean = streams(&room, "clean", &without(|_| false));
    // 20 of 1000 packets, one by one and in two rows with a received packet within.
    let single = streams(&room, "single", &without(|i| i.is_multiple_of(50) && i < 1000 || i == 25));
    let burst =
        streams(&room, "burst", &without(|i| (300..311).contains(&i) && i != 305 || (600..610).contains(&i)));
    for row in [&clean[0], &clean[1], &single[1], &burst[1]] {
        assert_eq!((number(row, "loss_percent"), number(row, "burst_loss_percent")), (0.0, 0.0));
        assert!((number(row, "mos") - 4.35).abs() < 0.02, "{row}");
    }
    for row in [&single[0], &burst[0]] {
        assert_eq!(number(row, "loss_percent"), 2.0, "{row}");
    }
    assert_eq!(number(&single[0], "burst_loss_percent"), 0.0);
    assert_eq!(number(&burst[0], "burst_loss_percent"), 95.238);
    let r = |rows: &[Value]| number(&rows[0], "r_factor");
    // G.107: 2 % random loss costs G.711 with concealment 95 * 2 / (2 + 25.1).
    assert!((r(&clean) - r(&single) - 7.0).abs() < 0.1);
    assert!(r(&burst) < r(&single) - 0.3, "{} and {}", r(&burst), r(&single));
}

/// An RTCP packet of words.
fn rtcp(kind: u8, count: u8, words: &[u32]) -> Vec<u8> {
    let mut out = vec![0x80 | count, kind];
    out.extend((words.len() as u16).to_be_bytes());
    out.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    out
}

#[test]
fn receivers_reports_give_round_trips_and_scores() {
    let room = Room::new();
    let mut frames = call();
    let first = frames.iter().find_map(|frame| media(frame).map(|found| (frame.at, found)));
    let (at, (src, dst, ssrc)) = first.unwrap();
    let below = |end: SocketAddrV4| SocketAddrV4::new(*end.ip(), end.port() + 1);
    let mut report = |ms: i64, src, dst, octets: &[u8]| {
        frames.push(udp_frame(at + Span::from_millis(ms), below(src), below(dst), 0, octets));
    };
    // The sender's report passes at 5.0 s. The receiver holds it for half a second, and answers at 5.54 s.
    report(5000, src, dst, &rtcp(200, 0, &[ssrc, 0xe000_1111, 0x2222_0000, 1, 100, 16_000]));
    report(5540, dst, src, &rtcp(201, 1, &[77, ssrc, 0, 0, 0, 0x1111_2222, 32_768]));
    frames.sort_by_key(|frame| frame.at);
    let of = |rows: &[Value]| rows.iter().find(|row| row["ssrc"] == ssrc).unwrap().clone();
    let row = of(&streams(&room, "answered", &frames));
    assert_eq!((number(&row, "round_trip_ms"), &row["xr_mos"]), (40.0, &Value::Null));
    let near = number(&row, "r_factor");

    let metrics = [77, 0x0700_0008, ssrc, 0, 0, 600 << 16 | 30, 0, 0x5d7f_2922, 0, 0];
    let octets = [rtcp(201, 0, &[77]), rtcp(207, 0, &metrics)].concat();
    frames.push(udp_frame(at + Span::from_secs(6), below(dst), below(src), 1, &octets));
    frames.sort_by_key(|frame| frame.at);
    let row = of(&streams(&room, "measured", &frames));
    assert_eq!((number(&row, "round_trip_ms"), number(&row, "xr_mos")), (600.0, 3.4));
    assert!(number(&row, "r_factor") < near - 20.0, "a delay of 360 ms is heard");
}

#[test]
fn quality_is_the_same_for_any_number_of_workers() {
    let room = Room::new();
    let frames = without(|i| i % 37 < 3);
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    room.replay("1.db", "1", &[&capture]);
    room.replay("4.db", "4", &[&capture]);
    assert_same(&room.reports("1.db"), &room.reports("4.db"), "workers");
}
