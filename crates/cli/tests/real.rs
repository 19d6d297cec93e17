//! Real programs: the project's captures with known contents, and public captures if available.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeMap;

use common::{Room, own_captures, project, shared_captures};
use serde_json::Value;

fn truth() -> Value {
    serde_json::from_str(&std::fs::read_to_string(project().join("pcaps/truth.json")).unwrap()).unwrap()
}

/// Replays one of the project's captures with readable numbers.
fn replayed(file: &str) -> Room {
    let room = Room::new();
    room.write("clear.toml", b"privacy = \"clear\"\n");
    let capture = project().join("pcaps").join(file);
    room.expect(0, &["--config", "clear.toml", "--db", "x.db", "-q", "replay", capture.to_str().unwrap()]);
    room
}

#[test]
fn every_call_of_the_lab_captures_is_found_with_its_outcome() {
    for (file, truth) in truth().as_object().unwrap() {
        let room = replayed(file);
        let calls = room.rows("x.db", "calls");
        let dialogs = truth["dialogs"].as_array().unwrap();
        for dialog in dialogs {
            // A B2BUA that keeps the Call-ID makes two rows of one dialog of the table.
            let rows: Vec<&Value> = calls.iter().filter(|c| c["call_id"] == dialog["call_id"]).collect();
            assert!(!rows.is_empty(), "{file}: no call {}", dialog["call_id"]);
            for row in rows {
                assert_eq!(row["final_status"], dialog["final_status"], "{file} {}", dialog["call_id"]);
                assert_eq!(!row["answered_at"].is_null(), dialog["answered"], "{file} {}", dialog["call_id"]);
            }
        }
        let known: Vec<&Value> = dialogs.iter().map(|d| &d["call_id"]).collect();
        assert!(calls.iter().all(|c| known.contains(&&c["call_id"])), "{file} has a call too many");
    }
}

#[test]
fn every_stream_of_the_lab_captures_is_found_with_all_its_packets_and_a_call() {
    for (file, truth) in truth().as_object().unwrap() {
        let room = replayed(file);
        let mut found: BTreeMap<(String, String, u64), u64> = BTreeMap::new();
        for stream in room.rows("x.db", "streams") {
            let text = |name: &str| stream[name].as_str().unwrap().to_owned();
            assert!(!stream["call_id"].is_null(), "{file}: {} has no call", text("src"));
            let key = (text("src"), text("dst"), stream["ssrc"].as_u64().unwrap());
            // A stream of two legs has a row in each leg, and counts in one.
            let packets = stream["packets"].as_u64().unwrap();
            if stream["counted_in"].is_null() {
                assert!(found.insert(key, packets).is_none(), "{file}: a stream twice");
            }
        }
        for stream in truth["rtp_streams"].as_array().unwrap() {
            let end = |ip: &str, port: &str| format!("{}:{}", stream[ip].as_str().unwrap(), stream[port]);
            let ssrc = stream["ssrc"].as_str().unwrap().trim_start_matches("0x");
            let key =
                (end("src", "src_port"), end("dst", "dst_port"), u64::from_str_radix(ssrc, 16).unwrap());
            assert_eq!(found.remove(&key), stream["packets"].as_u64(), "{file}: {key:?}");
        }
        assert!(found.is_empty(), "{file} has streams too many: {found:?}");
    }
}

#[test]
fn two_instances_of_a_program_share_a_fingerprint_and_different_programs_do_not() {
    let room = replayed("lab-register.pcap");
    let mut programs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let truth = truth();
    let driver = truth["lab-register.pcap"]["driver"]["programs"].as_array().unwrap();
    for row in room.rows("x.db", "registrations") {
        let ip = row["source"].as_str().unwrap().split(':').next().unwrap().to_owned();
        let program = driver.iter().find(|p| p["ip"] == ip.as_str()).unwrap();
        let print = row["fingerprint"].as_str().unwrap().to_owned();
        programs.entry(program["kind"].as_str().unwrap().to_owned()).or_default().push(print);
    }
    assert!(programs.len() >= 6, "{programs:?}");
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (program, prints) in &programs {
        assert!(prints.windows(2).all(|w| w[0] == w[1]), "{program}: {prints:?}");
        // linphonec and linphone-daemon are one stack under two names.
        let stack = if program.starts_with("linphone") { "linphone" } else { program };
        let other = seen.insert(&prints[0], stack);
        assert!(other.is_none_or(|o| o == stack), "{program} shares a fingerprint with {other:?}");
    }
}

/// All of these programs restart their timer on the answer, and each is late in its own way; two instances of one program differ
/// by their clocks.
#[test]
fn a_clock_that_runs_a_thousandth_fast_shows_against_its_twin() {
    let room = replayed("lab-register.pcap");
    let rows = room.rows("x.db", "registrations");
    let truth = truth();
    let mut rates: BTreeMap<&str, Vec<(f64, f64, f64)>> = BTreeMap::new();
    for program in truth["lab-register.pcap"]["driver"]["programs"].as_array().unwrap() {
        let Some(clock) = program["clock_rate"].as_f64() else { continue };
        let source = format!("{}:", program["ip"].as_str().unwrap());
        let Some(row) = rows.iter().find(|r| r["source"].as_str().unwrap().starts_with(&source)) else {
            continue;
        };
        assert_ne!(row["discipline"], "periodic", "{row}");
        if let (Some(rate), Some(ends)) = (row["rate_ppm"].as_f64(), row["rate_ci95_ppm"].as_array()) {
            let half = (ends[1].as_f64().unwrap() - ends[0].as_f64().unwrap()) / 2.0;
            rates.entry(program["kind"].as_str().unwrap()).or_default().push((clock, rate, half));
        }
    }
    let mut compared = 0;
    for (program, rates) in &rates {
        let of = |fast: bool| rates.iter().find(|(clock, ..)| (*clock > 1.0005) == fast);
        if let (Some((_, fast, a)), Some((_, plain, b))) = (of(true), of(false)) {
            let shift = fast - plain;
            assert!((shift - 1000.0).abs() < a + b, "{program}: {shift} ppm, +-{a}, +-{b}");
            compared += 1;
        }
    }
    assert!(compared >= 3, "{rates:?}");
}

