use crate::control::EndpointKey;

/// Maximum number of endpoints per side. Ten interfaces with all candidate types need fewer.
const MOST: usize = 96;

/// Additional endpoints of each side of a call: ICE candidates and ICE user name fragments.
///
/// Each side has a quota of its own, so that neither side can evict the other's entries. A full side evicts
/// the endpoints that the newest descriptions omit, because a phone that moves restarts ICE each time.
/// Entries of the current description are never evicted: its first endpoints stay.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Each endpoint with the number of the last description that named it.
    places: Vec<(EndpointKey, u32)>,
    description: u32,
}

/// The result of [`Beside::keep`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// The endpoint is in the set.
    Known,
    /// The endpoint is in the set. It replaced this older one.
    For(EndpointKey),
    /// The set is full.
    Not,
}

impl Beside {
    /// Starts a new description. Endpoints that follow count as named by it, trickled candidates included.
    pub(crate) const fn next_description(&mut self) {
        self.description = self.description.wrapping_add(1);
    }

    pub(crate) fn keep(&mut self, place: EndpointKey) -> Kept {
        let entry = (place, self.description);
        if let Some(known) = self.places.iter_mut().find(|(known, _)| *known == place) {
            *known = entry;
            return Kept::Known;
        }
        if self.places.len() < MOST {
            self.places.push(entry);
            return Kept::Known;
        }
        let age = |description: u32| self.description.wrapping_sub(description);
        let oldest =
            self.places.iter().enumerate().max_by_key(|(at, (_, named))| (age(*named), usize::MAX - at));
        let Some(at) = oldest.filter(|(_, (_, named))| age(*named) > 0).map(|(at, _)| at) else {
            return Kept::Not;
        };
        // The new entry goes to the end. Among entries of equal age the first is evicted first.
        let (left, _) = self.places.remove(at);
        self.places.push(entry);
        Kept::For(left)
    }

    pub(crate) fn has(&self, place: EndpointKey) -> bool {
        self.places.iter().any(|(known, _)| *known == place)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = EndpointKey> {
        self.places.iter().map(|(place, _)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::HashKey;

    fn place(n: usize) -> EndpointKey {
        EndpointKey::of_fragment(&HashKey::new([1; 16]), &n.to_be_bytes())
    }

    #[test]
    fn of_one_description_the_first_are_kept_and_a_newer_one_takes_the_oldest() {
        let mut beside = Beside::default();
        beside.next_description();
        assert!((0..MOST).all(|n| beside.keep(place(n)) == Kept::Known));
        assert_eq!((beside.keep(place(MOST)), beside.keep(place(3))), (Kept::Not, Kept::Known));
        beside.next_description();
        // An endpoint that is named again stays.
        assert_eq!(beside.keep(place(0)), Kept::Known);
        assert_eq!(beside.keep(place(MOST)), Kept::For(place(1)));
        for n in 1..MOST - 1 {
            assert!(matches!(beside.keep(place(MOST + n)), Kept::For(_)));
        }
        assert_eq!(beside.keep(place(9999)), Kept::Not);
        assert!(beside.has(place(0)) && beside.iter().count() == MOST);
    }
}
