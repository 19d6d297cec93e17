//! The kinds of senders, and what each of them is expected to do.
//!
//! Each kind is a set of likelihoods whose unknown rates are integrated out. A thousand calls of one sender are
//! therefore not a thousand proofs: the evidence saturates at what one sender can tell (Kass and Raftery, JASA
//! 90, 1995). The priors were set by hand, and no parameter was fitted to labels.

use crate::census::{Census, Returns};
use crate::conduct::{Conduct, Kinds};
use crate::likelihood::{beta_binomial, ewens, log_odds, mixture};

/// Observations of one cluster of calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Addresses by their sessions.
    pub(crate) addresses: Census,
    /// Numbers by their sessions.
    pub(crate) numbers: Census,
    pub(crate) conduct: Conduct,
    /// Products in the User-Agents, whole User-Agents, and exact fingerprints.
    pub(crate) products: Kinds,
    pub(crate) agents: Kinds,
    pub(crate) prints: Kinds,
}

impl Sample {
    /// Adds another cluster: its parties, and its calls.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.addresses.extend(&other.addresses);
        self.numbers.extend(&other.numbers);
        self.add_calls(&other.conduct, other);
    }

    /// Adds calls with their conduct, and with the names and prints of a cluster.
    pub(crate) fn add_calls(&mut self, conduct: &Conduct, names: &Self) {
        self.conduct.extend(conduct);
        self.products.extend(&names.products);
        self.agents.extend(&names.agents);
        self.prints.extend(&names.prints);
    }

    /// Removes calls that [`Self::add_calls`] has added.
    pub(crate) fn remove_calls(&mut self, conduct: &Conduct, names: &Self) {
        self.conduct.remove(conduct);
        self.products.remove(&names.products);
        self.agents.remove(&names.agents);
        self.prints.remove(&names.prints);
    }
}

/// Expected conduct of lines at this site.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expectation {
    /// Mean sessions of a line since the population was first seen.
    pub(crate) sessions: f64,
    /// Share of a line's calls that are answered.
    pub(crate) answers: f64,
}

/// The evidence of a cluster by its kind, as logarithms of likelihood ratios of a campaign against the honest kind
/// that fits best.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Terms {
    /// Do addresses come back?
    pub addresses: f64,
    /// Do numbers come back?
    pub numbers: f64,
    /// Are calls answered, and do people talk?
    pub conduct: f64,
    /// Does one platform give itself many names?
    pub names: f64,
    /// Does one platform change details of its messages?
    pub prints: f64,
    /// Are the same people called again?
    pub callees: f64,
    /// Do calls play a recording?
    pub recording: f64,
    /// Are numbers shown that are lines elsewhere?
    pub owners: f64,
    /// The prior.
    pub prior: f64,
}

impl Terms {
    /// Log odds of a campaign.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.addresses
            + self.numbers
            + self.conduct
            + self.names
            + self.prints
            + self.callees
            + self.recording
            + self.owners
            + self.prior
    }
}

/// The kind of a sender that explains a cluster best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum SenderKind {
    /// Lines, PBXs, gateways: senders that keep their identities.
    #[default]
    Line,
    /// Devices that report to a receiver: alarm panels, lifts, meters.
    Devices,
    /// Many people who call the same few numbers once.
    Hotline,
    /// Numbers that stay while addresses change.
    Roaming,
    /// A sender that throws its identities away.
    Campaign,
}

/// The result for one cluster.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Posterior {
    /// Log odds of a campaign.
    pub(crate) log_odds: f64,
    /// Chance that a party seen once is thrown away, if the cluster is a campaign.
    pub(crate) once_is_thrown: f64,
    /// Share of numbers that are thrown away, whatever the sender.
    pub(crate) share_thrown: f64,
    pub(crate) kind: SenderKind,
    pub(crate) terms: Terms,
    /// For a cluster of strangers: log likelihood ratio of thrown addresses against lines that come back.
    pub(crate) missing_returns: Option<f64>,
}

/// Log likelihood ratio of addresses that a cluster of strangers needs for an accusation.
const ADDRESSES_SPEAK: f64 = 1.0;

