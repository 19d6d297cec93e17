//! Toll fraud by one account: premium destinations called on a stolen password or on a hacked device.

use std::net::IpAddr;

use bellwether_base::{CallId, Span, Timestamp};

use crate::account::{Account, KINDS, Novelty, PACES, pace};
use crate::detector::{LogM, ln_mean, mixed, of};
use crate::number::Destination;

/// Share of an account's calls that the fraud makes, by its rhythm. The owner goes on calling, and makes more of the
/// calls if the fraud takes its time.
const SHARES: [f64; RHYTHMS] = [0.75, 0.75, 0.4];

/// Calls that a pool remembers, of those that speak for the fraud.
pub(crate) const REMEMBERED: usize = 32;

/// Foreign share of an account from which on calls abroad are its habit.
const FOREIGN: f64 = 0.08;

/// The kinds of toll fraud.
const FRAUDS: usize = 4;

/// Rhythms: several calls at once, one after the other, and the account's own pace.
const RHYTHMS: usize = 3;

/// Alternatives: fraud, rhythm, and whether it calls from the own device or from elsewhere.
const ALTERNATIVES: usize = FRAUDS * RHYTHMS * 2;

/// Probability of each mark of a destination under the four frauds: revenue share (IRSF), wide, plain countries, and
/// few numbers again and again.
///
/// Source: shapes from Sahin and Francillon, *Understanding and detecting international revenue share fraud*
/// (NDSS 2021); the values are set by hand.
pub(crate) const FRAUD: [[f64; FRAUDS]; 8] = [
    [0.30, 0.27, 0.03, 0.03], // new costly country
    [0.28, 0.23, 0.05, 0.05], // new number in a costly country of this interest
    [0.24, 0.14, 0.22, 0.80], // number called before
    [0.06, 0.20, 0.25, 0.03], // new plain country
    [0.06, 0.11, 0.38, 0.03], // new number in a plain country of this interest
    [0.03, 0.02, 0.04, 0.03], // settled country
    [0.01, 0.01, 0.01, 0.01], // known number
    [0.02, 0.02, 0.02, 0.02], // new number at home
];

/// The honest explanation that fits a call best.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HonestCaller {
    /// The account does what it did in the past.
    Past,
    /// The account has one new interest: a journey, a supplier, a family.
    Change,
    /// The account calls abroad by trade: a hotel, a call shop, a call centre.
    Abroad,
}

impl HonestCaller {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Past => "the account as it was",
            Self::Change => "a traveller, or somebody with a new interest abroad,",
            Self::Abroad => "a hotel or a call centre",
        }
    }
}

/// The site, as far as it explains a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) kinds: [f64; KINDS],
    pub(crate) paces: [f64; PACES],
    /// Other accounts have begun to call this country.
    pub(crate) is_season: bool,
}

/// The marks of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) novelty: Novelty,
    /// The row of [`FRAUD`].
    mark: usize,
    /// Bin of pace. None without an earlier call abroad, and for a redial.
    pace: Option<usize>,
    /// Other calls abroad that are under way: none, one, more. None for a call at home.
    at_once: Option<usize>,
    /// The call comes from a place that is new today, with its honest probability. None if nobody knows where the
    /// account lives.
    elsewhere: Option<(bool, f64)>,
    hour: f64,
    /// A call to a number that did not answer, which everybody tries again: it says nothing.
    is_redial: bool,
    /// Each honest family's probability of the kind of destination, and of all marks but place and hour.
    families: [Explanation; 3],
}

/// The probabilities of a call under an honest family.
#[derive(Clone, Copy, Debug)]
struct Explanation {
    kind: f64,
    pace: f64,
    overlap: f64,
}

impl Explanation {
    fn all(&self) -> f64 {
        self.kind * self.pace * self.overlap
    }
}

const FAMILIES: [HonestCaller; 3] = [HonestCaller::Past, HonestCaller::Change, HonestCaller::Abroad];

