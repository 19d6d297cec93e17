//! Recordings from packets to reports, labels and lists.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::path::PathBuf;

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, PcapFormat, Rng, Talk, spoken_syllables, write_pcap};
use common::{Room, assert_same, text};
use serde_json::Value;

const START: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);

/// Calls that play the recording.
const ROBOTS: u64 = 12;
/// Calls of people.
const PEOPLE: u64 = 10;

fn packets(samples: &[f64], law: Law) -> Talk {
    let codes: Vec<u8> = samples.iter().map(|s| law.encode(s.clamp(-32_000.0, 32_000.0) as i16)).collect();
    Talk { law, packets: codes.as_chunks::<160>().0.iter().map(|packet| packet.to_vec()).collect() }
}

fn call(number: u64, host: u8, says: Talk) -> Call {
    let answers = spoken_syllables(5_000 + number, 2);
    Call {
        caller: Agent::new([192, 0, 2, host], &format!("1215555{:04}", 1000 + 37 * number), "Phone 1"),
        callee: Agent::new([198, 51, 100, 2], &format!("1310555{:04}", 2000 + 91 * number), "Server 1"),
        start: START + Span::from_secs(40 * number as i64),
        rings: Span::from_secs(3),
        caller_talk: says,
        callee_talk: packets(&answers, Law::Mu),
        is_challenged: false,
    }
}

/// A recording as a dialler plays it: with another opening, level, noise and law each time.
fn varied(number: u64) -> Talk {
    let mut rng = Rng::new(number);
    let mut samples = spoken_syllables(1, 12);
    if number.is_multiple_of(3) {
        samples.splice(..0, spoken_syllables(9_000 + number, 1));
    }
    let level = 0.3 + rng.uniform();
    let noise = 150.0 * rng.uniform();
    let samples: Vec<f64> = samples.iter().map(|s| level * s + noise * rng.normal()).collect();
    packets(&samples, if number.is_multiple_of(2) { Law::A } else { Law::Mu })
}

/// The robots' calls, of one address each, and those of people, who say something else each time.
fn traffic() -> Vec<Frame> {
    let mut frames = Vec::new();
    for number in 0..ROBOTS {
        frames.extend(call(number, 10 + number as u8, varied(number)).frames(&mut Rng::new(number)));
    }
    for number in ROBOTS..ROBOTS + PEOPLE {
        let says = packets(&spoken_syllables(100 + number, 12), Law::Mu);
        frames.extend(call(number, 100 + number as u8, says).frames(&mut Rng::new(number)));
    }
    frames.sort_by_key(|frame| frame.at);
    frames
}

fn capture(room: &Room, name: &str, frames: &[Frame]) -> PathBuf {
    room.write(name, &write_pcap(frames, PcapFormat::Nano))
}

/// The recordings and the streams, line by line.
fn told(room: &Room, db: &str) -> String {
    let lines = ["recordings", "streams"]
        .map(|what| room.expect(0, &["--db", db, "--format", "jsonl", "report", what]));
    lines.concat()
}

/// The recordings, and the streams of callers.
fn heard(room: &Room, db: &str) -> (Vec<Value>, Vec<Value>) {
    let streams = room.rows(db, "streams").into_iter().filter(|row| row["direction"] == "caller").collect();
    (room.rows(db, "recordings"), streams)
}

#[test]
fn one_recording_is_found_however_it_is_played_and_stays_one_however_it_is_read() {
    let room = Room::new();
    let frames = traffic();
    let whole = capture(&room, "all.pcap", &frames);
    room.replay("x.db", "1", &[&whole]);
    let (recordings, streams) = heard(&room, "x.db");
    let [recording] = &*recordings else { panic!("{recordings:#?}") };
    assert_eq!(
        (&recording["calls"], &recording["callers"], &recording["sources"]),
        (&12.into(), &12.into(), &12.into())
    );
    assert_eq!(
        (&recording["player"], &recording["class"], &recording["commonplace"]),
        (&"caller".into(), &"voice".into(), &false.into())
    );
    let plays = |stream: &&Value| stream["recording"] == recording["recording"];
    assert_eq!(streams.iter().filter(plays).count() as u64, ROBOTS);
    assert_eq!(streams.iter().filter(|stream| stream["recording"].is_null()).count() as u64, PEOPLE);
    assert!(
        streams.iter().all(|stream| stream["sound"] == "voice" && stream["heard_s"].as_f64() > Some(5.0))
    );
    // Any number of workers, a second reading, and two parts.
    let first = told(&room, "x.db");
    room.replay("three.db", "3", &[&whole]);
    assert_same(&told(&room, "three.db"), &first, "workers");
    room.replay("x.db", "2", &[&whole]);
    assert_same(&told(&room, "x.db"), &first, "a second reading");
    let cut = frames.partition_point(|frame| frame.at < START + Span::from_secs(40 * 6 - 5));
    let parts = [capture(&room, "a.pcap", &frames[..cut]), capture(&room, "b.pcap", &frames[cut..])];
    parts.iter().for_each(|part| room.replay("parts.db", "2", &[part]));
    // A campaign has its name from the call at which it was found, and after a cut that is another one.
    let (recordings_of_parts, streams_of_parts) = heard(&room, "parts.db");
    let without_campaign = |row: &Value| {
        Value::Object({
            let mut row = row.as_object().unwrap().clone();
            assert!(row.remove("campaign").unwrap().is_string());
            row
        })
    };
    assert_eq!(streams_of_parts, streams);
    assert_eq!(
        recordings_of_parts.iter().map(without_campaign).collect::<Vec<_>>(),
        recordings.iter().map(without_campaign).collect::<Vec<_>>()
    );
    let name = recording["recording"].as_str().unwrap();
    let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "recording", name]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let players = shown["players"].as_array().unwrap();
    assert_eq!(players.len() as u64, ROBOTS);
    assert!(players[0]["log10_ratio"].is_null(), "the first call made it known");
    assert!(players[1..].iter().all(|player| player["log10_ratio"].as_f64() > Some(0.4)), "{players:#?}");
    assert!(
        text(&room.run(&["--db", "x.db", "show", "recording", "0000000000000000"]).stderr)
            .contains("there is no recording")
    );
}

