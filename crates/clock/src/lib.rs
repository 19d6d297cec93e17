//! Estimates clock skew and timer behaviour of devices from the times of their messages.
//!
//! A [`RegisterTimeline`] takes the times at which one device refreshed its registration. [`read_clock`]
//! determines how the device arms its timer ([`Discipline`]). It returns the clock's [`Skew`] with an
//! interval, or the reason for a missing skew ([`NoFit`]). The state can be stored and pooled.
//!
//! The starting point is section 5 of H. Sengar, "VoIP Fraud: Identifying a Wolf in Sheep's Clothing" (ACM
//! CCS 2014), called "the paper" in this crate.
//!
//! This crate must never know the subscriber or address of a device, read a clock or do I/O.
//!
//! A clock that loses 3 ms a minute is 50 ppm slow:
//!
//! ```
//! use bellwether_base::{Span, Timestamp};
//! use bellwether_clock::{NoFit, RegisterTimeline, read_clock};
//!
//! let mut timeline = RegisterTimeline::default();
//! let mut at = Timestamp::from_nanos(0);
//! for _ in 0..200 {
//!     timeline.refresh(at, None);
//!     at = at + Span::from_millis(60_003);
//! }
//! let reading = read_clock(&timeline.segments(), None)?;
//! assert!((reading.slope.skew.0 + 50.0).abs() < 1.0);
//! # Ok::<(), NoFit>(())
//! ```

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
mod rate;
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
pub use rate::{Rate, RateKind, RoundTrip, Skew};
pub use reading::{Reading, read_clock};
pub use sensor::{CommonStep, common_steps, parted_at, unknown_steps};
pub use summary::ClockSummary;
pub use ticks::tick;
pub use timeline::{MAX_SEGMENTS, Refresh, RegisterTimeline, SegmentStats};
pub use wall::{WallClock, WallReading, pooled_rates};
