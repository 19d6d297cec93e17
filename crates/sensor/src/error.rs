use std::fmt;

use bellwether_capture::{LiveError, OpenError};
use bellwether_store::StoreError;

/// An error that ends a run.
#[derive(Debug)]
pub enum SensorError {
    /// An input cannot be opened.
    Open(OpenError),
    /// An interface cannot be captured from.
    Live(LiveError),
    /// The database cannot be written.
    Store(StoreError),
    /// The system cannot start another thread.
    Thread(String),
    /// A thread ended unexpectedly.
    Stopped,
}

impl fmt::Display for SensorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(e) => e.fmt(f),
            Self::Live(e) => e.fmt(f),
            Self::Store(e) => e.fmt(f),
            Self::Thread(why) => write!(f, "cannot start a thread: {why}"),
            Self::Stopped => f.write_str("a worker stopped unexpectedly; this is a bug"),
        }
    }
}

impl std::error::Error for SensorError {}
