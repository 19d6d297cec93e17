//! Platform families of INVITEs without an offer.
//!
//! The family of an INVITE has classes of its session description, which tell stacks of equal headers apart. An INVITE
//! without an offer (RFC 3261 section 13.2.1) shows no description. It belongs to the family that other INVITEs with
//! the same headers have, if there is only one.

use bellwether_base::{LruTable, Timestamp};
use bellwether_fingerprint::PrintHash;
use bellwether_tracker::{FingerprintSeen, Prints};

/// Families that are remembered.
const FAMILIES: usize = 4_096;

/// Fingerprints without an offer that are remembered with their families.
const TOLD: usize = 4_096;

/// Families with an offer, by what their headers alone say.
pub(crate) struct Families {
    /// None if there are several.
    offered: LruTable<u64, Option<PrintHash>, 1>,
    told: LruTable<u64, PrintHash, 1>,
}

/// The families of a message: of its headers alone, and with its session description.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) print: PrintHash,
    pub(crate) of_headers: PrintHash,
    pub(crate) family: PrintHash,
    pub(crate) is_offer: bool,
    pub(crate) at: Timestamp,
}

impl Seen {
    /// Of a call.
    pub(crate) const fn of(prints: &Prints, at: Timestamp) -> Self {
        Self {
            print: prints.combined,
            of_headers: prints.family_of_headers,
            family: prints.family,
            is_offer: prints.sdp.is_some(),
            at,
        }
    }
}

impl From<&FingerprintSeen> for Seen {
    fn from(of: &FingerprintSeen) -> Self {
        Self {
            print: of.combined,
            of_headers: of.family_of_headers,
            family: of.family,
            is_offer: of.sdp.is_some(),
            at: of.at,
        }
    }
}

impl Families {
    pub(crate) fn new() -> Self {
        Self { offered: LruTable::new(FAMILIES), told: LruTable::new(TOLD) }
    }

    /// The family of a message. Learns from one with an offer.
    pub(crate) fn family(&mut self, seen: &Seen) -> PrintHash {
        let key = seen.of_headers.key();
        let known = self.offered.value_mut(key);
        match (known, seen.is_offer) {
            (Some(known), true) => {
                if *known != Some(seen.family) {
                    *known = None;
                }
            }
            (None, true) => drop(self.offered.insert(key, key, Some(seen.family), 0, seen.at)),
            (Some(Some(known)), false) => return *known,
            (Some(None) | None, false) => {}
        }
        seen.family
    }

    /// The family of a fingerprint without an offer, if it is another one than was told before.
    pub(crate) fn news(&mut self, seen: &Seen, family: PrintHash) -> Option<PrintHash> {
        if seen.is_offer {
            return None;
        }
        let key = seen.print.key();
        match self.told.value_mut(key) {
            Some(told) if *told == family => None,
            Some(told) => {
                *told = family;
                Some(family)
            }
            None => {
                self.told.insert(key, key, family, 0, seen.at);
                (family != seen.family).then_some(family)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_fingerprint::Part;

    fn hash(text: &str) -> PrintHash {
        PrintHash::of(Part::Family, text)
    }

    fn seen(headers: &str, description: &str) -> Seen {
        let is_offer = !description.is_empty();
        let of_headers = hash(headers);
        let family = if is_offer { hash(&format!("{headers} {description}")) } else { of_headers };
        Seen { print: family, of_headers, family, is_offer, at: Timestamp::from_nanos(0) }
    }

    #[test]
    fn an_invite_without_an_offer_joins_the_only_family_of_its_headers() {
        let mut families = Families::new();
        let (late, offer) = (seen("a", ""), seen("a", "x"));
        assert_eq!(families.family(&late), late.family, "nothing is known yet");
        assert_eq!(families.news(&late, late.family), None);
        assert_eq!(families.family(&offer), offer.family);
        assert_eq!(families.family(&late), offer.family);
        assert_eq!(families.news(&late, offer.family), Some(offer.family));
        assert_eq!(families.news(&late, offer.family), None, "it is told once");
        assert_eq!(families.family(&seen("b", "")), hash("b"));
    }

    #[test]
    fn headers_of_two_stacks_give_no_family() {
        let mut families = Families::new();
        families.family(&seen("a", "x"));
        families.family(&seen("a", "y"));
        let late = seen("a", "");
        let family = families.family(&late);
        assert_eq!(family, late.family);
        families.family(&seen("a", "x"));
        assert_eq!(families.family(&late), late.family);
    }

    #[test]
    fn a_fingerprint_returns_to_its_own_family_when_a_second_stack_appears() {
        let mut families = Families::new();
        families.family(&seen("a", "x"));
        let late = seen("a", "");
        let first = families.family(&late);
        assert_eq!(families.news(&late, first), Some(hash("a x")));
        families.family(&seen("a", "y"));
        let second = families.family(&late);
        assert_eq!(families.news(&late, second), Some(late.family));
    }
}
