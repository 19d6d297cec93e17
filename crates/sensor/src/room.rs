//! The queue of rows for the writer.
//!
//! The regular queue is small: a slow disk then slows down the reader of packets, and any loss occurs in the
//! kernel's ring, which counts it. While the writer takes no rows at all, a live sensor continues, and rows wait
//! in a larger queue: another program holds the database locked, the operator labels a campaign of many calls, or
//! old rows are deleted. If the larger queue is full, rows are dropped and counted while the database is locked,
//! which may last for ever. Otherwise the sender waits.

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

/// Row batches in the regular queue: enough to keep the workers busy during one commit.
const BATCHES: usize = 32;

/// Wait for the regular queue before the writer's state is checked.
const AT_THE_DOOR: Duration = Duration::from_millis(20);

/// Waits without a sign of the writer after which it is away.
const AWAY_AFTER: u32 = 10;

/// The receiver of rows has ended.
#[derive(Debug)]
pub(crate) struct Closed;

/// Limits of waiting for a locked database.
#[derive(Clone)]
pub struct Patience {
    /// Lock handling of the writer.
    pub lock: Arc<LockPatience>,
    /// Limit of waiting rows for live packets.
    pub rows: usize,
}

impl Patience {
    /// For a run without a database, which cannot be locked.
    #[must_use]
    pub fn without_database() -> Self {
        Self { lock: Arc::new(LockPatience::new(Duration::ZERO, |_| {})), rows: usize::MAX }
    }
}

/// Sending side of the queue.
#[derive(Clone)]
pub(crate) struct Door {
    to: Sender<Rows>,
    more: Arc<More>,
}

/// Receiving side of the queue, for the writer.
pub(crate) struct Hatch {
    from: Receiver<Rows>,
    more: Arc<More>,
}

/// The larger queue behind the regular one.
struct More {
    /// Waiting batches, and their number of rows.
    waiting: Mutex<(VecDeque<Rows>, usize)>,
    patience: Patience,
    /// True for live packets, which do not wait: rows are dropped instead.
    is_live: bool,
    dropped: AtomicU64,
    /// How often the writer asked for rows.
    asked: AtomicU64,
}

impl More {
    fn waiting(&self) -> std::sync::MutexGuard<'_, (VecDeque<Rows>, usize)> {
        // A panic of another thread leaves the state consistent: pushing and counting cannot fail halfway.
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Creates a queue for one run.
pub(crate) fn room(patience: Patience, is_live: bool) -> (Door, Hatch) {
    let (to, from) = bounded(BATCHES);
    let more = Arc::new(More {
        waiting: Mutex::default(),
        patience,
        is_live,
        dropped: AtomicU64::new(0),
        asked: AtomicU64::new(0),
    });
    (Door { to, more: Arc::clone(&more) }, Hatch { from, more })
}

impl Door {
    /// Sends rows. Waits while the queue is full and the writer takes rows. If the database is locked and the
    /// larger queue is full, the rows are dropped.
    pub(crate) fn send(&self, rows: Rows) -> Result<(), Closed> {
        self.hand(rows, true)
    }

    /// Sends rows that must not be dropped, such as loss counters; there are few of them.
    pub(crate) fn send_surely(&self, rows: Rows) -> Result<(), Closed> {
        self.hand(rows, false)
    }

