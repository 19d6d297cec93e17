//! The rights that a running sensor gives up, and its work behind the lock.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Room, Running, own_captures, project};

/// A sensor that runs, and its log.
struct Sensor<'a> {
    room: &'a Room,
    child: Running,
}

impl<'a> Sensor<'a> {
    /// Starts one and waits until it says `ready`; none without the right to.
    fn start(room: &'a Room, args: &[&str], ready: &str) -> Option<Self> {
        let log = std::fs::File::create(room.path("log")).unwrap();
        let mut command = room.command(args);
        command.stderr(log).stdout(Stdio::null()).env_remove("NOTIFY_SOCKET");
        let mut sensor = Self { room, child: Running::start(&mut command) };
        if sensor.says(ready) {
            return Some(sensor);
        }
        let said = sensor.said();
        match sensor.child.try_wait().unwrap() {
            Some(status) if status.code() == Some(1) && said.contains("CAP_NET_RAW") => {
                eprintln!("no right to capture here: {said}");
                None
            }
            _ => panic!("the sensor never said {ready}: {said}"),
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.room.path("log")).unwrap()
    }

    /// Returns true if the sensor prints the text in time, and false if the sensor ends before.
    fn says(&mut self, text: &str) -> bool {
        (0..1200).any(|_| {
            let is_over = self.child.try_wait().unwrap().is_some();
            let is_said = self.said().contains(text);
            std::thread::sleep(Duration::from_millis(if is_said || is_over { 0 } else { 50 }));
            is_said
        })
    }

    fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Requests a reload of the configuration, and waits for the message about the result.
    fn reloads(&mut self, text: &str) {
        std::fs::write(self.room.path("log"), "").unwrap();
        self.signal("-HUP");
        assert!(self.says(text), "{text}: {}", self.said());
    }

    /// The exit code of a sensor that ends by itself.
    fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    fn stop(self) {
        self.signal("-TERM");
        let room = self.room;
        assert_eq!(self.ends(), Some(0), "{}", std::fs::read_to_string(room.path("log")).unwrap());
    }

    /// The same line of the status of every thread.
    fn of_each_thread(&self, name: &str) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks
            .map(|task| {
                let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
                let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).unwrap();
                line.split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect()
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn free() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Puts an alert into the spool of the sensor.
fn raise(room: &Room, db: &str, subject: &str) {
    let db = rusqlite::Connection::open(room.path(db)).unwrap();
    db.busy_timeout(Duration::from_secs(5)).unwrap();
    let sql = "INSERT INTO alerts (at, kind, severity, subject, message)
               VALUES (1760000000000000000, 'campaign_found', 'critical', ?1, 'made by a test')";
    db.execute(sql, [subject]).unwrap();
}

fn receiver(target: &str, more: &str) -> String {
    format!("[[alerts.receivers]]\nname = \"soc\"\ntarget = \"{target}\"\nconfirm = false\n{more}\n")
}

#[test]
fn every_thread_of_a_sensor_has_no_right_and_every_file_is_its_owners() {
    let room = Room::new();
    std::fs::set_permissions(room.path("bellwether.key"), PermissionsExt::from_mode(0o644)).unwrap();
    let Some(sensor) = Sensor::start(&room, &["--db", "x.db", "sense", "-i", "lo"], "listening on") else {
        return;
    };
    // The last to start is the capture's thread, behind the greeting.
    let has_all = || sensor.of_each_thread("Name").iter().any(|name| name == "capture-0");
    assert!((0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        has_all()
    }));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let found = sensor.of_each_thread(set);
        assert!(found.len() >= 5 && found.iter().all(|set| set == "0000000000000000"), "{set}: {found:?}");
    }
    assert!(sensor.of_each_thread("NoNewPrivs").iter().all(|is| is == "1"));
    let said = sensor.said();
    if said.contains("lock has a gap") {
        eprintln!("not the whole lock is to be had here: {said}");
    }
    if !said.contains("gap; seccomp") {
        assert!(sensor.of_each_thread("Seccomp").iter().all(|is| is == "2"));
    }
    if !said.contains("gap; capabilities") {
        assert!(sensor.of_each_thread("CapBnd").iter().all(|set| set == "0000000000000000"));
    }
    assert!(said.contains("bellwether.key was readable by others (mode 644)"), "{said}");
    for file in ["x.db", "x.db-wal", "x.db-shm", "bellwether.key"] {
        assert_eq!(mode(&room.path(file)), 0o600, "{file}");
    }
    // The limit of core files is zero, and no other process may read the memory.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", sensor.child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    sensor.stop();
}

