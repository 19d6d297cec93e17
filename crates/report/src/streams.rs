//! Media streams as reports show them.

use bellwether_acoustics::{Classes, Pauses};
use bellwether_store::{StoreError, unpack_codes};
use rusqlite::Row;
use serde_json::{Map, Value, json};

use crate::cells::{int, real, round, text, time};
use crate::classes::{class_columns, shown_pauses};
use crate::columns::Values;
use crate::quality::Quality;

/// The columns of a stream of `of`, a table expression. A macro, so that the two statements are constants.
macro_rules! streams_of {
    ($of:literal) => {
        concat!(
            "SELECT streams.*, calls.call_id,
        (SELECT format('%016x', r.recording) FROM recordings AS r WHERE r.recording = streams.recording) AS recording_name,
        (SELECT call_id FROM calls AS k WHERE k.call = streams.counted_call) AS counted_in,
        (SELECT avg(o.receiver_rtt_ms) FROM streams AS o WHERE o.call = streams.call AND o.src = streams.dst AND o.dst = streams.src)
            AS sender_rtt_ms FROM (",
            $of,
            ") AS streams LEFT JOIN calls ON calls.call = streams.of_call"
        )
    };
}

/// A stream that several legs of a conversation name is a row of each, and counts in one.
pub(crate) const STREAMS: &str = streams_of!(
    "SELECT *, call AS of_call, direction AS of_direction, NULL AS counted_call FROM streams
        UNION ALL
        SELECT s.*, l.call, l.direction, s.call FROM stream_legs AS l JOIN streams AS s USING (first_seen, stream)"
);

/// The streams with the numbers ?1, a JSON array, each once.
pub(crate) const STREAMS_BY_NUMBER: &str = streams_of!(
    "SELECT *, call AS of_call, direction AS of_direction, NULL AS counted_call FROM streams
        WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id"
);

/// A stream in the order of the report's columns.
pub(crate) fn stream(row: &Row<'_>, classes: &Classes) -> Result<Values, StoreError> {
    let [class, set, mode, confidence, reason] = class_columns(row, classes)?;
    let quality = Quality::of(row)?;
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
        set,
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
        text(row, "recording_name")?,
        text(row, "sound")?,
        json!(row.get::<_, Option<i64>>("heard_ms")?.map(|ms| ms as f64 / 1000.0)),
        playback(row)?,
        json!(quality.loss_percent.map(|n| round(n, 3))),
        json!(quality.burst_loss_percent.map(|n| round(n, 3))),
        json!(quality.rating.map(|rating| round(rating.r, 1))),
        json!(quality.rating.map(|rating| round(rating.mos, 2))),
        real(row, "xr_mos", 1)?,
        json!(quality.round_trip_ms.map(|n| round(n, 1))),
    ])
}

/// How deep the pauses of a voice are.
fn playback(row: &Row<'_>) -> Result<Value, StoreError> {
    let Some(depth) = row.get::<_, Option<i64>>("pause_depth_db")? else { return Ok(Value::Null) };
    let silent: Option<i64> = row.get("digital_silence_percent")?;
    Ok(json!({"pause_depth_db": depth, "digital_silence_percent": silent}))
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
