//! Arithmetic on eight numbers at once.
//!
//! Every operation is an addition, subtraction or multiplication of IEEE 754, in a fixed order and never fused.
//! The results are therefore the same on every processor.

use wide::f32x8;

/// Frames that are transformed together.
pub(super) const LANES: usize = 8;

/// One value of each of eight frames.
pub(super) type Lanes = f32x8;
