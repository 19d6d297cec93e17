//! The contents of the queues between the threads of a run.

use bellwether_base::Timestamp;
use bellwether_capture::Frames;
use bellwether_enrich::Row;

/// Frames on their way from a source's thread to the feed.
pub(crate) struct FrameBatch {
    /// The number of the source.
    pub(crate) source: usize,
    pub(crate) frames: Frames,
}

/// The kind of input of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InputKind {
    /// The network: packets bear the time of day.
    Network,
    /// Captures that grow while they are read.
    Growing,
    /// Complete captures.
    Files,
    /// Captures, one of them through a pipe.
    Pipe,
}

/// Rows on their way to the writer.
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// The time of the oldest fact among them; none where no packet made them.
    pub(crate) since: Option<Timestamp>,
}

impl From<Row> for Rows {
    fn from(row: Row) -> Self {
        Self { rows: vec![row], since: None }
    }
}
