mod blindness;
mod clocks;
mod statements;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_base::Timestamp;
use bellwether_enrich::{AuthorRow, CallUpdate, FingerprintRow, OrphanByeRow, Row};
use bellwether_fingerprint::{Grammar, PrintHash};
use bellwether_scoring::ScoringEngine;

use crate::alerts::Announcer;
use crate::judging::Judging;
use crate::retention::{self, Retention};
use crate::schema::open_for_writing;
use crate::verdicts::DirtySubjects;
use crate::{LockPatience, Reader, StoreError, lock, sensor_clock};

pub(crate) use blindness::prune as prune_blind_spans;
pub(crate) use statements::unpack_codes;

/// The one writer of a database. Rows are gathered and written in one transaction per [`Writer::commit`]. A question about
/// earlier rows writes them first, in the same transaction: over this connection they are there.
pub struct Writer {
    /// The connection, and what is read over it to judge what was written.
    pub(crate) reader: Reader,
    /// Whom the rows of late concern.
    pub(crate) touched: DirtySubjects,
    /// Tells delivery of new alerts.
    pub(crate) announcer: Announcer,
    /// Judges calls on their way, if it does.
    pub(crate) judging: Option<Judging>,
    /// So many conclusions are kept back until the end; none if 0.
    most_held: usize,
    /// What went wrong before the next commit could tell.
    failure: Option<StoreError>,
    pending: Vec<Row>,
    /// Rows that were written in a transaction that is still open; none where there is none.
    written: Option<usize>,
    /// What became of calls: a later update of a call replaces an earlier one, so that most calls cost one
    /// statement and not one for each thing that happened to them. In the order in which the calls began, as
    /// their rows lie: neighbours share a page, which is then fetched and written once.
    updates: BTreeMap<(Timestamp, i64), Box<CallUpdate>>,
    /// Ends of calls that this run does not know, written behind the updates: one of them may be the call's last word.
    ends: Vec<OrphanByeRow>,
    /// Fingerprints repeat with every call, so each is written once per batch.
    fingerprints: BTreeMap<PrintHash, Box<FingerprintRow>>,
    /// What is known of authors to be written already: each shard learns for itself.
    authors: BTreeMap<PrintHash, KnownAuthor>,
}

/// What the database holds of one author.
#[derive(Default)]
struct KnownAuthor {
    habits: BTreeSet<(String, String)>,
    identifiers: BTreeMap<&'static str, Grammar>,
}

/// Authors whose rows are remembered, and habits of each: more is an attacker's, and not written.
const MAX_HABITS: usize = 512;
const MAX_AUTHORS: usize = 1024;

impl Writer {
    /// Opens or makes the database; `key_id` names the key of its tokens.
    ///
    /// # Errors
    /// If it cannot be opened, is newer than this program, or was made with another key.
    pub fn open(path: &Path, key_id: &str) -> Result<Self, StoreError> {
        Ok(Self {
            reader: Reader::from_connection(open_for_writing(path, key_id)?),
            touched: DirtySubjects::default(),
            announcer: Announcer::default(),
            judging: None,
            most_held: 0,
            failure: None,
            pending: Vec::new(),
            written: None,
            updates: BTreeMap::new(),
            ends: Vec::new(),
            fingerprints: BTreeMap::new(),
            authors: BTreeMap::new(),
        })
    }

    /// Reads this way when verdicts are worked out.
    #[must_use]
    pub fn judging(self, as_read: impl FnOnce(Reader) -> Reader) -> Self {
        Self { reader: as_read(self.reader), ..self }
    }

    /// Judges calls on their way to the database.
    ///
    /// # Errors
    /// If the labels cannot be read.
    pub fn assessing(mut self, assessor: ScoringEngine) -> Result<Self, StoreError> {
        let mut judging = Judging::new(assessor, &self.reader)?;
        judging.read_labels(&self.reader)?;
        self.judging = Some(judging);
        Ok(self)
    }

    /// Keeps back what is concluded until the end, or until it is so many scores and changes, and lets the rows that it is of go ahead.
    ///
    /// What was concluded in the middle of a capture is in the way of concluding it again: a call's end is judged by campaigns that had
    /// not been found by then, recordings were heard by a process that is gone. So a replay that is killed shall leave none of it, and the next
    /// one comes to what an undisturbed one comes to. 0 ends it.
    pub const fn hold(&mut self, most: usize) {
        self.most_held = most;
    }

    /// Waits so for those that lock the database, whatever it is doing; in the thread that calls this.
    ///
    /// # Errors
    /// If the database fails.
    pub fn wait_for_locks(&mut self, patience: &Arc<LockPatience>) -> Result<(), StoreError> {
        lock::wait_with(&mut self.reader.db, Arc::clone(patience))
    }

    /// In words, why a run of this writer ends: of a lock that outlasted the patience it says so.
    #[must_use]
    pub fn locked_out(path: &Path, patience: &LockPatience, error: StoreError) -> StoreError {
        if !error.is_locked() {
            return error;
        }
        StoreError::Locked { path: path.to_path_buf(), waited: patience.longest() }
    }

