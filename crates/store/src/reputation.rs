//! Reputations as they stand, and the lists that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bellwether_base::Timestamp;
use bellwether_scoring::{LabelEvidence, Layer, Listed, ReputationRecord, Subject, reputation};
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Value, json};

use crate::StoreError;
use crate::label_evidence;
use crate::query::{Reader, Values};
use crate::sqlite_history::standing;
use crate::values::{round, time};

/// The reputation of a fingerprint.
pub(crate) struct Reputed {
    /// None where nothing was judged.
    pub(crate) score: Option<f64>,
    pub(crate) label: Option<String>,
    pub(crate) listed: Listed,
    pub(crate) parties: i64,
}

/// Something on a list.
#[derive(Clone, PartialEq, Debug)]
pub struct ListedSubject {
    /// What it is.
    pub subject: Subject,
    /// Its standing, 0 to 100.
    pub standing: f64,
    /// Since when it is on the list.
    pub since: Option<Timestamp>,
    /// Why.
    pub why: String,
}

/// How a list is written for other programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Export {
    /// One name on each line.
    Plain,
    /// With a header: kind, subject, reputation, since, why.
    Csv,
    /// Rows of Kamailio's table `htable`: key_name, key_type, value_type, key_value, expires.
    Kamailio,
}

impl Reader {
    /// The moment for which standings are told: when anything was last seen.
    pub(crate) fn moment(&self) -> Result<Timestamp, StoreError> {
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

    fn standing_of(&self, subject: &Subject) -> Result<Option<ReputationRecord>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT * FROM standings WHERE layer = ?1 AND name = ?2")?;
        Ok(select.query_row(params![subject.layer.name(), subject.name], standing).optional()?)
    }

    /// The standing of a subject as it is now, 0 to 100; none where nothing is known of it.
    ///
    /// # Errors
    /// If the database fails.
    pub fn reputation(&self, subject: &Subject) -> Result<Option<f64>, StoreError> {
        let (standing, labels) = (self.standing_of(subject)?, self.labels_of(subject)?);
        if standing.is_none() && labels.is_empty() {
            return Ok(None);
        }
        let standing = standing.unwrap_or_default();
        Ok(Some(reputation(&standing, &labels, self.moment()?, &self.settings.reputation)))
    }

    pub(crate) fn reputed_print(&self, row: &Row<'_>) -> Result<Reputed, StoreError> {
        let subject = Subject { layer: Layer::Fingerprint, name: row.get("fingerprint")? };
        let standing = self.standing_of(&subject)?.unwrap_or_default();
        let mut label =
            self.db.prepare_cached("SELECT label FROM labels WHERE kind = 'fingerprint' AND subject = ?1")?;
        Ok(Reputed {
            score: self.reputation(&subject)?,
            label: label.query_row([&subject.name], |r| r.get(0)).optional()?,
            listed: standing.listed,
            parties: standing.party_count().round() as i64,
        })
    }

    /// Hands every subject with a standing to `visit`, the worst first.
    pub(crate) fn reputations(
        &self,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
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
        let mut shown = Vec::new();
        for (subject, standing) in all {
            let labels = self.labels_of(&subject)?;
            let score = reputation(&standing, &labels, moment, &self.settings.reputation);
            let frauds = labels.iter().filter(|l| l.is_fraud).count();
            let change = self.last_change(&subject)?;
            let values = vec![
                json!(subject.layer.name()),
                json!(subject.name),
                json!(score),
                json!(standing.listed.name()),
                json!(round(standing.specificity(), 3)),
                json!(standing.party_count().round() as i64),
                json!(standing.calls),
                json!(frauds),
                json!(labels.len() - frauds),
                json!(round(standing.fraud + standing.hour_fraud, 2)),
                json!(round(standing.legit + standing.hour_legit, 2)),
                json!(change.as_ref().map(|(_, why)| why)),
                time(change.map(|(at, _)| at)),
            ];
            shown.push((score, subject, values));
        }
        shown.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        for (_, _, values) in shown {
            if visit(values).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn last_change(&self, subject: &Subject) -> Result<Option<(i64, String)>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT at, why FROM list_changes WHERE layer = ?1 AND name = ?2 ORDER BY at DESC, id DESC LIMIT 1",
        )?;
        let found =
            select.query_row(params![subject.layer.name(), subject.name], |r| Ok((r.get(0)?, r.get(1)?)));
        Ok(found.optional()?)
    }

    /// Every change of the lists that befell a subject.
    pub(crate) fn list_changes(&self, layer: &str, name: &str) -> Result<Value, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT at, from_list, to_list, standing, why FROM list_changes WHERE layer = ?1 AND name = ?2 ORDER BY at, id",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([layer, name], |r| {
                Ok(json!({
                    "at": time(r.get(0)?),
                    "from": r.get::<_, String>(1)?,
                    "to": r.get::<_, String>(2)?,
                    "standing": r.get::<_, f64>(3)?,
                    "why": r.get::<_, String>(4)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    /// What is on a list, in a fixed order.
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
            let since = change.as_ref().map(|(at, _)| Timestamp::from_nanos(*at));
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
