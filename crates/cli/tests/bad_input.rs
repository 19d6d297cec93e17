//! Bad input: one clear sentence, the right exit code, and nothing lost that was committed before.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::process::Stdio;

use common::{Room, Running, own_captures, project, text};

fn capture() -> String {
    project().join("pcaps/lab-calls-failed.pcapng").to_str().unwrap().to_owned()
}

#[test]
fn what_cannot_be_read_is_named_with_exit_code_1() {
    let room = Room::new();
    room.write("text.pcap", b"this is not a capture, only a text of some length");
    room.write("empty.pcap", b"");
    std::fs::create_dir(room.path("folder")).unwrap();
    for (args, expected) in [
        (["replay", "text.pcap"], "text.pcap is not a capture file"),
        (["replay", "empty.pcap"], "empty.pcap is empty"),
        (["replay", "nowhere.pcap"], "cannot read nowhere.pcap: no such file or directory"),
        (["replay", "folder"], "no capture file in the folder folder"),
    ] {
        let error = room.expect(1, &args);
        assert!(error.contains(expected), "{args:?}: {error}");
        assert_eq!(error.lines().count(), 1, "one sentence: {error}");
    }
    assert!(!room.path("bellwether.db").exists(), "nothing was read, so nothing is made");
}

#[test]
fn usage_and_configuration_errors_have_exit_code_2() {
    let room = Room::new();
    room.write("bad.toml", b"privcy = 1\n");
    room.write(
        "other.db",
        b"SQLite format 3\0 but not really a database of ours at all, and longer than a header",
    );
    let capture = capture();
    for (args, expected) in [
        (vec!["--colour", "replay", "x"], "unexpected argument '--colour'"),
        (vec!["--format", "xml", "report", "calls"], "invalid value 'xml'"),
        (vec!["--workers", "0", "replay", "x"], "invalid value '0'"),
        (vec!["report", "everything"], "invalid value 'everything'"),
        (vec!["--config", "bad.toml", "replay", &capture], "privcy"),
        (vec!["--config", "none.toml", "replay", &capture], "cannot read the configuration none.toml"),
        (vec!["config", "check", "bad.toml"], "bad.toml"),
        (vec!["report", "calls"], "there is no database bellwether.db"),
        (
            vec!["--db", "nowhere/x.db", "replay", &capture],
            "the folder nowhere of the database does not exist",
        ),
        (vec!["--db", "other.db", "replay", &capture], "other.db is not a database of bellwether"),
    ] {
        let error = room.expect(2, &args);
        assert!(error.contains(expected), "{args:?}: {error}");
    }
    room.expect(0, &["-q", "replay", &capture]);
    for (filter, expected) in [("size=1", "there is no column size"), ("caller", "give COLUMN=VALUE")] {
        assert!(room.expect(2, &["report", "calls", "--where", filter]).contains(expected));
    }
    assert!(room.expect(2, &["report", "calls", "--since", "soon"]).contains("\"soon\" is not a time"));
}

#[test]
fn a_database_of_another_key_or_a_newer_program_is_refused() {
    let room = Room::new();
    let capture = capture();
    room.expect(0, &["-q", "replay", &capture]);
    room.write("bellwether.key", "1e".repeat(32).as_bytes());
    let error = room.expect(2, &["replay", &capture]);
    assert!(error.contains("was made with another key"), "{error}");
    room.write("bellwether.key", "0f".repeat(32).as_bytes());
    // user_version is at offset 60 of the file, big-endian.
    let mut bytes = std::fs::read(room.path("bellwether.db")).unwrap();
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    room.write("bellwether.db", &bytes);
    for args in [vec!["replay", capture.as_str()], vec!["report", "calls"]] {
        let error = room.expect(2, &args);
        assert!(error.contains("has version 99, this program knows up to"), "{error}");
    }
}

