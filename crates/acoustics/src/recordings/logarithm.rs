//! A natural logarithm that is the same on every processor.

/// Logarithm of a positive, normal number, within 2e-6. A system's library may round otherwise than the next.
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // Exponent and mantissa, with the mantissa between sqrt(1/2) and sqrt(2).
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted.cast_signed() >> 23) as f32;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    // ln m = 2 artanh((m - 1) / (m + 1)), as a series.
    let y = (mantissa - 1.0) / (mantissa + 1.0);
    let square = y * y;
    let series = y * (2.0 + square * (2.0 / 3.0 + square * (2.0 / 5.0 + square * (2.0 / 7.0))));
    exponent * std::f32::consts::LN_2 + series
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
