//! `stream`: events for systems that collect logs, each once, over restarts and outages of the target.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use common::{Room, Running, project, text_of};
use serde_json::Value;

fn replay(room: &Room, name: &str) {
    room.replay("bellwether.db", "1", &[&project().join("pcaps").join(name)]);
}

fn events(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Call-IDs with the times that each came.
fn calls(events: &[Value]) -> BTreeMap<(String, String), u32> {
    let mut calls = BTreeMap::new();
    for event in events.iter().filter(|event| event["event_type"] == "call") {
        let name = (text_of(event, "call_id").to_owned(), text_of(event, "from_tag").to_owned());
        *calls.entry(name).or_default() += 1;
    }
    calls
}

/// The same from the report, of those that are over.
fn finished(room: &Room) -> BTreeMap<(String, String), u32> {
    let rows = room.rows("bellwether.db", "calls").into_iter();
    let is_over = |row: &Value| {
        !row["ended_at"].is_null()
            || row["final_status"].as_u64().is_some_and(|s| s >= 300)
            || row["cancelled"] == true
    };
    let name = |row: Value| (text_of(&row, "call_id").to_owned(), text_of(&row, "from_tag").to_owned());
    rows.filter(is_over).map(|row| (name(row), 1)).collect()
}

#[test]
fn each_finished_call_and_each_alert_is_written_once_over_several_runs() {
    let room = Room::new();
    let file = room.path("events.json");
    let stream = ["stream", "--to", "events.json", "--from-start", "--for", "1"];
    replay(&room, "lab-calls-failed.pcapng");
    room.expect(0, &stream);
    let first = events(&file);
    assert!(!calls(&first).is_empty());
    assert_eq!(calls(&first), finished(&room));
    room.expect(0, &stream);
    let same = |kind: &str, events: &[Value]| events.iter().filter(|e| e["event_type"] == kind).count();
    assert_eq!(same("call", &events(&file)), same("call", &first), "nothing is new");
    replay(&room, "lab-scan.pcap");
    replay(&room, "lab-calls-mixed.pcap");
    room.expect(0, &stream);
    let all = events(&file);
    assert_eq!(calls(&all), finished(&room));
    let alerts = room.rows("bellwether.db", "alerts").len();
    assert!(alerts > 0);
    assert_eq!(same("alert", &all), alerts);
    // A call has the columns of its report, and each event a time and a kind.
    let call = all.iter().find(|event| event["event_type"] == "call").unwrap();
    let row = room
        .rows("bellwether.db", "calls")
        .into_iter()
        .find(|row| row["call_id"] == call["call_id"])
        .unwrap();
    for (name, value) in row.as_object().unwrap() {
        assert_eq!(&call[name], value, "{name}");
    }
    assert!(all.iter().all(|event| text_of(event, "timestamp").ends_with('Z')));
}

#[test]
fn each_media_stream_is_written_once_with_its_quality_and_an_older_state_begins_with_new_ones() {
    let room = Room::new();
    let file = room.path("events.json");
    let stream = ["stream", "--to", "events.json", "--from-start", "--for", "1"];
    replay(&room, "lab-calls-mixed.pcap");
    room.expect(0, &stream);
    replay(&room, "lab-calls-trunk.pcap");
    room.expect(0, &stream);
    let own = |row: &Value| row["counted_in"].is_null();
    let rows: Vec<Value> = room.rows("bellwether.db", "streams").into_iter().filter(own).collect();
    let of_streams = |file: &Path| {
        let mut all = events(file);
        all.retain(|event| event["event_type"] == "stream");
        all
    };
    let told = of_streams(&file);
    assert!(rows.len() > 10 && told.iter().any(|event| event["mos"].as_f64().is_some_and(|mos| mos > 3.0)));
    let name = |row: &Value| format!("{} {} {} {}", row["src"], row["dst"], row["ssrc"], row["first_seen"]);
    let sorted = |rows: &[Value]| {
        let mut names: Vec<String> = rows.iter().map(name).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(sorted(&told), sorted(&rows));
    let event = told.iter().find(|event| name(event) == name(&rows[0])).unwrap();
    for (column, value) in rows[0].as_object().unwrap() {
        assert_eq!(&event[column], value, "{column}");
    }
    // A state that knows of no streams, as the release before wrote it.
    let state: Value =
        serde_json::from_slice(&std::fs::read(room.path("events.json.state")).unwrap()).unwrap();
    let mut former = state.as_object().unwrap().clone();
    former.remove("stream");
    former.remove("open_streams");
    room.write("events.json.state", Value::Object(former).to_string().as_bytes());
    room.expect(0, &stream);
    assert_eq!(of_streams(&file).len(), told.len(), "no stream of before comes");
    replay(&room, "lab-calls-baresip-linphone.pcap");
    room.expect(0, &stream);
    assert!(of_streams(&file).len() > told.len());
}

#[test]
fn without_a_state_a_stream_begins_with_what_comes_and_a_strange_state_is_refused() {
    let room = Room::new();
    replay(&room, "lab-calls-failed.pcapng");
    assert_eq!(room.expect(0, &["stream", "--to", "-", "--for", "1"]), "");
    let out = room.expect(0, &["stream", "--to", "-", "--from-start", "--events", "call", "--for", "1"]);
    assert!(out.lines().count() > 0 && out.lines().all(|line| line.contains("\"event_type\":\"call\"")));
    room.write("events.json.state", b"{}");
    assert!(
        room.expect(2, &["stream", "--to", "events.json", "--for", "1"]).contains("is no state of a stream")
    );
    assert!(room.expect(2, &["stream", "--to", "/dev/null", "--for", "1"]).contains("is no regular file"));
}

#[test]
fn a_socket_that_is_not_there_is_waited_for_and_gets_what_a_broken_one_did_not() {
    let room = Room::new();
    replay(&room, "lab-calls-failed.pcapng");
    let path = room.path("collector");
    let stream = [
        "stream",
        "--to",
        "unix:collector",
        "--state",
        "state",
        "--from-start",
        "--events",
        "call",
        "--for",
        "60",
    ];
    let mut running = Running::start(room.command(&stream).stderr(Stdio::piped()));
    let mut said = BufReader::new(running.stderr.take().unwrap()).lines();
    let waits = said.find(|line| line.as_ref().unwrap().contains("the stream waits")).unwrap().unwrap();
    assert!(waits.contains("collector"), "{waits}");
    let listener = UnixListener::bind(&path).unwrap();
    let expected = finished(&room).len();
    let (connection, _) = listener.accept().unwrap();
    let lines: Vec<String> = BufReader::new(connection).lines().take(expected).map(Result::unwrap).collect();
    assert_eq!(lines.len(), expected);
    // The connection is gone by now. The next events open another one.
    replay(&room, "lab-calls-mixed.pcap");
    let (connection, _) = listener.accept().unwrap();
    let mut all: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let more = BufReader::new(connection).lines().take(finished(&room).len() - expected);
    all.extend(more.map(|line| serde_json::from_str(&line.unwrap()).unwrap()));
    assert_eq!(calls(&all), finished(&room));
}
