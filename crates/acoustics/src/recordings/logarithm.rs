//! A natural logarithm that is the same on every processor.

use wide::bytemuck::cast;
use wide::i32x8;

use super::lanes::Lanes;

/// Bits of the square root of a half: mantissas lie between it and the square root of two.
const ROOT: i32 = 0x3f35_04f3;
const MANTISSA: i32 = 0x007f_ffff;

/// Logarithms of positive, normal numbers, within 3e-6. A system's library may round otherwise than the next.
#[inline(always)]
pub(super) fn ln_of_lanes(x: Lanes) -> Lanes {
    let shifted = cast::<Lanes, i32x8>(x) - i32x8::splat(ROOT);
    let exponent = Lanes::from_i32x8(shifted >> 23);
    let mantissa = cast::<i32x8, Lanes>((shifted & i32x8::splat(MANTISSA)) + i32x8::splat(ROOT));
    // ln m = 2 artanh((m - 1) / (m + 1)), as a series.
    let one = Lanes::ONE;
    let y = (mantissa - one) / (mantissa + one);
    let square = y * y;
    let series = square * Lanes::splat(2.0 / 7.0) + Lanes::splat(2.0 / 5.0);
    let series = square * series + Lanes::splat(2.0 / 3.0);
    let series = square * series + Lanes::splat(2.0);
    exponent * Lanes::splat(std::f32::consts::LN_2) + y * series
}

/// The same of one number.
pub(super) fn ln(x: f32) -> f32 {
    ln_of_lanes(Lanes::splat(x)).to_array()[0]
}

#[cfg(test)]
mod tests {
    use super::ln;

    #[test]
    fn it_is_the_logarithm() {
        for i in 0..20_000 {
            let x = 1.002_f64.powi(i - 10_000) * 1000.0;
            let error = f64::from(ln(x as f32)) - f64::from(x as f32).ln();
            assert!(error.abs() < 3e-6, "{x}: {error}");
        }
    }
}
