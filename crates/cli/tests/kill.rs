//! A replay that judges and delivers, killed at any moment: what is left is sound, and resuming comes to what an undisturbed run comes to.
//!
//! A life is one database: some replays into it are killed, each at a moment that follows from the life's number, and a last one is left alone.
//! `BELLWETHER_KILLS` is how many kills there are to be, `BELLWETHER_KILL_LIFE` the one life that is to be lived again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_types,
    reason = "a test fails by panicking and says why on standard error; moments of a process are the machine's time"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bellwether_store::Upkeep;
use bellwether_testkit::{Rng, WORLD_CONFIG, World, WorldKind, WorldMedia, WorldOptions};
use common::{Room, project, text};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a capture takes to come in: commits are a matter of time, and a file would be read between two of them.
const READING: Duration = Duration::from_millis(1500);

/// What a pipe holds, and may not have been read when it was written.
const PIPE: usize = 1 << 16;

/// Kills without `BELLWETHER_KILLS`.
const KILLS: u64 = 14;

/// Lives at a time: most of each is waiting.
const LANES: usize = 2;

// ---------------------------------------------------------------------------------------------- what is replayed

/// A capture, the site's configuration, and what an undisturbed run makes of them.
struct Subject {
    name: &'static str,
    capture: Vec<u8>,
    site: String,
    expected: BTreeMap<&'static str, Vec<String>>,
    /// From the start of a process to its database.
    opens_within: Duration,
}

/// What is read from packets, and what is concluded.
const TABLES: [&str; 17] = [
    "calls",
    "outcomes",
    "streams",
    "registrations",
    "observations",
    "segments",
    "fingerprints",
    "instances",
    "scores",
    "standings",
    "list_changes",
    "campaigns",
    "campaign_members",
    "campaign_events",
    "campaign_keys",
    "prompts",
    "alerts",
];

impl Subject {
    /// The lab's capture of real programs.
    fn real(hook: &Hook) -> Self {
        let folder = project().join("pcaps/campaigns");
        let capture = std::fs::read(folder.join("campaigns.pcap.zst")).unwrap();
        let site = std::fs::read_to_string(folder.join("bellwether.toml")).unwrap();
        Self { name: "real programs", capture, site, ..Self::empty() }.run(hook)
    }

    /// Four hours of a made world in signalling only: calls end, and alerts are sent, all the while it is read.
    fn world(hook: &Hook) -> Self {
        let options = WorldOptions {
            media: WorldMedia::None,
            scale: 0.15,
            ..WorldOptions::new(WorldKind::Specific, 1)
        };
        let mut capture = Vec::new();
        World::new(options).write_capture(&mut capture).unwrap();
        Self { name: "made world", capture, site: WORLD_CONFIG.to_owned(), ..Self::empty() }.run(hook)
    }

    fn empty() -> Self {
        Self {
            name: "",
            capture: Vec::new(),
            site: String::new(),
            expected: BTreeMap::new(),
            opens_within: Duration::ZERO,
        }
    }

    /// Runs undisturbed.
    fn run(self, hook: &Hook) -> Self {
        let life = Life::begin(&self, hook, format!("undisturbed-{}", self.name.replace(' ', "-")));
        let started = Instant::now();
        let mut child = life.start();
        let mut pipe = child.stdin.take().unwrap();
        let opens_within = std::thread::scope(|scope| {
            scope.spawn(|| life.pour(&mut pipe, Duration::ZERO, &AtomicUsize::new(0)));
            while !life.db().exists() {
                std::thread::sleep(Duration::from_micros(200));
            }
            started.elapsed()
        });
        drop(pipe);
        life.expect_success(child.wait().unwrap());
        life.check(true);
        let (expected, alerts) = (life.tables(), life.alerts().len());
        assert!(expected["calls"].len() > 100 && alerts > 5, "{}: {alerts} alerts", self.name);
        Self { expected, opens_within, ..self }
    }
}

// ---------------------------------------------------------------------------------------------- the receiver

/// Somebody's program that alerts are posted to, under a path for each life. It outlives all processes.
struct Hook {
    port: u16,
    posts: Mutex<BTreeMap<String, Posts>>,
}

/// What came for one life.
#[derive(Clone, Default)]
struct Posts {
    taken: Arc<Mutex<Vec<Value>>>,
    /// Taken, and not answered yet.
    open: Arc<AtomicUsize>,
    /// How long an answer is withheld, in milliseconds.
    pause: Arc<AtomicU64>,
}

