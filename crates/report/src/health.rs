//! Health of the sensor: inputs, runs and receivers of alerts.

use bellwether_base::Timestamp;
use bellwether_store::StoreError;

use crate::Reports;

/// Runs and receivers that are listed: the latest.
const MAX_LISTED: usize = 20;

/// Totals over the inputs, the latest runs, and the receivers of alerts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// Number of inputs.
    pub inputs: i64,
    /// Packets of all inputs.
    pub packets: i64,
    /// Octets of all inputs.
    pub octets: i64,
    /// Time of the first packet.
    pub first_at: Option<Timestamp>,
    /// Time of the last packet.
    pub last_at: Option<Timestamp>,
    /// The latest live runs, the newest first.
    pub runs: Vec<RunLine>,
    /// Receivers of alerts.
    pub receivers: Vec<ReceiverLine>,
    /// The number of the latest alert.
    pub last_alert: i64,
}

/// A live run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunLine {
    /// Interfaces and listeners, or growing files.
    pub places: String,
    /// True if the run captured from the network.
    pub is_live: bool,
    /// Start.
    pub started_at: Timestamp,
    /// Latest sign of life.
    pub alive_at: Timestamp,
    /// True after an orderly end; none if nobody recorded it.
    pub is_over: Option<bool>,
}

/// A receiver of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceiverLine {
    /// Its name.
    pub name: String,
    /// Number of the last alert that it has.
    pub up_to: i64,
    /// Alerts that it never got because too many waited.
    pub skipped: i64,
    /// Alerts that it refused.
    pub refused: i64,
}

impl Reports<'_> {
    /// Health of the sensor.
    ///
    /// # Errors
    /// If the database fails.
    pub fn health(&self) -> Result<Health, StoreError> {
        let time = |nanos: Option<i64>| nanos.map(Timestamp::from_nanos);
        let mut health = self.db().query_row(
            "SELECT count(*), coalesce(sum(packets), 0), coalesce(sum(bytes), 0), min(first_at), max(last_at) FROM inputs",
            [],
            |r| {
                Ok(Health {
                    inputs: r.get(0)?,
                    packets: r.get(1)?,
                    octets: r.get(2)?,
                    first_at: time(r.get(3)?),
                    last_at: time(r.get(4)?),
                    ..Health::default()
                })
            },
        )?;
        let mut select = self.db().prepare(
            "SELECT places, is_live, started_at, alive_at, is_over FROM runs ORDER BY alive_at DESC, input LIMIT ?1",
        )?;
        let runs = select.query_map([MAX_LISTED as i64], |r| {
            Ok(RunLine {
                places: r.get(0)?,
                is_live: r.get(1)?,
                started_at: Timestamp::from_nanos(r.get(2)?),
                alive_at: Timestamp::from_nanos(r.get(3)?),
                is_over: r.get(4)?,
            })
        })?;
        health.runs = runs.collect::<Result<_, _>>()?;
        let mut select = self
            .db()
            .prepare("SELECT receiver, up_to, skipped, refused FROM deliveries ORDER BY receiver LIMIT ?1")?;
        let receivers = select.query_map([MAX_LISTED as i64], |r| {
            Ok(ReceiverLine { name: r.get(0)?, up_to: r.get(1)?, skipped: r.get(2)?, refused: r.get(3)? })
        })?;
        health.receivers = receivers.collect::<Result<_, _>>()?;
        health.last_alert =
            self.db().query_row("SELECT coalesce(max(id), 0) FROM alerts", [], |r| r.get(0))?;
        Ok(health)
    }
}
