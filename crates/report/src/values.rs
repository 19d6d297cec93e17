//! From rows of the database to the values of a report, in the order of its columns.

use bellwether_acoustics::{Classes, Pauses};
use bellwether_devices::CallVerdict;
use bellwether_fingerprint::specificity;
use bellwether_scoring::Stage;
use bellwether_store::{Blindness, StoreError, StoredSignal, unpack_codes};
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::blindness::of_call;
use crate::classes::{class_columns, shown_pauses};
use crate::columns::Values;
use crate::reputation::Reputed;

pub(crate) const CALLS: &str =
    "SELECT calls.*, (SELECT json_group_array(other.call_id ORDER BY other.started_at, other.call)
        FROM call_links JOIN calls AS other ON other.call = call_links.other
        WHERE call_links.call = calls.call) AS linked,
        s.score AS score, s.disposition AS disposition, s.signals AS signals, s.stage AS stage, k.name AS campaign_name,
        l.label AS label
    FROM calls_now AS calls LEFT JOIN scores AS s ON s.id = calls.id
        LEFT JOIN campaigns AS k ON k.campaign = s.campaign
        LEFT JOIN labels AS l ON l.kind = 'call' AND l.subject = CAST(calls.call AS TEXT)";

/// A stream that several legs of a conversation name is a row of each, and counts in one.
pub(crate) const STREAMS: &str = "SELECT streams.*, calls.call_id,
        (SELECT call_id FROM calls AS k WHERE k.call = streams.counted_call) AS counted_in FROM (
        SELECT *, call AS of_call, direction AS of_direction, NULL AS counted_call FROM streams
        UNION ALL
        SELECT s.*, l.call, l.direction, s.call FROM stream_legs AS l JOIN streams AS s USING (first_seen, stream)
    ) AS streams LEFT JOIN calls ON calls.call = streams.of_call";

/// A source is an address: the port is cut off behind its colon. When a fingerprint was seen follows from what
/// has it, so that replaying a part again changes nothing.
pub(crate) const FINGERPRINTS: &str = "SELECT * FROM (SELECT f.*,
        (SELECT count(*) FROM calls AS c WHERE c.fingerprint = f.fingerprint) AS calls,
        (SELECT count(*) FROM registrations AS r WHERE r.fingerprint = f.fingerprint) AS registrations,
        (SELECT count(*) FROM (
            SELECT caller FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION SELECT aor FROM registrations AS r WHERE r.fingerprint = f.fingerprint)) AS callers,
        (SELECT count(*) FROM (
            SELECT rtrim(source, '0123456789') FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION SELECT rtrim(source, '0123456789') FROM registrations AS r
                WHERE r.fingerprint = f.fingerprint
            UNION SELECT rtrim(source, '0123456789') FROM sightings AS s
                WHERE s.fingerprint = f.fingerprint)) AS sources,
        (SELECT count(DISTINCT trunk_id) FROM calls_now AS c WHERE c.fingerprint = f.fingerprint) AS trunks,
        (SELECT json_group_array(agent ORDER BY agent) FROM (
            SELECT user_agent AS agent FROM calls AS c
                WHERE c.fingerprint = f.fingerprint AND user_agent IS NOT NULL
            UNION SELECT user_agent FROM registrations AS r
                WHERE r.fingerprint = f.fingerprint AND user_agent IS NOT NULL
            UNION SELECT user_agent FROM sightings AS s
                WHERE s.fingerprint = f.fingerprint AND user_agent <> '')) AS agents,
        (SELECT min(at) FROM (
            SELECT min(started_at) AS at FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION ALL SELECT min(o.first_at) FROM registrations AS r JOIN observations AS o
                ON o.registration = r.id WHERE r.fingerprint = f.fingerprint
            UNION ALL SELECT min(first_seen) FROM sightings AS s WHERE s.fingerprint = f.fingerprint)) AS first_seen,
        (SELECT max(at) FROM (
            SELECT max(started_at) AS at FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION ALL SELECT max(o.last_at) FROM registrations AS r JOIN observations AS o
                ON o.registration = r.id WHERE r.fingerprint = f.fingerprint
            UNION ALL SELECT max(last_seen) FROM sightings AS s WHERE s.fingerprint = f.fingerprint)) AS last_seen
    FROM fingerprints AS f)";

impl Reports<'_> {
    /// A call's row in the order of the report's columns.
    pub(crate) fn call_values(&self, row: &Row<'_>, blindness: &Blindness) -> Result<Values, StoreError> {
        self.call_values_of(row, &self.verdict_of(row)?, blindness)
    }

    /// The same, with the verdict about the call's device.
    pub(crate) fn call_values_of(
        &self,
        row: &Row<'_>,
        judged: &CallVerdict,
        blindness: &Blindness,
    ) -> Result<Values, StoreError> {
        let packed: Option<String> = row.get("signals")?;
        let signals = packed.map_or(Ok(Vec::new()), |packed| self.reader.stored_signals(&packed))?;
        call(row, self.stacks_of(row)?, shown_signals(&signals), judged, blindness)
    }
}

