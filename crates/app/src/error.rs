use std::fmt;
use std::io;

use bellwether_sensor::SensorError;
use bellwether_store::StoreError;

/// Why the program cannot start or go on.
#[derive(Debug)]
pub enum AppError {
    /// An option is wrong.
    Option(String),
    /// The system or another program refuses.
    Work(String),
    /// The database fails.
    Store(StoreError),
    /// The sensor fails.
    Sensor(SensorError),
}

impl AppError {
    /// The system gives no more threads: a service manager may limit their number.
    pub(crate) fn no_thread(e: io::Error) -> Self {
        Self::Work(format!("cannot start a thread: {e}"))
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(text) | Self::Work(text) => f.write_str(text),
            Self::Store(e) => e.fmt(f),
            Self::Sensor(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for AppError {}

impl From<StoreError> for AppError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<SensorError> for AppError {
    fn from(e: SensorError) -> Self {
        Self::Sensor(e)
    }
}
