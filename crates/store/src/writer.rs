mod blindness;
mod changes;
mod clocks;
mod incidents;
mod statements;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_base::{CallId, Timestamp};
use bellwether_enrich::{AuthorRow, CallUpdate, FingerprintRow, Masked, OrphanByeRow, Row};
use bellwether_fingerprint::{Grammar, PrintHash};
use bellwether_scoring::{Changes, Settings};
use rusqlite::Connection;

use crate::alerts::Announcer;
use crate::retention::{self, Retention};
use crate::schema::open_for_writing;
use crate::{
    Labels, LockPatience, Reader, SqliteHistory, StoreError, label_evidence, lock, sensor_clock,
    sqlite_history,
};

pub use statements::unpack_codes;

/// The one writer of a database. Rows wait in a batch, and [`Writer::commit`] writes the batch in one transaction. [`Writer::write_rows`]
/// writes it earlier, in the same transaction: a query over this connection finds the rows then.
pub struct Writer {
    /// The connection, and queries over it.
    pub(crate) reader: Reader,
    /// Start times of the calls of earlier runs.
    earlier: Option<RangeInclusive<Timestamp>>,
    /// Signals new alerts to delivery.
    pub(crate) announcer: Announcer,
    pending: Vec<Row>,
    /// The number of rows in the open transaction. `None` without an open transaction.
    written: Option<usize>,
    /// Pending updates of calls. A later update of a call replaces an earlier one, so most calls cost one statement.
    /// The order is the order of the rows, by start time: neighbours share a page, which is then read and written
    /// once.
    updates: BTreeMap<(Timestamp, CallId), Box<CallUpdate>>,
    /// Ends of calls whose INVITE this run did not see. They are written after the updates, because an update of the same
    /// call may come before its end.
    ends: Vec<OrphanByeRow>,
    /// Fingerprints repeat with every call, so each is written once per batch.
    fingerprints: BTreeMap<PrintHash, Box<FingerprintRow>>,
    /// Knowledge of authors that is already pending for the next commit. Each shard learns separately.
    authors: BTreeMap<PrintHash, KnownAuthor>,
    /// True if nothing is to stay: all steps are in one transaction, which is never committed.
    pub(crate) is_trial: bool,
}

/// The stored knowledge about one author.
#[derive(Default)]
struct KnownAuthor {
    habits: BTreeSet<(String, Masked)>,
    identifiers: BTreeMap<&'static str, Grammar>,
}

/// The maximum number of remembered authors, and of habits of each. Larger numbers indicate an attack and are not written.
const MAX_HABITS: usize = 512;
const MAX_AUTHORS: usize = 1024;

impl Writer {
    /// Opens or creates the database. `key_id` names the key of its tokens.
    ///
    /// # Errors If the database cannot be opened, is newer than this program, or has another key.
    pub fn open(path: &Path, key_id: &str) -> Result<Self, StoreError> {
        let reader = Reader::from_connection(open_for_writing(path, key_id)?);
        let earlier = sqlite_history::span_of_calls(&reader.db)?;
        Ok(Self {
            reader,
            earlier,
            announcer: Announcer::default(),
            pending: Vec::new(),
            written: None,
            updates: BTreeMap::new(),
            ends: Vec::new(),
            fingerprints: BTreeMap::new(),
            authors: BTreeMap::new(),
            is_trial: false,
        })
    }

    /// Configures the reader for device verdicts.
    #[must_use]
    pub fn reading_with(self, as_read: impl FnOnce(Reader) -> Reader) -> Self {
        Self { reader: as_read(self.reader), ..self }
    }

