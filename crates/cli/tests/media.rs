//! Media of calls whose descriptions name more than one place, and keys that were only offered, end to end.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::SocketAddrV4;
use std::path::PathBuf;

use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, PcapFormat, udp_frame, write_pcap};
use common::{Room, assert_same, shared_captures, shared_case};
use serde_json::Value;

#[test]
fn a_call_whose_answer_takes_no_keys_is_as_plain_as_one_that_offered_none() {
    let Some(capture) = shared_case("b28-offered-keys.pcap.gz") else { return };
    let room = Room::new();
    room.replay("x.db", "2", &[&capture]);
    let rows = room.rows("x.db", "streams");
    assert_eq!(rows.len(), 8);
    for row in rows {
        assert_eq!(row["class_reason"], "no_classes_learned", "{row}");
        assert!(row["silence"]["observed_packets"].as_u64().unwrap() > 10, "{row}");
    }
}

#[test]
fn media_belongs_to_calls_where_a_description_of_the_call_was_captured() {
    let has = |file: &PathBuf, line: &[u8]| {
        let bytes = std::fs::read(file).unwrap();
        bytes.windows(line.len()).any(|w| w == line)
    };
    let share = |captures: &[PathBuf]| {
        let (mut all, mut linked) = (0, 0);
        for capture in captures {
            let room = Room::new();
            room.replay("x.db", "2", &[capture]);
            for row in room.rows("x.db", "streams") {
                let packets = row["packets"].as_u64().unwrap();
                all += packets;
                linked += if row["call_id"].is_null() { 0 } else { packets };
            }
        }
        (linked, all)
    };
    let described = |file: &PathBuf| has(file, b"m=audio ") && has(file, b"INVITE sip:");
    let captures: Vec<PathBuf> = shared_captures().into_iter().filter(described).collect();
    let (ice, others): (Vec<PathBuf>, Vec<PathBuf>) =
        captures.into_iter().partition(|file| has(file, b"a=candidate:"));
    for captures in [ice, others] {
        let (linked, all) = share(&captures);
        assert!(captures.is_empty() || all > 3000, "{all}");
        assert!(linked * 100 >= all * 95, "{linked} of {all}");
    }
}

/// A call of two phones, and others that claim the same places with candidates by the thousand and descriptions that contradict each other.
fn contested() -> Vec<Frame> {
    let start = Timestamp::from_nanos(1_700_000_000_000_000_000);
    let hosts = ["192.0.2.106:7078", "192.0.2.105:7270"];
    let mut frames: Vec<Frame> = Vec::new();
    let mut put = |ms: i64, from: &str, to: &str, payload: &[u8]| {
        let (from, to): (SocketAddrV4, SocketAddrV4) = (from.parse().unwrap(), to.parse().unwrap());
        let id = frames.len() as u16;
        frames.push(udp_frame(start + Span::from_millis(ms), from, to, id, payload));
    };
    let candidate = |at: &str| {
        let (ip, port) = at.split_once(':').unwrap();
        format!("a=candidate:1 1 UDP 1 {ip} {port} typ host\r\n")
    };
    let message = |id: usize, start: &str, to_tag: &str, at: &str, lines: &str| {
        let (ip, port) = at.split_once(':').unwrap();
        let body = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n{lines}"
        );
        format!("{start}\r\nVia: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\nFrom: <sip:a{id}@example.com>;tag=f{id}\r\nTo: <sip:b{id}@example.net>{to_tag}\r\nCall-ID: call{id}\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let (caller, callee) = ("203.0.113.1:5060", "203.0.113.2:5060");
    let many: String =
        (0..300).map(|k| candidate(&format!("192.0.2.{}:{}", k % 250 + 1, 10_000 + k))).collect();
    for id in 0..24_usize {
        // Every third names both places as both sides; the first is the phones' own.
        let turn = id % 3 == 1;
        let own = [candidate(hosts[usize::from(turn)]), candidate(hosts[usize::from(!turn)])];
        let crowd = if id == 0 { "" } else { &*many };
        let lines = [format!("{}{crowd}", own[0]), format!("{}{crowd}", own[1])];
        let at = [format!("198.51.100.1:{}", 20_000 + 2 * id), format!("198.51.100.2:{}", 20_000 + 2 * id)];
        let ms = 10 * id as i64;
        put(ms, caller, callee, &message(id, "INVITE sip:b@example.net SIP/2.0", "", &at[0], &lines[0]));
        put(ms + 5, callee, caller, &message(id, "SIP/2.0 200 OK", ";tag=t", &at[1], &lines[1]));
    }
    for seq in 0..200_u16 {
        for (side, way) in [(0, [hosts[0], hosts[1]]), (1, [hosts[1], hosts[0]])] {
            let mut packet = vec![0x80, 0];
            packet.extend(seq.to_be_bytes());
            packet.extend((u32::from(seq) * 160).to_be_bytes());
            packet.extend([0, 0, 0, side]);
            packet.extend([0xff; 160]);
            put(700 + i64::from(seq) * 20 + i64::from(side), way[0], way[1], &packet);
        }
    }
    frames.sort_by_key(|f| f.at);
    frames
}

#[test]
fn places_that_many_calls_claim_fall_to_one_by_a_rule_for_any_number_of_workers() {
    let room = Room::new();
    let capture = room.write("x.pcap", &write_pcap(&contested(), PcapFormat::Nano));
    let reports: Vec<String> = ["1", "2", "8"]
        .iter()
        .map(|workers| {
            let db = format!("{workers}.db");
            room.replay(&db, workers, &[&capture]);
            room.reports(&db)
        })
        .collect();
    assert_same(&reports[0], &reports[1], "one and two workers");
    assert_same(&reports[0], &reports[2], "one and eight workers");
    let rows = room.rows("1.db", "streams");
    let of = |direction: &str| -> Vec<&Value> {
        rows.iter().filter(|r| r["direction"] == direction && r["packets"] == 200).collect()
    };
    assert_eq!((of("caller").len(), of("callee").len()), (1, 1), "{rows:?}");
    assert_eq!(of("caller")[0]["call_id"], of("callee")[0]["call_id"]);
    let refused = room.rows("1.db", "losses").into_iter().find(|r| r["name"] == "media_endpoint_refused");
    assert!(refused.is_some_and(|row| row["count"].as_u64().unwrap() > 10_000));
}
