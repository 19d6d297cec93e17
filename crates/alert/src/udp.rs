//! Syslog over UDP, RFC 5426: one message is one datagram.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use bellwether_base::{OutgoingAlert, Timestamp};

use crate::deadline::Deadline;
use crate::dial::resolve;
use crate::format::Formatter;
use crate::receiver::unreachable;
use crate::{Failure, HostPort, Receiver, Timeouts};

/// The wait for a host's answer that its port is closed (ICMP). UDP gives no other answer.
const REFUSAL: Duration = Duration::from_millis(50);

/// A batch fits into a server's default receive buffer (some 212 kB, a small datagram counts for up to 2.3 kB there).
const BATCH_SIZE: usize = 64;

/// A syslog server over UDP.
pub(crate) struct Udp {
    to: HostPort,
    formatter: Formatter,
    timeouts: Timeouts,
    socket: Option<UdpSocket>,
}

impl Udp {
    pub(crate) fn new(to: HostPort, formatter: Formatter, timeouts: Timeouts) -> Self {
        Self { to, formatter, timeouts, socket: None }
    }

    fn open(&self) -> io::Result<UdpSocket> {
        let address = *resolve(&self.to, Deadline::within(self.timeouts.connect))?
            .first()
            .ok_or(io::ErrorKind::NotFound)?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_write_timeout(Some(self.timeouts.write))?;
        socket.set_read_timeout(Some(REFUSAL))?;
        Ok(socket)
    }
}

impl Receiver for Udp {
    fn send(&mut self, outgoing: &OutgoingAlert, _now: Timestamp) -> Result<(), Failure> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open().map_err(|e| unreachable("cannot open a socket", &e))?,
        };
        socket.send(self.formatter.line(outgoing).as_bytes()).map_err(|e| unreachable("cannot send", &e))?;
        self.socket = Some(socket);
        Ok(())
    }

    /// A datagram has no confirmation, but a host may refuse it.
    fn flush(&mut self) -> Result<(), Failure> {
        // The next batch looks the host's address up again.
        let Some(socket) = self.socket.take() else { return Ok(()) };
        match socket.recv(&mut [0; 16]) {
            Err(e) if !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(unreachable("the host refuses", &e))
            }
            _ => Ok(()),
        }
    }

    fn batch_size(&self) -> usize {
        BATCH_SIZE
    }
}
