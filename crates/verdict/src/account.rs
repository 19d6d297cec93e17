use std::net::IpAddr;

use bellwether_base::{Span, Timestamp};

/// Countries remembered of one account; further ones are as good as known.
const MOST_COUNTRIES: usize = 32;

/// Platforms remembered of one account.
const MOST_PLATFORMS: usize = 8;

/// A conversation lasts at least this long.
const CONVERSATION: Span = Span::from_secs(30);

/// What is known of a caller from earlier calls and registrations.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Account {
    /// Its first call.
    pub first_call: Option<Timestamp>,
    /// Calls before, and those of them that were conversations.
    pub calls: u32,
    /// See `calls`.
    pub conversations: u32,
    /// Country codes that it has called.
    pub countries: Vec<u32>,
    /// Calls by hour of the day, in UTC.
    pub hours: [u16; 24],
    /// Platforms that it called from of late, by a hash, and when last.
    pub platforms: Vec<(u64, Timestamp)>,
    /// Where it is registered.
    pub registered: Option<Registered>,
}

/// A registration that was accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Registered {
    /// The address that it came from.
    pub source: IpAddr,
    /// When it was last seen.
    pub at: Timestamp,
}

impl Account {
    /// Whether it has a history that nobody who throws numbers away gives a number: it registers, or has called for a while and talked
    /// to people.
    pub(crate) fn is_rooted(&self, now: Timestamp) -> bool {
        self.registered.is_some() || self.has_history(now)
    }

    /// Whether it has called for a while and talked to people: an account is registered in a moment, a history takes its time.
    pub(crate) fn has_history(&self, now: Timestamp) -> bool {
        let span = self.first_call.map_or(Span::ZERO, |first| now.since(first));
        (self.calls >= 6 && self.conversations >= 1)
            || (self.calls >= 4 && self.conversations >= 2)
            || (self.calls >= 3 && span >= Span::from_secs(86_400))
            || self.calls >= 24
    }

    /// Whether more is known of it than of most honest callers.
    pub(crate) fn is_established(&self, now: Timestamp) -> bool {
        let span = self.first_call.map_or(Span::ZERO, |first| now.since(first));
        self.calls >= 5 && self.conversations >= 2 && span >= Span::from_secs(3600)
    }

    /// Takes a call that begins.
    pub(crate) fn begin(&mut self, at: Timestamp, country: Option<u32>, platform: u64) {
        self.first_call.get_or_insert(at);
        self.calls = self.calls.saturating_add(1);
        if let Some(hour) = self.hours.get_mut(hour(at)) {
            *hour = hour.saturating_add(1);
        }
        if let Some(country) = country.filter(|c| !self.countries.contains(c))
            && self.countries.len() < MOST_COUNTRIES
        {
            self.countries.push(country);
        }
        match self.platforms.iter_mut().find(|(known, _)| *known == platform) {
            Some((_, last)) => *last = at,
            None => {
                if self.platforms.len() == MOST_PLATFORMS {
                    self.platforms.remove(0);
                }
                self.platforms.push((platform, at));
            }
        }
    }

    /// Takes a call that was answered and has ended.
    pub(crate) fn talked(&mut self, length: Span) {
        self.conversations = self.conversations.saturating_add(u32::from(length >= CONVERSATION));
    }

    /// Platforms that it called from since a time.
    pub(crate) fn platforms_since(&self, since: Timestamp) -> usize {
        self.platforms.iter().filter(|(_, at)| *at >= since).count()
    }
}

/// The hour of the day, in UTC.
pub(crate) fn hour(at: Timestamp) -> usize {
    at.as_nanos().div_euclid(3_600_000_000_000).rem_euclid(24) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn a_number_that_is_thrown_away_gets_no_roots_and_one_that_people_use_does() {
        let mut thrown = Account::default();
        for i in 0..3 {
            thrown.begin(at(i * 60), None, 1);
            thrown.talked(Span::from_secs(8));
        }
        assert!(!thrown.is_rooted(at(300)));
        let mut used = Account::default();
        for i in 0..4 {
            used.begin(at(i * 900), Some(49), 1);
            used.talked(Span::from_secs(90));
        }
        assert!(used.is_rooted(at(4000)) && used.countries == [49]);
        let registered = Account {
            registered: Some(Registered { source: IpAddr::from([10, 0, 0, 1]), at: at(0) }),
            ..Account::default()
        };
        assert!(registered.is_rooted(at(1)));
    }

    #[test]
    fn hours_and_platforms_are_counted() {
        assert_eq!((hour(at(0)), hour(at(3600 * 25)), hour(at(-1))), (0, 1, 23));
        let mut account = Account::default();
        for i in 0..20 {
            account.begin(at(i), None, i as u64);
        }
        assert_eq!(account.platforms.len(), MOST_PLATFORMS);
        assert_eq!(account.platforms_since(at(15)), 5);
    }
}
