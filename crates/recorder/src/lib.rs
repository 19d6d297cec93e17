//! The loop from row to score to commit.
//!
//! A [`Recorder`] takes rows in their order. It passes each row to the scoring engine, collects the results, and commits rows and findings
//! together through the one [`Writer`]. After a commit it computes the device verdicts of the subscribers that the rows concern. Everything
//! happens on the thread that calls.
//!
//! This crate must never know a packet, a thread, a statement of SQL, or the text of a report.
//!
//! ```
//! use bellwether_base::HashKey;
//! use bellwether_recorder::Recorder;
//! use bellwether_scoring::{ScoringEngine, Settings};
//! use bellwether_store::Writer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("bellwether-recorder-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let engine = ScoringEngine::new(Settings::default(), HashKey::new([7; 16]));
//! let mut recorder = Recorder::new(Writer::open(&folder.join("x.db"), "key")?).with_scoring(engine)?;
//! recorder.push_all(Vec::new());
//! recorder.commit(true)?;
//! let _reader = recorder.close()?;
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

mod advisor;
mod errands;
mod recollection;
mod scoring;

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use bellwether_base::Timestamp;
use bellwether_devices::{DirtySubjects, SensitiveCall};
use bellwether_enrich::Row;
use bellwether_scoring::ScoringEngine;
use bellwether_store::{AlertSignal, Reader, StoreError, Writer};

use crate::advisor::SharedCalls;
pub use crate::advisor::{Advisor, CallName, KnownCall};
pub use crate::errands::Errand;
use crate::scoring::Scoring;

/// Rows per prefetch of the engine.
const PREFETCH_ROWS: usize = ScoringEngine::AHEAD;

/// Rows, scoring and device verdicts on their way to one database.
pub struct Recorder {
    writer: Writer,
    /// None where calls are not scored.
    scoring: Option<Scoring>,
    /// Results of scoring that may wait until the end; 0 if none may.
    max_held: usize,
    /// Subjects of recent rows, whose device verdicts may have changed.
    dirty: DirtySubjects,
    /// A failure that the next commit reports: pushing a row has no error.
    failure: Option<StoreError>,
    /// The calls that an advisor is asked about; none without an advisor.
    calls: Option<SharedCalls>,
    /// What other threads want done on this one.
    errands: Option<Receiver<Errand>>,
}

