//! From columns of the database to values of a report.

use bellwether_base::Timestamp;
use bellwether_store::StoreError;
use rusqlite::Row;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

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

/// A moment as reports show it: RFC 3339 in UTC with nanoseconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    time(Some(at.as_nanos())).as_str().unwrap_or_default().to_owned()
}

/// Reads a moment in RFC 3339, or a day in UTC.
#[must_use]
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        _ => text.to_owned(),
    };
    let stamp: jiff::Timestamp = whole.parse().ok()?;
    i64::try_from(stamp.as_nanosecond()).ok().map(Timestamp::from_nanos)
}
