//! One ring and scans: events of a rate that is far above the usual one.
//!
//! A cut call is cancelled within ten seconds, and nobody answered another leg of it. A refused request gets an
//! answer that scanners look for. Both count in pools against the largest rate that the site or the source had
//! before the last hour.

use crate::detector::of;

/// Probability of the event in a call of the fraud.
const FRAUD: f64 = 0.9;

/// ln of the factor of a call back, 0.1 / 0.7: one victim in ten calls back, and seven in ten relatives do, who were rung
/// because a call is dear there. A missing call back has no factor: a stranger who hangs up is not called back either.
pub(crate) const CALLED_BACK: f64 = -1.95;

/// People, or numbers, that an incident needs at least.
pub(crate) const PARTIES: usize = 5;

/// ln e of one call: whether it shows the event, and the usual rate of it.
pub(crate) fn ln_e(has_event: bool, usual: f64) -> f64 {
    let usual = usual.clamp(0.02, 0.95);
    (of(has_event, FRAUD.max(usual)) / of(has_event, usual)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::tests::holds;

    #[test]
    fn the_mean_of_e_is_one_at_any_rate() {
        for usual in [0.02, 0.05, 0.3, 0.9, 0.95] {
            let mean = usual * ln_e(true, usual).exp() + (1.0 - usual) * ln_e(false, usual).exp();
            assert!((mean - 1.0).abs() < 1e-9, "{usual} {mean}");
            holds(&[FRAUD, 1.0 - FRAUD], &[&[usual, 1.0 - usual]]);
        }
        // At the usual rate of the fraud the detector says nothing.
        assert_eq!(ln_e(true, 0.95), 0.0);
    }
}
