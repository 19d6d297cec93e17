use bellwether_base::{Ppm, Span};

/// Rate of refreshes, with its statistical interval only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Positive: refreshes come early.
    pub rate: Ppm,
    /// 95 % interval.
    pub ci95: (Ppm, Ppm),
    /// Source of the rate. Rates of different kinds are not comparable, because they include the program's
    /// lateness in different ways.
    pub kind: RateKind,
}

/// Source of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateKind {
    /// The line of a schedule.
    Schedule,
    /// The shortest waits, against the shortest round trips.
    Shortest,
    /// The median wait, against the median round trip.
    Middle,
    /// The remainder of random intervals beyond whole seconds.
    Drawn,
    /// Single intervals of timers whose refreshes get no answer.
    Interval,
}

impl RateKind {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Shortest => "shortest_wait",
            Self::Middle => "middle_wait",
            Self::Drawn => "drawn_wait",
            Self::Interval => "interval",
        }
    }
}

/// A clock's rate against the sensor's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Skew {
    /// Positive: the clock runs fast.
    pub skew: Ppm,
    /// 95 % interval.
    pub ci95: (Ppm, Ppm),
    /// The estimator.
    pub method: &'static str,
}

/// Round trips between the sensor and the device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundTrip {
    /// The shortest round trip.
    pub shortest: Span,
    /// Number of round trips.
    pub seen: u32,
    /// Median and median absolute deviation of the latest; none if there are too few.
    pub middle: Option<(Span, Span)>,
}

impl RoundTrip {
    /// Number of latest round trips for the median.
    pub const KEPT: u32 = 8;
}
