//! Counting among a few dozen hashes without a heap.

/// The place at which each of some hashes was last: open addressing on the stack, with 256 slots at most. Holds up to 254 places; what is
/// beyond is taken for known. The hashes are keyed, so that their last bits are as good as chance.
pub(crate) struct Places<const SLOTS: usize> {
    keys: [u64; SLOTS],
    /// One more than the place; 0 is free.
    places: [u8; SLOTS],
    distinct: usize,
}

impl<const SLOTS: usize> Places<SLOTS> {
    pub(crate) const fn new() -> Self {
        Self { keys: [0; SLOTS], places: [0; SLOTS], distinct: 0 }
    }

    /// Puts a hash at a place, which must be below 255; answers where it was before.
    pub(crate) fn put(&mut self, key: u64, place: usize) -> Option<usize> {
        let mut at = usize::from(key as u8) % SLOTS;
        for _ in 0..SLOTS {
            let (Some(known), Some(last)) = (self.keys.get_mut(at), self.places.get_mut(at)) else { break };
            let new = u8::try_from(place + 1).unwrap_or(u8::MAX);
            if *last == 0 {
                (*known, *last) = (key, new);
                self.distinct += 1;
                return None;
            }
            if *known == key {
                return Some(usize::from(std::mem::replace(last, new)) - 1);
            }
            at = (at + 1) % SLOTS;
        }
        Some(place)
    }

    /// How many hashes there are.
    pub(crate) const fn distinct(&self) -> usize {
        self.distinct
    }
}

/// How many different hashes there are, up to 128 of them.
pub(crate) fn distinct(hashes: impl Iterator<Item = u64>) -> usize {
    let mut places = Places::<128>::new();
    hashes.for_each(|hash| {
        places.put(hash, 0);
    });
    places.distinct()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn places_are_those_of_a_map(hashes in proptest::collection::vec(prop_oneof![0..20_u64, any::<u64>()], 0..254)) {
            let (mut places, mut map) = (Places::<256>::new(), BTreeMap::new());
            for (place, hash) in hashes.iter().enumerate() {
                prop_assert_eq!(places.put(*hash, place), map.insert(*hash, place));
            }
            prop_assert_eq!(places.distinct(), map.len());
            prop_assert_eq!(distinct(hashes.into_iter()), map.len().min(128));
        }
    }

    #[test]
    fn more_than_it_holds_is_no_harm() {
        let mut places = Places::<256>::new();
        for hash in 0..10_000_u64 {
            places.put(hash, hash as usize);
        }
        assert_eq!(places.distinct(), 256);
    }
}
