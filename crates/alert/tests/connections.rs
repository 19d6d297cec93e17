//! Servers with faults: none of them may block a deliverer, and none may confirm an alert that it has not read.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::sync::mpsc;
use std::time::Duration;

use bellwether_alert::{Counts, Deliverer, Delivery, Failure, Receiver, Target, Timeouts, Wait};
use bellwether_base::OutgoingAlert;
use common::{Numbered, delivery, limits, now, numbered, run};

const SHORT: Duration = Duration::from_millis(300);

fn impatient() -> Delivery {
    Delivery { timeouts: Timeouts { connect: SHORT, write: SHORT, confirm: SHORT }, ..delivery() }
}

fn open(target: &str, delivery: &Delivery) -> Box<dyn Receiver> {
    target.parse::<Target>().unwrap().open(delivery).unwrap()
}

/// The answer of a receiver to some alerts, and the seconds until it came.
fn tried(mut receiver: Box<dyn Receiver>, alerts: &[OutgoingAlert]) -> (Result<(), Failure>, f64) {
    let start = now();
    let mut result = Ok(());
    for outgoing in alerts {
        result = result.and_then(|()| receiver.send(outgoing, now()));
    }
    result = result.and_then(|()| receiver.flush());
    (result, now().since(start).as_secs_f64())
}

/// An alert with a message of so many octets.
fn long(len: usize) -> OutgoingAlert {
    let mut outgoing = numbered(1);
    outgoing.alert.message = "x".repeat(len);
    outgoing
}

fn assert_unreachable(result: (Result<(), Failure>, f64), expected: &str) {
    let (Err(Failure::Unreachable(why)), seconds) = result else { panic!("it counts as sent: {result:?}") };
    assert!(why.contains(expected), "{why}");
    // Without timeouts it would never end. The time on a busy machine is not the point.
    assert!(seconds < 60.0, "it took {seconds} s");
}

/// A server on a loopback port, with what it does to each connection.
fn server(mut serve: impl FnMut(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            serve(connection.unwrap());
        }
    });
    address
}

/// Accepts and never reads.
fn sleeper() -> String {
    let mut held = Vec::new();
    server(move |connection| held.push(connection))
}

#[test]
fn a_server_that_never_reads_confirms_nothing_and_hangs_nothing() {
    let address = sleeper();
    assert_unreachable(
        tried(open(&format!("tcp://{address}"), &impatient()), &[numbered(1)]),
        "not confirmed: took too long",
    );
    assert_unreachable(
        tried(open(&format!("tls://{address}"), &impatient()), &[numbered(1)]),
        "cannot connect: took too long",
    );
    assert_unreachable(tried(open(&format!("http://{address}/"), &impatient()), &[numbered(1)]), "timeout");

    let mut deliverer =
        Deliverer::new("t", open(&format!("tcp://{address}"), &impatient()), None, limits(), 1);
    let mut spool = Numbered { newest: 3, cursor: 0 };
    assert!(matches!(deliverer.poll(&mut spool, now()), Ok(Wait::Until(_))));
    assert_eq!((spool.cursor, deliverer.counts()), (0, Counts { failures: 1, ..Counts::default() }));
}

#[test]
fn full_buffers_are_not_waited_for() {
    let address = sleeper();
    let unconfirmed = Delivery { confirm: false, max_len: 60_000, ..impatient() };
    let alerts = vec![long(60_000); 1000];
    assert_unreachable(
        tried(open(&format!("tcp://{address}"), &unconfirmed), &alerts),
        "cannot write: took too long",
    );
}

