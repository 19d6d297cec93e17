//! Calls are judged on their way to the database: what follows from rows is kept with them, in the same commit.

mod keeping;
mod labels;
mod sqlite_history;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use bellwether_base::Timestamp;
use bellwether_devices::DeviceVerdict;
use bellwether_enrich::Row;
use bellwether_scoring::{
    AlertRow, CampaignRow, Finding, History, ListChange, MemberRow, Outcome, ReputationRecord, ScoreRow,
    ScoringEngine, Stage, Subject,
};
use rusqlite::Connection;

use crate::StoreError;
use crate::query::Reader;

pub(crate) use labels::{changed as labels_changed, evidence as label_evidence};
pub(crate) use sqlite_history::{SqliteHistory, marks as recollection_marks, standing};
pub(crate) use wording::shown as shown_signals;

/// The assessor, and what it concluded since the last commit.
pub(crate) struct Judging {
    pub(crate) assessor: ScoringEngine,
    outcomes: Vec<Outcome>,
    pub(crate) pending: Pending,
    /// When the calls of earlier runs began.
    earlier: Option<RangeInclusive<Timestamp>>,
    /// The state of the labels that it goes by.
    labels: Option<String>,
    /// What went wrong while the database was asked.
    failure: Option<StoreError>,
}

/// Conclusions that wait for the commit: a later one of a thing takes an earlier one's place.
#[derive(Default)]
pub(crate) struct Pending {
    scores: BTreeMap<i64, ScoreRow>,
    /// Calls whose score is the last one, and since when.
    closed: BTreeMap<i64, Timestamp>,
    amends: Vec<(i64, usize, Option<Finding>, Option<i64>)>,
    pub(crate) campaigns: BTreeMap<i64, Box<CampaignRow>>,
    changes: Vec<Change>,
    pub(crate) keys: BTreeMap<i64, i64>,
    pub(crate) standings: BTreeMap<Subject, Box<ReputationRecord>>,
    lists: Vec<ListChange>,
    alerts: Vec<AlertRow>,
    prompts: Vec<([u8; 24], i64)>,
    /// Campaigns that another one took over.
    pub(crate) merged: BTreeSet<i64>,
}

/// What befalls a campaign's members, in order.
enum Change {
    Joined(MemberRow),
    Left { campaign: i64, call: i64, why: String },
    Merged { from: i64, into: i64, at: i64, why: String },
    Parted { from: i64, into: i64, at: i64, why: String },
}

impl Judging {
    /// Judges what is added to a database.
    pub(crate) fn new(assessor: ScoringEngine, reader: &Reader) -> Result<Self, StoreError> {
        Ok(Self {
            assessor,
            outcomes: Vec::new(),
            pending: Pending::default(),
            earlier: sqlite_history::span_of_calls(&reader.db)?,
            labels: None,
            failure: None,
        })
    }

    /// Takes a row on its way.
    pub(crate) fn row(&mut self, reader: &Reader, row: &Row) {
        self.assess(reader, |assessor, memory, out| assessor.row(row, memory, out));
    }

    /// Judges to their end the calls that are over.
    pub(crate) fn finish(&mut self, reader: &Reader) {
        self.assess(reader, |assessor, memory, out| assessor.finish(memory, out));
    }

    /// Has the assessor do something, with the database to remember by, and sorts out what follows.
    fn assess(
        &mut self,
        reader: &Reader,
        what: impl FnOnce(&mut ScoringEngine, &mut dyn History, &mut Vec<Outcome>),
    ) {
        let mut memory = SqliteHistory {
            reader,
            pending: &self.pending,
            earlier: &self.earlier,
            failure: &mut self.failure,
        };
        what(&mut self.assessor, &mut memory, &mut self.outcomes);
        self.sort_out();
    }

    /// What was found of a call's device.
    pub(crate) fn device(&mut self, call: i64, verdict: DeviceVerdict, evidence: &str, is_shared: bool) {
        self.assessor.device(call, verdict, evidence, is_shared, &mut self.outcomes);
        self.sort_out();
    }

