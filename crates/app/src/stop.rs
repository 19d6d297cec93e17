//! The ways to stop a run, and to have it read its configuration again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::AppError;

/// The longest time between a request and the end of a wait.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Asks a run to end in order. Clones are the same request.
#[derive(Clone, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A request by SIGINT or SIGTERM. The second signal ends the process at once, with code 1.
    ///
    /// # Errors
    /// If the system refuses to report signals.
    pub fn on_signals() -> Result<Self, AppError> {
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&stop))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
                .map_err(unwatched)?;
        }
        Ok(Self(stop))
    }

    /// Makes the request after a time, in a thread of its own.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn after(&self, time: Duration) -> Result<(), AppError> {
        let stop = self.clone();
        let wait = move || {
            std::thread::sleep(time);
            stop.now();
        };
        std::thread::Builder::new().name("duration".into()).spawn(wait).map_err(AppError::no_thread)?;
        Ok(())
    }

    /// Makes the request.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns true once the request was made.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Waits for the request, at most for a time.
    pub fn wait(&self, at_most: Duration) {
        let mut left = at_most;
        while !self.is_asked() && !left.is_zero() {
            let part = left.min(LOOK_EVERY);
            std::thread::sleep(part);
            left -= part;
        }
    }

    /// The request, as the sensor looks at it.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// Asks a run to read its configuration again, by SIGHUP.
#[derive(Debug)]
pub struct Hangup(Arc<AtomicBool>);

impl Hangup {
    /// Watches for the signal from now on.
    ///
    /// # Errors
    /// If the system refuses to report signals.
    pub fn watch() -> Result<Self, AppError> {
        let is_asked = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGHUP, Arc::clone(&is_asked)).map_err(unwatched)?;
        Ok(Self(is_asked))
    }

    /// Returns true once for each request.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

fn unwatched(e: std::io::Error) -> AppError {
    AppError::Work(format!("cannot watch for signals: {e}"))
}