impl Hook {
    fn new() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let hook = Arc::new(Self { port, posts: Mutex::default() });
        let of = Arc::clone(&hook);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let of = Arc::clone(&of);
                // A sender that is killed ends its connection in the middle: that is no news here.
                std::thread::spawn(move || of.serve(&connection.unwrap()));
            }
        });
        hook
    }

    fn of(&self, life: &str) -> Posts {
        self.posts.lock().unwrap().entry(life.to_owned()).or_default().clone()
    }

    fn serve(&self, mut connection: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(connection);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let posts = self.of(line.split(' ').nth(1)?.trim_start_matches('/'));
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let alert = serde_json::from_slice(&body).ok()?;
        posts.taken.lock().unwrap().push(alert);
        posts.open.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(posts.pause.load(Ordering::SeqCst)));
        posts.open.fetch_sub(1, Ordering::SeqCst);
        connection.write_all(b"HTTP/1.1 204 Thanks\r\nConnection: close\r\n\r\n").ok()
    }
}

// ---------------------------------------------------------------------------------------------- a life

/// What a process did when it was killed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    /// There was no database yet.
    Before,
    /// It was reading.
    Reading,
    /// A transaction was open.
    Commit,
    /// An alert was sent, and not answered.
    Delivery,
    /// All was read: what was left was judged, committed, or waited for.
    Closing,
}

/// Phases that moments are chosen for; the rest is any moment.
const AIMS: [Option<Phase>; 5] =
    [Some(Phase::Before), Some(Phase::Commit), Some(Phase::Delivery), Some(Phase::Reading), None];

struct Kill {
    at: Duration,
    phase: Phase,
    /// Alerts in the database, and taken by the receiver.
    alerts: (usize, usize),
}

impl fmt::Debug for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {:?} with {:?} alerts kept and taken", self.phase, self.at, self.alerts)
    }
}

struct Life<'a> {
    subject: &'a Subject,
    name: String,
    room: Room,
    posts: Posts,
}

impl<'a> Life<'a> {
    fn begin(subject: &'a Subject, hook: &Hook, name: String) -> Self {
        let room = Room::new();
        let receiver = format!(
            "\n[alerts]\nquiet_s = 0\nper_minute = 1000000\n\
             [[alerts.receivers]]\nname = \"hook\"\ntarget = \"http://127.0.0.1:{}/{name}\"\n",
            hook.port
        );
        room.write("x.toml", (subject.site.clone() + &receiver).as_bytes());
        let posts = hook.of(&name);
        Self { subject, name, room, posts }
    }

    /// Kills some, and lets the last live.
    fn live(&self, mut rng: Rng, first_aim: Option<Phase>, kills: &Mutex<Vec<Kill>>) {
        for nth in 0..1 + rng.below(3) {
            // Before a database there is only at the first start.
            let aim = if nth == 0 { first_aim } else { AIMS[1 + rng.below(AIMS.len() as u64 - 1) as usize] };
            let tries = if aim == Some(Phase::Before) { 2 } else { 1 };
            for _ in 0..tries {
                self.posts.pause.store(20 + rng.below(60), Ordering::SeqCst);
                let (at, phase) = self.kill(&mut rng, aim);
                self.check(false);
                let Some(phase) = phase else { continue };
                let alerts = (self.alerts().len(), self.posts.taken.lock().unwrap().len());
                let kill = Kill { at, phase, alerts };
                eprintln!("{}: {kill:?}", self.name);
                kills.lock().unwrap().push(kill);
            }
        }
        self.posts.pause.store(0, Ordering::SeqCst);
        let mut child = self.start();
        self.pour(&mut child.stdin.take().unwrap(), Duration::ZERO, &AtomicUsize::new(0));
        self.expect_success(child.wait().unwrap());
        self.check(true);
        let differences = self.differences();
        assert!(differences.is_empty(), "unlike an undisturbed run:\n{}", differences.join("\n"));
    }

    /// Rows that an undisturbed run has and this life has not (-), and the other way round (+): a few of each table.
    fn differences(&self) -> Vec<String> {
        let tables = self.tables();
        let mut found = Vec::new();
        for (table, expected) in &self.subject.expected {
            let (expected, rows): (BTreeSet<_>, BTreeSet<_>) =
                (expected.iter().collect(), tables[table].iter().collect());
            let missing = expected.difference(&rows).map(|row| format!("- {table}: {row}")).take(3);
            let odd = rows.difference(&expected).map(|row| format!("+ {table}: {row}")).take(3);
            found.extend(missing.chain(odd));
        }
        found
    }

