use std::io;

use bellwether_base::Shown;
use bellwether_report::{Column, Kind, Report, Values};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Map, Value};

use crate::args::Format;
use crate::out::{Out, json, width};

/// The maximum width of a cell in a table, and of a value in `show`. Longer text is cut; JSON has the whole text.
const LONGEST_CELL: usize = 200;
const LONGEST_VALUE: usize = 4096;

/// The maximum width of a field name. Some names come from traffic.
const LONGEST_NAME: usize = 48;

/// Prints the rows of a report in one of the formats. Only `table` holds back rows until the end.
pub(crate) struct Printer {
    format: Format,
    columns: &'static [Column],
    /// Names of the columns in a table.
    shown: &'static [&'static str],
    out: Out,
    table: Option<Table>,
    rows: u64,
}

impl Printer {
    pub(crate) fn new(format: Format, report: Report) -> Self {
        Self::with_columns(format, report.columns(), shown(report))
    }

    pub(crate) fn with_columns(
        format: Format,
        columns: &'static [Column],
        shown: &'static [&'static str],
    ) -> Self {
        let table = (format == Format::Table).then(|| empty_table(columns, shown));
        Self { format, columns, shown, out: Out::new(), table, rows: 0 }
    }

    pub(crate) fn row(&mut self, values: Values) -> io::Result<()> {
        let columns = self.columns;
        match self.format {
            Format::Table => {
                let cells = self.shown.iter().filter_map(|name| {
                    let at = columns.iter().position(|c| c.name == *name)?;
                    Some(cell(values.get(at)?, columns.get(at)?).to_string())
                });
                if let Some(table) = &mut self.table {
                    table.add_row(cells);
                }
            }
            Format::Json => {
                let mut text = Shown::default();
                text.own(if self.rows == 0 { "[\n" } else { ",\n" });
                text.push(&json(&object(columns, values)));
                self.out.part(&text)?;
            }
            Format::Jsonl => self.out.line(&json(&object(columns, values)))?,
            Format::Csv => {
                if self.rows == 0 {
                    self.csv_header()?;
                }
                self.out.line(&csv_line(values.iter().map(csv_field)))?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        match (self.format, self.rows) {
            (Format::Table, 0) => self.out.line(&"none".into())?,
            (Format::Table, _) => {
                if let Some(table) = &self.table {
                    for line in table.lines() {
                        self.out.line(&line.trim_end().into())?;
                    }
                }
            }
            (Format::Json, 0) => self.out.line(&"[]".into())?,
            (Format::Json, _) => self.out.line(&Shown::lines("\n]"))?,
            (Format::Csv, 0) => self.csv_header()?,
            (Format::Csv | Format::Jsonl, _) => {}
        }
        self.out.finish()
    }

    fn csv_header(&mut self) -> io::Result<()> {
        self.out.line(&csv_line(self.columns.iter().map(|c| Shown::csv_text(c.name))))
    }
}

/// The most important columns, for a table. The other formats have all columns.
const fn shown(report: Report) -> &'static [&'static str] {
    match report {
        Report::Calls => &[
            "started_at",
            "caller",
            "callee",
            "source",
            "final_status",
            "duration_s",
            "access_side",
            "score",
            "disposition",
            "campaign",
            "fingerprint",
            "stack",
            "user_agent",
            "claim",
            "call_id",
        ],
        Report::Campaigns => &[
            "campaign",
            "kind",
            "calls",
            "callers",
            "callees",
            "sources",
            "answered",
            "score",
            "confirmed",
            "state",
            "found_at",
            "first_seen",
            "last_seen",
        ],
        Report::Recordings => &[
            "recording",
            "player",
            "calls",
            "callers",
            "sources",
            "heard_s",
            "commonplace",
            "label",
            "campaign",
            "first_seen",
            "last_seen",
        ],
        Report::Incidents => &[
            "incident",
            "kind",
            "severity",
            "subject",
            "state",
            "calls",
            "exposed_minutes",
            "exposed_money",
            "opened_at",
            "updated_at",
            "label",
        ],
        Report::Reputation => &[
            "kind",
            "subject",
            "reputation",
            "list",
            "specificity",
            "honest_parties",
            "calls",
            "fraud_labels",
            "legit_labels",
            "why",
        ],
        Report::Registrations => &[
            "aor",
            "source",
            "user_agent",
            "refreshes",
            "expires_s",
            "period_s",
            "discipline",
            "skew_ppm",
            "skew_ci95_ppm",
            "rate_ppm",
            "no_fit",
            "fingerprint",
            "stack",
            "claim",
        ],
        Report::Streams => &[
            "first_seen",
            "src",
            "dst",
            "direction",
            "codec",
            "packets",
            "lost",
            "jitter_ms",
            "media_skew_ppm",
            "silence",
            "class_reason",
            "sound",
            "recording",
            "call_id",
        ],
        Report::Devices => &[
            "aor",
            "device",
            "verdict",
            "expected_class",
            "class",
            "skew_ppm",
            "stack",
            "calls",
            "enrolled",
            "first_seen",
            "last_seen",
        ],
        Report::Fingerprints => &[
            "fingerprint",
            "method",
            "stack",
            "sdp_stack",
            "calls",
            "registrations",
            "callers",
            "sources",
            "specificity",
            "claimed_agents",
            "claims",
        ],
        Report::Alerts => &["at", "severity", "kind", "state", "subject", "call_id", "message"],
        Report::Losses => &["name", "count", "kind", "spans", "cause", "remedy"],
    }
}

