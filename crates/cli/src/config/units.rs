//! Numbers with their units and bounds. Parsing refuses a number out of bounds, because the line is known there.

use bellwether_base::Span;
use serde::de::{Deserialize, Deserializer, Error};

/// Defines a number in the file with its bounds.
macro_rules! bounded {
    ($($(#[doc = $doc:literal])* $name:ident($number:ty) $allowed:literal if $is_allowed:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub(crate) struct $name(pub(crate) $number);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(file: D) -> Result<Self, D::Error> {
                let found = <$number>::deserialize(file)?;
                let is_allowed: fn($number) -> bool = $is_allowed;
                if is_allowed(found) {
                    Ok(Self(found))
                } else {
                    Err(D::Error::custom(format!("must {}, not {found}", $allowed)))
                }
            }
        }
    )*};
}

bounded! {
    /// Seconds of a timeout or a window, at most a week.
    Seconds(f64) "lie above 0 and up to 604800" if |n| n > 0.0 && n <= 604_800.0;
    /// Hours of a window.
    Hours(f64) "lie above 0 and up to 10000" if |n| n > 0.0 && n <= 10_000.0;
    /// Days of a half-life or of a silence.
    Days(f64) "lie above 0 and up to 10000" if |n| n > 0.0 && n <= 10_000.0;
    /// The weight of evidence, in observations.
    Weight(f64) "lie above 0 and up to 10000" if |n| n > 0.0 && n <= 10_000.0;
    /// The share of comparisons that may raise a false alarm.
    FalseAlarmRate(f64) "lie above 0 and up to 0.5" if |n| n > 0.0 && n <= 0.5;
    /// The share of calls by devices that nobody taught.
    StrangerShare(f64) "lie between 0 and 0.99" if |n| (0.0..=0.99).contains(&n);
    /// The standard deviation of a clock's rate in parts per million.
    DriftPpm(f64) "lie between 0 and 1000" if |n| (0.0..=1000.0).contains(&n);
    /// The maximum number of entries of a table.
    Entries(usize) "lie between 1 and 100000000" if |n| (1..=100_000_000).contains(&n);
    /// The maximum memory of a table in MiB.
    TableMib(usize) "lie between 1 and 100000000" if |n| (1..=100_000_000).contains(&n);
    /// The size of the database in MiB; 0 is no bound.
    DatabaseMib(u64) "be 0 or at least 16" if |n| n == 0 || (16..=1 << 30).contains(&n);
    /// The maximum number of rows that wait for the database.
    WaitingRows(usize) "lie between 1 and 10000000" if |n| (1..=10_000_000).contains(&n);
}

impl Seconds {
    /// The time in nanoseconds.
    pub(crate) fn span(self) -> Span {
        seconds(self.0)
    }
}

impl From<Span> for Seconds {
    fn from(span: Span) -> Self {
        Self(span.as_secs_f64())
    }
}

impl Hours {
    /// The time in nanoseconds.
    pub(crate) fn span(self) -> Span {
        seconds(self.0 * 3600.0)
    }
}

impl From<Span> for Hours {
    fn from(span: Span) -> Self {
        Self(span.as_secs_f64() / 3600.0)
    }
}

impl Days {
    /// The time in nanoseconds.
    pub(crate) fn span(self) -> Span {
        seconds(self.0 * 86_400.0)
    }
}

impl From<Span> for Days {
    fn from(span: Span) -> Self {
        Self(span.as_secs_f64() / 86_400.0)
    }
}

impl TableMib {
    /// The memory in bytes.
    pub(crate) const fn bytes(self) -> usize {
        self.0 << 20
    }

    /// Whole MiB of a number of bytes.
    pub(crate) const fn of(bytes: usize) -> Self {
        Self(bytes >> 20)
    }
}

fn seconds(secs: f64) -> Span {
    Span::from_nanos((secs * 1e9) as i64)
}
