//! The room where rows wait for the writer.
//!
//! As a rule it is small, so that a slow disk holds back the packets' reader, and what is then lost is lost in the kernel's ring and counted
//! there. While another program holds the database locked, a sensor goes on: rows wait in a larger room, and beyond it they are dropped and counted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bellwether_store::LockPatience;
use crossbeam_channel::{
    Receiver, RecvTimeoutError, SendTimeoutError, Sender, TryRecvError, TrySendError, bounded,
};

use crate::queues::Rows;

/// Row batches that wait as a rule: enough to keep the workers busy during one commit.
const BATCHES: usize = 32;

/// How long a batch waits at the door before it is looked whether the database is locked.
const AT_THE_DOOR: Duration = Duration::from_millis(20);

/// Nobody takes rows any more.
#[derive(Debug)]
pub(crate) struct Closed;

/// How rows wait for a locked database.
#[derive(Clone)]
pub struct Patience {
    /// How the writer waits.
    pub lock: Arc<LockPatience>,
    /// So many rows wait for it at most, where packets do not wait.
    pub rows: usize,
}

impl Patience {
    /// For a run without a database, which nobody can lock.
    #[must_use]
    pub fn without_database() -> Self {
        Self { lock: Arc::new(LockPatience::new(Duration::ZERO, |_| {})), rows: usize::MAX }
    }
}

/// The door by which rows come.
#[derive(Clone)]
pub(crate) struct Door {
    to: Sender<Rows>,
    more: Arc<More>,
}

/// The other side, where the writer takes them.
pub(crate) struct Hatch {
    from: Receiver<Rows>,
    more: Arc<More>,
}

/// The larger room behind the small one.
struct More {
    /// What waits, and how many rows that is.
    waiting: Mutex<(VecDeque<Rows>, usize)>,
    patience: Patience,
    /// Whether packets do not wait: rows are dropped rather than that.
    is_live: bool,
    dropped: AtomicU64,
}

impl More {
    fn waiting(&self) -> std::sync::MutexGuard<'_, (VecDeque<Rows>, usize)> {
        // A thread that failed left nothing half done: pushing and counting cannot.
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A room of its own for one run.
pub(crate) fn room(patience: Patience, is_live: bool) -> (Door, Hatch) {
    let (to, from) = bounded(BATCHES);
    let more = Arc::new(More { waiting: Mutex::default(), patience, is_live, dropped: AtomicU64::new(0) });
    (Door { to, more: Arc::clone(&more) }, Hatch { from, more })
}

impl Door {
    /// Hands rows on, and waits while there is no room. Those that came for a locked database when the larger room was full are dropped.
    pub(crate) fn send(&self, rows: Rows) -> Result<(), Closed> {
        self.hand(rows, true)
    }

    /// Hands on what there is little of and what must arrive, such as the count of what was lost.
    pub(crate) fn send_surely(&self, rows: Rows) -> Result<(), Closed> {
        self.hand(rows, false)
    }

    fn hand(&self, mut rows: Rows, may_drop: bool) -> Result<(), Closed> {
        loop {
            // Behind those that wait already, so that the order stays.
            let is_behind = self.more.is_live && !self.more.waiting().0.is_empty();
            if !is_behind {
                match self.to.send_timeout(rows, AT_THE_DOOR) {
                    Ok(()) => return Ok(()),
                    Err(SendTimeoutError::Disconnected(_)) => return Err(Closed),
                    Err(SendTimeoutError::Timeout(back)) => rows = back,
                }
            }
            let is_locked = self.more.is_live && self.more.patience.lock.is_waiting();
            if !is_behind && !is_locked {
                continue;
            }
            let mut waiting = self.more.waiting();
            let count = rows.rows.len();
            if waiting.1 + count <= self.more.patience.rows || !may_drop {
                waiting.1 += count;
                waiting.0.push_back(rows);
                return Ok(());
            }
            drop(waiting);
            if is_locked {
                self.more.dropped.fetch_add(count as u64, Ordering::Relaxed);
                return Ok(());
            }
            // The writer catches up.
            self.probe()?;
            std::thread::sleep(AT_THE_DOOR);
        }
    }