#[test]
fn files_are_for_their_owner_whatever_the_umask_and_wider_ones_are_tightened() {
    let room = Room::new();
    let capture = own_captures().into_iter().find(|path| path.ends_with("lab-calls-mixed.pcap")).unwrap();
    let run = |args: &str| {
        let script = format!("umask 0000; exec {} --db x.db {args}", env!("CARGO_BIN_EXE_bellwether"));
        let output = Command::new("bash").args(["-c", &script]).current_dir(room.path(".")).output().unwrap();
        assert!(output.status.success(), "{args}: {}", common::text(&output.stderr));
        common::text(&output.stderr)
    };
    run(&format!("replay {}", capture.display()));
    run("db backup copy.db");
    run("reputation export block -o list.txt");
    run("class export -o classes.json");
    for file in ["x.db", "copy.db", "list.txt", "classes.json"] {
        assert_eq!(mode(&room.path(file)), 0o600, "{file}");
    }
    for file in ["x.db", "list.txt"] {
        std::fs::set_permissions(room.path(file), PermissionsExt::from_mode(0o664)).unwrap();
    }
    let said = run("db prune --keep-days 90000");
    assert!(said.contains("x.db was readable by others (mode 664)"), "{said}");
    let said = run("reputation export block -o list.txt");
    assert!(said.contains("list.txt was readable by others (mode 664)"), "{said}");
    assert_eq!((mode(&room.path("x.db")), mode(&room.path("list.txt"))), (0o600, 0o600));
}

#[test]
fn alerts_go_to_a_target_that_was_named_behind_the_lock() {
    let room = Room::new();
    let (first, second) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let (tcp, hook) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let tls = TcpListener::bind("127.0.0.1:0").unwrap();
    let log = std::os::unix::net::UnixDatagram::bind(room.path("log-socket")).unwrap();
    let port = |address: std::io::Result<SocketAddr>| address.unwrap().port();
    // A replaced thread ends its batch first, and may send an alert to the old receiver. Later alerts go to the new one.
    let until = |subject: &str, heard: &mut dyn FnMut() -> Option<Vec<u8>>| -> Vec<u8> {
        for n in 0..60 {
            raise(&room, "x.db", &format!("{subject}-{n}"));
            if let Some(octets) = heard() {
                return octets;
            }
        }
        panic!("no alert arrived: {subject}");
    };
    let heard = |socket: &UdpSocket, subject: &str| {
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let mut octets = [0; 2048];
        let said = until(subject, &mut || {
            let len = socket.recv(&mut octets).ok()?;
            Some(octets[..len].to_vec())
        });
        assert!(String::from_utf8_lossy(&said).contains(subject), "{subject}");
    };
    room.write("c.toml", receiver(&format!("udp://127.0.0.1:{}", port(first.local_addr())), "").as_bytes());
    let hep = format!("udp:{}", free());
    let args = ["--db", "x.db", "--config", "c.toml", "sense", "--hep", &hep];
    let mut sensor = Sensor::start(&room, &args, "listening on").unwrap();
    heard(&first, "one");
    // A name is looked up in the system's files.
    let change = |sensor: &mut Sensor<'_>, target: String, more: &str| {
        room.write("c.toml", receiver(&target, more).as_bytes());
        sensor.reloads("receivers of alerts were reloaded");
    };
    change(&mut sensor, format!("udp://localhost:{}", port(second.local_addr())), "");
    heard(&second, "two");
    first.set_nonblocking(true).unwrap();
    while first.recv(&mut [0; 2048]).is_ok() {}
    let accepted = |listener: &TcpListener, subject: &str| {
        listener.set_nonblocking(true).unwrap();
        until(subject, &mut || {
            for _ in 0..40 {
                if let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
                    let mut octets = [0; 4096];
                    let len = stream.read(&mut octets).unwrap();
                    return Some(octets[..len].to_vec());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            None
        })
    };
    change(&mut sensor, format!("tcp://localhost:{}", port(tcp.local_addr())), "");
    assert!(common::text(&accepted(&tcp, "three")).contains("three"));
    change(&mut sensor, format!("http://localhost:{}/alerts", port(hook.local_addr())), "");
    assert!(common::text(&accepted(&hook, "four")).starts_with("POST /alerts"));
    // A certificate that was not there when the sensor started; its handshake begins with a ClientHello.
    let ca = project().join("fixtures/stir");
    let pem = std::fs::read_dir(&ca)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "pem"));
    if let Some(pem) = pem {
        std::fs::copy(pem, room.path("ca.pem")).unwrap();
        change(&mut sensor, format!("tls://localhost:{}", port(tls.local_addr())), "ca_file = \"ca.pem\"");
        assert_eq!(accepted(&tls, "five").first(), Some(&22));
    }
    // The thread that is replaced ends its batch first, which may wait for a handshake.
    drop(tls);
    change(&mut sensor, format!("unix:{}", room.path("log-socket").display()), "");
    log.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut octets = [0; 2048];
    // The alerts without delivery by TLS come first.
    until("six", &mut || loop {
        let len = log.recv(&mut octets).ok()?;
        let said = octets[..len].to_vec();
        if common::text(&said).contains("six") {
            return Some(said);
        }
    });
    // The first receivers got no later alert.
    assert!(first.recv(&mut [0; 16]).is_err());
    sensor.stop();
}

