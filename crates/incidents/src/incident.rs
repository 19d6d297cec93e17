use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use bellwether_base::{IncidentId, IncidentState, Severity, Span, Timestamp};

use crate::number::Place;
use crate::pool::PoolKey;

/// The kind of an incident.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IncidentKind {
    /// Accounts or devices call expensive destinations for somebody who does not pay.
    TollFraud,
    /// A device uses an account to call people whom its owner does not know.
    AccountTakeover,
    /// Calls ring once, so that people call an expensive number back (Wangiri).
    OneRing,
    /// A gateway ends other people's calls (SIM box).
    Gateway,
    /// Invented callers talk to numbers that earn by being called.
    Pumping,
    /// An address tries extensions, dial prefixes or accounts.
    Scan,
    /// One account talks from two addresses at once.
    TwoPlaces,
}

impl IncidentKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::TollFraud,
        Self::AccountTakeover,
        Self::OneRing,
        Self::Gateway,
        Self::Pumping,
        Self::Scan,
        Self::TwoPlaces,
    ];

    /// The name in reports and in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TollFraud => "toll_fraud",
            Self::AccountTakeover => "account_takeover",
            Self::OneRing => "one_ring",
            Self::Gateway => "gateway",
            Self::Pumping => "pumping",
            Self::Scan => "scan",
            Self::TwoPlaces => "two_places",
        }
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is none of [`IncidentKind::ALL`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no kind of incident \"{0}\"")]
pub struct UnknownKind(String);

impl FromStr for IncidentKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

/// The operator's word about an incident.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IncidentLabel {
    /// It is fraud.
    Fraud,
    /// It is honest. The incident is over, and its parties' habits are theirs.
    Legit,
}

impl IncidentLabel {
    /// The probability of fraud that follows from the operator's word.
    #[must_use]
    pub const fn probability(self) -> f64 {
        match self {
            Self::Fraud => 0.99,
            Self::Legit => 0.01,
        }
    }
}

/// One fraud, whatever number of calls it has.
#[derive(Clone, PartialEq, Debug)]
pub struct Incident {
    /// Its identity.
    pub id: IncidentId,
    /// Its kind.
    pub kind: IncidentKind,
    /// Its severity, which only rises.
    pub severity: Severity,
    /// The account, source, range or destination that it is about, in words.
    pub subject: String,
    /// Time of the alarm.
    pub opened_at: Timestamp,
    /// Time of the latest member or change.
    pub updated_at: Timestamp,
    /// Its end.
    pub closed_at: Option<Timestamp>,
    /// Its state.
    pub state: IncidentState,
    /// Number of members.
    pub calls: u32,
    /// Minutes of answered members that have ended.
    pub exposed_minutes: f64,
    /// Money of these minutes by the operator's rates.
    pub exposed_money: f64,
    /// Probability that it is fraud.
    pub fraud_probability: f64,
    /// Sentences that say why.
    pub evidence: Vec<String>,
    /// The operator's word.
    pub label: Option<IncidentLabel>,
    /// The incident that took it in.
    pub merged_into: Option<IncidentId>,
    pub(crate) facts: Facts,
}

/// The facts behind an incident's evidence.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Facts {
    /// The pools that spoke for it.
    pub(crate) keys: Vec<PoolKey>,
    pub(crate) accounts: Vec<(u64, Box<str>, u32)>,
    pub(crate) sources: Vec<(IpAddr, u32)>,
    pub(crate) platforms: Vec<(u64, u32)>,
    pub(crate) callees: crate::sketch::Distinct,
    pub(crate) ranges: Vec<(u64, u32)>,
    pub(crate) places: Vec<(Place, u32)>,
    pub(crate) origins: Vec<(Place, u32)>,
    pub(crate) first: Option<Timestamp>,
    pub(crate) last: Option<Timestamp>,
    /// Members at which growth is told next.
    pub(crate) told_at: u32,
    pub(crate) answered: u32,
    pub(crate) call_backs: u32,
    pub(crate) costly: u32,
    /// Answered members that have not ended.
    pub(crate) running: u32,
    pub(crate) ln_m: f64,
    /// The threshold of the detector that opened it.
    pub(crate) threshold: f64,
    pub(crate) rival: &'static str,
    pub(crate) also: Vec<String>,
    /// The account's past, as words.
    pub(crate) past: Option<String>,
    pub(crate) is_round_the_clock: bool,
    /// The reason for the end.
    pub(crate) closed_for: Option<&'static str>,
}

/// Accounts, sources and the like that an incident names.
pub(crate) const MAX_NAMED: usize = 64;

/// Counts a thing of a list. Returns true if the list got it now.
pub(crate) fn tally<K: PartialEq>(list: &mut Vec<(K, u32)>, key: K) -> bool {
    if let Some((_, count)) = list.iter_mut().find(|(known, _)| *known == key) {
        *count = count.saturating_add(1);
        return false;
    }
    let has_room = list.len() < MAX_NAMED;
    if has_room {
        list.push((key, 1));
    }
    has_room
}

impl Facts {
    /// True if a call of the incident goes to this place.
    pub(crate) fn names_place(&self, place: Option<Place>) -> bool {
        self.places.iter().any(|(of, _)| place == Some(*of))
    }

    /// True if a call of the incident comes from this address.
    pub(crate) fn names_source(&self, source: IpAddr) -> bool {
        self.sources.iter().any(|(of, _)| *of == source)
    }

    /// True if the latest call began less than a time before.
    pub(crate) fn was_lately(&self, at: Timestamp, within: Span) -> bool {
        self.last.is_some_and(|last| at.since(last) < within)
    }

    /// Adds a sentence. A later one that begins alike takes its place.
    pub(crate) fn say(&mut self, sentence: &str) {
        const ALIKE: usize = 12;
        let begins = |text: &str| text.chars().take(ALIKE).collect::<String>();
        self.also.retain(|known| begins(known) != begins(sentence));
        if self.also.len() < 8 {
            self.also.push(sentence.to_owned());
        }
    }

    /// Counts calls of an account, by its name.
    pub(crate) fn name(&mut self, account: u64, name: &str, calls: u32) {
        if let Some((.., count)) = self.accounts.iter_mut().find(|(known, ..)| *known == account) {
            *count = count.saturating_add(calls);
        } else if self.accounts.len() < MAX_NAMED {
            self.accounts.push((account, name.into(), calls));
        }
    }
}

impl Incident {
    /// True until it is closed or taken in by another one.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed_at.is_none() && self.merged_into.is_none()
    }
}
