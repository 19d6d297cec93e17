//! How common signals are among the lines of this site.
//!
//! A signal against a call is a likelihood ratio: fraud shows it more often than honest callers do. Its points in the
//! table of signals assume that two honest calls in a hundred show it. At a site where lines show it more often, it
//! says less. The share is learned from calls of lines, by platform family and by trunk around the share of the site.

use bellwether_base::{LruTable, Span, Timestamp};

use crate::score::{Finding, POINTS_PER_NAT};
use crate::signals::{SIGNALS, group};

/// Share of honest calls with a signal, before any call of a line was seen, and its weight in calls.
const PRIOR_SHARE: f64 = 0.02;
const PRIOR_CALLS: f64 = 50.0;

/// Weight of the site's share in the share of a family or trunk, in calls.
const SITE_CALLS: f64 = 20.0;

/// A signal is no more frequent than this in fraud.
const MOST_OF_FRAUD: f64 = 0.9;

/// Points that a common signal keeps, so that reports show it.
const LEAST: f64 = 0.1;

/// Evidence says that a signal is common if it has lost this share of its points.
const WORTH_SAYING: f64 = 0.2;

/// A line counts once in this time, so that busy lines do not speak for all.
const COUNTS_AGAIN: Span = Span::from_secs(3600);

/// Counts are halved at this number of calls: habits change.
const MOST_CALLS: u32 = 10_000;

/// Capacities of the tables.
const LINES: usize = 65_536;
const GROUPS: usize = 4_096;

const _: () = assert!(SIGNALS.len() <= 64, "a set of signals has 64 bits");

/// A set of signals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SignalSet(u64);

impl SignalSet {
    /// Adds a signal by its index.
    pub fn insert(&mut self, signal: usize) {
        self.0 |= 1_u64.checked_shl(signal as u32).unwrap_or(0);
    }

    /// True if the set has the signal of this index.
    #[must_use]
    pub fn has(self, signal: usize) -> bool {
        self.0 & 1_u64.checked_shl(signal as u32).unwrap_or(0) != 0
    }
}

impl FromIterator<usize> for SignalSet {
    fn from_iter<T: IntoIterator<Item = usize>>(signals: T) -> Self {
        let mut set = Self::default();
        signals.into_iter().for_each(|signal| set.insert(signal));
        set
    }
}

/// Keys of the groups of callers that a call is compared with: its platform family, and its trunk (0 for none).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Peers {
    pub(crate) family: u64,
    pub(crate) trunk: u64,
}

/// Counted calls of lines, and those of them with each signal.
#[derive(Clone, Debug)]
struct Counts {
    calls: u32,
    with: [u32; SIGNALS.len()],
}

impl Default for Counts {
    fn default() -> Self {
        Self { calls: 0, with: [0; SIGNALS.len()] }
    }
}

impl Counts {
    fn add(&mut self, shown: SignalSet) {
        if self.calls == MOST_CALLS {
            self.calls /= 2;
            self.with.iter_mut().for_each(|count| *count /= 2);
        }
        self.calls += 1;
        for (signal, count) in self.with.iter_mut().enumerate() {
            *count += u32::from(shown.has(signal));
        }
    }

    /// The mean of the share with a Beta prior that is worth a number of calls.
    fn share(&self, signal: usize, prior: f64, worth: f64) -> f64 {
        let with = f64::from(self.with.get(signal).copied().unwrap_or(0));
        (with + prior * worth) / (f64::from(self.calls) + worth)
    }
}

/// Shares of lines' calls with each signal.
pub(crate) struct SignalRates {
    site: Counts,
    groups: LruTable<u64, Counts, 1>,
    /// The last counted call of a line.
    lines: LruTable<u64, Timestamp, 1>,
}

impl SignalRates {
    pub(crate) fn new() -> Self {
        Self { site: Counts::default(), groups: LruTable::new(GROUPS), lines: LruTable::new(LINES) }
    }

    /// Counts a line's call with its signals.
    pub(crate) fn learn(&mut self, line: u64, peers: Peers, shown: SignalSet, at: Timestamp) {
        match self.lines.value_mut(line) {
            Some(last) if at.since(*last) < COUNTS_AGAIN => return,
            Some(last) => *last = at,
            None => drop(self.lines.insert(line, line, at, 0, at)),
        }
        self.site.add(shown);
        for key in [peers.family, peers.trunk].into_iter().filter(|key| *key != 0) {
            if let Some(counts) = self.groups.value_mut(key) {
                counts.add(shown);
            } else {
                let mut counts = Counts::default();
                counts.add(shown);
                self.groups.insert(key, key, counts, 0, at);
            }
        }
    }

    /// The share of lines' calls with a signal: of the group of a call that shows it most often.
    fn share(&self, signal: usize, peers: Peers) -> f64 {
        let of_site = self.site.share(signal, PRIOR_SHARE, PRIOR_CALLS);
        let groups = [peers.family, peers.trunk].into_iter().filter_map(|key| self.groups.value(key));
        groups.map(|counts| counts.share(signal, of_site, SITE_CALLS)).fold(of_site, f64::max)
    }

