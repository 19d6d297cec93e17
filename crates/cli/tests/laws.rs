//! The laws of the house: determinism, no loss without a name, and that known things are recognised.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_capture::CaptureReader;
use bellwether_rtp::g711::Law;
use bellwether_testkit::{
    Agent, Call, Delay, Discipline, Flood, Frame, Microphone, Network, PcapFormat, Registration, Rng, Talk,
    Timer, as_hep, as_web_socket, fragment, in_erspan, in_vxlan, tcp_frame, udp_frame, with_vlan, write_pcap,
};
use common::{Room, assert_same, own_captures, project, shared_captures};
use serde_json::Value;

const START: i64 = 1_750_000_000_000_000_000;

/// A small site: ten agents that call each other and register.
fn site(seed: u64, start: Timestamp) -> Vec<Frame> {
    let mut rng = Rng::new(seed);
    let agents: Vec<Agent> = (0..10)
        .map(|i| Agent {
            is_terse: i % 2 == 1,
            ..Agent::new([10, 1, 0, 10 + i], &format!("20{i}"), &format!("Phone/{}", i % 3))
        })
        .collect();
    let mut frames = Vec::new();
    for i in 0..12_i64 {
        let talk = |dc: f64, rng: &mut Rng| Talk {
            law: if i % 2 == 0 { Law::Mu } else { Law::A },
            packets: Microphone { dc_offset: dc, noise: 3e-4, hum: 0.0 }.packets(
                if i % 2 == 0 { Law::Mu } else { Law::A },
                None,
                60,
                160,
                rng,
            ),
        };
        let (a, b) = ((i % 10) as usize, ((i * 3 + 1) % 10) as usize);
        let call = Call {
            caller: agents[a].clone(),
            callee: agents[b].clone(),
            start: start + Span::from_millis(4000 * i),
            rings: Span::from_millis(300),
            caller_talk: talk(1e-4, &mut rng),
            callee_talk: talk(-2e-4, &mut rng),
            is_challenged: i % 3 == 0,
        };
        frames.extend(call.frames(&mut rng));
    }
    for (i, device) in agents.iter().enumerate().take(4) {
        let registration = Registration {
            device: device.clone(),
            registrar: SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 5060),
            timer: Timer {
                period: Span::from_secs(10),
                skew: Ppm(100.0 * i as f64),
                discipline: Discipline::Periodic,
                delay: Delay::Gaussian(Span::from_millis(5), Span::from_millis(1)),
                round_trip: Span::from_millis(3),
                lateness: Span::ZERO,
            },
            granted_s: 12,
            is_challenged: i % 2 == 0,
            start: start + Span::from_millis(137 * i as i64),
            refreshes: 8,
        };
        frames.extend(registration.frames(&mut rng));
    }
    frames.sort_by_key(|f| f.at);
    frames
}

fn socket(ip: [u8; 4], port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(ip), port)
}

fn saved(room: &Room, name: &str, frames: &[Frame]) -> PathBuf {
    room.write(name, &write_pcap(frames, PcapFormat::Nano))
}

#[test]
fn reports_are_the_same_for_any_number_of_workers_and_on_every_run() {
    let room = Room::new();
    let network = Network {
        loss: 0.02,
        doubled: 0.05,
        delay: Delay::Exponential(Span::from_millis(1), Span::from_millis(2)),
    };
    let carried = network.carry(&site(1, Timestamp::from_nanos(START)), &mut Rng::new(2));
    let synthetic = saved(&room, "site.pcap", &carried);
    let mut captures: Vec<PathBuf> = own_captures();
    captures.push(synthetic);
    for (i, capture) in captures.iter().enumerate() {
        let runs: Vec<String> = ["1", "2", "8", "2"]
            .iter()
            .enumerate()
            .map(|(run, workers)| {
                let db = format!("{i}-{run}.db");
                room.replay(&db, workers, &[capture]);
                room.reports(&db)
            })
            .collect();
        assert!(runs.windows(2).all(|w| w[0] == w[1]), "{} differs between runs", capture.display());
    }
}