#[test]
fn what_one_call_played_is_not_stored_and_no_word_is_read_with_another_key() {
    let room = Room::new();
    let frames: Vec<Frame> = (0..4)
        .flat_map(|number| {
            let says = packets(&spoken_syllables(100 + number, 10), Law::Mu);
            call(number, 10 + number as u8, says).frames(&mut Rng::new(number))
        })
        .collect();
    room.replay("x.db", "1", &[&capture(&room, "people.pcap", &frames)]);
    assert!(room.rows("x.db", "recordings").is_empty());
    let db = rusqlite::Connection::open(room.path("x.db")).unwrap();
    let stored: i64 = db.query_row("SELECT count(*) FROM recordings", [], |r| r.get(0)).unwrap();
    assert_eq!(stored, 0);
    // The words of one recording under two keys have nothing in common but their times.
    let words = |key: &str| -> Vec<u8> {
        let room = Room::new();
        room.write("bellwether.key", key.repeat(32).as_bytes());
        room.replay("x.db", "1", &[&capture(&room, "all.pcap", &traffic())]);
        let db = rusqlite::Connection::open(room.path("x.db")).unwrap();
        db.query_row("SELECT print FROM recordings", [], |r| r.get(0)).unwrap()
    };
    let (a, b) = (words("0f"), words("1e"));
    assert_eq!(a.len(), b.len());
    let different: u32 = a
        .chunks(10)
        .zip(b.chunks(10))
        .map(|(a, b)| a[..8].iter().zip(&b[..8]).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>())
        .sum();
    let share = f64::from(different) / (a.len() / 10 * 64) as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
}

#[test]
fn a_word_of_the_operator_about_a_recording_reaches_its_calls_and_later_ones() {
    let room = Room::new();
    let frames = traffic();
    let cut = frames.partition_point(|frame| frame.at < START + Span::from_secs(40 * 6 - 5));
    let parts = [capture(&room, "a.pcap", &frames[..cut]), capture(&room, "b.pcap", &frames[cut..])];
    room.replay("x.db", "1", &[&parts[0]]);
    let name = room.rows("x.db", "recordings")[0]["recording"].as_str().unwrap().to_owned();
    let robots = |db: &str| -> Vec<Value> {
        let players = room.rows(db, "streams").into_iter().filter(|row| row["recording"] == *name);
        let ids: Vec<Value> = players.map(|row| row["call_id"].clone()).collect();
        room.rows(db, "calls").into_iter().filter(|call| ids.contains(&call["call_id"])).collect()
    };
    let dispositions = |db: &str| -> Vec<String> {
        robots(db).iter().map(|call| call["disposition"].as_str().unwrap().to_owned()).collect()
    };
    let tried = room.expect(0, &["--db", "x.db", "block", "add", "recording", &name, "--dry-run"]);
    assert!(tried.contains("to quarantine") && tried.contains("dry run"), "{tried}");
    let added = room.expect(0, &["--db", "x.db", "block", "add", "recording", &name, "--reason", "known"]);
    assert!(added.contains("is on the block list"), "{added}");
    assert_eq!(dispositions("x.db"), ["quarantine"; 6]);
    room.replay("x.db", "1", &[&parts[1]]);
    assert_eq!(dispositions("x.db"), ["quarantine"; 12]);
    assert!(robots("x.db").iter().all(|call| call["signals"].to_string().contains("operator_blocked")));
    room.expect(0, &["--db", "x.db", "block", "remove", "recording", &name]);
    assert!(robots("x.db").iter().all(|call| !call["signals"].to_string().contains("operator_blocked")));
    let wrong = room.expect(2, &["--db", "x.db", "block", "add", "recording", "nonsense"]);
    assert!(wrong.contains("report recordings"), "{wrong}");
    // The robots are a campaign by now. A label frees them, and is taken back.
    assert_eq!(dispositions("x.db"), ["quarantine"; 12]);
    let labelled = room.expect(0, &["--db", "x.db", "label", "recording", &name, "legit"]);
    assert!(labelled.contains("is labelled") && labelled.contains("12 calls from quarantine"), "{labelled}");
    assert!(dispositions("x.db").iter().all(|disposition| disposition != "quarantine"));
    assert_eq!(room.rows("x.db", "recordings")[0]["label"], "legit");
    room.expect(0, &["--db", "x.db", "label", "recording", &name, "none"]);
    assert_eq!(dispositions("x.db"), ["quarantine"; 12]);
    room.expect(0, &["--db", "x.db", "allow", "add", "recording", &name]);
    assert!(dispositions("x.db").iter().all(|disposition| disposition != "quarantine"));
    let unknown = room.expect(1, &["--db", "x.db", "block", "add", "recording", "00000000000000ff"]);
    assert!(unknown.contains("there is no recording"), "{unknown}");
    let campaigns = room.rows("x.db", "campaigns");
    assert!(campaigns.iter().all(|campaign| campaign["found_at"].as_str() > Some("2027")), "{campaigns:#?}");
    let missing = room.expect(1, &["--db", "x.db", "label", "recording", "00000000000000ff", "legit"]);
    assert!(missing.contains("there is no recording"), "{missing}");
}

