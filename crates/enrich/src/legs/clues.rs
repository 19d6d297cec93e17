//! Clues: keyed hashes of properties that calls of one conversation share, with the recent calls of each.

use bellwether_base::{CallId, LruTable, Span, Timestamp};
use smallvec::SmallVec;

/// Maximum number of clues: some eight per call.
const CAPACITY: usize = 131_072;

/// Maximum number of calls per clue; the latest stay. A dialler or a conference server repeats its clues
/// endlessly.
const LATEST: usize = 16;

/// A clue expires after this time without a new call.
const KEPT: Span = Span::from_secs(4 * 3600);

/// Other calls with a clue. Most clues have none or one.
pub(super) type Others = SmallVec<[CallId; 4]>;

/// The calls of each clue.
pub(super) struct Clues {
    table: LruTable<u64, SmallVec<[CallId; 1]>, 1>,
}

impl Clues {
    pub(super) fn new() -> Self {
        Self { table: LruTable::new(CAPACITY) }
    }

    /// The calls with a clue, oldest first.
    pub(super) fn left(&self, clue: u64) -> &[CallId] {
        let found = self.table.find(clue, &clue).and_then(|slot| self.table.get(slot));
        found.map_or(&[], |(_, calls)| calls.as_slice())
    }

    /// Adds a call to a clue. Returns the other calls with it, oldest first.
    pub(super) fn leave(&mut self, clue: u64, call: CallId, at: Timestamp) -> Others {
        let (slot, _) = self.table.find_or_insert(clue, clue, at);
        self.table.touch(slot, 0, at);
        let mut others = Others::new();
        if let Some((_, calls)) = self.table.get_mut(slot) {
            others.extend(calls.iter().filter(|other| **other != call).copied());
            if others.len() == calls.len() {
                if calls.len() == LATEST {
                    calls.remove(0);
                }
                calls.push(call);
            }
        }
        while let Some((slot, _)) = self.table.oldest_before(0, at - KEPT) {
            self.table.remove(slot);
        }
        others
    }
}
