//! A replay with scoring and delivery, killed at any moment. The resumed replay gives the results of an undisturbed run.
//!
//! A life is one database: some replays into it are killed, each at a moment that follows from the life's number, and a last one is left
//! alone. `BELLWETHER_KILL_LIFE` repeats one life.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bellwether_testkit::{Rng, WORLD_CONFIG, World, WorldKind, WorldMedia, WorldOptions};
use rustix::io::ioctl_fionread;

use super::common::{Room, Running, project, text};
use super::hook::{Hook, Posts};
use super::kept::Kept;
use super::number;
use super::victim::{Phase, Tally, Victim};

/// The duration of the input. Commits follow time, and a file would be read completely between two commits.
const READING: Duration = Duration::from_millis(1500);

/// After this number of octets the process has read packets: a whole block of Zstandard (128 KiB at most), or some hundred
/// records.
const BEGUN: usize = 1 << 18;

/// Kills without `BELLWETHER_KILLS`.
const KILLS: u64 = 14;

/// Starts for one kill, after which the life goes on without it.
const TRIES: usize = 8;

/// Lives at a time: most of each is waiting.
const LANES: usize = 2;

/// A capture, the site's configuration, and the results of an undisturbed run.
struct Subject {
    name: &'static str,
    capture: Vec<u8>,
    site: String,
    expected: BTreeMap<&'static str, Vec<String>>,
    /// From the start of a process to its database.
    opens_within: Duration,
}

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
        assert!(self.capture.len() > 4 * BEGUN, "{} is too small to be killed within", self.name);
        let life = Life::begin(&self, hook, format!("undisturbed-{}", self.name.replace(' ', "-")));
        let started = Instant::now();
        let mut child = life.start();
        let feed = Feed::new(&mut child);
        let opens_within = std::thread::scope(|scope| {
            scope.spawn(|| feed.pour(&self.capture, Duration::ZERO));
            while !life.kept.path.exists() {
                std::thread::sleep(Duration::from_micros(200));
            }
            started.elapsed()
        });
        life.expect_success(child.wait().unwrap());
        life.check(true);
        let (expected, alerts) = (life.kept.tables(), life.kept.alerts().len());
        assert!(expected["calls"].len() > 100 && alerts > 5, "{}: {alerts} alerts", self.name);
        Self { expected, opens_within, ..self }
    }
}

/// A capture on its way into a process's standard input.
struct Feed {
    /// Access to the pipe that does not hold the pipe open.
    pipe: Weak<ChildStdin>,
    /// The pipe's own end, until it is poured into.
    own: std::sync::Mutex<Option<Arc<ChildStdin>>>,
    fed: AtomicUsize,
    is_over: AtomicBool,
}

impl Feed {
    fn new(child: &mut Child) -> Self {
        let own = Arc::new(child.stdin.take().unwrap());
        let pipe = Arc::downgrade(&own);
        let own = std::sync::Mutex::new(Some(own));
        Self { pipe, own, fed: AtomicUsize::new(0), is_over: AtomicBool::new(false) }
    }

