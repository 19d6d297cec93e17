//! `bellwether extract`: the packets of one thing, counted by tshark.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bellwether_capture::CaptureReader;
use common::{Room, Running, own_captures, text};
use serde_json::Value;

/// Captures of real calls over UDP and TCP, of which each call is searched in all.
fn captures() -> Vec<std::path::PathBuf> {
    let mut captures = own_captures();
    captures.retain(|path| {
        path.file_name().is_some_and(|name| text(name.as_encoded_bytes()).starts_with("lab-"))
    });
    assert!(captures.len() > 5);
    captures
}

/// SIP messages by Call-ID, as tshark counts them. An ICMP error that quotes a message is none.
fn counted(capture: &Path, filter: &str) -> Option<BTreeMap<String, u64>> {
    let mut command = Command::new("tshark");
    command.args(["-Y", filter, "-T", "fields", "-e", "sip.Call-ID", "-r"]).arg(capture);
    let Ok(output) = command.output() else {
        eprintln!("skipped: tshark is not here");
        return None;
    };
    let mut out = BTreeMap::new();
    for call_id in text(&output.stdout).lines().flat_map(|line| line.split(',')).filter(|id| !id.is_empty()) {
        *out.entry(call_id.to_owned()).or_default() += 1;
    }
    Some(out)
}

fn record_of(room: &Room, name: &str) -> Vec<(i64, u32, Vec<u8>)> {
    let mut reader = CaptureReader::open(&room.path(name)).unwrap();
    let mut out = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        out.push((record.at.as_nanos(), record.original_len, record.frame.to_vec()));
    }
    out
}

