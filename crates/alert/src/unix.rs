//! The local log socket: datagrams as with `/dev/log`, or a stream where the server made it one.

use std::io;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use bellwether_base::Timestamp;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::deadline::Deadline;
use crate::open::{Timeouts, Writer};
use crate::receiver::away;
use crate::stream::{Connection, Dial, Framing, Plain, Stream};
use crate::{Failure, Notice, Receiver};

/// Few, since what lies in the socket's queue is lost with its server.
const PORTION: usize = 16;

/// The log server of this host.
pub(crate) struct Local {
    path: PathBuf,
    writer: Writer,
    patience: Timeouts,
    socket: Option<UnixDatagram>,
    stream: Stream,
    /// Whether the server's socket turned out to be a stream.
    is_stream: bool,
}

impl Local {
    pub(crate) fn new(path: PathBuf, writer: Writer, patience: Timeouts, confirm: bool) -> Self {
        let dial = Box::new(LocalDial(path.clone()));
        let stream = Stream::new(dial, Framing::LineFeed, writer.clone(), patience, confirm);
        Self { path, writer, patience, socket: None, stream, is_stream: false }
    }

    /// Sends a datagram, on a new socket if there is none.
    fn datagram(&mut self, line: &str) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                socket.set_write_timeout(Some(self.patience.write))?;
                socket
            }
        };
        socket.send(line.as_bytes())?;
        self.socket = Some(socket);
        Ok(())
    }
}

impl Receiver for Local {
    fn send(&mut self, notice: &Notice, now: Timestamp) -> Result<(), Failure> {
        if !self.is_stream {
            match self.datagram(&self.writer.line(notice)) {
                Ok(()) => return Ok(()),
                Err(e) if e.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) => self.is_stream = true,
                Err(e) => return Err(away("cannot write to the socket", &e)),
            }
        }
        // The server that follows one that failed may have the other kind.
        self.stream.send(notice, now).inspect_err(|_| self.is_stream = false)
    }

    /// A datagram that was taken lies in the server's queue; nothing more can be known.
    fn settle(&mut self) -> Result<(), Failure> {
        if !self.is_stream {
            return Ok(());
        }
        self.stream.settle().inspect_err(|_| self.is_stream = false)
    }

    fn portion(&self) -> usize {
        PORTION
    }
}

/// Connects to a local stream.
struct LocalDial(PathBuf);

impl Dial for LocalDial {
    /// A local connection is made at once, or waits without a limit where the server takes none: so it may not wait.
    fn dial(&mut self, _deadline: Deadline) -> io::Result<Box<dyn Connection>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(&self.0)?)?;
        let socket = UnixStream::from(socket);
        socket.set_nonblocking(false)?;
        Ok(Box::new(Plain { socket, round_trip: Duration::ZERO }))
    }
}
