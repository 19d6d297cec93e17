use bellwether_capture::{Input, ReadError};
use bellwether_recorder::Recorder;

use crate::SensorError;
use crate::feed::{Fed, Feed};
use crate::pipeline::{self, Config, Finished};
use crate::writing::InputKind;

/// How far a replay is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The input being read.
    pub name: String,
    /// Octets of it read so far.
    pub bytes: u64,
    /// Its size on disk, if it is a file.
    pub size: Option<u64>,
    /// Packets read of all inputs.
    pub packets: u64,
}

/// An input that could not be read to its end.
#[derive(Debug)]
pub struct Damage {
    /// The input.
    pub name: String,
    /// Where and why reading stopped.
    pub error: ReadError,
}

/// Frames of an input that were passed over because their link type is not read.
#[derive(Debug)]
pub struct Unread {
    /// The input.
    pub name: String,
    /// The link type's number.
    pub link_type: u32,
    /// Frames.
    pub frames: u64,
}

/// What a replay came to.
pub struct Outcome {
    /// Packets read.
    pub packets: u64,
    /// Inputs that were cut or damaged: what could be read of them was.
    pub damaged: Vec<Damage>,
    /// Frames with link types that are not read, by input.
    pub unread: Vec<Unread>,
    /// What every run leaves.
    pub finished: Finished,
}

/// Reads inputs from first to last and writes what they hold to the database.
///
/// # Errors
/// If an input cannot be opened, or the database cannot be written. What was committed before stays.
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
