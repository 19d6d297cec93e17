//! How far the calls of one mode lie apart, from few calls.
//!
//! The variances of all modes tell what variances are usual and how different they are; a mode with few calls leans on that, one with many
//! on its own calls (Smyth 2004, "Linear models and empirical Bayes methods", section 6.2).

use statrs::function::gamma::digamma;

/// The smallest variance: what the window and the law do to a call.
const LEAST: f64 = 1e-5;

/// Bounds of the prior's weight in calls.
const FEWEST: f64 = 1.0;
const MOST: f64 = 8.0;

/// Weight in modes of the usual variance beside the observed ones.
const TRUST_IN_USUAL: f64 = 2.0;

/// The distribution of the variances of modes: a scaled inverse chi-squared one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variances {
    /// The usual variance.
    pub(crate) usual: f64,
    /// Its weight in calls.
    pub(crate) weight: f64,
}

impl Variances {
    /// From the variances of modes, each with its degrees of freedom. `prior` is the variance before anything is learned.
    pub(crate) fn learn(observed: &[(f64, f64)], prior: f64) -> Self {
        let known: Vec<(f64, f64)> =
            observed.iter().copied().filter(|(_, freedom)| *freedom >= 1.0).collect();
        let n = known.len() as f64;
        // The logarithm of a variance estimate without the bias of its degrees of freedom.
        let logs: Vec<f64> = known
            .iter()
            .map(|(variance, freedom)| {
                variance.max(LEAST).ln() - digamma(freedom / 2.0) + (freedom / 2.0).ln()
            })
            .collect();
        let mean = (logs.iter().sum::<f64>() + TRUST_IN_USUAL * prior.ln()) / (n + TRUST_IN_USUAL);
        let spread = logs.iter().map(|log| (log - mean) * (log - mean)).sum::<f64>() / (n - 1.0).max(1.0);
        let by_chance = known.iter().map(|(_, freedom)| trigamma(freedom / 2.0)).sum::<f64>() / n.max(1.0);
        let weight = if n < 3.0 { 2.0 } else { 2.0 * inverse_trigamma(spread - by_chance) };
        let weight = weight.clamp(FEWEST, MOST);
        Self { usual: (mean + digamma(weight / 2.0) - (weight / 2.0).ln()).exp(), weight }
    }

    /// The variance of a mode, from its own with its degrees of freedom.
    pub(crate) fn of(self, own: f64, freedom: f64) -> f64 {
        (self.usual * self.weight + own * freedom) / (self.weight + freedom)
    }
}

/// The derivative of the digamma function (Abramowitz and Stegun 6.4.12, after the recurrence 6.4.6).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    sum + 1.0 / x + inverse / 2.0 + inverse / x * (1.0 / 6.0 - inverse * (1.0 / 30.0 - inverse / 42.0))
}

/// Where the trigamma function has a value; large for values that are not positive.
fn inverse_trigamma(value: f64) -> f64 {
    if value <= 1e-3 {
        return 1e3;
    }
    // The function falls from infinity to 0.
    let (mut low, mut high) = (1e-3, 1e3);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if trigamma(middle) > value { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trigamma_function_has_its_known_values() {
        assert!((trigamma(1.0) - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-9);
        assert!((trigamma(0.5) - std::f64::consts::PI.powi(2) / 2.0).abs() < 1e-9);
        assert!((inverse_trigamma(trigamma(3.7)) - 3.7).abs() < 1e-6);
    }

    #[test]
    fn modes_with_equal_variances_are_trusted_together_and_others_alone() {
        let equal = Variances::learn(&[(0.01, 40.0); 20], 0.02);
        assert!((equal.usual / 0.01).ln().abs() < 0.2 && equal.weight >= MOST, "{equal:?}");
        let different: Vec<(f64, f64)> = (0..20).map(|i| (0.01 * 10_f64.powi(i % 4), 40.0)).collect();
        let different = Variances::learn(&different, 0.02);
        assert!(different.weight < 2.0, "{different:?}");
        assert!((different.of(5.0, 1000.0) - 5.0).abs() < 0.1);
    }
}