fn call_ids(row: &Value) -> Vec<String> {
    let linked = row["linked_call_ids"].as_array().unwrap();
    std::iter::once(&row["call_id"]).chain(linked).map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_pipe_gets_the_octets_of_the_file_and_nothing_else() {
    let room = Room::new();
    let all = captures();
    room.replay("x.db", "2", &all.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    let call = room.rows("x.db", "calls").remove(0);
    let call_id = call["call_id"].as_str().unwrap();
    room.run(&["--db", "x.db", "extract", call_id, "-o", "call.pcap"]);
    let piped = room.run(&["--db", "x.db", "extract", call_id, "-o", "-"]);
    assert_eq!(piped.stdout, std::fs::read(room.path("call.pcap")).unwrap());
    assert!(!room.path("-").exists());
}

#[test]
fn all_messages_of_each_call_are_copied_and_none_of_another_call() {
    const UDP: &str = "sip && udp && !icmp";
    let room = Room::new();
    let captures = captures();
    room.replay("x.db", "2", &captures.iter().map(|path| path.as_path()).collect::<Vec<_>>());
    let mut all = BTreeMap::new();
    for capture in &captures {
        let Some(counts) = counted(capture, UDP) else { return };
        for (call_id, count) in counts {
            *all.entry(call_id).or_insert(0) += count;
        }
    }
    let calls = room.rows("x.db", "calls");
    assert!(calls.len() > 30);
    let mut compared = 0;
    for row in &calls {
        let wanted = call_ids(row);
        let args = ["--db", "x.db", "extract", &wanted[0], "-o", "x.pcap", "--force", "--format", "json"];
        let shown: Value = serde_json::from_str(&room.expect(0, &args)).unwrap();
        // A masked Call-ID is not the one that tshark prints.
        if wanted.iter().any(|call_id| call_id.contains('~')) {
            assert!(counted(&room.path("x.pcap"), UDP).unwrap().len() == 1);
            continue;
        }
        let expected: BTreeMap<String, u64> =
            wanted.iter().filter_map(|id| Some((id.clone(), *all.get(id)?))).collect();
        assert_eq!(counted(&room.path("x.pcap"), UDP).unwrap(), expected, "{wanted:?}");
        if row["transport"] == "udp" {
            let sum: u64 = expected.values().sum();
            // Another hop may use TCP.
            assert!(shown["sip_messages"].as_u64().unwrap() >= sum, "{wanted:?}");
        }
        compared += 1;
    }
    assert!(compared > 30, "{compared}");
}

#[test]
fn a_call_over_tcp_is_read_from_its_copy_as_from_the_capture() {
    let room = Room::new();
    let capture = common::project().join("pcaps/lab-tcp.pcap");
    room.replay("x.db", "2", &[&capture]);
    let messages = |db: &str| room.rows(db, "summary")[0]["sip_messages"].as_u64().unwrap();
    let calls = room.rows("x.db", "calls");
    let mut sum = 0;
    for (i, row) in calls.iter().filter(|row| row["transport"] == "tcp").enumerate() {
        let call_id = row["call_id"].as_str().unwrap();
        let (copy, db) = (format!("{i}.pcap"), format!("{i}.db"));
        let args = ["--db", "x.db", "extract", call_id, "-o", &copy, "--format", "json"];
        let shown: Value = serde_json::from_str(&room.expect(0, &args)).unwrap();
        room.replay(&db, "1", &[&room.path(&copy)]);
        let found = room.rows(&db, "calls");
        let course = |row: &Value| {
            ["call_id", "from_tag", "started_at", "final_status", "fingerprint", "hops", "retransmissions"]
                .map(|name| row[name].clone())
        };
        let found = found.iter().find(|row| row["call_id"] == call_id).unwrap();
        assert_eq!(course(found), course(row));
        assert_eq!(Some(messages(&db)), shown["sip_messages"].as_u64());
        sum += 1;
    }
    assert!(sum > 3);
}

#[test]
fn media_comes_along_on_request_alone_and_frames_are_unchanged() {
    let room = Room::new();
    let capture = common::project().join("pcaps/lab-calls-baresip-linphone.pcap");
    std::fs::copy(&capture, room.path("in.pcap")).unwrap();
    room.replay("x.db", "2", &[&capture]);
    let streams = room.rows("x.db", "streams");
    let call_id = streams[0]["call_id"].as_str().unwrap().to_owned();
    let of_call = streams.iter().filter(|row| row["call_id"] == call_id.as_str());
    let packets: u64 = of_call.map(|row| row["packets"].as_u64().unwrap()).sum();
    let extract = |output: &str, media: &[&str]| -> Value {
        let args =
            ["--db", "x.db", "--format", "json", "extract", &call_id, "-o", output, "--from", "in.pcap"];
        serde_json::from_str(&room.expect(0, &[&args[..], media].concat())).unwrap()
    };
    let (plain, full) = (extract("plain.pcap", &[]), extract("full.pcapng", &["--media"]));
    assert_eq!(plain["packets"], plain["sip_messages"]);
    let media = full["packets"].as_u64().unwrap() - full["sip_messages"].as_u64().unwrap();
    assert!(media >= packets && packets > 100, "{media} of {packets}");
    let original = record_of(&room, "in.pcap");
    for copy in ["plain.pcap", "full.pcapng"] {
        let copied = record_of(&room, copy);
        assert!(copied.iter().all(|record| original.contains(record)), "{copy}");
        assert!(copied.is_sorted_by_key(|record| record.0));
    }
    let mode = std::fs::metadata(room.path("plain.pcap")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_missing_is_named_and_no_file_is_lost() {
    let room = Room::new();
    let capture = common::project().join("pcaps/lab-calls-baresip-linphone.pcap");
    std::fs::copy(&capture, room.path("in.pcap")).unwrap();
    room.replay("x.db", "2", &[Path::new("in.pcap")]);
    let call_id = room.rows("x.db", "calls")[0]["call_id"].as_str().unwrap().to_owned();
    let extract = |code: i32, more: &[&str]| {
        let args = ["--db", "x.db", "extract", &call_id, "-o", "out.pcap"];
        let output = room.run(&[&args[..], more].concat());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    extract(0, &[]);
    assert!(extract(2, &[]).contains("--force replaces it"));
    extract(0, &["--force"]);
    assert!(extract(2, &["--force", "--from", "out.pcap"]).contains("one of the captures"));
    assert!(extract(2, &["--force", "--from", "-"]).contains("standard input"));
    // The capture loses its end, and with it the end of the call.
    let whole = std::fs::read(room.path("in.pcap")).unwrap();
    std::fs::write(room.path("cut.pcap"), &whole[..whole.len() / 3]).unwrap();
    let told = extract(3, &["--force", "--from", "cut.pcap"]);
    assert!(told.contains("no capture covers"), "{told}");
    std::fs::remove_file(room.path("in.pcap")).unwrap();
    let told = extract(2, &["--force"]);
    assert!(told.contains("--from") && told.contains("in.pcap"), "{told}");
    assert!(room.path("out.pcap").exists(), "a refused command takes nothing away");
}

#[test]
fn a_ladder_has_each_message_of_the_captures_and_else_what_the_database_keeps() {
    let room = Room::new();
    let capture = common::project().join("pcaps/lab-calls-trunk.pcap");
    std::fs::copy(&capture, room.path("in.pcap")).unwrap();
    room.replay("x.db", "2", &[Path::new("in.pcap")]);
    let calls = room.rows("x.db", "calls");
    let linked = calls.iter().find(|row| row["linked_call_ids"] != Value::Array(Vec::new())).unwrap();
    let call_id = linked["call_id"].as_str().unwrap();
    let ladder = |more: &[&str]| {
        let args = ["--db", "x.db", "--format", "json", "show", "call", call_id, "--ladder"];
        let value: Value = serde_json::from_str(&room.expect(0, &[&args[..], more].concat())).unwrap();
        value
    };
    let steps = |of: &Value, kinds: &[&str]| -> usize {
        let steps = of["steps"].as_array().unwrap().iter();
        steps.filter(|step| kinds.contains(&step["kind"].as_str().unwrap())).count()
    };
    let full = ladder(&[]);
    assert_eq!(full["source"], "captures");
    room.expect(0, &["--db", "x.db", "-q", "extract", call_id, "-o", "x.pcap"]);
    assert_eq!(steps(&full, &["request", "answer"]), record_of(&room, "x.pcap").len());
    assert_eq!(ladder(&["--from", "x.pcap"])["steps"], full["steps"], "the copy has all of the ladder");
    assert_eq!(full["calls"].as_array().unwrap().len(), 2);
    assert_eq!(full["calls"][0]["caller"], linked["caller"]);
    let table = room.expect(0, &["--db", "x.db", "show", "call", call_id, "--ladder"]);
    let has = |part: &str| table.contains(part);
    assert!(has("|-- A INVITE 1 -") && has("|-- B INVITE ") && has("|<= PCMU "), "{table}");

    std::fs::remove_file(room.path("in.pcap")).unwrap();
    let poor = ladder(&[]);
    assert_eq!(poor["source"], "database");
    assert_eq!(poor["hosts"], full["hosts"]);
    assert_eq!(steps(&poor, &["media"]), steps(&full, &["media"]));
    assert!(steps(&poor, &["request"]) >= 4 && steps(&poor, &["answer"]) == 2, "{poor:#}");
    room.expect(2, &["--db", "x.db", "show", "fingerprint", "f2-1", "--ladder"]);
}

#[test]
fn a_repeated_answer_is_marked_in_the_ladder() {
    let room = Room::new();
    let capture = common::project().join("pcaps/lab-calls-mixed.pcap");
    room.replay("x.db", "2", &[&capture]);
    let calls = room.rows("x.db", "calls");
    let row = calls.iter().find(|row| row["call_id"] == "nzdavgvkmytxueg@vm").unwrap();
    let args = ["--db", "x.db", "--format", "json", "show", "call", "nzdavgvkmytxueg@vm", "--ladder"];
    let ladder: Value = serde_json::from_str(&room.expect(0, &args)).unwrap();
    let steps = ladder["steps"].as_array().unwrap();
    let repeated = steps.iter().filter(|step| step["is_repeated"] == true).count() as u64;
    assert!(repeated > 0 && repeated >= row["retransmissions"].as_u64().unwrap(), "{repeated}");
    assert!(steps.iter().all(|step| step["offset_s"].as_f64().unwrap() >= 0.0));
}

#[test]
fn a_run_keeps_its_signalling_encrypted_and_extract_reads_it_without_captures() {
    for (privacy, is_clear) in [("tokens", false), ("clear", true)] {
        let room = Room::new();
        let capture = common::project().join("pcaps/lab-tcp.pcap");
        std::fs::copy(&capture, room.path("in.pcap")).unwrap();
        // A folder of its own: the sandbox must let the run write there.
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("ring");
        let config = format!(
            "privacy = \"{privacy}\"\n[ring]\nfolder = \"{}\"\nmax_mib = 16\nkeep_hours = 0\n",
            folder.display()
        );
        room.write("c.toml", config.as_bytes());
        let args = ["--config", "c.toml", "--db", "x.db"];
        let mut command = room.command(&[&args[..], &["-q", "replay", "--follow", "in.pcap"]].concat());
        let mut run = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        let calls = || -> Vec<Value> {
            let output = room.run(&[&args[..], &["--format", "jsonl", "report", "calls"]].concat());
            text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        room.replay("whole.db", "2", &[&capture]);
        let wanted = room.rows("whole.db", "calls").len();
        let arrived = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            calls().len() >= wanted
        });
        assert!(arrived, "{} of {wanted} calls", calls().len());
        let id = i32::try_from(run.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        assert_eq!(run.wait().unwrap().code(), Some(0));
        std::fs::remove_file(room.path("in.pcap")).unwrap();

        let segments: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
        let octets: Vec<u8> = segments.iter().flat_map(|path| std::fs::read(path).unwrap()).collect();
        assert!(octets.len() > 10_000);
        assert_eq!(memchr::memmem::find(&octets, b"INVITE sip:").is_some(), is_clear);
        for path in &segments {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        for (i, row) in calls().iter().enumerate() {
            let call_id = row["call_id"].as_str().unwrap();
            let extract = |output: &str, more: &[&str]| -> Value {
                let own = ["--format", "json", "extract", call_id, "-o", output];
                let out = room.expect(0, &[&args[..], &own, more].concat());
                serde_json::from_str(&out).unwrap()
            };
            let (kept, whole) = (format!("kept-{i}.pcap"), format!("whole-{i}.pcap"));
            let shown = extract(&kept, &[]);
            let from = extract(&whole, &["--from", capture.to_str().unwrap()]);
            assert_eq!(shown["packets"], from["packets"], "{call_id}");
            let sorted = |name: &str| {
                let mut records = record_of(&room, name);
                records.sort();
                records
            };
            assert!(sorted(&kept) == sorted(&whole), "{call_id}");
        }
        let losses = room.run(&[&args[..], &["--format", "jsonl", "report", "losses"]].concat());
        assert!(!text(&losses.stdout).contains("packet_not_kept"));
    }
}
