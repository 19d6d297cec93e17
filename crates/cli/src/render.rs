use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use bellwether_store::{Column, Kind, Report, Values};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use serde_json::{Map, Value};

use crate::args::Format;

/// Prints the rows of a report in one of the formats. Only `table` holds them back until the end.
pub(crate) struct Printer {
    format: Format,
    columns: &'static [Column],
    /// Names of those that a table shows.
    shown: &'static [&'static str],
    out: BufWriter<StdoutLock<'static>>,
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
        Self { format, columns, shown, out: BufWriter::new(io::stdout().lock()), table, rows: 0 }
    }

    pub(crate) fn row(&mut self, values: Values) -> io::Result<()> {
        let columns = self.columns;
        match self.format {
            Format::Table => {
                let cells = self.shown.iter().filter_map(|name| {
                    let at = columns.iter().position(|c| c.name == *name)?;
                    Some(cell(values.get(at)?, columns.get(at)?))
                });
                if let Some(table) = &mut self.table {
                    table.add_row(cells);
                }
            }
            Format::Json => {
                self.out.write_all(if self.rows == 0 { b"[\n" } else { b",\n" })?;
                write!(self.out, "{}", object(columns, values))?;
            }
            Format::Jsonl => writeln!(self.out, "{}", object(columns, values))?,
            Format::Csv => {
                if self.rows == 0 {
                    self.csv_header()?;
                }
                let fields: Vec<String> = values.iter().map(csv_field).collect();
                writeln!(self.out, "{}", fields.join(","))?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        match (self.format, self.rows) {
            (Format::Table, 0) => writeln!(self.out, "none")?,
            (Format::Table, _) => {
                if let Some(table) = &self.table {
                    for line in table.lines() {
                        writeln!(self.out, "{}", line.trim_end())?;
                    }
                }
            }
            (Format::Json, 0) => writeln!(self.out, "[]")?,
            (Format::Json, _) => writeln!(self.out, "\n]")?,
            (Format::Csv, 0) => self.csv_header()?,
            (Format::Csv | Format::Jsonl, _) => {}
        }
        self.out.flush()
    }

    fn csv_header(&mut self) -> io::Result<()> {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name).collect();
        writeln!(self.out, "{}", names.join(","))
    }
}

/// The columns that a person wants at a glance; the other formats have all.
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
        Report::Alerts => &["at", "severity", "kind", "subject", "call_id", "message"],
        Report::Losses => &["name", "count", "kind", "cause", "remedy"],
    }
}

fn empty_table(columns: &[Column], shown: &[&str]) -> Table {
    let mut table = Table::new();
    // No lines but one under the header: rows of numbers are read down, not across boxes.
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

/// The terminal's width; none where the output goes elsewhere, where lines may be as long as they are.
fn width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| width.0.max(60))
}

/// A value as a person wants to read it.
fn cell(value: &Value, column: &Column) -> String {
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
        (Value::Array(list), _) => {
            let parts: Vec<String> =
                list.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
            if parts.is_empty() { "-".to_owned() } else { parts.join(" | ") }
        }
        (other, _) => other.to_string(),
    }
}

/// A token says nothing beyond its first digits; the other formats have it whole.
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
    text.to_owned()
}

/// Milliseconds are enough for the eye.
fn short_time(text: &str) -> String {
    let date_and_time = text.get(..23).unwrap_or(text);
    date_and_time.replace('T', " ")
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

/// A field of CSV (RFC 4180); nothing for null, JSON for lists and objects.
pub(crate) fn csv_field(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Prints one object with a line per field; lists and objects are indented below their name.
pub(crate) fn print_object(object: &Map<String, Value>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    print_fields(&mut out, object, 0)
}

fn print_fields(out: &mut impl Write, object: &Map<String, Value>, indent: usize) -> io::Result<()> {
    let pad = " ".repeat(indent);
    let widest = object.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in object {
        match value {
            Value::Null => {}
            Value::Object(inner) if inner.is_empty() => {}
            Value::Array(list) if list.is_empty() => {}
            Value::Object(inner) if inner.values().all(Value::is_number) => {
                let parts: Vec<String> = inner.iter().map(|(k, v)| format!("{k} {v}")).collect();
                writeln!(out, "{pad}{name:widest$}  {}", parts.join(", "))?;
            }
            Value::Object(inner) => {
                writeln!(out, "{pad}{name}")?;
                print_fields(out, inner, indent + 4)?;
            }
            Value::Array(list) if list.iter().any(Value::is_object) => {
                if list.iter().all(|item| item.get("meaning").is_some()) {
                    writeln!(out, "{pad}{name}")?;
                    list.iter().try_for_each(|item| print_trait(out, item, indent + 4))?;
                    continue;
                }
                for inner in list.iter().filter_map(Value::as_object) {
                    writeln!(out, "{pad}{name}:")?;
                    print_fields(out, inner, indent + 4)?;
                }
            }
            Value::Array(list) => {
                for (i, item) in list.iter().enumerate() {
                    let label = if i == 0 { name.as_str() } else { "" };
                    writeln!(out, "{pad}{label:widest$}  {}", plain(item))?;
                }
            }
            value => writeln!(out, "{pad}{name:widest$}  {}", plain(value))?,
        }
    }
    Ok(())
}

/// A trait in one line: its key and value, and what that means.
fn print_trait(out: &mut impl Write, item: &Value, indent: usize) -> io::Result<()> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or("-");
    let value = match item.get("value") {
        Some(Value::Array(list)) => list.iter().map(plain).collect::<Vec<_>>().join(" | "),
        Some(value) => plain(value),
        None => String::new(),
    };
    let pad = " ".repeat(indent);
    writeln!(out, "{pad}{:<4} {value}\n{pad}       {} ({})", text("key"), text("meaning"), text("level"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_quotes_what_needs_it() {
        assert_eq!(csv_field(&json!("a,\"b\"")), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field(&json!(["x", 1])), "\"[\"\"x\"\",1]\"");
        assert_eq!((csv_field(&Value::Null), csv_field(&json!(7))), (String::new(), "7".to_owned()));
    }

    #[test]
    fn cells_are_short_for_the_eye() {
        let time = Column { name: "t", kind: Kind::Time };
        assert_eq!(cell(&json!("2026-11-21T03:43:01.123456789Z"), &time), "2026-11-21 03:43:01.123");
        let text = Column { name: "aor", kind: Kind::Text };
        assert_eq!(cell(&json!("sip:0123456789abcdef0123456789abcdef@h"), &text), "sip:01234567..@h");
        assert_eq!(cell(&Value::Null, &text), "-");
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
