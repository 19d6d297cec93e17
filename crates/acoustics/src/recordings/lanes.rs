//! Arithmetic on eight numbers at once. The compiler makes vector instructions of it.
//!
//! Every operation is an addition, subtraction or multiplication of IEEE 754, in a fixed order and never fused.
//! The results are therefore the same on every processor.

/// Frames that are transformed together.
pub(super) const LANES: usize = 8;

/// One value of each of eight frames.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(super) struct Lanes(pub(super) [f32; LANES]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    #[inline(always)]
    pub(super) fn scaled(self, by: f32) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * by))
    }
}

macro_rules! operator {
    ($operator:ident, $method:ident, $sign:tt) => {
        impl std::ops::$operator for Lanes {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] $sign other.0[i]))
            }
        }
    };
}

operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(Mul, mul, *);
