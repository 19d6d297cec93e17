//! Sets of fixed size: what was seen, and how many different things.

use bellwether_base::Timestamp;

use crate::settings::DAY;

/// A Bloom filter over two days: today's and yesterday's (Bloom 1970). Two hashes from one key.
#[derive(Clone, Debug)]
pub(crate) struct SeenLately {
    days: [Box<[u64]>; 2],
    begun: Timestamp,
}

impl SeenLately {
    /// `words` words of 64 bits for each day, a power of two.
    pub(crate) fn new(words: usize, at: Timestamp) -> Self {
        let empty = || vec![0; words.next_power_of_two()].into_boxed_slice();
        Self { days: [empty(), empty()], begun: at }
    }

    /// Adds a key. Returns true if it was there already.
    pub(crate) fn add(&mut self, key: u64, at: Timestamp) -> bool {
        if at.since(self.begun) >= DAY {
            self.days.swap(0, 1);
            let [today, _] = &mut self.days;
            today.fill(0);
            self.begun = at;
        }
        let was = self.has(key);
        let [today, _] = &mut self.days;
        for bit in bits(key, today.len()) {
            if let Some(word) = today.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
        was
    }

    /// True if the key was added, and rarely if it was not.
    pub(crate) fn has(&self, key: u64) -> bool {
        self.days.iter().any(|day| {
            bits(key, day.len())
                .into_iter()
                .all(|bit| day.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1))
        })
    }
}

fn bits(key: u64, words: usize) -> [usize; 2] {
    let mask = words * 64 - 1;
    let mixed = mix(key);
    [mixed as usize & mask, (mixed >> 32) as usize & mask]
}

/// Mixes the bits of a key (the finaliser of MurmurHash3). Keys are keyed hashes already; this makes several of one.
pub(crate) const fn mix(key: u64) -> u64 {
    let mut z = key ^ (key >> 33);
    z = z.wrapping_mul(0xff51_afd7_ed55_8ccd);
    z ^= z >> 33;
    z = z.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    z ^ (z >> 33)
}

/// The key of a pair.
pub(crate) const fn pair(a: u64, b: u64) -> u64 {
    mix(a ^ b.rotate_left(32).wrapping_add(0x9e37_79b9))
}

/// An estimate of the number of different keys (linear counting; Whang et al. 1990). It is exact to a few per cent up to 1,500.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Distinct([u64; 8]);

impl Distinct {
    pub(crate) fn add(&mut self, key: u64) {
        let bit = mix(key) as usize % 512;
        if let Some(word) = self.0.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }

    pub(crate) fn estimate(&self) -> f64 {
        let set: u32 = self.0.iter().map(|word| word.count_ones()).sum();
        let free = f64::from(512 - set).max(0.5);
        -512.0 * (free / 512.0).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_known_for_two_days() {
        let at = |hours: i64| Timestamp::from_nanos(hours * 3_600_000_000_000);
        let mut seen = SeenLately::new(64, at(0));
        assert!(!seen.add(7, at(0)) && seen.add(7, at(1)));
        assert!(seen.has(7) && !seen.has(8));
        seen.add(9, at(25));
        assert!(seen.has(7));
        seen.add(9, at(50));
        assert!(!seen.has(7) && seen.has(9));
    }

    #[test]
    fn different_things_are_counted_roughly() {
        let mut distinct = Distinct::default();
        for key in 0..300_u64 {
            distinct.add(key);
            distinct.add(key);
        }
        assert!((distinct.estimate() - 300.0).abs() < 45.0, "{}", distinct.estimate());
    }
}
