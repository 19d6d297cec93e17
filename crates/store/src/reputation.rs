//! Reputations, and the lists that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bellwether_base::Timestamp;
use bellwether_scoring::{LabelEvidence, Layer, Listed, ReputationRecord, Subject, reputation};
use rusqlite::{OptionalExtension, params};

use crate::StoreError;
use crate::label_evidence;
use crate::reader::Reader;
use crate::sqlite_history::standing;

/// A subject and its reputation.
#[derive(Clone, Debug, PartialEq)]
pub struct SubjectReputation {
    /// The subject.
    pub subject: Subject,
    /// Its reputation, 0 to 100.
    pub score: f64,
    /// The evidence that calls gave.
    pub record: ReputationRecord,
    /// Labels that say fraud, and labels that say legit.
    pub labels: (usize, usize),
    /// Its last change of list: the time and the reason.
    pub last_change: Option<(Timestamp, String)>,
}

/// A subject on a list.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedSubject {
    /// The subject.
    pub subject: Subject,
    /// Its reputation, 0 to 100.
    pub standing: f64,
    /// The time at which it came on the list.
    pub since: Option<Timestamp>,
    /// The reason.
    pub why: String,
}

impl Reader {
    /// The time for which reputations are computed: the latest call or label.
    ///
    /// # Errors
    /// If the database fails.
    pub fn moment(&self) -> Result<Timestamp, StoreError> {
        if let Some(at) = self.last_seen.get() {
            return Ok(*at);
        }
        let at: Option<i64> = self.db.query_row(
            "SELECT max(at) FROM (SELECT max(started_at) AS at FROM calls UNION ALL SELECT max(at) FROM labels)",
            [],
            |r| r.get(0),
        )?;
        Ok(*self.last_seen.get_or_init(|| Timestamp::from_nanos(at.unwrap_or(0))))
    }

    fn label_evidence(&self) -> Result<Arc<BTreeMap<Subject, Vec<LabelEvidence>>>, StoreError> {
        if let Some(known) = self.labels.get() {
            return Ok(Arc::clone(known));
        }
        let found = label_evidence::evidence(&self.db)?.evidence;
        let mut by_subject: BTreeMap<Subject, Vec<LabelEvidence>> = BTreeMap::new();
        for label in found {
            by_subject.entry(label.subject.clone()).or_default().push(label);
        }
        Ok(Arc::clone(self.labels.get_or_init(|| Arc::new(by_subject))))
    }

    fn labels_of(&self, subject: &Subject) -> Result<Vec<LabelEvidence>, StoreError> {
        Ok(self.label_evidence()?.get(subject).cloned().unwrap_or_default())
    }

    /// The evidence that calls gave about a subject.
    ///
    /// # Errors
    /// If the database fails.
    pub fn reputation_record(&self, subject: &Subject) -> Result<Option<ReputationRecord>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM standings WHERE layer = ?1 AND name = ?2")?;
        Ok(select.query_row(params![subject.layer.name(), subject.name], standing).optional()?)
    }

    /// The standing of a subject as it is now, 0 to 100; none where nothing is known of it.
    ///
    /// # Errors
    /// If the database fails.
    pub fn reputation(&self, subject: &Subject) -> Result<Option<f64>, StoreError> {
        let (standing, labels) = (self.reputation_record(subject)?, self.labels_of(subject)?);
        if standing.is_none() && labels.is_empty() {
            return Ok(None);
        }
        let standing = standing.unwrap_or_default();
        Ok(Some(reputation(&standing, &labels, self.moment()?, &self.settings.reputation)))
    }

    /// Every subject that has evidence or a label, the worst reputation first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn reputations(&self) -> Result<Vec<SubjectReputation>, StoreError> {
        let mut select = self.db.prepare("SELECT * FROM standings ORDER BY layer, name")?;
        let mut rows = select.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let (layer, name): (String, String) = (row.get("layer")?, row.get("name")?);
            let Some(layer) = Layer::of(&layer) else { continue };
            all.push((Subject { layer, name }, standing(row)?));
        }
        let known: BTreeSet<Subject> = all.iter().map(|(subject, _)| subject.clone()).collect();
        for subject in self.label_evidence()?.keys().filter(|subject| !known.contains(subject)) {
            all.push((subject.clone(), ReputationRecord::default()));
        }
        let moment = self.moment()?;
        let mut out = Vec::new();
        for (subject, record) in all {
            let labels = self.labels_of(&subject)?;
            let frauds = labels.iter().filter(|l| l.is_fraud).count();
            out.push(SubjectReputation {
                score: reputation(&record, &labels, moment, &self.settings.reputation),
                labels: (frauds, labels.len() - frauds),
                last_change: self.last_change(&subject)?,
                subject,
                record,
            });
        }
        out.sort_by(|a, b| a.score.total_cmp(&b.score).then_with(|| a.subject.cmp(&b.subject)));
        Ok(out)
    }

    fn last_change(&self, subject: &Subject) -> Result<Option<(Timestamp, String)>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT at, why FROM list_changes WHERE layer = ?1 AND name = ?2 ORDER BY at DESC, id DESC LIMIT 1",
        )?;
        let found = select.query_row(params![subject.layer.name(), subject.name], |r| {
            Ok((Timestamp::from_nanos(r.get(0)?), r.get(1)?))
        });
        Ok(found.optional()?)
    }

    /// The subjects on a list, in a fixed order.
    ///
    /// # Errors
    /// If the database fails.
    pub fn listed(&self, list: Listed) -> Result<Vec<ListedSubject>, StoreError> {
        let mut select =
            self.db.prepare("SELECT layer, name FROM standings WHERE listed = ?1 ORDER BY layer, name")?;
        let rows = select
            .query_map([list.name()], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?
            .collect::<Result<Vec<_>, _>>()?;
        let mut found = Vec::new();
        for (layer, name) in rows {
            let Some(layer) = Layer::of(&layer) else { continue };
            let subject = Subject { layer, name };
            let standing = self.reputation(&subject)?.unwrap_or(50.0);
            let change = self.last_change(&subject)?;
            let since = change.as_ref().map(|(at, _)| *at);
            found.push(ListedSubject {
                subject,
                standing,
                since,
                why: change.map(|(_, why)| why).unwrap_or_default(),
            });
        }
        Ok(found)
    }
}