/// Log odds of 99 %.
const OVERWHELMING: f64 = 4.6;

impl Posterior {
    /// True if the addresses of a cluster had no time to come back. The rest of the evidence then accuses only if it
    /// is overwhelming: everything is fresh in the first hour.
    pub(crate) fn is_too_early(&self) -> bool {
        self.missing_returns.is_some_and(|ratio| ratio < ADDRESSES_SPEAK) && self.log_odds < OVERWHELMING
    }
}

/// The kinds of evidence, in the order of [`Terms`].
const EVIDENCE: usize = 8;

/// Log likelihoods of one kind of sender.
type Fit = [f64; EVIDENCE];

struct Hypothesis {
    kind: SenderKind,
    prior: f64,
    fit: Fit,
}

/// Calm names: weights of Ewens' parameter for products, and for whole User-Agents and exact fingerprints.
const CALM_PRODUCTS: [(f64, f64); 3] = [(0.86, 0.1), (0.13, 0.5), (0.01, 2.0)];
const CALM_AGENTS: [(f64, f64); 3] = [(0.62, 0.1), (0.3, 0.5), (0.08, 2.0)];

/// Parameters of wild names, and the share of honest platforms that have them.
const WILD: [f64; 4] = [1.5, 4.0, 20.0, 300.0];
const HONEST_WILD: f64 = 0.003;

fn wild(kinds: &Kinds) -> f64 {
    mixture(&WILD.map(|theta| (1.0, ewens(kinds.kinds(), kinds.draws(), theta))))
}

fn calm(kinds: &Kinds, parameters: &[(f64, f64); 3]) -> f64 {
    let calm =
        mixture(&parameters.map(|(weight, theta)| (weight, ewens(kinds.kinds(), kinds.draws(), theta))));
    mixture(&[(1.0 - HONEST_WILD, calm), (HONEST_WILD, wild(kinds))])
}

/// Log likelihoods of names for an honest sender and for a campaign.
fn names_of(kinds: &Kinds, parameters: &[(f64, f64); 3], weight: f64) -> (f64, f64) {
    let calm = calm(kinds, parameters);
    (weight * calm, weight * mixture(&[(0.5, wild(kinds)), (0.5, calm)]))
}

/// The names of several lines: products only, as each line has its own release.
fn names_of_lines(sample: &Sample) -> (f64, f64) {
    names_of(&sample.products, &CALM_PRODUCTS, 1.0)
}

/// The names at one address. Of products and whole User-Agents the one that says more counts, the latter with half
/// its weight.
fn names_of_address(sample: &Sample) -> (f64, f64) {
    let products = names_of_lines(sample);
    let agents = names_of(&sample.agents, &CALM_AGENTS, 0.5);
    let says = |(honest, campaign): (f64, f64)| (campaign - honest).abs();
    if says(agents) > says(products) { agents } else { products }
}

fn prints(sample: &Sample) -> (f64, f64) {
    let calm = calm(&sample.prints, &CALM_AGENTS);
    (calm, mixture(&[(0.35, wild(&sample.prints)), (0.65, calm)]))
}

/// Likelihoods of answers, short calls, callees and recordings.
struct Calls<'a> {
    conduct: &'a Conduct,
    answers: f64,
    /// See [`Posterior::once_is_thrown`].
    thrown: f64,
}

