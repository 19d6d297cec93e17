//! The modes of a device class: what is learned from its calls.

use std::collections::BTreeSet;

use crate::Coding;
use crate::features::{DIGITAL_LEVEL, FEATURES, SHARES, USUAL_SPREAD};

/// One mode of a class under one coding: number of calls, mean, and lower triangle of the sum of squared
/// deviations.
#[derive(Clone, Debug, PartialEq)]
pub struct Mode {
    /// The class.
    pub class: String,
    /// The mode; empty if the class has only one.
    pub mode: String,
    /// Coding of the samples.
    pub coding: Coding,
    /// Total weight of the calls it was learned from.
    pub calls: f64,
    /// Mean of the features.
    pub mean: [f64; FEATURES],
    /// Sum of outer products of deviations from the mean, lower triangle by rows.
    pub scatter: Vec<f64>,
}

impl Mode {
    /// Learns a mode from the features of calls, each with its weight; none without calls.
    #[must_use]
    pub fn learn(
        class: &str,
        mode: &str,
        coding: impl Into<Coding>,
        calls: &[([f64; FEATURES], f64)],
    ) -> Option<Self> {
        let total: f64 = calls.iter().map(|(_, weight)| weight).sum();
        if calls.is_empty() || total <= 0.0 {
            return None;
        }
        let mut mean = [0.0; FEATURES];
        for (call, weight) in calls {
            mean.iter_mut().zip(call).for_each(|(m, x)| *m += weight * x / total);
        }
        let mut scatter = Vec::with_capacity(FEATURES * (FEATURES + 1) / 2);
        for i in 0..FEATURES {
            for j in 0..=i {
                let product = |(call, weight): &([f64; FEATURES], f64)| {
                    let off = |k: usize| call.get(k).zip(mean.get(k)).map_or(0.0, |(x, m)| x - m);
                    weight * off(i) * off(j)
                };
                scatter.push(calls.iter().map(product).sum());
            }
        }
        Some(Self {
            class: class.to_owned(),
            mode: mode.to_owned(),
            coding: coding.into(),
            calls: total,
            mean,
            scatter,
        })
    }

    /// True for a call whose pauses are digital silence.
    #[must_use]
    pub fn is_digital(call: &[f64; FEATURES]) -> bool {
        repeated_group(call).is_some()
    }

    /// The group of code words that its calls repeat, if it is digital silence.
    pub(crate) fn repeats(&self) -> Option<usize> {
        repeated_group(&self.mean)
    }

    /// Degrees of freedom of its scatter.
    pub(crate) const fn freedom(&self) -> f64 {
        (self.calls - 1.0).max(0.0)
    }

    /// Factor by which a new call's variance around the learned mean is larger than around the true one.
    pub(crate) fn unsure(&self) -> f64 {
        1.0 + 1.0 / self.calls.max(1.0)
    }

    /// The sum of squared deviations of a feature.
    pub(crate) fn scatter_of(&self, feature: usize) -> f64 {
        self.scatter.get(feature * (feature + 3) / 2).copied().unwrap_or(0.0)
    }

    /// Half the interval of level in which 95 % of its calls lie, in decibels; none from a single call.
    #[must_use]
    pub fn level_spread_db(&self) -> Option<f64> {
        let variance = (self.calls > 1.0).then(|| self.scatter_of(0) / self.freedom())?;
        Some(1.96 * variance.sqrt() * 20.0 / std::f64::consts::LN_10)
    }

    /// Further calls that would make it clearly sharper: the error of its mean is small beside a call's own from ten on.
    #[must_use]
    pub fn calls_wanted(&self) -> u32 {
        (ENOUGH_CALLS - self.calls).max(0.0).ceil() as u32
    }

