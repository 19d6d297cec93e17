//! Clocks: what the timers of a device tell about its crystal and its program.
//!
//! A [`RegisterTimeline`] takes the moments at which one device refreshed its registration and answers with a
//! [`SkewFit`] and its interval, or with the reason why there is none ([`NoFit`]). It keeps sums, not points,
//! so that it can be persisted and pooled. This crate must never know whose device it is.

mod fit;
mod timeline;

pub use fit::{NoFit, SkewFit, pooled_fit};
pub use timeline::{MAX_SEGMENTS, RegisterTimeline, SegmentStats};
