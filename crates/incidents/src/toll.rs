//! Toll fraud by one account: premium destinations called on a stolen password or on a hacked device.

use std::net::IpAddr;
use std::sync::LazyLock;

use bellwether_base::{CallId, Span, Timestamp};

use crate::account::{AT_ONCE, Account, CallPlace, PACES, pace};
use crate::detector::{LogM, ln_add, mixed};
use crate::novelty::{KINDS, Novelty};
use crate::number::Destination;

/// Share of an account's calls that the fraud makes on the own device, by its rhythm. The owner goes on calling, and
/// makes more of the calls if the fraud takes its time.
const SHARES: [f64; RHYTHMS] = [0.9, 0.75, 0.4, 0.75];

/// Share of the calls from a new place that the fraud makes. The owner makes few there.
const SHARE_ELSEWHERE: f64 = 0.95;

/// Share of an account's calls, from here on, that a fraud from a new place makes, by its rhythm. Each call from home
/// speaks as much against it.
const ARRIVES: [f64; RHYTHMS] = [0.8, 0.8, 0.3, 0.3];

/// Calls that a pool remembers, of those that speak for the fraud.
pub(crate) const REMEMBERED: usize = 32;

/// Foreign share of an account from which on calls abroad are its habit.
const FOREIGN: f64 = 0.08;

/// The kinds of toll fraud.
const FRAUDS: usize = 4;

/// Rhythms: several calls at once, one after the other, at any pace, and at any pace with any number of calls at once.
const RHYTHMS: usize = 4;

/// Weights of the frauds and of the rhythms before any call. Half of the frauds come from elsewhere.
const FRAUD_WEIGHTS: [f64; FRAUDS] = [0.4, 0.25, 0.25, 0.1];
const RHYTHM_WEIGHTS: [f64; RHYTHMS] = [0.4, 0.2, 0.2, 0.2];

