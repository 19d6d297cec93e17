//! Syslog over TCP, RFC 6587.

use std::io;

use crate::HostPort;
use crate::connection::{Connection, Dial, Plain};
use crate::deadline::Deadline;
use crate::dial;

/// Connects over TCP.
pub(crate) struct TcpDial(pub(crate) HostPort);

impl Dial for TcpDial {
    fn dial(&mut self, deadline: Deadline) -> io::Result<Box<dyn Connection>> {
        let (socket, round_trip) = dial::connect(&self.0, deadline)?;
        Ok(Box::new(Plain { socket, round_trip }))
    }
}