#[test]
fn evictions_under_flood_do_not_depend_on_the_number_of_workers_and_spare_honest_calls() {
    let room = Room::new();
    room.write("small.toml", b"[limits]\ncalls = 320\ntransactions = 640\nregistrations = 64\nstreams = 256\nmedia_endpoints = 256\nfragments = 64\ntcp_flows = 64\n");
    let honest = 8;
    let mut flood = Flood::new(Timestamp::from_nanos(START), 400, 3, 5);
    let mut call = Vec::new();
    let mut frames: Vec<Frame> = (0..3 * honest).flat_map(|second| flood.second(second, &mut call)).collect();
    frames.append(&mut call);
    let capture = saved(&room, "flood.pcap", &frames);
    let run = |db: &str, workers: &str| {
        let args = [
            "--config",
            "small.toml",
            "--db",
            db,
            "--workers",
            workers,
            "-q",
            "replay",
            capture.to_str().unwrap(),
        ];
        room.expect(0, &args);
        room.reports(db)
    };
    let one = run("1.db", "1");
    assert!(one == run("4.db", "4"), "one and four workers differ");
    for overflow in ["call_evicted", "fragment_table_full", "tcp_flow_evicted", "transaction_evicted"] {
        assert!(one.contains(overflow), "the flood must overflow every table, but not: {overflow}");
    }
    let calls = room.rows("1.db", "calls");
    let honest_calls: Vec<_> = calls.iter().filter(|c| !c["answered_at"].is_null()).collect();
    assert_eq!(honest_calls.len() as u64, honest);
    assert!(honest_calls.iter().all(|call| !call["ended_at"].is_null()));
    let linked = room.rows("1.db", "streams").iter().filter(|s| !s["call_id"].is_null()).count();
    assert_eq!(linked as u64, 2 * honest, "the honest calls' media is found in the port scan");
}

#[test]
fn replaying_again_adds_nothing() {
    let room = Room::new();
    let captures = own_captures();
    let captures: Vec<&Path> = captures.iter().map(PathBuf::as_path).collect();
    room.replay("x.db", "2", &captures);
    let first = room.reports("x.db");
    room.replay("x.db", "1", &captures);
    assert_same(&first, &room.reports("x.db"), "again");
    // A second replay of a part removes nothing either.
    room.replay("x.db", "2", &captures[..3]);
    let losses_and_summary_aside = |text: &str| text.split_once("calls\n").unwrap().1.to_owned();
    assert!(losses_and_summary_aside(&first) == losses_and_summary_aside(&room.reports("x.db")));
}

#[test]
fn parts_one_after_another_give_what_they_give_together() {
    let room = Room::new();
    let later = Timestamp::from_nanos(START) + Span::from_secs(3600);
    let parts = [
        saved(&room, "a.pcap", &site(7, Timestamp::from_nanos(START))),
        saved(&room, "b.pcap", &site(8, later)),
    ];
    let paths: Vec<&Path> = parts.iter().map(PathBuf::as_path).collect();
    room.replay("together.db", "2", &paths);
    room.replay("apart.db", "2", &paths[..1]);
    room.replay("apart.db", "2", &paths[1..]);
    for what in ["calls", "streams"] {
        let (together, apart) = (room.rows("together.db", what), room.rows("apart.db", what));
        assert_eq!(together.len(), apart.len(), "{what}");
        for (one, other) in together.iter().zip(&apart) {
            assert_eq!(one, other, "{what}");
        }
    }
    let clocks = |db: &str| -> Vec<(Value, Value)> {
        room.rows(db, "registrations").iter().map(|r| (r["aor"].clone(), r["refreshes"].clone())).collect()
    };
    assert_eq!(clocks("together.db"), clocks("apart.db"));
}

#[test]
fn a_call_that_is_cut_in_two_ends_all_the_same() {
    let room = Room::new();
    let frames = site(41, Timestamp::from_nanos(START));
    let whole = saved(&room, "whole.pcap", &frames);
    room.replay("whole.db", "2", &[&whole]);
    let ends = |db: &str| -> Vec<(String, Value)> {
        let calls = room.rows(db, "calls");
        calls.iter().map(|c| (c["call_id"].as_str().unwrap().to_owned(), c["ended_at"].clone())).collect()
    };
    let byes = frames.iter().enumerate().filter(|(_, f)| f.bytes.get(42..46) == Some(b"BYE "));
    for (cut, _) in byes.step_by(3) {
        let db = format!("{cut}.db");
        let (before, behind) = frames.split_at(cut);
        room.replay(&db, "2", &[&saved(&room, "a.pcap", before)]);
        assert!(ends(&db).iter().any(|(_, ended)| ended.is_null()), "a call is cut");
        room.replay(&db, "2", &[&saved(&room, "b.pcap", behind)]);
        assert_eq!(ends("whole.db"), ends(&db));
    }
}

