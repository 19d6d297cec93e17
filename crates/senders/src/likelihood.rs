//! Likelihoods of counts, each with the unknown rate integrated out, as natural logarithms.

use statrs::function::gamma::ln_gamma;

/// Trials up to which [`beta_binomial`] and [`ewens`] are products. Its factors are below 1,000, so that it stays far below the range of
/// a float.
const FEW: u32 = 48;

/// Logarithm of the Beta-binomial probability of one sequence with `k` successes in `n` trials, where the rate
/// has a Beta(`a`, `b`) distribution (Skellam, J. R. Statist. Soc. B 10, 1948).
pub(crate) fn beta_binomial(k: u32, n: u32, a: f64, b: f64) -> f64 {
    let k = k.min(n);
    if n <= FEW {
        // B(a + k, b + n - k) / B(a, b) is a ratio of rising factorials. Most senders have few calls, and six values
        // of the logarithm of the Gamma function cost several times more.
        return (rising(a, k) * rising(b, n - k) / rising(a + b, n)).ln();
    }
    let (k, n) = (f64::from(k), f64::from(n));
    ln_beta(k + a, n - k + b) - ln_beta(a, b)
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Logarithm of Ewens' sampling formula for `kinds` distinct values in `n` draws, without the factor that does
/// not depend on `theta` (Theor. Popul. Biol. 3, 1972).
pub(crate) fn ewens(kinds: u32, n: u32, theta: f64) -> f64 {
    let draws =
        if n <= FEW { rising(theta, n).ln() } else { ln_gamma(theta + f64::from(n)) - ln_gamma(theta) };
    f64::from(kinds.min(n)) * theta.ln() - draws
}

/// The rising factorial x (x + 1) ... of so many factors.
fn rising(x: f64, factors: u32) -> f64 {
    (0..factors).fold(1.0, |product, i| product * (x + f64::from(i)))
}

/// Logarithm of a weighted sum of likelihoods that are given as logarithms. The weights are divided by their
/// sum.
pub(crate) fn mixture(terms: &[(f64, f64)]) -> f64 {
    let largest = terms.iter().filter(|(w, _)| *w > 0.0).map(|(_, l)| *l).fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    let weights: f64 = terms.iter().map(|(w, _)| w).sum();
    let sum: f64 = terms.iter().map(|(w, l)| w * (l - largest).exp()).sum();
    largest + (sum / weights).ln()
}

/// The logarithm of the odds of a probability.
#[must_use]
pub fn log_odds(p: f64) -> f64 {
    let p = p.clamp(1e-12, 1.0 - 1e-12);
    (p / (1.0 - p)).ln()
}

/// The probability of odds given as a logarithm.
#[must_use]
pub fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_all_sequences_add_up_to_one() {
        // Sequences with k successes: n over k.
        let choose = [1.0, 5.0, 10.0, 10.0, 5.0, 1.0];
        let sum: f64 =
            choose.iter().zip(0..).map(|(ways, k)| ways * beta_binomial(k, 5, 2.0, 6.0).exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        assert!((beta_binomial(0, 0, 1.3, 1.0)).abs() < 1e-12, "no trial is no evidence");
    }

    #[test]
    fn few_trials_and_many_are_one_formula() {
        for (a, b) in [(0.2, 12.0), (6.0, 1.0), (27.0, 3.0), (0.3, 15.0)] {
            for (k, n) in [(0, 1), (1, 1), (7, 30), (0, FEW), (FEW, FEW), (20, FEW)] {
                let (k_, n_) = (f64::from(k), f64::from(n));
                let by_gamma = ln_beta(k_ + a, n_ - k_ + b) - ln_beta(a, b);
                assert!((beta_binomial(k, n, a, b) - by_gamma).abs() < 1e-9, "{k} of {n}, {a} {b}");
            }
        }
    }

    #[test]
    fn few_kinds_fit_a_small_theta_and_many_kinds_a_large_one() {
        let ratio = |kinds| ewens(kinds, 50, 20.0) - ewens(kinds, 50, 0.1);
        assert!(ratio(1) < -3.0 && ratio(50) > 50.0);
        // Two draws are equal with probability 1 / (1 + theta).
        assert!((ewens(1, 2, 3.0).exp() - 1.0 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_mixture_lies_between_its_terms_and_takes_no_underflow() {
        let mixed = mixture(&[(1.0, -1000.0), (3.0, -1001.0)]);
        assert!((-1001.0..-1000.0).contains(&mixed));
        assert_eq!(mixture(&[(0.0, 5.0), (2.0, -7.0)]), -7.0);
    }

    #[test]
    fn odds_and_probability_are_inverse() {
        for p in [0.0005, 0.2, 0.5, 0.99] {
            assert!((probability(log_odds(p)) - p).abs() < 1e-12);
        }
        assert!(log_odds(0.0).is_finite() && log_odds(1.0).is_finite());
    }
}