/// Logarithms of the weights of all alternatives.
static LN_WEIGHTS: LazyLock<[f64; ALTERNATIVES]> = LazyLock::new(|| {
    let of_frauds = FRAUD_WEIGHTS.into_iter().flat_map(|fraud| RHYTHM_WEIGHTS.map(|rhythm| fraud * rhythm));
    let mut all = of_frauds.flat_map(|weight| [(weight / 2.0).ln(); 2]);
    std::array::from_fn(|_| all.next().unwrap_or(f64::NEG_INFINITY))
});

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
    /// Share of calls abroad that is expected of an account of this source address, with its weight in calls.
    pub(crate) share_abroad: (f64, f64),
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
    place: CallPlace,
    /// Honest probability of a place that is new today, for the first call from there.
    arrival: Option<f64>,
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
        let place_of_call = account.place(source, at);
        let is_new_place = matches!(place_of_call, CallPlace::New { .. });
        let is_abroad = destination.is_abroad();
        let at_once = is_abroad.then(|| account.abroad_at_once(at));
        let pause = if is_abroad { last_pause(account, callee, at) } else { None };
        let overlap = |prior: (&[f64; AT_ONCE], f64), with_today: bool| {
            at_once.map_or(1.0, |others| account.at_once(others, prior, with_today))
        };
        // A trade's pace is learned from all its calls, as its share of calls abroad is.
        let pace_of = |least: [f64; PACES], with_today: bool| match pause {
            None => 1.0,
            // Somebody who was talked to is called back later.
            Some(Pause::AfterTalk(bin)) => place(AFTER_TALK, bin),
            Some(Pause::AfterCall(bin)) => account.pace(bin, &site.paces, with_today).max(place(least, bin)),
        };
        let families = [
            Explanation {
                kind: account.past(novelty.kind(), &site.kinds),
                pace: pace_of(RINGS_ROUND, false),
                overlap: overlap(ONE_LINE, false),
            },
            // People ring round.
            Explanation {
                kind: change(novelty, is_new_place, site.is_season),
                pace: pace_of(if novelty.is_one_interest() { RINGS_ROUND_ONE } else { RINGS_ROUND }, false),
                overlap: overlap(ONE_LINE, false),
            },
            Explanation {
                kind: abroad(novelty, Trade::of(account, site, at)),
                pace: pace_of(MANY_PEOPLE, true),
                overlap: overlap(MANY_LINES, true),
            },
        ];
        let is_arrival = is_abroad && place_of_call == CallPlace::New { has_arrived: false };
        Self {
            novelty,
            mark: mark(novelty),
            pace: pause.map(Pause::bin),
            at_once,
            place: place_of_call,
            arrival: is_arrival.then(|| account.moves.mean().clamp(0.01, 0.9)),
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

    /// ln e of the alternatives, each mixed with the calls that the owner makes.
    fn ln_e(&self) -> [f64; ALTERNATIVES] {
        const FAST: [f64; PACES] = [0.20, 0.35, 0.30, 0.10, 0.05];
        const SEVERAL: [f64; AT_ONCE] = [0.40, 0.25, 0.35];
        const ONE: [f64; AT_ONCE] = [0.92, 0.06, 0.02];
        let row = FRAUD.get(self.mark).copied().unwrap_or_default();
        let pace = self.pace.map_or(1.0, |bin| place(FAST, bin));
        let overlap = |of: [f64; AT_ONCE]| self.at_once.map_or(1.0, |bin| place(of, bin));
        let all_marks = self.best(Explanation::all).0;
        // A mark that a rhythm leaves open counts for no family either.
        let rhythms: [f64; RHYTHMS] = [
            pace * overlap(SEVERAL) / all_marks,
            pace * overlap(ONE) / all_marks,
            overlap(ONE) / self.best(|family| family.kind * family.overlap).0,
            1.0 / self.best(|family| family.kind).0,
        ];
        let mut all = [0.0; ALTERNATIVES];
        let mut next = all.iter_mut();
        for fraud in row {
            for (rhythm, of_rhythm) in rhythms.into_iter().enumerate() {
                for is_elsewhere in [false, true] {
                    let Some(ln_e) = next.next() else { return all };
                    let marks = fraud * of_rhythm * self.hour;
                    *ln_e = match (is_elsewhere, self.place) {
                        (true, CallPlace::Own | CallPlace::New { .. }) => {
                            self.elsewhere(place(ARRIVES, rhythm), marks)
                        }
                        (true, CallPlace::Unknown) | (false, _) => mixed(place(SHARES, rhythm), marks.ln()),
                    };
                }
            }
        }
        all
    }

    /// ln e under a fraud from elsewhere that makes a share of the calls, with the ratio of the other marks. What is called from home, and how, says
    /// nothing about somebody elsewhere.
    fn elsewhere(&self, share: f64, marks: f64) -> f64 {
        match (self.place, self.arrival) {
            (CallPlace::Own, _) => (1.0 - share).ln(),
            (_, Some(moves)) => mixed(share, (marks * 0.95 / moves).ln()),
            (_, None) => mixed(SHARE_ELSEWHERE, marks.ln()),
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

/// The least probabilities of paces of somebody who rings round, in one country or in several ones, and of many people
/// behind one account.
const RINGS_ROUND_ONE: [f64; PACES] = [0.03, 0.20, 0.30, 0.15, 0.10];
const RINGS_ROUND: [f64; PACES] = [0.03, 0.20, 0.10, 0.10, 0.10];
const MANY_PEOPLE: [f64; PACES] = [0.06, 0.50, 0.10, 0.10, 0.10];
/// Calls that somebody makes who rings round. Few make many more.
const RINGS_ROUND_CALLS: f64 = 25.0;

/// Other calls under way, of somebody with one telephone and of many people behind one account, each with its weight in
/// calls.
const ONE_LINE: (&[f64; AT_ONCE], f64) = (&[0.97, 0.024, 0.006], 20.0);
const MANY_LINES: (&[f64; AT_ONCE], f64) = (&[0.50, 0.35, 0.15], 10.0);

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
            0.004_f64.max(beside).max(alone).max(when(is_season && countries == 0, 0.10))
        }
        Novelty::NewCountry { countries, .. } => {
            let alone = when(countries == 0 && is_new_place, 0.10);
            0.010_f64.max(when(countries > 0, 0.06)).max(alone).max(when(is_season, 0.10))
        }
        // Somebody rings round in one country, and every range of it is as good.
        Novelty::Interest { place, calls, countries: 1, is_same_range: false, .. } => {
            let rings_round = if place.class.is_costly() { 0.30 } else { 0.45 };
            let goes_on = (RINGS_ROUND_CALLS / f64::from(calls.max(1))).min(1.0);
            (0.7 / (1.0 + f64::from(calls))).max(rings_round * goes_on)
        }
        Novelty::Interest { calls, .. } => 0.7 / (1.0 + f64::from(calls)),
        Novelty::Again { calls, .. } => 0.7 * f64::from(calls) / (1.0 + f64::from(calls)),
        Novelty::Settled => 0.1,
        Novelty::Known | Novelty::NewDomestic => 0.2,
    }
}