/// Facts without the values that encapsulation changes: input identity, counts of frames.
fn facts(room: &Room, db: &str) -> String {
    room.reports(db).split_once("calls\n").unwrap().1.to_owned()
}

#[test]
fn fragments_and_vlan_tags_change_no_fact() {
    let room = Room::new();
    let frames = site(11, Timestamp::from_nanos(START));
    let plain = saved(&room, "plain.pcap", &frames);
    room.replay("plain.db", "2", &[&plain]);
    for (name, size) in [("f1480", 1480), ("f296", 296), ("f96", 96)] {
        // A datagram has the time of the fragment that completes it, so all come at once here.
        let cut = frames.iter().flat_map(|f| fragment(f, size).into_iter().map(|p| Frame { at: f.at, ..p }));
        let cut = saved(&room, &format!("{name}.pcap"), &cut.collect::<Vec<_>>());
        room.replay(&format!("{name}.db"), "2", &[&cut]);
        let what = format!("fragments of {size}");
        assert_same(&facts(&room, "plain.db"), &facts(&room, &format!("{name}.db")), &what);
    }
    let tagged: Vec<Frame> = frames.iter().map(|f| with_vlan(&with_vlan(f, 7), 100)).collect();
    let tagged = saved(&room, "vlan.pcap", &tagged);
    room.replay("vlan.db", "2", &[&tagged]);
    assert_same(&facts(&room, "plain.db"), &facts(&room, "vlan.db"), "VLAN tags");
}

#[test]
fn copies_by_the_mirror_are_counted_and_change_no_fact() {
    let room = Room::new();
    let capture = project().join("pcaps/lab-calls-baresip-linphone.pcap");
    room.replay("once.db", "2", &[&capture]);
    let mut reader = CaptureReader::open(&capture).unwrap();
    let mut frames = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        frames.push(Frame { at: record.at, bytes: record.frame.to_vec() });
    }
    // The copy took another way to the mirror: its tag and its time differ.
    let late = |f: &Frame| Frame { at: f.at + Span::from_nanos(300_000), ..with_vlan(f, 7) };
    let mut doubled: Vec<Frame> = frames.iter().flat_map(|f| [f.clone(), late(f)]).collect();
    doubled.sort_by_key(|f| f.at);
    let doubled = saved(&room, "doubled.pcap", &doubled);
    room.replay("twice.db", "2", &[&doubled]);
    let media = |db: &str| room.rows(db, "summary")[0]["media"].clone();
    assert_eq!(media("twice.db")["rtcp_duplicates"], media("once.db")["rtcp_packets"]);
    assert_eq!(media("twice.db")["rtcp_packets"], media("once.db")["rtcp_packets"]);
    assert!(media("once.db")["rtcp_packets"].as_u64().unwrap() > 10);
    let without_copies = |db: &str, what: &str| {
        let mut rows = room.rows(db, what);
        for row in &mut rows {
            // The packets of a stream are all that arrived, including duplicates.
            let copies = row["duplicates"].as_u64().unwrap_or_default();
            if let Some(packets) = row["packets"].as_u64() {
                row["packets"] = (packets - copies).into();
            }
            let row = row.as_object_mut().unwrap();
            row.retain(|field, _| !["duplicates", "last_seen"].contains(&field.as_str()));
        }
        rows
    };
    for what in ["calls", "streams", "registrations", "devices"] {
        assert_eq!(without_copies("once.db", what), without_copies("twice.db", what), "{what}");
    }
}