#[test]
fn what_takes_a_right_that_was_given_up_ends_the_run_in_order() {
    let room = Room::new();
    let hep = format!("udp:{}", free());
    let start = || {
        room.write("c.toml", b"");
        let args = ["--db", "x.db", "--config", "c.toml", "sense", "--hep", hep.as_str()];
        Sensor::start(&room, &args, "listening on").unwrap()
    };
    let mut sensor = start();
    room.write("c.toml", b"[limits]\ncalls = 1000\n[dispositions]\nquarantine_below = 20.0\n");
    sensor.reloads("wait for the next start: limits, dispositions");
    room.write("c.toml", b"[confine]\nseccomp = \"off\"\n");
    sensor.reloads("confine has changed");
    assert!(sensor.says("the next start uses the new configuration"), "{}", sensor.said());
    assert_eq!(sensor.ends(), Some(1));
    for (configuration, said) in [
        ("[sense]\ninterfaces = [\"lo\"]\n", "sense.interfaces has changed"),
        ("[sense]\nuser = \"x\"\n", "sense.user has changed"),
    ] {
        let mut sensor = start();
        room.write("c.toml", configuration.as_bytes());
        sensor.reloads(said);
        assert_eq!(sensor.ends(), Some(1));
    }
    // The database was moved, so nobody would find further rows.
    let mut sensor = start();
    std::fs::rename(room.path("x.db"), room.path("moved.db")).unwrap();
    sensor.reloads("x.db is not the open database");
    assert_eq!(sensor.ends(), Some(1));
}

