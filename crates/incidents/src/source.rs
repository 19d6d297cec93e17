//! The habits of a source address.

use bellwether_base::Timestamp;

use crate::gateway;
use crate::rate::{OlderRate, Rate};
use crate::settings::DAY;
use crate::sketch::{Distinct, SeenLately, pair};

/// Numbers that a source shows, of which the calls are counted.
const MAX_NUMBERS: usize = 64;

/// Words of each filter of callees, for a source with several numbers.
const WORDS: usize = 256;

/// A carrier's trunk calls all people of a site. A sender that throws numbers away calls few.
const FEW_CALLEES: f64 = 6.5;

/// A source with more numbers is a server of many people.
const SERVER: f64 = 4.0;

/// Numbers from which on callees are noted.
const SEVERAL: usize = 3;

/// Share of calls abroad that is expected of an account of a source that nobody knows, with its weight in calls.
pub(crate) const UNKNOWN_SHARE: (f64, f64) = (0.25, 4.0);

/// Calls of a source, with the weight of the prior, from which on its share of calls abroad says what its accounts do.
const KNOWN_CALLS: f64 = 24.0;

/// Largest weight of that share.
const SHARE_WEIGHT: f64 = 15.0;

/// A source address, or a /64 of IPv6.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) calls: u32,
    /// The most used numbers with their calls (Metwally et al. 2005, Space-Saving).
    numbers: Vec<(u32, u32)>,
    all_numbers: Distinct,
    all_callees: Distinct,
    callees: Option<Box<[SeenLately; 2]>>,
    /// Callees before there are several numbers.
    early: Vec<(u32, u32)>,
    hours: u32,
    pub(crate) cut: OlderRate,
    pub(crate) refused: OlderRate,
    /// Share of calls abroad, as it was before the last hour.
    pub(crate) abroad: OlderRate,
    /// Accounts that it tried to register in vain, with the times, and with success.
    tried: Vec<(u32, u16)>,
    admitted: Vec<u32>,
    /// The last time that a scan or a guess was found here.
    pub(crate) scanned: Option<Timestamp>,
    pub(crate) guessed: Option<Timestamp>,
}

impl Source {
    pub(crate) fn new() -> Self {
        Self {
            calls: 0,
            numbers: Vec::new(),
            all_numbers: Distinct::default(),
            all_callees: Distinct::default(),
            callees: None,
            early: Vec::new(),
            hours: 0,
            cut: OlderRate::prior(0.05, 2.0),
            refused: OlderRate::prior(0.05, 2.0),
            abroad: OlderRate::prior(UNKNOWN_SHARE.0 as f32, UNKNOWN_SHARE.1 as f32),
            tried: Vec::new(),
            admitted: Vec::new(),
            scanned: None,
            guessed: None,
        }
    }

    /// Takes a call in. Returns what the source knew of the callee, and the number's earlier calls.
    pub(crate) fn begin(&mut self, number: u64, callee: u64, at: Timestamp) -> (gateway::Callee, u32) {
        self.calls = self.calls.saturating_add(1);
        self.hours |= 1 << at.hour_of_day();
        self.all_numbers.add(number);
        self.all_callees.add(callee);
        let nth = self.count(number as u32);
        let of_pair = pair(number, callee);
        if self.callees.is_none() && self.numbers.len() >= SEVERAL {
            let mut filters = Box::new([SeenLately::new(WORDS, at), SeenLately::new(WORDS, at)]);
            let [callees, pairs] = filters.as_mut();
            for (callee, of_pair) in self.early.drain(..) {
                callees.add(u64::from(callee), at);
                pairs.add(u64::from(of_pair), at);
            }
            self.callees = Some(filters);
        }
        let (callee, of_pair) = (callee as u32, of_pair as u32);
        let (is_known, is_own) = match &mut self.callees {
            Some(filters) => {
                let [callees, pairs] = filters.as_mut();
                (callees.add(u64::from(callee), at), pairs.add(u64::from(of_pair), at))
            }
            None => {
                let known = (
                    self.early.iter().any(|(known, _)| *known == callee),
                    self.early.iter().any(|(_, known)| *known == of_pair),
                );
                if self.early.len() == MAX_NUMBERS {
                    self.early.remove(0);
                }
                self.early.push((callee, of_pair));
                known
            }
        };
        let callee = match (is_own, is_known) {
            (true, _) => gateway::Callee::KnownToThis,
            (false, true) => gateway::Callee::KnownToOther,
            (false, false) => gateway::Callee::New,
        };
        (callee, nth)
    }

    /// Counts a call of a number. Returns how many it made before.
    fn count(&mut self, number: u32) -> u32 {
        if let Some((_, calls)) = self.numbers.iter_mut().find(|(known, _)| *known == number) {
            *calls = calls.saturating_add(1);
            return *calls - 1;
        }
        if self.numbers.len() < MAX_NUMBERS {
            self.numbers.push((number, 1));
            return 0;
        }
        // The least used number gives its place and its count.
        let least = self.numbers.iter_mut().min_by_key(|(_, calls)| *calls);
        if let Some(least) = least {
            *least = (number, least.1.saturating_add(1));
        }
        0
    }

