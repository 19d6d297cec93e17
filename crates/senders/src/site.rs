//! Usual conduct at this site, learned from its lines.

use bellwether_base::{Span, Timestamp};

use crate::census::{Census, mean_of_returned};
use crate::parties::SESSION;

/// Calls of a line in an hour, before anything was seen. The prior weighs as much as this number of lines.
const CALLS_PER_HOUR: f64 = 0.2;
const PRIOR_LINES: f64 = 10.0;

/// With at most so many strangers for each session of a registered line, the lines of a site are taken for registered.
const STRANGERS_TO_A_LINE: u32 = 4;

/// Callers from outside call a site more rarely than its own subscribers call.
const OF_OUTSIDERS: f64 = 0.4;

/// A call is short below the lower quartile of the site's conversations, and never at or above this limit.
const MAX_SHORT: usize = 30;

/// The limit of short calls until enough conversations were seen.
const FIRST_SHORT: u16 = 20;
const ENOUGH_TALKS: u32 = 20;

/// Lines here are registered callers, and callers that came back to their address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site {
    since: Option<Timestamp>,
    /// Registered accounts, and their sessions so far.
    accounts: u32,
    sessions: u32,
    ended: u32,
    answered: u32,
    /// Answered calls of lines by seconds of talk.
    talks: [u32; MAX_SHORT],
    long_talks: u32,
}

impl Site {
    /// Notes the time of a call.
    pub(crate) fn advance(&mut self, at: Timestamp) {
        self.since.get_or_insert(at);
    }

    /// Sets the number of registered accounts.
    pub(crate) const fn set_accounts(&mut self, accounts: u32) {
        self.accounts = accounts;
    }

    /// Counts a session of a registered account.
    pub(crate) const fn session(&mut self) {
        self.sessions = self.sessions.saturating_add(1);
    }

    /// Sessions of registered accounts so far: the site's own clock, which is slow at night.
    pub(crate) const fn sessions(&self) -> u32 {
        self.sessions
    }

    /// Counts the end of a line's call.
    pub(crate) fn ended(&mut self, is_answered: bool, secs: u16) {
        self.ended = self.ended.saturating_add(1);
        if is_answered {
            self.answered = self.answered.saturating_add(1);
            let talks = self.talks.get_mut(usize::from(secs)).unwrap_or(&mut self.long_talks);
            *talks = talks.saturating_add(1);
        }
    }

    /// The share of calls that are answered.
    pub(crate) fn answers(&self) -> f64 {
        (f64::from(self.answered) + 6.0) / (f64::from(self.ended) + 10.0)
    }

    /// An answered call below this number of seconds is short.
    pub(crate) fn short_below(&self) -> u16 {
        if self.answered < ENOUGH_TALKS {
            return FIRST_SHORT;
        }
        let mut quarter = self.answered / 4;
        for (secs, count) in self.talks.iter().enumerate() {
            match quarter.checked_sub(*count) {
                Some(rest) => quarter = rest,
                None => return secs.max(1) as u16,
            }
        }
        MAX_SHORT as u16
    }

    /// The share of its sessions that a line has opened in the time in which it could come back: not before its first
    /// session is over. It is 1 for a population that appeared while the sensor watched: other lines came back meanwhile.
    /// A sensor that has just begun sees all lines for the first time, unless they register. `since` is the first call
    /// of the population.
    pub(crate) fn share_of_returns(&self, since: Timestamp, all: &Census, now: Timestamp) -> f64 {
        let is_from_start = self.since.is_some_and(|first| since.since(first) < SESSION);
        let is_among_lines = self.sessions.saturating_mul(STRANGERS_TO_A_LINE) >= all.parties();
        if !is_from_start || is_among_lines {
            return 1.0;
        }
        // First calls are spread over the time, and each leaves the rest of it after a session.
        let (whole, session) = (now.since(since).as_secs_f64(), SESSION.as_secs_f64());
        if whole <= session { 0.0 } else { ((whole - session) / whole).powi(2) }
    }

    /// The mean number of sessions that a line had since a population was first seen. `sessions` is the value of
    /// [`Self::sessions`] at that time, and `all` is the census of all addresses that are not registered.
    pub(crate) fn expected_sessions(
        &self,
        since: Timestamp,
        sessions: u32,
        all: &Census,
        now: Timestamp,
    ) -> f64 {
        let hours = (now.since(since).as_secs_f64() / 3600.0).max(0.25);
        let expected = if self.accounts > 0 {
            let seen = f64::from(self.sessions.saturating_sub(sessions));
            let pace =
                (PRIOR_LINES * CALLS_PER_HOUR * hours + seen) / (PRIOR_LINES + f64::from(self.accounts));
            pace * OF_OUTSIDERS
        } else {
            let total = self.since.map_or(Span::ZERO, |first| now.since(first)).as_secs_f64() / 3600.0;
            let total = total.max(0.25);
            mean_of_returned(all, CALLS_PER_HOUR * total) * (hours / total).min(1.0)
        };
        expected.max(0.02)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_nanos(hours * 3_600_000_000_000)
    }

    #[test]
    fn what_is_short_is_learned_from_the_talks_of_lines() {
        let mut site = Site::default();
        assert_eq!((site.short_below(), site.answers()), (20, 0.6));
        (0..100).for_each(|i| site.ended(true, i));
        assert_eq!(site.short_below(), 25);
        (0..500).for_each(|_| site.ended(true, 200));
        assert_eq!(site.short_below(), 30);
        assert!(site.answers() > 0.95);
    }

    #[test]
    fn registered_lines_set_the_pace_and_a_quiet_night_slows_it() {
        let mut site = Site::default();
        site.advance(at(0));
        site.set_accounts(100);
        let expected = |site: &Site, hour| site.expected_sessions(at(0), 0, &Census::default(), at(hour));
        assert!(expected(&site, 8) < 0.2, "nobody calls");
        (0..800).for_each(|_| site.session());
        let by_day = expected(&site, 8);
        assert!((2.4..3.2).contains(&by_day), "{by_day}");
        let by_night = expected(&site, 16);
        assert!(by_night < by_day * 1.1, "no time has passed for lines that sleep");
    }

    #[test]
    fn without_registrations_those_that_came_back_set_the_pace() {
        let mut site = Site::default();
        site.advance(at(0));
        let mut census = Census::default();
        (0..200).for_each(|i| census.add(3 + i % 4));
        let fast = site.expected_sessions(at(0), 0, &census, at(6));
        let slow = site.expected_sessions(at(0), 0, &Census::default(), at(6));
        assert!(fast > slow * 1.5, "{fast} {slow}");
        assert!(site.expected_sessions(at(5), 0, &census, at(6)) < fast / 4.0);
    }

    #[test]
    fn strangers_of_the_first_session_had_no_time_to_come_back() {
        let mut site = Site::default();
        site.advance(at(0));
        let mut all = Census::default();
        (0..40).for_each(|_| all.add(1));
        let minutes = |minutes: i64| at(0) + Span::from_secs(minutes * 60);
        let share = |site: &Site, minute| site.share_of_returns(minutes(1), &all, minutes(minute));
        assert_eq!([share(&site, 5), share(&site, 31)], [0.0, 0.0]);
        assert!((share(&site, 61) - 0.25).abs() < 1e-9 && share(&site, 24 * 60) > 0.9);
        // A population that appears later appears among lines that come back.
        assert_eq!(site.share_of_returns(minutes(200), &all, minutes(201)), 1.0);
        (0..10).for_each(|_| site.session());
        assert_eq!(share(&site, 5), 1.0, "the lines of the site are registered");
    }
}