#[test]
fn a_sensor_becomes_the_user_that_is_named_and_takes_its_files_along() {
    if !is_root() {
        eprintln!("only root can become somebody else");
        return;
    }
    let room = Room::new();
    let user = "[sense]\ninterfaces = [\"lo\"]\nuser = \"4000001:4000002\"\n";
    room.write("c.toml", user.as_bytes());
    let args = ["--db", "x.db", "--config", "c.toml", "sense"];
    let said = room.expect(2, &args);
    assert!(said.contains("the user 4000001:4000002 cannot write to the folder ."), "{said}");
    std::os::unix::fs::chown(room.path("."), Some(4_000_001), Some(4_000_002)).unwrap();
    let Some(mut sensor) = Sensor::start(&room, &args, "listening on lo") else { return };
    assert!(sensor.says("as the user 4000001:4000002"));
    assert!(sensor.of_each_thread("Uid").iter().all(|ids| ids == "4000001 4000001 4000001 4000001"));
    assert!(sensor.of_each_thread("Gid").iter().all(|ids| ids == "4000002 4000002 4000002 4000002"));
    assert!(sensor.of_each_thread("Groups").iter().all(String::is_empty));
    raise(&room, "x.db", "beside");
    for file in ["x.db", "x.db-wal", "x.db-shm", "bellwether.key"] {
        let meta = std::fs::metadata(room.path(file)).unwrap();
        assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o777), (4_000_001, 4_000_002, 0o600), "{file}");
    }
    sensor.reloads("were reloaded");
    // A configuration for root alone is behind the lock. The unit restarts the sensor, and root reads the configuration.
    std::fs::set_permissions(room.path("c.toml"), PermissionsExt::from_mode(0o600)).unwrap();
    sensor.reloads("c.toml is behind the lock");
    assert_eq!(sensor.ends(), Some(1));
    assert!(!room.path("x.db-wal").exists(), "the end was not in order");
    let unknown = user.replace("4000001:4000002", "nobody-of-this-name");
    room.write("c.toml", unknown.as_bytes());
    assert!(room.expect(2, &args).contains("there is no user or group nobody-of-this-name"));
}

