//! Device classes from packets to reports: learned from labelled calls, recognised in others, exchanged, drawn.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::SocketAddrV4;

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_rtp::{SrtpKey, SrtpSession};
use bellwether_testkit::{
    Agent, Call, DeviceMode, Frame, Impairment, Microphone, PAPERS_DEVICES, PcapFormat, Rng, Speaker, Talk,
    spoken_call, udp_frame, write_pcap,
};
use common::{Room, text};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::from_nanos(1_750_000_000_000_000_000);

fn mode(device: &str, mode: &str) -> DeviceMode {
    *PAPERS_DEVICES.iter().find(|d| d.device == device && d.mode == mode).unwrap()
}

/// A call of 12 s from a device, with any speaker.
fn call(n: i64, device: DeviceMode, law: Law, rng: &mut Rng) -> Call {
    let unit = device.unit(rng).call(rng);
    let packets = spoken_call(unit, Speaker::drawn(rng), law, 12, Impairment::default(), rng);
    Call {
        caller: Agent::new([10, 1, 1, (n % 200) as u8 + 1], &format!("30{n}"), "Phone/1"),
        callee: Agent::new([10, 1, 2, (n % 200) as u8 + 1], "400", "Phone/2"),
        start: START + Span::from_secs(15 * n),
        rings: Span::from_millis(200),
        caller_talk: Talk { law, packets },
        callee_talk: Talk { law, packets: Vec::new() },
        is_challenged: false,
    }
}

/// Calls of three learned device modes and of an unknown one, and their labels.
struct Lesson {
    frames: Vec<Frame>,
    /// Call-ID, device and mode.
    calls: Vec<(String, DeviceMode)>,
}

fn lesson(law: Law) -> Lesson {
    let devices = [
        mode("Cisco SPA 525G", "hands-free"),
        mode("Polycom 331", "handset"),
        mode("Polycom 331", "hands-free"),
        mode("softphone 2", "computer"),
    ];
    let mut rng = Rng::new(11);
    let (mut frames, mut calls) = (Vec::new(), Vec::new());
    for i in 0..32_i64 {
        let device = devices[i as usize % 4];
        let call = call(i, device, law, &mut rng);
        calls.push((call.call_id(), device));
        frames.extend(call.frames(&mut rng));
    }
    frames.sort_by_key(|f| f.at);
    Lesson { frames, calls }
}

fn labels(calls: &[(String, DeviceMode)], with_modes: bool) -> String {
    calls
        .iter()
        .map(|(call_id, device)| {
            let mode = with_modes.then_some(device.mode);
            format!("{}\n", json!({"call_id": call_id, "label": null, "class": device.device, "mode": mode}))
        })
        .collect()
}