impl Marks {
    /// The marks of a new call, before the account takes it in.
    pub(crate) fn of(
        account: &Account,
        (callee, range, source): (u64, u64, IpAddr),
        destination: Destination,
        site: &Site,
        at: Timestamp,
    ) -> Self {
        let novelty = account.novelty((callee, range), destination, at);
        let is_new_place = account.is_new_place(source, at);
        let is_abroad = destination.is_abroad();
        let others = account.under_way.iter().filter(|other| other.is_abroad && other.is_recent(at)).count();
        let at_once = is_abroad.then_some(others.min(MORE));
        let pause = if is_abroad { last_pause(account, callee, at) } else { None };
        // One line in five with a second call has a third one.
        let overlap =
            |rate: f64| at_once.map_or(1.0, |others| place([1.0 - rate, 0.8 * rate, 0.2 * rate], others));
        let own_overlap = account.overlap.mean().clamp(0.02, 0.5);
        let own_pace = |bin: usize| account.pace(bin, &site.paces).max(0.10);
        let pace_of = |fast: [f64; 2]| match pause {
            None => 1.0,
            // Somebody who was talked to is called back later.
            Some(Pause::AfterTalk(bin)) => place(AFTER_TALK, bin),
            Some(Pause::AfterCall(0)) => account.pace(0, &site.paces).max(fast[0]),
            Some(Pause::AfterCall(1)) => own_pace(1).max(fast[1]),
            Some(Pause::AfterCall(bin)) => own_pace(bin),
        };
        let families = [
            Explanation {
                kind: account.past(novelty.kind(), &site.kinds),
                pace: pace_of(RINGS_ROUND),
                overlap: overlap(own_overlap),
            },
            // People ring round.
            Explanation {
                kind: change(novelty, is_new_place, site.is_season),
                pace: pace_of(RINGS_ROUND),
                overlap: overlap(own_overlap),
            },
            Explanation {
                kind: abroad(novelty, account.share_abroad(at), account.foreign_share() >= FOREIGN),
                pace: pace_of(MANY_PEOPLE),
                overlap: overlap(own_overlap.max(0.5)),
            },
        ];
        let lives = account.addresses.iter().any(|known| known.address != source);
        let has_called = account.address(source).is_some_and(|known| known.calls > 0);
        let moves = if has_called { 0.8 } else { account.moves.mean().clamp(0.01, 0.9) };
        Self {
            novelty,
            mark: mark(novelty),
            pace: pause.map(Pause::bin),
            at_once,
            elsewhere: lives.then_some((is_new_place, moves)).filter(|_| is_abroad),
            hour: if is_abroad { account.hour_factor(at) } else { 1.0 },
            is_redial: matches!(novelty, Novelty::Again { .. })
                && account.last_talk(callee) == Some(None)
                && !account.talks_to(callee, at),
            families,
        }
    }

    fn best(&self, of: impl Fn(&Explanation) -> f64) -> (f64, HonestCaller) {
        let all = self.families.iter().map(of).zip(FAMILIES);
        all.fold((0.0, HonestCaller::Past), |best, family| if family.0 > best.0 { family } else { best })
    }

    /// ln e of the kind of destination alone, under the frauds together.
    pub(crate) fn kind_only(&self) -> f64 {
        let row = FRAUD.get(self.mark).copied().unwrap_or_default();
        let fraud = row.iter().take(3).sum::<f64>() / 3.0;
        (fraud / self.best(|family| family.kind).0).ln()
    }

    /// The honest explanation that fits best.
    pub(crate) fn rival(&self) -> HonestCaller {
        self.best(Explanation::all).1
    }

    /// ln e of the alternatives.
    fn ln_e(&self) -> [f64; ALTERNATIVES] {
        let row = FRAUD.get(self.mark).copied().unwrap_or_default();
        let (honest, rival) = self.best(Explanation::all);
        // The pace of a fraud that takes its time is the pace that explains it best.
        let own = self.families.get(rival as usize).map_or(1.0, |family| family.pace);
        let mut all = [0.0; ALTERNATIVES];
        let mut next = all.iter_mut();
        for fraud in row {
            for rhythm in 0..RHYTHMS {
                for is_elsewhere in [false, true] {
                    let Some(ln_e) = next.next() else { return all };
                    let marks = fraud * self.rhythm(rhythm, own);
                    *ln_e = (marks / honest * self.place(is_elsewhere) * self.hour).ln();
                }
            }
        }
        all
    }