/// The signalling of a few calls: time, message, and whether it is a request.
fn signalling(frames: &[Frame]) -> Vec<(Timestamp, Vec<u8>, bool)> {
    let message = |f: &Frame| {
        let payload = &f.bytes[42..];
        let is_request = payload.first().is_some_and(u8::is_ascii_uppercase) && !payload.starts_with(b"SIP/");
        (is_request || payload.starts_with(b"SIP/")).then(|| (f.at, payload.to_vec(), is_request))
    };
    frames.iter().filter_map(message).collect()
}

#[test]
fn web_sockets_carry_the_same_facts_masked_fragmented_and_joined_midway() {
    let room = Room::new();
    let messages = signalling(&site(37, Timestamp::from_nanos(START)));
    let ends = [socket([10, 2, 0, 1], 40_000), socket([10, 2, 0, 2], 8080)];
    let hands = [
        "GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: sip\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n",
    ];
    // Requests go one way, responses the other; segments of up to 500 octets.
    let capture = |name: &str, framed: bool, handshake: bool| {
        let (mut out, mut seq) = (Vec::new(), [9_u32, 4_294_967_000]);
        let mut segment = |side: usize, at: Timestamp, octets: &[u8]| {
            for piece in octets.chunks(500) {
                out.push(tcp_frame(at, ends[side], ends[1 - side], seq[side], 0x18, piece));
                seq[side] = seq[side].wrapping_add(piece.len() as u32);
            }
        };
        for (side, hand) in hands.iter().enumerate().filter(|_| handshake) {
            segment(side, Timestamp::from_nanos(START - 1), hand.as_bytes());
        }
        for (at, message, is_request) in &messages {
            let side = usize::from(!is_request);
            match (framed, is_request) {
                (false, _) => segment(side, *at, message),
                (true, true) => segment(side, *at, &as_web_socket(message, 300, Some([7, 0, 255, 9]))),
                (true, false) => segment(side, *at, &as_web_socket(message, 60_000, None)),
            }
        }
        saved(&room, name, &out)
    };
    for (name, framed, handshake) in [("bare", false, false), ("opened", true, true), ("joined", true, false)]
    {
        let capture = capture(&format!("{name}.pcap"), framed, handshake);
        room.replay(&format!("{name}.db"), "2", &[&capture]);
    }
    let bare = facts(&room, "bare.db");
    assert_eq!(room.rows("bare.db", "calls").len(), 12);
    for db in ["opened.db", "joined.db"] {
        let framed = facts(&room, db);
        assert!(framed.contains("\"transport\":\"ws\""));
        assert_same(&bare, &framed.replace("\"transport\":\"ws\"", "\"transport\":\"tcp\""), db);
    }
}

#[test]
fn encrypted_connections_are_counted_by_their_endpoints() {
    let room = Room::new();
    let hello = |port: u16| {
        let record = [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0];
        let (client, server) = (socket([10, 2, 0, 1], port), socket([10, 2, 0, 2], 5061));
        tcp_frame(Timestamp::from_nanos(START), client, server, 1, 0x18, &record)
    };
    let capture = saved(&room, "tls.pcap", &[hello(40_000), hello(40_001), hello(5062)]);
    room.replay("tls.db", "2", &[&capture]);
    let opaque = &room.rows("tls.db", "summary")[0]["opaque"];
    assert_eq!(opaque["tls 10.2.0.1 > 10.2.0.2:5061"], 2, "{opaque}");
    assert_eq!(opaque["tls 10.2.0.1:5062 > 10.2.0.2:5061"], 1, "{opaque}");
}

