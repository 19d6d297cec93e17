//! Counts distinct values among a few dozen hashes, without heap memory.

/// The last place of each hash: open addressing on the stack, with 256 slots at most.
///
/// The index holds up to 254 places; further ones count as known hashes. The hashes are keyed, so that their
/// low bits are random. The index stores places and not hashes, which keeps it small, because it is rebuilt
/// for each call.
pub(crate) struct StackIndex<const SLOTS: usize> {
    /// Place plus one; 0 is free.
    places: [u8; SLOTS],
    distinct: usize,
}

impl<const SLOTS: usize> StackIndex<SLOTS> {
    pub(crate) const fn new() -> Self {
        Self { places: [0; SLOTS], distinct: 0 }
    }

    /// Adds the hash of a place, which must be below 255. Returns the previous place of this hash. `hash`
    /// returns the hash of any place so far.
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

    /// Number of distinct hashes.
    pub(crate) const fn distinct(&self) -> usize {
        self.distinct
    }
}

/// Number of distinct hashes among some items, up to 128.
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
