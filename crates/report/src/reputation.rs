//! Reputations as reports show them.

use std::ops::ControlFlow;

use bellwether_scoring::{Layer, Listed, Subject};
use bellwether_store::{StoreError, SubjectReputation};
use rusqlite::{OptionalExtension, Row};
use serde_json::{Value, json};

use crate::Reports;
use crate::cells::{round, time};
use crate::columns::Values;

/// The reputation of a fingerprint.
pub(crate) struct Reputed {
    /// None if no call and no label is known.
    pub(crate) score: Option<f64>,
    pub(crate) label: Option<String>,
    pub(crate) listed: Listed,
    pub(crate) parties: i64,
}

/// The form of a list for other programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Export {
    /// One name on each line.
    Plain,
    /// With a header: kind, subject, reputation, since, why.
    Csv,
    /// Rows of Kamailio's table `htable`: key_name, key_type, value_type, key_value, expires.
    Kamailio,
}

impl Reports<'_> {
    pub(crate) fn reputed_print(&self, row: &Row<'_>) -> Result<Reputed, StoreError> {
        let subject = Subject { layer: Layer::Fingerprint, name: row.get("fingerprint")? };
        let record = self.reader.reputation_record(&subject)?.unwrap_or_default();
        let mut label = self
            .db()
            .prepare_cached("SELECT label FROM labels WHERE kind = 'fingerprint' AND subject = ?1")?;
        Ok(Reputed {
            score: self.reader.reputation(&subject)?,
            label: label.query_row([&subject.name], |r| r.get(0)).optional()?,
            listed: record.listed,
            parties: record.party_count().round() as i64,
        })
    }

    /// Calls `visit` for each subject with a reputation, the worst first.
    pub(crate) fn reputation_rows(
        &self,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        for subject in self.reader.reputations()? {
            if visit(values(&subject)).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// All list changes of a subject.
    pub(crate) fn list_changes(&self, layer: &str, name: &str) -> Result<Value, StoreError> {
        let mut select = self.db().prepare_cached(
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
}

/// A subject's reputation in the order of the report's columns.
fn values(of: &SubjectReputation) -> Values {
    let (record, (frauds, legits)) = (&of.record, of.labels);
    vec![
        json!(of.subject.layer.name()),
        json!(of.subject.name),
        json!(of.score),
        json!(record.listed.name()),
        json!(round(record.specificity(), 3)),
        json!(record.party_count().round() as i64),
        json!(record.calls),
        json!(frauds),
        json!(legits),
        json!(round(record.fraud + record.hour_fraud, 2)),
        json!(round(record.legit + record.hour_legit, 2)),
        json!(of.last_change.as_ref().map(|(_, why)| why)),
        time(of.last_change.as_ref().map(|(at, _)| at.as_nanos())),
    ]
}
