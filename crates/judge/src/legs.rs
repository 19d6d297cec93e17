use bellwether_base::{FlowKey, HashKey, LruTable, Span, Timestamp};

/// A back-to-back user agent starts its outgoing leg this soon after the incoming one.
const WINDOW: Span = Span::from_secs(10);

/// Clues remembered: three per call, so some 270 calls per second keep the whole window.
const CAPACITY: usize = 8_192;

/// Legs one clue can link: a conference server or a dialler repeats its clues for ever.
const MAX_LINKS: usize = 8;

/// Finds the legs of one call that a B2BUA carries on under another Call-ID or From-tag.
///
/// Three clues link two INVITEs within ten seconds: the same Call-ID with another From-tag; the same origin
/// line in the offer, which a B2BUA that leaves media alone passes through; and the same caller and callee
/// where the second comes from the host that the first went to.
pub(crate) struct Legs {
    table: LruTable<u64, Clue, 1>,
    hash_key: HashKey,
}

/// Who left a clue: nearly always one call, so that one needs no list.
#[derive(Default)]
struct Clue {
    latest: Option<(i64, Timestamp)>,
    earlier: Vec<(i64, Timestamp)>,
}

impl Clue {
    fn legs(&self) -> impl Iterator<Item = &(i64, Timestamp)> {
        self.earlier.iter().chain(&self.latest)
    }
}

/// What is known of a leg.
pub(crate) struct Leg<'a> {
    pub(crate) call: i64,
    pub(crate) at: Timestamp,
    pub(crate) call_id: &'a str,
    pub(crate) sdp_origin: Option<&'a str>,
    pub(crate) parties: (&'a str, &'a str),
    pub(crate) flow: FlowKey,
}

impl Legs {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { table: LruTable::new(CAPACITY), hash_key }
    }

    /// Adds a leg and answers those it belongs with, in order of their identity.
    pub(crate) fn add(&mut self, leg: &Leg<'_>) -> Vec<i64> {
        let hash = |parts: &[&[u8]]| self.hash_key.parts(parts);
        let host = |end: bellwether_base::Endpoint| end.octets();
        let (caller, callee) = (leg.parties.0.as_bytes(), leg.parties.1.as_bytes());
        let same_id = hash(&[b"id", leg.call_id.as_bytes()]);
        let origin = leg.sdp_origin.filter(|o| is_telling(o)).map(|o| hash(&[b"sdp", o.as_bytes()]));
        let arrives = hash(&[b"at", &host(leg.flow.dst), caller, callee]);
        let leaves = hash(&[b"at", &host(leg.flow.src), caller, callee]);
        let mut found = Vec::new();
        for clue in [Some(same_id), origin].into_iter().flatten() {
            found.extend(self.recent(clue, leg));
            self.remember(clue, leg);
        }
        found.extend(self.recent(leaves, leg));
        self.remember(arrives, leg);
        found.sort_unstable();
        found.dedup();
        found.retain(|call| *call != leg.call);
        found
    }

    fn recent(&self, clue: u64, leg: &Leg<'_>) -> Vec<i64> {
        let Some((_, clue)) = self.table.find(clue, &clue).and_then(|slot| self.table.get(slot)) else {
            return Vec::new();
        };
        clue.legs().filter(|(_, at)| leg.at.since(*at) <= WINDOW).map(|(call, _)| *call).collect()
    }

    fn remember(&mut self, clue: u64, leg: &Leg<'_>) {
        let (slot, _) = self.table.find_or_insert(clue, clue, leg.at);
        self.table.touch(slot, 0, leg.at);
        if let Some((_, clue)) = self.table.get_mut(slot)
            && let Some(before) = clue.latest.replace((leg.call, leg.at))
        {
            clue.earlier.retain(|(_, at)| leg.at.since(*at) <= WINDOW);
            clue.earlier.push(before);
            if clue.earlier.len() > MAX_LINKS {
                clue.earlier.remove(0);
            }
        }
        while let Some((slot, _)) = self.table.oldest_before(0, leg.at - WINDOW) {
            self.table.remove(slot);
        }
    }
}

/// Whether an origin is unlike that of other calls: test tools and some phones write a constant, which every
/// call of theirs would share; a long session identifier is no constant.
fn is_telling(origin: &str) -> bool {
    const CONSTANTS: [&str; 1] = ["53655765"];
    let id = origin.rsplit(' ').next().unwrap_or_default();
    id.len() >= 6 && !CONSTANTS.contains(&id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::Endpoint;

    fn leg<'a>(call: i64, secs: i64, call_id: &'a str, origin: Option<&'a str>, hosts: (u8, u8)) -> Leg<'a> {
        let end = |n| Endpoint::v4([10, 0, 0, n], 5060);
        Leg {
            call,
            at: Timestamp::from_nanos(secs * 1_000_000_000),
            call_id,
            sdp_origin: origin,
            parties: ("100", "200"),
            flow: FlowKey { src: end(hosts.0), dst: end(hosts.1) },
        }
    }

    #[test]
    fn legs_are_linked_by_call_id_by_origin_and_by_the_host_between_them() {
        let mut legs = Legs::new(HashKey::new([5; 16]));
        assert!(legs.add(&leg(1, 0, "a", Some("- 3876543210"), (1, 2))).is_empty());
        assert_eq!(legs.add(&leg(2, 1, "a", None, (7, 8))), [1]);
        assert_eq!(legs.add(&leg(3, 1, "b", Some("- 3876543210"), (5, 6))), [1]);
        assert_eq!(legs.add(&leg(4, 2, "c", None, (2, 3))), [1]);
        assert!(legs.add(&leg(5, 60, "a", Some("- 3876543210"), (2, 3))).is_empty());
    }
}
