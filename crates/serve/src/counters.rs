//! Counts of requests and answers, for the metrics.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellwether_answers::Basis;

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS: [u64; 10] = [250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 2_000_000];

#[derive(Default)]
struct Latency {
    counts: [u64; BOUNDS.len()],
    count: u64,
    micros: u64,
}

/// Counts since the start.
#[derive(Default)]
pub(crate) struct Counters {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    latencies: Mutex<BTreeMap<&'static str, Latency>>,
    answers: [AtomicU64; 3],
    pub(crate) connections: AtomicU64,
    pub(crate) refused_connections: AtomicU64,
}

impl Counters {
    /// Counts a request by its route. Routes are names of the program, never text of a client.
    pub(crate) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, status)).or_default() += 1;
        drop(requests);
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let of = latencies.entry(route).or_default();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        of.count += 1;
        of.micros = of.micros.saturating_add(micros);
        for (count, bound) in of.counts.iter_mut().zip(BOUNDS) {
            *count += u64::from(micros <= bound);
        }
    }

    /// Counts an answer of the score API.
    pub(crate) fn answer(&self, basis: Basis) {
        if let Some(count) = self.answers.get(basis as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes the counts in the text format of Prometheus.
    pub(crate) fn write(&self, out: &mut String) {
        let mut line = |text: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = out.write_fmt(text);
            out.push('\n');
        };
        line(format_args!("# HELP bellwether_http_requests_total Requests by route and status."));
        line(format_args!("# TYPE bellwether_http_requests_total counter"));
        for ((route, status), n) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            line(format_args!("bellwether_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {n}"));
        }
        line(format_args!("# HELP bellwether_http_request_duration_seconds Time from request to answer."));
        line(format_args!("# TYPE bellwether_http_request_duration_seconds histogram"));
        for (route, of) in self.latencies.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let name = "bellwether_http_request_duration_seconds";
            for (count, bound) in of.counts.iter().zip(BOUNDS) {
                let le = bound as f64 / 1e6;
                line(format_args!("{name}_bucket{{route=\"{route}\",le=\"{le}\"}} {count}"));
            }
            line(format_args!("{name}_bucket{{route=\"{route}\",le=\"+Inf\"}} {}", of.count));
            line(format_args!("{name}_sum{{route=\"{route}\"}} {}", of.micros as f64 / 1e6));
            line(format_args!("{name}_count{{route=\"{route}\"}} {}", of.count));
        }
        line(format_args!("# HELP bellwether_score_answers_total Answers of the score API by their basis."));
        line(format_args!("# TYPE bellwether_score_answers_total counter"));
        for basis in [Basis::Live, Basis::Cached, Basis::Neutral] {
            let n = self.answers.get(basis as usize).map_or(0, |n| n.load(Ordering::Relaxed));
            line(format_args!("bellwether_score_answers_total{{basis=\"{}\"}} {n}", basis.name()));
        }
        let gauges = [
            ("bellwether_http_connections", "gauge", "Open connections.", &self.connections),
            (
                "bellwether_http_connections_refused_total",
                "counter",
                "Connections refused because too many were open.",
                &self.refused_connections,
            ),
        ];
        for (name, kind, help, value) in gauges {
            line(format_args!(
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {}",
                value.load(Ordering::Relaxed)
            ));
        }
    }
}