    /// True if the source called this person within two days.
    pub(crate) fn has_called(&self, callee: u64) -> bool {
        match &self.callees {
            Some(filters) => filters.first().is_some_and(|callees| callees.has(u64::from(callee as u32))),
            None => self.early.iter().any(|(known, _)| *known == callee as u32),
        }
    }

    /// Different numbers, roughly.
    pub(crate) fn numbers(&self) -> f64 {
        self.all_numbers.estimate()
    }

    /// The share of calls whose number had called before.
    pub(crate) fn again(&self) -> f64 {
        let calls = f64::from(self.calls.max(1));
        1.0 - (self.numbers() / calls).min(1.0)
    }

    /// True for a source that shows ever new numbers, and calls few people.
    pub(crate) fn is_throwaway(&self) -> bool {
        let calls = f64::from(self.calls.min(400));
        self.calls >= 5
            && self.numbers().min(calls) / calls > 0.7
            && self.all_callees.estimate() / calls < 0.3
            && self.all_callees.estimate() < FEW_CALLEES
    }

    /// Hours of the day in which it called.
    pub(crate) const fn hours(&self) -> u32 {
        self.hours.count_ones()
    }

    /// Notes an account whose registration was refused or accepted. Returns how many times it was, without a success
    /// before; 0 beyond the accounts that are noted.
    pub(crate) fn registered(&mut self, account: u64, is_accepted: bool) -> u16 {
        let account = account as u32;
        let is_admitted = self.admitted.contains(&account);
        if is_accepted {
            if !is_admitted && self.admitted.len() < MAX_NUMBERS {
                self.admitted.push(account);
            }
            return u16::from(!is_admitted);
        }
        if is_admitted {
            return 0;
        }
        if let Some((_, times)) = self.tried.iter_mut().find(|(known, _)| *known == account) {
            *times = times.saturating_add(1);
            return *times;
        }
        let has_room = self.tried.len() < MAX_NUMBERS;
        if has_room {
            self.tried.push((account, 1));
        }
        u16::from(has_room)
    }

    /// True for an address that guesses passwords: five accounts refused, and at most a quarter of that number admitted.
    /// An office with a wrong password is none.
    pub(crate) fn guesses(&self) -> bool {
        let only = self.tried.iter().filter(|(account, _)| !self.admitted.contains(account)).count();
        only >= 5 && self.admitted.len() * 4 <= self.tried.len()
    }

    /// The strongest reason of the last day to suspect its calls.
    pub(crate) fn suspicion(&self, at: Timestamp) -> Option<Suspicion> {
        let is_recent = |since: Option<Timestamp>| since.is_some_and(|since| at.since(since) <= DAY);
        let all = [(self.guessed, Suspicion::Guessed), (self.scanned, Suspicion::Scanned)];
        all.into_iter().find(|(since, _)| is_recent(*since)).map(|(_, suspicion)| suspicion)
    }

    /// The share of calls abroad that is expected of one of its accounts, with its weight in calls. A carrier's server
    /// says little about one subscriber.
    pub(crate) fn share_abroad(&mut self, at: Timestamp) -> (f64, f64) {
        let (mean, weight) = self.abroad.older(at);
        if weight < KNOWN_CALLS || self.numbers() > MAX_NUMBERS as f64 {
            return UNKNOWN_SHARE;
        }
        (mean, (weight / 4.0).min(SHARE_WEIGHT))
    }

    /// True for a server of many people.
    pub(crate) fn is_server(&self) -> bool {
        self.numbers() > SERVER
    }

    /// True for an account that was admitted after many wrong passwords.
    pub(crate) fn guessed_one(&self, account: u64) -> bool {
        const MANY: u16 = 10;
        self.tried.iter().any(|(known, times)| *known == account as u32 && *times >= MANY)
    }
}

/// A reason to suspect the calls of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Suspicion {
    /// It scanned.
    Scanned,
    /// It guessed passwords.
    Guessed,
}

/// Rates of the site, of callers from abroad and from home.
#[derive(Debug)]
pub(crate) struct SiteRates {
    pub(crate) cut: [OlderRate; 2],
    pub(crate) refused: OlderRate,
    /// Callers to any number: repeats, known elsewhere.
    pub(crate) repeats: Rate,
    pub(crate) unseen: Rate,
    /// Sources: bonded, never seen.
    pub(crate) bonded: Rate,
    pub(crate) fresh: Rate,
    pub(crate) throwaway: Rate,
}

impl Default for SiteRates {
    fn default() -> Self {
        Self {
            cut: [OlderRate::prior(0.05, 40.0), OlderRate::prior(0.05, 12.0)],
            refused: OlderRate::prior(0.05, 40.0),
            repeats: Rate::prior(0.2, 15.0),
            unseen: Rate::prior(0.7, 15.0),
            bonded: Rate::prior(0.3, 15.0),
            fresh: Rate::prior(0.4, 15.0),
            throwaway: Rate::prior(0.1, 15.0),
        }
    }
}