    fn start(&self) -> Child {
        let args = ["--db", "x.db", "--config", "x.toml", "-q", "replay", "--alerts", "-"];
        let said = std::fs::File::create(self.room.path("said")).unwrap();
        self.room.command(&args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(said).spawn().unwrap()
    }

    /// Starts a process and kills it; answers when, and what it was at. Of one that was done before there is no phase.
    fn kill(&self, rng: &mut Rng, aim: Option<Phase>) -> (Duration, Option<Phase>) {
        let started = Instant::now();
        let mut child = self.start();
        let pid = Pid::from_child(&child);
        let mut pipe = child.stdin.take().unwrap();
        let fed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let fed = &fed;
            scope.spawn(move || self.pour(&mut pipe, READING, fed));
            let is_over = self.wait_for(&mut child, rng, aim);
            let mut phase = None;
            if !is_over {
                let reads = || fed.load(Ordering::SeqCst) < self.subject.capture.len().saturating_sub(PIPE);
                phase = self.stopped(pid, aim, &reads);
            }
            let at = started.elapsed();
            let _ = child.kill();
            let status = child.wait().unwrap();
            if status.signal() != Some(9) {
                self.expect_success(status);
                phase = None;
            }
            (at, phase)
        })
    }

    /// Lets the capture come in, at an even pace; counts what was handed over.
    fn pour(&self, pipe: &mut ChildStdin, within: Duration, fed: &AtomicUsize) {
        let (began, whole) = (Instant::now(), self.subject.capture.len());
        for part in self.subject.capture.chunks(8192) {
            // A process that was killed reads no more.
            if pipe.write_all(part).is_err() {
                return;
            }
            let done = fed.fetch_add(part.len(), Ordering::SeqCst) + part.len();
            let due = within.mul_f64(done as f64 / whole as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
    }

    /// Waits for a moment that is aimed at; answers whether the process was done before.
    fn wait_for(&self, child: &mut Child, rng: &mut Rng, aim: Option<Phase>) -> bool {
        let mut within = |whole: Duration| whole.mul_f64(rng.uniform());
        match aim {
            Some(Phase::Before) => std::thread::sleep(within(self.subject.opens_within)),
            Some(Phase::Reading) => std::thread::sleep(within(READING)),
            // Beyond the reading: the last commits hold the judgement.
            Some(Phase::Commit) => std::thread::sleep(within(READING.mul_f64(1.3))),
            Some(Phase::Delivery) => {
                let wanted = self.posts.taken.lock().unwrap().len() + 1 + rng.below(12) as usize;
                while self.posts.taken.lock().unwrap().len() < wanted {
                    if child.try_wait().unwrap().is_some() {
                        return true;
                    }
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            Some(Phase::Closing) | None => std::thread::sleep(within(READING * 2)),
        }
        child.try_wait().unwrap().is_some()
    }

    /// Stops a process where it is, so that it can be seen what it is at. Where a commit is wanted it goes on until it is at one.
    fn stopped(&self, pid: Pid, aim: Option<Phase>, reads: &dyn Fn() -> bool) -> Option<Phase> {
        let tries = if aim == Some(Phase::Commit) { 2000 } else { 1 };
        for nth in 1..=tries {
            kill_process(pid, Signal::STOP).ok()?;
            while !matches!(state(pid)?, 'T' | 'Z' | 'X') {
                std::thread::sleep(Duration::from_micros(50));
            }
            let is_committing = self.has_transaction(pid);
            if is_committing || nth == tries {
                return Some(match () {
                    () if !self.db().exists() => Phase::Before,
                    () if is_committing => Phase::Commit,
                    () if self.posts.open.load(Ordering::SeqCst) > 0 => Phase::Delivery,
                    () if reads() => Phase::Reading,
                    () => Phase::Closing,
                });
            }
            kill_process(pid, Signal::CONT).ok()?;
            std::thread::sleep(Duration::from_micros(500));
        }
        None
    }

    /// Whether it holds the lock of SQLite's one writer: octet 120 of the log's index (sqlite.org/walformat.html, section 2.3.1).
    fn has_transaction(&self, pid: Pid) -> bool {
        let pid = pid.as_raw_nonzero().to_string();
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|lock| {
            let fields: Vec<&str> = lock.split_whitespace().collect();
            // 1: POSIX ADVISORY WRITE 4711 fe:00:1234 120 120
            let [.., kind, holder, _, from, to] = &*fields else { return false };
            let covers = from.parse().is_ok_and(|from: u64| from <= 120)
                && to.parse().is_ok_and(|to: u64| (120..1000).contains(&to));
            *kind == "WRITE" && *holder == pid && covers
        })
    }

    fn expect_success(&self, status: ExitStatus) {
        let said = std::fs::read(self.room.path("said")).unwrap();
        assert!(status.success(), "it ended with {status}: {}", text(&said));
    }

    /// What must hold whatever happened, and what must hold at the end.
    fn check(&self, is_end: bool) {
        // A run that was killed as soon as it had made the file left an empty one, which is no database.
        if bellwether_store::check_existing(&self.db()).is_err() {
            assert!(!is_end, "there is no database");
            return;
        }
        let problems = Upkeep::open(&self.db()).unwrap().check().unwrap();
        assert!(problems.is_empty(), "the database is not sound: {problems:?}");

        // What was concluded is there as a whole or not at all.
        let judged = self.count("scores");
        let all = self.subject.expected.get("scores").map_or(judged, Vec::len);
        assert!(judged == 0 || judged == all, "{judged} of {all} calls are judged");

        let alerts = self.alerts();
        for alert in alerts.values() {
            self.names_what_is_there(alert);
        }
        let taken = self.posts.taken.lock().unwrap().clone();
        let mut ids: Vec<i64> = Vec::new();
        for post in &taken {
            let id = post["id"].as_i64().unwrap();
            let kept = alerts.get(&id).unwrap_or_else(|| panic!("{post} was sent, and is not kept"));
            for column in ["kind", "severity", "subject", "message"] {
                assert_eq!(post[column], kept[column], "{column} of alert {id} is not what was sent");
            }
            if !ids.contains(&id) {
                assert!(ids.last().is_none_or(|last| *last < id), "alert {id} came behind a later one");
                ids.push(id);
            }
        }
        // What counts as sent has arrived.
        let up_to: i64 = self
            .open()
            .query_row("SELECT coalesce(max(up_to), 0) FROM deliveries WHERE receiver = 'hook'", [], |r| {
                r.get(0)
            })
            .unwrap();
        let lost: Vec<_> = alerts.keys().filter(|id| **id <= up_to && !ids.contains(id)).collect();
        assert!(lost.is_empty(), "alerts {lost:?} count as sent, and never came");
        if is_end {
            assert!(alerts.keys().eq(&ids), "kept {:?}, taken {ids:?}", alerts.keys().collect::<Vec<_>>());
        }
    }

    /// The rows that an alert speaks of. Its call and its campaign are looked for by [`Upkeep::check`]; here, what its subject is.
    fn names_what_is_there(&self, alert: &Value) {
        let (kind, subject) = (alert["kind"].as_str().unwrap(), alert["subject"].as_str().unwrap());
        let sql = match kind {
            "campaign_found" => "SELECT count(*) FROM campaigns WHERE name = ?1",
            "block_list_changed" => {
                "SELECT count(*) FROM standings WHERE instr(?1, name) > 0
                     AND (layer <> 'fingerprint' OR name IN (SELECT fingerprint FROM fingerprints))"
            }
            "device_unauthorised" | "device_shared" => "SELECT count(*) FROM registrations WHERE aor = ?1",
            "call_quarantined" | "passport_replay" | "portal_from_trunk" => {
                "SELECT count(*) FROM calls WHERE ?1 IN ('sip:' || caller || '@' || coalesce(caller_host, ''), caller)"
            }
            // An address that attacks, and a system beside this one, have no rows.
            "registration_attack" | "provisioning_failed" => return,
            other => panic!("{other} is not known here"),
        };
        let count: i64 = self.open().query_row(sql, [subject], |r| r.get(0)).unwrap();
        assert!(count > 0, "{alert} names what is not there");
    }

    fn db(&self) -> std::path::PathBuf {
        self.room.path("x.db")
    }

    fn count(&self, table: &str) -> usize {
        let count: i64 =
            self.open().query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap();
        usize::try_from(count).unwrap()
    }

    fn open(&self) -> Connection {
        read_only(&self.db())
    }

    /// Alerts by their numbers.
    fn alerts(&self) -> BTreeMap<i64, Value> {
        if bellwether_store::check_existing(&self.db()).is_err() {
            return BTreeMap::new();
        }
        let db = self.open();
        let mut select = db.prepare("SELECT id, kind, severity, subject, message FROM alerts").unwrap();
        let rows = select.query_map([], |r| {
            let text = |i: usize| r.get::<_, String>(i);
            let alert = serde_json::json!({
                "kind": text(1)?, "severity": text(2)?, "subject": text(3)?, "message": text(4)?,
            });
            Ok((r.get(0)?, alert))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// The rows of tables as text. Numbers of rows go by the order of commits, which is the machine's, and stay out.
    fn tables(&self) -> BTreeMap<&'static str, Vec<String>> {
        let db = self.open();
        let is_told = |name: &str| name != "id";
        let rows = |table: &str| {
            let mut select = match table {
                "scores" => {
                    db.prepare("SELECT c.call, s.* FROM scores AS s JOIN calls AS c ON c.id = s.id").unwrap()
                }
                "outcomes" => db
                    .prepare("SELECT c.call, s.* FROM outcomes AS s JOIN calls AS c ON c.id = s.id")
                    .unwrap(),
                _ => db.prepare(&format!("SELECT * FROM {table}")).unwrap(),
            };
            let names: Vec<String> = select.column_names().map(ToString::to_string).collect();
            let row = |r: &rusqlite::Row<'_>| {
                let mut shown = String::new();
                for (i, name) in names.iter().enumerate().filter(|(_, name)| is_told(name)) {
                    shown.push_str(&format!("{name}={} ", value(r.get_ref(i)?)));
                }
                Ok(shown)
            };
            let mut rows: Vec<String> = select.query_map([], row).unwrap().map(Result::unwrap).collect();
            rows.sort();
            rows
        };
        TABLES.into_iter().map(|table| (table, rows(table))).collect()
    }
}

fn value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".to_owned(),
        ValueRef::Integer(n) => n.to_string(),
        ValueRef::Real(n) => n.to_string(),
        ValueRef::Text(octets) => text(octets),
        ValueRef::Blob(octets) => octets.iter().map(|octet| format!("{octet:02x}")).collect(),
    }
}

fn read_only(path: &Path) -> Connection {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    db
}

/// A process's state as proc(5) has it.
fn state(pid: Pid) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// Lives until there were so many kills, and answers how many hit each phase.
fn kills_of(subjects: &[Subject], hook: &Hook, wanted: u64) -> BTreeMap<Phase, usize> {
    let only = number("BELLWETHER_KILL_LIFE");
    let next = AtomicU64::new(only.unwrap_or(0));
    let kills = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    // Each aim has its turn with each capture.
                    let has_had_all = number as usize >= subjects.len() * AIMS.len();
                    if has_had_all && kills.lock().unwrap().len() as u64 >= wanted {
                        return;
                    }
                    if only.is_some_and(|only| only != number) {
                        return;
                    }
                    let subject = &subjects[number as usize % subjects.len()];
                    let name = format!("life-{number}");
                    eprintln!("{name}: {}; BELLWETHER_KILL_LIFE={number} lives it again", subject.name);
                    let life = Life::begin(subject, hook, name);
                    let aim = AIMS[(number as usize / subjects.len()) % AIMS.len()];
                    life.live(Rng::new(number), aim, &kills);
                }
            });
        }
    });
    let mut phases = BTreeMap::new();
    for kill in kills.into_inner().unwrap() {
        *phases.entry(kill.phase).or_insert(0) += 1;
    }
    phases
}

