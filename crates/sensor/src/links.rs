//! Monitors the state of interfaces, because libpcap waits on a dead link like on a quiet one.

use bellwether_base::{Loss, Timestamp};
use bellwether_capture::LiveError;
use bellwether_enrich::{BlindRow, Row};

use crate::events::Event;

/// Function that returns the index of an interface while it is up.
type Look = fn(&str) -> Option<u32>;

/// All captured interfaces.
pub(crate) struct Links {
    links: Vec<Link>,
    /// Index into `links` for each socket.
    of_socket: Vec<usize>,
    /// The run to which they belong.
    input: i64,
    look: Look,
}

struct Link {
    interface: String,
    /// Its index while it is up, from the last check.
    up: Option<u32>,
    /// The index that its sockets are bound to, once it was up.
    bound: Option<u32>,
    /// Time of the last check at which it was up.
    seen_at: Timestamp,
    sockets: usize,
    away: Option<Away>,
    /// Number of sockets bound again before the check detected the change.
    followed_early: usize,
}

/// A time in which the interface was not available.
struct Away {
    from: Timestamp,
    /// Set if the interface is up again but its sockets may not be bound to it: the start of that state.
    waits_since: Option<Timestamp>,
    /// Number of sockets bound again.
    followed: usize,
}

impl Links {
    /// Monitors the interfaces of sockets that were opened just now.
    pub(crate) fn of(interfaces: impl Iterator<Item = String>, input: i64, opened_at: Timestamp) -> Self {
        Self::looking(interfaces, input, opened_at, bellwether_capture::up)
    }

    fn looking(
        interfaces: impl Iterator<Item = String>,
        input: i64,
        opened_at: Timestamp,
        look: Look,
    ) -> Self {
        let mut links: Vec<Link> = Vec::new();
        let of_socket = interfaces
            .map(|interface| {
                let known = links.iter_mut().enumerate().find(|(_, link)| link.interface == interface);
                if let Some((known, link)) = known {
                    link.sockets += 1;
                    return known;
                }
                let bound = look(&interface);
                // An interface that is down from the start is reported by the first check.
                let up = bound.or(Some(0));
                links.push(Link {
                    interface,
                    up,
                    bound,
                    seen_at: opened_at,
                    sockets: 1,
                    away: None,
                    followed_early: 0,
                });
                links.len() - 1
            })
            .collect();
        Self { links, of_socket, input, look }
    }

    /// Interfaces that went down, came up or were created again since the last check, and the resulting blind
    /// intervals.
    pub(crate) fn changes(&mut self, at: Timestamp) -> (Vec<Event>, Vec<Row>) {
        let (mut news, mut spans) = (Vec::new(), Vec::new());
        for link in &mut self.links {
            let now = (self.look)(&link.interface);
            let seen_at = link.seen_at;
            if now.is_some() {
                link.seen_at = at;
            }
            if now == std::mem::replace(&mut link.up, now) {
                continue;
            }
            if link.away.is_none() {
                let followed = std::mem::take(&mut link.followed_early);
                link.away = Some(Away { from: seen_at, waits_since: None, followed });
                spans.extend(link.span(self.input, None));
            }
            let Some(number) = now else {
                if let Some(away) = &mut link.away {
                    away.waits_since = None;
                }
                news.push(Event::Trouble(LiveError::Down(link.interface.clone())));
                continue;
            };
            news.push(Event::Recovered(link.interface.clone()));
            let was_bound_to = link.bound.replace(number);
            let is_other = was_bound_to.is_some_and(|bound| bound != number);
            let has_followed = link.away.as_ref().is_some_and(|away| away.followed >= link.sockets);
            if is_other && !has_followed {
                if let Some(away) = &mut link.away {
                    away.waits_since = Some(at);
                }
            } else {
                spans.extend(link.back(self.input, at));
            }
        }
        (news, spans)
    }

    /// Records that a socket was bound to an interface that was created again.
    pub(crate) fn followed(&mut self, interface: &str, at: Timestamp) -> Option<Row> {
        let link = self.links.iter_mut().find(|link| link.interface == interface)?;
        let Some(away) = &mut link.away else {
            link.followed_early += 1;
            return None;
        };
        away.followed += 1;
        let is_back = away.waits_since.is_some() && away.followed >= link.sockets;
        if is_back { link.back(self.input, at) } else { None }
    }

