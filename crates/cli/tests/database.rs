//! The database where it is not as it should be: on a medium that cannot be written, locked by somebody, or not there.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Room, project, text};

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

/// What reads only, with its arguments.
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

/// Copies the database with its log, while somebody has it open: rows that are in the log only.
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
        assert!(said.contains("it is not there, and kept/x.db was made with it"), "{said}");
        assert!(!room.path("kept/bellwether.key").exists());
    }
}

/// Holds the database of a room locked for writing.
fn lock(room: &Room) -> rusqlite::Connection {
    let db = rusqlite::Connection::open(room.path("x.db")).unwrap();
    db.execute_batch("BEGIN EXCLUSIVE").unwrap();
    db
}

#[test]
fn a_replay_waits_for_a_lock_and_loses_nothing() {
    let (room, undisturbed) = (Room::new(), Room::new());
    for room in [&room, &undisturbed] {
        room.write("quick.toml", b"[database]\nlock_wait_s = 120\n");
        // A database with nothing in it but its layout.
        room.write("inventory.csv", b"aor,device_class,policy\nsip:1@a,,learn\n");
        room.expect(0, &["--db", "x.db", "inventory", "import", "inventory.csv"]);
    }
    undisturbed.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
    // The first lock meets the replay on its way, where it has begun; the second one at its start.
    for _ in 0..2 {
        let held = lock(&room);
        let replay = room
            .command(&["--config", "quick.toml", "--db", "x.db", "replay", &capture()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Longer than SQLite waits by itself at the start.
        std::thread::sleep(Duration::from_secs(7));
        held.execute_batch("COMMIT").unwrap();
        let output = replay.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(said.contains("another program holds the database locked"), "{said}");
    }
    assert_eq!(room.reports("x.db"), undisturbed.reports("x.db"));
}

#[test]
fn a_replay_whose_patience_ends_says_so() {
    let room = Room::new();
    room.write("quick.toml", b"[database]\nlock_wait_s = 0.5\n");
    room.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
    let held = lock(&room);
    let said = room.expect(1, &["--config", "quick.toml", "--db", "x.db", "replay", &capture()]);
    assert!(said.contains("another program has held the database x.db locked for"), "{said}");
    drop(held);
    room.expect(0, &["--db", "x.db", "-q", "replay", &capture()]);
}

#[test]
fn a_million_labels_take_no_more_memory_than_a_thousand() {
    let room = with_database();
    let peak = |lines: usize| -> u64 {
        let text: String =
            (0..lines).map(|n| format!("{{\"call_id\": \"c{n}@h\", \"label\": \"legit\"}}\n")).collect();
        room.write("truth.jsonl", text.as_bytes());
        let output = Command::new("sh")
            .args(["-c", "\"$0\" --db kept/x.db --format json evaluate --truth truth.jsonl & child=$!; peak=0; \
                while now=$(sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$child/status 2>/dev/null) && [ -n \"$now\" ]; do peak=$now; sleep 0.02; done; \
                wait $child; echo peak $peak >&2"])
            .arg(env!("CARGO_BIN_EXE_bellwether"))
            .current_dir(room.path(""))
            .output()
            .unwrap();
        assert!(common::text(&output.stdout).contains(&format!("\"truth\":{lines},")));
        let said = common::text(&output.stderr);
        said.trim().rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (few, many) = (peak(10_000), peak(1_000_000));
    assert!(many < few + 8 * 1024, "{few} and {many} KiB");
}
