use std::time::{Duration, Instant};

use bellwether_base::Counters;
use bellwether_capture::Record;
use bellwether_enrich::Row;
use bellwether_tracker::Tally;

use crate::SensorError;
use crate::feed::finish;
use crate::pipeline::{self, Config, spawn};
use crate::recognition::Recognition;
use crate::room::{Door, Hatch, room};

/// Result of processing frames without a database.
#[derive(Debug)]
pub struct Rehearsal {
    /// The rows for the writer, in order.
    pub rows: Vec<Row>,
    /// Counters of the dispatcher and the workers: frames, losses, messages.
    pub counters: Counters,
    /// SIP messages that the workers processed.
    pub sip_messages: u64,
}

/// Processes frames by dispatcher, workers, merge and enricher like a replay, and returns the rows instead of
/// writing them. It serves fuzzing, and tests of these components.
///
/// # Errors
/// [`SensorError`] if a thread cannot be started, or one failed.
pub fn rehearse<'a>(
    frames: impl IntoIterator<Item = Record<'a>>,
    config: &Config,
) -> Result<Rehearsal, SensorError> {
    let (door, hatch) = room(config.patience.clone(), false);
    std::thread::scope(|scope| {
        let taking = spawn(scope, "rows", move || taken(&hatch))?;
        let fed = fed(frames, config, door)?;
        let rows = taking.join().map_err(|_| SensorError::Stopped)?;
        let (counters, tally) = fed;
        Ok(Rehearsal { rows, counters, sip_messages: tally.sip_messages() })
    })
}

/// Receives rows until all senders have ended.
fn taken(hatch: &Hatch) -> Vec<Row> {
    const A_WHILE: Duration = Duration::from_millis(100);
    let mut rows = Vec::new();
    while let Ok(batch) = hatch.take(A_WHILE) {
        rows.extend(batch.into_iter().flat_map(|batch| batch.rows));
    }
    rows
}

fn fed<'a>(
    frames: impl IntoIterator<Item = Record<'a>>,
    config: &Config,
    door: Door,
) -> Result<(Counters, Tally), SensorError> {
    let recognition = Recognition::new(config.recordings, Vec::new(), config.key);
    let (fed, _) = pipeline::analyse(
        config,
        &config.limits,
        (recognition, door),
        Instant::now(),
        |mut dispatcher, _| {
            let stopped = |_| SensorError::Stopped;
            for frame in frames {
                dispatcher.frame(&frame).map_err(stopped)?;
            }
            dispatcher.finish().map_err(stopped)?;
            let last = finish(&mut dispatcher.epochs).map_err(stopped)?;
            let tally = dispatcher.epochs.drain(last).map_err(stopped)?;
            let mut counters = Counters::default();
            dispatcher.report(&mut counters);
            tally.report(&mut counters);
            Ok((counters, tally))
        },
    )?;
    fed
}