fn empty_table(columns: &[Column], shown: &[&str]) -> Table {
    let mut table = Table::new();
    // One line under the header only, because rows of numbers are read downwards.
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width() {
        table.set_width(width);
    } else {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(shown.iter().map(|name| name.to_uppercase()));
    for (i, name) in shown.iter().enumerate() {
        let kind = columns.iter().find(|c| c.name == *name).map_or(Kind::Text, |c| c.kind);
        if let Some(column) = table.column_mut(i) {
            column.set_padding((0, 2));
            if matches!(kind, Kind::Int | Kind::Real) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
    }
    table
}

/// A value in readable form, within the width of a table.
fn cell(value: &Value, column: &Column) -> Shown {
    Shown::within(&cell_text(value, column), LONGEST_CELL)
}

fn cell_text(value: &Value, column: &Column) -> String {
    match (value, column.kind) {
        (Value::Null, _) => "-".to_owned(),
        (Value::String(text), Kind::Time) => short_time(text),
        (Value::String(text), _) => shorten(text),
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

/// The first digits of a token suffice in a table. The other formats have the whole token.
fn shorten(text: &str) -> String {
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

/// A time with milliseconds.
fn short_time(text: &str) -> String {
    let date_and_time = text.get(..23).unwrap_or(text);
    date_and_time.replace('T', " ")
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
    format!("{} pk E {:.1e} DC {:+.1e}", get("packets"), get("energy"), get("dc_offset"))
}

fn number(n: f64) -> String {
    if n.abs() >= 100.0 { format!("{n:.1}") } else { format!("{n:.3}") }
}

fn object(columns: &[Column], values: Values) -> Value {
    Value::Object(columns.iter().map(|c| c.name.to_owned()).zip(values).collect())
}

/// A field of CSV (RFC 4180): nothing for null, JSON for lists and objects. Numbers come from the program and stay numbers with any sign;
/// texts may come from traffic.
pub(crate) fn csv_field(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::default(),
        Value::Bool(_) | Value::Number(_) => Shown::of(&value.to_string()),
        Value::String(text) => Shown::csv_text(text),
        Value::Array(_) | Value::Object(_) => Shown::csv_text(json(value).as_str()),
    }
}

/// Fields in one line.
pub(crate) fn csv_line(fields: impl IntoIterator<Item = Shown>) -> Shown {
    let mut line = Shown::default();
    for (i, field) in fields.into_iter().enumerate() {
        if i > 0 {
            line.own(",");
        }
        line.push(&field);
    }
    line
}

/// Prints one object with a line per field; lists and objects are indented below their name.
pub(crate) fn print_object(object: &Map<String, Value>) -> io::Result<()> {
    let mut out = Out::new();
    fields(object, 0).iter().try_for_each(|line| out.line(line))?;
    out.finish()
}

/// The lines of an object.
fn fields(object: &Map<String, Value>, indent: usize) -> Vec<Shown> {
    let name = |name: &str| {
        let mut line = Shown::default();
        line.pad(indent);
        line.push(&Shown::within(name, LONGEST_NAME));
        line
    };
    let widest = object.keys().map(|key| name(key).width()).max().unwrap_or(0);
    let mut lines = Vec::new();
    let field = |mut line: Shown, value: &Shown| {
        line.pad(widest + 2);
        line.push(value);
        line
    };
    for (key, value) in object {
        match value {
            Value::Null => {}
            Value::Object(inner) if inner.is_empty() => {}
            Value::Array(list) if list.is_empty() => {}
            Value::Object(inner) if inner.values().all(Value::is_number) => {
                let parts: Vec<String> = inner.iter().map(|(k, v)| format!("{k} {v}")).collect();
                lines.push(field(name(key), &Shown::within(&parts.join(", "), LONGEST_VALUE)));
            }
            Value::Object(inner) => {
                lines.push(name(key));
                lines.extend(fields(inner, indent + 4));
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                if list.iter().all(|item| item.get("meaning").is_some()) {
                    lines.push(name(key));
                    lines.extend(list.iter().flat_map(|item| trait_lines(item, indent + 4)));
                    continue;
                }
                for inner in list.iter().filter_map(Value::as_object) {
                    let mut line = name(key);
                    line.own(":");
                    lines.push(line);
                    lines.extend(fields(inner, indent + 4));
                }
            }
            Value::Array(list) => {
                for (i, item) in list.iter().enumerate() {
                    lines.push(field(name(if i == 0 { key } else { "" }), &plain(item)));
                }
            }
            value => lines.push(field(name(key), &plain(value))),
        }
    }
    lines
}

/// A trait in two lines: key with value, and meaning.
fn trait_lines(item: &Value, indent: usize) -> [Shown; 2] {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or("-");
    let value = match item.get("value") {
        Some(Value::Array(list)) => list.iter().map(text_of).collect::<Vec<_>>().join(" | "),
        Some(value) => text_of(value),
        None => String::new(),
    };
    let line = |indent: usize, text: &str| {
        let mut line = Shown::default();
        line.pad(indent);
        line.push(&Shown::within(text, LONGEST_VALUE));
        line
    };
    [
        line(indent, &format!("{:<4} {value}", text("key"))),
        line(indent + 7, &format!("{} ({})", text("meaning"), text("level"))),
    ]
}

fn plain(value: &Value) -> Shown {
    Shown::within(&text_of(value), LONGEST_VALUE)
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_quotes_what_needs_it() {
        let field = |value| csv_field(&value).to_string();
        assert_eq!(field(json!("a,\"b\"")), "\"a,\"\"b\"\"\"");
        assert_eq!(field(json!(["x", 1])), "\"[\"\"x\"\",1]\"");
        assert_eq!((field(Value::Null), field(json!(7))), (String::new(), "7".to_owned()));
    }

    #[test]
    fn a_negative_number_stays_one_and_a_text_like_it_is_made_text() {
        let line = csv_line([csv_field(&json!(-2.5)), csv_field(&json!("-2.5")), csv_field(&json!(["-1"]))]);
        assert_eq!(line.as_str(), "-2.5,'-2.5,\"[\"\"-1\"\"]\"");
    }

    #[test]
    fn cells_are_short_for_the_eye() {
        let time = Column { name: "t", kind: Kind::Time };
        let cell = |value, column| cell(&value, column).to_string();
        assert_eq!(cell(json!("2026-11-21T03:43:01.123456789Z"), &time), "2026-11-21 03:43:01.123");
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
            "from 2026-11-21 03:03:01.123 on (cap0) | from 2026-11-21 03:02:01.123 until 2026-11-21 04:00:00.000 (cap0) | 1 earlier"
        );
        assert_eq!(cell(&json!([]), &column).to_string(), "-");
    }

    #[test]
    fn every_shown_column_exists() {
        for report in [
            Report::Calls,
            Report::Registrations,
            Report::Streams,
            Report::Devices,
            Report::Fingerprints,
            Report::Losses,
        ] {
            for name in shown(report) {
                assert!(report.columns().iter().any(|c| c.name == *name), "{name}");
            }
        }
    }
}
