//! The statistic of all detectors: the Shiryaev-Roberts e-detector.
//!
//! A call's *e-value* is the probability of its marks under the fraud, divided by the largest probability under
//! any honest family. Its mean is at most 1 for every honest caller whom a family describes. A detector keeps
//! M <- (1 + M) e. M minus the number of calls is then a supermartingale, so that an honest caller makes on
//! average at least C calls before M reaches C, whenever one looks and however the calls depend on each other
//! (Shin, Ramdas, Rinaldo: *E-detectors*, NEJSDS 2024).

/// The logarithm of a statistic M. It is minus infinity (M = 0) at the beginning.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub(crate) struct LogM(f32);

impl Default for LogM {
    fn default() -> Self {
        Self(f32::NEG_INFINITY)
    }
}

impl LogM {
    /// Takes the natural logarithm of a call's e-value in: M <- (1 + M) e.
    pub(crate) fn step(&mut self, ln_e: f64) {
        self.0 = (ln_add(0.0, f64::from(self.0)) + ln_e) as f32;
    }

    /// Takes a further mark of the last call in, which is no call of its own: M <- M e.
    pub(crate) fn weigh(&mut self, ln_e: f64) {
        self.0 = (f64::from(self.0) + ln_e) as f32;
    }

    /// Adds prior odds, as their logarithm: M <- M + odds. They stand outside the bound on false alarms.
    pub(crate) fn add(&mut self, ln_odds: f64) {
        self.0 = ln_add(f64::from(self.0), ln_odds) as f32;
    }

    /// ln M.
    pub(crate) fn ln(self) -> f64 {
        f64::from(self.0)
    }
}

/// ln(exp(a) + exp(b)), without overflow.
pub(crate) fn ln_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

/// ln of the mean of M over several alternatives of a fraud. The mean of e-detectors is one.
pub(crate) fn ln_mean(all: impl ExactSizeIterator<Item = LogM>) -> f64 {
    let count = all.len().max(1) as f64;
    all.fold(f64::NEG_INFINITY, |sum, m| ln_add(sum, m.ln())) - count.ln()
}

/// ln of the least M over honest families, each of which describes a whole history: the family that explains the
/// history best.
pub(crate) fn ln_least(all: impl Iterator<Item = LogM>) -> f64 {
    all.map(LogM::ln).fold(f64::INFINITY, f64::min)
}

/// Mixes an e-value with 1: e' = 1 - share + share e. The mean stays at most 1. A share of the calls, or of the
/// parties of a pool, is then enough.
pub(crate) fn mixed(share: f64, ln_e: f64) -> f64 {
    (1.0 - share + share * ln_e.exp()).ln()
}

/// The probability of a mark or of its absence.
pub(crate) const fn of(has: bool, probability: f64) -> f64 {
    if has { probability } else { 1.0 - probability }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A deterministic sequence of numbers from 0 to 1 (SplitMix64).
    pub(crate) fn uniform(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Checks a table of probabilities: each row sums to 1 at most, and the mean of e under each honest row is at most 1.
    pub(crate) fn holds(fraud: &[f64], honest: &[&[f64]]) {
        let best = |mark: usize| honest.iter().map(|family| family[mark]).fold(0.0, f64::max);
        for family in honest {
            assert!(family.iter().sum::<f64>() <= 1.0 + 1e-9, "{family:?}");
            let mean: f64 = (0..fraud.len()).map(|mark| family[mark] * fraud[mark] / best(mark)).sum();
            assert!(mean <= 1.0 + 1e-9, "{mean}");
        }
        assert!(fraud.iter().sum::<f64>() <= 1.0 + 1e-9, "{fraud:?}");
    }

    #[test]
    fn m_grows_as_it_is_defined() {
        let mut m = LogM::default();
        let mut plain = 0.0;
        for e in [2.0, 0.5, 4.0, 0.1, 8.0, 8.0] {
            m.step(f64::ln(e));
            plain = (1.0 + plain) * e;
            assert!((m.ln().exp() - plain).abs() < 1e-4 * plain);
        }
        m.add(f64::ln(1000.0));
        assert!((m.ln().exp() - plain - 1000.0).abs() < 0.5);
        let both = [m, LogM::default()];
        assert!((ln_mean(both.iter().copied()) - (m.ln() - 2_f64.ln())).abs() < 1e-6);
        assert_eq!(ln_least(both.into_iter()), f64::NEG_INFINITY);
    }

    #[test]
    fn an_honest_caller_makes_many_calls_before_a_false_alarm() {
        // A mark that the fraud shows in 0.9 and the honest family in 0.1 of the calls; C = 1,000.
        let mut state = 7;
        let mut runs = Vec::new();
        for _ in 0..60 {
            let (mut m, mut calls) = (LogM::default(), 0_u32);
            while m.ln() < f64::ln(1000.0) && calls < 100_000 {
                let has = uniform(&mut state) < 0.1;
                m.step(f64::ln(of(has, 0.9) / of(has, 0.1)));
                calls += 1;
            }
            runs.push(f64::from(calls));
        }
        let mean = runs.iter().sum::<f64>() / runs.len() as f64;
        assert!(mean >= 1000.0, "{mean}");
    }
}
