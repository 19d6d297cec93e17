//! Incidents from packets to reports, alerts and labels.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::path::PathBuf;

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, PcapFormat, Rng, Talk, write_pcap};
use common::{Room, assert_same, text};
use serde_json::Value;

const START: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const VICTIM: &str = "13055550100";
const HOUR: i64 = 3600;

/// Calls of the victim to people at home in two days, and of other subscribers.
const OWN: u64 = 40;
const OTHERS: u64 = 30;
/// Calls of the fraud, from the victim's device.
const FRAUD: u64 = 40;

fn silence(seconds: usize) -> Talk {
    // The packets of a talk set its length. Digital silence has one code.
    Talk { law: Law::Mu, packets: vec![vec![0xff; 160]; 50 * seconds] }
}

fn call(caller: ([u8; 4], &str), callee: &str, secs: i64) -> Call {
    Call {
        caller: Agent::new(caller.0, caller.1, "Phone 1"),
        callee: Agent::new([198, 51, 100, 2], callee, "Server 1"),
        start: START + Span::from_secs(secs),
        rings: Span::from_secs(3),
        caller_talk: silence(2),
        callee_talk: silence(2),
        is_challenged: false,
    }
}

/// Two days of ordinary life at a site, and one night in which the victim's device calls costly countries.
fn traffic() -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut add = |call: Call, seed: u64| frames.extend(call.frames(&mut Rng::new(seed)));
    for n in 0..OWN {
        let callee = format!("1305555{:04}", 2000 + n % 8);
        add(call(([192, 0, 2, 10], VICTIM), &callee, HOUR * (9 + n as i64)), n);
    }
    for n in 0..OTHERS {
        let (caller, callee) = (format!("1212555{:04}", 1000 + 7 * n), format!("1310555{:04}", 3000 + n));
        add(call(([192, 0, 2, 100 + n as u8], &caller), &callee, HOUR * (10 + n as i64) + 77), 1000 + n);
    }
    for n in 0..FRAUD {
        let country = ["252", "216", "960", "232"][n as usize % 4];
        let callee = format!("00{country}6{:07}", 1_234_567 + 7919 * n);
        add(call(([192, 0, 2, 10], VICTIM), &callee, HOUR * 50 + 90 * n as i64), 2000 + n);
    }
    frames.sort_by_key(|frame| frame.at);
    frames
}

fn capture(room: &Room, name: &str, frames: &[Frame]) -> PathBuf {
    room.write(name, &write_pcap(frames, PcapFormat::Nano))
}

/// Incidents, alerts and scores, line by line.
fn told(room: &Room, db: &str) -> String {
    ["incidents", "alerts", "calls"]
        .map(|what| room.expect(0, &["--db", db, "--format", "jsonl", "report", what]))
        .concat()
}

fn ids(incident: &Value) -> Vec<String> {
    incident["members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_hacked_phone_is_one_incident_early_and_however_it_is_read() {
    let room = Room::new();
    let frames = traffic();
    room.replay("x.db", "1", &[&capture(&room, "all.pcap", &frames)]);
    let incidents = room.rows("x.db", "incidents");
    let [incident] = &*incidents else { panic!("{incidents:#?}") };
    assert_eq!((&incident["kind"], &incident["severity"]), (&"toll_fraud".into(), &"critical".into()));
    assert_eq!(incident["calls"].as_u64(), Some(FRAUD));
    assert_eq!(ids(incident).len() as u64, FRAUD);
    assert!(incident["fraud_probability"].as_f64() > Some(0.85), "{incident:#?}");
    assert!(incident["exposed_money"].as_f64() > Some(0.0), "{incident:#?}");
    // It was opened within the first calls.
    let calls = room.rows("x.db", "calls");
    let opened = incident["opened_at"].as_str().unwrap();
    let before = calls.iter().filter(|call| {
        ids(incident).contains(&call["call_id"].as_str().unwrap().to_owned())
            && call["started_at"].as_str().unwrap() <= opened
    });
    assert!(before.count() <= 10, "{incident:#?}");
    // The evidence names no number.
    let evidence = incident["evidence"].to_string();
    assert!(evidence.contains("+252") && evidence.contains("none abroad"), "{evidence}");
    assert!(!evidence.contains(VICTIM) && !incident["subject"].to_string().contains(VICTIM), "{evidence}");
    // Its calls are quarantined without alerts of their own, and the owner's other calls are as they were.
    let of = |call: &Value| ids(incident).contains(&call["call_id"].as_str().unwrap().to_owned());
    let quarantined = calls.iter().filter(|call| call["disposition"] == "quarantine").collect::<Vec<_>>();
    assert!(quarantined.len() as u64 >= FRAUD - 10 && quarantined.iter().all(|call| of(call)));
    let alerts = room.rows("x.db", "alerts");
    let told_of = |state: &str| {
        let is = |alert: &&Value| alert["state"] == state && alert["incident"] == incident["incident"];
        alerts.iter().filter(is).count()
    };
    assert_eq!((told_of("opened"), told_of("closed")), (1, 0));
    assert!((1..5).contains(&told_of("updated")), "{alerts:#?}");
    assert!(alerts.iter().all(|alert| alert["kind"] == "fraud_incident"), "{alerts:#?}");
    let name = incident["incident"].as_str().unwrap();
    let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "incident", name]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["calls_shown"].as_array().unwrap().len() as u64, FRAUD);
    let missing = room.run(&["--db", "x.db", "show", "incident", "inc-0000000000000000"]);
    assert!(text(&missing.stderr).contains("there is no incident"));
}

