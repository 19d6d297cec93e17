use std::sync::MutexGuard;

use bellwether_base::Timestamp;
use bellwether_enrich::Row;
use bellwether_scoring::{Changes, History, Outcome, ScoringEngine, SenderLabels, Settings};
use bellwether_store::{DeviceFinding, StoreError, Writer};

use crate::advisor::SharedEngine;

/// The scoring engine, and its results since the last commit.
pub(crate) struct Scoring {
    pub(crate) engine: SharedEngine,
    settings: Settings,
    pub(crate) changes: Changes,
    /// A reused buffer.
    outcomes: Vec<Outcome>,
    /// Version of the labels that the engine knows.
    labels: Option<String>,
}

impl Scoring {
    pub(crate) fn new(engine: ScoringEngine) -> Self {
        Self {
            settings: engine.settings().clone(),
            engine: SharedEngine::new(engine),
            changes: Changes::default(),
            outcomes: Vec::new(),
            labels: None,
        }
    }

    /// Scoring without knowledge, for what follows from a change for stored calls.
    pub(crate) fn renewed(&self) -> Self {
        Self::new(self.engine.hold().renewed())
    }

    /// Takes over changed feedback and drops what follows for earlier calls.
    pub(crate) fn take_over_labels(
        &mut self,
        writer: &Writer,
        failure: &mut Option<StoreError>,
    ) -> Result<(), StoreError> {
        let earlier = std::mem::take(&mut self.changes);
        self.read_labels(writer, failure)?;
        self.changes = earlier;
        Ok(())
    }

    /// The engine. Questions wait while it is held.
    pub(crate) fn engine(&self) -> MutexGuard<'_, ScoringEngine> {
        self.engine.hold()
    }

    /// Reads the state of earlier runs before the first call.
    pub(crate) fn wake(&mut self, at: Timestamp, writer: &Writer, failure: &mut Option<StoreError>) {
        self.ask(writer, failure, |engine, history, _| engine.wake(at, history));
    }

    /// Scores a row.
    pub(crate) fn row(&mut self, writer: &Writer, row: &Row, failure: &mut Option<StoreError>) {
        self.ask(writer, failure, |engine, history, out| engine.row(row, history, out));
    }

    /// Scores the open calls to their end, as far as it was seen.
    pub(crate) fn finish(&mut self, writer: &Writer, failure: &mut Option<StoreError>) {
        self.ask(writer, failure, |engine, history, out| engine.finish(history, out));
    }

    /// Lets the engine do something, with the database as its history, and collects the results.
    fn ask(
        &mut self,
        writer: &Writer,
        failure: &mut Option<StoreError>,
        what: impl FnOnce(&mut ScoringEngine, &mut dyn History, &mut Vec<Outcome>),
    ) {
        let mut history = writer.history(&self.changes, failure);
        what(&mut self.engine.hold(), &mut history, &mut self.outcomes);
        self.changes.record(self.outcomes.drain(..));
    }

    /// Applies a device verdict to the score of its call.
    pub(crate) fn device(&mut self, of: &DeviceFinding) {
        self.engine.hold().device(of.call, of.verdict, &of.evidence, of.is_shared, &mut self.outcomes);
        self.changes.record(self.outcomes.drain(..));
    }

    /// Collects reputation records and campaigns that changed since the last commit: the engine reports these only when asked.
    pub(crate) fn flush_dirty(&mut self) {
        self.engine.hold().settle(&mut self.outcomes);
        self.changes.record(self.outcomes.drain(..));
    }

    /// Applies the operator's feedback. Returns true if it has changed.
    pub(crate) fn read_labels(
        &mut self,
        writer: &Writer,
        failure: &mut Option<StoreError>,
    ) -> Result<bool, StoreError> {
        let is_first = self.labels.is_none();
        let Some(labels) = writer.changed_labels(&mut self.labels)? else { return Ok(false) };
        let lists = writer.reader().operator_lists()?;
        let has_none = labels.evidence.is_empty() && labels.senders == SenderLabels::default();
        if is_first && has_none && lists.is_empty() {
            return Ok(false);
        }
        self.ask(writer, failure, |engine, history, out| {
            engine.set_labels(&labels.evidence, history, out);
            engine.set_feedback(labels.senders, lists, history, out);
        });
        Ok(true)
    }

    /// Applies a change of the feedback to the calls in the database, in a process that sees no calls.
    pub(crate) fn apply_feedback_to_past(&mut self, writer: &Writer, failure: &mut Option<StoreError>) {
        self.ask(writer, failure, ScoringEngine::apply_feedback_to_past);
    }

    pub(crate) fn pending_scores(&self) -> usize {
        self.changes.pending_scores()
    }

    /// The changes for the next commit.
    pub(crate) const fn to_write(&self) -> (&Changes, &Settings) {
        (&self.changes, &self.settings)
    }

    /// The changes are in the database.
    pub(crate) fn written(&mut self) {
        self.changes = Changes::default();
    }
}