    /// Whether there is anything to be kept.
    pub(crate) fn is_empty(&self) -> bool {
        let p = &self.pending;
        p.scores.is_empty()
            && p.closed.is_empty()
            && p.amends.is_empty()
            && p.campaigns.is_empty()
            && p.changes.is_empty()
            && p.keys.is_empty()
            && p.standings.is_empty()
            && p.lists.is_empty()
            && p.alerts.is_empty()
            && p.prompts.is_empty()
    }

    /// Takes what changed and was not told one by one: before the pending is written.
    pub(crate) fn settle(&mut self) {
        self.assessor.settle(&mut self.outcomes);
        self.sort_out();
    }

    /// What is pending of scores and their changes.
    pub(crate) fn pending_scores(&self) -> usize {
        self.pending.scores.len()
            + self.pending.closed.len()
            + self.pending.amends.len()
            + self.pending.changes.len()
    }

    pub(crate) fn failure(&mut self) -> Result<(), StoreError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn sort_out(&mut self) {
        let pending = &mut self.pending;
        for outcome in self.outcomes.drain(..) {
            match outcome {
                Outcome::Score(row) => {
                    pending.scores.insert(row.call, row);
                }
                Outcome::Closed { call, at } => match pending.scores.get_mut(&call) {
                    Some(row) => (row.stage, row.at) = (Stage::Closed, at),
                    None => {
                        pending.closed.insert(call, at);
                    }
                },
                Outcome::Amend { call, signal, finding, campaign } => {
                    pending.amends.push((call, signal, finding, campaign));
                }
                Outcome::Campaign(row) => {
                    pending.campaigns.insert(row.campaign, row);
                }
                Outcome::Member(row) => pending.changes.push(Change::Joined(row)),
                Outcome::Left { campaign, call, why } => {
                    pending.changes.push(Change::Left { campaign, call, why });
                }
                Outcome::Merged { from, into, at, why } => {
                    let named = pending
                        .keys
                        .values_mut()
                        .chain(pending.prompts.iter_mut().map(|(_, campaign)| campaign));
                    named.filter(|campaign| **campaign == from).for_each(|campaign| *campaign = into);
                    pending.merged.insert(from);
                    pending.changes.push(Change::Merged { from, into, at: at.as_nanos(), why });
                }
                Outcome::Parted { from, into, at, why } => {
                    pending.changes.push(Change::Parted { from, into, at: at.as_nanos(), why });
                }
                Outcome::Key { key, campaign } => {
                    pending.keys.insert(key, campaign);
                }
                Outcome::Prompt { print, campaign } => pending.prompts.push((print.to_octets(), campaign)),
                Outcome::ReputationRecord(subject, standing) => {
                    pending.standings.insert(subject, standing);
                }
                Outcome::List(change) => pending.lists.push(change),
                Outcome::Alert(row) => pending.alerts.push(*row),
            }
        }
    }

    /// Writes what is pending; the rows that it speaks of are in the same transaction or before it.
    pub(crate) fn write(&self, tx: &Connection) -> Result<(), StoreError> {
        self.pending.write(tx, self.assessor.settings())
    }

    /// It is written.
    pub(crate) fn clear(&mut self) {
        self.pending = Pending::default();
    }

    /// Goes by the labels that the database holds, if they have changed.
    pub(crate) fn read_labels(&mut self, reader: &Reader) -> Result<(), StoreError> {
        let state = labels::state(&reader.db)?;
        if self.labels.as_deref() == Some(state.as_str()) {
            return Ok(());
        }
        let is_first = self.labels.replace(state).is_none();
        let (evidence, calls) = labels::evidence(&reader.db)?;
        if is_first && evidence.is_empty() {
            return Ok(());
        }
        self.assess(reader, |assessor, memory, out| {
            assessor.set_labels(&evidence, calls.into_iter(), memory, out);
        });
        self.failure()
    }
}

/// Call identities, each once.
pub(crate) type Calls = BTreeSet<i64>;