/// The signals of a score.
fn shown_signals(signals: &[StoredSignal]) -> Value {
    let one = |s: &StoredSignal| json!({"name": s.name, "points": s.points, "evidence": s.words});
    signals.iter().map(one).collect()
}

fn call(
    row: &Row<'_>,
    stacks: Stacks,
    signals: Value,
    judged: &CallVerdict,
    blindness: &Blindness,
) -> Result<Values, StoreError> {
    let answered: Option<i64> = row.get("answered_at")?;
    let ended: Option<i64> = row.get("ended_at")?;
    let duration = answered.zip(ended).map(|(a, e)| e.saturating_sub(a) as f64 / 1e9);
    let has_identity: bool = row.get("has_identity")?;
    let cancelled: bool = row.get("cancelled")?;
    let not_judged = why_not_judged(row)?;
    let defects: Option<String> = row.get("defects")?;
    let defects: Vec<&str> = defects.iter().flat_map(|d| d.split(' ')).collect();
    Ok(vec![
        text(row, "call_id")?,
        text(row, "from_tag")?,
        time(row.get("started_at")?),
        time(answered),
        time(ended),
        json!(duration),
        int(row, "final_status")?,
        text(row, "caller")?,
        text(row, "callee")?,
        text(row, "source")?,
        text(row, "destination")?,
        text(row, "transport")?,
        text(row, "user_agent")?,
        text(row, "fingerprint")?,
        text(row, "sip_author")?,
        text(row, "sdp_author")?,
        text(row, "path")?,
        stacks.stack,
        text(row, "origin")?,
        text(row, "trunk_id")?,
        text(row, "access_side")?,
        text(row, "attestation")?,
        if has_identity { text(row, "passport")? } else { json!("none") },
        real(row, "score", 1)?,
        if not_judged.is_some() { json!(NOT_JUDGED) } else { text(row, "disposition")? },
        signals,
        json!(judged.verdict.name()),
        text(row, "campaign_name")?,
        int(row, "duplicates")?,
        int(row, "hops")?,
        parsed(row, "linked")?,
        text(row, "dialled")?,
        text(row, "last_destination")?,
        json!(cancelled),
        int(row, "forks")?,
        int(row, "reinvites")?,
        int(row, "retransmissions")?,
        text(row, "caller_kind")?,
        text(row, "caller_country")?,
        text(row, "callee_kind")?,
        text(row, "callee_country")?,
        json!(defects),
        int(row, "hep_agent")?,
        text(row, "mirror")?,
        stacks.sdp_stack,
        stacks.claim,
        text(row, "referred_to")?,
        json!(row.get::<_, Option<i64>>("stage")?.map(|stage| Stage::of(stage).name())),
        text(row, "label")?,
        row.get::<_, Option<String>>("identity")?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or(Value::Null),
        of_call(blindness, row)?,
        json!(not_judged),
    ])
}

/// The disposition of a call that has no score.
pub(crate) const NOT_JUDGED: &str = "not_judged";

/// Somebody called for help.
pub(crate) const FOR_HELP: &str = "emergency_call";

/// The run that saw it ended before it had judged it, or has not yet.
pub(crate) const UNFINISHED: &str = "judging_unfinished";

