//! Finds recordings by their words, though no word is heard quite the same twice.
//!
//! Locality-sensitive hashing (Charikar, STOC 2002): six tables take 20 bits each of a word. Two words of one sound
//! share all bits of at least one table nearly always. A bucket is one cache line. It keeps the newest entries, and
//! those of recordings that several calls play before others.

use super::print::{PRINT_CAPACITY, Print};

/// Tables, and the bits of a word that each takes.
const TABLES: u32 = 6;
const KEY_BITS: u32 = 20;

/// An entry, from the highest bit: number of the recording plus one, whether several calls play it, and further bits of
/// the word, of which some may differ.
const CHECK_BITS: u32 = 11;
const CHECK: u32 = (1 << CHECK_BITS) - 1;
const CHECK_DIFFERENT: u32 = 2;
const SHARED: u32 = 1 << CHECK_BITS;
const NUMBER_SHIFT: u32 = CHECK_BITS + 1;

/// Entries of a bucket.
const WAYS: usize = 16;

/// Words of a recording that are entered. Those after them would cost memory and find nothing new.
const ENTERED: usize = 32;

/// Recordings with the most hits that are compared.
pub(super) const CANDIDATES: usize = 8;

/// Most recordings that an entry can name.
pub(super) const MAX_RECORDINGS: usize = (1 << KEY_BITS) - 2;

/// One cache line. Without a type of its own, so that a new table takes no memory before it fills.
type Bucket = [u32; WAYS];

/// The buckets of all tables.
pub(super) struct Index {
    buckets: Vec<Bucket>,
    /// Bits of a bucket's number within its table.
    bits: u32,
}

impl Index {
    /// An index for so many recordings, of 1 KiB for each of them. Pages are taken as entries come; with transparent huge
    /// pages, a few recordings take all of it.
    pub(super) fn new(recordings: usize) -> Self {
        // Buckets are three quarters full at the most, on the average.
        let bits = (recordings * ENTERED / (WAYS * 3 / 4)).max(64).ilog2().min(KEY_BITS);
        Self { buckets: vec![[0; WAYS]; (TABLES as usize) << bits], bits }
    }

    /// Bucket and further bits of a word in a table. The tables take their bits at even distances of the word, whose
    /// bits are alike after its rotation.
    fn place(&self, word: u64, table: u32) -> (usize, u32) {
        let turned = word.rotate_right(table * u64::BITS / TABLES);
        let key = turned as usize & ((1 << self.bits) - 1);
        ((table as usize) << self.bits | key, (turned >> KEY_BITS) as u32 & CHECK)
    }

    /// Calls `change` for the bucket of each word in each table, with the further bits of the word.
    fn visit(&mut self, print: &Print, mut change: impl FnMut(&mut [u32; WAYS], u32)) {
        for word in print.words().take(ENTERED) {
            for table in 0..TABLES {
                let (bucket, check) = self.place(word.bits, table);
                if let Some(ways) = self.buckets.get_mut(bucket) {
                    change(ways, check);
                }
            }
        }
    }

    /// Enters a recording by its number. The entries of a flood of recordings of one call push out each other only.
    pub(super) fn enter(&mut self, print: &Print, number: u32, is_shared: bool) {
        let shared = if is_shared { SHARED } else { 0 };
        self.visit(print, |ways, check| {
            let entry = (number + 1) << NUMBER_SHIFT | shared | check;
            // Its own former entry leaves, or else a free place, the oldest of one call, the oldest.
            let own = ways.iter().position(|known| known >> NUMBER_SHIFT == number + 1);
            let free = || ways.iter().position(|known| *known == 0);
            let of_one_call = || ways.iter().rposition(|known| known & SHARED == 0);
            let Some(gone) = own.or_else(free).or_else(of_one_call).or(is_shared.then_some(WAYS - 1)) else {
                return;
            };
            ways.copy_within(..gone, 1);
            ways[0] = entry;
        });
    }

    /// Removes a recording.
    pub(super) fn remove(&mut self, print: &Print, number: u32) {
        self.visit(print, |ways, _| {
            if let Some(gone) = ways.iter().position(|known| known >> NUMBER_SHIFT == number + 1) {
                ways.copy_within(gone + 1.., gone);
                ways[WAYS - 1] = 0;
            }
        });
    }

    /// The recordings with the most hits among every second word, or the other ones: the greatest number of hits first,
    /// and the smallest number among equals.
    pub(super) fn candidates(&self, print: &Print, half: usize) -> Vec<u32> {
        let mut hits: Vec<u32> = Vec::with_capacity(PRINT_CAPACITY);
        for word in print.words().skip(half).step_by(2) {
            for table in 0..TABLES {
                let (bucket, check) = self.place(word.bits, table);
                let Some(ways) = self.buckets.get(bucket) else { continue };
                hits.extend(ways.iter().filter_map(|entry| {
                    let different = ((entry ^ check) & CHECK).count_ones();
                    (entry >> NUMBER_SHIFT).checked_sub(1).filter(|_| different <= CHECK_DIFFERENT)
                }));
            }
        }
        hits.sort_unstable();
        let mut ranked: Vec<(usize, u32)> =
            hits.chunk_by(|a, b| a == b).filter_map(|same| Some((same.len(), *same.first()?))).collect();
        ranked.sort_unstable_by_key(|(hits, number)| (usize::MAX - hits, *number));
        ranked.into_iter().take(CANDIDATES).map(|(_, number)| number).collect()
    }
}
