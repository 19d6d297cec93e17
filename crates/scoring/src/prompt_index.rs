//! Index of recordings by parts of their fingerprints (locality-sensitive hashing).

use std::hint::black_box;

use bellwether_acoustics::OpeningPrint;
use bellwether_base::ContentHasher;

/// Number of parts (bands) per fingerprint.
const PARTS: usize = 6;

/// Entries per set. A set fills one cache line, so that a lookup of a part touches one line.
const WAYS: usize = 8;

/// The recording that was last seen with a part; 0 for none.
#[derive(Clone, Copy, Default)]
struct Entry {
    band: u32,
    recording: u32,
}

/// The entries of a set, newest first.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Set([Entry; WAYS]);

/// Set-associative index of fixed size: the latest recording for each part of a fingerprint.
///
/// A keyed hash assigns each part to a set, in which a new entry evicts the oldest. Most callers say
/// something different, so that few entries are ever found again. An index with a global queue would cost ten
/// times as much.
pub(crate) struct PromptIndex {
    sets: Vec<Set>,
    hasher: ContentHasher,
}

impl PromptIndex {
    /// Creates an index with this number of entries per part.
    pub(crate) fn new(room: usize, hasher: ContentHasher) -> Self {
        let sets = (room / WAYS).next_power_of_two() * PARTS;
        Self { sets: vec![Set::default(); sets], hasher }
    }

    /// The set and the value of each part of a fingerprint.
    fn places(&self, print: &OpeningPrint) -> [(usize, u32); PARTS] {
        let sets = self.sets.len() / PARTS;
        let mut place = 0;
        print.bands().map(|band| {
            let hash = self.hasher.parts(&[&band.to_le_bytes()], place);
            place += 1;
            ((place as usize - 1) * sets + hash as usize % sets, band)
        })
    }

    /// Recordings that share a part with a fingerprint.
    pub(crate) fn recordings(&self, print: &OpeningPrint) -> impl Iterator<Item = u32> {
        self.places(print).into_iter().filter_map(|(set, band)| {
            let known = self.sets.get(set)?.0.iter().find(|entry| entry.band == band)?;
            (known.recording != 0).then_some(known.recording)
        })
    }

    /// Records a fingerprint of a recording. `recording` must not be 0.
    pub(crate) fn heard(&mut self, print: &OpeningPrint, recording: u32) {
        for (set, band) in self.places(print) {
            let Some(Set(set)) = self.sets.get_mut(set) else { continue };
            let oldest = WAYS - 1;
            let gone = set.iter().position(|entry| entry.band == band).unwrap_or(oldest);
            set.copy_within(..gone, 1);
            if let Some(newest) = set.first_mut() {
                *newest = Entry { band, recording };
            }
        }
    }

    /// Prefetches the sets of fingerprints.
    pub(crate) fn prefetch(&self, prints: &[OpeningPrint]) {
        for print in prints {
            for (set, _) in self.places(print) {
                black_box(self.sets.get(set).and_then(|set| set.0.first()).map(|entry| entry.band));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::HashKey;

    fn print(words: [u64; 3]) -> OpeningPrint {
        let octets: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        OpeningPrint::from_octets(&octets).unwrap()
    }

    fn bands(room: usize) -> PromptIndex {
        PromptIndex::new(room, HashKey::new([7; 16]).content_hasher())
    }

    #[test]
    fn a_recording_is_found_by_any_part_at_its_place() {
        let mut bands = bands(1024);
        bands.heard(&print([1 << 32 | 2, 3 << 32 | 4, 5 << 32 | 6]), 9);
        let found = |words| bands.recordings(&print(words)).collect::<Vec<_>>();
        assert_eq!(found([1 << 32 | 2, 3 << 32 | 4, 5 << 32 | 6]), [9; 6]);
        assert_eq!(found([7 << 32 | 7, 7 << 32 | 7, 5 << 32 | 7]), [9]);
        // The same value in another position is a different part. An empty set has no recordings, even for a
        // part of zero.
        assert_eq!(found([2 << 32 | 1, 4 << 32 | 3, 6 << 32 | 5]), [0_u32; 0]);
        assert_eq!(found([0; 3]), [0_u32; 0]);
    }

    #[test]
    fn who_is_heard_again_is_known_by_the_latest_and_stays_while_others_are_forgotten() {
        let mut bands = bands(64);
        let song = print([11 << 32 | 12, 13 << 32 | 14, 15 << 32 | 16]);
        let voice = |n: u64| print([n << 32 | (n + 1), (n + 2) << 32 | (n + 3), (n + 4) << 32 | (n + 5)]);
        bands.heard(&song, 1);
        for n in 0..1000 {
            bands.heard(&voice(1000 + 10 * n), 2 + n as u32);
            // The recording recurs every now and then.
            if n % 3 == 0 {
                bands.heard(&song, 5000 + n as u32);
            }
        }
        assert!(bands.recordings(&song).all(|known| known == 5999) && bands.recordings(&song).count() == 6);
        assert_eq!(bands.recordings(&voice(1000)).count(), 0);
        assert_eq!(bands.recordings(&voice(10_990)).count(), 6);
    }
}
