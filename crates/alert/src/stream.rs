//! Syslog over connections: TCP (RFC 6587), TLS (RFC 5425), a local stream socket.
//!
//! None of these has an acknowledgement. That the kernel took a message means nothing: it may lie in the buffer of
//! a server that is about to restart. But a server's kernel answers the end of our stream (half-close, `close_notify`)
//! with an orderly end of its own only if its program read all that was before it; otherwise it
//! resets. So a portion is confirmed by ending the connection and waiting for the server to end it too, and alerts are rare enough for
//! a connection per portion. RFC 5425 section 4.4 even demands the answer.
//!
//! For servers that do not end a connection when they are told to, that can be switched off. The connection then stays open, and
//! the last messages are sent again after it broke: they are duplicates mostly, which is better than a loss.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bellwether_base::Timestamp;

use crate::deadline::Deadline;
use crate::open::{Timeouts, Writer};
use crate::receiver::away;
use crate::{Failure, Notice, Receiver};

/// How many messages are sent again, at most, after an unconfirmed connection broke.
const WINDOW: usize = 64;

/// A portion that is confirmed at once, and may come twice.
const PORTION: usize = 256;

/// The longest that a reset is waited for after an orderly end.
const LONGEST_GRACE: Duration = Duration::from_secs(1);

/// A connection to a server.
pub(crate) trait Connection: Send {
    /// Whether the server left it open, as far as has been heard. Does not wait.
    fn check(&mut self) -> io::Result<()>;
    /// Writes everything.
    fn write(&mut self, octets: &[u8], deadline: Deadline) -> io::Result<()>;
    /// Ends the stream and waits until the server, having read all of it, ends it too.
    fn finish(&mut self, deadline: Deadline) -> io::Result<()>;
}

/// How to get a [`Connection`].
pub(crate) trait Dial: Send {
    /// A new one.
    fn dial(&mut self, deadline: Deadline) -> io::Result<Box<dyn Connection>>;
}

/// How messages are told apart in a stream.
#[derive(Clone, Copy)]
pub(crate) enum Framing {
    /// Its length in octets before each (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
    OctetCounting,
    /// A line feed after each (RFC 6587 section 3.4.2). No message holds one.
    LineFeed,
}

impl Framing {
    fn frame(self, line: &str) -> Vec<u8> {
        match self {
            Self::OctetCounting => format!("{} {line}", line.len()).into_bytes(),
            Self::LineFeed => format!("{line}\n").into_bytes(),
        }
    }
}

/// A syslog server over connections.
pub(crate) struct Stream {
    dial: Box<dyn Dial>,
    framing: Framing,
    writer: Writer,
    patience: Timeouts,
    /// Whether the end of each portion is confirmed by the end of its connection.
    confirm: bool,
    connection: Option<Box<dyn Connection>>,
    /// What may not have arrived on the connection before, if nothing is confirmed.
    window: VecDeque<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(
        dial: Box<dyn Dial>,
        framing: Framing,
        writer: Writer,
        patience: Timeouts,
        confirm: bool,
    ) -> Self {
        Self { dial, framing, writer, patience, confirm, connection: None, window: VecDeque::new() }
    }

    /// The connection, and a new one where there is none. Whatever fails, it is not put back.
    fn connected(&mut self) -> Result<Box<dyn Connection>, Failure> {
        if let Some(mut open) = self.connection.take() {
            match open.check() {
                Ok(()) => return Ok(open),
                // What was sent before on this connection is in doubt: the courier sends it again.
                Err(e) if self.confirm => return Err(away("the connection broke", &e)),
                Err(_) => {}
            }
        }
        let mut new = self
            .dial
            .dial(Deadline::within(self.patience.connect))
            .map_err(|e| away("cannot connect", &e))?;
        let deadline = Deadline::within(self.patience.write);
        for frame in &self.window {
            new.write(frame, deadline).map_err(|e| away("cannot write", &e))?;
        }
        Ok(new)
    }
}

