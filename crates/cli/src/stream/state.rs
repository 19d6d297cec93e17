//! What a stream has written, kept over restarts.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use bellwether_base::with_ending;
use bellwether_report::Place;
use serde::{Deserialize, Serialize};

use crate::outcome::Failure;

/// The places up to which the events were written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// Number of the last call that was looked at.
    call: i64,
    /// Numbers of earlier calls that went on then.
    open_calls: BTreeSet<i64>,
    /// Number of the last stream that was looked at; none in a state of before there were such events.
    #[serde(default)]
    stream: Option<i64>,
    /// Numbers of earlier streams that went on then.
    #[serde(default)]
    open_streams: BTreeSet<i64>,
    /// Number of the last alert.
    pub(super) alert: i64,
    /// Number of the last list change.
    pub(super) list_change: i64,
    /// The latest change of an incident; empty before the first.
    pub(super) incident: String,
}

impl State {
    /// The state in a file; none without one.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Failure> {
        let wrong = |why: String| Failure::Usage(format!("{}: {why}", path.display()));
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(wrong(e.to_string())),
        };
        let state = serde_json::from_slice(&text);
        state.map(Some).map_err(|e| wrong(format!("is no state of a stream: {e}; remove it to begin anew")))
    }

    /// Writes the state: a crash leaves the former or the new one.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let wrong = |e: io::Error| Failure::Work(format!("{}: {e}", path.display()));
        let new = with_ending(path, ".new");
        let text = serde_json::to_vec(self).map_err(|e| wrong(e.into()))?;
        std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path)).map_err(wrong)
    }

    /// A state before all rows.
    pub(super) fn of_start() -> Self {
        Self { stream: Some(0), ..Self::default() }
    }

    pub(super) fn calls(&self) -> Place {
        Place { row: self.call, open: self.open_calls.clone() }
    }

    /// The place in the streams, if it is known.
    pub(super) fn streams(&self) -> Option<Place> {
        self.stream.map(|row| Place { row, open: self.open_streams.clone() })
    }

    pub(super) fn set_places(&mut self, calls: &Place, streams: Option<&Place>) {
        self.call = calls.row;
        self.open_calls.clone_from(&calls.open);
        if let Some(streams) = streams {
            self.stream = Some(streams.row);
            self.open_streams.clone_from(&streams.open);
        }
    }
}
