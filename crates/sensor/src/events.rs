//! Reports of a run to the operator.

use bellwether_base::{Loss, Timestamp};
use bellwether_capture::{ClockEvent, LiveError, ReadError};

use crate::pipeline::Settings;

/// An event that the operator should know of while the sensor runs.
#[derive(Debug)]
pub enum Event {
    /// The losses since the last such event, by the names of `docs/losses.md`.
    Losses(Vec<(Loss, u64)>),
    /// An interface does not deliver.
    Trouble(LiveError),
    /// An interface delivers again.
    Recovered(String),
    /// An interface was removed and made again, and the capture goes on.
    Followed(String),
    /// A growing capture was cut or damaged.
    Gap {
        /// The capture.
        place: String,
        /// The time of the last record before the gap.
        from: Option<Timestamp>,
        /// The time of the next file's first record, once it is known.
        to: Option<Timestamp>,
    },
    /// The clock that stamps packets was set, or steered otherwise.
    Clock(ClockEvent),
    /// The feed is alive. A watchdog gets this each second.
    Alive,
}

/// The operator's side of a live run.
pub trait EventHandler {
    /// Takes an event.
    fn hear(&mut self, event: Event);

    /// Returns changed settings, if there are any. The feed asks each second.
    fn new_settings(&mut self) -> Option<Settings>;
}

/// The progress of a replay.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The present input.
    pub name: String,
    /// The octets of it that were read.
    pub bytes: u64,
    /// The size on disk, if it is a file.
    pub size: Option<u64>,
    /// The packets that were read of all inputs.
    pub packets: u64,
}

/// An input that could not be read to its end.
#[derive(Debug)]
pub struct Damage {
    /// The input.
    pub name: String,
    /// The place and the reason of the stop.
    pub error: ReadError,
}

/// Frames of an input that were skipped because their link type is not supported.
#[derive(Debug)]
pub struct Unread {
    /// The input.
    pub name: String,
    /// The number of the link type.
    pub link_type: u32,
    /// The number of frames.
    pub frames: u64,
}
