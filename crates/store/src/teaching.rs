//! Labels of operators, and telemetry of systems behind the switch.

use bellwether_base::{IncidentId, RecordingId, Timestamp};
use bellwether_scoring::is_fraud_label;
use rusqlite::{OptionalExtension, ToSql, params};

use crate::label_evidence::changed as labels_changed;
use crate::{Reader, StoreError, Writer};

/// The result of a label.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Labelled {
    /// It was given, or taken back.
    Changed,
    /// It was given before.
    Known,
    /// Another label was replaced: contradictory labels are for people to settle, and the latest counts.
    Replaced,
    /// There is no such thing.
    Missing,
}

/// The record of a system behind the switch about a call (`docs/decisions/0038-trust-is-lost-fast.md`).
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields, named as in the score API")]
pub struct Telemetry {
    pub call_id: String,
    pub fraud_score: Option<f64>,
    pub disposition: Option<String>,
    pub talk_time_seconds: Option<f64>,
    /// Masked, because the label needs no name.
    pub agent_id: Option<String>,
    pub at: Timestamp,
}

impl Reader {
    /// Returns true if reports show a call under this Call-ID.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn has_call(&self, call_id: &str) -> Result<bool, StoreError> {
        let mut select = self.db.prepare_cached("SELECT EXISTS (SELECT 1 FROM calls WHERE call_id = ?1)")?;
        Ok(select.query_row([call_id], |r| r.get(0))?)
    }

    /// True if the database has a call (by its Call-ID in reports), a fingerprint, a campaign, a recording or an incident of this name.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn has_subject(&self, kind: &str, id: &str) -> Result<bool, StoreError> {
        let number = match kind {
            "recording" => RecordingId::named(id).map(RecordingId::get),
            "incident" => IncidentId::named(id).map(IncidentId::get),
            _ => None,
        };
        let sql = match kind {
            "call" => return self.has_call(id),
            "fingerprint" => "SELECT EXISTS (SELECT 1 FROM fingerprints WHERE fingerprint = ?1)",
            "campaign" => "SELECT EXISTS (SELECT 1 FROM campaigns WHERE name = ?1)",
            "recording" => "SELECT EXISTS (SELECT 1 FROM recordings WHERE recording = ?1)",
            "incident" => "SELECT EXISTS (SELECT 1 FROM incidents WHERE incident = ?1)",
            _ => return Ok(false),
        };
        let mut select = self.db.prepare_cached(sql)?;
        let value: &dyn ToSql = match &number {
            Some(number) => number,
            None => &id,
        };
        Ok(select.query_row([value], |r| r.get(0))?)
    }

    /// The Call-ID in reports of the call whose Call-ID had this token on the wire, see `Tokeniser::wire_id`; of several the
    /// latest.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn call_on_the_wire(&self, wire_id: i64) -> Result<Option<String>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT call_id FROM calls WHERE wire_id = ?1 ORDER BY started_at DESC, call DESC LIMIT 1",
        )?;
        Ok(select.query_row([wire_id], |r| r.get(0)).optional()?)
    }
}