/// An account as one that calls abroad by trade.
#[derive(Clone, Copy, Debug)]
struct Trade {
    /// Share of its calls that go abroad.
    share: f64,
    /// Its calls to costly countries, as a part of those that trades have: a hotel whose guests call few of them goes on
    /// so.
    costly: f64,
    /// Calls abroad are its habit.
    is_foreign: bool,
}

impl Trade {
    fn of(account: &Account, site: &Site, at: Timestamp) -> Self {
        /// The costly share of a trade's calls abroad.
        const OF_TRADES: f64 = 0.3;
        Self {
            share: account.share_abroad(site.share_abroad, at),
            costly: (account.costly_share(OF_TRADES) / OF_TRADES).min(1.0),
            is_foreign: account.foreign_share() >= FOREIGN,
        }
    }
}

/// Hotels, call shops and call centres, whose share of calls abroad is learned from all their calls, today's too. An
/// account without a history may be one.
fn abroad(novelty: Novelty, Trade { share, costly, is_foreign }: Trade) -> f64 {
    // Of calls abroad, and of all calls of an account that calls abroad by trade.
    let (of_abroad, least) = match novelty {
        Novelty::NewCountry { place, .. } if place.class.is_costly() => (0.12, 0.10 * costly),
        Novelty::NewCountry { .. } => (0.60, 0.12),
        Novelty::Interest { place, .. } if place.class.is_costly() => (0.35, 0.30 * costly),
        Novelty::Interest { .. } => (0.90, 0.30),
        Novelty::Again { .. } => (0.60, 0.30),
        Novelty::Settled => (0.60, 0.30),
        Novelty::Known | Novelty::NewDomestic => return 0.5 * (1.0 - share).max(0.4),
    };
    (share * of_abroad).max(if is_foreign { least } else { 0.0 })
}

/// A call that spoke for the fraud.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remembered {
    pub(crate) call: CallId,
    began: Timestamp,
    is_costly: bool,
}

/// The detectors of one account.
#[derive(Clone, Debug)]
pub(crate) struct TollPool {
    logs: [LogM; ALTERNATIVES],
    /// Calls that spoke for the fraud, oldest first.
    pub(crate) calls: Vec<Remembered>,
    pub(crate) rivals: [u32; 3],
}

impl Default for TollPool {
    fn default() -> Self {
        Self { logs: [LogM::default(); ALTERNATIVES], calls: Vec::new(), rivals: [0; 3] }
    }
}

impl TollPool {
    /// Takes a call in.
    pub(crate) fn step(&mut self, call: CallId, marks: &Marks, at: Timestamp) {
        if marks.is_redial {
            return;
        }
        if self.logs.iter().all(|log| log.ln() < NOTHING) {
            self.calls.clear();
            self.rivals = [0; 3];
        }
        let all = marks.ln_e();
        for (log, ln_e) in self.logs.iter_mut().zip(all) {
            log.step(ln_e);
        }
        let speaks = marks.novelty.is_new_abroad() && all.iter().any(|ln_e| *ln_e > 0.0);
        if speaks {
            self.calls.retain(|known| at.since(known.began) < RELEVANT);
            if self.calls.len() == REMEMBERED {
                self.calls.remove(0);
            }
            self.calls.push(Remembered { call, began: at, is_costly: marks.novelty.is_costly() });
            if let Some(count) = self.rivals.get_mut(marks.rival() as usize) {
                *count += 1;
            }
        }
    }

