//! Metrics in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use bellwether_answers::{Question, Reply};
use bellwether_base::with_ending;
use bellwether_report::Reports;
use bellwether_store::{Reader, StoreError, VERSION};
use serde_json::Value;

use crate::problem::Problem;
use crate::state::State;

/// The database is read at most this often, however many ask.
const READ_EVERY: Duration = Duration::from_secs(2);

/// `GET /metrics`
pub(crate) async fn metrics(Shared(state): Shared<Arc<State>>) -> Result<Response, Problem> {
    let mut text = String::new();
    let of_database = database(&state).await;
    let is_connected =
        matches!(state.desks.ask(Question::Vitals).await, Ok(Reply::Vitals(vitals)) if vitals.is_live);
    let mut out = Out(&mut text);
    out.gauge("bellwether_up", "1 while the database can be read.", f64::from(u8::from(of_database.is_ok())));
    out.head("bellwether_build_info", "gauge", "The version of the program and of its schema.");
    out.line(&format!("bellwether_build_info{{version=\"{}\",schema=\"{VERSION}\"}} 1", state.version));
    out.gauge(
        "bellwether_sensor_connected",
        "1 while a sensor that captures answers questions.",
        f64::from(u8::from(is_connected)),
    );
    let size = ["", "-wal"]
        .into_iter()
        .filter_map(|end| std::fs::metadata(with_ending(&state.db, end)).ok().map(|found| found.len()));
    out.gauge(
        "bellwether_database_bytes",
        "Size of the database and its write-ahead log.",
        size.sum::<u64>() as f64,
    );
    if let Ok(found) = of_database {
        text.push_str(&found);
    }
    state.counters.write(&mut text);
    process(&mut text);
    Ok(([("content-type", "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn database(state: &State) -> Result<Arc<str>, Problem> {
    if let Some((at, text)) = &*state.metrics.lock().unwrap_or_else(PoisonError::into_inner)
        && at.elapsed() < READ_EVERY
    {
        return Ok(Arc::clone(text));
    }
    let text: Arc<str> = state.readers.read(|reader| read(reader).map(Arc::from)).await?;
    *state.metrics.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&text)));
    Ok(text)
}

struct Out<'a>(&'a mut String);

impl Out<'_> {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, "gauge", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, "counter", help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// A value for each set of labels. Labels are names of the program, except where they are escaped here.
    fn family(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        labels: &[&str],
        values: &BTreeMap<Vec<String>, f64>,
    ) {
        self.head(name, kind, help);
        for (cells, value) in values {
            let pairs: Vec<String> = labels
                .iter()
                .zip(cells)
                .map(|(label, cell)| format!("{label}=\"{}\"", escaped(cell)))
                .collect();
            let _ = writeln!(self.0, "{name}{{{}}} {value}", pairs.join(","));
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Figures of the database.
fn read(reader: &Reader) -> Result<String, StoreError> {
    let reports = Reports::of(reader);
    let summary = reports.summary()?;
    let number = |name: &str| summary.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let mut text = String::new();
    let mut out = Out(&mut text);
    for (name, member, help) in [
        ("bellwether_frames_total", "packets", "Frames that were analysed."),
        ("bellwether_bytes_total", "bytes", "Octets of these frames."),
        ("bellwether_sip_messages_total", "sip_messages", "SIP messages."),
        ("bellwether_calls_total", "calls", "Calls in the database."),
        ("bellwether_registrations_total", "registrations", "Device timelines in the database."),
        ("bellwether_streams_total", "streams", "Media streams in the database."),
    ] {
        out.counter(name, help, number(member));
    }
    let counts = reports.metric_counts()?;
    out.family("bellwether_losses_total", "counter", "Losses by name.", &["loss"], &counts.losses);
    out.family(
        "bellwether_calls_scored_total",
        "counter",
        "Calls in the database by disposition.",
        &["disposition"],
        &counts.dispositions,
    );
    let labels = ["kind", "severity"];
    out.family("bellwether_alerts_total", "counter", "Alerts in the database.", &labels, &counts.alerts);
    out.family("bellwether_incidents_open", "gauge", "Open incidents.", &labels, &counts.incidents);
    out.family("bellwether_campaigns", "gauge", "Campaigns of the last day.", &["kind"], &counts.campaigns);
    out.family(
        "bellwether_blind_seconds_total",
        "counter",
        "Time without sight, by the loss that names it.",
        &["loss"],
        &counts.blind_seconds,
    );
    out.gauge("bellwether_undelivered_alerts", "Alerts that a receiver did not get.", counts.undelivered);
    out.gauge(
        "bellwether_last_packet_timestamp_seconds",
        "Capture time of the latest call.",
        reader.moment()?.as_nanos() as f64 / 1e9,
    );
    Ok(text)
}

/// The process, as Linux tells.
fn process(text: &mut String) {
    let mut out = Out(text);
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields behind the name, which may hold spaces: proc(5).
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let field = |n: usize| fields.get(n - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    out.counter("process_cpu_seconds_total", "Processor time.", (field(14) + field(15)) / ticks);
    let page = rustix::param::page_size() as f64;
    out.gauge("process_resident_memory_bytes", "Memory of the process.", field(24) * page);
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    out.gauge("process_open_fds", "Open files and sockets.", files as f64);
    let boot = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot =
        boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok()).unwrap_or(0.0);
    out.gauge("process_start_time_seconds", "Start of the process.", boot + field(22) / ticks);
}