impl Calls<'_> {
    fn answered(&self, a: f64, b: f64) -> f64 {
        beta_binomial(self.conduct.answered, self.conduct.ended, a, b)
    }

    fn short(&self, a: f64, b: f64) -> f64 {
        beta_binomial(self.conduct.short, self.conduct.answered, a, b)
    }

    fn repeated(&self, a: f64, b: f64) -> f64 {
        beta_binomial(self.conduct.repeated_callees, self.conduct.calls, a, b)
    }

    /// Calls that the caller gives up at once: some people's, and those of senders that mean to.
    fn abandoned(&self, on_purpose: f64) -> f64 {
        let of = |a, b| beta_binomial(self.conduct.abandoned, self.conduct.ended, a, b);
        mixture(&[(1.0 - on_purpose, of(0.5, 12.0)), (on_purpose, of(4.0, 1.0))])
    }

    /// Numbers that are lines elsewhere: of nobody, or of a sender that shows them on purpose.
    fn borrowed(&self, on_purpose: f64) -> f64 {
        let of = |a, b| beta_binomial(self.conduct.borrowed, self.conduct.calls, a, b);
        mixture(&[(1.0 - on_purpose, of(0.2, 12.0)), (on_purpose, of(2.0, 1.0))])
    }

    fn of_lines(&self) -> f64 {
        let m = self.answers;
        let answers =
            mixture(&[(0.85, self.answered(6.0 * m, 6.0 * (1.0 - m))), (0.15, self.answered(1.0, 1.0))]);
        answers + mixture(&[(0.8, self.short(2.0, 6.0)), (0.2, self.short(1.0, 1.0))]) + self.abandoned(0.005)
    }

    fn of_anybody(&self) -> f64 {
        self.answered(1.3, 1.0) + self.short(1.0, 1.0) + self.abandoned(0.06)
    }

    /// A sender of any honest kind: lines, or a few callers with a conduct of their own.
    fn of_plain_sender(&self) -> f64 {
        mixture(&[(0.6, self.of_lines()), (0.4, self.of_anybody())])
    }

    /// A sender that goes on as it did. The past is worth thirty calls.
    fn as_in_past(&self, past: Past) -> f64 {
        let rate = |k: u32, n: u32| (f64::from(k) + 1.0) / (f64::from(n) + 2.0);
        let (a, s) = (rate(past.answered, past.ended), rate(past.short, past.answered));
        let own = self.answered(30.0 * a, 30.0 * (1.0 - a))
            + self.short(30.0 * s, 30.0 * (1.0 - s))
            + self.abandoned(0.05);
        mixture(&[(0.9, own), (0.1, self.of_anybody())])
    }

    fn of_devices(&self) -> f64 {
        self.answered(9.0, 1.5) + self.short(1.0, 1.0) + self.abandoned(0.01)
    }

    /// A campaign with honest calls mixed in is expected to show their conduct in part.
    fn of_campaign(&self) -> f64 {
        let (m, t) = (self.answers, self.thrown);
        let g = 0.6 * m * t + m * (1.0 - t);
        let h = 0.75 * t + 0.25 * (1.0 - t);
        let answers =
            mixture(&[(0.8, self.answered(5.0 * g, 5.0 * (1.0 - g))), (0.2, self.answered(3.0, 2.0))]);
        answers
            + mixture(&[(0.7, self.short(4.0 * h, 4.0 * (1.0 - h))), (0.3, self.short(1.0, 1.0))])
            + self.abandoned(0.12)
    }

    /// Callees: called again, never again, or sometimes.
    fn callees(&self, again: f64, never: f64, some: f64) -> f64 {
        let mut terms = vec![(never, self.repeated(0.3, 15.0)), (some, self.repeated(0.7, 2.0))];
        if again > 0.0 {
            terms.push((again, self.repeated(6.0, 1.0)));
        }
        mixture(&terms)
    }

    fn recording(&self, machine: f64) -> f64 {
        let of = |a, b| beta_binomial(self.conduct.recorded, self.conduct.heard, a, b);
        mixture(&[(1.0 - machine, of(0.4, 8.0)), (machine, of(3.0, 1.0))])
    }
}