#[test]
fn a_run_that_is_killed_at_any_moment_loses_nothing_and_is_resumed() {
    let hook = Hook::new();
    let subjects = [Subject::real(&hook), Subject::world(&hook)];
    let wanted = number("BELLWETHER_KILLS").unwrap_or(KILLS);
    let phases = kills_of(&subjects, &hook, wanted);
    eprintln!("kills by phase: {phases:?}");
    if number("BELLWETHER_KILL_LIFE").is_none() {
        for phase in [Phase::Before, Phase::Reading, Phase::Commit, Phase::Delivery] {
            assert!(phases.contains_key(&phase), "no kill fell into {phase:?}: {phases:?}");
        }
    }
}

/// A limit on a service's threads, as a service manager sets it, must not end the process by a signal.
#[test]
fn where_couriers_get_no_thread_the_run_fails_in_words() {
    let room = Room::new();
    room.write("x.toml", b"[[alerts.receivers]]\nname = \"hook\"\ntarget = \"http://127.0.0.1:9/\"\n");
    let capture = project().join("pcaps/lab-register.pcap");
    let args = ["--db", "x.db", "--config", "x.toml", "replay", "--alerts", capture.to_str().unwrap()];
    // No stack is as large as that.
    let output = room.command(&args).env("RUST_MIN_STACK", "1152921504606846976").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}: {said}", output.status);
    assert!(said.contains("cannot start a thread"), "{said}");
}
