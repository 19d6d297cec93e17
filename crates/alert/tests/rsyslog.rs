//! Tests with the log server that most hosts have: a real rsyslogd on loopback ports, with files of its own.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/certificates.rs"]
mod certificates;
mod common;

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bellwether_alert::{Deliverer, Delivery, Failure, Format, Receiver, Target, TlsFiles};
use bellwether_base::{OutgoingAlert, Timestamp};
use certificates::{Certificates, certificates};
use common::{Numbered, delivery, limits, numbered, run};
use tempfile::TempDir;

/// Returns true if the tests can run. They fail if they should run and cannot.
fn present() -> bool {
    if std::env::var_os("BELLWETHER_WITHOUT_RSYSLOG").is_some() {
        return false;
    }
    let found = Command::new(rsyslogd()).arg("-v").output().is_ok_and(|output| output.status.success());
    assert!(
        found,
        "rsyslogd is not installed: run scripts/setup (packages rsyslog, rsyslog-gnutls, openssl), or set \
         BELLWETHER_WITHOUT_RSYSLOG to do without these tests"
    );
    true
}

fn rsyslogd() -> &'static str {
    // A user's PATH lacks it on Debian.
    if Path::new("/usr/sbin/rsyslogd").exists() { "/usr/sbin/rsyslogd" } else { "rsyslogd" }
}

/// A running log server. Its file has one line for each message, with the properties separated by `|`.
struct Rsyslog {
    dir: TempDir,
    child: Child,
}

impl Rsyslog {
    /// With its inputs as they stand in a configuration; `ready` tells when it listens.
    fn start(dir: TempDir, inputs: &str, ready: impl Fn() -> bool) -> Self {
        let path = |name: &str| dir.path().join(name).display().to_string();
        let config = format!(
            "global(workDirectory=\"{}\")\n\
             template(name=\"kept\" type=\"string\" string=\"%syslogfacility-text%|%syslogseverity-text%|\
             %timestamp:::date-rfc3339%|%hostname%|%app-name%|%procid%|%msgid%|%structured-data%|%msg%\\n\")\n\
             {inputs}\n\
             action(type=\"omfile\" file=\"{}\" template=\"kept\")\n",
            path("."),
            path("kept.log"),
        );
        fs::write(dir.path().join("rsyslog.conf"), config).unwrap();
        let child = Self::spawn(dir.path());
        let mut server = Self { dir, child };
        server.wait_for(ready);
        server
    }