/// The posterior over hypotheses, of which the last is the campaign.
fn weigh(hypotheses: &[Hypothesis]) -> Posterior {
    let sum = |h: &Hypothesis| h.fit.iter().sum::<f64>();
    let Some((campaign, honest)) = hypotheses.split_last() else { return Posterior::default() };
    let Some(best) = honest.iter().max_by(|a, b| (a.prior.ln() + sum(a)).total_cmp(&(b.prior.ln() + sum(b))))
    else {
        return Posterior::default();
    };
    let weights: f64 = honest.iter().map(|h| h.prior).sum();
    let all_honest = mixture(&honest.iter().map(|h| (h.prior, sum(h))).collect::<Vec<_>>());
    let log_odds = campaign.prior.ln() + sum(campaign) - weights.ln() - all_honest;
    let mut ratios = [0.0; EVIDENCE];
    for ((ratio, one), other) in ratios.iter_mut().zip(campaign.fit).zip(best.fit) {
        *ratio = one - other;
    }
    let [addresses, numbers, conduct, names, prints, callees, recording, owners] = ratios;
    // The other honest kinds explain a little, too. The terms add up with the prior that holds this rest.
    let prior = log_odds - ratios.iter().sum::<f64>();
    Posterior {
        log_odds,
        kind: if log_odds > 0.0 { SenderKind::Campaign } else { best.kind },
        terms: Terms { addresses, numbers, conduct, names, prints, callees, recording, owners, prior },
        ..Posterior::default()
    }
}

/// Judges the calls of one platform family from addresses that called in one session only. The censuses count the
/// whole family, with the addresses and numbers that came back. `conduct` is that of the sample, or what it will be.
pub(crate) fn strangers(sample: &Sample, conduct: &Conduct, expected: Expectation) -> Posterior {
    let addresses = Returns::of(&sample.addresses, expected.sessions);
    let numbers = Returns::of(&sample.numbers, expected.sessions);
    let thrown = addresses.once_is_thrown;
    let calls = Calls { conduct, answers: expected.answers, thrown };
    let (calm, wild) = names_of_lines(sample);
    let (steady, changing) = prints(sample);
    let line = Hypothesis {
        kind: SenderKind::Line,
        prior: 0.60,
        fit: [
            addresses.stable,
            numbers.any,
            calls.of_lines(),
            calm,
            steady,
            calls.callees(0.0, 0.6, 0.4),
            calls.recording(0.02),
            calls.borrowed(0.02),
        ],
    };
    let roaming = Hypothesis {
        kind: SenderKind::Roaming,
        prior: 0.02,
        // Couriers talk briefly, and not twice with the same person.
        fit: [
            addresses.thrown,
            numbers.stable,
            calls.of_plain_sender(),
            calm,
            steady,
            calls.callees(0.0, 0.8, 0.2),
            calls.recording(0.02),
            calls.borrowed(0.03),
        ],
    };
    let devices = Hypothesis {
        kind: SenderKind::Devices,
        prior: 0.07,
        fit: [
            addresses.thrown,
            numbers.thrown,
            calls.of_devices(),
            calm,
            steady,
            calls.callees(0.6, 0.3, 0.1),
            calls.recording(0.35),
            calls.borrowed(0.01),
        ],
    };
    let hotline = Hypothesis {
        kind: SenderKind::Hotline,
        prior: 0.04,
        fit: [
            addresses.thrown,
            numbers.thrown,
            calls.of_plain_sender(),
            calm,
            steady,
            calls.callees(1.0, 0.0, 0.0),
            calls.recording(0.02),
            calls.borrowed(0.02),
        ],
    };
    let campaign = Hypothesis {
        kind: SenderKind::Campaign,
        prior: 0.10,
        fit: [
            addresses.thrown,
            mixture(&[(0.7, numbers.thrown), (0.3, numbers.any)]),
            calls.of_campaign(),
            wild,
            changing,
            calls.callees(0.0, 0.9, 0.1),
            calls.recording(0.6),
            calls.borrowed(0.1),
        ],
    };
    Posterior {
        once_is_thrown: thrown,
        share_thrown: numbers.share_thrown,
        missing_returns: Some(addresses.thrown - addresses.stable),
        ..weigh(&[line, roaming, devices, hotline, campaign])
    }
}

/// Calls to compare later ones with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    ended: u32,
    answered: u32,
    short: u32,
}

impl From<&Conduct> for Past {
    fn from(of: &Conduct) -> Self {
        Self { ended: of.ended, answered: of.answered, short: of.short }
    }
}

