use bellwether_rtp::g711::Law;

/// Histogram of G.711 code words.
///
/// Counts are stored in order of magnitude, both signs side by side, up to the loudest word seen. Silence has
/// few magnitudes, so its list is short. Each stream has several histograms, so the counts are 16 bits and
/// saturate; an analysis counts fewer samples of one level than that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeHistogram(Vec<u16>);

impl CodeHistogram {
    /// Adds every code word of a packet.
    pub fn add(&mut self, law: Law, codes: &[u8]) {
        // Two small tables, filled in turn: with one table, equal neighbours would wait for each other's
        // store. A chunk of 480 octets keeps every count below 256.
        for chunk in codes.chunks(480) {
            let mut even = [0_u8; 256];
            let mut odd = [0_u8; 256];
            let mut loudest = 0;
            let mut pairs = chunk.chunks_exact(2);
            for pair in &mut pairs {
                even[usize::from(pair[0])] += 1;
                odd[usize::from(pair[1])] += 1;
                loudest = loudest.max(law.magnitude(pair[0])).max(law.magnitude(pair[1]));
            }
            for code in pairs.remainder() {
                even[usize::from(*code)] += 1;
                loudest = loudest.max(law.magnitude(*code));
            }
            self.reach(loudest);
            for (i, count) in self.0.iter_mut().enumerate().take(usize::from(loudest) * 2 + 2) {
                let code = usize::from(law.code((i / 2) as u8, (i % 2) as u8));
                *count = count.saturating_add(u16::from(even[code]) + u16::from(odd[code]));
            }
        }
    }

    /// Adds the same code word `n` times.
    pub fn add_same(&mut self, law: Law, code: u8, n: u32) {
        let magnitude = law.magnitude(code);
        self.reach(magnitude);
        let count = &mut self.0[usize::from(magnitude) * 2 + usize::from(code >> 7)];
        *count = count.saturating_add(u16::try_from(n).unwrap_or(u16::MAX));
    }

    /// Adds the counts of another histogram of the same law.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.saturating_add(*theirs);
        }
    }

    /// The code words that occurred, with their counts, in order of the code word.
    #[must_use]
    pub fn counts(&self, law: Law) -> Vec<(u8, u32)> {
        let mut counts: Vec<(u8, u32)> = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(|(i, n)| (law.code((i / 2) as u8, (i % 2) as u8), u32::from(*n)))
            .collect();
        counts.sort_unstable();
        counts
    }

    /// Heap memory in octets.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u16>()
    }

    fn reach(&mut self, magnitude: u8) {
        let needed = usize::from(magnitude) * 2 + 2;
        if self.0.len() < needed {
            self.0.reserve_exact(needed - self.0.len());
            self.0.resize(needed, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_adding_count_the_same() {
        for law in [Law::Mu, Law::A] {
            let codes: Vec<u8> = (0..1001_u32).map(|i| (i * i * 7 % 251) as u8).collect();
            let (mut at_once, mut one_by_one) = (CodeHistogram::default(), CodeHistogram::default());
            at_once.add(law, &codes);
            for code in &codes {
                one_by_one.add_same(law, *code, 1);
            }
            assert_eq!(at_once.counts(law), one_by_one.counts(law));
            assert_eq!(at_once.counts(law).iter().map(|(_, n)| n).sum::<u32>(), 1001);
        }
    }
}