#[test]
fn splitting_a_tcp_stream_anywhere_changes_no_fact() {
    let room = Room::new();
    // The signalling of a few calls on one connection per direction.
    let frames = site(13, Timestamp::from_nanos(START));
    let (a, b) = (
        SocketAddrV4::new(Ipv4Addr::new(10, 2, 0, 1), 40_000),
        SocketAddrV4::new(Ipv4Addr::new(10, 2, 0, 2), 5060),
    );
    let messages = signalling(&frames);
    let capture = |name: &str, rng: &mut Rng, most: u64| {
        let mut out = Vec::new();
        let mut seq = [1_000_u32, 4_294_960_000];
        for (at, message, is_request) in &messages {
            let (side, src, dst) = if *is_request { (0, a, b) } else { (1, b, a) };
            let mut rest = message.as_slice();
            while !rest.is_empty() {
                let n = (1 + rng.below(most)).min(rest.len() as u64) as usize;
                out.push(tcp_frame(*at, src, dst, seq[side], 0x18, &rest[..n]));
                seq[side] = seq[side].wrapping_add(n as u32);
                rest = &rest[n..];
            }
        }
        saved(&room, name, &out)
    };
    let whole = capture("whole.pcap", &mut Rng::new(1), u64::MAX - 1);
    room.replay("whole.db", "2", &[&whole]);
    let expected = facts(&room, "whole.db");
    assert_eq!(room.rows("whole.db", "calls").len(), 12);
    for (name, most) in [("s700", 700), ("s40", 40), ("s1", 1)] {
        let cut = capture(&format!("{name}.pcap"), &mut Rng::new(most), most);
        room.replay(&format!("{name}.db"), "2", &[&cut]);
        assert!(facts(&room, &format!("{name}.db")) == expected, "segments of up to {most}");
    }
}

#[test]
fn tunnels_around_the_frames_change_no_fact_and_are_told() {
    let room = Room::new();
    let frames = site(23, Timestamp::from_nanos(START));
    let (cloud, switch, sensor) = ([192, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 9]);
    let mut id = 0_u16;
    let tunnelled: Vec<Frame> = frames
        .iter()
        .enumerate()
        .flat_map(|(i, frame)| {
            let erspan = in_erspan(frame, socket(switch, 0), socket(sensor, 0), 17);
            match i % 4 {
                0 => vec![in_vxlan(frame, socket(cloud, 50_000), socket(sensor, 4789), 7)],
                1 => vec![erspan],
                2 => vec![in_vxlan(&erspan, socket(cloud, 50_000), socket(sensor, 4789), 8)],
                // The tunnel makes the packet too large, so its host cuts it.
                _ => {
                    id += 1;
                    let mut whole = in_vxlan(frame, socket(cloud, 50_000), socket(sensor, 4789), 7);
                    whole.bytes[18..20].copy_from_slice(&id.to_be_bytes());
                    fragment(&whole, 200).into_iter().map(|piece| Frame { at: frame.at, ..piece }).collect()
                }
            }
        })
        .collect();
    for (name, frames) in [("bare", &frames), ("tunnelled", &tunnelled)] {
        let capture = saved(&room, &format!("{name}.pcap"), frames);
        room.replay(&format!("{name}.db"), "2", &[&capture]);
    }
    let quarter = frames.len() as u64 / 4;
    let expected = [
        ("erspan 192.0.2.2 17", quarter),
        ("vxlan 192.0.2.1 8", quarter),
        ("vxlan 192.0.2.1 7", 2 * quarter),
    ];
    for what in ["calls", "registrations", "streams"] {
        let mut rows = room.rows("tunnelled.db", what);
        for row in rows.iter_mut().filter(|_| what != "streams") {
            let mirror = row["mirror"].take();
            assert!(mirror.as_str().is_some_and(|m| expected.iter().any(|(name, _)| *name == m)), "{mirror}");
        }
        assert!(room.rows("bare.db", what) == rows, "{what} differ");
    }
    let mirrors = &room.rows("tunnelled.db", "summary")[0]["mirrors"];
    for (name, expected) in expected {
        let frames = mirrors[name].as_u64().unwrap();
        assert!(frames.abs_diff(expected) <= 2, "{mirrors}");
    }
}

