//! The novelty of a destination for an account.

use crate::number::Place;

/// Kinds of destinations of the past, in the order of counts.
pub(crate) const KINDS: usize = 5;
pub(crate) const KNOWN: usize = 0;
pub(crate) const NEW_DOMESTIC: usize = 1;
pub(crate) const SETTLED: usize = 2;
pub(crate) const NEW_PLAIN: usize = 3;
pub(crate) const NEW_RISKY: usize = 4;

/// The destination of a call, as the account has known it so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Novelty {
    /// A number that it calls, at home or abroad.
    Known,
    /// A new number at home.
    NewDomestic,
    /// A new number in a country that it calls.
    Settled,
    /// A number of a new interest that it called before. `calls` counts all calls of the new interests.
    Again { place: Place, calls: u16, is_today: bool },
    /// A new number in a country of a new interest.
    Interest { place: Place, calls: u16, countries: u16, is_today: bool, is_same_range: bool },
    /// A new country, beside the countries of new interests.
    NewCountry { place: Place, countries: u16 },
}

impl Novelty {
    pub(crate) const fn is_new_abroad(self) -> bool {
        matches!(self, Self::Again { .. } | Self::Interest { .. } | Self::NewCountry { .. })
    }

    /// True for a call to a costly country of a new interest.
    pub(crate) const fn is_costly(self) -> bool {
        match self {
            Self::Again { place, .. } | Self::Interest { place, .. } | Self::NewCountry { place, .. } => {
                place.class.is_costly()
            }
            Self::Known | Self::NewDomestic | Self::Settled => false,
        }
    }

    /// True for calls to one country of a new interest.
    pub(crate) const fn is_one_interest(self) -> bool {
        matches!(self, Self::Interest { countries: 1, .. })
    }

    /// The kind under which the call is counted.
    pub(crate) const fn kind(self) -> usize {
        match self {
            Self::Known => KNOWN,
            Self::NewDomestic => NEW_DOMESTIC,
            Self::Settled => SETTLED,
            Self::Again { is_today: false, .. } | Self::Interest { is_today: false, .. } => SETTLED,
            _ if self.is_costly() => NEW_RISKY,
            Self::Again { .. } | Self::Interest { .. } | Self::NewCountry { .. } => NEW_PLAIN,
        }
    }
}
