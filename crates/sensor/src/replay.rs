use bellwether_capture::Input;
use bellwether_recorder::Recorder;

use crate::SensorError;
use crate::events::{Damage, Progress, Unread};
use crate::feed::{Fed, Feed};
use crate::pipeline::{self, Config, Finished};
use crate::queues::InputKind;

/// The outcome of a replay.
pub struct Outcome {
    /// Packets read.
    pub packets: u64,
    /// Inputs that were cut or damaged. The readable part of each was analysed.
    pub damaged: Vec<Damage>,
    /// Frames that were skipped for their link types, by input.
    pub unread: Vec<Unread>,
    /// The outcome that every run has.
    pub finished: Finished,
}

/// Reads inputs from first to last and writes their contents to the database.
///
/// # Errors
/// If an input cannot be opened, or the database cannot be written. Earlier commits stay.
pub fn replay(
    inputs: &[Input],
    config: &Config,
    recorder: Recorder,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Outcome, SensorError> {
    let has_pipe = inputs.contains(&Input::StandardInput);
    let supply = if has_pipe { InputKind::Pipe } else { InputKind::Files };
    let (fed, finished) = pipeline::run(config, recorder, supply, |dispatcher, behind| {
        Feed::new(inputs, dispatcher, behind.rows, config.key).run(progress)
    })?;
    let Fed { packets, damaged, unread } = fed;
    Ok(Outcome { packets, damaged, unread, finished })
}