    /// Adds prior odds: somebody scanned, or guessed the password.
    pub(crate) fn add_prior(&mut self, ln_odds: f64) {
        self.logs.iter_mut().for_each(|log| log.add(ln_odds));
    }

    /// ln M: the mean of the alternatives by their weights.
    pub(crate) fn ln_m(&self) -> f64 {
        let all = self.logs.iter().zip(LN_WEIGHTS.iter()).map(|(log, ln_weight)| log.ln() + ln_weight);
        all.fold(f64::NEG_INFINITY, ln_add)
    }

    /// True if at least half of the calls that speak for the fraud went to costly countries.
    pub(crate) fn is_costly(&self) -> bool {
        2 * self.calls.iter().filter(|call| call.is_costly).count() >= self.calls.len()
    }

    /// The honest explanation that fits most of the calls.
    pub(crate) fn rival(&self) -> HonestCaller {
        let all = [HonestCaller::Past, HonestCaller::Change, HonestCaller::Abroad];
        let best = (0..3).max_by_key(|place| self.rivals.get(*place)).unwrap_or(1);
        all.get(best).copied().unwrap_or(HonestCaller::Change)
    }
}

/// ln M of each alternative of an account of which nothing is suspected. A fraud begins after the last call of this kind.
const NOTHING: f64 = 1.0;

/// Calls further back belong to no new incident.
const RELEVANT: Span = Span::from_secs(7 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumberClass;
    use crate::detector::tests::uniform;
    use crate::number::Place;

    const COSTLY: Place = Place { country: 252, class: NumberClass::Risky };
    const TRADE: Trade = Trade { share: 0.5, costly: 1.0, is_foreign: true };
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
                assert!(sum(&|novelty| abroad(novelty, TRADE)) <= 2.2, "{calls}");
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

    fn marks(novelty: Novelty, place: CallPlace, arrival: Option<f64>) -> Marks {
        let family = Explanation { kind: change(novelty, false, false), pace: 1.0, overlap: 1.0 };
        Marks {
            novelty,
            mark: mark(novelty),
            pace: None,
            at_once: None,
            place,
            arrival,
            hour: 1.0,
            is_redial: false,
            families: [family; 3],
        }
    }

    /// The mean of e over the places of honest calls is at most 1: somebody who moves now and then, and somebody who
    /// came to a new place today and calls from there, from a third place, and from home.
    #[test]
    fn a_place_has_a_mean_of_one() {
        let new = |has_arrived| CallPlace::New { has_arrived };
        let e = |place, arrival, share| marks(Novelty::Known, place, arrival).elsewhere(share, 1.0).exp();
        for share in ARRIVES {
            let home = e(CallPlace::Own, None, share);
            for moves in [0.01, 0.05, 0.3, 0.9] {
                let mean = moves * e(new(false), Some(moves), share) + (1.0 - moves) * home;
                assert!(mean <= 1.0 + 1e-9, "{share} {moves}: {mean}");
            }
            assert!(0.75 * e(new(true), None, share) + 0.05 * e(new(true), None, share) + 0.2 * home <= 1.0);
        }
        assert!((FRAUD_WEIGHTS.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((RHYTHM_WEIGHTS.iter().sum::<f64>() - 1.0).abs() < 1e-9);
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
                let marks = marks(novelty, CallPlace::Unknown, None);
                pool.step(CallId::new(1), &marks, Timestamp::from_nanos(0));
                interest = interest.saturating_add(u16::from(novelty.is_new_abroad()));
                calls += 1;
            }
            total += calls;
        }
        assert!(total / 40 >= 1000, "{}", total / 40);
    }
}
