use crate::control::EndpointKey;

/// Places kept per side: a description of ten interfaces with every kind of candidate has fewer.
const MOST: usize = 96;

/// Where one side of a call may be beside what was agreed: candidates of ICE, and the names by which checks call it.
///
/// Each side has its own room, so that neither can push the other out. Where it is full, a newer description's places take those that no
/// description since has named: a phone that moves restarts ICE each time. Of one description the first stay.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Each with the number of the last description that named it.
    places: Vec<(EndpointKey, u32)>,
    description: u32,
}

/// What became of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// It is kept.
    Known,
    /// It is kept, and this one no longer.
    For(EndpointKey),
    /// There is no room.
    Not,
}

impl Beside {
    /// What is kept from now on is of another description, or of what is told after it.
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
        // The place goes to the end, so that of one age the first told leaves first.
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
        // The one that is named again stays.
        assert_eq!(beside.keep(place(0)), Kept::Known);
        assert_eq!(beside.keep(place(MOST)), Kept::For(place(1)));
        for n in 1..MOST - 1 {
            assert!(matches!(beside.keep(place(MOST + n)), Kept::For(_)));
        }
        assert_eq!(beside.keep(place(9999)), Kept::Not);
        assert!(beside.has(place(0)) && beside.iter().count() == MOST);
    }
}
