//! Questions over a Unix socket: one JSON text for each line, an answer for each question, in order.
//!
//! The socket lies beside the database with mode 0660. A peer needs the same user or the same group as the sensor.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_base::with_ending;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::{Desk, DeskError, Question, Reply};

/// The end of the name of the socket beside a database.
const SUFFIX: &str = ".sock";

/// Connections at once. `serve` uses two.
const MAX_CONNECTIONS: usize = 16;

/// Longest question, in octets. The largest INVITE takes a tenth of it.
const MAX_LINE: u64 = 1 << 20;

/// Longest wait of a client for an answer: the writer may be in a long commit.
const ANSWERS_WITHIN: Duration = Duration::from_secs(12);

/// Time between two looks at the stop.
const LOOKS_EVERY: Duration = Duration::from_millis(200);

/// The socket of a database; none for a database in memory.
#[must_use]
pub fn socket_path(db: &Path) -> Option<PathBuf> {
    if db == Path::new(":memory:") {
        return None;
    }
    let db = std::fs::canonicalize(db).unwrap_or_else(|_| db.to_path_buf());
    Some(with_ending(&db, SUFFIX))
}

/// Accepts questions for a sensor.
pub struct Listener {
    socket: UnixListener,
    path: PathBuf,
}

impl Listener {
    /// Opens the socket of a database. The caller holds the database for a sensor, so a socket that is there is a dead one's.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => {
                return Err(std::io::Error::new(
                    ErrorKind::AlreadyExists,
                    format!("{} is there and is no socket", path.display()),
                ));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let socket = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: path.to_path_buf() })
    }

    /// Answers until the stop. `desk` makes a desk for each connection. Connections beyond the maximum are closed at once.
    pub fn run(self, stop: &AtomicBool, desk: &(dyn Fn() -> Option<Box<dyn Desk>> + Sync)) {
        let open = Arc::new(AtomicUsize::new(0));
        std::thread::scope(|scope| {
            while !stop.load(Ordering::Relaxed) {
                let Some(stream) = self.next() else { continue };
                if !is_allowed(&stream) || open.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
                    continue;
                }
                let Some(desk) = desk() else { continue };
                let connection = Connection::count(&open);
                let spawned =
                    std::thread::Builder::new().name("answers".to_owned()).spawn_scoped(scope, move || {
                        // A peer that goes away ends its connection only.
                        let _ = answer(stream, desk, stop);
                        drop(connection);
                    });
                if let Err(e) = spawned {
                    tracing::warn!("no thread for a question: {e}");
                }
            }
        });
    }
}

impl Listener {
    /// The next connection; none within [`LOOKS_EVERY`]. A switch waits for the answer, so a connection is taken at once.
    fn next(&self) -> Option<UnixStream> {
        let mut awaited = [PollFd::new(&self.socket, PollFlags::IN)];
        let at_most = Timespec::try_from(LOOKS_EVERY).ok();
        match rustix::event::poll(&mut awaited, at_most.as_ref()) {
            Ok(0) | Err(Errno::INTR) => None,
            Ok(_) => match self.socket.accept() {
                Ok((stream, _)) => Some(stream),
                Err(_) => after_a_fault(),
            },
            Err(_) => after_a_fault(),
        }
    }
}

/// Files or memory may be short for a while.
fn after_a_fault<T>() -> Option<T> {
    std::thread::sleep(LOOKS_EVERY);
    None
}

/// A connection, counted while it is open or waits for its thread.
struct Connection(Arc<AtomicUsize>);

impl Connection {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// True for a peer of the same user or group, and for root.
fn is_allowed(stream: &UnixStream) -> bool {
    let Ok(peer) = rustix::net::sockopt::socket_peercred(stream) else { return false };
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    peer.uid.is_root() || peer.uid == user || peer.gid == group
}

fn answer(stream: UnixStream, mut desk: Box<dyn Desk>, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOKS_EVERY))?;
    stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
    let mut to = stream.try_clone()?;
    let mut from = BufReader::new(stream);
    let mut line = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) if line.last() == Some(&b'\n') => {}
            // The question is too long, or the peer left in the middle of it.
            Ok(_) => return Ok(()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if line.len() as u64 >= MAX_LINE {
                    return Ok(());
                }
                continue;
            }
            Err(e) => return Err(e),
        }
        let reply = match serde_json::from_slice::<Question>(&line) {
            Ok(question) => desk.ask(&question),
            Err(e) => Reply::Refused(DeskError::Field { field: String::new(), why: e.to_string() }),
        };
        line.clear();
        let mut text = serde_json::to_vec(&reply)?;
        text.push(b'\n');
        to.write_all(&text)?;
    }
    Ok(())
}

/// Passes questions to the sensor that holds a database.
pub struct RemoteDesk {
    path: PathBuf,
    connection: Option<BufReader<UnixStream>>,
}

impl RemoteDesk {
    /// A desk at a socket. It connects with the first question, and again after a fault.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path, connection: None }
    }

    fn exchange(&mut self, question: &[u8]) -> std::io::Result<Vec<u8>> {
        if self.connection.is_none() {
            let stream = UnixStream::connect(&self.path)?;
            stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
            stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
            self.connection = Some(BufReader::new(stream));
        }
        let Some(connection) = &mut self.connection else { return Err(ErrorKind::NotConnected.into()) };
        connection.get_mut().write_all(question)?;
        let mut line = Vec::new();
        connection.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.last() == Some(&b'\n') { Ok(line) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }
}

impl Desk for RemoteDesk {
    fn ask(&mut self, question: &Question) -> Reply {
        let gone = |e: &dyn std::fmt::Display| {
            Reply::Refused(DeskError::Unavailable(format!("the sensor does not answer: {e}")))
        };
        let mut text = match serde_json::to_vec(question) {
            Ok(text) => text,
            Err(e) => return gone(&e),
        };
        text.push(b'\n');
        // The sensor may have been started again since the last question. A change is never sent twice.
        let may_repeat = self.connection.is_some() && !matches!(question, Question::Change(_));
        let mut answered = self.exchange(&text);
        if answered.is_err() {
            self.connection = None;
            if may_repeat {
                answered = self.exchange(&text);
            }
        }
        match answered {
            Ok(line) => serde_json::from_slice(&line).unwrap_or_else(|e| gone(&e)),
            Err(e) => {
                self.connection = None;
                gone(&e)
            }
        }
    }
}