/// Why a call has no score; none where it has one.
fn why_not_judged(row: &Row<'_>) -> Result<Option<&'static str>, StoreError> {
    if row.get::<_, Option<f64>>("score")?.is_some() {
        return Ok(None);
    }
    let marks: Option<String> = row.get("marks")?;
    let is_for_help = marks.is_some_and(|marks| marks.split(' ').any(|mark| mark == "emergency"));
    Ok(Some(if is_for_help { FOR_HELP } else { UNFINISHED }))
}

pub(crate) fn stream(row: &Row<'_>, classes: &Classes) -> Result<Values, StoreError> {
    let [class, mode, confidence, reason] = class_columns(row, classes)?;
    Ok(vec![
        text(row, "call_id")?,
        text(row, "of_direction")?,
        text(row, "src")?,
        text(row, "dst")?,
        int(row, "ssrc")?,
        text(row, "codec")?,
        int(row, "packets")?,
        int(row, "lost")?,
        int(row, "reordered")?,
        int(row, "duplicates")?,
        real(row, "jitter_ms", 3)?,
        time(row.get("first_seen")?),
        time(row.get("last_seen")?),
        silence(row)?,
        class,
        mode,
        confidence,
        reason,
        real(row, "media_skew_ppm", 3)?,
        interval(row, "media_skew_low_ppm", "media_skew_high_ppm")?,
        text(row, "media_skew_no_fit")?,
        real(row, "rtcp_skew_ppm", 3)?,
        interval(row, "rtcp_skew_low_ppm", "rtcp_skew_high_ppm")?,
        text(row, "rtcp_skew_no_fit")?,
        int(row, "payload_type")?,
        int(row, "restarts")?,
        int(row, "telephone_events")?,
        int(row, "comfort_noise")?,
        int(row, "rtcp_packets")?,
        text(row, "beginning")?,
        row.get::<_, Option<Vec<u8>>>("pauses")?
            .and_then(|octets| Pauses::from_octets(&octets))
            .map_or(Value::Null, |pauses| Value::Object(shown_pauses(&pauses))),
        int(row, "clock_rate")?,
        int(row, "shown_rate")?,
        text(row, "counted_in")?,
    ])
}

/// The ends of an interval; null where there is none.
fn interval(row: &Row<'_>, low: &str, high: &str) -> Result<Value, StoreError> {
    let (low, high) = (real(row, low, 3)?, real(row, high, 3)?);
    Ok(if low.is_null() { Value::Null } else { json!([low, high]) })
}

fn silence(row: &Row<'_>) -> Result<Value, StoreError> {
    let Some(packets) = row.get::<_, Option<i64>>("silence_packets")? else { return Ok(Value::Null) };
    let codes: Option<Vec<u8>> = row.get("silence_codes")?;
    let codes: Map<String, Value> = unpack_codes(&codes.unwrap_or_default())
        .into_iter()
        .map(|(code, n)| (code.to_string(), json!(n)))
        .collect();
    Ok(json!({
        "packets": packets,
        "energy": row.get::<_, Option<f64>>("silence_energy")?,
        "dc_offset": row.get::<_, Option<f64>>("silence_dc_offset")?,
        "codes": codes,
        "law": row.get::<_, Option<String>>("silence_law")?,
        "observed_packets": row.get::<_, Option<i64>>("silence_observed_packets")?,
    }))
}

/// What structure shows of a message's authors, as columns.
pub(crate) struct Stacks {
    pub(crate) stack: Value,
    pub(crate) sdp_stack: Value,
    /// Whether the User-Agent agrees.
    pub(crate) claim: Value,
    /// Whether the fingerprint has too little material to tell stacks apart.
    pub(crate) is_thin: Value,
}

/// `origins` is how many were seen altogether.
pub(crate) fn fingerprint(
    row: &Row<'_>,
    stacks: Stacks,
    origins: i64,
    reputed: &Reputed,
) -> Result<Values, StoreError> {
    let (callers, sources): (i64, i64) = (row.get("callers")?, row.get("sources")?);
    Ok(vec![
        text(row, "fingerprint")?,
        text(row, "readable")?,
        stacks.stack,
        parsed(row, "agents")?,
        int(row, "calls")?,
        int(row, "registrations")?,
        int(row, "callers")?,
        int(row, "sources")?,
        time(row.get("first_seen")?),
        time(row.get("last_seen")?),
        json!(reputed.score),
        json!(reputed.label),
        json!(specificity(callers.min(sources), origins).map(|bits| round(bits, 2))),
        text(row, "method")?,
        text(row, "sip_author")?,
        text(row, "sdp_author")?,
        stacks.sdp_stack,
        stacks.claim,
        stacks.is_thin,
        int(row, "trunks")?,
        json!(reputed.listed.name()),
        json!(reputed.parties),
    ])
}

pub(crate) fn text(row: &Row<'_>, column: &str) -> Result<Value, StoreError> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) => json!(String::from_utf8_lossy(bytes)),
        _ => Value::Null,
    })
}

pub(crate) fn int(row: &Row<'_>, column: &str) -> Result<Value, StoreError> {
    Ok(json!(row.get::<_, Option<i64>>(column)?))
}

pub(crate) fn real(row: &Row<'_>, column: &str, digits: i32) -> Result<Value, StoreError> {
    Ok(json!(row.get::<_, Option<f64>>(column)?.map(|n| round(n, digits))))
}

pub(crate) fn parsed(row: &Row<'_>, column: &str) -> Result<Value, StoreError> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_else(|| json!([])))
}

/// Digits that mean something: more would suggest a precision that is not there.
pub(crate) fn round(n: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (n * scale).round() / scale
}

/// RFC 3339 in UTC with nanoseconds.
pub(crate) fn time(nanos: Option<i64>) -> Value {
    let stamp = nanos.and_then(|n| jiff::Timestamp::from_nanosecond(i128::from(n)).ok());
    json!(stamp.map(|t| t.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()))
}
