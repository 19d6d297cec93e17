//! Live traffic on the loopback interface: captured, and sent on by agents. Without the right to capture, the
//! refusal is what is tested.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_types,
    reason = "a test fails by panicking and says why on standard error; what agents send bears the time of day"
)]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, Microphone, PcapFormat, Rng, Talk, as_hep, write_pcap};
use common::{Room, Running};

/// Calls between sockets of the loopback network.
fn calls(count: u8, packets: usize, start: Timestamp) -> Vec<Frame> {
    calls_in(31, count, packets, start)
}

/// The same in a network of its own, for tests that other tests' packets would disturb.
fn calls_in(network: u8, count: u8, packets: usize, start: Timestamp) -> Vec<Frame> {
    let mut rng = Rng::new(31);
    let mut frames: Vec<Frame> = (0..count)
        .flat_map(|i| {
            let mut talk = |dc_offset: f64| Talk {
                law: Law::Mu,
                packets: Microphone { dc_offset, noise: 3e-4, hum: 0.0 }.packets(
                    Law::Mu,
                    None,
                    packets,
                    160,
                    &mut rng,
                ),
            };
            let (caller_talk, callee_talk) = (talk(1e-4), talk(-1e-4));
            let call = Call {
                caller: Agent::new([127, network, 0, 10 + i], &format!("20{i}"), "Phone/1"),
                callee: Agent::new([127, network, 0, 110 + i], &format!("30{i}"), "Phone/2"),
                start: start + Span::from_millis(20 * i64::from(i)),
                rings: Span::from_millis(100),
                caller_talk,
                callee_talk,
                is_challenged: i % 2 == 0,
            };
            call.frames(&mut rng)
        })
        .collect();
    frames.sort_by_key(|f| f.at);
    frames
}

/// Sends the datagrams of frames from real sockets, an eighth of a millisecond apart.
fn send(frames: &[Frame]) {
    let ends = |frame: &Frame| {
        let ip = |at: usize| {
            Ipv4Addr::new(frame.bytes[at], frame.bytes[at + 1], frame.bytes[at + 2], frame.bytes[at + 3])
        };
        let port = |at: usize| u16::from_be_bytes([frame.bytes[at], frame.bytes[at + 1]]);
        (SocketAddrV4::new(ip(26), port(34)), SocketAddrV4::new(ip(30), port(36)))
    };
    let mut sockets: BTreeMap<SocketAddrV4, UdpSocket> = BTreeMap::new();
    for end in frames.iter().map(ends).flat_map(|(src, dst)| [src, dst]) {
        sockets.entry(end).or_insert_with(|| UdpSocket::bind(end).unwrap());
    }
    for frame in frames {
        let (src, dst) = ends(frame);
        sockets[&src].send_to(&frame.bytes[42..], dst).unwrap();
        std::thread::sleep(Duration::from_micros(125));
    }
}

/// Starts a live run and waits until it listens; none without the right to.
fn listen(room: &Room, args: &[&str]) -> Option<Running> {
    start(room, args, "listening on")
}

/// Starts a run and waits until it says so; none without the right to capture.
fn start(room: &Room, args: &[&str], ready: &str) -> Option<Running> {
    wait_for(room, room.command(args), ready)
}

fn wait_for(room: &Room, mut command: Command, ready: &str) -> Option<Running> {
    let log = room.path("log");
    command.stderr(std::fs::File::create(&log).unwrap()).stdout(Stdio::null());
    command.env("NOTIFY_SOCKET", room.path("notify"));
    let mut child = Running::start(&mut command);
    for _ in 0..200 {
        std::thread::sleep(Duration::from_millis(50));
        let said = std::fs::read_to_string(&log).unwrap();
        if said.contains(ready) {
            return Some(child);
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(1), "{said}");
            assert!(said.contains("CAP_NET_RAW"), "{said}");
            eprintln!("no right to capture here: only the refusal was tested");
            return None;
        }
    }
    panic!("the sensor never listened");
}

