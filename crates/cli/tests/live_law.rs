//! A live run is as complete as a replay: traffic over a pair of interfaces in a separate network goes to a sensor and to a capture, and
//! the recording's rows are the sensor's.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_types,
    reason = "a test fails by panicking and says why on standard error; what it waits for is bounded by the clock"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{ALL_REPORTS, Room, Running, project};
use serde_json::{Map, Value};

/// Captures that begin at once, and how much of them is sent.
const CAPTURES: [&str; 5] = ["calls-mixed", "tcp", "scan", "fragments", "register"];
const SECONDS: &str = "14";

/// The time before the stop at which the test reads rows.
const BEFORE: Duration = Duration::from_secs(10);

/// A network namespace with a pair of interfaces, gone with it: what goes into `src0` comes out of `cap0`.
struct Network(String);

impl Network {
    /// None without the right, or the programs, to make one and to send into it.
    fn new(name: &str) -> Option<Self> {
        let is_there = |program: &str, args: &[&str]| {
            let status =
                Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        let name = format!("bw{name}{}", std::process::id());
        if !is_there("python3", &["-c", ""]) || !is_there("ip", &["netns", "add", &name]) {
            eprintln!("skipped: no right to make a network namespace here, or no python3");
            return None;
        }
        let network = Self(name);
        let _ = network.command("sysctl", &["-qw", "net.ipv6.conf.default.disable_ipv6=1"]).status();
        for line in ["link add cap0 type veth peer name src0", "link set cap0 up", "link set src0 up"] {
            let args: Vec<&str> = line.split(' ').collect();
            assert!(network.command("ip", &args).status().unwrap().success(), "{line}");
        }
        Some(network)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0, program]).args(args).stdin(Stdio::null());
        command
    }

    fn script(&self, name: &str, args: &[&str]) -> Command {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_law").join(name);
        let mut command = self.command("python3", &[path.to_str().unwrap()]);
        command.args(args);
        command
    }

    /// A sensor in the network, with the path of its log.
    fn sensor(&self, room: &Room, db: &str) -> (Running, PathBuf) {
        let program = room.command(&[]).get_program().to_owned();
        let log = room.path(&format!("{db}.log"));
        let mut command =
            self.command(program.to_str().unwrap(), &["--db", db, "--format", "json", "sense", "-i", "cap0"]);
        command.current_dir(room.path(".")).stdout(std::fs::File::create(room.path("closing")).unwrap());
        command.stderr(std::fs::File::create(&log).unwrap());
        (Running::start(&mut command), log)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// Waits for something that is bound to happen.
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn listens(log: &Path) -> bool {
    std::fs::read_to_string(log).is_ok_and(|said| said.contains("listening on"))
}

fn terminate(mut child: Running) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn rows(room: &Room, db: &str) -> Vec<(&'static str, Vec<Value>)> {
    ALL_REPORTS.iter().map(|what| (*what, room.rows(db, what))).collect()
}

/// A row without values that need the end of the input, and without the origin of the timestamps.
fn without(row: &Value, columns: &[&str]) -> Value {
    let kept = row.as_object().unwrap().iter().filter(|(name, _)| !columns.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// Values that become final only at the stop or a time-out: noise, verdicts, and unanswered challenges.
const NEEDS_THE_STOP: [(&str, &[&str]); 5] = [
    ("summary", &["stamps", "campaigns", "alerts", "scores"]),
    (
        "calls",
        &["stage", "score", "disposition", "signals", "campaign", "final_status", "ended_at", "duration_s"],
    ),
    ("registrations", &[]),
    (
        "streams",
        &[
            "silence",
            "pauses",
            "class",
            "class_set",
            "class_mode",
            "class_confidence",
            "class_reason",
            "recording",
            "sound",
            "heard_s",
            "playback",
        ],
    ),
    ("devices", &[]),
];

/// A program that writes all traffic to a capture.
struct Recording(Running);

impl Recording {
    fn end(mut self, room: &Room) -> PathBuf {
        std::fs::write(room.path("stop"), "").unwrap();
        assert!(self.0.wait().unwrap().success());
        room.path("heard.pcap")
    }
}

/// A sensor and a recording of the same interface.
fn listen(network: &Network, room: &Room) -> (Running, Recording) {
    let (capture, stop) = (room.path("heard.pcap"), room.path("stop"));
    let args = ["cap0", capture.to_str().unwrap(), stop.to_str().unwrap()];
    let recording = Running::start(&mut network.script("record.py", &args));
    let (sensor, log) = network.sensor(room, "live.db");
    wait_until("both listen", || capture.exists() && listens(&log));
    (sensor, Recording(recording))
}

fn send(network: &Network) -> Running {
    let captures = CAPTURES.map(|name| project().join(format!("pcaps/lab-{name}.pcap")));
    let mut args = vec!["src0", SECONDS];
    args.extend(captures.iter().map(|path| path.to_str().unwrap()));
    Running::start(&mut network.script("send.py", &args))
}

/// Asserts that a replay gives the rows of the live run, and returns these. Only the origin of the timestamps differs.
fn assert_as_replayed(room: &Room, capture: &Path) -> Vec<(&'static str, Vec<Value>)> {
    let live = rows(room, "live.db");
    room.replay("replay.db", "2", &[capture]);
    for ((what, live), (_, replayed)) in live.iter().zip(rows(room, "replay.db")) {
        assert_eq!(live.len(), replayed.len(), "{what}");
        for (live, replayed) in live.iter().zip(&replayed) {
            assert_eq!(without(live, &["stamps"]), without(replayed, &["stamps"]), "{what}");
        }
    }
    live
}

/// The first records of a capture.
fn cut(capture: &Path, records: usize) {
    let octets = std::fs::read(capture).unwrap();
    let mut end = 24;
    for _ in 0..records {
        let length: [u8; 4] = octets[end + 8..end + 12].try_into().unwrap();
        end += 16 + u32::from_le_bytes(length) as usize;
    }
    std::fs::write(capture, &octets[..end]).unwrap();
}

#[test]
fn a_live_run_that_is_stopped_amid_packets_gives_the_rows_of_those_that_it_took() {
    let Some(network) = Network::new("amid") else { return };
    let room = Room::new();
    let (sensor, recording) = listen(&network, &room);
    let mut sending = send(&network);
    wait_until("packets are taken", || room.rows("live.db", "summary")[0]["packets"].as_u64() > Some(500));
    terminate(sensor);
    assert!(sending.wait().unwrap().success());
    let capture = recording.end(&room);
    let taken = room.rows("live.db", "summary")[0]["packets"].as_u64().unwrap();
    cut(&capture, taken as usize);
    assert_as_replayed(&room, &capture);
}

#[test]
fn a_live_run_and_a_replay_of_its_packets_give_the_same_rows() {
    let Some(network) = Network::new("law") else { return };
    let room = Room::new();
    let (sensor, recording) = listen(&network, &room);
    assert!(send(&network).wait().unwrap().success());
    std::thread::sleep(BEFORE);
    let early = rows(&room, "live.db");
    terminate(sensor);
    let capture = recording.end(&room);
    let live = assert_as_replayed(&room, &capture);
    for (what, columns) in NEEDS_THE_STOP {
        let of = |all: &[(&str, Vec<Value>)]| -> Vec<Value> {
            let (_, rows) = all.iter().find(|(name, _)| *name == what).unwrap();
            rows.iter().map(|row| without(row, columns)).collect()
        };
        let (early, late) = (of(&early), of(&live));
        assert_eq!(early.len(), late.len(), "{what}");
        early.iter().zip(&late).for_each(|(early, late)| assert_eq!(early, late, "{what}"));
        assert!(!late.is_empty(), "{what}");
    }
    let (_, summary) = &live[0];
    let closing: Value =
        serde_json::from_str(&std::fs::read_to_string(room.path("closing")).unwrap()).unwrap();
    assert_eq!(&closing, &summary[0], "the closing summary is what the report says behind it");
    let lost = |row: &Value| row["count"].as_i64().filter(|_| row["kind"] != "notice").unwrap_or(0);
    let (_, losses) = live.iter().find(|(what, _)| *what == "losses").unwrap();
    assert_eq!(closing["losses"], losses.iter().map(lost).sum::<i64>(), "{losses:?}");
    assert_eq!(closing["packets"], closing["frames"]["captured"]);
}

#[test]
fn a_second_sensor_on_one_database_is_refused_and_the_first_is_named() {
    let Some(network) = Network::new("two") else { return };
    let room = Room::new();
    let (first, log) = network.sensor(&room, "x.db");
    wait_until("the first listens", || listens(&log));
    let (mut second, refused) = network.sensor(&room, "./x.db");
    assert_eq!(second.wait().unwrap().code(), Some(1));
    let said = std::fs::read_to_string(refused).unwrap();
    assert!(said.contains("another sensor writes to ./x.db: process "), "{said}");
    assert!(said.contains("listening on cap0 since "), "{said}");
    // Another database is free. Readers and replays may also use this database.
    let (other, log) = network.sensor(&room, "y.db");
    wait_until("the other listens", || listens(&log));
    terminate(other);
    room.replay("x.db", "1", &[&project().join("pcaps/lab-scan.pcap")]);
    assert_eq!(room.rows("x.db", "summary").len(), 1);
    terminate(first);
    let (next, log) = network.sensor(&room, "x.db");
    wait_until("who comes after it listens", || listens(&log));
    terminate(next);
}
