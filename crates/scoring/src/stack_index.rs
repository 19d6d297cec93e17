//! Counting among a few dozen hashes without a heap.

/// The place at which each of some hashes was last: open addressing on the stack, with 256 slots at most. Holds up to 254 places; what is
/// beyond is taken for known. The hashes are keyed, so that their last bits are as good as chance.
///
/// The hashes stay where they are: what is here is small, as it is made anew for each call.
pub(crate) struct StackIndex<const SLOTS: usize> {
    /// One more than the place; 0 is free.
    places: [u8; SLOTS],
    distinct: usize,
}

impl<const SLOTS: usize> StackIndex<SLOTS> {
    pub(crate) const fn new() -> Self {
        Self { places: [0; SLOTS], distinct: 0 }
    }

    /// Puts the hash of a place, which must be below 255; answers the place where that hash was before. `hash` tells it of any place so far.
    pub(crate) fn put(&mut self, place: usize, hash: impl Fn(usize) -> u64) -> Option<usize> {
        let own = hash(place);
        let new = u8::try_from(place + 1).unwrap_or(u8::MAX);
        let mut at = usize::from(own as u8) % SLOTS;
        for _ in 0..SLOTS {
            let Some(last) = self.places.get_mut(at) else { break };
            if *last == 0 {
                *last = new;
                self.distinct += 1;
                return None;
            }
            let known = usize::from(*last) - 1;
            if hash(known) == own {
                *last = new;
                return Some(known);
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

/// How many different hashes some things have, up to 128 of them.
pub(crate) fn distinct<T>(things: &[T], hash: impl Fn(&T) -> u64) -> usize {
    let mut places = StackIndex::<128>::new();
    for place in 0..things.len() {
        places.put(place, |at| things.get(at).map_or(0, &hash));
    }
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
            let (mut places, mut map) = (StackIndex::<256>::new(), BTreeMap::new());
            for (place, hash) in hashes.iter().enumerate() {
                prop_assert_eq!(places.put(place, |at| hashes[at]), map.insert(*hash, place));
            }
            prop_assert_eq!(places.distinct(), map.len());
            prop_assert_eq!(distinct(&hashes, |hash| *hash), map.len().min(128));
        }
    }

    #[test]
    fn more_than_it_holds_is_no_harm() {
        let mut places = StackIndex::<256>::new();
        for place in 0..10_000 {
            places.put(place, |at| at as u64);
        }
        assert_eq!(places.distinct(), 256);
    }
}
