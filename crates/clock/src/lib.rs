//! Clocks: what the timers of a device tell about its crystal and its program.
//!
//! A [`RegisterTimeline`] takes the moments at which one device refreshed its registration; [`read_clock`] says how its timer is
//! armed ([`Discipline`]), and answers with its [`Skew`] and an interval, or with the reason why there is none
//! ([`NoFit`]). What is kept can be persisted and pooled. This crate must never know whose device it is.

mod answered;
mod compare;
mod discipline;
mod drift;
mod fit;
mod gamma;
mod line;
mod plausible;
mod points;
mod policy;
mod reading;
mod schedule;
mod sensor;
mod steps;
mod summary;
mod ticks;
mod timeline;
mod wall;

pub use compare::{Match, Tolerance, Verdict, compare_clocks};
pub use discipline::Discipline;
pub use drift::{Drift, MediaClock, ReportClock};
pub use fit::{NoFit, SkewFit, pooled_fit};
pub use plausible::NoRate;
pub use points::{Point, Points};
pub use policy::policy;
pub use reading::{Rate, RateKind, Reading, RoundTrip, Skew, read_clock};
pub use sensor::{CommonStep, common_steps, parted_at, unknown_steps};
pub use summary::ClockSummary;
pub use ticks::tick;
pub use timeline::{MAX_SEGMENTS, Refresh, RegisterTimeline, SegmentStats};
pub use wall::{WallClock, WallReading, pooled_rates};
