//! Delivery of alerts beside a run: one thread for each receiver, so that none waits for another.

mod options;
mod spool;
mod thread;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_store::{AlertSignal, AlertSpool};

pub use options::{AlertOptions, ReceiverOptions};

use crate::AppError;
use options::AnyDeliverer;
use spool::SevereSpool;
use thread::{DeliveryThread, Wakes};

/// The longest wait without a look into the spool. The commits of this process raise the signal; those of another process (`label`) do not.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Receivers that are open, each with its place in the spool.
pub struct Deliveries {
    receivers: Vec<(AnyDeliverer, SevereSpool)>,
    db: PathBuf,
    key_id: String,
    signal: AlertSignal,
    look_every: Duration,
}

/// Replaces the receivers: all of them, or none if one cannot be opened.
pub type Exchange<'a> = dyn Fn(&AlertOptions) -> Result<(), AppError> + 'a;

/// Threads that were started together, until an exchange replaces them.
#[derive(Debug, Default)]
struct Generation {
    is_replaced: AtomicBool,
    running: AtomicUsize,
}

/// One thread of a generation. It is counted until it is dropped, however the thread ends.
struct Member {
    generation: Arc<Generation>,
    signal: AlertSignal,
}

impl Member {
    fn of(generation: &Arc<Generation>, signal: &AlertSignal) -> Self {
        generation.running.fetch_add(1, Ordering::Relaxed);
        Self { generation: Arc::clone(generation), signal: signal.clone() }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.generation.running.fetch_sub(1, Ordering::Release);
        self.signal.raise();
    }
}

/// Signals the end of the run to all threads, after any kind of end.
struct EndsOnDrop<'a>(&'a AtomicBool, &'a AlertSignal);

impl Drop for EndsOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.raise();
    }
}

impl Deliveries {
    /// Opens the receivers. A new one gets a cursor behind the newest alert. A database in memory has no receivers.
    ///
    /// # Errors
    /// If an option or a file of a receiver cannot be used, or the database fails.
    pub fn open(options: &AlertOptions, db: &Path, key_id: &str) -> Result<Self, AppError> {
        let mut receivers = Vec::new();
        if db != Path::new(":memory:") {
            for receiver in &options.receivers {
                let mut spool = AlertSpool::open(db, key_id)?;
                spool.register(&receiver.name)?;
                receivers.push((receiver.open(options)?, SevereSpool { spool, least: options.least }));
            }
        }
        let (db, key_id, signal) = (db.to_path_buf(), key_id.to_owned(), AlertSignal::default());
        Ok(Self { receivers, db, key_id, signal, look_every: LOOK_EVERY })
    }

    /// Returns true if no receiver is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.receivers.is_empty()
    }

    /// The signal that wakes the threads for new alerts.
    #[must_use]
    pub fn signal(&self) -> &AlertSignal {
        &self.signal
    }

    /// Does `work` while alerts go out, and delivers the rest after it. `tell` gets messages about receivers; `work` may exchange them.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn beside<T>(
        self,
        tell: &(dyn Fn(&str) + Sync),
        work: impl FnOnce(&Exchange<'_>) -> T,
    ) -> Result<T, AppError> {
        let is_over = AtomicBool::new(false);
        let Self { receivers, db, key_id, signal, look_every } = self;
        std::thread::scope(|scope| {
            let (is_over, signal) = (&is_over, &signal);
            let _ends = EndsOnDrop(is_over, signal);
            let start = |receivers: Vec<_>, before: Arc<Generation>, generation: &Arc<Generation>| {
                receivers.into_iter().try_for_each(|(deliverer, spool)| {
                    let (before, member) = (Arc::clone(&before), Member::of(generation, signal));
                    let thread =
                        DeliveryThread::new(deliverer, spool, Wakes { signal, is_over, look_every }, tell);
                    std::thread::Builder::new()
                        .name(format!("alerts-{}", thread.name()))
                        .spawn_scoped(scope, move || thread.run(&before, &member.generation))
                        .map_err(AppError::no_thread)?;
                    Ok(())
                })
            };
            let present = RefCell::new(Arc::new(Generation::default()));
            let exchange = |options: &AlertOptions| {
                let opened = Self::open(options, &db, &key_id)?;
                let next = Arc::new(Generation::default());
                let before = present.replace(Arc::clone(&next));
                before.is_replaced.store(true, Ordering::Relaxed);
                signal.raise();
                start(opened.receivers, before, &next)
            };
            let first = Arc::clone(&present.borrow());
            start(receivers, Arc::default(), &first)?;
            Ok(work(&exchange))
        })
    }
}

#[cfg(test)]
mod tests;
