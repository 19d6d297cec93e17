//! Unusable databases: on a read-only medium, locked by another program, or missing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Rng, Talk, as_hep};
use common::{Room, Running, project, text};

fn capture() -> String {
    project().join("pcaps/lab-calls-failed.pcapng").to_str().unwrap().to_owned()
}

/// A room whose folder `kept` holds a database and nothing else of SQLite's.
fn with_database() -> Room {
    let room = Room::new();
    std::fs::create_dir(room.path("kept")).unwrap();
    std::fs::copy(room.path("bellwether.key"), room.path("kept/bellwether.key")).unwrap();
    room.expect(0, &["--db", "kept/x.db", "-q", "replay", &capture()]);
    room
}

/// The read-only commands with their arguments.
const READERS: [&[&str]; 8] = [
    &["report", "calls"],
    &["report", "summary"],
    &["report", "alerts"],
    &["report", "losses"],
    &["db", "check"],
    &["reputation", "list"],
    &["inventory", "list"],
    &["class", "list"],
];

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Runs `script` where `kept` is a read-only medium: a mount of its own, in a namespace of its own. Needs to be root or to be allowed
/// user namespaces; says so where it is neither.
fn on_a_read_only_medium(room: &Room, script: &str) -> Option<String> {
    let mount = "mount --bind kept kept && mount -o remount,bind,ro kept";
    let run = |script: &str| {
        let unshare = ["unshare", "-rm", "sh", "-c", script];
        let bellwether = env!("CARGO_BIN_EXE_bellwether");
        let mut command = Command::new(unshare[0]);
        command
            .args(&unshare[1..])
            .current_dir(room.path(""))
            .env("BELLWETHER", bellwether)
            .stdin(Stdio::null());
        command.output()
    };
    if !run(mount).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no namespace of its own can be had here");
        return None;
    }
    let output = run(&format!("{mount} && {script}")).unwrap();
    Some(format!("{}{}rc {}", text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1)))
}

#[test]
fn a_database_on_a_read_only_medium_is_read_as_anywhere() {
    let room = with_database();
    for reader in READERS {
        let there = room.expect(0, &[&["--db", "kept/x.db"], reader].concat());
        let script = format!("\"$BELLWETHER\" --db kept/x.db {}", reader.join(" "));
        let Some(said) = on_a_read_only_medium(&room, &script) else { return };
        assert_eq!(said, format!("{there}rc 0"), "{reader:?}");
    }
    let said = on_a_read_only_medium(&room, &format!("\"$BELLWETHER\" --db kept/x.db replay {}", capture()))
        .unwrap();
    assert!(said.ends_with("rc 1") && said.contains("read-only"), "{said}");
}

/// Copies an open database with its log. Some rows are only in the log.
fn with_log(room: &Room, and_index: bool) -> i64 {
    let db = rusqlite::Connection::open(room.path("kept/x.db")).unwrap();
    db.execute("DELETE FROM alerts", []).unwrap();
    db.execute("INSERT INTO inputs SELECT input + 1, 'in-the-log', packets, bytes, first_at, last_at FROM inputs LIMIT 1", [])
        .unwrap();
    std::fs::create_dir(room.path("copied")).unwrap();
    for ending in ["", "-wal", "-shm"].iter().take(if and_index { 3 } else { 2 }) {
        std::fs::copy(room.path(&format!("kept/x.db{ending}")), room.path(&format!("copied/x.db{ending}")))
            .unwrap();
    }
    let packets = db.query_row("SELECT sum(packets) FROM inputs", [], |r| r.get(0)).unwrap();
    drop(db);
    std::fs::remove_dir_all(room.path("kept")).unwrap();
    std::fs::rename(room.path("copied"), room.path("kept")).unwrap();
    packets
}