    /// Splits the calls of one class into modes when the mode is unknown. Returns a mode number for each
    /// call. Digital silence is a mode of its own, one for each word. Calls with noise are split if that removes most of their spread.
    #[must_use]
    pub fn parted(calls: &[[f64; FEATURES]]) -> Vec<usize> {
        // Words that are repeated, and at last noise.
        let kind = |call: &[f64; FEATURES]| repeated_group(call).unwrap_or(FEATURES);
        let kinds: BTreeSet<usize> = calls.iter().map(kind).collect();
        let place = |call| kinds.iter().position(|of| *of == kind(call)).unwrap_or(0);
        let mut parts: Vec<usize> = calls.iter().map(place).collect();
        let mut count = kinds.len().max(1);
        let mut at = 0;
        while at < count && count < MAX_MODES {
            let members: Vec<usize> =
                parts.iter().enumerate().filter(|(_, p)| **p == at).map(|(i, _)| i).collect();
            match halves(calls, &members) {
                Some(second) => {
                    for member in second {
                        if let Some(part) = parts.get_mut(member) {
                            *part = count;
                        }
                    }
                    count += 1;
                }
                None => at += 1,
            }
        }
        parts
    }
}

/// Calls from which the mean of a mode is as good as known.
const ENOUGH_CALLS: f64 = 10.0;

/// Limit of modes per class, calls of a mode that has enough, and largest share of the spread that may remain after a split.
const MAX_MODES: usize = 6;
const MIN_CALLS: usize = 3;
const LEFT: f64 = 0.35;

/// The largest share for a split with fewer calls in one part.
const LEFT_OF_FEW: f64 = 0.08;

/// The second of two clusters of calls, if the calls form two clusters.
fn halves(calls: &[[f64; FEATURES]], members: &[usize]) -> Option<Vec<usize>> {
    let scaled = |i: &usize| -> Vec<f64> {
        calls.get(*i).into_iter().flatten().zip(USUAL_SPREAD).map(|(x, spread)| x / spread).collect()
    };
    let points: Vec<(usize, Vec<f64>)> = members.iter().map(|i| (*i, scaled(i))).collect();
    let mean = |of: &[&(usize, Vec<f64>)]| -> Vec<f64> {
        let n = of.len().max(1) as f64;
        (0..FEATURES).map(|k| of.iter().filter_map(|p| p.1.get(k)).sum::<f64>() / n).collect()
    };
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
    let all: Vec<&(usize, Vec<f64>)> = points.iter().collect();
    let centre = mean(&all);
    let spread =
        |of: &[&(usize, Vec<f64>)], centre: &[f64]| of.iter().map(|p| distance(&p.1, centre)).sum::<f64>();
    let whole = spread(&all, &centre);
    // The two most distant calls are the initial centres.
    let first = all.iter().max_by(|a, b| distance(&a.1, &centre).total_cmp(&distance(&b.1, &centre)))?;
    let second = all.iter().max_by(|a, b| distance(&a.1, &first.1).total_cmp(&distance(&b.1, &first.1)))?;
    let (mut one, mut two) = (first.1.clone(), second.1.clone());
    let (mut near, mut far): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        (near, far) = all.iter().partition(|p| distance(&p.1, &one) <= distance(&p.1, &two));
        (one, two) = (mean(&near), mean(&far));
    }
    let left = spread(&near, &one) + spread(&far, &two);
    let has_many = near.len().min(far.len()) >= MIN_CALLS;
    let has_some = near.len() >= MIN_CALLS || far.len() >= MIN_CALLS;
    let is_parted = (has_many && left < LEFT * whole) || (has_some && left < LEFT_OF_FEW * whole);
    // Calls as close together as those of one device are one mode, whatever the clusters.
    let is_wide = distance(&one, &two) > 8.0 * FEATURES as f64;
    (is_parted && is_wide).then(|| far.iter().map(|p| p.0).collect())
}

/// The group of code words that a call repeats, if its pauses are digital silence.
pub(crate) fn repeated_group(call: &[f64; FEATURES]) -> Option<usize> {
    let is_digital = call.first().is_some_and(|level| *level <= DIGITAL_LEVEL);
    let shares = call.get(SHARES..).unwrap_or_default();
    is_digital.then(|| (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0))
}