    /// Lets the capture come in, at an even pace, and closes the pipe when all of it was taken.
    fn pour(&self, capture: &[u8], within: Duration) {
        let pipe = self.own.lock().unwrap().take().unwrap();
        let began = Instant::now();
        for part in capture.chunks(8192) {
            // A process that was killed reads no more.
            if (&*pipe).write_all(part).is_err() {
                return;
            }
            let done = self.fed.fetch_add(part.len(), Ordering::SeqCst) + part.len();
            let due = within.mul_f64(done as f64 / capture.len() as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        while !self.is_over.load(Ordering::SeqCst) && ioctl_fionread(&*pipe).is_ok_and(|left| left > 0) {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Octets that the process has read: written octets without those in the pipe.
    fn taken(&self) -> usize {
        // The order matters: octets written between the two reads count as not taken.
        let fed = self.fed.load(Ordering::SeqCst);
        let left = self.pipe.upgrade().map_or(0, |pipe| ioctl_fionread(&*pipe).unwrap_or(0));
        fed.saturating_sub(usize::try_from(left).unwrap())
    }

    fn is_through(&self) -> bool {
        self.pipe.upgrade().is_none()
    }
}

/// Phases that moments are chosen for; the rest is any moment.
const AIMS: [Option<Phase>; 6] = [
    Some(Phase::Before),
    Some(Phase::Commit),
    Some(Phase::Delivery),
    Some(Phase::Reading),
    Some(Phase::Closing),
    None,
];

struct Life<'a> {
    subject: &'a Subject,
    name: String,
    room: Room,
    posts: Posts,
    kept: Kept,
}

impl<'a> Life<'a> {
    fn begin(subject: &'a Subject, hook: &Hook, name: String) -> Self {
        let room = Room::new();
        room.write("x.toml", (subject.site.clone() + &hook.configuration(&name)).as_bytes());
        let (posts, kept) = (hook.of(&name), Kept { path: room.path("x.db") });
        Self { subject, name, room, posts, kept }
    }

    /// Kills some, and lets the last live.
    fn live(&self, mut rng: Rng, first_aim: Option<Phase>, tally: &Tally) {
        'kills: for nth in 0..1 + rng.below(3) {
            // Before a database there is only at the first start.
            let aim = if nth == 0 { first_aim } else { AIMS[1 + rng.below(AIMS.len() as u64 - 1) as usize] };
            for _ in 0..TRIES {
                self.posts.answer_after(20 + rng.below(60));
                let (at, phase) = self.kill(&mut rng, aim);
                self.check(false);
                let is_hit = |phase: &Phase| {
                    (aim != Some(Phase::Before) || *phase == Phase::Before) && !self.is_complete()
                };
                let Some(phase) = phase.filter(is_hit) else {
                    eprintln!("{}: missed {aim:?} at {at:?}", self.name);
                    tally.miss();
                    if aim == Some(Phase::Before) {
                        self.begin_again();
                    } else if self.is_complete() {
                        // No later kill of this life could hit a program with something to do.
                        break 'kills;
                    }
                    continue;
                };
                let (kept, taken) = (self.kept.alerts().len(), self.posts.count());
                eprintln!("{}: {phase:?} at {at:?} with {kept} alerts kept and {taken} taken", self.name);
                tally.count(phase);
                break;
            }
        }
        self.posts.answer_after(0);
        let mut child = self.start();
        Feed::new(&mut child).pour(&self.subject.capture, Duration::ZERO);
        self.expect_success(child.wait().unwrap());
        self.check(true);
        let differences = self.differences();
        assert!(differences.is_empty(), "unlike an undisturbed run:\n{}", differences.join("\n"));
    }

    /// Takes away a database that was made too early.
    fn begin_again(&self) {
        assert_eq!(self.posts.count(), 0, "alerts were sent of a capture that was hardly read");
        for name in ["x.db", "x.db-wal", "x.db-shm", "x.db-journal"] {
            if self.room.path(name).exists() {
                std::fs::remove_file(self.room.path(name)).unwrap();
            }
        }
    }

    /// True if no work is left. A kill then equals a normal end.
    fn is_complete(&self) -> bool {
        self.kept.is_there() && self.differences().is_empty() && self.kept.alerts().len() <= self.posted()
    }

    /// Different alerts that were taken.
    fn posted(&self) -> usize {
        let ids = self.posts.taken().iter().map(|post| post["id"].as_i64()).collect::<BTreeSet<_>>();
        ids.len()
    }

    /// Rows that an undisturbed run has and this life has not (-), and the other way round (+): a few of each table.
    fn differences(&self) -> Vec<String> {
        let tables = self.kept.tables();
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

    fn start(&self) -> Running {
        let args = ["--db", "x.db", "--config", "x.toml", "-q", "replay", "--alerts", "-"];
        let said = std::fs::File::create(self.room.path("said")).unwrap();
        Running::start(self.room.command(&args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(said))
    }

    /// Starts a process and kills it. Returns the time and the phase of the kill; `None` if the process was not at work.
    fn kill(&self, rng: &mut Rng, aim: Option<Phase>) -> (Duration, Option<Phase>) {
        let started = Instant::now();
        let mut child = self.start();
        let feed = Feed::new(&mut child);
        let mut victim = Victim::new(child);
        std::thread::scope(|scope| {
            scope.spawn(|| feed.pour(&self.subject.capture, READING));
            let mut phase = None;
            if self.wait_for(&mut victim, &feed, rng, aim) {
                phase =
                    victim.stop_at(|| feed.taken(), |victim, works| self.phase(victim, &feed, aim, works));
            }
            let at = started.elapsed();
            // The kill comes before the wait, because the writer of the pipe would wait for the reader.
            let other = victim.kill();
            feed.is_over.store(true, Ordering::SeqCst);
            if let Some(status) = other {
                self.expect_success(status);
                phase = None;
            }
            (at, phase)
        })
    }

    /// The phase of a stopped process at work. `None` if the process must continue.
    fn phase(&self, victim: &Victim, feed: &Feed, aim: Option<Phase>, works: bool) -> Option<Phase> {
        let (is_open, is_through) = (self.posts.is_one_open(), feed.is_through());
        let phase = match () {
            () if !self.kept.path.exists() => victim.has_begun().then_some(Phase::Before),
            // Too late for the chosen phase.
            () if aim == Some(Phase::Before) => Some(Phase::Reading),
            () if feed.taken() < BEGUN => None,
            () if victim.has_transaction() => Some(Phase::Commit),
            () if is_open => Some(Phase::Delivery),
            () if is_through => works.then_some(Phase::Closing),
            () => works.then_some(Phase::Reading),
        };
        phase.filter(|phase| aim != Some(Phase::Commit) || *phase == Phase::Commit)
    }

    /// Waits for the chosen moment. Returns true if the process still runs.
    fn wait_for(&self, victim: &mut Victim, feed: &Feed, rng: &mut Rng, aim: Option<Phase>) -> bool {
        let until = |victim: &mut Victim, is_there: &dyn Fn() -> bool| {
            while !is_there() && !victim.is_over() {
                std::thread::sleep(Duration::from_micros(200));
            }
        };
        let within = |whole: Duration, rng: &mut Rng| std::thread::sleep(whole.mul_f64(rng.uniform()));
        if aim == Some(Phase::Before) {
            within(self.subject.opens_within, rng);
            return !victim.is_over();
        }
        until(victim, &|| feed.taken() >= BEGUN);
        match aim {
            Some(Phase::Reading) => within(READING.mul_f64(0.8), rng),
            // Beyond the reading: the last commits hold the judgement.
            Some(Phase::Commit) => within(READING.mul_f64(1.1), rng),
            Some(Phase::Delivery) => {
                let wanted = self.posts.count() + 1 + rng.below(12) as usize;
                until(victim, &|| self.posts.count() >= wanted);
            }
            Some(Phase::Closing) => {
                until(victim, &|| feed.is_through());
                within(READING.mul_f64(0.01), rng);
            }
            Some(Phase::Before) | None => within(READING.mul_f64(1.3), rng),
        }
        !victim.is_over()
    }

    fn expect_success(&self, status: ExitStatus) {
        let said = std::fs::read(self.room.path("said")).unwrap();
        assert!(status.success(), "it ended with {status}: {}", text(&said));
    }

    /// Checks the invariants, and at the end the final state.
    fn check(&self, is_end: bool) {
        if !self.kept.is_there() {
            assert!(!is_end, "there is no database");
            return;
        }
        // Conclusions are stored completely or not at all.
        let judged = usize::try_from(self.kept.number("SELECT count(*) FROM scores")).unwrap();
        let all = self.subject.expected.get("scores").map_or(judged, Vec::len);
        assert!(judged == 0 || judged == all, "{judged} of {all} calls are judged");
        self.kept.check(&self.posts, is_end);
    }
}

/// Repeats until the number of kills is reached.
fn kill(subjects: &[Subject], hook: &Hook, wanted: u64, tally: &Tally) {
    let only = number("BELLWETHER_KILL_LIFE");
    let next = AtomicU64::new(only.unwrap_or(0));
    let lane = || {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            // Each aim has its turn with each capture.
            let has_had_all = number as usize >= subjects.len() * AIMS.len();
            if (has_had_all && tally.sum() >= wanted) || only.is_some_and(|only| only != number) {
                return;
            }
            let subject = &subjects[number as usize % subjects.len()];
            let name = format!("life-{number}");
            eprintln!("{name}: {}; BELLWETHER_KILL_LIFE={number} lives it again", subject.name);
            let life = Life::begin(subject, hook, name);
            let aim = AIMS[(number as usize / subjects.len()) % AIMS.len()];
            life.live(Rng::new(number), aim, tally);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
}

#[test]
fn a_replay_that_is_killed_at_work_loses_nothing_and_is_resumed() {
    let hook = Hook::new();
    let subjects = [Subject::real(&hook), Subject::world(&hook)];
    let tally = Tally::default();
    kill(&subjects, &hook, number("BELLWETHER_KILLS").unwrap_or(KILLS), &tally);
    eprintln!("replay: {tally}");
    if number("BELLWETHER_KILL_LIFE").is_none() {
        tally.expect_all();
    }
}

/// A limit on a service's threads, as a service manager sets it, must not end the process by a signal.
#[test]
fn a_run_whose_deliveries_get_no_thread_fails_in_one_sentence() {
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
