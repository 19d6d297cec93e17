//! Is a probability of fraud what it says?

use serde_json::{Value, json};

/// Bounds of the bins. They are narrow at the ends, where most calls are.
const BOUNDS: [f64; 14] = [0.0, 0.002, 0.005, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0];

/// Steps of the scores, in tenths of a point from 0 to 100.
const STEPS: usize = 1001;

/// Calls by their probability, and by their score.
pub(super) struct Calibration {
    bins: [Bin; BOUNDS.len() - 1],
    /// Frauds and honest calls by score in tenths of a point.
    scores: Vec<[u64; 2]>,
    /// Calls without a probability.
    unsaid: [u64; 2],
}

#[derive(Clone, Copy, Default)]
struct Bin {
    calls: u64,
    frauds: u64,
    said: f64,
}

impl Calibration {
    pub(super) fn new() -> Self {
        Self { bins: Default::default(), scores: vec![[0; 2]; STEPS], unsaid: [0; 2] }
    }

    /// Counts a call of which is known whether it is fraud.
    pub(super) fn count(&mut self, is_fraud: bool, probability: Option<f64>, score: Option<f64>) {
        let kind = usize::from(!is_fraud);
        if let Some(score) = score
            && let Some(of) = self.scores.get_mut((score.clamp(0.0, 100.0) * 10.0).round() as usize)
            && let Some(count) = of.get_mut(kind)
        {
            *count += 1;
        }
        let Some(probability) = probability else {
            if let Some(count) = self.unsaid.get_mut(kind) {
                *count += 1;
            }
            return;
        };
        let place =
            BOUNDS.iter().skip(1).position(|bound| probability < *bound).unwrap_or(self.bins.len() - 1);
        if let Some(bin) = self.bins.get_mut(place) {
            bin.calls += 1;
            bin.frauds += u64::from(is_fraud);
            bin.said += probability;
        }
    }

    /// The mean difference between the said and the true share of fraud over the bins, weighted by their calls
    /// (Naeini et al., AAAI 2015). None without a call.
    fn error(&self) -> Option<f64> {
        let calls: u64 = self.bins.iter().map(|bin| bin.calls).sum();
        let off: f64 = self.bins.iter().map(|bin| (bin.said - bin.frauds as f64).abs()).sum();
        (calls > 0).then(|| off / calls as f64)
    }

    /// The chance that a fraud has a worse score than an honest call, where equal scores count half. None without
    /// both.
    fn auc(&self) -> Option<f64> {
        let frauds: u64 = self.scores.iter().map(|[fraud, _]| fraud).sum();
        let honest: u64 = self.scores.iter().map(|[_, honest]| honest).sum();
        let mut worse = 0;
        let mut sum = 0.0;
        for [fraud, honest] in &self.scores {
            sum += *honest as f64 * (worse as f64 + *fraud as f64 / 2.0);
            worse += fraud;
        }
        (frauds > 0 && honest > 0).then(|| sum / (frauds as f64 * honest as f64))
    }

    pub(super) fn result(&self) -> Value {
        let rounded = |n: f64| (n * 1e4).round() / 1e4;
        let bins: Vec<Value> = self
            .bins
            .iter()
            .zip(BOUNDS.iter().zip(&BOUNDS[1..]))
            .filter(|(bin, _)| bin.calls > 0)
            .map(|(bin, (from, to))| {
                json!({
                    "from": from,
                    "to": to,
                    "calls": bin.calls,
                    "said": rounded(bin.said / bin.calls as f64),
                    "true": rounded(bin.frauds as f64 / bin.calls as f64),
                })
            })
            .collect();
        json!({
            "expected_calibration_error": self.error().map(rounded),
            "auc": self.auc().map(rounded),
            "without_probability": {"fraud": self.unsaid[0], "legit": self.unsaid[1]},
            "reliability": bins,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_that_holds_has_no_error_and_one_that_does_not_has_its_distance() {
        let mut calibration = Calibration::new();
        for place in 0..100 {
            calibration.count(place < 85, Some(0.85), Some(20.0));
            calibration.count(place < 1, Some(0.004), Some(72.0));
        }
        let found = calibration.result();
        assert!(found["expected_calibration_error"].as_f64().unwrap() < 0.005, "{found}");
        assert_eq!(found["reliability"].as_array().unwrap().len(), 2);
        let mut wrong = Calibration::new();
        (0..10).for_each(|_| wrong.count(false, Some(0.6), None));
        assert_eq!(wrong.result()["expected_calibration_error"], 0.6);
    }

    #[test]
    fn the_area_is_one_where_each_fraud_is_worse_and_a_half_where_all_are_equal() {
        let mut apart = Calibration::new();
        let mut equal = Calibration::new();
        for _ in 0..7 {
            apart.count(true, None, Some(12.3));
            apart.count(false, None, Some(12.4));
            equal.count(true, None, Some(50.0));
            equal.count(false, None, Some(50.0));
        }
        assert_eq!(apart.result()["auc"], 1.0);
        assert_eq!(equal.result()["auc"], 0.5);
        assert_eq!(Calibration::new().result()["auc"], Value::Null);
        assert_eq!(apart.result()["without_probability"], json!({"fraud": 7, "legit": 7}));
    }
}
