//! Connections to syslog servers, encrypted or not: what a stream needs of them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::deadline::Deadline;

/// The longest wait for a reset after an orderly end.
const MAX_GRACE: Duration = Duration::from_secs(1);

/// A connection to a server.
pub(crate) trait Connection: Send {
    /// Returns an error if the server ended the connection. It does not wait.
    fn check(&mut self) -> io::Result<()>;
    /// Writes all octets.
    fn write(&mut self, octets: &[u8], deadline: Deadline) -> io::Result<()>;
    /// Ends the stream and waits until the server ends it too, after it has read all of it.
    fn finish(&mut self, deadline: Deadline) -> io::Result<()>;
}

/// Makes connections to one server.
pub(crate) trait Dial: Send {
    /// Makes a new connection.
    fn dial(&mut self, deadline: Deadline) -> io::Result<Box<dyn Connection>>;
}

/// The common part of TCP and local streams.
pub(crate) trait Socket: Read + Write + Send {
    /// Reads received octets and leaves them in the buffer.
    fn glance(&self, into: &mut [u8]) -> io::Result<usize>;
    /// Ends the sending direction.
    fn end(&self) -> io::Result<()>;
    /// Takes the socket's pending error.
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
    /// The time that connecting took. A reset on its way needs no longer.
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
        // A server's end before ours confirms nothing.
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

/// Waits for a reset after an orderly end. Both ends may have closed at the same time: then the server's kernel resets the connection when it
/// gets more octets. A read no longer shows that, but the socket's error does.
pub(crate) fn no_reset_follows(socket: &impl Socket, round_trip: Duration) -> io::Result<()> {
    socket.error()?;
    std::thread::sleep((round_trip * 2).min(MAX_GRACE));
    socket.error()
}

/// Writes all octets under one deadline. With a limit for each write, a server that takes one octet now and then would hold it up for ever.
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