    fn spawn(dir: &Path) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("own.log")).unwrap();
        Command::new(rsyslogd())
            .args(["-n", "-iNONE", "-f"])
            .arg(dir.join("rsyslog.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn wait_for(&mut self, ready: impl Fn() -> bool) {
        for _ in 0..400 {
            if ready() {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("rsyslogd ended with {status}: {}", self.own_words());
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let kept = self.kept();
        panic!(
            "rsyslogd kept {} messages and then no more: {}\n{:?}",
            kept.len(),
            self.own_words(),
            kept.last()
        );
    }

    fn own_words(&self) -> String {
        fs::read_to_string(self.dir.path().join("own.log")).unwrap_or_default()
    }

    /// Ends the server in order, and waits for its end.
    fn stop(&mut self) {
        self.signal("-TERM");
        self.child.wait().unwrap();
    }

    fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap().success()
        );
    }

    fn kept(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("kept.log")).unwrap_or_default();
        text.lines().filter(|line| line.contains("|bellwether|")).map(str::to_owned).collect()
    }

    /// The stored lines, once they are so many.
    fn kept_at_least(&mut self, count: usize) -> Vec<String> {
        let file = self.dir.path().join("kept.log");
        self.wait_for(|| {
            fs::read_to_string(&file).unwrap_or_default().matches("|bellwether|").count() >= count
        });
        self.kept()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Returns true if a server listens. It does not connect, which the server would take for a client.
fn listens(port: u16) -> impl Fn() -> bool {
    move || TcpListener::bind(("127.0.0.1", port)).is_err()
}

fn deliverer(target: &str, delivery: &Delivery) -> Deliverer<Box<dyn Receiver>> {
    let target: Target = target.parse().unwrap();
    Deliverer::new("test", target.open(delivery).unwrap(), None, limits(), 1)
}

fn send(target: &str, delivery: &Delivery, count: i64) {
    let mut spool = Numbered { newest: count, cursor: 0 };
    run(&mut deliverer(target, delivery), &mut spool, Duration::from_secs(20));
    assert_eq!(spool.cursor, count);
}

/// An alert as the server has to understand it.
fn expected(id: i64) -> String {
    format!(
        "local0|warning|2026-03-01T12:34:56.789012Z|sensor.example.net|bellwether|4711|device_shared|\
         [bellwether@32473 subject=\"sip:t-{id}@example.net\" score=\"0.500\" fingerprint=\"2:9ac1\" \
         call=\"a\\\"b\\\\c\\]d\"]|\u{feff}number {id}, \"schön\" \\ ]"
    )
}

fn all_expected(kept: &[String], count: i64) {
    for (id, kept) in (1..).zip(kept) {
        assert_eq!(*kept, expected(id));
    }
    assert_eq!(i64::try_from(kept.len()), Ok(count));
}

#[test]
fn over_udp_every_field_is_understood() {
    if !present() {
        return;
    }
    let port = free_port();
    let inputs = format!(
        "module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\" rcvbufSize=\"1m\")"
    );
    let ready = || UdpSocket::bind(("127.0.0.1", port)).is_err();
    let mut server = Rsyslog::start(TempDir::new().unwrap(), &inputs, ready);
    send(&format!("udp://127.0.0.1:{port}"), &delivery(), 200);
    all_expected(&server.kept_at_least(200), 200);
}

#[test]
fn a_host_without_a_udp_server_is_away_until_there_is_one() {
    if !present() {
        return;
    }
    let port = free_port();
    let mut deliverer = deliverer(&format!("udp://127.0.0.1:{port}"), &delivery());
    let mut spool = Numbered { newest: 3, cursor: 0 };
    for _ in 0..3 {
        deliverer.poll(&mut spool, common::now()).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!((spool.cursor, deliverer.outage().is_some()), (0, true));
    let inputs =
        format!("module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")");
    let ready = || UdpSocket::bind(("127.0.0.1", port)).is_err();
    let mut server = Rsyslog::start(TempDir::new().unwrap(), &inputs, ready);
    run(&mut deliverer, &mut spool, Duration::from_secs(20));
    all_expected(&server.kept_at_least(3), 3);
}

fn tcp(port: u16) -> String {
    format!("module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")")
}

#[test]
fn over_tcp_with_octet_counting_every_field_is_understood() {
    if !present() {
        return;
    }
    let port = free_port();
    let mut server = Rsyslog::start(TempDir::new().unwrap(), &tcp(port), listens(port));
    send(&format!("tcp://localhost:{port}"), &delivery(), 600);
    all_expected(&server.kept_at_least(600), 600);
}

#[test]
fn cef_arrives_as_the_message() {
    if !present() {
        return;
    }
    let port = free_port();
    let mut server = Rsyslog::start(TempDir::new().unwrap(), &tcp(port), listens(port));
    let cef = Delivery { format: Some(Format::Cef), ..delivery() };
    send(&format!("tcp://127.0.0.1:{port}"), &cef, 1);
    assert_eq!(
        server.kept_at_least(1),
        ["local0|warning|2026-03-01T12:34:56.789012Z|sensor.example.net|bellwether|4711|device_shared|-|\
          CEF:0|Bellwether|bellwether|0.1.0|device_shared|device shared|6|rt=1772368496789 externalId=1 \
          dvchost=sensor.example.net dvcpid=4711 cfp1Label=score cfp1=0.500 cs1Label=subject \
          cs1=sip:t-1@example.net cs2Label=fingerprint cs2=2:9ac1 cs4Label=call cs4=a\"b\\\\c]d \
          msg=number 1, \"schön\" \\\\ ]"]
    );
}

fn tls(port: u16, files: &Certificates, mode: &str) -> String {
    format!(
        "global(defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
         defaultNetstreamDriverKeyFile=\"{}\")\n\
         module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" {mode})\n\
         input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")",
        files.ca.display(),
        files.server.0.display(),
        files.server.1.display(),
    )
}

#[test]
fn over_tls_every_field_is_understood_and_a_stranger_gets_nothing() {
    if !present() {
        return;
    }
    let (dir, port) = (TempDir::new().unwrap(), free_port());
    let files = certificates(dir.path());
    let mut server = Rsyslog::start(dir, &tls(port, &files, "streamDriver.authMode=\"anon\""), listens(port));
    let target = format!("tls://127.0.0.1:{port}");
    let named =
        TlsFiles { ca: Some(files.ca.clone()), server_name: Some("log.example.net".into()), client: None };
    send(&target, &Delivery { tls: named.clone(), ..delivery() }, 300);
    all_expected(&server.kept_at_least(300), 300);

    // Another name than the certificate's, and another authority.
    for (tls, why) in [
        (TlsFiles { server_name: Some("other.example.net".into()), ..named }, "not valid for name"),
        (TlsFiles { server_name: Some("log.example.net".into()), ..TlsFiles::default() }, "unknownissuer"),
    ] {
        let mut receiver = target.parse::<Target>().unwrap().open(&Delivery { tls, ..delivery() }).unwrap();
        let Err(Failure::Unreachable(words)) = receiver.send(&numbered(1000), common::now()) else {
            panic!("{why}: it was sent")
        };
        assert!(words.contains(why), "{words}");
    }
    assert_eq!(server.kept().len(), 300);
}

#[test]
fn a_tls_server_that_wants_to_know_the_sensor_is_shown_its_certificate() {
    if !present() {
        return;
    }
    let (dir, port) = (TempDir::new().unwrap(), free_port());
    let files = certificates(dir.path());
    let mode = "streamDriver.authMode=\"x509/name\" permittedPeer=[\"sensor.example.net\"]";
    let mut server = Rsyslog::start(dir, &tls(port, &files, mode), listens(port));
    let target = format!("tls://127.0.0.1:{port}");
    let known = TlsFiles {
        ca: Some(files.ca.clone()),
        server_name: Some("log.example.net".into()),
        client: Some(files.client.clone()),
    };
    send(&target, &Delivery { tls: known.clone(), ..delivery() }, 10);
    all_expected(&server.kept_at_least(10), 10);

    // Without one the server ends the connection; nothing counts as sent, whatever the kernel took.
    let unknown = Delivery { tls: TlsFiles { client: None, ..known }, ..delivery() };
    let mut receiver = target.parse::<Target>().unwrap().open(&unknown).unwrap();
    let sent = receiver.send(&numbered(1000), common::now()).and_then(|()| receiver.flush());
    assert!(matches!(sent, Err(Failure::Unreachable(_))), "{sent:?}");
    assert_eq!(server.kept().len(), 10);
}

#[test]
fn the_local_socket_is_written_as_the_c_library_does() {
    if !present() {
        return;
    }
    let dir = TempDir::new().unwrap();
    let socket = dir.path().join("log");
    let inputs = format!(
        "module(load=\"imuxsock\" sysSock.use=\"off\")\n\
         input(type=\"imuxsock\" socket=\"{}\" usePIDFromSystem=\"off\" ignoreTimestamp=\"off\")",
        socket.display()
    );
    let mut server = Rsyslog::start(dir, &inputs, || exists(&socket));
    send(&format!("unix:{}", socket.display()), &delivery(), 40);
    let kept = server.kept_at_least(40);
    for (id, line) in (1..).zip(&kept) {
        let fields: Vec<&str> = line.splitn(9, '|').collect();
        assert_eq!((fields[0], fields[1], fields[4], fields[5]), ("local0", "warning", "bellwether", "4711"));
        let words = format!(
            " device_shared [bellwether@32473 subject=\"sip:t-{id}@example.net\" score=\"0.500\" \
             fingerprint=\"2:9ac1\" call=\"a\\\"b\\\\c\\]d\"] number {id}, \"schön\" \\ ]"
        );
        assert_eq!(fields[8], words);
    }
    assert_eq!(kept.len(), 40);
}

fn exists(socket: &PathBuf) -> bool {
    UnixDatagram::unbound().unwrap().connect(socket).is_ok()
}

/// A receiver that is slow enough for a server to restart meanwhile.
struct Slow<R>(R);

impl<R: Receiver> Receiver for Slow<R> {
    fn send(&mut self, outgoing: &OutgoingAlert, now: Timestamp) -> Result<(), Failure> {
        std::thread::sleep(Duration::from_millis(1));
        self.0.send(outgoing, now)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.0.flush()
    }

    fn batch_size(&self) -> usize {
        self.0.batch_size()
    }
}

/// Sends 2,000 alerts while the server restarts twice; returns its messages, and the number of failed attempts.
fn through_restarts(
    inputs: impl Fn(u16, &Path) -> String,
    scheme: &str,
    delivery: impl Fn(&Path) -> Delivery,
) -> (Vec<String>, u64) {
    let (dir, port) = (TempDir::new().unwrap(), free_port());
    let (inputs, delivery) = (inputs(port, dir.path()), delivery(dir.path()));
    let mut server = Rsyslog::start(dir, &inputs, listens(port));
    let target: Target = format!("{scheme}://127.0.0.1:{port}").parse().unwrap();
    let receiver = Slow(target.open(&delivery).unwrap());
    let sending = std::thread::spawn(move || {
        let mut deliverer = Deliverer::new("test", receiver, None, limits(), 1);
        let mut spool = Numbered { newest: 2000, cursor: 0 };
        run(&mut deliverer, &mut spool, Duration::from_secs(60));
        assert_eq!((spool.cursor, deliverer.counts().sent), (2000, 2000));
        deliverer.counts().failures
    });
    for midway in [500, 1200] {
        server.kept_at_least(midway);
        server.stop();
        std::thread::sleep(Duration::from_millis(300));
        server.child = Rsyslog::spawn(server.dir.path());
        server.wait_for(listens(port));
    }
    let failures = sending.join().unwrap();
    let last = expected(2000);
    let file = server.dir.path().join("kept.log");
    server.wait_for(|| fs::read_to_string(&file).unwrap().contains(&last));
    (server.kept(), failures)
}

/// Checks that all alerts came, in order without the repetitions.
fn complete(kept: Vec<String>) -> usize {
    let mut seen = BTreeSet::new();
    let total = kept.len();
    let once: Vec<String> = kept.into_iter().filter(|line| seen.insert(line.clone())).collect();
    all_expected(&once, 2000);
    total - once.len()
}

#[test]
fn nothing_is_lost_when_a_tcp_server_restarts() {
    if !present() {
        return;
    }
    let (kept, failures) = through_restarts(|port, _| tcp(port), "tcp", |_| delivery());
    let repeated = complete(kept);
    assert!(failures > 0 && repeated <= 2 * 256, "{failures} failures, {repeated} repeated");
}

#[test]
fn nothing_is_lost_when_a_tls_server_restarts() {
    if !present() {
        return;
    }
    let (kept, failures) = through_restarts(
        |port, dir| tls(port, &certificates(dir), "streamDriver.authMode=\"anon\""),
        "tls",
        |dir| Delivery {
            tls: TlsFiles {
                ca: Some(dir.join("ca.pem")),
                server_name: Some("log.example.net".into()),
                client: None,
            },
            ..delivery()
        },
    );
    let repeated = complete(kept);
    assert!(failures > 0 && repeated <= 2 * 256, "{failures} failures, {repeated} repeated");
}

#[test]
fn a_connection_that_stays_open_sends_the_last_messages_again() {
    if !present() {
        return;
    }
    let (kept, _) =
        through_restarts(|port, _| tcp(port), "tcp", |_| Delivery { confirm: false, ..delivery() });
    let repeated = complete(kept);
    assert!((1..=2 * 64).contains(&repeated), "{repeated} repeated");
}

#[test]
fn what_lay_unread_in_a_server_that_was_killed_is_sent_again() {
    if !present() {
        return;
    }
    let port = free_port();
    let mut server = Rsyslog::start(TempDir::new().unwrap(), &tcp(port), listens(port));
    // Its kernel goes on taking connections and octets.
    server.signal("-STOP");
    let sending = std::thread::spawn(move || send(&format!("tcp://127.0.0.1:{port}"), &delivery(), 600));
    std::thread::sleep(Duration::from_millis(700));
    assert!(!sending.is_finished(), "what nobody has read counts as sent");
    server.signal("-KILL");
    server.child.wait().unwrap();
    server.child = Rsyslog::spawn(server.dir.path());
    sending.join().unwrap();
    all_expected(&server.kept_at_least(600), 600);
}
