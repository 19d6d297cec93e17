//! The local log socket: datagrams as with `/dev/log`, or a stream where the server made it one.

use std::io;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use bellwether_base::{OutgoingAlert, Timestamp};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::connection::{Connection, Dial, Plain};
use crate::deadline::Deadline;
use crate::format::Formatter;
use crate::receiver::unreachable;
use crate::stream::{Framing, Stream};
use crate::{Failure, Receiver, Timeouts};

/// Few: a server that dies loses the queue of its socket.
const BATCH_SIZE: usize = 16;

/// The log server of this host.
pub(crate) struct Local {
    path: PathBuf,
    formatter: Formatter,
    timeouts: Timeouts,
    socket: Option<UnixDatagram>,
    stream: Stream,
    /// True if the server's socket turned out to be a stream.
    is_stream: bool,
}

impl Local {
    pub(crate) fn new(path: PathBuf, formatter: Formatter, timeouts: Timeouts, confirm: bool) -> Self {
        let dial = Box::new(LocalDial(path.clone()));
        let stream = Stream::new(dial, Framing::LineFeed, formatter.clone(), timeouts, confirm);
        Self { path, formatter, timeouts, socket: None, stream, is_stream: false }
    }

    /// Sends a datagram, on a new socket if there is none.
    fn datagram(&mut self, line: &str) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                socket.set_write_timeout(Some(self.timeouts.write))?;
                socket
            }
        };
        socket.send(line.as_bytes())?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Receiver for Local {
    fn send(&mut self, outgoing: &OutgoingAlert, now: Timestamp) -> Result<(), Failure> {
        if !self.is_stream {
            match self.datagram(&self.formatter.line(outgoing)) {
                Ok(()) => return Ok(()),
                Err(e) if e.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) => self.is_stream = true,
                Err(e) => return Err(unreachable("cannot write to the socket", &e)),
            }
        }
        // The next server on the socket may have the other kind.
        self.stream.send(outgoing, now).inspect_err(|_| self.is_stream = false)
    }

    /// A datagram that the socket took lies in the server's queue. Nothing more can be known.
    fn flush(&mut self) -> Result<(), Failure> {
        if !self.is_stream {
            return Ok(());
        }
        self.stream.flush().inspect_err(|_| self.is_stream = false)
    }

    fn batch_size(&self) -> usize {
        BATCH_SIZE
    }
}

/// Connects to a local stream.
struct LocalDial(PathBuf);

impl Dial for LocalDial {
    /// A local connection succeeds at once, or waits without a limit for a busy server: so it must not block.
    fn dial(&mut self, _deadline: Deadline) -> io::Result<Box<dyn Connection>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(&self.0)?)?;
        let socket = UnixStream::from(socket);
        socket.set_nonblocking(false)?;
        Ok(Box::new(Plain { socket, round_trip: Duration::ZERO }))
    }
}