    /// The probability of pace and overlap under a fraud.
    fn rhythm(&self, rhythm: usize, own: f64) -> f64 {
        const FAST: [f64; PACES] = [0.20, 0.35, 0.30, 0.10, 0.05];
        let pace = match (self.pace, rhythm) {
            (Some(bin), 0 | 1) => place(FAST, bin),
            (Some(_), _) => own,
            (None, _) => 1.0,
        };
        let at_once = if rhythm == 0 { [0.40, 0.25, 0.35] } else { [0.92, 0.06, 0.02] };
        pace * self.at_once.map_or(1.0, |others| place(at_once, others))
    }

    fn place(&self, is_elsewhere: bool) -> f64 {
        match self.elsewhere {
            Some((is_new, honest)) if is_elsewhere => of(is_new, 0.95) / of(is_new, honest),
            _ => 1.0,
        }
    }
}

/// The pause before a call abroad.
#[derive(Clone, Copy, Debug)]
enum Pause {
    /// Since the end of a talk with the same number.
    AfterTalk(usize),
    /// Since the last call abroad.
    AfterCall(usize),
}

impl Pause {
    const fn bin(self) -> usize {
        match self {
            Self::AfterTalk(bin) | Self::AfterCall(bin) => bin,
        }
    }
}

/// Pauses after a talk with the same number.
const AFTER_TALK: [f64; PACES] = [0.02, 0.08, 0.12, 0.20, 0.58];

/// The two fastest paces of somebody who rings round, and of many people behind one account.
const RINGS_ROUND: [f64; 2] = [0.03, 0.20];
/// Calls that somebody makes who rings round.
const RINGS_ROUND_CALLS: u16 = 25;
const MANY_PEOPLE: [f64; 2] = [0.06, 0.50];

/// The count of other calls under way that stands for all larger ones.
const MORE: usize = 2;

/// A probability of a list, the last one beyond its end.
fn place<const N: usize>(of: [f64; N], at: usize) -> f64 {
    of.get(at.min(N - 1)).copied().unwrap_or_default()
}

fn last_pause(account: &Account, callee: u64, at: Timestamp) -> Option<Pause> {
    if account.talks_to(callee, at) {
        return Some(Pause::AfterTalk(0));
    }
    match account.last_talk(callee) {
        // A redial after no answer is ordinary, at any pace.
        Some(None) => None,
        Some(Some(ended)) => Some(Pause::AfterTalk(pace(at.since(ended)))),
        None => Some(Pause::AfterCall(pace(at.since(account.last_abroad?)))),
    }
}

/// The row of [`FRAUD`] for a destination.
const fn mark(novelty: Novelty) -> usize {
    match novelty {
        Novelty::NewCountry { place, .. } if place.class.is_costly() => 0,
        Novelty::Interest { place, .. } if place.class.is_costly() => 1,
        Novelty::Again { .. } => 2,
        Novelty::NewCountry { .. } => 3,
        Novelty::Interest { .. } => 4,
        Novelty::Settled => 5,
        Novelty::Known => 6,
        Novelty::NewDomestic => 7,
    }
}

/// One new interest, of which people call a few numbers again; a traveller's new address and new country come together;
/// a season brings many accounts to one country.
fn change(novelty: Novelty, is_new_place: bool, is_season: bool) -> f64 {
    let when = |is_so: bool, probability: f64| if is_so { probability } else { 0.0 };
    match novelty {
        Novelty::NewCountry { place, countries } if place.class.is_costly() => {
            // Few people have an interest in several costly countries.
            let beside = when(countries > 0, 0.04 / f64::from(countries.max(1)));
            let alone = when(countries == 0 && is_new_place, 0.05);
            0.004_f64.max(beside).max(alone).max(when(is_season, 0.10))
        }
        Novelty::NewCountry { countries, .. } => {
            let alone = when(countries == 0 && is_new_place, 0.10);
            0.010_f64.max(when(countries > 0, 0.06)).max(alone).max(when(is_season, 0.10))
        }
        // Somebody rings round in one country, and every range of it is as good.
        Novelty::Interest { place, calls, countries: 1, is_same_range: false, .. }
            if calls <= RINGS_ROUND_CALLS =>
        {
            let rings_round = if place.class.is_costly() { 0.30 } else { 0.45 };
            (0.7 / (1.0 + f64::from(calls))).max(rings_round)
        }
        Novelty::Interest { calls, .. } => 0.7 / (1.0 + f64::from(calls)),
        Novelty::Again { calls, .. } => 0.7 * f64::from(calls) / (1.0 + f64::from(calls)),
        Novelty::Settled => 0.1,
        Novelty::Known | Novelty::NewDomestic => 0.2,
    }
}

