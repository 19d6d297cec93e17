//! Syslog over UDP, RFC 5426: one message is one datagram.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use bellwether_base::Timestamp;

use crate::deadline::Deadline;
use crate::dial::resolve;
use crate::open::{Timeouts, Writer};
use crate::receiver::away;
use crate::{Failure, HostPort, Notice, Receiver};

/// How long a host is given to answer that nobody listens at the port (ICMP). It is the only answer there is.
const REFUSAL: Duration = Duration::from_millis(50);

/// A portion fits into a server's default receive buffer (some 212 kB, a small datagram counts for up to 2.3 kB there).
const PORTION: usize = 64;

/// A syslog server over UDP.
pub(crate) struct Udp {
    pub(crate) to: HostPort,
    pub(crate) writer: Writer,
    pub(crate) patience: Timeouts,
    pub(crate) socket: Option<UdpSocket>,
}

impl Udp {
    fn open(&self) -> io::Result<UdpSocket> {
        let address = *resolve(&self.to, Deadline::within(self.patience.connect))?
            .first()
            .ok_or(io::ErrorKind::NotFound)?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_write_timeout(Some(self.patience.write))?;
        socket.set_read_timeout(Some(REFUSAL))?;
        Ok(socket)
    }
}

impl Receiver for Udp {
    fn send(&mut self, notice: &Notice, _now: Timestamp) -> Result<(), Failure> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.open().map_err(|e| away("cannot open a socket", &e))?,
        };
        socket.send(self.writer.line(notice).as_bytes()).map_err(|e| away("cannot send", &e))?;
        self.socket = Some(socket);
        Ok(())
    }

    /// Nobody confirms a datagram; a host that refuses it can be heard.
    fn settle(&mut self) -> Result<(), Failure> {
        // The next portion asks for the host's address again.
        let Some(socket) = self.socket.take() else { return Ok(()) };
        match socket.recv(&mut [0; 16]) {
            Err(e) if !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                Err(away("the host refuses", &e))
            }
            _ => Ok(()),
        }
    }

    fn portion(&self) -> usize {
        PORTION
    }
}