/// Facts about an address beside its own calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surroundings {
    /// Registered addresses of the family, and those of them that show more than three numbers.
    pub(crate) phones: u32,
    pub(crate) phones_of_many: u32,
    /// The sender's own past; none without enough of it.
    pub(crate) past: Option<Past>,
    /// True if the sender's past numbers came back.
    pub(crate) past_is_stable: bool,
}

/// Judges one address, or several that are one sender.
pub(crate) fn address(sample: &Sample, expected: Expectation, around: &Surroundings) -> Posterior {
    let numbers = Returns::of(&sample.numbers, expected.sessions);
    let calls = Calls { conduct: &sample.conduct, answers: expected.answers, thrown: 1.0 };
    let (calm, wild) = names_of_address(sample);
    let (steady, changing) = prints(sample);
    let honest_conduct = match around.past {
        Some(past) => calls.as_in_past(past),
        None => calls.of_plain_sender(),
    };
    let mut honest_numbers = if around.past_is_stable {
        mixture(&[(0.9, numbers.stable), (0.1, numbers.any)])
    } else {
        numbers.any
    };
    // A desk phone with forty numbers is hardly honest.
    let is_of_many = sample.numbers.parties() > 3 && sample.numbers.once() * 2 > sample.numbers.parties();
    if around.phones > 0 && is_of_many {
        let share = (f64::from(around.phones_of_many) + 0.5) / (f64::from(around.phones) + 1.0);
        honest_numbers += (0.15 + 0.85 * share).min(1.0).ln();
    }
    let plain = Hypothesis {
        kind: SenderKind::Line,
        prior: 0.98,
        fit: [
            0.0,
            honest_numbers,
            honest_conduct,
            calm,
            steady,
            calls.callees(0.15, 0.7, 0.15),
            calls.recording(0.12),
            calls.borrowed(0.1),
        ],
    };
    let campaign = Hypothesis {
        kind: SenderKind::Campaign,
        prior: 0.02,
        fit: [
            0.0,
            mixture(&[(0.8, numbers.thrown), (0.2, numbers.any)]),
            calls.of_campaign(),
            wild,
            changing,
            calls.callees(0.0, 0.9, 0.1),
            calls.recording(0.6),
            calls.borrowed(0.12),
        ],
    };
    Posterior { once_is_thrown: 1.0, share_thrown: numbers.share_thrown, ..weigh(&[plain, campaign]) }
}

/// Judges the calls of an address with lines of its own that show other numbers: it may forward the calls of others, or
/// somebody else calls through it. The names and the prints are the address's own. `lines` is the conduct of its lines.
pub(crate) fn guests(sample: &Sample, expected: Expectation, lines: Past) -> Posterior {
    let numbers = Returns::of(&sample.numbers, expected.sessions);
    let calls = Calls { conduct: &sample.conduct, answers: expected.answers, thrown: 1.0 };
    let plain = Hypothesis {
        kind: SenderKind::Line,
        prior: 0.95,
        // Calls are forwarded to few people.
        fit: [
            0.0,
            numbers.any,
            calls.as_in_past(lines),
            0.0,
            0.0,
            calls.callees(0.6, 0.2, 0.2),
            calls.recording(0.12),
            0.0,
        ],
    };
    let campaign = Hypothesis {
        kind: SenderKind::Campaign,
        prior: 0.05,
        fit: [
            0.0,
            mixture(&[(0.8, numbers.thrown), (0.2, numbers.any)]),
            calls.of_campaign(),
            0.0,
            0.0,
            calls.callees(0.0, 0.9, 0.1),
            calls.recording(0.6),
            0.0,
        ],
    };
    Posterior { once_is_thrown: 1.0, share_thrown: numbers.share_thrown, ..weigh(&[plain, campaign]) }
}

