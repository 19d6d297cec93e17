//! A sensor on the loopback interface, killed again and again while calls go by: each start goes on with the same database.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bellwether_testkit::Rng;

use super::common::{Room, Running};
use super::hook::{Hook, Posts};
use super::kept::Kept;
use super::number;
use super::traffic::{Traffic, call_of};
use super::victim::{Phase, Tally, Victim};

/// Kills without `BELLWETHER_KILLS`.
const KILLS: u64 = 10;

/// Kills of sensors with one database.
const OF_A_LIFE: u64 = 9;

/// Starts for one kill.
const TRIES: usize = 40;

/// Lives at a time, and the networks of the loopback interface that they take turns with.
const LANES: usize = 2;
const FIRST_NETWORK: u8 = 40;
const NETWORKS: u64 = 200;

/// Updates of calls are committed once a second, and judged then.
const A_WHILE: Duration = Duration::from_millis(1200);

/// An orderly end takes longer than this, as a rule.
const CLOSING: Duration = Duration::from_millis(10);

/// The time limit of each wait for an expected event.
const LIMIT: Duration = Duration::from_secs(120);

struct Life<'a> {
    name: String,
    room: Room,
    posts: Posts,
    kept: Kept,
    traffic: &'a Traffic,
    /// From the start of a process to its database.
    opens_within: Duration,
    rng: Rng,
    /// Calls that a sensor received completely, up to a call with a stored end.
    settled: BTreeSet<usize>,
}

/// Ends the traffic, also where a check fails.
struct Ends<'a>(&'a Traffic);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<'a> Life<'a> {
    fn new(name: String, hook: &Hook, traffic: &'a Traffic, rng: Rng) -> Self {
        let room = Room::new();
        room.write("x.toml", (traffic.site() + &hook.configuration(&name)).as_bytes());
        // The sensor makes its own key, which a kill may hit as well.
        std::fs::remove_file(room.path("bellwether.key")).unwrap();
        let (posts, kept) = (hook.of(&name), Kept { path: room.path("x.db") });
        Self { name, room, posts, kept, traffic, opens_within: Duration::ZERO, rng, settled: BTreeSet::new() }
    }