#[test]
fn what_agents_send_on_counts_by_their_clocks_over_any_transport() {
    let room = Room::new();
    let frames = site(29, Timestamp::from_nanos(START));
    let is_sip = |f: &Frame| f.bytes[42..].first().is_some_and(u8::is_ascii_uppercase);
    let (agent, collector) = (socket([192, 0, 2, 5], 40_000), socket([192, 0, 2, 9], 9060));
    let mut rng = Rng::new(4);
    let mut seq = 77_u32;
    let mut sent = Timestamp::MIN;
    let (mut by_udp, mut by_tcp) = (Vec::new(), Vec::new());
    for frame in &frames {
        // Media comes by the mirror; signalling comes from an agent, later and unevenly so, but in its order.
        if !is_sip(frame) {
            by_udp.push(frame.clone());
            by_tcp.push(frame.clone());
            continue;
        }
        let message = as_hep(frame, 2001);
        sent = sent.max(frame.at + Span::from_nanos(30_000_000 + rng.below(20_000_000) as i64));
        by_udp.push(udp_frame(sent, agent, collector, 0, &message));
        let mut rest = message.as_slice();
        while !rest.is_empty() {
            let n = rest.len().min(1 + rng.below(900) as usize);
            by_tcp.push(tcp_frame(frame.at + Span::from_millis(40), agent, collector, seq, 0x18, &rest[..n]));
            seq = seq.wrapping_add(n as u32);
            rest = &rest[n..];
        }
    }
    let captures = [("bare", frames), ("udp", by_udp), ("tcp", by_tcp)];
    for (name, mut frames) in captures {
        frames.sort_by_key(|f| f.at);
        let capture = room.write(&format!("{name}.pcap"), &write_pcap(&frames, PcapFormat::Micro));
        room.replay(&format!("{name}.db"), "2", &[&capture]);
    }
    for what in ["calls", "registrations"] {
        let read = |db: &str, agent: Value| {
            let mut rows = room.rows(db, what);
            for row in &mut rows {
                assert_eq!(row["mirror"].take().is_null(), agent.is_null(), "{db}: {what}");
                assert_eq!(row["hep_agent"].take(), agent, "{db}: {what}");
            }
            rows
        };
        let bare = read("bare.db", Value::Null);
        assert_eq!(bare.len(), if what == "calls" { 12 } else { 4 });
        for db in ["udp.db", "tcp.db"] {
            assert!(bare == read(db, Value::from(2001)), "{db}: {what} differ");
        }
    }
    for db in ["udp.db", "tcp.db"] {
        let linked = room.rows(db, "streams").iter().filter(|s| !s["call_id"].is_null()).count();
        assert_eq!(linked, 24, "{db}");
        assert!(room.rows(db, "losses").iter().all(|l| l["kind"] == "notice"));
    }
}

#[test]
fn shifting_all_times_shifts_the_facts_equally() {
    let room = Room::new();
    let shift = Span::from_secs(86_400 * 365);
    let here = site(17, Timestamp::from_nanos(START));
    let there: Vec<Frame> = here.iter().map(|f| Frame { at: f.at + shift, ..f.clone() }).collect();
    for (name, frames) in [("here", here), ("there", there)] {
        let capture = saved(&room, &format!("{name}.pcap"), &frames);
        room.replay(&format!("{name}.db"), "2", &[&capture]);
    }
    for what in ["calls", "registrations", "streams"] {
        // Only the year differs. Rows are in order of time, then of an identity that contains the time.
        let read = |db: &str| {
            let mut rows: Vec<String> =
                room.rows(db, what).iter().map(|r| r.to_string().replace("2026-06", "2025-06")).collect();
            rows.sort();
            rows
        };
        assert_eq!(read("here.db"), read("there.db"), "{what}");
    }
}

#[test]
fn every_captured_frame_is_delivered_or_named_as_lost() {
    let room = Room::new();
    let captures: Vec<PathBuf> = own_captures().into_iter().chain(shared_captures()).collect();
    for capture in captures {
        let db = "frames.db";
        for file in ["frames.db", "frames.db-wal", "frames.db-shm"] {
            let _ = std::fs::remove_file(room.path(file));
        }
        room.replay(db, "2", &[&capture]);
        captured_is_delivered_or_lost(&room, db, &capture.display().to_string());
    }
}

/// Checks the law. Returns the number of captured frames.
fn captured_is_delivered_or_lost(room: &Room, db: &str, what: &str) -> u64 {
    let summary = &room.rows(db, "summary")[0];
    let frames = |name: &str| summary["frames"][name].as_u64().unwrap_or(0);
    let lost: u64 = room
        .rows(db, "losses")
        .iter()
        .filter(|l| l["kind"] == "frame")
        .map(|l| l["count"].as_u64().unwrap())
        .sum();
    let delivered: u64 = ["sip", "media", "tcp", "fragments", "other"].iter().map(|n| frames(n)).sum();
    assert_eq!(frames("captured"), delivered + lost, "{what}");
    assert_eq!(frames("captured"), summary["packets"].as_u64().unwrap(), "{what}");
    frames("captured")
}