/// Judges the addresses that play one recording, each with several numbers. Honest senders play a recording from a few
/// addresses, too, but under numbers that come back.
pub(crate) fn recording(sample: &Sample, addresses: usize, expected: Expectation) -> Posterior {
    let more = f64::min(MORE_ADDRESSES * addresses.saturating_sub(3) as f64, MOST_OF_ADDRESSES);
    let numbers = Returns::of(&sample.numbers, expected.sessions);
    let calls = Calls { conduct: &sample.conduct, answers: expected.answers, thrown: 1.0 };
    let (calm, wild) = names_of_lines(sample);
    let (steady, changing) = prints(sample);
    let honest = Hypothesis {
        kind: SenderKind::Line,
        prior: 1.0,
        fit: [
            0.0,
            mixture(&[(0.85, numbers.stable), (0.15, numbers.thrown)]),
            calls.of_plain_sender(),
            calm,
            steady,
            calls.callees(0.15, 0.7, 0.15),
            0.0,
            calls.borrowed(0.02),
        ],
    };
    let campaign = Hypothesis {
        kind: SenderKind::Campaign,
        prior: 0.4,
        fit: [
            SEVERAL_ADDRESSES.ln() + more,
            numbers.thrown,
            calls.of_campaign(),
            wild,
            changing,
            calls.callees(0.0, 0.9, 0.1),
            0.0,
            calls.borrowed(0.12),
        ],
    };
    Posterior {
        once_is_thrown: 1.0,
        share_thrown: numbers.share_thrown,
        missing_returns: Some(numbers.thrown - numbers.stable),
        ..weigh(&[honest, campaign])
    }
}

/// Odds that a robocaller, and not an honest sender, plays one recording from several addresses with several
/// numbers each.
const SEVERAL_ADDRESSES: f64 = 6.0;

/// Log odds of each further address, and their limit: few honest parties share a recording with many others.
const MORE_ADDRESSES: f64 = 0.3;
const MOST_OF_ADDRESSES: f64 = 3.0;

/// Result of one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Fate {
    /// It is not over.
    #[default]
    Open,
    Unanswered,
    /// Answered, and over soon.
    Short,
    Talk,
}