#[test]
fn an_announcement_of_the_callee_is_reported_and_says_nothing_of_the_callers() {
    let room = Room::new();
    let frames: Vec<Frame> = (0..5)
        .flat_map(|number| {
            let mut call =
                call(number, 10 + number as u8, packets(&spoken_syllables(100 + number, 10), Law::Mu));
            call.callee_talk = packets(&spoken_syllables(7, 11), Law::Mu);
            call.frames(&mut Rng::new(number))
        })
        .collect();
    room.replay("x.db", "2", &[&capture(&room, "mailbox.pcap", &frames)]);
    let recordings = room.rows("x.db", "recordings");
    let [recording] = &*recordings else { panic!("{}", recordings.len()) };
    assert_eq!((&recording["player"], &recording["calls"]), (&"callee".into(), &5.into()));
    let calls = room.rows("x.db", "calls");
    assert!(
        calls.iter().all(
            |call| call["campaign"].is_null() && !call["signals"].to_string().contains("prompt_repeated")
        )
    );
}

#[test]
fn people_who_take_turns_are_not_kept_and_may_be_listened_to() {
    let room = Room::new();
    // Sentences of two seconds, of one side after the other.
    let turns = |seed: u64, is_first: bool| -> Vec<f64> {
        let silence = vec![0.0; 17_000];
        let part = |i: u64| [spoken_syllables(seed + i, 2), silence.clone()];
        let all: Vec<f64> = (0..4).flat_map(part).flatten().collect();
        if is_first { all } else { [silence, all].concat() }
    };
    let frames: Vec<Frame> = (0..4)
        .flat_map(|number| {
            // Even if all say the same.
            let mut call = call(number, 10 + number as u8, packets(&turns(1, true), Law::Mu));
            call.callee_talk = packets(&turns(50, false), Law::Mu);
            call.frames(&mut Rng::new(number))
        })
        .collect();
    let capture = capture(&room, "talk.pcap", &frames);
    room.replay("x.db", "2", &[&capture]);
    let streams = room.rows("x.db", "streams");
    assert_eq!(streams.len(), 8);
    assert!(
        streams
            .iter()
            .all(|stream| stream["sound"] == "conversation" && stream["heard_s"].as_f64() < Some(11.0))
    );
    assert!(room.rows("x.db", "recordings").is_empty());
    room.write("all.toml", b"[analysis]\nskip_conversations = false\n");
    room.expect(0, &["--config", "all.toml", "--db", "all.db", "-q", "replay", capture.to_str().unwrap()]);
    let recordings = room.rows("all.db", "recordings");
    let players: Vec<&Value> = recordings.iter().map(|recording| &recording["player"]).collect();
    assert_eq!(players, ["caller", "callee"]);
}

#[test]
fn streams_without_a_seat_are_a_named_loss() {
    let room = Room::new();
    room.write("few.toml", b"[limits]\nlisteners = 64\n");
    // Calls at one time between the same two hosts: one shard owns them all.
    let frames: Vec<Frame> = (0..6)
        .flat_map(|number| {
            let mut call = call(number, 10, packets(&spoken_syllables(number, 5), Law::Mu));
            call.start = START + Span::from_millis(number as i64);
            call.frames(&mut Rng::new(number))
        })
        .collect();
    let mut frames = frames;
    frames.sort_by_key(|frame| frame.at);
    let capture = capture(&room, "many.pcap", &frames);
    room.expect(0, &["--config", "few.toml", "--db", "x.db", "-q", "replay", capture.to_str().unwrap()]);
    let losses = room.rows("x.db", "losses");
    let unheard = losses.iter().find(|loss| loss["name"] == "recording_unheard").unwrap();
    let heard = room.rows("x.db", "streams").into_iter().filter(|stream| !stream["sound"].is_null()).count();
    let streams = room.rows("x.db", "streams").len();
    assert_eq!(unheard["count"].as_u64(), Some((streams - heard) as u64));
    assert!(heard >= 1 && heard < streams, "{heard} of {streams}");
}