#[test]
fn classes_are_learned_recognised_and_exchanged() {
    for law in [Law::Mu, Law::A] {
        let Lesson { frames, calls } = lesson(law);
        let room = Room::new();
        let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
        room.replay("x.db", "2", &[&capture]);
        let callers = |db: &str| -> Vec<Value> {
            let rows = room.rows(db, "streams");
            rows.into_iter().filter(|r| r["direction"] == "caller").collect()
        };
        assert!(callers("x.db").iter().all(|r| r["class_reason"] == "no_classes_learned"));

        // The first 20 calls teach, but for the softphone's.
        let taught: Vec<_> =
            calls.iter().take(20).filter(|(_, d)| d.device != "softphone 2").cloned().collect();
        room.write("labels.jsonl", labels(&taught, true).as_bytes());
        room.expect(0, &["--db", "x.db", "class", "learn", "--truth", "labels.jsonl"]);
        let list = room.expect(0, &["--db", "x.db", "--format", "jsonl", "class", "list"]);
        assert_eq!(list.lines().count(), 3, "{list}");

        let (mut right, mut tested) = (0, 0);
        for row in callers("x.db") {
            let (_, device) = calls.iter().find(|(id, _)| row["call_id"] == id.as_str()).unwrap();
            if device.device == "softphone 2" {
                assert_eq!(
                    (&row["class"], &row["class_reason"]),
                    (&Value::Null, &json!("unlike_all")),
                    "{row}"
                );
            } else {
                tested += 1;
                let is_right = row["class"] == device.device && row["class_mode"] == device.mode;
                right += i32::from(is_right);
                assert!(is_right || row["class"].is_null(), "{} {}: {row}", device.device, device.mode);
            }
        }
        assert!(tested == 24 && right >= 23, "{right} of {tested}");

        // Another operator takes the classes and gets the same.
        room.expect(0, &["--db", "x.db", "class", "export", "-o", "classes.json"]);
        room.replay("y.db", "1", &[&capture]);
        room.expect(0, &["--db", "y.db", "class", "import", "classes.json"]);
        assert_eq!(callers("y.db"), callers("x.db"));
        let shown = room.expect(0, &["--db", "y.db", "--format", "json", "class", "show", "Polycom 331"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["modes"].as_array().unwrap().len(), 2, "{shown}");
        assert!(shown["streams"].as_u64().unwrap() >= 15, "{shown}");
    }
}

#[test]
fn modes_that_nobody_told_are_found() {
    let Lesson { frames, calls } = lesson(Law::Mu);
    let room = Room::new();
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    room.replay("x.db", "2", &[&capture]);
    room.write("labels.jsonl", labels(&calls, false).as_bytes());
    room.expect(0, &["--db", "x.db", "class", "learn", "--truth", "labels.jsonl"]);
    let list = room.expect(0, &["--db", "x.db", "--format", "jsonl", "class", "list"]);
    let modes = |class: &str| list.lines().filter(|l| l.contains(class)).count();
    assert_eq!((modes("Polycom 331"), modes("Cisco SPA 525G"), modes("softphone 2")), (2, 1, 1), "{list}");
}

#[test]
fn the_noise_of_a_call_is_drawn() {
    let Lesson { frames, calls } = lesson(Law::Mu);
    let room = Room::new();
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    room.replay("x.db", "2", &[&capture]);
    let id = calls[0].0.as_str();
    let drawn = room.expect(0, &["--db", "x.db", "plot", "silence", id]);
    assert!(drawn.contains("packets of noise") && drawn.contains(" % |#"), "{drawn}");
    room.expect(0, &["--db", "x.db", "plot", "silence", id, "-o", "silence.svg"]);
    let svg = std::fs::read_to_string(room.path("silence.svg")).unwrap();
    assert!(svg.matches("class=\"value\"").count() >= 3 && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(room.expect(1, &["--db", "x.db", "plot", "silence", "nothing"]).contains("no silence"));
}

#[test]
fn bad_labels_and_foreign_classes_are_refused_with_their_place() {
    let room = Room::new();
    let capture = room.write("x.pcap", &write_pcap(&lesson(Law::Mu).frames[..500], PcapFormat::Nano));
    room.replay("x.db", "1", &[&capture]);
    room.write("labels.jsonl", b"{\"call_id\": \"a\", \"class\": \"x\"}\nnot json\n");
    let learn = |file: &str| room.run(&["--db", "x.db", "class", "learn", "--truth", file]);
    let told = learn("labels.jsonl");
    assert_eq!((told.status.code(), text(&told.stderr).contains("line 2")), (Some(2), true));
    room.write("labels.jsonl", b"{\"call_id\": \"a\", \"class\": \"x\"}\n");
    let told = learn("labels.jsonl");
    assert_eq!((told.status.code(), text(&told.stderr).contains("nothing to learn")), (Some(1), true));
    for (file, word) in [
        ("{}", "no file of device classes"),
        ("{\"format\": \"bellwether-classes\", \"version\": 9}", "version"),
        ("{\"format\": \"bellwether-classes\", \"version\": 1, \"features\": [\"x\"]}", "features"),
        ("[", "EOF"),
    ] {
        room.write("classes.json", file.as_bytes());
        let told = room.run(&["--db", "x.db", "class", "import", "classes.json"]);
        let err = text(&told.stderr);
        assert!(told.status.code() == Some(1) && err.contains(word), "{file}: {err}");
    }
}

/// The same frames with encrypted media, under the keys in the session descriptions or under other keys.
fn sealed(frames: &[Frame], told: [&str; 2], used: [&str; 2]) -> Vec<Frame> {
    let session = |line: &str| SrtpSession::new(&SrtpKey::parse(line.as_bytes()).unwrap());
    let sessions = used.map(session);
    let mut out = Vec::new();
    for frame in frames {
        let (headers, payload) = frame.bytes.split_at(42);
        let is_callers = headers[28] == 1;
        let side = usize::from(!is_callers);
        let text = String::from_utf8_lossy(payload);
        let content = if payload[0] == 0x80 {
            sessions[side].seal(payload, 0).unwrap()
        } else if let Some((head, body)) = text.split_once("\r\n\r\n").filter(|(_, body)| !body.is_empty()) {
            let body = format!("{}a=crypto:{}\r\n", body.replace("RTP/AVP", "RTP/SAVP"), told[side]);
            let head: Vec<String> = head
                .lines()
                .map(|l| {
                    if l.starts_with("Content-Length") {
                        format!("Content-Length: {}", body.len())
                    } else {
                        l.to_owned()
                    }
                })
                .collect();
            format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
        } else {
            payload.to_vec()
        };
        let end = |from: usize, port: usize| {
            let ip: [u8; 4] = headers[from..from + 4].try_into().unwrap();
            SocketAddrV4::new(ip.into(), u16::from_be_bytes([headers[port], headers[port + 1]]))
        };
        let id = u16::from_be_bytes([headers[18], headers[19]]);
        out.push(udp_frame(frame.at, end(26, 34), end(30, 36), id, &content));
    }
    out
}

#[test]
fn media_is_read_where_signalling_tells_its_keys() {
    let one = "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20";
    let other = "1 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj";
    let mut rng = Rng::new(5);
    let plain = call(1, mode("Polycom 331", "handset"), Law::Mu, &mut rng);
    let frames = plain.frames(&mut rng);
    let caller = |frames: &[Frame]| -> Value {
        let room = Room::new();
        let capture = room.write("x.pcap", &write_pcap(frames, PcapFormat::Nano));
        room.replay("x.db", "2", &[&capture]);
        room.rows("x.db", "streams").into_iter().find(|r| r["direction"] == "caller").unwrap()
    };
    let open = caller(&frames);
    assert!(open["pauses"]["packets"].as_u64().unwrap() > 30, "{open}");
    let told = caller(&sealed(&frames, [one, other], [one, other]));
    // The first packets came before the stream was one, or news of its keys had arrived.
    let packets = |row: &Value| row["pauses"]["observed_packets"].as_u64().unwrap();
    assert!(packets(&told) + 70 > packets(&open), "{told}");
    let near = |name: &str| {
        (told["pauses"][name].as_f64().unwrap() / open["pauses"][name].as_f64().unwrap() - 1.0).abs()
    };
    assert!(near("energy") < 0.1 && near("dc_offset") < 0.1, "{told}\n{open}");
    // Behind NAT the caller's media comes from another address than its description names.
    let translated = |frames: Vec<Frame>| -> Vec<Frame> {
        let public = |frame: Frame| {
            let is_callers_media = frame.bytes[42] == 0x80 && frame.bytes[28] == 1;
            if !is_callers_media {
                return frame;
            }
            let mut bytes = frame.bytes;
            bytes[26..30].copy_from_slice(&[198, 51, 100, 7]);
            bytes[34..36].copy_from_slice(&40_007_u16.to_be_bytes());
            Frame { bytes, ..frame }
        };
        frames.into_iter().map(public).collect()
    };
    let behind_nat = caller(&translated(sealed(&frames, [one, other], [one, other])));
    assert_eq!(behind_nat["src"], "198.51.100.7:40007");
    assert!(packets(&behind_nat) + 70 > packets(&open), "{behind_nat}");
    let dark = caller(&sealed(&frames, [one, other], [other, one]));
    assert_eq!((&dark["pauses"], &dark["class_reason"]), (&Value::Null, &json!("encrypted")), "{dark}");
}

/// Real programs play the noise of a device. The class is learned from one recording and recognised in another, for any
/// sender.
#[test]
fn the_noise_of_real_programs_is_recognised_in_another_recording() {
    let room = Room::new();
    let pcaps = common::project().join("pcaps");
    let [first, second] = ["lab-calls-baresip-linphone.pcap", "lab-tcp.pcap"].map(|name| pcaps.join(name));
    room.replay("x.db", "2", &[&first]);
    // This one calls with A-law in both; the others under another law, or not in both.
    let device_of =
        |row: &Value| row["src"].as_str().unwrap().starts_with("10.77.0.11:").then_some("played by baresip");
    let labels: String = room
        .rows("x.db", "streams")
        .iter()
        .filter(|r| r["direction"] == "caller")
        .filter_map(|r| Some(format!("{}\n", json!({"call_id": r["call_id"], "class": device_of(r)?}))))
        .collect();
    room.write("labels.jsonl", labels.as_bytes());
    room.expect(0, &["--db", "x.db", "class", "learn", "--truth", "labels.jsonl"]);
    room.replay("x.db", "2", &[&second]);
    let (mut seen, mut strangers) = (0, 0);
    for row in room.rows("x.db", "streams").iter().filter(|r| r["codec"] == "PCMA" && r["pauses"].is_object())
    {
        match device_of(row) {
            Some(device) => {
                assert_eq!(row["class"], device, "{row}");
                seen += i32::from(row["src"] != "10.77.0.11:5270");
            }
            None => {
                assert_eq!(row["class"], Value::Null, "{row}");
                strangers += 1;
            }
        }
    }
    assert!(seen >= 1 && strangers >= 2, "{seen}, {strangers}");
}

/// Real programs that play units of five phones: learned from one unit of four, as one program plays it, and recognised in the other, as
/// another does; the fifth phone, without a label, is refused.
#[test]
fn phones_are_recognised_behind_real_programs_and_a_stranger_is_not_taken_for_one() {
    const STRANGER: &str = "softphone 1";
    let folder = common::project().join("pcaps/noise");
    let truth = std::fs::read_to_string(folder.join("phones.truth.json")).unwrap();
    let truth: Vec<Value> = serde_json::from_str(&truth).unwrap();
    let of = |row: &Value, end: &str| -> Option<&Value> {
        let ip = row[end].as_str().unwrap().split(':').next().unwrap().to_owned();
        truth.iter().find(|t| t["ip"] == ip.as_str())
    };
    let room = Room::new();
    room.replay("x.db", "2", &[&folder.join("phones.pcap.gz")]);
    let mut labels = String::new();
    for call in room.rows("x.db", "calls") {
        let told = of(&call, "source").unwrap();
        if told["unit"] == 1 && told["device"] != STRANGER {
            let label = json!({"call_id": call["call_id"], "class": told["device"], "mode": told["mode"]});
            labels.push_str(&format!("{label}\n"));
        }
    }
    room.write("labels.jsonl", labels.as_bytes());
    room.expect(0, &["--db", "x.db", "class", "learn", "--truth", "labels.jsonl"]);
    let (mut recognised, mut refused) = (0, 0);
    for row in room.rows("x.db", "streams") {
        let told = of(&row, "src").unwrap();
        if told["device"] == STRANGER {
            assert_eq!((&row["class"], &row["class_reason"]), (&Value::Null, &json!("unlike_all")), "{row}");
            refused += 1;
        } else if told["unit"] == 2 {
            assert_eq!(row["class"], told["device"], "{row}");
            recognised += 1;
        }
    }
    assert_eq!((recognised, refused), (8, 4));
}

#[test]
fn the_analysis_ends_early_where_the_operator_wants_that() {
    let room = Room::new();
    let mut rng = Rng::new(11);
    // Twelve seconds of nothing but the device's noise.
    let microphone = Microphone { dc_offset: 1e-4, noise: 3e-4, hum: 0.0 };
    let packets = microphone.packets(Law::Mu, None, 600, 160, &mut rng);
    let mut call = call(1, mode("Polycom 331", "handset"), Law::Mu, &mut rng);
    call.caller_talk = Talk { law: Law::Mu, packets };
    let capture = room.write("x.pcap", &write_pcap(&call.frames(&mut rng), PcapFormat::Nano));
    room.write("early.toml", b"[analysis]\nends_early = true\n");
    let path = capture.to_str().unwrap();
    let observed = |name: &str, options: &[&str]| -> [u64; 2] {
        room.expect(0, &[options, &["--db", name, "-q", "replay", path]].concat());
        let streams = room.rows(name, "streams");
        let caller = streams.iter().find(|r| r["direction"] == "caller").unwrap();
        ["silence", "pauses"].map(|part| caller[part]["observed_packets"].as_u64().unwrap())
    };
    let whole = observed("whole.db", &[]);
    assert!(whole.iter().all(|n| *n > 590), "{whole:?}");
    let early = observed("early.db", &["--config", "early.toml"]);
    assert!(early.iter().all(|n| (300..400).contains(n)), "{early:?}");
}
