//! Counts for monitoring.

use std::collections::BTreeMap;

use bellwether_base::{Loss, Span};
use bellwether_store::StoreError;
use rusqlite::Params;

use crate::Reports;

/// Counts by their labels.
type Counts = BTreeMap<Vec<String>, f64>;

/// Counts of rows by kind.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct MetricCounts {
    /// Losses by name.
    pub losses: Counts,
    /// Calls by disposition.
    pub dispositions: Counts,
    /// Alerts by kind and severity.
    pub alerts: Counts,
    /// Open incidents by kind and severity.
    pub incidents: Counts,
    /// Campaigns of the last day by kind.
    pub campaigns: Counts,
    /// Seconds without sight by loss.
    pub blind_seconds: Counts,
    /// Alerts that a receiver did not get.
    pub undelivered: f64,
}

impl Reports<'_> {
    /// Counts for monitoring.
    ///
    /// # Errors
    /// If the database fails.
    pub fn metric_counts(&self) -> Result<MetricCounts, StoreError> {
        let since = (self.reader.moment()? - Span::from_secs(86_400)).as_nanos();
        let mut blind_seconds = Counts::new();
        for (loss, of) in self.reader.spans_by_loss()? {
            // A span without an end has no length yet.
            let closed = of.spans.iter().filter_map(|span| Some(span.to? - span.from));
            blind_seconds.insert(vec![loss.name().to_owned()], closed.sum::<i64>() as f64 / 1e9);
        }
        // A series that begins with its first loss hides that loss from rates.
        let mut losses: Counts = Loss::ALL.iter().map(|loss| (vec![loss.name().to_owned()], 0.0)).collect();
        losses.extend(
            self.counts::<1>("SELECT name, sum(count) FROM counters WHERE kind = 'loss' GROUP BY name", [])?,
        );
        Ok(MetricCounts {
            losses,
            dispositions: self
                .counts::<1>("SELECT disposition, count(*) FROM scores GROUP BY disposition", [])?,
            alerts: self
                .counts::<2>("SELECT kind, severity, count(*) FROM alerts GROUP BY kind, severity", [])?,
            incidents: self.counts::<2>(
                "SELECT kind, severity, count(*) FROM incidents WHERE closed_at IS NULL GROUP BY kind, severity",
                [],
            )?,
            campaigns: self.counts::<1>(
                "SELECT kind, count(*) FROM campaigns WHERE last_seen >= ?1 AND merged_into IS NULL GROUP BY kind",
                [since],
            )?,
            blind_seconds,
            undelivered: self.db().query_row(
                "SELECT coalesce(sum(skipped) + sum(refused), 0) FROM deliveries",
                [],
                |r| r.get::<_, i64>(0),
            )? as f64,
        })
    }

    fn counts<const LABELS: usize>(&self, sql: &str, values: impl Params) -> Result<Counts, StoreError> {
        let mut select = self.db().prepare_cached(sql)?;
        let mut rows = select.query(values)?;
        let mut found = Counts::new();
        while let Some(row) = rows.next()? {
            let labels: Result<Vec<String>, _> = (0..LABELS).map(|n| row.get(n)).collect();
            found.insert(labels?, row.get::<_, f64>(LABELS)?);
        }
        Ok(found)
    }
}
