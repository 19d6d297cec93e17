//! Recordings of earlier runs.

use bellwether_acoustics::recordings::Print;
use bellwether_base::{RecordingId, Side, Timestamp};

use crate::StoreError;
use crate::reader::Reader;

/// A recording that several calls played.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredRecording {
    /// The recording.
    pub recording: RecordingId,
    /// The side that plays it.
    pub player: Side,
    /// Its words.
    pub print: Print,
    /// Time of its last call, to the hour.
    pub last_seen: Timestamp,
}

impl Reader {
    /// True for a recording that several calls played.
    ///
    /// # Errors
    /// If the database fails.
    pub fn has_recording(&self, recording: RecordingId) -> Result<bool, StoreError> {
        let mut select = self.db.prepare("SELECT 1 FROM recordings WHERE recording = ?1")?;
        Ok(select.exists([recording.get()])?)
    }

    /// The recordings that several calls played, the longest unheard first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn recordings(&self) -> Result<Vec<StoredRecording>, StoreError> {
        let mut select = self.db.prepare(
            "SELECT recording, player, print, last_seen FROM recordings ORDER BY last_seen, recording",
        )?;
        let rows = select.query_map([], |r| {
            let (player, print): (String, Vec<u8>) = (r.get(1)?, r.get(2)?);
            let last_seen = Timestamp::from_nanos(r.get(3)?);
            let stored = (Side::of(&player), Print::from_octets(&print));
            Ok(match stored {
                (Some(player), Some(print)) => {
                    Some(StoredRecording { recording: RecordingId::new(r.get(0)?), player, print, last_seen })
                }
                _ => None,
            })
        })?;
        // Other octets cannot be compared.
        Ok(rows.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?)
    }
}