impl Recorder {
    /// Records without scoring calls.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self {
            writer,
            scoring: None,
            max_held: 0,
            dirty: DirtySubjects::default(),
            failure: None,
            calls: None,
            errands: None,
        }
    }

    /// Scores calls with an engine, which learns the operator's labels at once.
    ///
    /// # Errors
    /// If the labels cannot be read.
    pub fn with_scoring(mut self, engine: ScoringEngine) -> Result<Self, StoreError> {
        self.scoring = Some(Scoring::new(engine));
        self.read_labels()?;
        Ok(self)
    }

    /// An advisor, which answers questions about calls on other threads while this recorder works. `at` is the present time: the
    /// state of earlier runs is read for it before the first call. The advisor reads through a reader of its own. None where calls are not
    /// scored.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn advisor(&mut self, at: Timestamp, reader: Reader) -> Result<Option<Advisor>, StoreError> {
        let Some(scoring) = &mut self.scoring else { return Ok(None) };
        scoring.wake(at, &self.writer, &mut self.failure);
        let calls = self.calls.get_or_insert_default().clone();
        let advisor = Advisor::new(scoring.engine.clone(), calls, reader);
        self.check().map(|()| Some(advisor))
    }

    /// Raises a signal after each commit with new alerts.
    #[must_use]
    pub fn announcing(self, signal: AlertSignal) -> Self {
        Self { writer: self.writer.announcing(signal), ..self }
    }

    /// Holds back the results of scoring until the end, or until this number of results waits. Rows are written before. 0
    /// ends the delay.
    ///
    /// A replay that is killed leaves no score then, and the next replay computes the same scores as an undisturbed one. Scores from the
    /// middle of a capture would differ: a call's end is scored by campaigns that were not found by then, and the audio that the killed
    /// process had heard is lost.
    pub const fn hold(&mut self, max: usize) {
        self.max_held = max;
    }

    /// The writer, for operations on the database alone.
    pub const fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// A reader of the committed rows over the same connection.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        self.writer.reader()
    }

    /// Path of the database.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.writer.path()
    }

    /// Adds rows to the batch and scores them.
    pub fn push_all(&mut self, rows: Vec<Row>) {
        let mut rows = rows.into_iter();
        while !rows.as_slice().is_empty() {
            if let Some(scoring) = &mut self.scoring {
                scoring.engine().prefetch(rows.as_slice());
            }
            rows.by_ref().take(PREFETCH_ROWS).for_each(|row| self.push(row));
        }
    }

    /// Adds a row to the batch and scores it.
    pub fn push(&mut self, row: Row) {
        self.dirty.note(&row);
        if let (Some(calls), Row::Call(call)) = (&self.calls, &row) {
            calls.note(call);
        }
        if let Some(scoring) = &mut self.scoring {
            // The engine's knowledge about a platform must not depend on the time of the last commit. So all earlier rows are written
            // before the question, in the transaction of the next commit.
            if let Row::Call(call) = &row
                && scoring.engine().will_ask_platform(call)
                && let Err(e) = self.writer.write_rows()
            {
                self.failure.get_or_insert(e);
            }
            scoring.row(&self.writer, &row, &mut self.failure);
        }
        self.writer.push(row);
    }

    /// Rows in the batch, except updates of calls.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.writer.pending()
    }

    /// Updates of calls in the batch, and the scores that would go along. A score counts half: it is written once where a call has two rows.
    #[must_use]
    pub fn pending_updates(&self) -> usize {
        let scores = self.scoring.as_ref().filter(|s| !self.holds(s)).map_or(0, Scoring::pending_scores);
        self.writer.pending_updates() + scores / 2
    }

    /// True if the results of scoring wait for the end.
    fn holds(&self, scoring: &Scoring) -> bool {
        scoring.pending_scores() < self.max_held
    }

    /// Writes the batch, all or nothing. Updates of calls and the results of scoring are written only `with_updates`.
    ///
    /// # Errors
    /// If the database refuses or has failed since the last commit. Nothing of the batch is in the database then, and all earlier batches
    /// are.
    pub fn commit(&mut self, with_updates: bool) -> Result<(), StoreError> {
        self.check()?;
        if let Some(scoring) = self.scoring.as_mut().filter(|_| with_updates) {
            scoring.flush_dirty();
        }
        let is_due = self.scoring.as_ref().is_some_and(|s| with_updates && !self.holds(s));
        self.write(with_updates, is_due)
    }

    /// Writes the batch, and the results of scoring `with_changes`, in one transaction.
    fn write(&mut self, with_updates: bool, with_changes: bool) -> Result<(), StoreError> {
        let due = self.scoring.as_mut().filter(|s| with_changes && !s.changes.is_empty());
        self.writer.commit(with_updates, due.as_deref().map(Scoring::to_write))?;
        if let Some(scoring) = due {
            scoring.written();
        }
        Ok(())
    }

    /// Notes the newest calls as due for device verdicts: a run that was killed may have committed them and not judged.
    ///
    /// # Errors
    /// If the database fails.
    pub fn resume(&mut self) -> Result<(), StoreError> {
        let (calls, sensitive) = self.writer.left_over()?;
        self.dirty.note_left_over(calls, sensitive);
        Ok(())
    }

    /// Computes the device verdicts of the subscribers that recent rows concern, one after the other while `has_time`. The rest waits for the
    /// next call. A verdict that changed is written in one commit with the change of the call's score.
    ///
    /// # Errors
    /// If the database fails.
    pub fn judge_devices(&mut self, has_time: &dyn Fn() -> bool) -> Result<(), StoreError> {
        self.alert_of_sensitive_calls()?;
        if self.dirty.is_empty() {
            return Ok(());
        }
        let is_changed = self.writer.was_changed_elsewhere()?;
        if is_changed {
            self.read_labels()?;
        }
        // Verdicts are written at once, so the rows that they refer to have to be there.
        self.commit(true)?;
        let dirty = self.dirty.take_dirty_rows();
        let subscribers = self.writer.subscribers_of(&dirty, is_changed)?;
        self.dirty.wait(subscribers.iter().map(String::as_str));
        while has_time()
            && let Some(aor) = self.dirty.next_subscriber()
        {
            let findings = self.writer.judge_subscriber(&aor)?;
            if let Some(scoring) = &mut self.scoring {
                findings.iter().for_each(|finding| scoring.device(finding));
            }
            self.write(false, true)?;
        }
        Ok(())
    }

    /// Alerts of calls from trunks to numbers that only subscribers may dial, whoever the caller is.
    fn alert_of_sensitive_calls(&mut self) -> Result<(), StoreError> {
        let sensitive = self.dirty.take_sensitive();
        for alert in self.writer.sensitive_calls(sensitive)?.iter().filter_map(SensitiveCall::alert) {
            self.writer.alert(&alert)?;
        }
        Ok(())
    }

    /// Computes the device verdicts of all subscribers: the inventory, the classes or the approvals have changed.
    ///
    /// # Errors
    /// If the database fails.
    pub fn judge_all_devices(&mut self) -> Result<(), StoreError> {
        self.dirty.note_anyone();
        self.writer.expect_change();
        self.judge_devices(&|| true)
    }

    /// Applies the operator's current labels to reputation, lists and campaigns.
    ///
    /// # Errors
    /// If the database fails.
    pub fn apply_labels(&mut self) -> Result<(), StoreError> {
        let is_changed = self.read_labels()?;
        if let Some(scoring) = self.scoring.as_mut().filter(|_| is_changed) {
            scoring.apply_feedback_to_past(&self.writer, &mut self.failure);
        }
        self.writer.forget();
        self.commit(true)
    }

    /// Makes a change of the operator's feedback while this recorder lives on, and applies it to the stored calls. An engine without
    /// knowledge does that, as in a process that only changes a label: what follows does not depend on what this run has seen. Then
    /// the engine of this run takes the feedback over. With `is_over` no call of this run can still change.
    ///
    /// # Errors
    /// If the change fails, or the database does.
    pub fn change_feedback<T, E: From<StoreError>>(
        &mut self,
        is_over: bool,
        change: impl FnOnce(&mut Writer) -> Result<T, E>,
    ) -> Result<T, E> {
        self.commit(true)?;
        let Some(live) = &self.scoring else { return change(&mut self.writer) };
        let mut cold = live.renewed();
        cold.read_labels(&self.writer, &mut self.failure)?;
        let done = change(&mut self.writer)?;
        if cold.read_labels(&self.writer, &mut self.failure)? {
            cold.apply_feedback_to_past(&self.writer, &mut self.failure);
        }
        self.check()?;
        self.writer.forget();
        cold.flush_dirty();
        self.writer.commit(true, Some(cold.to_write()))?;
        if let Some(live) = &mut self.scoring {
            if is_over {
                live.take_over_labels(&self.writer, &mut self.failure)?;
            } else {
                live.read_labels(&self.writer, &mut self.failure)?;
            }
        }
        self.check()?;
        self.commit(true)?;
        Ok(done)
    }

    /// Scores open calls to their end, computes all device verdicts that are due, and closes the database.
    ///
    /// # Errors
    /// If the last batch or the write-ahead log cannot be written.
    pub fn close(mut self) -> Result<Reader, StoreError> {
        self.commit(true)?;
        self.writer.find_sensor_clock_steps()?;
        if let Some(scoring) = &mut self.scoring {
            scoring.finish(&self.writer, &mut self.failure);
        }
        self.hold(0);
        self.commit(true)?;
        self.judge_devices(&|| true)?;
        self.commit(true)?;
        self.writer.close()
    }

    /// Returns true if the labels have changed.
    fn read_labels(&mut self) -> Result<bool, StoreError> {
        let is_changed = match &mut self.scoring {
            Some(scoring) => scoring.read_labels(&self.writer, &mut self.failure)?,
            None => false,
        };
        self.check().map(|()| is_changed)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        self.failure.take().map_or(Ok(()), Err)
    }
}