/// Hotels, call shops and call centres, whose share of calls abroad is learned from all their calls, today's too. An
/// account without a history may be one.
fn abroad(novelty: Novelty, share: f64, is_foreign: bool) -> f64 {
    // Of calls abroad, and of all calls of an account that calls abroad by trade.
    let (of_abroad, least) = match novelty {
        Novelty::NewCountry { place, .. } if place.class.is_costly() => (0.12, 0.10),
        Novelty::NewCountry { .. } => (0.60, 0.12),
        Novelty::Interest { place, .. } if place.class.is_costly() => (0.35, 0.30),
        Novelty::Interest { .. } => (0.90, 0.30),
        Novelty::Again { .. } => (0.60, 0.30),
        Novelty::Settled => (0.60, 0.30),
        Novelty::Known | Novelty::NewDomestic => return 0.5 * (1.0 - share).max(0.4),
    };
    (share * of_abroad).max(if is_foreign { least } else { 0.0 })
}

/// The detectors of one account.
#[derive(Clone, Debug)]
pub(crate) struct TollPool {
    logs: [LogM; ALTERNATIVES],
    /// Calls that spoke for the fraud, oldest first.
    pub(crate) calls: Vec<(CallId, Timestamp)>,
    pub(crate) rivals: [u32; 3],
}

impl Default for TollPool {
    fn default() -> Self {
        Self { logs: [LogM::default(); ALTERNATIVES], calls: Vec::new(), rivals: [0; 3] }
    }
}

impl TollPool {
    /// Takes a call in. Returns ln of its e-value, averaged over the alternatives.
    pub(crate) fn step(&mut self, call: CallId, marks: &Marks, at: Timestamp) -> f64 {
        if marks.is_redial {
            return 0.0;
        }
        let all = marks.ln_e();
        // Two places for each rhythm.
        let shares = SHARES.into_iter().flat_map(|share| [share, share]).cycle();
        for ((log, ln_e), share) in self.logs.iter_mut().zip(all).zip(shares) {
            log.step(mixed(share, ln_e));
        }
        let speaks = marks.novelty.is_new_abroad() && all.iter().any(|ln_e| *ln_e > 0.0);
        if speaks {
            self.calls.retain(|(_, began)| at.since(*began) < RELEVANT);
            if self.calls.len() == REMEMBERED {
                self.calls.remove(0);
            }
            self.calls.push((call, at));
            if let Some(count) = self.rivals.get_mut(marks.rival() as usize) {
                *count += 1;
            }
        }
        all.iter().map(|ln_e| ln_e.exp()).sum::<f64>().ln() - (ALTERNATIVES as f64).ln()
    }

    /// Adds prior odds: somebody scanned, or guessed the password.
    pub(crate) fn add_prior(&mut self, ln_odds: f64) {
        self.logs.iter_mut().for_each(|log| log.add(ln_odds));
    }

    /// ln M.
    pub(crate) fn ln_m(&self) -> f64 {
        ln_mean(self.logs.iter().copied())
    }

    /// The honest explanation that fits most of the calls.
    pub(crate) fn rival(&self) -> HonestCaller {
        let all = [HonestCaller::Past, HonestCaller::Change, HonestCaller::Abroad];
        let best = (0..3).max_by_key(|place| self.rivals.get(*place)).unwrap_or(1);
        all.get(best).copied().unwrap_or(HonestCaller::Change)
    }
}

