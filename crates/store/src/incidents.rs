//! Incidents of earlier runs, and the calls that the watch for incidents reads again.

use bellwether_base::{CallId, IncidentId, Timestamp};
use bellwether_enrich::NumberReadings;
use bellwether_fingerprint::PrintHash;
use bellwether_scoring::{PastIncident, PastWatched, SenderMarks};
use rusqlite::{OptionalExtension, Row, params};

use crate::StoreError;
use crate::sqlite_history::{SqliteHistory, endpoint};

impl SqliteHistory<'_> {
    pub(crate) fn find_watched(
        &self,
        since: Timestamp,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<PastWatched>, StoreError> {
        // A leg of an earlier call is that call.
        let mut select = self.reader.db.prepare(
            "SELECT c.call, c.started_at, o.answered_at, o.ended_at, o.final_status, coalesce(o.cancelled, 0) AS cancelled,
                 c.caller, c.caller_host, coalesce(c.dialled_otherwise, c.callee) AS dialled, c.caller_readings,
                 c.called_readings, c.source, coalesce(f.family, c.fingerprint) AS family, s.sender, c.marks,
                 EXISTS (SELECT 1 FROM call_links AS l JOIN calls AS d ON d.call = l.other JOIN outcomes AS p ON p.id = d.id
                     WHERE l.call = c.call AND p.answered_at IS NOT NULL) AS elsewhere
             FROM calls AS c JOIN scores AS s ON s.id = c.id LEFT JOIN outcomes AS o ON o.id = c.id
                 LEFT JOIN fingerprints AS f ON f.fingerprint = c.fingerprint
             WHERE c.started_at >= ?1 AND c.started_at < ?2
                 AND NOT EXISTS (SELECT 1 FROM call_links AS l JOIN calls AS d ON d.call = l.other
                     WHERE l.call = c.call AND (d.started_at, d.call) < (c.started_at, c.call))
             ORDER BY c.started_at DESC, c.call DESC LIMIT ?3",
        )?;
        let limits = params![since.as_nanos(), before.as_nanos(), most as i64];
        let rows = select.query_and_then(limits, watched)?;
        let mut calls = rows.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
        calls.reverse();
        Ok(calls)
    }

    pub(crate) fn find_incident(&self, incident: IncidentId) -> Result<Option<PastIncident>, StoreError> {
        let db = &self.reader.db;
        let found: Option<(String, String, f64)> = db
            .prepare_cached("SELECT kind, severity, fraud_probability FROM incidents WHERE incident = ?1")?
            .query_row([incident.get()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .optional()?;
        let Some((kind, severity, fraud_probability)) = found else { return Ok(None) };
        let mut select =
            db.prepare_cached("SELECT call FROM incident_members WHERE incident = ?1 ORDER BY call")?;
        let members = select.query_map([incident.get()], |r| r.get(0).map(CallId::new))?;
        let members = members.collect::<Result<Vec<_>, _>>()?;
        let Ok(kind) = kind.parse() else { return Ok(None) };
        Ok(Some(PastIncident { kind, severity: severity.parse()?, fraud_probability, members }))
    }
}

/// A call for the watch. None for one that the watch does not see.
fn watched(row: &Row<'_>) -> Result<Option<PastWatched>, rusqlite::Error> {
    let marks: Option<String> = row.get("marks")?;
    let has = |word: &str| marks.as_deref().is_some_and(|marks| marks.split(' ').any(|mark| mark == word));
    let (source, family): (String, String) = (row.get("source")?, row.get("family")?);
    let (Some(source), Some(family)) = (endpoint(&source), PrintHash::stored(&family)) else {
        return Ok(None);
    };
    if has("emergency") {
        return Ok(None);
    }
    let readings = |column: &str| -> Result<NumberReadings, rusqlite::Error> {
        let text: Option<String> = row.get(column)?;
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or_default())
    };
    let at = |column: &str| -> Result<Option<Timestamp>, rusqlite::Error> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_nanos))
    };
    let marks = SenderMarks::of(row.get("sender")?);
    Ok(Some(PastWatched {
        call: CallId::new(row.get("call")?),
        started_at: Timestamp::from_nanos(row.get("started_at")?),
        answered_at: at("answered_at")?,
        ended_at: at("ended_at")?,
        final_status: row.get("final_status")?,
        is_cancelled: row.get("cancelled")?,
        is_answered_elsewhere: row.get("elsewhere")?,
        caller: row.get("caller")?,
        caller_host: row.get("caller_host")?,
        dialled: row.get("dialled")?,
        caller_readings: readings("caller_readings")?,
        called_readings: readings("called_readings")?,
        source: source.ip(),
        family,
        is_registered: marks.is_registered || marks.is_registered_lately || marks.is_at_server,
        is_from_trunk: has("trunk"),
    }))
}