#[test]
fn rows_in_a_log_that_was_left_beside_it_are_read_or_missed_by_name() {
    for and_index in [true, false] {
        let room = with_database();
        let packets = with_log(&room, and_index);
        let script = "\"$BELLWETHER\" --db kept/x.db --format json report summary";
        let Some(said) = on_a_read_only_medium(&room, script) else { return };
        assert!(said.contains(&format!("\"packets\":{packets},")), "with an index {and_index}: {said}");
    }
}

#[test]
fn a_folder_that_even_its_owner_may_not_write_to_is_a_read_only_medium() {
    let room = with_database();
    let folder = room.path("kept");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o555)).unwrap();
    // Root may write everywhere, and then reads as always.
    let output = room.run(&["--db", "kept/x.db", "report", "summary"]);
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let left: Vec<String> = names(&folder).into_iter().filter(|name| name.contains("journal")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn what_needs_a_database_makes_neither_one_nor_a_key() {
    let room = Room::new();
    std::fs::remove_file(room.path("bellwether.key")).unwrap();
    room.write("truth.jsonl", b"{\"call_id\": \"a\", \"label\": \"fraud\"}\n");
    room.write("telemetry.jsonl", b"{\"call_id\": \"a\", \"timestamp_epoch\": 1790000000}\n");
    let before = names(&room.path(""));
    let commands: [&[&str]; 16] = [
        &["label", "call", "nobody@nowhere", "fraud"],
        &["label", "--file", "truth.jsonl"],
        &["telemetry", "telemetry.jsonl"],
        &["evaluate", "--truth", "truth.jsonl"],
        &["reputation", "list"],
        &["reputation", "export", "block"],
        &["inventory", "list"],
        &["inventory", "approve", "sip:a@b", "d"],
        &["class", "list"],
        &["class", "learn", "--truth", "truth.jsonl"],
        &["db", "check"],
        &["db", "prune"],
        &["db", "migrate"],
        &["plot", "clock", "x"],
        &["diff", "a", "b"],
        &["report", "calls"],
    ];
    for db in ["bellwether.db", "empty.db", ":memory:"] {
        for command in commands {
            let said = room.expect(2, &[&["--db", db], command].concat());
            assert!(said.contains(&format!("there is no database {db}")), "{command:?}: {said}");
            assert_eq!(names(&room.path("")), before, "{command:?}");
        }
    }
    room.write("empty.db", b"");
    for command in commands {
        room.expect(2, &[&["--db", "empty.db"], command].concat());
        assert_eq!(std::fs::read(room.path("empty.db")).unwrap(), b"");
    }
}

#[test]
fn a_call_that_is_not_there_changes_nothing_and_a_key_that_is_gone_is_not_replaced() {
    let room = with_database();
    let db = || std::fs::read(room.path("kept/x.db")).unwrap();
    let before = db();
    let said = room.expect(1, &["--db", "kept/x.db", "label", "call", "nobody@nowhere", "fraud"]);
    assert!(said.contains("there is no call nobody@nowhere"), "{said}");
    assert_eq!(db(), before);
    std::fs::remove_file(room.path("kept/bellwether.key")).unwrap();
    for command in [vec!["label", "call", "a", "fraud"], vec!["replay", &capture()]] {
        let said = room.expect(2, &[vec!["--db", "kept/x.db"], command].concat());
        assert!(said.contains("the file is missing, and kept/x.db needs this key"), "{said}");
        assert!(!room.path("kept/bellwether.key").exists());
    }
}

/// Holds the database of a room locked for writing, and for reading too.
fn lock(room: &Room, also_for_reading: bool) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(room.path("x.db")).unwrap();
    let mode = if also_for_reading { "PRAGMA locking_mode = EXCLUSIVE;" } else { "" };
    db.execute_batch(&format!("{mode} BEGIN EXCLUSIVE")).unwrap();
    db
}