/// A pcapng capture of frames whose stamps count units of `resolution` (as if_tsresol has them) from an offset in seconds (if_tsoffset).
fn pcapng(frames: &[(u64, &Frame)], resolution: u8, offset: i64) -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let len = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes(), &len, body, &len].concat()
    };
    let header = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
    let mut interface = [1, 0, 0, 0, 0, 0, 0, 0].to_vec();
    interface.extend([9, 0, 1, 0, resolution, 0, 0, 0, 14, 0, 8, 0]);
    interface.extend(offset.to_le_bytes());
    interface.extend([0; 4]);
    let mut out = block(0x0a0d_0d0a, &header);
    out.extend(block(1, &interface));
    for (stamp, frame) in frames {
        let len = (frame.bytes.len() as u32).to_le_bytes();
        let halves = [((stamp >> 32) as u32).to_le_bytes(), (*stamp as u32).to_le_bytes()];
        let mut body = [[0; 4], halves[0], halves[1], len, len].concat();
        body.extend(&frame.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        out.extend(block(6, &body));
    }
    out
}

#[test]
fn no_frame_is_lost_without_a_name_at_the_ends_of_time() {
    let room = Room::new();
    let (server, client) = (socket([10, 9, 0, 1], 5060), socket([10, 9, 0, 2], 5060));
    // Plain datagrams and their media, fragments, incomplete fragments, and streams with gaps.
    let mut frames = Vec::new();
    for (i, frame) in site(9, Timestamp::from_nanos(0)).into_iter().take(200).enumerate() {
        let payload = frame.bytes[42..].to_vec();
        match i % 4 {
            0 => frames.extend(fragment(&frame, 64).into_iter().skip(usize::from(i % 8 == 0))),
            1 => frames.push(tcp_frame(frame.at, client, server, 1000 * i as u32, 0x18, &payload)),
            _ => frames.push(frame),
        }
    }
    const TEN_YEARS: i64 = 10 * 365 * 86_400;
    const Y2038: i64 = 0x7fff_ffff;
    const Y2262: i64 = i64::MAX / 1_000_000_000;
    let offsets = [
        0,
        -1,
        -TEN_YEARS,
        Y2038 - 2,
        i64::from(u32::MAX) - 2,
        Y2262 - 2,
        -Y2262 + 2,
        2 * Y2262,
        -2 * Y2262,
        i64::MAX,
        i64::MIN,
    ];
    // Seconds, 1/1024, nanoseconds; and units so fine that nothing of the time is left.
    for (i, (resolution, unit)) in
        [(0, 1_000_000_000), (0x8a, 976_562), (9, 1), (0x7f, 1)].into_iter().enumerate()
    {
        for offset in offsets {
            // In order, all at once, jumping over all of time and back, and from the end backwards.
            let stamps: [&dyn Fn(usize, u64) -> u64; 4] = [
                &|_, stamp| stamp,
                &|_, _| 0,
                &|i, stamp| {
                    if i % 7 == 3 {
                        u64::MAX
                    } else if i % 7 == 5 {
                        0
                    } else {
                        stamp
                    }
                },
                &|i, _| u64::MAX - i as u64,
            ];
            for (j, stamp) in stamps.iter().enumerate() {
                let stamped: Vec<(u64, &Frame)> = frames
                    .iter()
                    .enumerate()
                    .map(|(i, f)| (stamp(i, f.at.as_nanos().unsigned_abs() / unit), f))
                    .collect();
                let what = format!("resolution {resolution}, offset {offset}, stamps {j}");
                let capture = room.write("times.pcapng", &pcapng(&stamped, resolution, offset));
                let db = format!("{i}.{j}.{offset}.db");
                room.replay(&db, "2", &[&capture]);
                assert_eq!(captured_is_delivered_or_lost(&room, &db, &what), frames.len() as u64, "{what}");
                std::fs::remove_file(room.path(&db)).unwrap();
            }
        }
    }
}
