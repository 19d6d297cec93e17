//! `report --follow` and `watch`: rows as they are committed by another process.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Stdio};

use common::{Room, Running, project};
use serde_json::Value;

/// A program whose lines are read as they come. It ends by itself if a test waits for nothing.
fn started(room: &Room, args: &[&str]) -> (Running, Lines<BufReader<ChildStdout>>) {
    let mut running = Running::start(room.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let lines = BufReader::new(running.stdout.take().unwrap()).lines();
    (running, lines)
}

fn replay(room: &Room, name: &str) {
    let capture = project().join("pcaps").join(name);
    room.replay("bellwether.db", "1", &[&capture]);
}

fn object(line: Option<std::io::Result<String>>) -> Value {
    serde_json::from_str(&line.unwrap().unwrap()).unwrap()
}

#[test]
fn new_and_changed_rows_are_printed_as_they_are_committed_and_a_signal_ends_it() {
    let room = Room::new();
    replay(&room, "lab-calls-failed.pcapng");
    let (mut running, mut lines) =
        started(&room, &["report", "calls", "--follow", "--limit", "1", "--for", "60"]);
    let known = room.rows("bellwether.db", "calls").pop().unwrap();
    assert_eq!(object(lines.next()), known, "the newest earlier row comes first");
    replay(&room, "lab-tcp.pcap");
    let rows = room.rows("bellwether.db", "calls");
    let news = rows.len() - 8;
    assert!(news > 0);
    for _ in 0..news {
        let row = object(lines.next());
        assert!(rows.contains(&row), "{row}");
    }
    room.expect(0, &["label", "call", known["call_id"].as_str().unwrap(), "fraud"]);
    let changed = loop {
        let row = object(lines.next());
        if row["call_id"] == known["call_id"] {
            break row;
        }
    };
    assert_eq!(changed["label"], "fraud");
    rustix::process::kill_process(rustix::process::Pid::from_child(&running), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(0));
}

fn follow<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let always =
        ["report", "calls", "--follow", "--for", "1", "--limit", "100", "--where", "final_status=486"];
    [&always[..], more].concat()
}

#[test]
fn conditions_and_columns_hold_while_following_and_what_has_no_end_is_refused() {
    let room = Room::new();
    replay(&room, "lab-calls-failed.pcapng");
    let out = room.expect(0, &follow(&["--columns", "final_status", "--format", "csv"]));
    assert_eq!(out, "final_status\n486\n486\n");
    let table = room.expect(0, &follow(&["--format", "table"]));
    assert!(table.starts_with("STARTED_AT") && table.lines().count() == 3, "{table}");
    assert!(room.expect(2, &follow(&["--format", "json"])).contains("has no end"));
    assert!(room.expect(2, &["report", "summary", "--follow"]).contains("no rows to follow"));
    assert_eq!(room.expect(0, &["report", "calls", "--follow", "--for", "1"]), "", "nothing is new");
}

#[test]
fn a_watch_prints_changes_as_lines_where_there_is_no_terminal() {
    let room = Room::new();
    replay(&room, "lab-tcp.pcap");
    let (mut running, mut lines) = started(&room, &["watch", "--for", "60"]);
    let first = lines.next().unwrap().unwrap();
    assert!(first.starts_with("loss      counted") || first.starts_with("call      "), "{first}");
    replay(&room, "lab-calls-failed.pcapng");
    let failed = lines.map(Result::unwrap).find(|line| line.starts_with("call      failed")).unwrap();
    assert!(failed.contains("final_status 4") && failed.contains("score "), "{failed}");
    running.kill().unwrap();
    let out = room.expect(0, &["--format", "jsonl", "watch", "--for", "1"]);
    let what: Vec<Value> =
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["what"].clone()).collect();
    assert!(what.contains(&Value::from("loss")) || what.is_empty(), "{out}");
}
