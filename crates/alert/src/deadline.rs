//! Deadlines of sockets. They follow the process's own time and no capture's, so this is the one file of the crate that reads it.
#![expect(clippy::disallowed_types, reason = "a socket's deadline is the process's own time")]

use std::io;
use std::time::{Duration, Instant};

/// The moment at which an operation has to be over, in any number of steps.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    from: Instant,
    within: Duration,
}

impl Deadline {
    /// Starting now.
    pub(crate) fn within(within: Duration) -> Self {
        Self { from: Instant::now(), within }
    }

    /// The time since the start.
    pub(crate) fn spent(&self) -> Duration {
        self.from.elapsed()
    }

    /// The time that is left for the next step. It is never zero, because sockets take zero for no limit.
    ///
    /// # Errors
    /// If it has passed.
    pub(crate) fn left(&self) -> io::Result<Duration> {
        match self.within.checked_sub(self.spent()) {
            Some(left) if left > Duration::ZERO => Ok(left),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
