//! Recordings as reports show them.

use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{int, text, time};
use crate::columns::{Report, Values, object};

/// Call-IDs and fingerprints listed of one recording.
const MAX_LISTED: i64 = 100_000;

/// The rows of the report: recordings that several calls play. Their calls are counted now, so they are never stale.
pub(crate) const RECORDINGS: &str = "SELECT * FROM (SELECT r.recording, r.player, r.commonplace, r.stock, length(r.print) / 10 AS words,
        format('%016x', r.recording) AS name, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen,
        max(s.heard_ms) AS heard_ms, k.name AS campaign_name,
        (SELECT label FROM labels WHERE kind = 'recording' AND subject = format('%016x', r.recording)) AS label
    FROM recordings AS r JOIN streams AS s ON s.recording = r.recording
        LEFT JOIN campaigns AS k ON k.campaign = r.campaign
    GROUP BY r.recording) AS r";

/// The calls that play a recording.
const CALLS: &str = "FROM streams AS s JOIN calls AS c ON c.call = s.call WHERE s.recording = ?1";

impl Reports<'_> {
    /// A recording's row, in the report's columns' order.
    pub(crate) fn recording_values(&self, row: &Row<'_>) -> Result<Values, StoreError> {
        let recording: i64 = row.get("recording")?;
        let mut select = self.db().prepare_cached(&format!(
            "SELECT count(DISTINCT c.call), count(DISTINCT c.caller), count(DISTINCT rtrim(c.source, '0123456789')) {CALLS}"
        ))?;
        let (calls, callers, sources): (i64, i64, i64) =
            select.query_row([recording], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
        let list = |column: &str, order: &str| -> Result<Value, StoreError> {
            let mut select = self
                .db()
                .prepare_cached(&format!("SELECT DISTINCT {column} {CALLS} ORDER BY {order} LIMIT ?2"))?;
            let rows: Result<Vec<String>, _> =
                select.query_map([recording, MAX_LISTED], |r| r.get(0))?.collect();
            Ok(json!(rows?))
        };
        let heard: Option<i64> = row.get("heard_ms")?;
        Ok(vec![
            text(row, "name")?,
            // Only voice and music have words.
            json!(if row.get("stock")? { "stock" } else { "voice" }),
            json!(calls),
            json!(callers),
            json!(sources),
            list("c.fingerprint", "1")?,
            time(row.get("first_seen")?),
            time(row.get("last_seen")?),
            json!(heard.map(|ms| ms as f64 / 1000.0)),
            json!(row.get::<_, bool>("commonplace")?),
            text(row, "label")?,
            list("c.call_id", "c.started_at, c.call")?,
            text(row, "player")?,
            int(row, "words")?,
            text(row, "campaign_name")?,
        ])
    }

    /// A recording by name: its row, and how alike each call's playback is.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_recording(&self, name: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let mut select = self.db().prepare(&format!("{RECORDINGS} WHERE r.name = ?1"))?;
        let mut rows = select.query([name])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let recording: i64 = row.get("recording")?;
        let mut shown = object(Report::Recordings, self.recording_values(row)?);
        shown.insert("players".to_owned(), self.players(recording)?);
        Ok(Some(shown))
    }

    fn players(&self, recording: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(&format!(
            "SELECT c.call_id, c.started_at, c.caller, c.source, c.fingerprint, s.heard_ms, s.recording_shared_ms,
                 s.recording_log_ratio, s.pause_depth_db, s.digital_silence_percent,
                 (SELECT score FROM scores AS x WHERE x.id = c.id)
             {CALLS} ORDER BY c.started_at, c.call LIMIT ?2"
        ))?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([recording, MAX_LISTED], |r| {
                let seconds = |i: usize| r.get::<_, Option<f64>>(i).map(|ms| ms.map(|ms| ms / 1000.0));
                let ratio: Option<f64> = r.get(7)?;
                Ok(json!({
                    "call_id": r.get::<_, String>(0)?,
                    "started_at": time(r.get(1)?),
                    "caller": r.get::<_, String>(2)?,
                    "source": r.get::<_, String>(3)?,
                    "fingerprint": r.get::<_, String>(4)?,
                    "heard_s": seconds(5)?,
                    "shared_s": seconds(6)?,
                    "log10_ratio": ratio.map(|ln| (ln / std::f64::consts::LN_10 * 10.0).round() / 10.0),
                    "pause_depth_db": r.get::<_, Option<i64>>(8)?,
                    "digital_silence_percent": r.get::<_, Option<i64>>(9)?,
                    "score": r.get::<_, Option<f64>>(10)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }
}
