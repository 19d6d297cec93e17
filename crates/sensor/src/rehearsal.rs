use std::time::Instant;

use bellwether_base::Counters;
use bellwether_capture::Record;
use bellwether_judge::Row;
use bellwether_shard::Tally;
use crossbeam_channel::unbounded;

use crate::SensorError;
use crate::feed::finish;
use crate::pipeline::{self, Config};

/// What frames came to without a database.
#[derive(Debug)]
pub struct Rehearsal {
    /// The rows that a writer would have got, in order.
    pub rows: Vec<Row>,
    /// What the dispatcher and the workers counted: frames, losses, messages.
    pub counters: Counters,
    /// SIP messages that the workers took.
    pub sip_messages: u64,
}

/// Leads frames through dispatcher, workers, merge and judge as a replay does, and keeps the rows instead of
/// writing them: for fuzzing and for tests of what those rooms make of frames.
///
/// # Errors
/// If a thread cannot be started, or one failed.
pub fn rehearse<'a>(
    frames: impl IntoIterator<Item = Record<'a>>,
    config: &Config,
) -> Result<Rehearsal, SensorError> {
    // Nobody takes rows before the end, so that a bound would be a deadlock.
    let (rows_tx, rows_rx) = unbounded();
    let (fed, _) = pipeline::analyse(config, rows_tx, Instant::now(), |mut dispatcher, _| {
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
    })?;
    let (counters, tally): (Counters, Tally) = fed?;
    let rows = rows_rx.try_iter().flat_map(|batch| batch.rows).collect();
    Ok(Rehearsal { rows, counters, sip_messages: tally.sip_messages() })
}
