use bellwether_capture::{Input, ReadError};
use bellwether_recorder::Recorder;

use crate::SensorError;
use crate::feed::{Fed, Feed};
use crate::pipeline::{self, Config, Finished};
use crate::writing::InputKind;

/// Progress of a replay.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The input being read.
    pub name: String,
    /// Octets of this input read so far.
    pub bytes: u64,
    /// Its size on disk; none for standard input.
    pub size: Option<u64>,
    /// Packets read from all inputs.
    pub packets: u64,
}

/// An input with a read error before its end.
#[derive(Debug)]
pub struct Damage {
    /// The input.
    pub name: String,
    /// Position and reason of the error.
    pub error: ReadError,
}

/// Frames of an input that were skipped because of an unsupported link type.
#[derive(Debug)]
pub struct Unread {
    /// The input.
    pub name: String,
    /// The link type's number.
    pub link_type: u32,
    /// Number of frames.
    pub frames: u64,
}

/// Result of a replay.
pub struct Outcome {
    /// Packets read.
    pub packets: u64,
    /// Damaged inputs; the records before the damage were processed.
    pub damaged: Vec<Damage>,
    /// Frames with unsupported link types, by input.
    pub unread: Vec<Unread>,
    /// The part common to all runs.
    pub finished: Finished,
}

/// Reads inputs from first to last and writes the results to the database.
///
/// # Errors
/// [`SensorError`] if an input cannot be opened, or the database cannot be written. Earlier commits stay.
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
