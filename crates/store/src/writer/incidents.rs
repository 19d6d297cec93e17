//! Incidents to rows.

use bellwether_base::{IncidentId, IncidentState, Timestamp};
use bellwether_scoring::{Changes, IncidentChange};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::StoreError;

/// Writes changed incidents, and the changes of their calls in order.
pub(super) fn write(tx: &Connection, changes: &Changes) -> Result<(), StoreError> {
    for row in changes.incidents.values() {
        tx.prepare_cached(
            "INSERT INTO incidents (incident, kind, severity, subject, opened_at, updated_at, closed_at, state, calls,
                 exposed_minutes, exposed_money, fraud_probability, evidence, merged_into)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (incident) DO UPDATE SET kind = excluded.kind, severity = excluded.severity, subject = excluded.subject,
                 updated_at = excluded.updated_at, closed_at = excluded.closed_at, state = excluded.state,
                 calls = max(calls, excluded.calls), exposed_minutes = max(exposed_minutes, excluded.exposed_minutes),
                 exposed_money = max(exposed_money, excluded.exposed_money), fraud_probability = excluded.fraud_probability,
                 evidence = excluded.evidence, merged_into = excluded.merged_into
             WHERE excluded.updated_at >= updated_at",
        )?
        .execute(params![
            row.id.get(),
            row.kind.name(),
            row.severity.name(),
            row.subject,
            row.opened_at.as_nanos(),
            row.updated_at.as_nanos(),
            row.closed_at.map(Timestamp::as_nanos),
            row.state.name(),
            row.calls,
            row.exposed_minutes,
            row.exposed_money,
            row.fraud_probability,
            json!(row.evidence).to_string(),
            row.merged_into.map(IncidentId::get),
        ])?;
    }
    for change in &changes.incident_changes {
        match *change {
            IncidentChange::Joined { incident, call } => {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO incident_members (call, incident) VALUES (?1, ?2)",
                )?
                .execute([call.get(), incident.get()])?;
            }
            IncidentChange::Merged { from, into } => {
                tx.prepare_cached("UPDATE incident_members SET incident = ?2 WHERE incident = ?1")?
                    .execute([from.get(), into.get()])?;
            }
            IncidentChange::Labelled { incident, is_honest } => {
                let state = if is_honest { IncidentState::Closed } else { IncidentState::Updated };
                tx.prepare_cached(
                    "UPDATE incidents SET state = ?2, closed_at = CASE ?3 WHEN 1 THEN coalesce(closed_at, updated_at) END
                     WHERE incident = ?1 AND (?3 OR closed_at = updated_at)",
                )?
                .execute(params![incident.get(), state.name(), is_honest])?;
            }
        }
    }
    Ok(())
}