/// The chance that a party of a stranger's call is thrown away, after the conduct of the call itself. In a campaign
/// of short calls a talk frees its caller; in one that talks it does not.
pub(crate) fn thrown_after(once_is_thrown: f64, fate: Fate, conduct: &Conduct, answers: f64) -> f64 {
    let (n, a, s) = (f64::from(conduct.ended), f64::from(conduct.answered), f64::from(conduct.short));
    let answered = (a + 1.0) / (n + 2.0);
    let short = (s + 1.0) / (a + 1.5);
    let ratio = match fate {
        Fate::Open => return once_is_thrown,
        Fate::Unanswered => (1.0 - answered) / (1.0 - answers),
        Fate::Short => answered / answers * short / 0.3,
        Fate::Talk => answered / answers * (1.0 - short) / 0.7,
    };
    let odds = log_odds(once_is_thrown) + ratio.clamp(0.02, 2.0).ln();
    crate::likelihood::probability(odds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strangers(sample: &Sample, expected: Expectation) -> Posterior {
        super::strangers(sample, &sample.conduct, expected)
    }

    fn census(parties: [u32; 3]) -> Census {
        let mut census = Census::default();
        for (sessions, count) in (1..).zip(parties) {
            (0..count).for_each(|_| census.add(sessions));
        }
        census
    }

    fn kinds(distinct: u64, draws: u64) -> Kinds {
        let mut kinds = Kinds::default();
        (0..draws).for_each(|i| kinds.add(i % distinct));
        kinds
    }

    fn sample(addresses: [u32; 3], numbers: [u32; 3], calls: u32, answered: u32, short: u32) -> Sample {
        let conduct = Conduct { calls, ended: calls, answered, short, ..Conduct::default() };
        let one = || kinds(1, u64::from(calls));
        Sample {
            addresses: census(addresses),
            numbers: census(numbers),
            conduct,
            products: one(),
            agents: one(),
            prints: one(),
        }
    }

    const EXPECTED: Expectation = Expectation { sessions: 2.0, answers: 0.65 };

    #[test]
    fn calls_under_way_are_no_short_calls() {
        let ended = Conduct { calls: 100, ended: 100, answered: 30, short: 28, ..Conduct::default() };
        let speaks_against = |conduct: &Conduct| {
            let conduct = &conduct.with_calls_under_way(0.62);
            let calls = Calls { conduct, answers: 0.62, thrown: 1.0 };
            calls.of_campaign() - calls.of_plain_sender()
        };
        assert!(speaks_against(&ended) > 1.5, "{}", speaks_against(&ended));
        let first = Conduct { calls: 600, ..ended };
        assert!(speaks_against(&first) < 0.0, "{}", speaks_against(&first));
        // No end is seen: nothing is known.
        let open = Conduct { calls: 600, ..Conduct::default() };
        assert_eq!(speaks_against(&open), speaks_against(&Conduct::default()));
        let steady = Conduct { calls: 1030, ended: 1000, answered: 300, short: 280, ..Conduct::default() };
        assert!(speaks_against(&steady) > 1.5, "{}", speaks_against(&steady));
    }

    #[test]
    fn strangers_that_never_return_and_whom_nobody_talks_to_are_a_campaign() {
        let robocalls = sample([150, 0, 0], [150, 0, 0], 150, 50, 40);
        let found = strangers(&robocalls, EXPECTED);
        assert!(found.log_odds > 3.0 && found.kind == SenderKind::Campaign, "{found:?}");
        let ordinary = sample([150, 0, 0], [150, 0, 0], 150, 95, 20);
        let early = strangers(&ordinary, Expectation { sessions: 0.05, ..EXPECTED });
        assert!(early.log_odds < 0.0, "in the first hour everything is fresh: {early:?}");
        let peers = strangers(&sample([20, 15, 40], [20, 15, 40], 20, 13, 3), EXPECTED);
        assert!(peers.log_odds < -4.0 && peers.kind == SenderKind::Line, "{peers:?}");
    }

    #[test]
    fn devices_that_report_are_answered_and_call_one_receiver() {
        let mut panels = sample([200, 0, 0], [200, 0, 0], 200, 198, 190);
        panels.conduct.repeated_callees = 199;
        let found = strangers(&panels, EXPECTED);
        assert!(found.log_odds < -3.0 && found.kind == SenderKind::Devices, "{found:?}");
    }

    #[test]
    fn terms_add_up_to_the_odds() {
        for sample in [sample([150, 0, 0], [150, 0, 0], 150, 50, 40), sample([9, 4, 3], [9, 4, 3], 20, 9, 5)]
        {
            let Posterior { log_odds, terms: t, .. } = strangers(&sample, EXPECTED);
            let sum = t.sum();
            assert!((sum - log_odds).abs() < 1e-9);
        }
    }

    #[test]
    fn a_call_centre_is_plain_and_a_rotating_address_with_many_names_is_not() {
        let around = Surroundings::default();
        let centre = address(&sample([1, 0, 0], [0, 10, 190], 500, 125, 80), EXPECTED, &around);
        assert!(centre.log_odds < -2.0, "{centre:?}");
        let mut robot = sample([1, 0, 0], [60, 0, 0], 60, 20, 15);
        robot.products = kinds(30, 60);
        let robot = address(&robot, EXPECTED, &around);
        assert!(robot.log_odds > 2.0, "{robot:?}");
    }

    #[test]
    fn a_thousand_calls_are_not_a_thousand_proofs() {
        let small = strangers(&sample([60, 0, 0], [60, 0, 0], 60, 20, 15), EXPECTED).terms.conduct;
        let large = strangers(&sample([6000, 0, 0], [6000, 0, 0], 6000, 2000, 1500), EXPECTED).terms.conduct;
        assert!(large < small + 4.0, "{small} {large}");
    }

    #[test]
    fn a_talk_frees_a_stranger_among_short_calls() {
        let conduct = Conduct { calls: 60, ended: 60, answered: 20, short: 18, ..Conduct::default() };
        let after = |fate| thrown_after(0.7, fate, &conduct, 0.65);
        assert!(after(Fate::Talk) < 0.4 && after(Fate::Unanswered) > 0.7);
        assert_eq!(after(Fate::Open), 0.7);
    }
}
