use std::os::unix::net::UnixDatagram;

use bellwether_alert::{Facility, Target, TlsFiles};
use bellwether_base::{Alert, AlertKind, CallId, Severity};
use bellwether_store::Writer;

use super::*;
use crate::now;

/// Far longer than a test takes: only the signal ends such a wait.
const HOURS: Duration = Duration::from_secs(36_000);

/// A log server on a local socket, in the folder of a database.
struct Server {
    socket: UnixDatagram,
    target: Target,
}

impl Server {
    fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        let socket = UnixDatagram::bind(&path).unwrap();
        // A test that waits in vain fails in the end.
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Self { socket, target: Target::Unix(path) }
    }

    fn options(&self, least: Severity) -> AlertOptions {
        let receiver = ReceiverOptions {
            name: "local".to_owned(),
            target: self.target.clone(),
            format: None,
            facility: Facility::default(),
            confirm: true,
            tls: TlsFiles::default(),
            secret_file: None,
        };
        AlertOptions { least, receivers: vec![receiver], ..AlertOptions::default() }
    }

    fn message(&self) -> String {
        let mut buffer = [0; 4096];
        let len = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..len]).into_owned()
    }

    fn assert_nothing_more(&self) {
        self.socket.set_nonblocking(true).unwrap();
        assert!(self.socket.recv(&mut [0; 16]).is_err(), "a message that should not be there");
        self.socket.set_nonblocking(false).unwrap();
    }
}

fn alert(subject: &str, severity: Severity) -> Alert {
    Alert {
        // The quiet time of an alert of long ago is over.
        at: now(),
        kind: AlertKind::RegistrationAttack,
        severity,
        subject: subject.to_owned(),
        message: "seen".to_owned(),
        call: None,
        campaign: None,
        incident: None,
    }
}

/// Deliveries that only the signal wakes, and the writer behind the signal.
fn woken_by_signal(db: &Path, options: &AlertOptions) -> (Deliveries, Writer) {
    let writer = Writer::open(db, "key").unwrap();
    let deliveries = Deliveries { look_every: HOURS, ..Deliveries::open(options, db, "key").unwrap() };
    let writer = writer.announcing(deliveries.signal().clone());
    (deliveries, writer)
}

#[test]
fn a_commit_wakes_the_delivery_and_an_exchange_hands_over_the_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let (first, second) = (Server::new(folder.path(), "first"), Server::new(folder.path(), "second"));
    let (deliveries, mut writer) = woken_by_signal(&db, &first.options(Severity::Notice));
    let work = |exchange: &Exchange<'_>| {
        writer.alert(&alert("192.0.2.1", Severity::Warning)).unwrap();
        assert!(first.message().contains("192.0.2.1"));
        writer.alert(&alert("192.0.2.2", Severity::Warning)).unwrap();
        assert!(first.message().contains("192.0.2.2"));
        exchange(&second.options(Severity::Notice)).unwrap();
        writer.alert(&alert("192.0.2.3", Severity::Warning)).unwrap();
        assert!(second.message().contains("192.0.2.3"));
    };
    deliveries.beside(&|text| panic!("{text}"), work).unwrap();
    first.assert_nothing_more();
}

#[test]
fn alerts_of_the_last_moment_go_out_before_the_end_and_less_severe_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let server = Server::new(folder.path(), "log");
    let (deliveries, mut writer) = woken_by_signal(&db, &server.options(Severity::Warning));
    let work = |_: &Exchange<'_>| {
        for (subject, severity) in
            [("a", Severity::Notice), ("b", Severity::Warning), ("c", Severity::Critical)]
        {
            writer.alert(&alert(subject, severity)).unwrap();
        }
    };
    deliveries.beside(&|text| panic!("{text}"), work).unwrap();
    assert!(server.message().contains("subject=\"b\""));
    assert!(server.message().contains("subject=\"c\""));
    server.assert_nothing_more();
}

#[test]
fn an_alert_passes_while_others_wait_for_the_end_of_their_quiet_time() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::new(folder.path(), "log");
    let (deliveries, mut writer) =
        woken_by_signal(&folder.path().join("x.db"), &server.options(Severity::Notice));
    let work = |_: &Exchange<'_>| {
        let first = alert("192.0.2.1", Severity::Warning);
        writer.alert(&first).unwrap();
        assert!(server.message().contains("192.0.2.1"));
        // Suppressed for minutes.
        writer.alert(&Alert { call: Some(CallId::new(1)), ..first }).unwrap();
        writer.alert(&alert("192.0.2.2", Severity::Warning)).unwrap();
        assert!(server.message().contains("192.0.2.2"));
    };
    deliveries.beside(&|text| panic!("{text}"), work).unwrap();
    server.assert_nothing_more();
}

#[test]
fn a_look_into_the_spool_finds_alerts_of_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let server = Server::new(folder.path(), "log");
    // It raises no signal.
    let mut other = Writer::open(&db, "key").unwrap();
    let deliveries = Deliveries::open(&server.options(Severity::Notice), &db, "key").unwrap();
    let deliveries = Deliveries { look_every: Duration::from_millis(10), ..deliveries };
    let work = |_: &Exchange<'_>| {
        other.alert(&alert("192.0.2.1", Severity::Warning)).unwrap();
        assert!(server.message().contains("192.0.2.1"));
    };
    deliveries.beside(&|text| panic!("{text}"), work).unwrap();
}

#[test]
fn receivers_stay_as_they_are_if_another_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let server = Server::new(folder.path(), "log");
    let (deliveries, mut writer) = woken_by_signal(&db, &server.options(Severity::Notice));
    let mut wrong = server.options(Severity::Notice);
    wrong.receivers[0].secret_file = Some(folder.path().join("missing"));
    let work = |exchange: &Exchange<'_>| {
        let failure = exchange(&wrong).unwrap_err().to_string();
        assert!(failure.starts_with("receiver local: ") && failure.contains("missing"), "{failure}");
        writer.alert(&alert("192.0.2.1", Severity::Warning)).unwrap();
        assert!(server.message().contains("192.0.2.1"));
    };
    deliveries.beside(&|text| panic!("{text}"), work).unwrap();
}