    fn hand(&self, mut rows: Rows, may_drop: bool) -> Result<(), Closed> {
        let (mut asked, mut waits) = (self.more.asked.load(Ordering::Relaxed), 0);
        loop {
            // New rows follow those that wait already, so that the order stays.
            let is_behind = self.more.is_live && !self.more.waiting().0.is_empty();
            if !is_behind {
                match self.to.send_timeout(rows, AT_THE_DOOR) {
                    Ok(()) => return Ok(()),
                    Err(SendTimeoutError::Disconnected(_)) => return Err(Closed),
                    Err(SendTimeoutError::Timeout(back)) => rows = back,
                }
            }
            let before = std::mem::replace(&mut asked, self.more.asked.load(Ordering::Relaxed));
            waits = if asked == before { waits + 1 } else { 0 };
            let is_locked = self.more.is_live && self.more.patience.lock.is_waiting();
            let is_away = self.more.is_live && waits >= AWAY_AFTER;
            if !is_behind && !is_locked && !is_away {
                continue;
            }
            let mut waiting = self.more.waiting();
            let count = rows.rows.len();
            if waiting.1 + count <= self.more.patience.rows || !may_drop {
                let is_first = waiting.0.is_empty();
                waiting.1 += count;
                waiting.0.push_back(rows);
                drop(waiting);
                if is_first {
                    let bound = self.more.patience.rows;
                    tracing::debug!(rows = count, bound, is_locked, "rows wait for the writer");
                }
                return Ok(());
            }
            drop(waiting);
            if is_locked {
                let before = self.more.dropped.fetch_add(count as u64, Ordering::Relaxed);
                if before == 0 {
                    tracing::debug!(
                        rows = count,
                        "rows dropped: the database is locked and enough rows wait"
                    );
                }
                return Ok(());
            }
            // The writer is away for long, or catches up.
            self.probe()?;
            std::thread::sleep(AT_THE_DOOR);
        }
    }

    /// Sends rows that may be left out if the queue is full.
    pub(crate) fn offer(&self, rows: Rows) {
        if self.more.waiting().0.is_empty() {
            let _ = self.to.try_send(rows);
        }
    }

    /// Checks that the receiver still runs.
    pub(crate) fn probe(&self) -> Result<(), Closed> {
        match self.to.try_send(Rows { rows: Vec::new(), since: None }) {
            Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
            Err(TrySendError::Disconnected(_)) => Err(Closed),
        }
    }

    /// Number of rows dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.more.dropped.load(Ordering::Relaxed)
    }

    /// Number of times the writer had to wait for a lock.
    pub(crate) fn waits(&self) -> u64 {
        self.more.patience.lock.waits()
    }
}

impl Hatch {
    /// Takes the oldest rows; none if nothing arrives in time.
    pub(crate) fn take(&self, within: Duration) -> Result<Option<Rows>, Closed> {
        self.more.asked.fetch_add(1, Ordering::Relaxed);
        match self.from.try_recv() {
            Ok(rows) => return Ok(Some(rows)),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        {
            let mut waiting = self.more.waiting();
            if let Some(rows) = waiting.0.pop_front() {
                waiting.1 -= rows.rows.len();
                let is_last = waiting.0.is_empty();
                drop(waiting);
                if is_last {
                    tracing::debug!("no row waits for the writer any more");
                }
                return Ok(Some(rows));
            }
        }
        match self.from.recv_timeout(within) {
            Ok(rows) => Ok(Some(rows)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Closed),
        }
    }

    /// Lock handling of the writer.
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

    /// A queue for ten rows whose database is locked, and the lock holder, which releases the lock when
    /// dropped.
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
    fn rows_wait_in_order_for_a_writer_that_is_away_and_beyond_the_bound_their_sender_waits() {
        let lock = Arc::new(LockPatience::new(Duration::from_secs(1), |_| ()));
        let (door, hatch) = room(Patience { lock, rows: 10 }, true);
        let (progress, sent) = std::sync::mpsc::channel();
        let all = BATCHES as i64 + 8;
        let sending = std::thread::spawn(move || {
            for i in 0..all {
                door.send(rows(i)).unwrap();
                progress.send(i).unwrap();
            }
            door.dropped()
        });
        // The regular queue and ten rows of the larger one.
        let fits = BATCHES + 5;
        assert_eq!(sent.iter().take(fits).count(), fits);
        assert!(sent.recv_timeout(AT_THE_DOOR * AWAY_AFTER * 2).is_err());
        let mut taken = Vec::new();
        while let Ok(Some(rows)) = hatch.take(Duration::from_secs(5)) {
            taken.push(mark(&rows));
        }
        taken.retain(|mark| *mark >= 0);
        assert_eq!((taken, sending.join().unwrap()), ((0..all).collect::<Vec<_>>(), 0));
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
