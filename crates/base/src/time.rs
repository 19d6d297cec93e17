use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Add, Sub};

/// A time of the capture source's clock: nanoseconds since the Unix epoch.
///
/// The time always comes from the capture (kernel, NIC or file record), never from the clock of this process.
/// A replay therefore sees the same times as the live run.
///
/// Tables hold very many optional times. The value is stored as the distance from the earliest time plus one,
/// so that an `Option` takes no extra space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// Maps signed numbers to unsigned ones in the same order, and back.
const SIGN: u64 = 1 << 63;

impl Timestamp {
    /// Earlier than every packet.
    pub const MIN: Self = Self::from_nanos(i64::MIN);

    /// Later than every packet: the time of an exhausted input.
    pub const MAX: Self = Self::from_nanos(i64::MAX);

    /// From nanoseconds since the Unix epoch. The last representable nanosecond is mapped to the one before
    /// it.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos.cast_unsigned() ^ SIGN))
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        ((self.0.get() - 1) ^ SIGN).cast_signed()
    }

    /// The hour of the day in UTC, 0 to 23.
    #[must_use]
    pub const fn hour_of_day(self) -> usize {
        self.as_nanos().div_euclid(3_600_000_000_000).rem_euclid(24) as usize
    }

    /// Time from `earlier` to this time; negative if `earlier` is later. Saturates.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

/// The Unix epoch.
impl Default for Timestamp {
    fn default() -> Self {
        Self::from_nanos(0)
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self::from_nanos(self.as_nanos().saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        Self::from_nanos(self.as_nanos().saturating_sub(span.0))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.as_nanos();
        write!(f, "{}.{:09}", nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000))
    }
}

/// A signed duration in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Span {
    /// Zero duration.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds, with the precision of a double.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.as_secs_f64())
    }
}

/// Parts per million: the unit of clock skew. Positive if the clock runs fast.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug, Default)]
pub struct Ppm(pub f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Timestamp>>(), size_of::<i64>());
    }

    #[test]
    fn moments_keep_their_nanoseconds_and_their_order() {
        let nanos = [i64::MIN, i64::MIN + 1, -1, 0, 1, 1_700_000_000_123_456_789, i64::MAX - 1];
        let moments = nanos.map(Timestamp::from_nanos);
        assert_eq!(moments.map(Timestamp::as_nanos), nanos);
        assert!(moments.is_sorted());
        assert_eq!((Timestamp::MIN, Timestamp::MAX), (moments[0], moments[6]));
    }
}
