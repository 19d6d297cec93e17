//! Numbers as detectors see them: country, class and range.

use std::fmt;

/// The price class of a number's range, wherever the call comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum NumberClass {
    /// No known class.
    #[default]
    Plain,
    /// A destination that reports on toll fraud name often.
    Risky,
    /// Satellites and international networks (+870, +881, +882, +883).
    Satellite,
    /// National and international premium rate.
    Premium,
    /// Shared cost.
    SharedCost,
    /// Free for the caller. The called party pays.
    TollFree,
}

impl NumberClass {
    /// True if calls there earn somebody money.
    #[must_use]
    pub const fn is_costly(self) -> bool {
        matches!(self, Self::Risky | Self::Satellite | Self::Premium)
    }
}

/// The class of a price.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "see `NumberClass`")]
pub enum RateClass {
    Domestic,
    Plain,
    Risky,
    Satellite,
    Premium,
    SharedCost,
    TollFree,
}

/// One reading of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    /// The country calling code. A part of the North American plan outside the United States and Canada has its
    /// area code behind the 1: 1242 is the Bahamas.
    pub country: u16,
    /// Its class.
    pub class: NumberClass,
    /// Key of its range: the first digits, usually seven.
    pub range: u64,
}

/// The readings of a number. Which one is right depends on the site's numbering plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Readings {
    /// The number has a country code: behind a plus, an international prefix, or by the operator's plan.
    pub told: Option<Number>,
    /// True if an international prefix was dialled, as subscribers dial.
    pub is_dialled: bool,
    /// The digits read as a number with its country code and without a prefix.
    pub bare: Option<Number>,
    /// True for a number of at least seven digits.
    pub is_number: bool,
}

/// A country, or the premium and satellite numbers of one, which are places of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Place {
    pub(crate) country: u16,
    pub(crate) class: NumberClass,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class {
            NumberClass::Premium => write!(f, "premium +{}", self.country),
            _ => write!(f, "+{}", self.country),
        }
    }
}

/// The place of a number, seen from the site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Destination {
    /// At home, or nobody can say.
    Domestic(NumberClass),
    /// Abroad, or a premium number at home.
    Abroad(Place),
}

impl Destination {
    pub(crate) const fn is_abroad(self) -> bool {
        matches!(self, Self::Abroad(_))
    }

    pub(crate) const fn rate(self) -> RateClass {
        let (abroad, class) = match self {
            Self::Domestic(class) => (false, class),
            Self::Abroad(place) => (true, place.class),
        };
        match class {
            NumberClass::Plain if abroad => RateClass::Plain,
            NumberClass::Plain => RateClass::Domestic,
            NumberClass::Risky => RateClass::Risky,
            NumberClass::Satellite => RateClass::Satellite,
            NumberClass::Premium => RateClass::Premium,
            NumberClass::SharedCost => RateClass::SharedCost,
            NumberClass::TollFree => RateClass::TollFree,
        }
    }

    pub(crate) const fn is_costly(self) -> bool {
        matches!(self, Self::Abroad(place) if place.class.is_costly())
    }

    pub(crate) const fn place(self) -> Option<Place> {
        match self {
            Self::Abroad(place) => Some(place),
            Self::Domestic(_) => None,
        }
    }
}
