//! Announcements and music that PBX packages ship: whoever plays them plays what thousands do.
//!
//! `stock.words` has their words before the rotation, and no audio. `just stock FOLDER` makes it anew from the corpus of
//! `scripts/recordings-corpus`.

use super::index::Index;
use super::listener::Ear;
use super::matching::{Match, best};
use super::print::{PRINT_CAPACITY, Print, Word};
use super::study::Syllable;
use super::word::BITS;

/// The words of all pieces: of each their number, and for each its time and 64 coefficients of four bits.
static WORDS: &[u8] = include_bytes!("stock.words");

/// Octets of a word in the file.
const OCTETS: usize = 2 + BITS / 2;

/// Steps of a coefficient in a standard deviation, and the greatest number of steps.
const STEPS: f32 = 3.0;
const MOST: f32 = 7.0;

/// Pieces that are known on every installation.
pub struct Stock {
    prints: Vec<Print>,
    index: Index,
}

impl Stock {
    /// The stock in the words of a site.
    #[must_use]
    pub fn new(ear: &Ear) -> Self {
        let prints = pieces(WORDS).map(|words| print_of(ear, words)).collect::<Vec<_>>();
        let mut index = Index::new(prints.len());
        for (number, print) in (0..).zip(&prints) {
            index.enter(print, number, true);
        }
        Self { prints, index }
    }

    /// Number of pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.prints.len()
    }

    /// True without pieces.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.prints.is_empty()
    }

    /// The piece that a print plays, by its number.
    pub(super) fn find(&self, print: &Print) -> Option<(u32, Match)> {
        let candidates = (0..2).flat_map(|half| self.index.candidates(print, half));
        best(candidates, |number| self.prints.get(number as usize), print)
    }
}

/// The octets of each piece.
fn pieces(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (count, rest) = octets.split_first()?;
        let (words, rest) = rest.split_at_checked(usize::from(*count) * OCTETS)?;
        octets = rest;
        Some(words)
    })
}

fn print_of(ear: &Ear, words: &[u8]) -> Print {
    let mut print = Print::default();
    for word in words.chunks_exact(OCTETS) {
        let Some((time, nibbles)) = word.split_first_chunk::<2>() else { continue };
        let mut values = [0.0; BITS];
        for (pair, octet) in values.as_chunks_mut::<2>().0.iter_mut().zip(nibbles) {
            *pair = [octet & 15, octet >> 4].map(|nibble| f32::from(nibble) - MOST);
        }
        print.push(Word { bits: ear.words.rotated(values), at: u16::from_le_bytes(*time) });
    }
    print
}

/// The octets of a piece for the file: up to 48 syllables in order.
#[must_use]
pub fn stock_octets(syllables: &[Syllable]) -> Vec<u8> {
    let syllables = syllables.get(..PRINT_CAPACITY).unwrap_or(syllables);
    let start = syllables.first().map_or(0, |syllable| syllable.at);
    let mut octets = vec![syllables.len() as u8];
    for syllable in syllables {
        octets.extend(((syllable.at - start) as u16).to_le_bytes());
        let values = super::word::centred(syllable.coefficients);
        let nibble = |value: f32| ((value * STEPS).round().clamp(-MOST, MOST) + MOST) as u8;
        octets.extend(values.as_chunks::<2>().0.iter().map(|[a, b]| nibble(*a) | nibble(*b) << 4));
    }
    octets
}

#[cfg(test)]
mod tests {
    use bellwether_base::HashKey;
    use bellwether_rtp::g711::Law;
    use bellwether_testkit::spoken_syllables;

    use super::super::{Likeness, Listener, Voice, compare, study};
    use super::*;

    fn codes(seed: u64) -> Vec<u8> {
        spoken_syllables(seed, 12).iter().map(|sample| Law::A.encode(*sample as i16)).collect()
    }

    #[test]
    fn a_piece_is_known_again_under_any_key_though_its_coefficients_have_four_bits() {
        let octets: Vec<u8> = (0..20)
            .flat_map(|seed| {
                let made = Ear::new(&HashKey::new([1; 16]));
                stock_octets(&study(&made, Law::A, &codes(seed)))
            })
            .collect();
        for key in [7, 8] {
            let ear = Ear::new(&HashKey::new([key; 16]));
            let prints: Vec<Print> = pieces(&octets).map(|words| print_of(&ear, words)).collect();
            assert_eq!(prints.len(), 20);
            for (seed, print) in (0..).zip(&prints) {
                let mut listener = Listener::new(Law::A);
                listener.packet(&ear, &Voice { codes: &codes(seed), ticks: 0, is_after_loss: false });
                let found = compare(print, &listener.finish(&ear).print);
                assert_eq!(found.likeness(), Some(Likeness::SameRecording), "{key} {seed} {found:?}");
            }
        }
    }

    #[test]
    fn the_file_has_whole_pieces_that_are_not_one_another() {
        let ear = Ear::new(&HashKey::new([7; 16]));
        let stock = Stock::new(&ear);
        assert!(stock.len() > 400 && stock.len() == stock.prints.len());
        assert_eq!(WORDS.len(), pieces(WORDS).map(|words| 1 + words.len()).sum::<usize>());
        assert!(stock.prints.iter().all(|print| print.len() >= 8), "words out of order");
        for (number, print) in (0..).zip(&stock.prints).step_by(40) {
            let (_, found) = stock.find(print).unwrap();
            assert_eq!(found.likeness(), Some(Likeness::SameRecording), "{number}");
        }
    }

    #[test]
    fn a_damaged_file_is_read_as_far_as_it_is_whole() {
        assert_eq!(pieces(&[]).count(), 0);
        assert_eq!(pieces(&[2, 0, 0]).count(), 0);
        assert_eq!(pieces(&[[1].as_slice(), &[0; OCTETS], &[9]].concat()).count(), 1);
    }
}
