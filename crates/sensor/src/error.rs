use bellwether_capture::{LiveError, OpenError};
use bellwether_store::StoreError;

/// An error that ends a run.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// An input cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// An interface cannot be captured from.
    #[error(transparent)]
    Live(LiveError),
    /// The database cannot be written.
    #[error(transparent)]
    Store(StoreError),
    /// The system cannot start another thread.
    #[error("cannot start a thread: {0}")]
    Thread(String),
    /// A thread ended unexpectedly.
    #[error("a worker stopped unexpectedly; this is a bug")]
    Stopped,
}
