//! Finds the recordings that streams play. Rows come in an order that does not depend on the number of workers.

use bellwether_acoustics::recordings::{Ear, Played, Recordings, Stock};
use bellwether_base::{HashKey, RecordingId, Side};
use bellwether_enrich::{Row, StreamRow};
use bellwether_store::StoredRecording;

/// Recognises recordings.
pub(crate) struct Recognition {
    recordings: Recordings,
    key: HashKey,
}

impl Recognition {
    /// Room for so many recordings, of which some are known from earlier runs.
    pub(crate) fn new(capacity: usize, known: Vec<StoredRecording>, key: HashKey) -> Self {
        let mut recordings = Recordings::new(capacity).with_stock(Stock::new(&Ear::new(&key)));
        for of in known {
            recordings.restore(of.recording, of.print, of.player, of.last_seen);
        }
        Self { recordings, key: key.derive("sources of recordings") }
    }

    /// Adds to each stream the recording that it plays.
    pub(crate) fn recognise(&mut self, rows: &mut [Row]) {
        for row in rows {
            if let Row::Stream(row) = row {
                self.stream(row);
            }
        }
    }

    fn stream(&mut self, row: &mut StreamRow) {
        let Some(player) = Side::of(row.direction) else { return };
        let Some(heard) = row.heard.as_mut().filter(|_| row.call.is_some()) else { return };
        // The words go no further unless several calls play them.
        let print = std::mem::take(&mut heard.print);
        let found = self.recordings.identify(&Played {
            print: &print,
            player,
            name: RecordingId::new(row.stream.get()),
            source: self.key.parts(&[&row.src.octets()]),
            at: row.last_seen,
        });
        row.recording = found.map(Box::new);
    }
}
