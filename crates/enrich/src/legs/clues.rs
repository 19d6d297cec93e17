//! What calls of one conversation have in common, by hashes: who left a clue of late.

use bellwether_base::{LruTable, Span, Timestamp};
use smallvec::SmallVec;

/// Clues remembered: some eight per call.
const CAPACITY: usize = 131_072;

/// Calls remembered of one clue, the latest: a dialler and a conference server repeat their clues for ever.
const LATEST: usize = 16;

/// A clue that nobody left again for so long is forgotten.
const KEPT: Span = Span::from_secs(4 * 3600);

/// Calls that left a clue: nearly always none or one.
pub(super) type Others = SmallVec<[i64; 4]>;

/// Who left which clue.
pub(super) struct Clues {
    table: LruTable<u64, SmallVec<[i64; 1]>, 1>,
}

impl Clues {
    pub(super) fn new() -> Self {
        Self { table: LruTable::new(CAPACITY) }
    }

    /// Those who left a clue, the oldest first.
    pub(super) fn left(&self, clue: u64) -> &[i64] {
        let found = self.table.find(clue, &clue).and_then(|slot| self.table.get(slot));
        found.map_or(&[], |(_, calls)| calls.as_slice())
    }

    /// A call leaves a clue. Answers the others that left it before, the oldest first.
    pub(super) fn leave(&mut self, clue: u64, call: i64, at: Timestamp) -> Others {
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
