//! Syslog over connections: TCP (RFC 6587), TLS (RFC 5425), a local stream socket.
//!
//! Syslog has no acknowledgement. Octets that the kernel took may lie unread in a server that is about to restart. But a server's kernel
//! answers the end of our stream (half-close, `close_notify`) with an orderly end only if its program has read everything before; otherwise
//! it resets the connection. So the end of the connection confirms a batch: we end it, and wait for the server's end. Alerts are rare enough
//! for one connection per batch, and RFC 5425 section 4.4 demands the answer.
//!
//! Some servers never end a connection. For them the confirmation can be switched off: the connection stays open, and after it broke the
//! last messages are sent again. Most of them are duplicates, and a duplicate is better than a loss.

use std::collections::VecDeque;

use bellwether_base::{OutgoingAlert, Timestamp};

use crate::connection::{Connection, Dial};
use crate::deadline::Deadline;
use crate::format::Formatter;
use crate::receiver::unreachable;
use crate::{Failure, Receiver, Timeouts};

/// The most messages that are sent again after an unconfirmed connection broke.
const WINDOW: usize = 64;

/// Messages that one end of a connection confirms. A failure sends all of them again.
const BATCH_SIZE: usize = 256;

/// The framing of messages in a stream.
#[derive(Clone, Copy)]
pub(crate) enum Framing {
    /// The length in octets before each message (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
    OctetCounting,
    /// A line feed after each message (RFC 6587 section 3.4.2). No message holds one.
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
    formatter: Formatter,
    timeouts: Timeouts,
    /// True if the server confirms each batch by the end of its connection.
    confirm: bool,
    connection: Option<Box<dyn Connection>>,
    /// The last messages of an unconfirmed connection: they may not have arrived.
    window: VecDeque<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(
        dial: Box<dyn Dial>,
        framing: Framing,
        formatter: Formatter,
        timeouts: Timeouts,
        confirm: bool,
    ) -> Self {
        Self { dial, framing, formatter, timeouts, confirm, connection: None, window: VecDeque::new() }
    }

    /// Takes the open connection, or makes a new one. After a failure no connection is put back.
    fn connected(&mut self) -> Result<Box<dyn Connection>, Failure> {
        if let Some(mut open) = self.connection.take() {
            match open.check() {
                Ok(()) => return Ok(open),
                // Messages sent before on this connection are in doubt: the deliverer sends them again.
                Err(e) if self.confirm => return Err(unreachable("the connection broke", &e)),
                Err(_) => {}
            }
        }
        let mut new = self
            .dial
            .dial(Deadline::within(self.timeouts.connect))
            .map_err(|e| unreachable("cannot connect", &e))?;
        let deadline = Deadline::within(self.timeouts.write);
        for frame in &self.window {
            new.write(frame, deadline).map_err(|e| unreachable("cannot write", &e))?;
        }
        Ok(new)
    }
}

impl Receiver for Stream {
    fn send(&mut self, outgoing: &OutgoingAlert, _now: Timestamp) -> Result<(), Failure> {
        let frame = self.framing.frame(&self.formatter.line(outgoing));
        let mut connection = self.connected()?;
        connection
            .write(&frame, Deadline::within(self.timeouts.write))
            .map_err(|e| unreachable("cannot write", &e))?;
        self.connection = Some(connection);
        if !self.confirm {
            if self.window.len() == WINDOW {
                self.window.pop_front();
            }
            self.window.push_back(frame);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if !self.confirm {
            return Ok(());
        }
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        connection
            .finish(Deadline::within(self.timeouts.confirm))
            .map_err(|e| unreachable("what was sent is not confirmed", &e))
    }

    /// Without confirmation a failure must not send a whole batch again.
    fn batch_size(&self) -> usize {
        if self.confirm { BATCH_SIZE } else { 1 }
    }
}
