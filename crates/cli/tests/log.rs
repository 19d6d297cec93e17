//! The log on standard error: levels, fields, formats, and excluded data.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::panic,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use common::{Room, project, text};
use serde_json::Value;

/// The text that a command wrote to standard error.
fn said(room: &Room, args: &[&str]) -> String {
    text(&room.run(args).stderr)
}

/// The same, each line read as an object of the log.
fn records(room: &Room, args: &[&str]) -> Vec<Value> {
    let args = [&["--log-format", "json"], args].concat();
    said(room, &args)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect()
}

fn capture(name: &str) -> String {
    project().join("pcaps").join(name).display().to_string()
}

#[test]
fn a_renamed_key_is_told_once_with_its_file_and_quiet_leaves_it_out() {
    let room = Room::new();
    room.write("old.toml", b"[verdict]\nstandard_from = 80\n");
    let notice = "bellwether: old.toml: `verdict` was renamed to `dispositions`; the old name still works\n";
    assert_eq!(said(&room, &["config", "check", "old.toml"]), notice);
    assert_eq!(said(&room, &["-q", "config", "check", "old.toml"]), "");
    let capture = capture("lab-tcp.pcap");
    room.expect(0, &["--db", "x.db", "-q", "replay", &capture]);
    // The command reads its configuration twice.
    assert_eq!(said(&room, &["--db", "x.db", "--config", "old.toml", "report", "calls"]), notice);
    room.write("both.toml", b"[verdict]\nstandard_from = 80\n[dispositions]\nstandard_from = 81\n");
    let refused = room.expect(2, &["--config", "both.toml", "--db", "x.db", "report", "calls"]);
    assert!(refused.contains("both.toml: `verdict.standard_from` (line 2) was renamed"), "{refused}");
}

#[test]
fn a_name_full_of_controls_is_pictures_in_text_and_whole_in_json() {
    let room = Room::new();
    let name = "c\u{1b}]0;x\u{7}.toml";
    room.write(name, b"[alerts]\nleast = \"notice\"\n");
    let line = said(&room, &["config", "check", name]);
    assert!(line.starts_with("bellwether: c\u{241b}]0;x\u{2407}.toml: `alerts.least` was renamed"), "{line}");
    let args = ["--log-format", "json", "config", "check", name];
    let line = said(&room, &args);
    assert!(!line.trim_end().contains(char::is_control), "{line}");
    let record: Value = serde_json::from_str(&line).unwrap();
    assert!(record["message"].as_str().unwrap().starts_with(name), "{line}");
    assert_eq!((&record["level"], &record["fields"]), (&"info".into(), &serde_json::json!({})));
}

#[test]
fn commits_are_logged_with_numbers_at_the_second_v_only() {
    let room = Room::new();
    let capture = capture("lab-calls-mixed.pcap");
    let of = |records: &[Value], message: &str| -> Vec<Value> {
        records.iter().filter(|record| record["message"] == message).cloned().collect()
    };
    let all = records(&room, &["--db", "x.db", "-vv", "replay", &capture]);
    let commits = of(&all, "rows committed");
    assert!(!commits.is_empty(), "{all:?}");
    for commit in &commits {
        assert_eq!(
            (&commit["level"], &commit["target"]),
            (&"trace".into(), &"bellwether_sensor::writing".into())
        );
        assert!(["rows", "updates", "micros"].iter().all(|name| commit["fields"][name].is_u64()), "{commit}");
    }
    let rows: u64 = commits.iter().map(|commit| commit["fields"]["rows"].as_u64().unwrap()).sum();
    assert!(rows > 0, "{commits:?}");
    assert!(of(&records(&room, &["--db", "y.db", "-v", "replay", &capture]), "rows committed").is_empty());
    let only = ["--db", "z.db", "--log", "warn,bellwether_sensor=trace", "replay", &capture];
    assert!(!of(&records(&room, &only), "rows committed").is_empty());
    let line = said(&room, &["--db", "u.db", "-vv", "replay", &capture]);
    assert!(line.contains(" trace bellwether_sensor::writing: rows committed rows="), "{line}");
}

#[test]
fn a_log_of_everything_holds_no_number_and_no_user_of_the_capture() {
    let room = Room::new();
    let capture = capture("lab-calls-trunk.pcap");
    room.write("clear.toml", b"privacy = \"clear\"\n");
    room.expect(0, &["--db", "clear.db", "--config", "clear.toml", "-q", "replay", &capture]);
    let mut parties: Vec<String> = Vec::new();
    for row in room.rows_with(&["--db", "clear.db", "--config", "clear.toml"], "calls") {
        for name in ["caller", "callee"] {
            let uri = row[name].as_str().unwrap();
            parties.push(uri.trim_start_matches("sip:").split('@').next().unwrap().to_owned());
        }
    }
    parties.retain(|party| party.len() > 4);
    assert!(!parties.is_empty());
    let log = said(&room, &["--db", "x.db", "-vv", "replay", &capture]);
    assert!(log.contains("rows committed"), "{log}");
    for party in &parties {
        assert!(!log.contains(party.as_str()), "{party}: {log}");
    }
}

#[test]
fn a_failure_is_a_record_too() {
    let room = Room::new();
    let records = records(&room, &["--db", "none.db", "report", "calls"]);
    assert_eq!(records[0]["level"], "error");
    assert!(
        records[0]["message"].as_str().unwrap().starts_with("there is no database none.db"),
        "{records:?}"
    );
}