#[test]
fn calls_on_the_loopback_interface_are_found_and_a_signal_ends_the_run_in_order() {
    let room = Room::new();
    let filter = "net 127.31.0.0/16";
    for (db, sockets) in [("one.db", "1"), ("two.db", "2")] {
        let args =
            ["--db", db, "--workers", "2", "sense", "-i", "lo", "--sockets", sockets, "--filter", filter];
        let Some(child) = listen(&room, &args) else { return };
        send(&calls(12, 60, Timestamp::default()));
        // The last packets are still on their way to the ring's reader.
        std::thread::sleep(Duration::from_millis(300));
        terminate(child);
        let calls = room.rows(db, "calls");
        assert_eq!(calls.len(), 12, "{sockets} sockets");
        assert!(calls.iter().all(|call| !call["ended_at"].is_null() && call["final_status"] == 200));
        let streams = room.rows(db, "streams");
        assert_eq!(streams.len(), 24, "{sockets} sockets");
        assert!(streams.iter().all(|s| s["packets"] == 60 && s["lost"] == 0 && !s["call_id"].is_null()));
        let losses = room.rows(db, "losses");
        assert!(losses.iter().all(|loss| loss["kind"] == "notice"), "{losses:?}");
    }
}

#[test]
fn devices_are_judged_while_the_sensor_runs() {
    let room = Room::new();
    let inventory = "aor,device_class\n200@example.org,Polycom 331\n201@example.org,Polycom 331\n";
    room.write("inventory.csv", inventory.as_bytes());
    room.expect(0, &["--db", "live.db", "-q", "inventory", "import", "inventory.csv"]);
    let args = ["--db", "live.db", "sense", "-i", "lo", "--filter", "net 127.31.0.0/16"];
    let Some(child) = listen(&room, &args) else { return };
    // Eight seconds of noise, of the thirty that are looked at.
    let frames = calls(3, 400, Timestamp::default());
    send(&frames);
    // Updates of calls are written once a second, and judged then.
    std::thread::sleep(Duration::from_millis(2500));
    let known = room.rows("live.db", "calls");
    let streams = room.rows("live.db", "streams");
    assert_eq!(streams.iter().filter(|s| !s["pauses"].is_null()).count(), 6, "{streams:?}");
    let judged = || -> usize {
        let is_judged = |call: &&serde_json::Value| {
            let id = call["call_id"].as_str().unwrap();
            let shown = room.expect(0, &["--db", "live.db", "--format", "json", "show", "call", id]);
            let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
            !shown["device_verdict_course"].as_array().unwrap().is_empty()
        };
        known.iter().filter(is_judged).count()
    };
    assert_eq!((known.len(), judged()), (3, 2), "those in the inventory");
    // Another writer beside the running one.
    room.write("inventory.csv", format!("{inventory}202@example.org,Polycom 331\n").as_bytes());
    for _ in 0..20 {
        room.expect(0, &["--db", "live.db", "-q", "inventory", "import", "inventory.csv"]);
    }
    assert_eq!(judged(), 3);
    terminate(child);
}