#[test]
fn a_server_that_reads_an_octet_now_and_then_has_one_patience_for_all() {
    let address = server(|mut connection| {
        while connection.read(&mut [0; 200_000]).is_ok_and(|read| read > 0) {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let unconfirmed = Delivery { confirm: false, max_len: 60 << 20, ..impatient() };
    assert_unreachable(
        tried(open(&format!("tcp://{address}"), &unconfirmed), &[long(60 << 20)]),
        "cannot write: took too long",
    );
}

#[test]
fn a_server_that_closes_unread_or_too_early_confirms_nothing() {
    // With something unread the kernel resets.
    let unread = server(|connection| {
        std::thread::sleep(Duration::from_millis(100));
        drop(connection);
    });
    assert_unreachable(tried(open(&format!("tcp://{unread}"), &delivery()), &[numbered(1)]), "not confirmed");
    // It reads something, and ends the connection before we do.
    let early = server(|mut connection| {
        let _ = connection.read(&mut [0; 4096]);
        let _ = connection.shutdown(Shutdown::Both);
    });
    let mut receiver = open(&format!("tcp://{early}"), &delivery());
    receiver.send(&numbered(1), now()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    // The next one must not go out on a new connection as if the first had arrived.
    let Err(Failure::Unreachable(why)) = receiver.send(&numbered(2), now()) else {
        panic!("it counts as sent")
    };
    assert!(why.contains("the connection broke"), "{why}");
}

#[test]
fn a_portion_counts_as_sent_when_the_server_has_read_it() {
    let (told, heard) = mpsc::channel();
    let address = server(move |mut connection| {
        let mut all = Vec::new();
        let _ = connection.read_to_end(&mut all);
        told.send(String::from_utf8(all).unwrap()).unwrap();
        // Some servers greet or answer. The deliverer ignores that.
        let _ = connection.write_all(b"250 thanks\n");
    });
    let mut deliverer =
        Deliverer::new("t", open(&format!("tcp://{address}"), &delivery()), None, limits(), 1);
    let mut spool = Numbered { newest: 300, cursor: 0 };
    run(&mut deliverer, &mut spool, Duration::from_secs(10));
    let portions: Vec<String> = heard.try_iter().collect();
    assert_eq!((spool.cursor, portions.len()), (300, 2));
    // RFC 6587 section 3.4.1: MSG-LEN SP SYSLOG-MSG, one after the other.
    let (mut rest, mut id) = (portions.concat(), 0);
    while !rest.is_empty() {
        let (length, behind) = rest.split_once(' ').unwrap();
        let (message, next) = behind.split_at(length.parse().unwrap());
        id += 1;
        assert!(message.starts_with("<132>1 ") && message.contains(&format!("number {id},")), "{message}");
        rest = next.to_owned();
    }
    assert_eq!(id, 300);
}

#[test]
fn a_local_stream_gets_lines_and_one_that_accepts_nothing_is_away() {
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("log");
    let target = format!("unix:{}", path.display());
    assert_unreachable(
        tried(open(&target, &impatient()), &[numbered(1)]),
        "cannot write to the socket: no such file",
    );

    let listener = UnixListener::bind(&path).unwrap();
    let (told, heard) = mpsc::channel();
    let (go, went) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        for connection in listener.incoming().take(1) {
            let mut text = String::new();
            connection.unwrap().read_to_string(&mut text).unwrap();
            told.send(text).unwrap();
        }
        // From here on nothing is accepted.
        let _ = went.recv();
    });
    let (sent, _) = tried(open(&target, &delivery()), &[numbered(1), numbered(2)]);
    assert_eq!(sent, Ok(()));
    let text = heard.recv().unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("<132>Mar  1 12:34:56 bellwether[4711]: "), "{text}");

    assert_unreachable(tried(open(&target, &impatient()), &[numbered(3)]), "not confirmed: took too long");
    // It takes connections until its queue is full. The deliverer must not wait for room in it.
    let mut held = Vec::new();
    while let Err(Failure::Unreachable(why)) = tried(open(&target, &impatient()), &[numbered(3)]).0 {
        if why.contains("cannot connect") {
            assert!(why.contains("temporarily unavailable") || why.contains("took too long"), "{why}");
            break;
        }
        // Connections that wait to be accepted fill the queue.
        held.extend((0..512).map_while(|_| nonblocking(&path)));
    }
    drop(go);
}

/// A connection to a local stream, if the queue has room for it.
fn nonblocking(path: &std::path::Path) -> Option<std::os::fd::OwnedFd> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None).unwrap();
    connect(&socket, &SocketAddrUnix::new(path).unwrap()).is_ok().then_some(socket)
}

#[test]
fn a_name_that_does_not_exist_is_away_and_not_an_end() {
    assert_unreachable(
        tried(open("tcp://no-such-host.invalid", &delivery()), &[numbered(1)]),
        "cannot connect",
    );
    assert_unreachable(
        tried(open("udp://no-such-host.invalid", &delivery()), &[numbered(1)]),
        "cannot open a socket",
    );
}
