use bellwether_base::{Span, Timestamp};
use ipnet::IpNet;

use crate::{IncidentKind, RateClass};

/// Settings of the detection of incidents.
#[derive(Clone, PartialEq, Debug)]
pub struct IncidentSettings {
    /// False incidents that are accepted in a million honest calls. It sets the thresholds of all detectors.
    pub false_per_million: f64,
    /// Country calling code of the site, if the operator says it. It is learned otherwise.
    pub home: Option<u16>,
    /// Price of a minute by class of destination.
    pub rates: Rates,
    /// Limits that are told even where no fraud is proven.
    pub limits: Limits,
    /// Exceptions.
    pub exemptions: Vec<Exemption>,
}

/// Price of a minute by class of destination, in the operator's currency.
#[derive(Clone, Copy, PartialEq, Debug)]
#[expect(missing_docs, reason = "one field for each class of destination")]
pub struct Rates {
    pub domestic: f64,
    pub plain: f64,
    pub risky: f64,
    pub satellite: f64,
    pub premium: f64,
    pub shared_cost: f64,
    pub toll_free: f64,
}

impl Rates {
    /// The price of a minute.
    #[must_use]
    pub const fn of(&self, class: RateClass) -> f64 {
        match class {
            RateClass::Domestic => self.domestic,
            RateClass::Plain => self.plain,
            RateClass::Risky => self.risky,
            RateClass::Satellite => self.satellite,
            RateClass::Premium => self.premium,
            RateClass::SharedCost => self.shared_cost,
            RateClass::TollFree => self.toll_free,
        }
    }
}

/// Limits of a day. 0 is no limit.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// Minutes to risky and premium destinations by an account younger than a week.
    pub new_account_risky_minutes: f64,
    /// Minutes to satellites and international networks by an account younger than a week.
    pub new_account_satellite_minutes: f64,
    /// Money of calls abroad by any account.
    pub account_money_day: f64,
    /// Money exposed in an incident, from which on it is critical.
    pub critical_money: f64,
}

/// A subject or a kind of incident that is not looked at.
#[derive(Clone, PartialEq, Debug)]
pub struct Exemption {
    /// The subject.
    pub what: Exempt,
    /// The operator's reason.
    pub reason: String,
    /// The exemption ends here.
    pub until: Option<Timestamp>,
}

/// The subject of an exemption.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Exempt {
    /// A kind of incident.
    Kind(IncidentKind),
    /// An account, by its key.
    Account(u64),
    /// A network.
    Network(IpNet),
    /// A country calling code, or a North American area of its own.
    Country(u16),
}

impl Exemption {
    /// True while it is in force.
    #[must_use]
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

impl Default for IncidentSettings {
    fn default() -> Self {
        Self {
            false_per_million: 3.0,
            home: None,
            rates: Rates {
                domestic: 0.01,
                plain: 0.05,
                risky: 0.6,
                satellite: 5.0,
                premium: 1.5,
                shared_cost: 0.2,
                toll_free: 0.02,
            },
            limits: Limits {
                new_account_risky_minutes: 0.0,
                new_account_satellite_minutes: 30.0,
                account_money_day: 0.0,
                critical_money: 100.0,
            },
            exemptions: Vec::new(),
        }
    }
}

/// Pools that one call enters at most, beside that of costly calls of its account.
const POOLS: f64 = 12.0;

/// Share of the accepted false incidents that costly calls of accounts may raise. They cost most, and each call before
/// the incident costs money.
const OF_COSTLY_CALLS: f64 = 0.5;

impl IncidentSettings {
    /// ln C, the threshold of ln M. An honest pool needs C calls on average for a false alarm, and a call enters
    /// twelve pools at most beside that of costly calls of its account.
    ///
    /// The default accepts 3 false alarms in a million calls, half of them here: C = 8 million.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        (1e6 * POOLS / self.false_alarms(1.0 - OF_COSTLY_CALLS)).ln()
    }

    /// ln C of the toll fraud of one account in costly countries. The default is C = 0.67 million.
    #[must_use]
    pub fn costly_threshold(&self) -> f64 {
        (1e6 / self.false_alarms(OF_COSTLY_CALLS)).ln()
    }

    /// False alarms that a share of the pools may raise in a million calls.
    fn false_alarms(&self, share: f64) -> f64 {
        share * self.false_per_million.max(1e-6)
    }
}

/// A day.
pub(crate) const DAY: Span = Span::from_secs(86_400);
/// An hour.
pub(crate) const HOUR: Span = Span::from_secs(3600);
