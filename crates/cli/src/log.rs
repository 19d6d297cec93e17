//! The log: events that the edges tell, with levels and fields, on standard error.
//!
//! Crates below the edges do not log: `deny.toml` names those that may use `tracing`. A field is a number or a name from the operator. Text
//! from traffic appears only in the form of reports.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Mutex;

use bellwether_base::Shown;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Event, Level, Metadata};
use tracing_subscriber::filter::Targets;

use crate::args::Common;
use crate::out;

/// Columns of the longest message.
const MAX_MESSAGE: usize = 4096;

/// Sends events to standard error from here on: at the levels that -q, -v or --log ask for, in the form of --log-format.
pub(crate) fn start(common: &Common) {
    out::set_log_format(common.log_format);
    let default = match common.verbose {
        0 if common.quiet => LevelFilter::WARN,
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let levels = common.log.clone().unwrap_or_else(|| Targets::new().with_default(default));
    // A second start in one process keeps the first.
    let _ = tracing::subscriber::set_global_default(Log { levels });
}

/// Logs a notice only once in a process.
pub(crate) fn once(text: String) {
    static LOGGED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let is_new = LOGGED.lock().is_ok_and(|mut logged| logged.insert(text.clone()));
    if is_new {
        tracing::info!("{text}");
    }
}

/// The subscriber: it writes each event as a line, and knows no spans.
struct Log {
    levels: Targets,
}

impl Subscriber for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The library of the agents' protocol logs whole requests, which may have numbers in clear text.
        let is_request = metadata.target().starts_with("rmcp");
        metadata.is_event() && !is_request && self.levels.would_enable(metadata.target(), metadata.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.levels.iter().map(|(_, level)| level).chain(self.levels.default_level()).max()
    }

    fn event(&self, event: &Event<'_>) {
        out::log(&Record::of(event));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// One line of the log.
pub(crate) struct Record {
    level: Level,
    /// The module that it comes from; none for the command's own words.
    target: Option<String>,
    message: String,
    /// The message as a terminal may show it.
    shown: Shown,
    fields: Map<String, Value>,
}

impl Record {
    /// Words of the command itself.
    pub(crate) fn new(level: Level, text: Shown) -> Self {
        Self { level, target: None, message: text.to_string(), shown: text, fields: Map::new() }
    }

    fn of(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut record = Self {
            level: *metadata.level(),
            target: Some(metadata.target().to_owned()),
            message: String::new(),
            shown: Shown::default(),
            fields: Map::new(),
        };
        event.record(&mut record);
        record.shown = Shown::within(&record.message, MAX_MESSAGE);
        record
    }

    /// The line for people. A notice has only its text. Lines of -v also have time, module and fields.
    pub(crate) fn text(&self) -> Shown {
        let mut line = Shown::default();
        line.own("bellwether: ");
        let Some(target) = self.target.as_ref().filter(|_| self.level > Level::INFO) else {
            line.push(&self.shown);
            return line;
        };
        let head = format!("{} {} {target}: {}", moment(), level(self.level), self.message);
        let fields = self.fields.iter().map(|(name, value)| format!(" {name}={}", word(value)));
        line.push(&Shown::within(&(head + &fields.collect::<String>()), MAX_MESSAGE));
        line
    }

    /// The same as an object.
    pub(crate) fn json(&self) -> Value {
        json!({
            "at": moment(),
            "level": level(self.level),
            "target": self.target.as_deref().unwrap_or("bellwether"),
            "message": self.message,
            "fields": self.fields,
        })
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.fields.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn moment() -> String {
    format!("{:.9}", jiff::Timestamp::now())
}

/// A field's value in text: quoted if it is a text with a blank in it.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) if !text.contains([' ', '"', '=']) => text.clone(),
        other => other.to_string(),
    }
}