/// Calls further back belong to no new incident.
const RELEVANT: Span = Span::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumberClass;
    use crate::detector::tests::uniform;
    use crate::number::Place;

    const COSTLY: Place = Place { country: 252, class: NumberClass::Risky };
    const PLAIN: Place = Place { country: 33, class: NumberClass::Plain };

    /// All destinations in one situation of an account with an interest of `calls` calls.
    fn destinations(calls: u16) -> [Novelty; 8] {
        let (countries, is_today) = (u16::from(calls > 0), false);
        [
            Novelty::NewCountry { place: COSTLY, countries },
            Novelty::NewCountry { place: PLAIN, countries },
            Novelty::Interest { place: COSTLY, calls, countries, is_today, is_same_range: true },
            Novelty::Interest { place: PLAIN, calls, countries, is_today, is_same_range: true },
            Novelty::Again { place: COSTLY, calls, is_today },
            Novelty::Settled,
            Novelty::Known,
            Novelty::NewDomestic,
        ]
    }

    /// Under each fraud the marks sum to 1. An interest is in one country, costly or plain.
    #[test]
    fn the_tables_are_probabilities() {
        for fraud in 0..FRAUDS {
            assert!(FRAUD.iter().map(|row| row[fraud]).sum::<f64>() <= 1.01);
        }
        for calls in [0, 1, 3, 30] {
            for skipped in [2, 3] {
                let marks = destinations(calls);
                let sum = |family: &dyn Fn(Novelty) -> f64| -> f64 {
                    let kept = marks.iter().enumerate().filter(|(place, _)| *place != skipped);
                    kept.map(|(_, novelty)| family(*novelty)).sum()
                };
                // Sums above 1 only make e smaller: each mark gets the most that an honest caller of the family shows.
                assert!(sum(&|novelty| change(novelty, false, false)) <= 1.35, "{calls}");
                assert!(sum(&|novelty| abroad(novelty, 0.5, true)) <= 2.2, "{calls}");
            }
        }
    }

    /// The mean of e, drawn from the honest family *change*, is at most 1 under each alternative.
    #[test]
    fn somebody_with_a_new_interest_is_no_fraud() {
        for calls in [0, 1, 3, 30] {
            for skipped in [2, 3] {
                let all: Vec<Novelty> = destinations(calls)
                    .into_iter()
                    .enumerate()
                    .filter(|(place, _)| *place != skipped)
                    .map(|(_, novelty)| novelty)
                    .filter(|novelty| change(*novelty, false, false) > 0.0)
                    .collect();
                let total: f64 = all.iter().map(|novelty| change(*novelty, false, false)).sum();
                let e = |novelty: &Novelty, fraud: usize| {
                    FRAUD[mark(*novelty)][fraud] / change(*novelty, false, false)
                };
                let mean = |fraud: usize| -> f64 {
                    all.iter()
                        .map(|novelty| change(*novelty, false, false) / total.max(1.0) * e(novelty, fraud))
                        .sum()
                };
                assert!((0..FRAUDS).all(|fraud| mean(fraud) <= 1.0 + 1e-9), "{calls}");
            }
        }
    }

    #[test]
    fn honest_interests_run_long_before_a_false_alarm() {
        let mut state = 11;
        let mut total = 0_u32;
        for _ in 0..40 {
            let (mut pool, mut calls) = (TollPool::default(), 0_u32);
            let mut interest = 0_u16;
            while pool.ln_m() < f64::ln(1000.0) && calls < 5_000 {
                let all = destinations(interest);
                let weights: Vec<f64> = all
                    .iter()
                    .enumerate()
                    .map(|(place, novelty)| if place == 2 { 0.0 } else { change(*novelty, false, false) })
                    .collect();
                let mut draw = uniform(&mut state) * weights.iter().sum::<f64>();
                let novelty = all
                    .into_iter()
                    .zip(&weights)
                    .find(|(_, weight)| {
                        draw -= **weight;
                        draw < 0.0
                    })
                    .map_or(Novelty::Known, |(novelty, _)| novelty);
                let family = Explanation { kind: change(novelty, false, false), pace: 1.0, overlap: 1.0 };
                let marks = Marks {
                    novelty,
                    mark: mark(novelty),
                    pace: None,
                    at_once: None,
                    elsewhere: None,
                    hour: 1.0,
                    is_redial: false,
                    families: [family; 3],
                };
                pool.step(CallId::new(1), &marks, Timestamp::from_nanos(0));
                interest = interest.saturating_add(u16::from(novelty.is_new_abroad()));
                calls += 1;
            }
            total += calls;
        }
        assert!(total / 40 >= 1000, "{}", total / 40);
    }
}
