//! Common parts of the tests of the command: a folder with a fixed key, and the command in this folder.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod served;

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use bellwether_testkit::violations;
use serde_json::Value;

/// The reports by which two replays are compared.
pub(crate) const REPORTS: [&str; 7] =
    ["summary", "calls", "registrations", "streams", "devices", "fingerprints", "losses"];

/// A program that runs. A test that fails ends it too, so that nothing of the test stays behind.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Deref for Running {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a program whose end was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder of its own with a fixed key, so that tokens are the same in every run.
pub(crate) struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bellwether.key"), "0f".repeat(32)).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BELLWETHER_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs, and expects an exit code.
    pub(crate) fn expect(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{out}\n{err}");
        if code == 0 || code == 3 { out } else { err }
    }

    /// Replays into `x.db` with `workers`, expecting exit code 0 or 3.
    pub(crate) fn replay(&self, db: &str, workers: &str, captures: &[&Path]) {
        let mut args = vec!["--db", db, "--workers", workers, "-q", "replay"];
        args.extend(captures.iter().map(|c| c.to_str().unwrap()));
        let output = self.run(&args);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 3)), "{args:?}: {code:?} {}", text(&output.stderr));
    }

    /// All reports of a database as one text, in JSON lines.
    pub(crate) fn reports(&self, db: &str) -> String {
        REPORTS
            .iter()
            .map(|what| {
                format!("{what}\n{}", self.expect(0, &["--db", db, "--format", "jsonl", "report", what]))
            })
            .collect()
    }

    /// Rows of a report, each of which keeps to its published schema.
    pub(crate) fn rows(&self, db: &str, what: &str) -> Vec<Value> {
        self.rows_with(&["--db", db], what)
    }

    /// The same with other options.
    pub(crate) fn rows_with(&self, options: &[&str], what: &str) -> Vec<Value> {
        let out = self.expect(0, &[options, &["--format", "jsonl", "report", what]].concat());
        let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let schema = std::fs::read_to_string(project().join(format!("docs/schema/{what}.json"))).unwrap();
        let schema: Value = serde_json::from_str(&schema).unwrap();
        let printed = if what == "summary" { rows[0].clone() } else { Value::Array(rows.clone()) };
        let found = violations(&schema, &printed);
        assert!(found.is_empty(), "{what}: {}", found.join("\n"));
        rows
    }
}

/// A room whose `x.db` holds the recorded campaigns: real programs, honest ones and robocallers.
pub(crate) fn campaigns() -> Room {
    let room = Room::new();
    let capture = project().join("pcaps/campaigns/campaigns.pcap.zst");
    room.expect(0, &["-q", "--db", "x.db", "replay", capture.to_str().unwrap()]);
    room
}

/// The text of a member.
pub(crate) fn text_of<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

/// Compares two reports line by line, so that a failure shows the first difference only.
pub(crate) fn assert_same(a: &str, b: &str, what: &str) {
    for (x, y) in a.lines().zip(b.lines()) {
        assert_eq!(x, y, "{what}");
    }
    assert_eq!(a.lines().count(), b.lines().count(), "{what}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The project's own captures.
pub(crate) fn own_captures() -> Vec<PathBuf> {
    captures_in(&project().join("pcaps"))
}

/// The shared captures, where they are at hand.
pub(crate) fn shared_captures() -> Vec<PathBuf> {
    let folder = project().join("../shared/data/captures");
    if !folder.exists() {
        eprintln!("skipped: the shared captures are not here");
        return Vec::new();
    }
    // One is in a format of its own (Windows Network Monitor), which libpcap does not read either.
    let mut captures = captures_in(&folder);
    captures.retain(|f| !std::fs::read(f).unwrap().starts_with(b"GMBU"));
    captures
}

/// An input of the shared cases, where they are at hand.
pub(crate) fn shared_case(name: &str) -> Option<PathBuf> {
    let file = project().join("../shared/data/cases").join(name);
    if !file.exists() {
        eprintln!("skipped: {name} is not here");
        return None;
    }
    Some(file)
}

/// Every report.
pub(crate) const ALL_REPORTS: [&str; 11] = [
    "summary",
    "calls",
    "registrations",
    "streams",
    "devices",
    "fingerprints",
    "losses",
    "alerts",
    "campaigns",
    "recordings",
    "reputation",
];

fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.is_file() && f.extension().is_none_or(|e| e != "md" && e != "json"));
    files.sort();
    files
}