    /// The history for the scoring engine: the database with the pending changes on top. A failure of the database goes to
    /// `failure`.
    pub const fn history<'a>(
        &'a self,
        pending: &'a Changes,
        failure: &'a mut Option<StoreError>,
    ) -> SqliteHistory<'a> {
        SqliteHistory { reader: &self.reader, pending, earlier: &self.earlier, failure }
    }

    /// The operator's labels if they changed since `state`. Updates `state`.
    ///
    /// # Errors
    /// If the database fails.
    pub fn changed_labels(&self, state: &mut Option<String>) -> Result<Option<Labels>, StoreError> {
        let now = label_evidence::state(&self.reader.db)?;
        if state.as_deref() == Some(now.as_str()) {
            return Ok(None);
        }
        *state = Some(now);
        label_evidence::evidence(&self.reader.db).map(Some)
    }

    /// Sets the patience for locks of other programs, for all operations of this writer. Waits happen in the calling thread.
    ///
    /// # Errors
    /// If the database fails.
    pub fn wait_for_locks(&mut self, patience: &Arc<LockPatience>) -> Result<(), StoreError> {
        lock::wait_with(&mut self.reader.db, Arc::clone(patience))
    }

    /// The reason for the end of a run, as text. A lock that outlasted the patience has its own text.
    #[must_use]
    pub fn locked_out(path: &Path, patience: &LockPatience, error: StoreError) -> StoreError {
        if !error.is_locked() {
            return error;
        }
        StoreError::Locked { path: path.to_path_buf(), waited: patience.longest() }
    }

    /// The path of the database.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.reader.db.path().unwrap_or_default().into()
    }

    /// A reader of the committed rows over the same connection.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Adds a row to the batch.
    pub fn push(&mut self, row: Row) {
        match row {
            Row::Fingerprint(row) => {
                // The last time of a fingerprint must not depend on the time of the last commit.
                let at = row.at;
                let known = self.fingerprints.entry(row.fingerprint).or_insert(row);
                known.at = known.at.max(at);
            }
            Row::CallUpdate(update) => {
                self.updates.insert((update.started_at, update.call), update);
            }
            Row::CallUnderWay(mut update) => {
                // This update has no final status yet. An earlier final status stays.
                let at = (update.started_at, update.call);
                update.final_status =
                    update.final_status.or(self.updates.get(&at).and_then(|u| u.final_status));
                self.updates.insert(at, update);
            }
            Row::OrphanBye(row) => self.ends.push(*row),
            Row::Author(mut row) => {
                if self.is_news(&mut row) {
                    self.pending.push(Row::Author(row));
                }
            }
            row => self.pending.push(row),
        }
    }

    /// Removes the known parts of an author's row. Returns true if new parts are left.
    fn is_news(&mut self, row: &mut AuthorRow) -> bool {
        if self.authors.len() >= MAX_AUTHORS {
            self.authors.clear();
        }
        let known = self.authors.entry(row.author).or_default();
        row.habits.retain(|habit| known.habits.len() < MAX_HABITS && known.habits.insert(habit.clone()));
        row.identifiers.retain(|(name, grammar)| {
            let known = known.identifiers.entry(name);
            match known {
                Entry::Vacant(vacant) => {
                    vacant.insert(*grammar);
                    true
                }
                Entry::Occupied(mut occupied) => occupied.get_mut().learn(grammar),
            }
        });
        !row.habits.is_empty() || !row.identifiers.is_empty()
    }

    /// The number of rows in the batch, without updates of calls.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len() + self.written.unwrap_or(0)
    }

    /// The number of updates of calls in the batch. A later update replaces an earlier one, so holding back updates saves
    /// statements.
    #[must_use]
    pub fn pending_updates(&self) -> usize {
        self.updates.len() + self.ends.len()
    }

    /// Writes the batch, all or nothing: rows, updates of calls if `with_updates`, and changes of scoring if present.
    ///
    /// # Errors
    /// If the database refuses. Nothing of the batch is in the database then, and all earlier batches are.
    pub fn commit(
        &mut self,
        with_updates: bool,
        scored: Option<(&Changes, &Settings)>,
    ) -> Result<(), StoreError> {
        let has_updates = with_updates && self.pending_updates() > 0;
        let has_rows = !self.pending.is_empty() || !self.fingerprints.is_empty() || self.written.is_some();
        if !has_rows && !has_updates && scored.is_none() {
            return Ok(());
        }
        self.write_rows()?;
        self.begin()?;
        let done = self.write_updates(with_updates).and_then(|()| {
            scored.map_or(Ok(()), |(changes, settings)| changes::write(&self.reader.db, changes, settings))
        });
        let done = done.and_then(|()| if self.is_trial { Ok(()) } else { self.run("COMMIT") });
        self.or_roll_back(done)?;
        self.written = None;
        if with_updates {
            self.updates.clear();
            self.ends.clear();
        }
        self.announce_alerts();
        Ok(())
    }

    /// Writes the rows of the batch, except updates of calls, in a transaction that the next commit closes.
    ///
    /// # Errors
    /// If the database refuses. Nothing of the batch is in the database then.
    pub fn write_rows(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() && self.fingerprints.is_empty() {
            return Ok(());
        }
        self.begin()?;
        let db = &self.reader.db;
        let prints = self.fingerprints.values().try_for_each(|row| statements::fingerprint(db, row));
        let done = prints.and_then(|()| self.pending.iter().try_for_each(|row| statements::write(db, row)));
        self.or_roll_back(done)?;
        self.written = Some(self.written.unwrap_or(0) + self.pending.len());
        self.pending.clear();
        self.fingerprints.clear();
        Ok(())
    }

    fn write_updates(&self, with_updates: bool) -> Result<(), StoreError> {
        if !with_updates {
            return Ok(());
        }
        let db = &self.reader.db;
        self.updates.values().try_for_each(|update| statements::call_update(db, update))?;
        self.ends.iter().try_for_each(|end| statements::call_end(db, end))
    }

    /// Opens a transaction unless one is open.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        if self.written.is_none() {
            if !self.is_trial {
                self.run("BEGIN IMMEDIATE")?;
            }
            self.written = Some(0);
        }
        Ok(())
    }

    /// A failure leaves nothing of the transaction.
    pub(crate) fn or_roll_back(&mut self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if done.is_err() {
            self.written = None;
            // After some failures SQLite has rolled back already, and refuses a second rollback.
            let _ = self.run("ROLLBACK");
        }
        done
    }

    /// Does something in a transaction of its own, or in a step of the trial.
    pub(crate) fn in_transaction<T>(
        &mut self,
        what: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.is_trial {
            let step = self.reader.db.savepoint()?;
            let done = what(&step)?;
            step.commit()?;
            return Ok(done);
        }
        let tx = self.reader.db.transaction()?;
        let done = what(&tx)?;
        tx.commit()?;
        Ok(done)
    }

    fn run(&self, statement: &str) -> Result<(), StoreError> {
        Ok(self.reader.db.execute_batch(statement)?)
    }

    /// Deletes rows beyond the maximum age, the oldest first, in rounds of some 2,000 while it `has_time`. Returns their
    /// number.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn prune_by_age(
        &mut self,
        retention: &Retention,
        now: Timestamp,
        has_time: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        let db = &mut self.reader.db;
        let gone = retention.keep.map_or(Ok(0), |keep| retention::prune_by_age(db, keep, now, has_time))?;
        self.forget_if(gone);
        Ok(gone)
    }

    /// Deletes the oldest rows if the database has nearly reached its bound, in rounds of some 2,000 while it `has_time`.
    /// Returns their number.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn prune_by_size(
        &mut self,
        retention: &Retention,
        has_time: &dyn Fn() -> bool,
    ) -> Result<u64, StoreError> {
        let db = &mut self.reader.db;
        let gone = retention.max_bytes.map_or(Ok(0), |max| retention::prune_by_size(db, max, has_time))?;
        self.forget_if(gone);
        Ok(gone)
    }

    /// The database may have lost features of authors.
    fn forget_if(&mut self, gone: u64) {
        if gone > 0 {
            self.authors.clear();
        }
    }

    /// Finds steps of the sensor's clock in the written rows.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_sensor_clock_steps(&mut self) -> Result<(), StoreError> {
        sensor_clock::find_steps(&self.reader.db)
    }

    /// Forgets what the reader has cached.
    pub fn forget(&mut self) {
        self.reader.forget();
    }

    /// Commits the batch and ends the write-ahead log, so that the database is one file again.
    ///
    /// # Errors
    /// If the last batch or the log cannot be written.
    pub fn close(mut self) -> Result<Reader, StoreError> {
        self.commit(true, None)?;
        self.reader.db.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))?;
        self.reader.forget();
        Ok(self.reader)
    }
}
