//! The daily export (`scripts/export-day`): whole files for their owner alone, and no row on two days.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use common::{Room, project, text};

/// Captures of two days.
fn with_database() -> Room {
    let room = Room::new();
    let captures =
        ["pcaps/lab-calls-mixed.pcap", "pcaps/campaigns/campaigns.pcap.zst"].map(|c| project().join(c));
    room.replay("x.db", "1", &[&captures[0], &captures[1]]);
    room
}

fn export(room: &Room, arguments: &[&str]) -> Output {
    let mut command = Command::new(project().join("scripts/export-day"));
    command.env("BELLWETHER", env!("CARGO_BIN_EXE_bellwether")).current_dir(room.path("."));
    command.args(arguments).output().unwrap()
}

fn names(room: &Room) -> Vec<String> {
    let entries = std::fs::read_dir(room.path("days")).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_call_is_in_the_export_of_one_day() {
    let room = with_database();
    let calls = room.rows("x.db", "calls");
    let days: BTreeSet<&str> = calls.iter().map(|call| &call["started_at"].as_str().unwrap()[..10]).collect();
    assert!(days.len() > 1, "{days:?}");
    let mut exported = Vec::new();
    for day in days {
        let made = export(&room, &["-f", "jsonl", "-b", "x.db", day, "days", "calls"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let file = room.path("days").join(format!("calls-{day}.jsonl"));
        let rows = std::fs::read_to_string(file).unwrap();
        exported.extend(rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()));
    }
    assert_eq!(exported, calls);
}

#[test]
fn an_export_appears_whole_for_its_owner_alone_and_replaces_an_earlier_one() {
    let room = with_database();
    for _ in 0..2 {
        let made = export(&room, &["-b", "x.db", "2026-11-22", "days"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    let reports = ["alerts", "calls", "incidents", "registrations", "streams"];
    assert_eq!(names(&room), reports.map(|report| format!("{report}-2026-11-22.csv")));
    for name in names(&room) {
        let file = room.path("days").join(&name);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        let whole = std::fs::read_to_string(&file).unwrap();
        assert!(whole.lines().count() > 1 && whole.ends_with('\n'), "{name}");
    }
}

#[test]
fn a_failed_export_leaves_nothing_and_keeps_the_earlier_one() {
    let room = with_database();
    assert!(export(&room, &["-b", "x.db", "2026-11-22", "days", "calls"]).status.success());
    let before = std::fs::read(room.path("days/calls-2026-11-22.csv")).unwrap();
    let failed = export(&room, &["-b", "missing.db", "2026-11-22", "days", "calls"]);
    assert_eq!(failed.status.code(), Some(2), "{}", text(&failed.stderr));
    assert_eq!(names(&room), ["calls-2026-11-22.csv"]);
    assert_eq!(std::fs::read(room.path("days/calls-2026-11-22.csv")).unwrap(), before);
    for day in ["yesterday", "2026-13-01", "2026-02-30"] {
        assert_eq!(export(&room, &["-b", "x.db", day, "days"]).status.code(), Some(2), "{day}");
    }
}