impl Receiver for Stream {
    fn send(&mut self, notice: &Notice, _now: Timestamp) -> Result<(), Failure> {
        let frame = self.framing.frame(&self.writer.line(notice));
        let mut connection = self.connected()?;
        connection
            .write(&frame, Deadline::within(self.patience.write))
            .map_err(|e| away("cannot write", &e))?;
        self.connection = Some(connection);
        if !self.confirm {
            if self.window.len() == WINDOW {
                self.window.pop_front();
            }
            self.window.push_back(frame);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        if !self.confirm {
            return Ok(());
        }
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        connection
            .finish(Deadline::within(self.patience.confirm))
            .map_err(|e| away("what was sent is not confirmed", &e))
    }

    /// What is not confirmed at once is not sent again as a whole either.
    fn portion(&self) -> usize {
        if self.confirm { PORTION } else { 1 }
    }
}

/// What TCP and local streams have in common.
pub(crate) trait Socket: Read + Write + Send {
    /// Reads what there is without taking it.
    fn glance(&self, into: &mut [u8]) -> io::Result<usize>;
    /// Ends what is sent.
    fn end(&self) -> io::Result<()>;
    /// The error that came in meanwhile, once.
    fn error(&self) -> io::Result<()>;
    fn nonblocking(&self, on: bool) -> io::Result<()>;
    fn wait_at_most(&self, read: Duration) -> io::Result<()>;
    fn write_at_most(&self, write: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn glance(&self, into: &mut [u8]) -> io::Result<usize> {
        self.peek(into)
    }

    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn error(&self) -> io::Result<()> {
        self.take_error()?.map_or(Ok(()), Err)
    }

    fn nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }

    fn wait_at_most(&self, read: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))
    }

    fn write_at_most(&self, write: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(write))
    }
}

impl Socket for UnixStream {
    fn glance(&self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(self, into, rustix::net::RecvFlags::PEEK)?.0)
    }

    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn error(&self) -> io::Result<()> {
        self.take_error()?.map_or(Ok(()), Err)
    }

    fn nonblocking(&self, on: bool) -> io::Result<()> {
        self.set_nonblocking(on)
    }

    fn wait_at_most(&self, read: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(read))
    }

    fn write_at_most(&self, write: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(write))
    }
}

/// A connection without encryption.
pub(crate) struct Plain<S> {
    pub(crate) socket: S,
    /// What connecting took: a reset that is on its way needs no longer.
    pub(crate) round_trip: Duration,
}

impl<S: Socket> Connection for Plain<S> {
    fn check(&mut self) -> io::Result<()> {
        self.socket.nonblocking(true)?;
        let heard = self.socket.glance(&mut [0]);
        self.socket.nonblocking(false)?;
        match heard {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, octets: &[u8], deadline: Deadline) -> io::Result<()> {
        write_all(&mut self.socket, octets, deadline)
    }

    fn finish(&mut self, deadline: Deadline) -> io::Result<()> {
        // An end that came before ours confirms nothing.
        self.check()?;
        self.socket.end()?;
        let mut unread = [0; 512];
        loop {
            self.socket.wait_at_most(deadline.left()?)?;
            match self.socket.read(&mut unread) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        no_reset_follows(&self.socket, self.round_trip)
    }
}

/// Both ends may have closed at the same time, and then the server's kernel resets what it gets after its end. A
/// read does not tell of it any more, the socket's error does.
pub(crate) fn no_reset_follows(socket: &impl Socket, round_trip: Duration) -> io::Result<()> {
    socket.error()?;
    std::thread::sleep((round_trip * 2).min(LONGEST_GRACE));
    socket.error()
}

/// A server that takes one octet now and then would make a time limit for each write endless.
pub(crate) fn write_all(socket: &mut impl Socket, octets: &[u8], deadline: Deadline) -> io::Result<()> {
    let mut rest = octets;
    while !rest.is_empty() {
        socket.write_at_most(deadline.left()?)?;
        match socket.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