/// Waits until a run has said something on standard error.
fn hear(log: &Path, words: &str) {
    for _ in 0..600 {
        if std::fs::read_to_string(log).unwrap_or_default().contains(words) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{words:?} was never said: {}", std::fs::read_to_string(log).unwrap_or_default());
}

/// Two rooms alike, with a database that holds nothing but its layout.
fn rooms() -> [Room; 2] {
    [(); 2].map(|()| {
        let room = Room::new();
        room.write("inventory.csv", b"aor,device_class,policy\nsip:1@a,,learn\n");
        room.expect(0, &["--db", "x.db", "inventory", "import", "inventory.csv"]);
        room
    })
}

#[test]
fn a_replay_waits_for_a_lock_at_its_start_and_on_its_way_and_loses_nothing() {
    let [room, undisturbed] = rooms();
    undisturbed.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
    for (also_for_reading, words) in [(false, "locked; rows wait"), (true, "locked; waiting")] {
        let held = lock(&room, also_for_reading);
        let log = room.path("log");
        let mut replay = Running::start(
            room.command(&["--db", "x.db", "replay", &capture()])
                .stdout(Stdio::null())
                .stderr(std::fs::File::create(&log).unwrap()),
        );
        hear(&log, words);
        assert!(replay.try_wait().unwrap().is_none());
        held.execute_batch("COMMIT").unwrap();
        drop(held);
        assert_eq!(replay.wait().unwrap().code(), Some(0), "{}", std::fs::read_to_string(&log).unwrap());
    }
    assert_eq!(room.reports("x.db"), undisturbed.reports("x.db"));
}

#[test]
fn a_replay_beside_a_reader_that_never_ends_is_not_held_up() {
    let [room, undisturbed] = rooms();
    room.write("quick.toml", b"[database]\nlock_wait_s = 0.5\n");
    undisturbed.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
    let reader = rusqlite::Connection::open(room.path("x.db")).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let _: i64 = reader.query_row("SELECT count(*) FROM calls", [], |r| r.get(0)).unwrap();
    room.expect(0, &["--config", "quick.toml", "--db", "x.db", "-q", "replay", &capture()]);
    drop(reader);
    assert_eq!(room.reports("x.db"), undisturbed.reports("x.db"));
}

#[test]
fn a_replay_whose_patience_ends_says_so() {
    let room = Room::new();
    room.write("quick.toml", b"[database]\nlock_wait_s = 0.5\n");
    room.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
    for also_for_reading in [false, true] {
        let held = lock(&room, also_for_reading);
        let said = room.expect(1, &["--config", "quick.toml", "--db", "x.db", "replay", &capture()]);
        assert!(said.contains("x.db locked for ") && said.contains("raise database.lock_wait_s"), "{said}");
        drop(held);
    }
    room.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
}

/// Calls that agents send on to a sensor.
fn messages() -> Vec<Vec<u8>> {
    let mut rng = Rng::new(5);
    let calls = (0..20_u8).flat_map(|i| {
        let call = Call {
            caller: Agent::new([10, 0, 0, i], &format!("20{i}"), "Phone/1"),
            callee: Agent::new([10, 0, 1, i], &format!("30{i}"), "Phone/2"),
            start: Timestamp::default(),
            rings: Span::from_millis(100),
            caller_talk: Talk { law: Law::Mu, packets: Vec::new() },
            callee_talk: Talk { law: Law::Mu, packets: Vec::new() },
            is_challenged: false,
        };
        call.frames(&mut rng)
    });
    calls.map(|frame| as_hep(&frame, 7)).collect()
}

#[test]
fn a_sensor_outlives_a_lock_and_the_rows_of_that_time_are_written() {
    let room = Room::new();
    room.write("quick.toml", b"[database]\nlock_wait_s = 0.5\n");
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hep = format!("udp:{free}");
    let log = room.path("log");
    let mut sensor = Running::start(
        room.command(&["--config", "quick.toml", "--db", "x.db", "sense", "--hep", &hep])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap()),
    );
    hear(&log, "listening on");
    let held = lock(&room, false);
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for message in messages() {
        agent.send_to(&message, free).unwrap();
    }
    hear(&log, "locked; rows wait");
    // Several times as long as a replay would have waited.
    std::thread::sleep(Duration::from_secs(3));
    assert!(sensor.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
    held.execute_batch("COMMIT").unwrap();
    hear(&log, "waiting rows are written");
    let end = |sensor: &mut Running| {
        let id = rustix::process::Pid::from_child(sensor);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        sensor.wait().unwrap().code()
    };
    assert_eq!(end(&mut sensor), Some(0), "{}", std::fs::read_to_string(&log).unwrap());
    assert_eq!(room.rows("x.db", "calls").len(), 20);
    let losses = room.rows("x.db", "losses");
    let locked: Vec<_> = losses.iter().filter(|loss| loss["name"] == "database_locked").collect();
    assert!(matches!(locked.as_slice(), [loss] if loss["count"] == 1), "{losses:?}");
    let spans = locked[0]["spans"].as_array().unwrap();
    assert!(
        matches!(spans.as_slice(), [span] if span["from"].as_str() < span["until"].as_str()),
        "{losses:?}"
    );
    let log_text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(log_text.matches("locked; rows wait").count(), 1, "{log_text}");

    // A sensor with a stop request ends although the database is locked, and reports the unfinished work.
    let mut sensor = Running::start(
        room.command(&["--config", "quick.toml", "--db", "x.db", "sense", "--hep", &hep])
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap()),
    );
    hear(&log, "listening on");
    let _held = lock(&room, false);
    for message in messages() {
        agent.send_to(&message, free).unwrap();
    }
    hear(&log, "locked; rows wait");
    assert_eq!(end(&mut sensor), Some(1));
    hear(&log, "raise database.lock_wait_s");
}

