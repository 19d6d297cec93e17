//! How long a socket is waited for. This is the process's own time and no capture's, so it is read here and in no
//! other file of the crate.
#![expect(clippy::disallowed_types, reason = "a socket's patience is the process's own time")]

use std::io;
use std::time::{Duration, Instant};

/// The moment at which something has to be over, in however many steps it is done.
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

    /// How long it has been.
    pub(crate) fn spent(&self) -> Duration {
        self.from.elapsed()
    }

    /// What is left for the next step; never nothing, as sockets take that for waiting without an end.
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