    fn start(&self) -> Victim {
        let said = std::fs::File::create(self.room.path("said")).unwrap();
        let filter = self.traffic.filter();
        let args = [
            "--db",
            "x.db",
            "--config",
            "x.toml",
            "--workers",
            "1",
            "sense",
            "-i",
            "lo",
            "--filter",
            &filter,
        ];
        let mut command = self.room.command(&args);
        command.stdout(Stdio::null()).stderr(said).env_remove("NOTIFY_SOCKET");
        Victim::new(Running::start(&mut command))
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.room.path("said")).unwrap()
    }

    /// Waits until it is so; the sensor must not end before.
    fn until(&self, victim: &mut Victim, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            let is_good = !victim.is_over() && began.elapsed() < LIMIT;
            assert!(is_good, "{}: {what}: it never came to that: {}", self.name, self.said());
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// The time from start to database. `None` without the right to capture.
    fn opens_within(&self) -> Option<Duration> {
        let (mut victim, began) = (self.start(), Instant::now());
        while !self.kept.path.exists() && !victim.is_over() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let taken = began.elapsed();
        if victim.is_over() {
            let (status, said) = (victim.wait(), self.said());
            assert!(status.code() == Some(1) && said.contains("CAP_NET_RAW"), "{status}: {said}");
            return None;
        }
        self.until(&mut victim, "listening", || self.said().contains("listening on"));
        victim.terminate();
        assert!(victim.wait().success(), "{}", self.said());
        Some(taken)
    }

    /// The stored calls, each with true if its row has an end.
    fn calls(&self) -> BTreeMap<usize, bool> {
        if !self.kept.is_there() {
            return BTreeMap::new();
        }
        let db = self.kept.open();
        let sql = "SELECT call_id, ended_at IS NOT NULL FROM calls LEFT JOIN outcomes USING (id)";
        let mut select = db.prepare(sql).unwrap();
        let mut rows = select.query([]).unwrap();
        let mut calls = BTreeMap::new();
        while let Some(row) = rows.next().unwrap() {
            let call = call_of(&row.get::<_, String>(0).unwrap());
            let other = calls.insert(call, row.get(1).unwrap());
            assert!(other.is_none(), "{}: call {call} is there twice", self.name);
        }
        calls
    }

    /// True if a call from `first` on has a row. The query is cheap, because it runs again and again.
    fn has_call_from(&self, first: usize) -> bool {
        let sql = "SELECT call_id FROM calls ORDER BY id DESC LIMIT 1";
        let last = self.kept.open().query_row(sql, [], |r| r.get::<_, String>(0));
        last.is_ok_and(|id| call_of(&id) >= first)
    }

    /// A listening sensor that has committed a row of a complete call, and the number of the first complete call.
    fn at_work(&self) -> (Victim, usize) {
        let mut victim = self.start();
        self.until(&mut victim, "listening", || self.said().contains("listening on"));
        let first = self.traffic.begun();
        self.until(&mut victim, "a first row", || self.has_call_from(first));
        (victim, first)
    }

    /// Kills processes until a kill hits a running process without a database. An existing database is deleted before the
    /// next start.
    fn kill_before_the_database(&mut self, tally: &Tally) {
        for _ in 0..TRIES {
            let moment = self.opens_within.mul_f64(self.rng.uniform());
            let victim = self.start();
            std::thread::sleep(moment);
            let phase = victim.stop_at(
                || 0,
                |victim, _| match self.kept.path.exists() {
                    true => Some(Phase::Reading),
                    false => victim.has_begun().then_some(Phase::Before),
                },
            );
            assert!(victim.kill().is_none(), "it ended: {}", self.said());
            self.check_modes();
            if phase == Some(Phase::Before) {
                tally.count(Phase::Before);
                return;
            }
            tally.miss();
            for file in self.files() {
                std::fs::remove_file(file).unwrap();
            }
        }
        panic!("{}: there was a database each time", self.name);
    }

    /// Kills until one hit the phase that is aimed at.
    fn kill_at(&mut self, aim: Phase, tally: &Tally) {
        for _ in 0..TRIES {
            self.posts.answer_after(20 + self.rng.below(60));
            let (victim, first) = self.at_work();
            std::thread::sleep(A_WHILE.mul_f64(self.rng.uniform()));
            let seen = self.calls();
            if aim == Phase::Closing {
                victim.terminate();
                std::thread::sleep(CLOSING.mul_f64(self.rng.uniform()));
            }
            let log = self.room.path("x.db-wal");
            let phase_of = |victim: &Victim, works: bool| {
                let phase = match () {
                    // An orderly end takes the log away.
                    () if aim == Phase::Closing => (works && log.exists()).then_some(Phase::Closing),
                    () if victim.has_transaction() => Some(Phase::Commit),
                    () if self.posts.is_one_open() => Some(Phase::Delivery),
                    () => works.then_some(Phase::Reading),
                };
                phase.filter(|phase| *phase == aim)
            };
            let phase = victim.stop_at(|| 0, phase_of);
            let (sent, other) = (self.traffic.begun(), victim.kill());
            if let Some(status) = other {
                assert!(aim == Phase::Closing && status.success(), "{status}: {}", self.said());
            }
            self.check(&seen, first);
            match phase.filter(|_| other.is_none()) {
                Some(phase) => {
                    eprintln!("{}: {phase:?} after {} calls", self.name, sent - first);
                    tally.count(phase);
                    return;
                }
                None => tally.miss(),
            }
        }
        panic!("{}: no kill hit {aim:?}", self.name);
    }

    /// Checks the invariants after a kill. The sensor received all calls from `first` on, and had committed those in `seen`.
    fn check(&mut self, seen: &BTreeMap<usize, bool>, first: usize) {
        self.kept.check(&self.posts, false);
        self.check_modes();
        let calls = self.calls();
        for (call, ended) in seen {
            let now = calls.get(call);
            assert!(now.is_some_and(|now| now >= ended), "{}: call {call} was kept: {now:?}", self.name);
        }
        // Rows follow the order of traffic, so no end is missing before a stored end.
        let last = calls.range(first..).filter(|(_, ended)| **ended).map(|(call, _)| *call).next_back();
        let whole = last.map(|last| first..=last).into_iter().flatten();
        let missing: Vec<_> = whole.clone().filter(|call| calls.get(call) != Some(&true)).collect();
        assert!(missing.is_empty(), "{}: of {first} to {last:?} calls {missing:?} are missing", self.name);
        self.settled.extend(whole);
        let lost: Vec<_> = self.settled.iter().filter(|call| calls.get(call) != Some(&true)).collect();
        assert!(lost.is_empty(), "{}: calls {lost:?} were there before", self.name);
    }

    /// Files that the program has made.
    fn files(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.room.path(".")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| !path.ends_with("x.toml") && !path.ends_with("said")).collect()
    }

    fn check_modes(&self) {
        for file in self.files() {
            let meta = std::fs::metadata(&file).unwrap();
            // The socket of `serve` is for the group, too.
            let expected = if meta.file_type().is_socket() { 0o660 } else { 0o600 };
            assert_eq!(meta.permissions().mode() & 0o777, expected, "{}", file.display());
        }
    }

    /// The last sensor, which is left alone: all that it heard is there, and all alerts have arrived.
    fn end(&mut self) {
        self.posts.answer_after(0);
        let (mut victim, first) = self.at_work();
        std::thread::sleep(A_WHILE);
        self.traffic.stop();
        let all_ended = || {
            let (calls, sent) = (self.calls(), self.traffic.begun());
            sent > first && (first..sent).all(|call| calls.get(&call) == Some(&true))
        };
        self.until(&mut victim, "all calls", all_ended);
        let sensitive = self.settled.iter().filter(|call| Traffic::is_sensitive(**call)).count();
        let taken = || {
            let ids: BTreeSet<_> = self.posts.taken().iter().map(|post| post["id"].as_i64()).collect();
            ids.len() >= sensitive && ids.len() == self.kept.alerts().len()
        };
        self.until(&mut victim, "all alerts", taken);
        victim.terminate();
        assert!(victim.wait().success(), "{}", self.said());
        assert!(!self.room.path("x.db-wal").exists(), "the end was not in order");
        self.check(&BTreeMap::new(), first);
        self.kept.check(&self.posts, true);
        self.room.expect(0, &["--db", "x.db", "db", "check"]);
        self.check_alerts();
    }

    /// Each settled sensitive call has exactly one alert, and other calls have none.
    fn check_alerts(&self) {
        let db = self.kept.open();
        let sql =
            "SELECT call_id, count(alerts.id) FROM calls LEFT JOIN alerts USING (call) GROUP BY calls.id";
        let mut select = db.prepare(sql).unwrap();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (call, alerts) = (call_of(&row.get::<_, String>(0).unwrap()), row.get::<_, i64>(1).unwrap());
            let expected = i64::from(Traffic::is_sensitive(call));
            let is_good = if self.settled.contains(&call) { alerts == expected } else { alerts <= expected };
            assert!(is_good, "{}: {alerts} alerts of call {call}", self.name);
        }
    }
}