#[test]
fn many_labels_take_no_more_memory_than_a_few() {
    let room = with_database();
    let peak = |lines: usize| -> u64 {
        let text: String =
            (0..lines).map(|n| format!("{{\"call_id\": \"c{n}@h\", \"label\": \"legit\"}}\n")).collect();
        room.write("truth.jsonl", text.as_bytes());
        let output = Command::new("sh")
            .args(["-c", "\"$0\" --db kept/x.db --format json evaluate --truth truth.jsonl & child=$!; peak=0; \
                while now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$child/status 2>/dev/null) && [ -n \"$now\" ]; do peak=$now; sleep 0.002; done; \
                wait $child; echo peak $peak >&2"])
            .arg(env!("CARGO_BIN_EXE_bellwether"))
            .current_dir(room.path(""))
            .output()
            .unwrap();
        assert!(common::text(&output.stdout).contains(&format!("\"truth\":{lines},")));
        let said = common::text(&output.stderr);
        said.trim().rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (few, many) = (peak(20_000), peak(200_000));
    assert!(many < few + 8 * 1024, "{few} and {many} KiB");
}

#[test]
fn a_prune_that_is_tried_removes_nothing_and_a_backup_says_that_the_key_is_not_in_it() {
    let room = with_database();
    let before = room.reports("kept/x.db");
    let prune = ["--db", "kept/x.db", "db", "prune", "--keep-days", "0"];
    let tried = room.expect(0, &[&prune[..], &["--dry-run"]].concat());
    assert!(tried.contains("would be removed, 0 calls would stay"), "{tried}");
    assert!(tried.contains("dry run: nothing is removed") && !tried.starts_with("0 rows"), "{tried}");
    assert_eq!(room.reports("kept/x.db"), before);
    let copied = room.expect(0, &["--db", "kept/x.db", "db", "backup", "copy.db"]);
    let key = room.path("kept/bellwether.key");
    assert!(key.exists() && copied.contains("the key kept/bellwether.key is not in the copy"), "{copied}");
    let done = room.expect(0, &prune);
    assert_eq!(
        done.replace(" removed", " would be removed").replace(" stay;", " would stay;"),
        tried.lines().next().unwrap().to_owned() + "\n"
    );
}
