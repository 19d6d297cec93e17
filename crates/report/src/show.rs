//! One thing with all its evidence.

use bellwether_fingerprint::{Platform, compare, fields};
use bellwether_store::StoreError;
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::blindness::sentences;
use crate::calls::CALLS;
use crate::cells::time;
use crate::columns::{Report, object};
use crate::devices::evidence_list;
use crate::fingerprints::{FINGERPRINTS, fingerprint};
use crate::platforms::{compared, explained, habits, identifiers, origins_of_all};
use crate::score_sum::{reductions, score_sum};
use crate::streams::{STREAMS, stream};

/// Rows listed of anything that there may be many of.
const MOST: i64 = 20;

impl Reports<'_> {
    /// A call by its Call-ID, with its streams, the authors of its messages, and its instance. A Call-ID in several calls gives several
    /// values.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_call(&self, call_id: &str) -> Result<Vec<Map<String, Value>>, StoreError> {
        let mut out = Vec::new();
        let blindness = self.reader.blindness()?;
        let mut calls = self
            .db()
            .prepare(&format!("{CALLS} WHERE calls.call_id = ?1 ORDER BY started_at, calls.call"))?;
        let mut rows = calls.query([call_id])?;
        while let Some(row) = rows.next()? {
            let judged = self.verdict_of(row)?;
            let mut shown = object(Report::Calls, self.call_values_of(row, &judged, &blindness)?);
            self.add_sum(row, &mut shown)?;
            let (identity, print): (i64, String) = (row.get("call")?, row.get("fingerprint")?);
            let classes = self.reader.known_classes()?;
            let mut streams = self.db().prepare_cached(&format!(
                "{STREAMS} WHERE streams.of_call = ?1 ORDER BY streams.first_seen, streams.stream"
            ))?;
            let list: Result<Vec<Value>, StoreError> = streams
                .query_and_then([identity], |r| {
                    Ok(Value::Object(object(Report::Streams, stream(r, &classes)?)))
                })?
                .collect();
            let platform = self.reader.platform(&print)?;
            shown.insert("blindness".to_owned(), sentences(&blindness, row)?);
            shown.insert("streams".to_owned(), Value::Array(list?));
            shown.insert("fingerprint_readable".to_owned(), self.readable(&print)?);
            shown.insert("fingerprint_parts".to_owned(), explained(&platform));
            shown.insert("instances".to_owned(), self.instances(identity)?);
            shown.insert("device".to_owned(), json!(judged.device));
            shown.insert("device_evidence".to_owned(), evidence_list(&judged.evidence));
            shown.insert("device_verdict_course".to_owned(), self.kept_verdicts("call", identity)?);
            shown.insert("findings".to_owned(), json!(judged.findings));
            out.push(shown);
        }
        Ok(out)
    }

    /// A fingerprint by its hash or by the hash of its SIP or SDP author. The value has the row, a description of each part, the
    /// author's features, related fingerprints, and the newest rows with the fingerprint.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_fingerprint(&self, hash: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let mut select = self.db().prepare(&format!(
            "{FINGERPRINTS} WHERE fingerprint = ?1 OR sip_author = ?1 OR sdp_author = ?1
             ORDER BY calls + registrations DESC, fingerprint LIMIT 1"
        ))?;
        let values = |row: &Row<'_>| {
            let reputed = self.reputed_print(row)?;
            fingerprint(row, self.all_claims(row)?, origins_of_all(self.db())?, &reputed)
        };
        let found = select.query_row([hash], |row| Ok(values(row)));
        let Some(values) = found.optional()?.transpose()? else { return Ok(None) };
        let mut shown = object(Report::Fingerprints, values);
        let print = shown.get("fingerprint").and_then(Value::as_str).unwrap_or_default().to_owned();
        let platform = self.reader.platform(&print)?;
        let mut put = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        put("is_scanner_or_tool", json!(platform.is_suspicious()));
        put("reputation_course", self.list_changes("fingerprint", &print)?);
        put("parts", explained(&platform));
        put("habits", habits(&platform));
        put("identifiers", identifiers(&platform));
        put("media_begins", self.beginnings(&print)?);
        put("media_clocks", self.wrong_rates(&print)?);
        put("relatives", self.relatives(&print)?);
        put("seen_from_the_same_source", self.beside(&print)?);
        put("instances", self.instances_of(&print, i64::MAX)?);
        put(
            "newest_call_ids",
            self.list(
                "SELECT call_id FROM calls WHERE fingerprint = ?1 ORDER BY started_at DESC, call LIMIT ?2",
                &print,
            )?,
        );
        put(
            "aors",
            self.list(
                "SELECT DISTINCT aor FROM registrations WHERE fingerprint = ?1 ORDER BY aor LIMIT ?2",
                &print,
            )?,
        );
        Ok(Some(shown))
    }

    /// The common parts of two calls and their differences; none if one of them is unknown.
    ///
    /// # Errors
    /// If the database fails.
    pub fn diff(&self, first: &str, second: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let (Some(a), Some(b)) = (self.sketch(first)?, self.sketch(second)?) else { return Ok(None) };
        let mut out = Map::new();
        let part = |of: fn(&Platform) -> &str| -> Value {
            let (one, two) = (of(&a.platform), of(&b.platform));
            if one.is_empty() && two.is_empty() {
                return Value::Null;
            }
            let mut object = compared(&compare(one, two));
            let shared = fields(one).skip(1).filter(|field| fields(two).any(|other| other == *field));
            let shared: Vec<&str> = shared.map(|(key, _)| key).collect();
            object.insert("equal_fields".to_owned(), json!(shared));
            Value::Object(object)
        };
        out.insert("first".to_owned(), a.summary());
        out.insert("second".to_owned(), b.summary());
        out.insert("sip_author".to_owned(), part(Platform::sip_part));
        out.insert("sdp_author".to_owned(), part(Platform::sdp_part));
        let path = json!({"relation": if a.path == b.path { "same" } else { "different" }, "first": a.path, "second": b.path});
        out.insert("path".to_owned(), path);
        out.insert("instances".to_owned(), self.shared_instances(a.call, b.call)?);
        Ok(Some(out))
    }

    /// The sum behind the score, beside the score.
    fn add_sum(&self, row: &Row<'_>, shown: &mut Map<String, Value>) -> Result<(), StoreError> {
        let Some(score) = row.get::<_, Option<f64>>("score")? else { return Ok(()) };
        let disposition: String = row.get("disposition")?;
        let packed: Option<String> = row.get("signals")?;
        let signals = packed.map_or(Ok(Vec::new()), |packed| self.reader.stored_signals(&packed))?;
        let sum = score_sum(score, &disposition, &signals, &self.reader.settings().dispositions);
        let place =
            shown.keys().position(|name| name == "disposition").map_or(shown.len(), |place| place + 1);
        shown.shift_insert(place, "score_sum".to_owned(), json!(sum));
        shown.shift_insert(place + 1, "score_reductions".to_owned(), json!(reductions(&signals)));
        Ok(())
    }

    fn sketch(&self, call_id: &str) -> Result<Option<Sketch>, StoreError> {
        let mut select = self.db().prepare(
            "SELECT call, started_at, source, user_agent, fingerprint, path FROM calls WHERE call_id = ?1
             ORDER BY started_at LIMIT 1",
        )?;
        let found = select
            .query_row([call_id], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get::<_, String>(4)?, r.get(5)?))
            })
            .optional()?;
        let Some((call, started_at, source, user_agent, fingerprint, path)) = found else { return Ok(None) };
        let platform = self.reader.platform(&fingerprint)?;
        let call_id = call_id.to_owned();
        Ok(Some(Sketch { call, call_id, started_at, source, user_agent, fingerprint, path, platform }))
    }

    fn readable(&self, hash: &str) -> Result<Value, StoreError> {
        let mut select =
            self.db().prepare_cached("SELECT readable FROM fingerprints WHERE fingerprint = ?1")?;
        Ok(json!(select.query_row([hash], |r| r.get::<_, String>(0)).optional()?))
    }

    fn list(&self, sql: &str, print: &str) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(sql)?;
        let rows: Result<Vec<Value>, rusqlite::Error> =
            select.query_map(params![print, MOST], |r| Ok(json!(r.get::<_, String>(0)?)))?.collect();
        Ok(Value::Array(rows?))
    }

    /// The evidence of one call's or registration's instance, with how many others share it.
    fn instances(&self, subject: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT kind, instance, counter, clock_at, resolution_ns, captured_at,
                (SELECT count(*) - 1 FROM instances AS o
                    WHERE o.kind = i.kind AND o.instance = i.instance AND o.instance <> '') AS others
             FROM instances AS i WHERE subject = ?1 ORDER BY kind, instance",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([subject], |r| {
                let (clock, resolution): (Option<i64>, Option<i64>) = (r.get(3)?, r.get(4)?);
                let captured: i64 = r.get(5)?;
                let instance: String = r.get(1)?;
                Ok(json!({
                    "kind": r.get::<_, String>(0)?,
                    "instance": (!instance.is_empty()).then_some(instance),
                    "counter": r.get::<_, Option<i64>>(2)?,
                    "clock": time(clock),
                    "clock_offset_s": clock.map(|clock| clock.saturating_sub(captured) as f64 / 1e9),
                    "clock_resolution_s": resolution.map(|ns| ns as f64 / 1e9),
                    "seen_elsewhere": r.get::<_, i64>(6)?.max(0),
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    /// The beginnings of the media of a fingerprint's callers, and their counts.
    fn beginnings(&self, print: &str) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT s.beginning, count(*) FROM calls AS c JOIN streams AS s ON s.call = c.call
             WHERE c.fingerprint = ?1 AND s.direction = 'caller' AND s.beginning IS NOT NULL
             GROUP BY s.beginning ORDER BY count(*) DESC, s.beginning LIMIT ?2",
        )?;
        let rows: Result<Map<String, Value>, rusqlite::Error> = select
            .query_map(params![print, MOST], |r| Ok((r.get(0)?, json!(r.get::<_, i64>(1)?))))?
            .collect();
        Ok(Value::Object(rows?))
    }

    /// The codecs whose media a fingerprint's callers stamp at another rate than the codec's, and how often so.
    fn wrong_rates(&self, print: &str) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT coalesce(s.codec, '') || ' at ' || s.clock_rate || ' Hz counts ' || s.shown_rate, count(*)
             FROM calls AS c JOIN streams AS s ON s.call = c.call
             WHERE c.fingerprint = ?1 AND s.direction = 'caller' AND s.shown_rate IS NOT NULL
             GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT ?2",
        )?;
        let rows: Result<Map<String, Value>, rusqlite::Error> = select
            .query_map(params![print, MOST], |r| Ok((r.get(0)?, json!(r.get::<_, i64>(1)?))))?
            .collect();
        Ok(Value::Object(rows?))
    }

    /// The instances behind a fingerprint: how often each was seen, and how far its counter went, in the newest `most` calls and
    /// registrations.
    pub(crate) fn instances_of(&self, print: &str, most: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT kind, instance, count(*), min(counter), max(counter) FROM instances
             WHERE instance <> '' AND subject IN (
                SELECT call FROM (SELECT call FROM calls WHERE fingerprint = ?1 ORDER BY started_at DESC LIMIT ?3)
                UNION ALL SELECT registration FROM (
                    SELECT registration FROM registrations WHERE fingerprint = ?1 ORDER BY id DESC LIMIT ?3))
             GROUP BY kind, instance ORDER BY count(*) DESC, kind, instance LIMIT ?2",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map(params![print, MOST, most], |r| {
                Ok(json!({
                    "kind": r.get::<_, String>(0)?,
                    "instance": r.get::<_, String>(1)?,
                    "seen": r.get::<_, i64>(2)?,
                    "first_counter": r.get::<_, Option<i64>>(3)?,
                    "last_counter": r.get::<_, Option<i64>>(4)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    /// Fingerprints of other messages that came from the same endpoints: how a stack's REGISTER and INVITE are known to
    /// belong together.
    fn beside(&self, print: &str) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "WITH own AS (SELECT source FROM calls WHERE fingerprint = ?1
                UNION SELECT source FROM registrations WHERE fingerprint = ?1)
             SELECT o.fingerprint, f.method, count(*) FROM (
                SELECT fingerprint, source FROM calls UNION SELECT fingerprint, source FROM registrations) AS o
             JOIN fingerprints AS f ON f.fingerprint = o.fingerprint
             WHERE o.source IN own AND o.fingerprint <> ?1
             GROUP BY o.fingerprint ORDER BY count(*) DESC, o.fingerprint LIMIT ?2",
        )?;
        let mut rows = select.query(params![print, MOST])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let other: String = row.get(0)?;
            let platform = self.reader.platform(&other)?;
            out.push(json!({
                "fingerprint": other,
                "message": row.get::<_, String>(1)?,
                "sources": row.get::<_, i64>(2)?,
                "stack": platform.stack(),
            }));
        }
        Ok(Value::Array(out))
    }

    /// The instances that two calls share, and how far their counters lie apart.
    fn shared_instances(&self, first: i64, second: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT a.kind, a.instance, b.counter - a.counter FROM instances AS a
             JOIN instances AS b ON b.kind = a.kind AND b.instance = a.instance AND a.instance <> ''
             WHERE a.subject = ?1 AND b.subject = ?2 ORDER BY a.kind, a.instance",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([first, second], |r| {
                Ok(json!({
                    "kind": r.get::<_, String>(0)?,
                    "instance": r.get::<_, String>(1)?,
                    "counted_in_between": r.get::<_, Option<i64>>(2)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }
}

/// The parts of a call that are compared.
struct Sketch {
    call: i64,
    call_id: String,
    started_at: i64,
    source: String,
    user_agent: Option<String>,
    fingerprint: String,
    path: Option<String>,
    platform: std::sync::Arc<Platform>,
}

impl Sketch {
    fn summary(&self) -> Value {
        json!({
            "call_id": self.call_id,
            "started_at": time(Some(self.started_at)),
            "source": self.source,
            "user_agent": self.user_agent,
            "fingerprint": self.fingerprint,
            "stack": self.platform.stack(),
            "sdp_stack": self.platform.sdp_stack(),
        })
    }
}