    /// Records packets from a socket, with the time of the newest. New packets end the absence of the interface
    /// if this is its only socket.
    pub(crate) fn heard(&mut self, socket: usize, newest: Option<Timestamp>) -> Option<Row> {
        let link = self.links.get_mut(*self.of_socket.get(socket)?)?;
        let since = link.away.as_ref()?.waits_since?;
        let newest = newest.filter(|newest| *newest > since)?;
        if link.sockets == 1 { link.back(self.input, newest) } else { None }
    }

    /// Ends the run: an interface that is away is away until now.
    pub(crate) fn end(&mut self, at: Timestamp) -> Vec<Row> {
        let input = self.input;
        self.links
            .iter_mut()
            .filter_map(|link| {
                let span = link.span(input, Some(at));
                link.away = None;
                span
            })
            .collect()
    }
}

impl Link {
    /// Ends the absence of the interface.
    fn back(&mut self, input: i64, at: Timestamp) -> Option<Row> {
        let span = self.span(input, Some(at));
        self.away = None;
        span
    }

    fn span(&self, input: i64, to: Option<Timestamp>) -> Option<Row> {
        let from = self.away.as_ref()?.from;
        let place = self.interface.clone();
        Some(Row::Blind(Box::new(BlindRow { input, loss: Loss::InterfaceAway, place, from, to, count: 1 })))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NUMBER: Cell<Option<u32>> = const { Cell::new(Some(5)) };
    }

    fn links(sockets: usize) -> Links {
        NUMBER.set(Some(5));
        let names = std::iter::repeat_n("cap0".to_owned(), sockets);
        Links::looking(names, 1, at(0), |_| NUMBER.get())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    /// Sets the interface's index, runs a check, and returns the blind intervals in seconds.
    fn look(links: &mut Links, number: Option<u32>, second: i64) -> Vec<(i64, Option<i64>)> {
        NUMBER.set(number);
        links.changes(at(second)).1.iter().map(span).collect()
    }

    fn span(row: &Row) -> (i64, Option<i64>) {
        let Row::Blind(span) = row else { panic!("{row:?} is no span") };
        assert_eq!((span.loss, span.place.as_str()), (Loss::InterfaceAway, "cap0"));
        let second = |at: Timestamp| at.as_nanos() / 1_000_000_000;
        (second(span.from), span.to.map(second))
    }

    #[test]
    fn a_link_that_goes_down_is_away_from_when_it_was_last_seen_up() {
        let mut links = links(1);
        assert_eq!(look(&mut links, Some(5), 1), []);
        assert_eq!(look(&mut links, None, 2), [(1, None)]);
        assert_eq!(look(&mut links, None, 3), []);
        assert_eq!(look(&mut links, Some(5), 4), [(1, Some(4))]);
        assert_eq!(look(&mut links, None, 5), [(4, None)]);
        assert_eq!(links.end(at(6)).iter().map(span).collect::<Vec<_>>(), [(4, Some(6))]);
        assert!(links.end(at(7)).is_empty());
    }

    #[test]
    fn an_interface_that_was_made_again_is_away_until_every_socket_follows_or_it_is_heard() {
        let mut two = links(2);
        assert_eq!(look(&mut two, Some(9), 1), [(0, None)], "also where it was back at once");
        assert_eq!(two.followed("cap0", at(2)).as_ref().map(span), None);
        assert_eq!(two.heard(1, Some(at(2))).as_ref().map(span), None, "the other socket may be deaf");
        assert_eq!(two.followed("cap0", at(3)).as_ref().map(span), Some((0, Some(3))));
        let mut one = links(1);
        assert_eq!(look(&mut one, None, 1), [(0, None)]);
        assert_eq!(one.heard(0, Some(at(1))).as_ref().map(span), None, "what came before lay in the ring");
        assert_eq!(look(&mut one, Some(9), 2), []);
        assert_eq!(one.heard(0, Some(at(1))).as_ref().map(span), None);
        assert_eq!(one.heard(0, Some(at(3))).as_ref().map(span), Some((0, Some(3))));
        // The capture thread detected the change before the check.
        assert!(one.followed("cap0", at(4)).is_none());
        assert_eq!(look(&mut one, Some(10), 5), [(2, None), (2, Some(5))]);
    }

    #[test]
    fn an_interface_that_is_down_from_the_beginning_is_away_from_the_beginning() {
        NUMBER.set(None);
        let mut links = Links::looking(std::iter::once("cap0".to_owned()), 1, at(0), |_| NUMBER.get());
        assert_eq!(look(&mut links, None, 1), [(0, None)]);
        assert_eq!(look(&mut links, Some(5), 2), [(0, Some(2))]);
    }
}