    /// The finding with the points that it deserves here. `finding` has the points of the table.
    pub(crate) fn weighed(&self, finding: Finding, peers: Peers) -> Finding {
        if finding.points >= 0.0 || !group(finding.signal).is_learned() {
            return finding;
        }
        let of_fraud = (PRIOR_SHARE * (-finding.points / POINTS_PER_NAT).exp()).min(MOST_OF_FRAUD);
        let share = self.share(finding.signal, peers);
        let kept = ((of_fraud / share).ln() / (of_fraud / PRIOR_SHARE).ln()).min(1.0);
        let kept = kept.max(LEAST / finding.points.abs()).min(1.0);
        let evidence =
            if kept > 1.0 - WORTH_SAYING { finding.evidence } else { finding.evidence.of_common(share) };
        Finding { points: finding.points * kept, evidence, ..finding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::place;

    const ANONYMOUS: usize = place("anonymous");
    const UNREGISTERED: usize = place("not_registered");

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_nanos(minutes * 60_000_000_000)
    }

    fn finding(signal: usize, points: f64) -> Finding {
        Finding { signal, points, is_limited: false, evidence: "it is".into() }
    }

    fn weighed(rates: &SignalRates, peers: Peers) -> f64 {
        rates.weighed(finding(ANONYMOUS, -8.0), peers).points
    }

    /// Rates after calls of `lines` lines, of which one in `one_in` shows the signal.
    fn learned(rates: &mut SignalRates, lines: u64, one_in: u64, peers: Peers) {
        for line in 0..lines {
            let shown = line.is_multiple_of(one_in).then_some(ANONYMOUS).into_iter().collect();
            rates.learn(line ^ peers.family << 32, peers, shown, at(0));
        }
    }

    #[test]
    fn a_signal_that_lines_show_says_less_and_its_evidence_says_so() {
        let mut rates = SignalRates::new();
        let peers = Peers { family: 1, trunk: 0 };
        assert_eq!(weighed(&rates, peers), -8.0, "nothing was learned yet");
        learned(&mut rates, 400, 25, peers);
        let some = weighed(&rates, peers);
        assert!((-6.0..-1.0).contains(&some), "{some}");
        learned(&mut rates, 400, 1, Peers { family: 2, trunk: 0 });
        let common = rates.weighed(finding(ANONYMOUS, -8.0), Peers { family: 2, trunk: 0 });
        assert_eq!(common.points, -0.1);
        assert!(common.evidence.to_string().starts_with("it is; lines here show it, too: 9"), "{common:?}");
    }

    #[test]
    fn a_rare_signal_never_counts_more_than_the_table_says() {
        let mut rates = SignalRates::new();
        learned(&mut rates, 5000, u64::MAX, Peers::default());
        assert_eq!(weighed(&rates, Peers::default()), -8.0);
    }

    #[test]
    fn a_family_and_a_trunk_have_shares_of_their_own() {
        let mut rates = SignalRates::new();
        learned(&mut rates, 2000, u64::MAX, Peers { family: 1, trunk: 0 });
        learned(&mut rates, 60, 1, Peers { family: 2, trunk: 9 });
        assert!(weighed(&rates, Peers { family: 1, trunk: 0 }) < -5.0);
        assert_eq!(weighed(&rates, Peers { family: 2, trunk: 0 }), -0.1);
        assert_eq!(weighed(&rates, Peers { family: 1, trunk: 9 }), -0.1);
    }

    #[test]
    fn a_busy_line_counts_once_an_hour_and_facts_about_accounts_are_not_learned() {
        let mut rates = SignalRates::new();
        let shown: SignalSet = [ANONYMOUS, UNREGISTERED].into_iter().collect();
        (0..600).for_each(|minute| rates.learn(7, Peers::default(), shown, at(minute / 10)));
        assert_eq!(rates.site.calls, 1);
        (0..600).for_each(|line| rates.learn(line, Peers::default(), shown, at(100)));
        let kept = rates.weighed(finding(UNREGISTERED, -4.0), Peers::default());
        assert_eq!(kept.points, -4.0);
        let praise = rates.weighed(finding(ANONYMOUS, 4.0), Peers::default());
        assert_eq!(praise.points, 4.0);
    }

    #[test]
    fn old_habits_fade() {
        let mut rates = SignalRates::new();
        learned(&mut rates, u64::from(MOST_CALLS), 1, Peers::default());
        for line in 0..40_000 {
            rates.learn(1_000_000 + line, Peers::default(), SignalSet::default(), at(500));
        }
        assert!(rates.site.calls <= MOST_CALLS);
        assert!(rates.share(ANONYMOUS, Peers::default()) < 0.1);
    }
}
