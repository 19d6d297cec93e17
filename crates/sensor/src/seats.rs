//! Admission of connections to a listener: limits in total and per source, with eviction of idle connections
//! first.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Limit of connections; an agent needs one.
pub(crate) const MOST: usize = 256;

/// Limit of connections per source: some agents run one process per core.
pub(crate) const MAX_OF_SOURCE: usize = 32;

/// Source of a connection. An IPv6 /64 network counts as one source, because the owner of one of its
/// addresses has all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place(IpAddr);

impl Place {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

/// One connection.
struct Seat<C> {
    place: Place,
    /// Sequence number of its last message, or of its start without messages.
    heard: u64,
    has_spoken: bool,
    connection: C,
}

/// Result of an admission.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission<C> {
    /// Admitted with this number.
    Seated(u64),
    /// Admitted with this number, and the other connection was evicted.
    InPlaceOf(u64, C),
    /// Refused.
    Refused,
}

/// The admitted connections. Events are numbered, so no clock is needed.
pub(crate) struct Seats<C> {
    taken: BTreeMap<u64, Seat<C>>,
    next: u64,
    now: u64,
}

impl<C> Seats<C> {
    pub(crate) const fn new() -> Self {
        Self { taken: BTreeMap::new(), next: 0, now: 0 }
    }

    /// Admits a connection.
    ///
    /// At the limit, the oldest connection without any message is evicted. If all have sent messages, the
    /// source with the most connections loses its longest idle one, provided that it has more than the new
    /// source would have. A flood therefore evicts its own connections, and an active agent stays connected.
    pub(crate) fn admit(&mut self, place: Place, connection: C) -> Admission<C> {
        let of_place = self.of(place);
        let victim = if of_place >= MAX_OF_SOURCE {
            // The source's share is full: one of its own connections without a message is evicted, or the new
            // one is refused.
            match self.silent(|seat| seat.place == place) {
                Some(victim) => Some(victim),
                None => return Admission::Refused,
            }
        } else if self.taken.len() < MOST {
            None
        } else {
            match self.silent(|_| true).or_else(|| self.of_the_largest(of_place + 1)) {
                Some(victim) => Some(victim),
                None => return Admission::Refused,
            }
        };
        let left = victim.and_then(|number| self.taken.remove(&number));
        self.now += 1;
        self.next += 1;
        let seat = Seat { place, heard: self.now, has_spoken: false, connection };
        self.taken.insert(self.next, seat);
        match left {
            Some(seat) => Admission::InPlaceOf(self.next, seat.connection),
            None => Admission::Seated(self.next),
        }
    }

    /// Records a complete message on a connection.
    pub(crate) fn heard(&mut self, number: u64) {
        self.now += 1;
        if let Some(seat) = self.taken.get_mut(&number) {
            seat.heard = self.now;
            seat.has_spoken = true;
        }
    }

    /// Records the end of a connection. Returns true if it was still admitted.
    pub(crate) fn leave(&mut self, number: u64) -> bool {
        self.taken.remove(&number).is_some()
    }

    fn of(&self, place: Place) -> usize {
        self.taken.values().filter(|seat| seat.place == place).count()
    }

    /// The oldest connection without a message.
    fn silent(&self, is_asked: impl Fn(&Seat<C>) -> bool) -> Option<u64> {
        let silent = self.taken.iter().filter(|(_, seat)| !seat.has_spoken && is_asked(seat));
        silent.min_by_key(|(_, seat)| seat.heard).map(|(number, _)| *number)
    }

    /// The longest idle connection of the source with the most connections, if it has more than the given
    /// number.
    fn of_the_largest(&self, more_than: usize) -> Option<u64> {
        let mut held: BTreeMap<Place, usize> = BTreeMap::new();
        for seat in self.taken.values() {
            *held.entry(seat.place).or_default() += 1;
        }
        let (place, _) = held.into_iter().filter(|(_, n)| *n > more_than).max_by_key(|(_, n)| *n)?;
        let of_place = self.taken.iter().filter(|(_, seat)| seat.place == place);
        of_place.min_by_key(|(_, seat)| seat.heard).map(|(number, _)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u32) -> Place {
        Place::of(IpAddr::from((0x0a00_0000 + n).to_be_bytes()))
    }

    fn seated<C>(admission: &Admission<C>) -> Option<u64> {
        match admission {
            Admission::Seated(number) | Admission::InPlaceOf(number, _) => Some(*number),
            Admission::Refused => None,
        }
    }

    #[test]
    fn a_flood_from_many_places_that_says_nothing_never_takes_the_seat_of_one_that_speaks() {
        let mut seats = Seats::new();
        let agents: Vec<u64> = (0..20).filter_map(|n| seated(&seats.admit(place(n), 0))).collect();
        agents.iter().for_each(|agent| seats.heard(*agent));
        for n in 0..10_000 {
            assert!(seated(&seats.admit(place(100 + n), n)).is_some());
        }
        assert_eq!(seats.taken.len(), MOST);
        let late = seated(&seats.admit(place(50), 0)).unwrap();
        seats.heard(late);
        (0..1000).for_each(|n| {
            seats.admit(place(50_000 + n), n);
        });
        assert!(agents.into_iter().chain([late]).all(|agent| seats.leave(agent)));
    }

    #[test]
    fn one_place_has_its_share_and_its_own_idle_connections_leave_for_its_new_ones() {
        let mut seats = Seats::new();
        let first: Vec<u64> =
            (0..MAX_OF_SOURCE as u32).filter_map(|n| seated(&seats.admit(place(1), n))).collect();
        assert_eq!(seats.admit(place(1), 99), Admission::InPlaceOf(MAX_OF_SOURCE as u64 + 1, 0));
        first.iter().for_each(|number| seats.heard(*number));
        seats.heard(MAX_OF_SOURCE as u64 + 1);
        assert_eq!(seats.admit(place(1), 100), Admission::Refused);
        assert!(seated(&seats.admit(place(2), 0)).is_some());
    }

    #[test]
    fn where_all_speak_the_place_with_most_gives_way_to_one_with_less() {
        let mut seats = Seats::new();
        for n in 0..MOST as u32 {
            let number = seated(&seats.admit(place(n / MAX_OF_SOURCE as u32), n)).unwrap();
            seats.heard(number);
        }
        let newcomer = seats.admit(place(1000), 0);
        assert_eq!(newcomer, Admission::InPlaceOf(MOST as u64 + 1, 7 * MAX_OF_SOURCE as u32));
        let mut even = Seats::new();
        for n in 0..MOST as u32 {
            let number = seated(&even.admit(place(n), n)).unwrap();
            even.heard(number);
        }
        assert_eq!(even.admit(place(1000), 0), Admission::Refused);
    }

    #[test]
    fn an_ipv6_network_is_one_place() {
        let of = |text: &str| Place::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