#[test]
fn readings_workers_and_parts_give_the_same_incident() {
    let room = Room::new();
    let frames = traffic();
    let whole = capture(&room, "all.pcap", &frames);
    room.replay("x.db", "1", &[&whole]);
    let first = told(&room, "x.db");
    room.replay("three.db", "3", &[&whole]);
    assert_same(&told(&room, "three.db"), &first, "workers");
    room.replay("x.db", "2", &[&whole]);
    assert_same(&told(&room, "x.db"), &first, "a second reading");
    // A cut before the fraud, and one in the middle of it.
    for cut in [HOUR * 49, HOUR * 50 + 90 * 12 - 30] {
        let place = frames.partition_point(|frame| frame.at < START + Span::from_secs(cut));
        let parts = [capture(&room, "a.pcap", &frames[..place]), capture(&room, "b.pcap", &frames[place..])];
        let db = format!("parts-{cut}.db");
        parts.iter().for_each(|part| room.replay(&db, "2", &[part]));
        let of = |db: &str| -> Vec<Value> {
            let rows = room.rows(db, "incidents").into_iter();
            rows.map(|row| {
                Value::from(vec![row["incident"].clone(), row["calls"].clone(), row["members"].clone()])
            })
            .collect()
        };
        assert_eq!(of(&db), of("x.db"), "{cut}");
    }
}

#[test]
fn the_operators_word_ends_an_incident_and_frees_its_calls() {
    let room = Room::new();
    let frames = traffic();
    let place = frames.partition_point(|frame| frame.at < START + Span::from_secs(HOUR * 50 + 90 * 12 - 30));
    room.replay("x.db", "1", &[&capture(&room, "a.pcap", &frames[..place])]);
    let incident = room.rows("x.db", "incidents").remove(0);
    let name = incident["incident"].as_str().unwrap();
    let scores = |db: &str| -> Vec<(String, f64)> {
        let calls = room.rows(db, "calls").into_iter();
        calls
            .map(|call| (call["call_id"].as_str().unwrap().to_owned(), call["score"].as_f64().unwrap()))
            .collect()
    };
    let before = scores("x.db");
    room.expect(0, &["--db", "x.db", "label", "incident", name, "legit"]);
    let closed = room.rows("x.db", "incidents").remove(0);
    assert_eq!((&closed["state"], &closed["label"]), (&"closed".into(), &"legit".into()));
    assert!(closed["closed_at"].is_string());
    for (id, score) in scores("x.db") {
        let was = before.iter().find(|(of, _)| *of == id).unwrap().1;
        let is_member = ids(&incident).contains(&id);
        assert!(if is_member { score > was } else { (score - was).abs() < 1e-9 }, "{id} {was} {score}");
    }
    // What follows is the account's habit.
    room.replay("x.db", "1", &[&capture(&room, "b.pcap", &frames[place..])]);
    assert_eq!(room.rows("x.db", "incidents").len(), 1);
    // Without the label the scores are the former ones.
    room.expect(0, &["--db", "x.db", "label", "incident", name, "none"]);
    let after = scores("x.db");
    for (id, score) in &before {
        let now = after.iter().find(|(of, _)| of == id).unwrap().1;
        assert!(!ids(&incident).contains(id) || (now - score).abs() < 1e-9, "{id} {score} {now}");
    }
}

#[test]
fn an_exemption_is_explained_and_holds_until_its_end() {
    let room = Room::new();
    let whole = capture(&room, "all.pcap", &traffic());
    for (entry, incidents) in [
        (format!("account = \"{VICTIM}\""), 0),
        ("source = \"192.0.2.0/28\"".to_owned(), 0),
        ("kind = \"toll_fraud\"".to_owned(), 0),
        ("country = \"+49\"".to_owned(), 1),
        (format!("account = \"{VICTIM}\"\nuntil = \"2020-01-01\""), 1),
    ] {
        let config =
            room.write("c.toml", format!("[[fraud.off]]\n{entry}\nreason = \"our own\"\n").as_bytes());
        let config = config.to_str().unwrap();
        let checked = room.expect(0, &["config", "check", config]);
        assert!(checked.contains("not looked at") && checked.contains("our own"), "{checked}");
        let db = format!("{}.db", checked.len() + entry.len());
        room.expect(0, &["--config", config, "--db", &db, "-q", "replay", whole.to_str().unwrap()]);
        assert_eq!(room.rows(&db, "incidents").len(), incidents, "{entry}");
    }
    for wrong in ["reason = \"x\"", "account = \"1\"\nreason = \"\"", "kind = \"theft\"\nreason = \"x\""] {
        let config = room.write("w.toml", format!("[[fraud.off]]\n{wrong}\n").as_bytes());
        assert_eq!(
            room.run(&["config", "check", config.to_str().unwrap()]).status.code(),
            Some(2),
            "{wrong}"
        );
    }
}