    /// Hands on what may be left out where there is no room at once.
    pub(crate) fn offer(&self, rows: Rows) {
        if self.more.waiting().0.is_empty() {
            let _ = self.to.try_send(rows);
        }
    }

    /// Whether anybody takes rows.
    pub(crate) fn probe(&self) -> Result<(), Closed> {
        match self.to.try_send(Rows { rows: Vec::new(), since: None }) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Closed),
        }
    }

    /// Rows that were dropped, so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.more.dropped.load(Ordering::Relaxed)
    }

    /// How often the writer had to wait for a lock.
    pub(crate) fn waits(&self) -> u64 {
        self.more.patience.lock.waits()
    }
}

impl Hatch {
    /// Takes what waits longest; none where nothing came in time.
    pub(crate) fn take(&self, within: Duration) -> Result<Option<Rows>, Closed> {
        match self.from.try_recv() {
            Ok(rows) => return Ok(Some(rows)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        {
            let mut waiting = self.more.waiting();
            if let Some(rows) = waiting.0.pop_front() {
                waiting.1 -= rows.rows.len();
                return Ok(Some(rows));
            }
        }
        match self.from.recv_timeout(within) {
            Ok(rows) => Ok(Some(rows)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Closed),
        }
    }

    /// How the writer waits for locks.
    pub(crate) fn lock(&self) -> &Arc<LockPatience> {
        &self.more.patience.lock
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::Timestamp;
    use bellwether_enrich::Row;

    use super::*;

    fn rows(mark: i64) -> Rows {
        let row = || Row::Losses(mark, Timestamp::from_nanos(mark), Vec::new());
        Rows { rows: vec![row(), row()], since: Some(Timestamp::from_nanos(mark)) }
    }

    fn mark(rows: &Rows) -> i64 {
        rows.since.map_or(-1, Timestamp::as_nanos)
    }

    /// A room whose database is locked, with place for ten rows; and the one who holds it, who lets go when dropped.
    fn locked() -> (Door, Hatch, tempfile::TempDir, std::thread::JoinHandle<()>, rusqlite::Connection) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut writer = bellwether_store::Writer::open(&path, "key").unwrap();
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let lock = Arc::new(LockPatience::new(Duration::from_millis(100), |_| ()));
        lock.set_endless(true);
        let waiting = std::thread::spawn({
            let lock = Arc::clone(&lock);
            move || {
                writer.wait_for_locks(&lock).unwrap();
                writer.close().unwrap();
                lock.is_over();
            }
        });
        let (door, hatch) = room(Patience { lock: Arc::clone(&lock), rows: 10 }, true);
        (door, hatch, folder, waiting, other)
    }

    #[test]
    fn rows_wait_in_order_for_a_locked_database_and_beyond_the_bound_are_counted() {
        let (door, hatch, _folder, waiting, other) = locked();
        while !hatch.lock().is_waiting() {
            std::thread::sleep(AT_THE_DOOR);
        }
        let fits = BATCHES as i64 + 5;
        for i in 0..fits + 3 {
            door.send(rows(i)).unwrap();
        }
        assert_eq!(door.dropped(), 6);
        door.send_surely(rows(fits)).unwrap();
        other.execute_batch("COMMIT").unwrap();
        waiting.join().unwrap();
        drop(door);
        let mut taken = Vec::new();
        while let Ok(Some(rows)) = hatch.take(Duration::from_millis(1)) {
            taken.push(mark(&rows));
        }
        assert_eq!(taken, (0..=fits).collect::<Vec<_>>());
    }

    #[test]
    fn a_slow_writer_holds_the_sender_back_and_nothing_is_dropped() {
        let lock = Arc::new(LockPatience::new(Duration::from_secs(1), |_| ()));
        let (door, hatch) = room(Patience { lock, rows: 1 }, true);
        let all = BATCHES as i64 * 3;
        let sending = std::thread::spawn(move || {
            (0..all).for_each(|i| door.send(rows(i)).unwrap());
            door.dropped()
        });
        let mut taken = Vec::new();
        while let Ok(rows) = hatch.take(Duration::from_secs(5)) {
            taken.extend(rows.iter().map(mark));
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!((taken, sending.join().unwrap()), ((0..all).collect::<Vec<_>>(), 0));
    }
}