/// One database, with some sensors killed, and a last one that ends.
fn live(number: u64, opens_within: Duration, hook: &Hook, tally: &Tally, wanted: u64) {
    let traffic = Traffic::new(FIRST_NETWORK + u8::try_from(number % NETWORKS).unwrap());
    let mut life = Life::new(format!("sensor-{number}"), hook, &traffic, Rng::new(number));
    life.opens_within = opens_within;
    let mut kills = 1;
    std::thread::scope(|scope| {
        scope.spawn(|| traffic.run());
        let _ends = Ends(&traffic);
        life.kill_before_the_database(tally);
        while kills < OF_A_LIFE && tally.sum() < wanted {
            let aim = tally.rarest(&Phase::ALL[1..]);
            life.kill_at(aim, tally);
            kills += 1;
        }
        life.end();
    });
    eprintln!("sensor-{number}: {kills} kills, {} calls settled", life.settled.len());
}

#[test]
fn a_sensor_that_is_killed_at_work_loses_nothing_that_it_had_settled() {
    let hook = Hook::new();
    let idle = Traffic::new(FIRST_NETWORK - 1);
    let Some(opens_within) = Life::new("idle".to_owned(), &hook, &idle, Rng::new(0)).opens_within() else {
        eprintln!("no right to capture here: no sensor was killed");
        return;
    };
    let (tally, next) = (Tally::default(), AtomicU64::new(0));
    let wanted = number("BELLWETHER_KILLS").unwrap_or(KILLS);
    let lane = || {
        while tally.sum() < wanted {
            live(next.fetch_add(1, Ordering::SeqCst), opens_within, &hook, &tally, wanted);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
    eprintln!("sense: {tally}");
    tally.expect_all();
}