fn signal(child: &Running, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Ends a run as an operator would, and expects it to end well.
fn terminate(mut child: Running) {
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A network namespace of this test's own, gone with it.
struct Namespace(String);

impl Namespace {
    /// None without the right, or the program, to make one.
    fn new() -> Option<Self> {
        let name = format!("bwtest{}", std::process::id());
        let made = Command::new("ip").args(["netns", "add", &name]).stderr(Stdio::null()).status();
        made.is_ok_and(|status| status.success()).then_some(Self(name))
    }

    fn run(&self, program: &str, args: &[&str]) {
        let status = Command::new("ip").args(["netns", "exec", &self.0, program]).args(args).status();
        assert!(status.unwrap().success(), "{program} {args:?}");
    }

    /// A pair of interfaces, what goes into `src0` comes out of `cap0`.
    fn make_interfaces(&self) {
        for line in [
            "link add cap0 type veth peer name src0",
            "link set cap0 up",
            "link set src0 up",
            "addr add 10.9.0.1/24 dev src0",
            "neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev src0",
        ] {
            self.run("ip", &line.split(' ').collect::<Vec<_>>());
        }
    }

    fn register(&self, name: &str) {
        self.send("REGISTER", name, "1 REGISTER");
    }

    fn send(&self, method: &str, name: &str, cseq: &str) {
        let request = format!(
            "{method} sip:10.9.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.9.0.1;branch=z9hG4bK{method}{name}\r\nMax-Forwards: 70\r\n\
             From: <sip:{name}@10.9.0.2>;tag=1\r\nTo: <sip:{name}@10.9.0.2>\r\nCall-ID: {name}\r\nCSeq: {cseq}\r\n\
             Contact: <sip:{name}@10.9.0.1>\r\nContent-Length: 0\r\n\r\n"
        );
        // cat writes all at once, which makes one datagram; the shell itself would send line by line.
        self.run("bash", &["-c", r#"cat <<<"$1" >/dev/udp/10.9.0.2/5060"#, "bash", &request]);
        std::thread::sleep(Duration::from_millis(500));
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

#[test]
fn an_interface_that_is_removed_and_made_again_is_followed_without_privileges() {
    let Some(namespace) = Namespace::new() else {
        eprintln!("no right to make a network namespace here");
        return;
    };
    let room = Room::new();
    namespace.make_interfaces();
    let program = room.command(&[]).get_program().to_owned();
    let args = ["--db", "again.db", "sense", "-i", "cap0"];
    let inside = ["netns", "exec", namespace.0.as_str(), program.to_str().unwrap()];
    let mut command = Command::new("ip");
    command.args(inside).args(args).current_dir(room.path(".")).stdout(Stdio::null());
    let Some(child) = wait_for(&room, command, "listening on") else { return };
    let log = room.path("log");
    let followed = || std::fs::read_to_string(&log).unwrap().matches("is followed").count();
    namespace.register("before");
    // A call over all of it, whose end comes when the interface is back for good.
    namespace.send("INVITE", "over-all", "1 INVITE");
    // Once with time to notice that it is away, once without.
    for (name, away) in [("again", 1500), ("at-once", 0)] {
        let before = followed();
        namespace.run("ip", &["link", "del", "cap0"]);
        std::thread::sleep(Duration::from_millis(away));
        namespace.make_interfaces();
        let until = Instant::now() + Duration::from_secs(20);
        while followed() == before && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        namespace.register(name);
    }
    // A call behind it.
    std::thread::sleep(Duration::from_millis(1500));
    namespace.send("INVITE", "behind", "1 INVITE");
    namespace.send("BYE", "behind", "2 BYE");
    namespace.send("BYE", "over-all", "2 BYE");
    terminate(child);
    let losses = room.rows("again.db", "losses");
    let away = losses.iter().find(|loss| loss["name"] == "interface_away").unwrap();
    assert_eq!((&away["count"], &away["spans_left_off"]), (&2.into(), &0.into()), "{away}");
    let spans = away["spans"].as_array().unwrap();
    assert!(
        spans.iter().all(|span| span["place"] == "cap0" && span["from"].as_str() < span["until"].as_str())
    );
    assert_eq!((&away["from"], &away["until"]), (&spans[0]["from"], &spans[1]["until"]));
    let calls = room.rows("again.db", "calls");
    let said: Vec<_> = calls.iter().map(|call| call["blind"].clone()).collect();
    assert_eq!(said, [serde_json::json!(["interface_away"]), serde_json::Value::Null], "{calls:?}");
    let alerts = room.rows("again.db", "alerts");
    let told: Vec<_> = alerts.iter().filter(|alert| alert["kind"] == "interface_away").collect();
    assert_eq!(told.len(), 4, "{alerts:?}");
    let found = room.rows("again.db", "registrations");
    assert_eq!(found.len(), 3, "{found:?}\n{}", std::fs::read_to_string(&log).unwrap());
}

#[test]
fn a_sensor_that_was_killed_says_from_when_to_when_and_so_does_a_call_that_ran_over_it() {
    let room = Room::new();
    let args = ["--db", "down.db", "sense", "-i", "lo", "--filter", "net 127.32.0.0/16"];
    let Some(mut child) = listen(&room, &args) else { return };
    // Calls of two callers: the end of the first comes when the sensor runs again.
    let is_of = |caller: u8| move |f: &&Frame| f.bytes[29].min(f.bytes[33]) == 10 + caller;
    let frames = calls_in(32, 3, 20, Timestamp::default());
    let of = |caller: u8| frames.iter().filter(is_of(caller)).cloned().collect::<Vec<Frame>>();
    let over = of(0);
    let is_bye = |frame: &Frame| frame.bytes[42..].starts_with(b"BYE");
    let bye = over.iter().position(is_bye).unwrap();
    send(&of(1));
    // A sign of life comes each second, and updates of calls are committed as often.
    std::thread::sleep(Duration::from_millis(3500));
    send(&over[..bye]);
    std::thread::sleep(Duration::from_millis(2500));
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let Some(child) = listen(&room, &args) else { return };
    std::thread::sleep(Duration::from_millis(300));
    send(&over[bye..]);
    send(&of(2));
    std::thread::sleep(Duration::from_millis(500));
    terminate(child);
    let losses = room.rows("down.db", "losses");
    let named: Vec<_> = losses.iter().filter(|loss| loss["kind"] != "notice").collect();
    assert!(
        matches!(named.as_slice(), [loss] if loss["name"] == "sensor_down" && loss["count"] == 1),
        "{losses:?}"
    );
    assert!(named[0]["from"].as_str() < named[0]["until"].as_str(), "{losses:?}");
    let calls = room.rows("down.db", "calls");
    let said: Vec<_> = calls.iter().map(|call| call["blind"].clone()).collect();
    let down = serde_json::json!(["sensor_down"]);
    assert_eq!(said, [serde_json::Value::Null, down, serde_json::Value::Null], "{calls:?}");
    assert!(calls.iter().all(|call| !call["ended_at"].is_null()), "{calls:?}");
    let shown = room.expect(0, &["--db", "down.db", "show", "call", calls[1]["call_id"].as_str().unwrap()]);
    assert!(shown.contains("Parts of this call may be missing"), "{shown}");

    // The same loss after a regular end has another name.
    let Some(child) = listen(&room, &args) else { return };
    terminate(child);
    let losses = room.rows("down.db", "losses");
    let names: Vec<_> = losses
        .iter()
        .map(|loss| &loss["name"])
        .filter(|n| n.as_str().unwrap().starts_with("sensor"))
        .collect();
    assert_eq!(names, ["sensor_down", "sensor_stopped"]);
}

#[test]
fn agents_are_heard_by_udp_and_tcp_and_junk_costs_its_own_connection_only() {
    let room = Room::new();
    // Free for a moment is free enough here: nobody else uses the loopback network.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (udp, tcp) = (format!("udp:{free}"), format!("tcp:{free}"));
    let manager = std::os::unix::net::UnixDatagram::bind(room.path("notify")).unwrap();
    let child = listen(&room, &["--db", "hep.db", "sense", "--hep", &udp, "--hep", &tcp]).unwrap();
    let mut said = [0; 64];
    for expected in ["READY=1\n", "WATCHDOG=1\n", "WATCHDOG=1\n"] {
        let len = manager.recv(&mut said).unwrap();
        assert_eq!(String::from_utf8_lossy(&said[..len]), expected);
    }
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // Whole microseconds, as HEP has them.
    let start = Timestamp::from_nanos(since_epoch.as_micros() as i64 * 1000);
    let frames = calls(10, 60, start);
    let is_sip = |f: &&Frame| f.bytes[42..].first().is_some_and(u8::is_ascii_uppercase);
    let mut junk = TcpStream::connect(free).unwrap();
    junk.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut stream = TcpStream::connect(free).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for frame in frames.iter().filter(is_sip) {
        let message = as_hep(frame, 7);
        // Calls of even callers by one way, the others by the other.
        if (frame.bytes[29] % 2 == 0) == (frame.bytes[33] % 2 == 0) && frame.bytes[29] % 2 == 0 {
            let (front, back) = message.split_at(message.len() / 3);
            stream.write_all(front).unwrap();
            stream.flush().unwrap();
            std::thread::sleep(Duration::from_millis(1));
            stream.write_all(back).unwrap();
        } else {
            socket.send_to(&message, free).unwrap();
        }
        socket.send_to(b"junk", free).unwrap();
    }
    drop(stream);
    std::thread::sleep(Duration::from_millis(500));
    terminate(child);
    let calls = room.rows("hep.db", "calls");
    assert_eq!(calls.len(), 10);
    for call in &calls {
        assert_eq!((&call["final_status"], &call["hep_agent"]), (&200.into(), &7.into()), "{call}");
        assert!(call["answered_at"].as_str() > call["started_at"].as_str(), "{call}");
    }
    let losses = room.rows("hep.db", "losses");
    let desync: Vec<_> = losses.iter().filter(|l| l["kind"] != "notice").collect();
    assert!(matches!(desync.as_slice(), [l] if l["name"] == "hep_desync" && l["count"] == 1), "{losses:?}");
    let said = room.expect(1, &["--db", "y.db", "sense", "--hep", "udp:192.0.2.1:9060"]);
    assert!(said.contains("hep:udp:192.0.2.1:9060"), "{said}");
    let said = room.expect(2, &["sense", "--hep", "sctp:127.0.0.1:1"]);
    assert!(said.contains("udp: or tcp:"), "{said}");
}

#[test]
fn a_growing_file_gives_what_the_whole_file_gives() {
    let room = Room::new();
    let whole =
        write_pcap(&calls(12, 60, Timestamp::from_nanos(1_750_000_000_000_000_000)), PcapFormat::Nano);
    let path = room.write("whole.pcap", &whole);
    room.replay("whole.db", "2", &[&path]);
    // In the middle of a record, and in the middle of calls.
    let (front, back) = whole.split_at(whole.len() / 3);
    let growing = room.write("growing.pcap", front);
    let Some(child) =
        start(&room, &["--db", "growing.db", "replay", "--follow", "growing.pcap"], "following")
    else {
        panic!("it needs no right")
    };
    let mut file = std::fs::OpenOptions::new().append(true).open(&growing).unwrap();
    for piece in back.chunks(back.len() / 7) {
        std::thread::sleep(Duration::from_millis(120));
        file.write_all(piece).unwrap();
    }
    let arrived = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        room.rows("growing.db", "calls").iter().filter(|call| !call["ended_at"].is_null()).count() == 12
    });
    assert!(arrived, "calls show while the file is being followed");
    terminate(child);
    for what in ["calls", "streams", "fingerprints"] {
        assert!(room.rows("growing.db", what) == room.rows("whole.db", what), "{what} differ");
    }
    let said = room.expect(1, &["replay", "--follow", "nowhere.pcap"]);
    assert!(said.contains("no such file"), "{said}");
}

#[test]
fn a_capture_that_was_cut_lacks_the_time_up_to_the_next_whether_it_is_followed_or_replayed() {
    let room = Room::new();
    let second = |n: i64| Timestamp::from_nanos((1_750_000_000 + n) * 1_000_000_000);
    let first = write_pcap(&calls(2, 20, second(0)), PcapFormat::Nano);
    std::fs::create_dir(room.path("captures")).unwrap();
    room.write("captures/a.pcap", &first[..first.len() - 30]);
    room.write("captures/b.pcap", &write_pcap(&calls(2, 20, second(100)), PcapFormat::Nano));
    let spans = |db: &str| {
        let losses = room.rows(db, "losses");
        let found = losses.iter().find(|loss| loss["name"] == "record_damaged");
        let found = found.unwrap_or_else(|| panic!("{losses:?}"));
        let span = |span: &serde_json::Value| (span["from"].clone(), span["until"].clone());
        found["spans"].as_array().unwrap().iter().map(span).collect::<Vec<_>>()
    };
    room.expect(3, &["--db", "replayed.db", "-q", "replay", "captures"]);
    let replayed = spans("replayed.db");
    assert_eq!((replayed.len(), replayed[0].1.as_str().unwrap()), (1, "2025-06-15T15:08:20.000000000Z"));
    assert!(replayed[0].0.as_str() < replayed[0].1.as_str(), "{replayed:?}");
    let Some(mut child) =
        start(&room, &["--db", "followed.db", "replay", "--follow", "captures"], "following")
    else {
        panic!("it needs no right")
    };
    let arrived = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        room.rows("followed.db", "calls").len() == 4
    });
    assert!(arrived, "the next file is read");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert_eq!(spans("followed.db"), replayed);
    for db in ["followed.db", "replayed.db"] {
        room.expect(3, &["--db", db, "-q", "replay", "captures"]);
        assert_eq!(spans(db), replayed, "what is read again adds none to {db}");
    }
    // The last call of the first file runs over the gap. The call of the next file began after the gap.
    let said: Vec<bool> =
        room.rows("replayed.db", "calls").iter().map(|call| !call["blind"].is_null()).collect();
    assert_eq!(said.last(), Some(&false), "{said:?}");
    assert!(said.contains(&true), "{said:?}");
}

#[test]
fn what_cannot_be_captured_is_refused_in_one_sentence() {
    let room = Room::new();
    let said = room.expect(2, &["--db", "x.db", "sense", "-i", "no-such-interface"]);
    assert!(said.contains("there is no interface no-such-interface; there are"), "{said}");
    let said = room.expect(2, &["--db", "x.db", "sense", "-i", "lo", "--stamps", "nic"]);
    assert!(said.contains("the hardware of lo does not stamp every packet"), "{said}");
    assert!(!room.path("x.db").exists());
    let output =
        room.run(&["--db", "x.db", "sense", "-i", "lo", "--filter", "udp prt 5060", "--duration", "1s"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(2) => assert!(said.contains("the filter \"udp prt 5060\" does not compile"), "{said}"),
        code => assert!(code == Some(1) && said.contains("CAP_NET_RAW"), "{said}"),
    }
}

#[test]
fn the_doctor_names_what_would_stop_a_run_and_changes_nothing() {
    let room = Room::new();
    let output = room.run(&["--db", "x.db", "--format", "json", "doctor", "-i", "no-such-interface"]);
    assert_eq!(output.status.code(), Some(1));
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let state = |name: &str| {
        let check = checks.iter().find(|c| c["check"] == name).unwrap();
        check["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("capture no-such-interface"), "problem");
    assert_eq!((state("configuration"), state("database")), ("ok".into(), "ok".into()));
    assert!(checks.iter().all(|c| (c["state"] == "ok") == c["remedy"].is_null()), "{checks:?}");
    assert!(!room.path("x.db").exists());
}

#[test]
fn a_hangup_reads_the_topology_again_and_a_broken_one_changes_nothing() {
    let room = Room::new();
    let site = |trunk: &str| format!("[[site.trunks]]\nname = \"{trunk}\"\nnetworks = [\"127.31.0.0/25\"]\n");
    room.write("c.toml", site("before").as_bytes());
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hep = format!("udp:{free}");
    let child = listen(&room, &["--db", "x.db", "--config", "c.toml", "sense", "--hep", &hep]).unwrap();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let start = Timestamp::from_nanos(since_epoch.as_micros() as i64 * 1000);
    let frames = calls(3, 60, start);
    let broken = "[site]\naccess = [\"nowhere\"]\n".to_owned();
    let configurations = [None, Some((site("after"), "were reloaded")), Some((broken, "was not reloaded"))];
    for (i, configuration) in (0..).zip(configurations) {
        if let Some((text, said)) = configuration {
            room.write("c.toml", text.as_bytes());
            signal(&child, "-HUP");
            let heard = (0..100).any(|_| {
                std::thread::sleep(Duration::from_millis(50));
                std::fs::read_to_string(room.path("log")).unwrap().contains(said)
            });
            assert!(heard, "{said}");
        }
        // Every message between the two of this call, to its end.
        let is_of_call = |f: &&Frame| f.bytes[29].min(f.bytes[33]) == 10 + i;
        for frame in frames.iter().filter(is_of_call).filter(|f| f.bytes[42].is_ascii_uppercase()) {
            agent.send_to(&as_hep(frame, 1), free).unwrap();
        }
        std::thread::sleep(Duration::from_millis(600));
    }
    terminate(child);
    let trunks: Vec<String> = room
        .rows("x.db", "calls")
        .iter()
        .map(|call| call["trunk_id"].as_str().unwrap_or("none").to_owned())
        .collect();
    assert_eq!(trunks, ["before", "after", "after"]);
}

#[test]
fn a_full_disk_ends_a_live_run_although_its_listeners_hear_nothing_more() {
    let room = Room::new();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // The database is made before the limit, which then leaves no room for its log.
    room.expect(0, &["--db", "x.db", "-q", "replay", empty_capture(&room).to_str().unwrap()]);
    let script = format!(
        "trap '' XFSZ; ulimit -f 64; exec {} --db x.db sense --hep udp:{free} --hep tcp:{free} 2>log",
        env!("CARGO_BIN_EXE_bellwether")
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(room.path("")).stdin(Stdio::null());
    let mut child = Running::start(&mut command);
    let said = || std::fs::read_to_string(room.path("log")).unwrap_or_default();
    let pause = || std::thread::sleep(Duration::from_millis(50));
    assert!((0..200).any(|_| {
        pause();
        said().contains("listening on")
    }));
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (i, frame) in calls(100, 60, Timestamp::default()).iter().filter(|f| f.bytes[42] == b'I').enumerate()
    {
        agent.send_to(&as_hep(frame, i as u32), free).unwrap();
    }
    let code = (0..200).find_map(|_| {
        pause();
        child.try_wait().unwrap()
    });
    assert_eq!(code.and_then(|status| status.code()), Some(1), "{}", said());
    assert!(said().contains("the database refused a statement: the disk"), "{}", said());
}

fn empty_capture(room: &Room) -> std::path::PathBuf {
    room.write("empty.pcap", &write_pcap(&[], PcapFormat::Nano))
}
