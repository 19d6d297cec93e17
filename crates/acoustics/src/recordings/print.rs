//! The words of a call.

use arrayvec::ArrayVec;

/// Maximum number of words of a call.
pub const PRINT_CAPACITY: usize = 48;

/// The sound of one syllable and of half a second around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// 64 bits. Words of one sound differ in few, others in about half of them.
    pub bits: u64,
    /// Time since the first packet in tenths of a frame, that is in 2 ms.
    pub at: u16,
}

/// The words of the beginning of a call, in order of their time.
///
/// Nothing of what was said can be read from it without the key of the site, and little with it: 210 bits a second,
/// a third of what the lowest speech coders need.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Print {
    bits: ArrayVec<u64, PRINT_CAPACITY>,
    /// Beside the bits, since a pair of both would take sixteen octets.
    times: ArrayVec<u16, PRINT_CAPACITY>,
}

impl Print {
    /// The words, in order of their time.
    pub fn words(&self) -> impl ExactSizeIterator<Item = Word> + Clone {
        self.bits.iter().zip(&self.times).map(|(bits, at)| Word { bits: *bits, at: *at })
    }

    /// Number of words.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bits.len()
    }

    /// True without a word.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bits.is_empty()
    }

    /// Time of the first word and of the last one; 0 without words.
    pub(super) fn span(&self) -> (i32, i32) {
        let time = |at: Option<&u16>| at.map_or(0, |at| i32::from(*at));
        (time(self.times.first()), time(self.times.last()))
    }

    /// Adds a word. False if there is no room for it, or it is not later than the last one.
    pub fn push(&mut self, word: Word) -> bool {
        let is_later = self.times.last().is_none_or(|last| *last < word.at);
        is_later && self.bits.try_push(word.bits).is_ok() && self.times.try_push(word.at).is_ok()
    }

    /// The words as octets, for storage: ten for each.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        self.words()
            .flat_map(|word| word.bits.to_le_bytes().into_iter().chain(word.at.to_le_bytes()))
            .collect()
    }

    /// The words from their octets; none if these are no words in order.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (words, rest) = octets.as_chunks::<10>();
        let mut print = Self::default();
        for [b0, b1, b2, b3, b4, b5, b6, b7, t0, t1] in words {
            let bits = u64::from_le_bytes([*b0, *b1, *b2, *b3, *b4, *b5, *b6, *b7]);
            let word = Word { bits, at: u16::from_le_bytes([*t0, *t1]) };
            if !print.push(word) {
                return None;
            }
        }
        rest.is_empty().then_some(print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_print_is_stored_and_read_and_nothing_else_is_one() {
        let mut print = Print::default();
        for i in 0..PRINT_CAPACITY as u16 {
            assert!(print.push(Word { bits: u64::from(i).wrapping_mul(0x9e37_79b9_7f4a_7c15), at: 7 * i }));
        }
        assert!(!print.push(Word { bits: 0, at: u16::MAX }));
        let octets = print.to_octets();
        assert_eq!(octets.len(), 480);
        assert_eq!(Print::from_octets(&octets), Some(print));
        assert_eq!(Print::from_octets(&octets[..479]), None);
        assert_eq!(Print::from_octets(&octets[..10].repeat(2)), None, "out of order");
        assert_eq!(Print::from_octets(&[octets, vec![0xff; 10]].concat()), None, "too long");
        assert_eq!(Print::from_octets(&[]), Some(Print::default()));
    }
}
