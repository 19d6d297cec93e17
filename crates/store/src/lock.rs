//! The wait of a writer while another program holds the database locked.
//!
//! SQLite calls the handler again and again inside the waiting statement. So no batch is half done, and no statement must be repeated. Long
//! locks come from a backup, a shell with an open transaction, or an attacker who wants to blind the sensor.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use crate::StoreError;

/// The pause of a wait before the next try.
const STEP: Duration = Duration::from_millis(25);

/// A longer wait is reported. A shorter one is another command that writes.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// A change of a writer's wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LockNews {
    /// Another program holds the database locked. Rows wait.
    Waits,
    /// The database is free again. The rows that waited are written.
    WritesAgain,
}

/// The patience of a writer with locks of other programs.
pub struct LockPatience {
    /// The longest wait, unless it is endless.
    longest: Duration,
    /// A longer wait is reported.
    tell_after: Duration,
    is_endless: AtomicBool,
    is_waiting: AtomicBool,
    waits: AtomicU64,
    hear: Box<dyn Fn(LockNews) + Send + Sync>,
}

impl LockPatience {
    /// Waits up to `longest`. `hear` gets one report of a long wait, and one of its end.
    #[must_use]
    pub fn new(longest: Duration, hear: impl Fn(LockNews) + Send + Sync + 'static) -> Self {
        Self {
            longest,
            tell_after: TELL_AFTER.min(longest / 2),
            is_endless: AtomicBool::new(false),
            is_waiting: AtomicBool::new(false),
            waits: AtomicU64::new(0),
            hear: Box::new(hear),
        }
    }

    /// The longest wait.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        self.longest
    }

    /// Waits without an end, or to the longest wait again.
    pub fn set_endless(&self, is_endless: bool) {
        self.is_endless.store(is_endless, Ordering::Relaxed);
    }

    /// Returns true if the writer is in a wait that was reported.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    /// The number of reported waits.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }

    /// Ends the wait after a successful statement.
    pub fn is_over(&self) {
        if self.is_waiting.swap(false, Ordering::Relaxed) {
            (self.hear)(LockNews::WritesAgain);
        }
    }

    /// Waits one step. Returns true for another try.
    fn wait(&self, steps: u32) -> bool {
        let waited = STEP * steps;
        if waited >= self.tell_after && !self.is_waiting.swap(true, Ordering::Relaxed) {
            self.waits.fetch_add(1, Ordering::Relaxed);
            (self.hear)(LockNews::Waits);
        }
        if waited >= self.longest && !self.is_endless.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(STEP);
        true
    }
}

thread_local! {
    /// SQLite's handler is a plain function. A connection waits in the thread that uses the connection.
    static PATIENCE: RefCell<Option<Arc<LockPatience>>> = const { RefCell::new(None) };
}

/// Lets a connection wait this way, in the present thread.
pub(crate) fn wait_with(db: &mut Connection, patience: Arc<LockPatience>) -> Result<(), StoreError> {
    PATIENCE.set(Some(patience));
    Ok(db.busy_handler(Some(|steps| {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        PATIENCE.with_borrow(|patience| patience.as_ref().is_some_and(|patience| patience.wait(steps)))
    }))?)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Writer;

    /// A database, and a second connection that holds it locked for writing.
    fn locked(room: &tempfile::TempDir) -> (Writer, Connection) {
        let path = room.path().join("x.db");
        let writer = Writer::open(&path, "key").unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        (writer, other)
    }

    fn patience(longest: Duration) -> (Arc<LockPatience>, Arc<Mutex<Vec<LockNews>>>) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let by = Arc::clone(&heard);
        (Arc::new(LockPatience::new(longest, move |news| by.lock().unwrap().push(news))), heard)
    }

    #[test]
    fn a_lock_that_ends_is_waited_for_and_told_once() {
        let room = tempfile::tempdir().unwrap();
        let (mut writer, other) = locked(&room);
        let (patience, heard) = patience(Duration::from_millis(200));
        patience.set_endless(true);
        let writing = std::thread::spawn({
            let patience = Arc::clone(&patience);
            move || {
                writer.wait_for_locks(&patience).unwrap();
                writer.reader().db.execute("INSERT INTO meta VALUES ('a', 'b')", []).unwrap();
                writer.reader().db.execute("INSERT INTO meta VALUES ('c', 'd')", []).unwrap();
                patience.is_over();
            }
        });
        while !patience.is_waiting() {
            std::thread::sleep(STEP);
        }
        // Longer than a wait with an end would be.
        std::thread::sleep(Duration::from_millis(400));
        assert!(!writing.is_finished());
        other.execute_batch("COMMIT").unwrap();
        writing.join().unwrap();
        assert_eq!(
            (heard.lock().unwrap().as_slice(), patience.waits()),
            (&[LockNews::Waits, LockNews::WritesAgain][..], 1)
        );
    }

    #[test]
    fn a_lock_that_outlasts_the_patience_is_an_error_that_says_so() {
        let room = tempfile::tempdir().unwrap();
        let (mut writer, other) = locked(&room);
        let (patience, heard) = patience(Duration::from_millis(100));
        writer.wait_for_locks(&patience).unwrap();
        let failed = writer.reader().db.execute("INSERT INTO meta VALUES ('a', 'b')", []).unwrap_err();
        assert!(StoreError::from(failed).is_locked());
        assert_eq!(*heard.lock().unwrap(), [LockNews::Waits]);
        drop(other);
    }

    #[test]
    fn a_reader_that_holds_its_transaction_stops_no_writer() {
        let room = tempfile::tempdir().unwrap();
        let (mut writer, other) = locked(&room);
        other.execute_batch("ROLLBACK; BEGIN; SELECT * FROM meta").unwrap();
        let (patience, heard) = patience(Duration::from_millis(100));
        writer.wait_for_locks(&patience).unwrap();
        writer.reader().db.execute("INSERT INTO meta VALUES ('a', 'b')", []).unwrap();
        writer.close().unwrap();
        assert!(heard.lock().unwrap().iter().all(|news| *news == LockNews::Waits));
    }
}