impl Writer {
    /// Labels calls (all with one Call-ID, in clear text or in the masked form of reports), a fingerprint, a campaign, a recording or an incident. The label is
    /// fraud, legit, or none to take a label back. `source` is the author of the label.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn label(
        &mut self,
        kind: &str,
        id: &str,
        wire_id: Option<i64>,
        label: Option<&str>,
        source: &str,
    ) -> Result<Labelled, StoreError> {
        self.label_or_leg(kind, id, wire_id, None, label, source)
    }

    /// Labels one leg of those under a Call-ID, by its From tag.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn label_leg(
        &mut self,
        (call_id, from_tag): (&str, &str),
        wire_id: Option<i64>,
        label: Option<&str>,
        source: &str,
    ) -> Result<Labelled, StoreError> {
        self.label_or_leg("call", call_id, wire_id, Some(from_tag), label, source)
    }

    fn label_or_leg(
        &mut self,
        kind: &str,
        id: &str,
        wire_id: Option<i64>,
        from_tag: Option<&str>,
        label: Option<&str>,
        source: &str,
    ) -> Result<Labelled, StoreError> {
        let mut subjects: Vec<(String, i64)> = Vec::new();
        {
            let db = &self.reader.db;
            let sql = match kind {
                "call" => {
                    "SELECT CAST(call AS TEXT), started_at FROM calls WHERE (call_id = ?1 OR wire_id = ?2)
                     AND (?3 IS NULL OR from_tag = ?3) ORDER BY started_at"
                }
                "fingerprint" => {
                    "SELECT f.fingerprint, coalesce((SELECT max(started_at) FROM calls AS c WHERE c.fingerprint = f.fingerprint), 0)
                     FROM fingerprints AS f WHERE f.fingerprint = ?1"
                }
                "recording" => {
                    "SELECT format('%016x', recording), last_seen FROM recordings WHERE format('%016x', recording) = ?1"
                }
                "incident" => {
                    "SELECT format('inc-%016x', incident), opened_at FROM incidents
                     WHERE format('inc-%016x', incident) = ?1 OR format('%016x', incident) = ?1"
                }
                _ => "SELECT name, last_seen FROM campaigns WHERE name = ?1 AND merged_into IS NULL",
            };
            let mut select = db.prepare_cached(sql)?;
            let values: [&dyn ToSql; 3] = [&id, &wire_id, &from_tag];
            let values = values.get(..select.parameter_count()).unwrap_or_default();
            for row in select.query_map(values, |r| Ok((r.get(0)?, r.get(1)?)))? {
                subjects.push(row?);
            }
        }
        if subjects.is_empty() {
            return Ok(Labelled::Missing);
        }
        self.in_transaction(|tx| {
        let mut done = Labelled::Known;
        for (subject, at) in subjects {
            let held: Option<String> = tx
                .prepare_cached("SELECT label FROM labels WHERE kind = ?1 AND subject = ?2")?
                .query_row(params![kind, subject], |r| r.get(0))
                .optional()?;
            match label {
                None => {
                    let gone = tx
                        .prepare_cached("DELETE FROM labels WHERE kind = ?1 AND subject = ?2")?
                        .execute(params![kind, subject])?;
                    if gone > 0 {
                        done = Labelled::Changed;
                    }
                }
                Some(label) if held.as_deref() == Some(label) => {}
                Some(label) => {
                    done = if held.is_some() { Labelled::Replaced } else { Labelled::Changed };
                    tx.prepare_cached(
                        "INSERT OR REPLACE INTO labels (kind, subject, label, at, source) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![kind, subject, label, at, source])?;
                }
            }
        }
        if done != Labelled::Known {
            labels_changed(tx)?;
        }
            Ok(done)
        })
    }

    /// Stores the record of a system about a call, under its Call-ID on the wire or in reports. A disposition that confirms fraud or
    /// honesty is a label, unless an operator gave one. Returns true if the call is known.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn telemetry(&mut self, told: &Telemetry, wire_id: Option<i64>) -> Result<bool, StoreError> {
        let tx = self.reader.db.transaction()?;
        let call: Option<(i64, i64)> = tx
            .prepare_cached(
                "SELECT call, started_at FROM calls WHERE call_id = ?1 OR wire_id = ?2
                 ORDER BY started_at DESC LIMIT 1",
            )?
            .query_row(params![told.call_id, wire_id], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        let Some((call, started_at)) = call else { return Ok(false) };
        tx.prepare_cached(
            "INSERT OR REPLACE INTO telemetry (call, at, fraud_score, disposition, talk_time_s, agent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            call,
            told.at.as_nanos(),
            told.fraud_score,
            told.disposition,
            told.talk_time_seconds,
            told.agent_id
        ])?;
        if let Some(is_fraud) = told.disposition.as_deref().and_then(is_fraud_label) {
            let label = if is_fraud { "fraud" } else { "legit" };
            tx.prepare_cached(
                "INSERT INTO labels (kind, subject, label, at, source) VALUES ('call', ?1, ?2, ?3, 'telemetry')
                 ON CONFLICT DO UPDATE SET label = excluded.label WHERE source = 'telemetry'",
            )?
            .execute(params![call.to_string(), label, started_at])?;
            labels_changed(&tx)?;
        }
        tx.commit()?;
        Ok(true)
    }
}