#[test]
fn parts_of_the_lock_can_be_switched_off_which_is_told() {
    let room = Room::new();
    room.write("c.toml", b"[confine]\nseccomp = \"off\"\nlandlock = \"off\"\n");
    let hep = format!("udp:{}", free());
    let args = ["--db", "x.db", "--config", "c.toml", "-q", "sense", "--hep", hep.as_str()];
    let mut sensor = Sensor::start(&room, &args, "seccomp: switched off").unwrap();
    assert!(sensor.said().contains("landlock: switched off"), "{}", sensor.said());
    // The signal that ends it is looked at from then on only.
    std::thread::sleep(Duration::from_millis(300));
    assert!(sensor.of_each_thread("Seccomp").iter().all(|is| is == "0"));
    assert!(sensor.of_each_thread("NoNewPrivs").iter().all(|is| is == "1"));
    assert!(sensor.child.try_wait().unwrap().is_none());
    sensor.stop();
    let output = room.run(&["--db", "x.db", "--config", "c.toml", "--format", "json", "doctor"]);
    let checks: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let found = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap().clone();
    assert_eq!(found("lock seccomp")["state"], "warning");
    assert_eq!(found("lock dumps")["state"], "ok");
    for name in ["user", "lock capabilities", "lock landlock"] {
        assert!(!found(name)["found"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_service_manager_without_a_place_in_the_file_system_hears_that_the_sensor_lives() {
    use std::os::linux::net::SocketAddrExt;
    let room = Room::new();
    let name = format!("bellwether-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let manager = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = room.command(&["--db", "x.db", "sense", "--hep", &format!("udp:{}", free())]);
    command.env("NOTIFY_SOCKET", format!("@{name}")).stdout(Stdio::null()).stderr(Stdio::null());
    let sensor = Sensor { room: &room, child: Running::start(&mut command) };
    room.write("log", b"");
    let mut octets = [0; 64];
    for expected in ["READY=1\n", "WATCHDOG=1\n", "WATCHDOG=1\n"] {
        let len = manager.recv(&mut octets).unwrap();
        assert_eq!(common::text(&octets[..len]), expected);
    }
    sensor.stop();
}

#[test]
fn a_part_that_is_required_and_cannot_be_had_stops_the_run() {
    let room = Room::new();
    let capture = own_captures().into_iter().find(|path| path.ends_with("lab-register.pcap")).unwrap();
    std::fs::copy(capture, room.path("x.pcap")).unwrap();
    let run = |setting: &str| {
        room.write("c.toml", format!("[confine]\ncapabilities = \"{setting}\"\n").as_bytes());
        let mut command = room.command(&["--db", ":memory:", "--config", "c.toml", "-v", "replay", "x.pcap"]);
        if is_root() {
            std::os::unix::fs::chown(room.path("bellwether.key"), Some(4_000_001), None).unwrap();
            std::fs::set_permissions(room.path("."), PermissionsExt::from_mode(0o755)).unwrap();
            // Another user has no right, and cannot empty the bounding set.
            command.uid(4_000_001).gid(4_000_002);
        }
        command.output()
    };
    let Ok(output) = run("required") else {
        eprintln!("skipped: the program lies where another user cannot start it");
        return;
    };
    let said = common::text(&output.stderr);
    if output.status.code() == Some(0) {
        eprintln!("skipped: the bounding set is empty here already");
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("the configuration requires capabilities: not wholly to be had here"), "{said}");
    let output = run("on").unwrap();
    let said = common::text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("the lock has a gap; capabilities"), "{said}");
}

/// A capture, and its two halves as files of their own.
fn halves() -> (std::path::PathBuf, Vec<u8>, Vec<u8>) {
    let source = own_captures().into_iter().find(|path| path.ends_with("lab-calls-mixed.pcap")).unwrap();
    let whole = std::fs::read(&source).unwrap();
    // Between two records, near the middle.
    let mut at = 24;
    while at < whole.len() / 2 {
        at += 16 + u32::from_le_bytes(whole[at + 8..at + 12].try_into().unwrap()) as usize;
    }
    (source, whole[..at].to_vec(), [&whole[..24], &whole[at..]].concat())
}

#[test]
fn a_file_of_a_folder_that_ended_within_a_record_is_told_when_the_next_is_read() {
    let room = Room::new();
    std::fs::create_dir(room.path("hours")).unwrap();
    let (_, mut first, second) = halves();
    first.extend(&second[24..34]);
    room.write("hours/10.pcap", &first);
    room.write("hours/11.pcap", &second);
    let args = ["--db", "x.db", "replay", "--follow", "hours"];
    let mut sensor = Sensor::start(&room, &args, "ended inside a record").unwrap();
    assert!(sensor.child.try_wait().unwrap().is_none());
    sensor.signal("-TERM");
    assert_eq!(sensor.ends(), Some(3));
}

#[test]
fn the_next_hours_file_of_a_folder_is_read_behind_the_lock() {
    let room = Room::new();
    std::fs::create_dir(room.path("hours")).unwrap();
    let (source, first, second) = halves();
    room.write("hours/10.pcap", &first);
    room.replay("whole.db", "2", &[&source]);
    let args = ["--db", "x.db", "replay", "--follow", "hours"];
    let sensor = Sensor::start(&room, &args, "following").unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let next = room.write("hours/11.pcap", &second[..1000]);
    room.write("hours/notes.txt", b"no capture");
    std::thread::sleep(Duration::from_millis(1500));
    std::fs::OpenOptions::new().append(true).open(next).unwrap().write_all(&second[1000..]).unwrap();
    let wanted = room.rows("whole.db", "calls");
    let arrived = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        room.rows("x.db", "calls").len() == wanted.len()
    });
    assert!(arrived, "{}", sensor.said());
    sensor.stop();
    assert!(room.rows("x.db", "calls") == wanted, "calls differ");
}

#[test]
fn old_rows_leave_behind_the_lock_and_the_log_is_folded_into_the_database() {
    let room = Room::new();
    let capture = own_captures().into_iter().find(|path| path.ends_with("lab-calls-trunk.pcap")).unwrap();
    room.replay("x.db", "2", &[&capture]);
    assert!(!room.rows("x.db", "calls").is_empty());
    room.write("c.toml", b"[database]\nkeep_days = 1\n");
    let hep = format!("udp:{}", free());
    let args = ["--db", "x.db", "--config", "c.toml", "sense", "--hep", hep.as_str()];
    let sensor = Sensor::start(&room, &args, "listening on").unwrap();
    let is_empty = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        room.rows("x.db", "calls").is_empty()
    });
    assert!(is_empty, "{}", sensor.said());
    sensor.stop();
    assert!(!room.path("x.db-wal").exists());
}