#[test]
fn a_device_is_shown_with_its_clock_and_drawn() {
    let room = replayed("lab-register.pcap");
    let rows = room.rows("x.db", "registrations");
    let row = rows.iter().find(|r| r["discipline"] == "restart").unwrap();
    let aor = row["aor"].as_str().unwrap();
    let shown: Value =
        serde_json::from_str(&room.expect(0, &["--db", "x.db", "--format", "json", "show", "device", aor]))
            .unwrap();
    let segments: Vec<usize> = shown["clock"]["points_s_ms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s.as_array().unwrap().len())
        .collect();
    let points: usize = segments.iter().sum();
    // The REGISTER that ends a registration is off the refresh schedule, so it gives no point, or a single one.
    let refreshes = row["refreshes"].as_u64().unwrap();
    assert!((refreshes - 1..=refreshes).contains(&(points as u64)), "{points} of {refreshes}");
    // A point alone has no line, and is not drawn.
    let drawn: usize = segments.iter().filter(|&&points| points > 1).sum();
    assert!(shown["could_be"].is_array());
    room.expect(0, &["--db", "x.db", "plot", "clock", aor, "-o", "clock.svg"]);
    let svg = std::fs::read_to_string(room.path("clock.svg")).unwrap();
    assert_eq!(svg.matches("<circle").count(), drawn);
    assert!(room.expect(0, &["--db", "x.db", "plot", "clock", aor]).contains("timer restart, period"));
    assert!(room.expect(1, &["--db", "x.db", "plot", "clock", "nobody"]).contains("no clock of nobody"));
}

#[test]
fn drift_that_is_allowed_for_joins_devices_that_chance_would_not() {
    let room = replayed("lab-register.pcap");
    room.write("loose.toml", b"[clocks]\ndrift_ppm = 1000\n");
    let rows = room.rows("x.db", "registrations");
    let joined = |config: &[&str]| -> usize {
        let of = |row: &Value| {
            let aor = row["aor"].as_str().unwrap();
            let args = [config, &["--db", "x.db", "--format", "json", "show", "device", aor]].concat();
            let shown: Value = serde_json::from_str(&room.expect(0, &args)).unwrap();
            shown["could_be"].as_array().unwrap().len()
        };
        rows.iter().map(of).sum()
    };
    let (strict, loose) = (joined(&[]), joined(&["--config", "loose.toml"]));
    assert!(strict < loose, "{strict} candidates, {loose} with drift allowed for");
}

#[test]
fn the_reports_of_the_lab_captures_are_as_they_were_approved() {
    for capture in own_captures() {
        let room = Room::new();
        room.replay("x.db", "2", &[&capture]);
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        let mut out = String::new();
        for what in ["calls", "registrations", "streams", "fingerprints", "losses"] {
            out.push_str(&format!("## {what}\n{}\n", room.expect(0, &["--db", "x.db", "report", what])));
        }
        insta::assert_snapshot!(name, out);
    }
}

#[test]
fn public_captures_are_read_without_failure_and_apps_yield_no_calls() {
    let table = project().join("../shared/data/captures.tsv");
    let Ok(table) = std::fs::read_to_string(table) else { return };
    let apps: Vec<&str> =
        table.lines().filter(|l| l.contains("\trtc-app\t")).filter_map(|l| l.split('\t').next()).collect();
    let mut seen = 0;
    for capture in shared_captures() {
        let room = Room::new();
        room.replay("x.db", "2", &[&capture]);
        let name = capture.file_name().unwrap().to_string_lossy().into_owned();
        if apps.contains(&name.as_str()) {
            assert_eq!(room.rows("x.db", "calls").len(), 0, "{name}");
            assert_eq!(room.rows("x.db", "summary")[0]["sip_messages"], 0, "{name}");
            seen += 1;
        }
    }
    assert!(seen >= 25, "only {seen} of the captures of apps were there");
}

#[test]
fn the_site_tells_direction_and_trunk_and_the_legs_of_a_b2bua_are_linked() {
    let room = Room::new();
    let (site, capture) =
        (project().join("fixtures/site.toml"), project().join("pcaps/lab-calls-trunk.pcap"));
    let args =
        ["--config", site.to_str().unwrap(), "--db", "x.db", "-q", "replay", capture.to_str().unwrap()];
    room.expect(0, &args);
    let rows = room.rows("x.db", "calls");
    let seen: Vec<(&str, &str, &str, Option<&str>, usize)> = rows
        .iter()
        .map(|c| {
            let text = |name: &str| c[name].as_str().unwrap_or_default();
            let linked = c["linked_call_ids"].as_array().unwrap().len();
            (text("caller"), text("callee"), text("access_side"), c["trunk_id"].as_str(), linked)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("101", "2001", "outbound", Some("gateway"), 0),
            ("104", "2002", "outbound", Some("gateway"), 0),
            ("12125550188", "101", "inbound", Some("pstn"), 1),
            ("12125550188", "101", "unknown", None, 1),
        ]
    );
}