#[test]
fn a_cut_capture_gives_what_stands_before_the_cut_and_exit_code_3() {
    let room = Room::new();
    for (i, capture) in own_captures().iter().enumerate() {
        let bytes = std::fs::read(capture).unwrap();
        let cut = room.write("cut.pcap", &bytes[..bytes.len() - 7]);
        let output =
            room.run(&["--db", &format!("{i}.db"), "--format", "json", "replay", cut.to_str().unwrap()]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(
            error.contains("cut.pcap was read up to record ") && error.contains("the file ends inside a"),
            "{error}"
        );
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(summary["packets"].as_u64().unwrap() > 100);
        let losses = room.rows(&format!("{i}.db"), "losses");
        assert!(losses.iter().any(|l| l["name"] == "record_damaged"));
    }
}

#[test]
fn a_link_type_that_is_not_read_is_named_with_exit_code_3() {
    let room = Room::new();
    let mut bytes = std::fs::read(project().join("pcaps/lab-scan.pcap")).unwrap();
    // The link type is at offset 20; 147 is for private use.
    bytes[20] = 147;
    let capture = room.write("own.pcap", &bytes);
    let output = room.run(&["--db", "x.db", "-q", "replay", capture.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).ends_with("own.pcap: 306 frames have link type 147, which is not read\n"));
    let losses = room.rows("x.db", "losses");
    assert_eq!((&losses[0]["name"], &losses[0]["count"]), (&"link_unsupported".into(), &306.into()));
}

#[test]
fn zstandard_and_gzip_give_the_same_as_the_plain_file() {
    let room = Room::new();
    let plain = project().join("pcaps/lab-register.pcap");
    room.replay("plain.db", "2", &[&plain]);
    for (program, name) in [("gzip", "x.pcap.gz"), ("zstd", "x.pcap.zst")] {
        let packed = std::process::Command::new(program).arg("-c").arg(&plain).output();
        let Ok(packed) = packed else {
            eprintln!("skipped: {program} is not here");
            continue;
        };
        let capture = room.write(name, &packed.stdout);
        room.replay(&format!("{program}.db"), "2", &[&capture]);
        assert_eq!(room.reports("plain.db"), room.reports(&format!("{program}.db")), "{program}");
    }
}

#[test]
fn a_full_disk_is_one_sentence_and_exit_code_1() {
    // A file system of its own would need privileges; a limit on the size of files does not.
    let room = Room::new();
    let capture = capture();
    room.expect(0, &["--db", "x.db", "-q", "replay", &capture]);
    let before = room.reports("x.db");
    let more = project().join("pcaps/lab-register.pcap");
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec {} --db x.db -q replay {}",
        env!("CARGO_BIN_EXE_bellwether"),
        more.display()
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(room.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("disk"), "{error}");
    assert_eq!(before, room.reports("x.db"), "what was committed before is still there");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let room = Room::new();
    room.expect(0, &["-q", "replay", &capture()]);
    let mut child =
        Running::start(room.command(&["--format", "jsonl", "report", "fingerprints"]).stdout(Stdio::piped()));
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn standard_input_and_memory_databases_work_and_leave_nothing() {
    let room = Room::new();
    let file = std::fs::File::open(capture()).unwrap();
    let output = room
        .command(&["--db", ":memory:", "--format", "json", "replay", "-"])
        .stdin(Stdio::from(file))
        .output()
        .unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &summary["calls"]), (Some(0), &serde_json::json!(8)));
    assert_eq!(std::fs::read_dir(room.path("")).unwrap().count(), 1, "only the key that was there before");
}

#[test]
fn filters_limits_and_formats_agree() {
    let room = Room::new();
    room.expect(0, &["-q", "replay", &capture()]);
    let count = |args: &[&str]| room.expect(0, args).lines().count();
    let jsonl = |more: &[&str]| count(&[&["--format", "jsonl", "report", "calls"], more].concat());
    assert_eq!(jsonl(&[]), 8);
    assert_eq!(jsonl(&["--limit", "3"]), 3);
    assert_eq!(jsonl(&["--where", "final_status=486"]), 2);
    assert_eq!(jsonl(&["--where", "final_status>=480", "--where", "hops=2"]), 5);
    assert_eq!(jsonl(&["--until", "2026-11-21T03:42:40Z"]) + jsonl(&["--since", "2026-11-21T03:42:40Z"]), 8);
    assert_eq!(count(&["--format", "csv", "report", "calls"]), 9);
    let json: serde_json::Value =
        serde_json::from_str(&room.expect(0, &["--format", "json", "report", "calls"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 8);
    let first = json[0]["call_id"].as_str().unwrap();
    assert!(room.expect(0, &["show", "call", first]).contains("fingerprint_readable"));
    assert!(
        room.expect(0, &["show", "fingerprint", json[0]["sip_author"].as_str().unwrap()])
            .contains("newest_call_ids")
    );
    assert!(room.expect(1, &["show", "call", "nobody"]).contains("there is no call"));
}

#[test]
fn no_number_is_readable_unless_asked_for() {
    let room = Room::new();
    room.expect(0, &["-q", "replay", &capture()]);
    let tokens = room.reports("bellwether.db");
    assert!(!tokens.contains("sip:101@") && !tokens.contains("\"caller\":\"101\""), "{tokens}");
    room.write("clear.toml", b"privacy = \"clear\"\n");
    room.expect(0, &["--config", "clear.toml", "--db", "clear.db", "-q", "replay", &capture()]);
    assert!(room.reports("clear.db").contains("\"caller\":\"101\""));
}