    /// Where the database is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.reader.db.path().unwrap_or_default().into()
    }

    /// What is committed, read over the same connection.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Adds rows to the batch.
    pub fn push_all(&mut self, rows: Vec<Row>) {
        let mut rows = rows.into_iter();
        while !rows.as_slice().is_empty() {
            if let Some(judging) = &mut self.judging {
                judging.assessor.prefetch(rows.as_slice());
            }
            rows.by_ref().take(ScoringEngine::AHEAD).for_each(|row| self.push(row));
        }
    }

    /// Adds a row to the batch.
    pub fn push(&mut self, row: Row) {
        self.touched.note(&row);
        self.judge(&row);
        match row {
            Row::Fingerprint(row) => {
                // When it was seen last must not depend on when was committed last.
                let at = row.at;
                let known = self.fingerprints.entry(row.fingerprint).or_insert(row);
                known.at = known.at.max(at);
            }
            Row::CallUpdate(update) => {
                self.updates.insert((update.started_at, update.call), update);
            }
            Row::CallUnderWay(mut update) => {
                // It tells no answer that may be followed by another; what was told already stays.
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

    /// Judges a row. The answer about a platform must not depend on when was committed last, so that all rows before are
    /// written now and then.
    fn judge(&mut self, row: &Row) {
        let Some(judging) = &self.judging else { return };
        if let Row::Call(call) = row
            && judging.assessor.will_ask_platform(call)
            && let Err(e) = self.write()
        {
            self.failure.get_or_insert(e);
        }
        if let Some(judging) = &mut self.judging {
            judging.row(&self.reader, row);
        }
    }

    /// Leaves of an author's row what was not written yet; answers whether that is anything.
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

    /// Rows in the batch, updates of calls aside.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len() + self.written.unwrap_or(0)
    }

    /// Updates of calls in the batch: worth holding back, as later ones replace them.
    #[must_use]
    pub fn pending_updates(&self) -> usize {
        let scores = if self.holds() { 0 } else { self.judging.as_ref().map_or(0, Judging::pending_scores) };
        self.updates.len() + self.ends.len() + scores / 2
    }

    /// Whether what was concluded waits.
    fn holds(&self) -> bool {
        self.judging.as_ref().is_some_and(|judging| judging.pending_scores() < self.most_held)
    }

    /// Writes the batch, all or nothing; the updates of calls only `with_updates`.
    ///
    /// # Errors
    /// If the database refuses; nothing of the batch is in it then, and all earlier batches are.
    pub fn commit(&mut self, with_updates: bool) -> Result<(), StoreError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Some(judging) = &mut self.judging {
            judging.failure()?;
            if with_updates {
                judging.settle();
            }
        }
        let judged = self.judging.as_ref().filter(|judging| with_updates && !judging.is_empty());
        let has_outcomes = judged.is_some() && !self.holds();
        let has_updates = with_updates && (self.pending_updates() > 0 || has_outcomes);
        if self.pending.is_empty() && self.fingerprints.is_empty() && self.written.is_none() && !has_updates {
            return Ok(());
        }
        self.write()?;
        self.begin()?;
        let done = self.write_outcomes(with_updates, has_outcomes).and_then(|()| self.run("COMMIT"));
        self.or_roll_back(done)?;
        self.written = None;
        if has_outcomes && let Some(judging) = &mut self.judging {
            judging.clear();
        }
        if with_updates {
            self.updates.clear();
            self.ends.clear();
        }
        self.announce_alerts();
        Ok(())
    }

    /// Writes the rows of the batch, updates of calls aside, in a transaction that the next commit closes.
    fn write(&mut self) -> Result<(), StoreError> {
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

    fn write_outcomes(&self, with_updates: bool, has_outcomes: bool) -> Result<(), StoreError> {
        if !with_updates {
            return Ok(());
        }
        let db = &self.reader.db;
        self.updates.values().try_for_each(|update| statements::call_update(db, update))?;
        self.ends.iter().try_for_each(|end| statements::call_end(db, end))?;
        match &self.judging {
            Some(judging) if has_outcomes => judging.write(db),
            _ => Ok(()),
        }
    }

    /// Opens a transaction, if there is none.
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.written.is_none() {
            self.run("BEGIN IMMEDIATE")?;
            self.written = Some(0);
        }
        Ok(())
    }

    /// A failure leaves nothing of the transaction.
    fn or_roll_back(&mut self, done: Result<(), StoreError>) -> Result<(), StoreError> {
        if done.is_err() {
            self.written = None;
            // SQLite has done it already after some failures, and refuses then.
            let _ = self.run("ROLLBACK");
        }
        done
    }

    fn run(&self, statement: &str) -> Result<(), StoreError> {
        Ok(self.reader.db.execute_batch(statement)?)
    }

    /// Takes out what is older than it is to be kept; answers how many rows that were.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn prune_by_age(&mut self, retention: &Retention, now: Timestamp) -> Result<u64, StoreError> {
        let gone =
            retention.keep.map_or(Ok(0), |keep| retention::prune_by_age(&mut self.reader.db, keep, now))?;
        self.forget_if(gone);
        Ok(gone)
    }

    /// Takes out the oldest if the database has nearly reached its bound; answers how many rows that were.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn prune_by_size(&mut self, retention: &Retention) -> Result<u64, StoreError> {
        let gone =
            retention.max_bytes.map_or(Ok(0), |max| retention::prune_by_size(&mut self.reader.db, max))?;
        self.forget_if(gone);
        Ok(gone)
    }

    /// The database may hold less of authors than was written.
    fn forget_if(&mut self, gone: u64) {
        if gone > 0 {
            self.authors.clear();
        }
    }

    /// Judges what has not been judged yet, and ends the write-ahead log, so that the database is one file again.
    ///
    /// # Errors
    /// If the last batch or the log cannot be written.
    pub fn close(mut self) -> Result<Reader, StoreError> {
        self.commit(true)?;
        sensor_clock::find_steps(&self.reader.db)?;
        if let Some(judging) = &mut self.judging {
            judging.finish(&self.reader);
        }
        self.hold(0);
        self.commit(true)?;
        self.judge_touched(&|| true)?;
        self.commit(true)?;
        self.reader.db.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()))?;
        self.reader.forget();
        Ok(self.reader)
    }
}
