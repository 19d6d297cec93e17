//! Incidents as reports show them.

use bellwether_base::IncidentId;
use bellwether_scoring::IncidentLabel;
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{int, parsed, real, text, time};
use crate::columns::{Report, Values, object};

/// Call-IDs listed of one incident.
const MAX_LISTED: i64 = 100_000;

/// The rows of the report. An incident that another one took in is shown by that one.
pub(crate) const INCIDENTS: &str = "SELECT * FROM (SELECT i.*, format('inc-%016x', i.incident) AS name,
        (SELECT label FROM labels WHERE kind = 'incident' AND subject = format('inc-%016x', i.incident)) AS label
    FROM incidents AS i WHERE i.merged_into IS NULL) AS i";

impl Reports<'_> {
    /// An incident's row, in the report's columns' order.
    pub(crate) fn incident_values(&self, row: &Row<'_>) -> Result<Values, StoreError> {
        let incident: i64 = row.get("incident")?;
        let mut select = self.db().prepare_cached(
            "SELECT c.call_id FROM incident_members AS m JOIN calls AS c ON c.call = m.call
             WHERE m.incident = ?1 ORDER BY c.started_at, c.call LIMIT ?2",
        )?;
        let members: Result<Vec<String>, _> =
            select.query_map([incident, MAX_LISTED], |r| r.get(0))?.collect();
        // The campaign that most of the calls belong to.
        let mut select = self.db().prepare_cached(
            "SELECT k.name FROM incident_members AS m JOIN campaign_members AS c ON c.call = m.call
                 JOIN campaigns AS k ON k.campaign = c.campaign
             WHERE m.incident = ?1 GROUP BY k.name ORDER BY count(*) DESC, k.name LIMIT 1",
        )?;
        let campaign: Option<String> = select.query_map([incident], |r| r.get(0))?.next().transpose()?;
        Ok(vec![
            text(row, "name")?,
            text(row, "kind")?,
            text(row, "severity")?,
            text(row, "subject")?,
            time(row.get("opened_at")?),
            time(row.get("updated_at")?),
            time(row.get("closed_at")?),
            text(row, "state")?,
            int(row, "calls")?,
            real(row, "exposed_minutes", 1)?,
            real(row, "exposed_money", 2)?,
            probability(row)?,
            parsed(row, "evidence")?,
            json!(members?),
            json!(campaign),
            text(row, "label")?,
        ])
    }

    /// An incident by name: its row, its calls, and its alerts.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_incident(&self, name: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let Some(id) = IncidentId::named(name) else { return Ok(None) };
        // A name that another incident took in is an alias of that one.
        let mut select = self
            .db()
            .prepare_cached("SELECT coalesce(merged_into, incident) FROM incidents WHERE incident = ?1")?;
        let standing: Option<i64> = select.query_map([id.get()], |r| r.get(0))?.next().transpose()?;
        let mut select = self.db().prepare(&format!("{INCIDENTS} WHERE i.incident = ?1"))?;
        let mut rows = select.query([standing])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let incident: i64 = row.get("incident")?;
        let mut shown = object(Report::Incidents, self.incident_values(row)?);
        shown.insert("alerts".to_owned(), self.alerts_of(incident)?);
        shown.insert("calls_shown".to_owned(), self.calls_of_incident(incident)?);
        Ok(Some(shown))
    }

    fn alerts_of(&self, incident: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT at, state, severity, message FROM alerts WHERE incident = ?1 ORDER BY at, id",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([incident], |r| {
                Ok(json!({
                    "at": time(r.get(0)?),
                    "state": r.get::<_, Option<String>>(1)?,
                    "severity": r.get::<_, String>(2)?,
                    "message": r.get::<_, String>(3)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    fn calls_of_incident(&self, incident: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT c.call_id, c.started_at, c.caller, coalesce(c.dialled_otherwise, c.callee), c.source,
                 c.called_readings, o.answered_at, o.ended_at, (SELECT score FROM scores AS s WHERE s.id = c.id)
             FROM incident_members AS m JOIN calls AS c ON c.call = m.call LEFT JOIN outcomes AS o ON o.id = c.id
             WHERE m.incident = ?1 ORDER BY c.started_at, c.call LIMIT ?2",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([incident, MAX_LISTED], |r| {
                let readings: Option<String> = r.get(5)?;
                let talked = r.get::<_, Option<i64>>(6)?.zip(r.get::<_, Option<i64>>(7)?);
                Ok(json!({
                    "call_id": r.get::<_, String>(0)?,
                    "started_at": time(r.get(1)?),
                    "caller": r.get::<_, String>(2)?,
                    "dialled": r.get::<_, String>(3)?,
                    "source": r.get::<_, String>(4)?,
                    "country": readings.as_deref().and_then(country),
                    "talk_s": talked.map(|(from, to)| (to - from) as f64 / 1e9),
                    "score": r.get::<_, Option<f64>>(8)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }
}

/// The probability of fraud. The operator's word is nearly certain.
fn probability(row: &Row<'_>) -> Result<Value, StoreError> {
    let label: Option<String> = row.get("label")?;
    Ok(match label.as_deref() {
        Some("fraud") => json!(IncidentLabel::Fraud.probability()),
        Some(_) => json!(IncidentLabel::Legit.probability()),
        None => real(row, "fraud_probability", 3)?,
    })
}

/// The country code that a number tells, else the one that it has without a prefix.
fn country(readings: &str) -> Option<String> {
    let readings: bellwether_enrich::NumberReadings = readings.parse().ok()?;
    readings.told.or(readings.bare).map(|of| format!("+{}", of.country))
}
