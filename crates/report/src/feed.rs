//! New rows since a place in a table, for those who follow a database.

use std::collections::BTreeMap;

use bellwether_base::IncidentId;
use bellwether_scoring::OperatorEntry;
use bellwether_store::StoreError;
use rusqlite::{Row, params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{round, time};

/// An object with the number of its row.
pub type Numbered = (i64, Map<String, Value>);

/// The place of the newest row, and the rows behind a former place.
pub type RowsAfter = (i64, Vec<Map<String, Value>>);

/// List and time of each entry of the operator's lists, by kind and value.
pub type EntriesBySubject = BTreeMap<(String, String), (String, Value)>;

impl Reports<'_> {
    /// The alerts behind a place, oldest first, at most `most`; and the place of the newest one. Without a place no alert, only the place
    /// to follow from.
    ///
    /// # Errors
    /// If the database fails.
    pub fn alerts_after(&self, place: Option<i64>, most: usize) -> Result<RowsAfter, StoreError> {
        let select =
            "SELECT a.id, a.at, a.kind, a.severity, a.subject, a.message, c.call_id, a.campaign, a.incident, a.state
             FROM alerts AS a LEFT JOIN calls AS c ON c.call = a.call WHERE a.id > ?1 ORDER BY a.id LIMIT ?2";
        self.news("alerts", select, place, most, |row| {
            let incident: Option<i64> = row.get(8)?;
            Ok(json!({
                "at": time(row.get(1)?),
                "kind": row.get::<_, String>(2)?,
                "severity": row.get::<_, String>(3)?,
                "subject": row.get::<_, Option<String>>(4)?,
                "message": row.get::<_, Option<String>>(5)?,
                "call_id": row.get::<_, Option<String>>(6)?,
                "campaign": row.get::<_, Option<String>>(7)?,
                "incident": incident.map(|incident| IncidentId::new(incident).name()),
                "state": row.get::<_, Option<String>>(9)?,
            }))
        })
    }

    /// The subjects of reputation that changed lists behind a place, in the same way.
    ///
    /// # Errors
    /// If the database fails.
    pub fn list_changes_after(&self, place: Option<i64>, most: usize) -> Result<RowsAfter, StoreError> {
        let select = "SELECT id, at, layer, name, from_list, to_list, standing, why FROM list_changes
             WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.news("list_changes", select, place, most, |row| {
            Ok(json!({
                "at": time(row.get(1)?),
                "kind": row.get::<_, String>(2)?,
                "subject": row.get::<_, String>(3)?,
                "from": row.get::<_, String>(4)?,
                "to": row.get::<_, String>(5)?,
                "reputation": round(row.get(6)?, 1),
                "why": row.get::<_, String>(7)?,
            }))
        })
    }

    /// The rows of a table behind a place, by a statement whose first column is the place of the row.
    fn news(
        &self,
        table: &str,
        select: &str,
        place: Option<i64>,
        most: usize,
        news: impl Fn(&Row<'_>) -> Result<Value, rusqlite::Error>,
    ) -> Result<RowsAfter, StoreError> {
        let newest = format!("SELECT coalesce(max(id), 0) FROM {table}");
        let newest: i64 = self.db().query_row(&newest, [], |r| r.get(0))?;
        let Some(place) = place else { return Ok((newest, Vec::new())) };
        // Numbers begin again after retention deleted all rows, and in another database.
        let place = if newest < place { 0 } else { place };
        let mut select = self.db().prepare_cached(select)?;
        let mut rows = select.query(params![place, most as i64])?;
        let (mut last, mut found) = (place, Vec::new());
        while let Some(row) = rows.next()? {
            last = row.get(0)?;
            if let Value::Object(object) = news(row)? {
                found.push(object);
            }
        }
        Ok((last, found))
    }

    /// The entries of the operator's lists.
    ///
    /// # Errors
    /// If the database fails.
    pub fn entries_by_subject(&self) -> Result<EntriesBySubject, StoreError> {
        let entries = self.reader.operator_lists()?.into_iter();
        let of = |entry: OperatorEntry| {
            let subject = (entry.subject.kind().to_owned(), entry.subject.value());
            (subject, (entry.list.name().to_owned(), time(Some(entry.added_at.as_nanos()))))
        };
        Ok(entries.map(of).collect())
    }

    /// The latest calls that have a score, oldest first, at most `most`, each with its row number.
    ///
    /// # Errors
    /// If the database fails.
    pub fn latest_scored_calls(&self, most: usize) -> Result<Vec<Numbered>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT c.id, c.call_id, c.started_at, c.caller, c.callee, c.source, c.first_trunk_id, c.fingerprint, s.score,
                    s.disposition, iif(k.kind = 'campaign', k.name, NULL)
             FROM calls AS c JOIN scores AS s ON s.id = c.id LEFT JOIN campaigns AS k ON k.campaign = s.campaign
             WHERE c.id > (SELECT coalesce(max(id), 0) FROM calls) - ?1 ORDER BY c.id",
        )?;
        let mut rows = select.query([most as i64])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let platform = self.reader.platform(&row.get::<_, String>(7)?)?;
            let call = json!({
                "call_id": row.get::<_, String>(1)?,
                "started_at": time(row.get(2)?),
                "caller": row.get::<_, String>(3)?,
                "callee": row.get::<_, String>(4)?,
                "source": row.get::<_, String>(5)?,
                "trunk_id": row.get::<_, Option<String>>(6)?,
                "stack": platform.stack(),
                "score": round(row.get(8)?, 1),
                "disposition": row.get::<_, String>(9)?,
                "campaign": row.get::<_, Option<String>>(10)?,
            });
            if let Value::Object(call) = call {
                found.push((row.get(0)?, call));
            }
        }
        Ok(found)
    }
}
