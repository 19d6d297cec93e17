//! Values as cells of a table.

use bellwether_base::Shown;
use bellwether_report::{Column, Kind};
use serde_json::{Map, Value};

use super::LONGEST_CELL;

/// A value in readable form, within the width of a table.
pub(super) fn cell(value: &Value, column: &Column) -> Shown {
    Shown::within(&cell_text(value, column), LONGEST_CELL)
}

fn cell_text(value: &Value, column: &Column) -> String {
    match (value, column.kind) {
        (Value::Null, _) => "-".to_owned(),
        (Value::String(text), Kind::Time) => short_time(text),
        (Value::String(text), _) => shorten(text),
        (Value::Number(n), Kind::Real) if is_score(column.name) => score(n.as_f64().unwrap_or(0.0)),
        (Value::Number(n), Kind::Real) => number(n.as_f64().unwrap_or(0.0)),
        (Value::Object(silence), Kind::Json) if silence.contains_key("dc_offset") => short_silence(silence),
        (Value::Array(list), Kind::Json) if column.name.ends_with("_ppm") => {
            let ends: Vec<String> = list.iter().filter_map(Value::as_f64).map(number).collect();
            format!("[{}]", ends.join(", "))
        }
        (Value::Array(list), Kind::Json) if column.name == "spans" => spans(list),
        (Value::Array(list), _) => {
            let parts: Vec<String> =
                list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
            if parts.is_empty() { "-".to_owned() } else { parts.join(" | ") }
        }
        (other, _) => other.to_string(),
    }
}

/// The values of an object in one line, numbers with their names.
pub(crate) fn in_one_line(object: &Map<String, Value>) -> String {
    let is_time = |name: &str| name == "at" || name.ends_with("_at") || name.ends_with("_seen");
    let parts = object.iter().filter(|(_, value)| !value.is_null() && value.as_str() != Some("")).map(
        |(name, value)| match value {
            Value::String(text) if is_time(name) => short_time(text),
            Value::String(text) => shorten(text),
            Value::Number(n) if is_score(name) => format!("{name} {}", score(n.as_f64().unwrap_or(0.0))),
            other => format!("{name} {other}"),
        },
    );
    parts.collect::<Vec<_>>().join("  ")
}

/// The first digits of a token suffice in a table. The other formats have the whole token.
pub(crate) fn shorten(text: &str) -> String {
    let is_token = |t: &str| t.len() == 32 && t.bytes().all(|b| b.is_ascii_hexdigit());
    if is_token(text) {
        return format!("{}..", &text[..8]);
    }
    if let Some((user, host)) = text.strip_prefix("sip:").and_then(|t| t.split_once('@'))
        && is_token(user)
    {
        return format!("sip:{}..@{host}", &user[..8]);
    }
    if let Some(number) = text.strip_prefix("tel:").filter(|number| is_token(number)) {
        return format!("tel:{}..", &number[..8]);
    }
    text.to_owned()
}

/// A time with milliseconds, in UTC as its Z says.
pub(crate) fn short_time(text: &str) -> String {
    match text.get(..23) {
        Some(date_and_time) => date_and_time.replace('T', " ") + "Z",
        None => text.to_owned(),
    }
}

/// The latest spans as text, and the number of earlier spans.
fn spans(list: &[Value]) -> String {
    const SHOWN: usize = 2;
    let (earlier, latest) = list.split_at(list.len().saturating_sub(SHOWN));
    let words = |span: &Value| {
        let text = |name: &str| span.get(name).and_then(Value::as_str);
        let time = |name: &str| text(name).map(short_time);
        let until = time("until").map_or_else(|| "on".to_owned(), |until| format!("until {until}"));
        let from = time("from").unwrap_or_else(|| "-".to_owned());
        format!("from {from} {until} ({})", text("place").unwrap_or("-"))
    };
    let mut parts: Vec<String> = latest.iter().rev().map(words).collect();
    if !earlier.is_empty() {
        parts.push(format!("{} earlier", earlier.len()));
    }
    if parts.is_empty() { "-".to_owned() } else { parts.join(" | ") }
}

fn short_silence(silence: &Map<String, Value>) -> String {
    let get = |name: &str| silence.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    format!("{} packets, energy {:.1e}, DC {:+.1e}", get("packets"), get("energy"), get("dc_offset"))
}

/// True if a column has values from 0 to 100 of which the whole numbers are of use.
fn is_score(column: &str) -> bool {
    matches!(column, "score" | "reputation")
}

/// A score as a whole number. Rounding down keeps it on its side of each threshold: 29.6 is quarantined, and 30 is not.
fn score(n: f64) -> String {
    format!("{:.0}", n.floor())
}

fn number(n: f64) -> String {
    match n.abs() {
        _ if n.fract() == 0.0 => format!("{n:.0}"),
        100.0.. => format!("{n:.1}"),
        _ => format!("{n:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_short_for_the_eye() {
        let time = Column { name: "t", kind: Kind::Time };
        let cell = |value, column| cell(&value, column).to_string();
        assert_eq!(cell(json!("2026-11-21T03:43:01.123456789Z"), &time), "2026-11-21 03:43:01.123Z");
        let text = Column { name: "aor", kind: Kind::Text };
        assert_eq!(cell(json!("sip:0123456789abcdef0123456789abcdef@h"), &text), "sip:01234567..@h");
        assert_eq!(cell(Value::Null, &text), "-");
    }

    #[test]
    fn spans_are_words_and_the_latest_come_first() {
        let column = Column { name: "spans", kind: Kind::Json };
        let span = |minute: u8, until: Value| json!({"from": format!("2026-11-21T03:{minute:02}:01.123456789Z"), "until": until, "place": "cap0", "count": 1});
        let until = json!("2026-11-21T04:00:00.000000000Z");
        let list = json!([span(1, until.clone()), span(2, until), span(3, Value::Null)]);
        assert_eq!(
            cell(&list, &column).to_string(),
            "from 2026-11-21 03:03:01.123Z on (cap0) | from 2026-11-21 03:02:01.123Z until 2026-11-21 04:00:00.000Z (cap0) | 1 earlier"
        );
        assert_eq!(cell(&json!([]), &column).to_string(), "-");
    }

    #[test]
    fn an_object_in_one_line_has_no_missing_value() {
        let call = json!({"started_at": "2026-11-21T03:43:01.123456789Z", "caller": "0f".repeat(16), "score": 76.9, "campaign": null});
        assert_eq!(in_one_line(call.as_object().unwrap()), "2026-11-21 03:43:01.123Z  0f0f0f0f..  score 76");
    }

    #[test]
    fn a_score_is_a_whole_number_on_its_side_of_each_threshold() {
        let cell = |value, name| cell(&value, &Column { name, kind: Kind::Real }).to_string();
        assert_eq!(
            (cell(json!(29.6), "score"), cell(json!(70.0), "score")),
            ("29".to_owned(), "70".to_owned())
        );
        assert_eq!(
            (cell(json!(27.0), "period_s"), cell(json!(0.005), "jitter_ms")),
            ("27".to_owned(), "0.005".to_owned())
        );
    }
}
