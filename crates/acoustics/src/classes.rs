//! Device classes: learned from calls of known devices, recognised with a confidence, and rejected if no
//! class fits.
//!
//! A class has modes (handset, hands-free, headset), each with the distribution of [`features`] over its
//! calls. A call is compared with all modes of its coding by likelihood. The distribution is a multivariate
//! t, because the covariance is estimated from a limited number of calls. The alternative hypothesis is a
//! population of devices in general, with the spread of the mode means, widened.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, FisherSnedecor};
use statrs::function::gamma::ln_gamma;

use crate::features::{FEATURES, USUAL_SPREAD, features};
use crate::matrix::{Factor, Symmetric};
use crate::{Coding, Pauses};

/// Fewest noise packets for a comparison: 100 ms.
pub const MIN_PACKETS: u32 = 5;

/// Prior weights in calls: of the pooled covariance of all modes beside a mode's own, and of the usual spread
/// beside the pooled covariance.
const TRUST_IN_ALL: f64 = 20.0;
const TRUST_IN_USUAL: f64 = 12.0;

/// With this many packets, the sampling error of the features has the same variance as the differences
/// between calls.
const EVEN_PACKETS: f64 = 120.0;

/// Significance level below which a call is unlike a class.
const UNLIKE: f64 = 0.001;

/// Smallest posterior probability of a recognised class, and prior probability of an unknown device.
const CERTAIN: f64 = 0.8;
const UNKNOWN: f64 = 0.02;

/// Number of leading features that are also tested alone: level and offset. An unknown device may differ in
/// these only, and among nineteen features the difference would have little weight.
const PLAIN: usize = 2;

/// For these features: prior weight in calls of the pooled covariance, low because a few calls show a mode's
/// own spread well. Also the smallest share of the usual variance that is added, because those calls may all
/// come from one unit.
const TRUST_IN_PLAIN: f64 = 0.5;
const LEAST_VARIANCE: f64 = 0.1;

/// Factor by which the population's spread exceeds that of the known devices.
const WIDER: f64 = 2.0;

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

    /// Splits the calls of one class into modes when the mode is unknown. Returns a mode number for each
    /// call. A mode has at least three calls, and the split removes most of the spread.
    #[must_use]
    pub fn parted(calls: &[[f64; FEATURES]]) -> Vec<usize> {
        let mut parts = vec![0; calls.len()];
        let mut count = 1;
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

/// Limit of modes per class, fewest calls per mode, and largest share of the spread that may remain after a
/// split.
const MAX_MODES: usize = 4;
const MIN_CALLS: usize = 3;
const LEFT: f64 = 0.35;

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
    let is_parted = near.len() >= MIN_CALLS && far.len() >= MIN_CALLS && left < LEFT * whole;
    // Calls as close together as those of one device are one mode, whatever the clusters.
    let is_wide = distance(&one, &two) > 8.0 * FEATURES as f64;
    (is_parted && is_wide).then(|| far.iter().map(|p| p.0).collect())
}

/// The reason for an unrecognised class.
#[derive(Clone, Debug, PartialEq)]
pub enum NoClass {
    /// No class of this coding was learned.
    NoneLearned,
    /// Too few packets of noise.
    TooLittleSilence,
    /// The call is far from all classes.
    UnlikeAll,
    /// Two classes are equally likely.
    Ambiguous(String, String),
}

impl NoClass {
    /// Text for reports.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::NoneLearned => "no_classes_learned".to_owned(),
            Self::TooLittleSilence => "too_little_silence".to_owned(),
            Self::UnlikeAll => "unlike_all".to_owned(),
            Self::Ambiguous(one, two) => format!("ambiguous: {one} or {two}"),
        }
    }
}

/// A class that was recognised.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// The class.
    pub class: String,
    /// The most likely mode; empty if the class has only one.
    pub mode: String,
    /// Posterior probability of the class.
    pub confidence: f64,
}

/// Result of comparing a call with all classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The class, or the reason for none.
    pub result: Result<Recognised, NoClass>,
    /// Probability that a call of the most likely class is as far from the mean or further, in all features
    /// or in level and offset alone. Small for unknown devices.
    pub likeness: f64,
    /// Log likelihood ratio of each class against devices in general.
    pub log_ratios: BTreeMap<String, f64>,
}

/// All learned classes.
pub struct Classes {
    codings: BTreeMap<Coding, OfCoding>,
}

struct OfCoding {
    modes: Vec<Learned>,
    /// Population of devices in general: mean and covariance factor.
    anyone: (Vec<f64>, Factor),
}

struct Learned {
    class: String,
    mode: String,
    mean: [f64; FEATURES],
    factor: Factor,
    freedom: f64,
    /// The same for level and offset alone.
    plain: Factor,
    plain_freedom: f64,
}

impl Classes {
    /// Builds the classes from all modes of all classes.
    #[must_use]
    pub fn new(modes: &[Mode]) -> Self {
        let mut codings = BTreeMap::new();
        for coding in Coding::ALL {
            let own: Vec<&Mode> = modes.iter().filter(|mode| mode.coding == coding).collect();
            if let Some(of_coding) = OfCoding::new(&own) {
                codings.insert(coding, of_coding);
            }
        }
        Self { codings }
    }

    /// Compares a stream's noise with all classes.
    #[must_use]
    pub fn compare(&self, pauses: &Pauses) -> Comparison {
        let nothing = |reason| Comparison { result: Err(reason), likeness: 0.0, log_ratios: BTreeMap::new() };
        let Some(known) = self.codings.get(&pauses.coding) else { return nothing(NoClass::NoneLearned) };
        if pauses.packets < MIN_PACKETS {
            return nothing(NoClass::TooLittleSilence);
        }
        known.compare(&features(pauses), pauses.packets)
    }
}

impl OfCoding {
    fn new(modes: &[&Mode]) -> Option<Self> {
        if modes.is_empty() {
            return None;
        }
        let scatter = |mode: &Mode| Symmetric::from_lower(FEATURES, &mode.scatter);
        // Pooled covariance within modes.
        let mut within = Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s * TRUST_IN_USUAL));
        let mut freedom = TRUST_IN_USUAL;
        for mode in modes {
            within.add(&scatter(mode), 1.0);
            freedom += (mode.calls - 1.0).max(0.0);
        }
        let within = within.scale(1.0 / freedom);
        let learned = modes
            .iter()
            .filter_map(|mode| {
                let freedom = (mode.calls - 1.0).max(0.0) + TRUST_IN_ALL;
                let mut own = scatter(mode);
                own.add(&within, TRUST_IN_ALL);
                // The mean of n calls adds the variance of one call divided by n.
                let unsure = 1.0 + 1.0 / mode.calls.max(1.0);
                let factor = own.scale(unsure / freedom).factor()?;
                let plain_freedom = (mode.calls - 1.0).max(0.0) + TRUST_IN_PLAIN;
                let mut plain = scatter(mode).corner(PLAIN);
                plain.add(&within.corner(PLAIN), TRUST_IN_PLAIN);
                let mut plain = plain.scale(unsure / plain_freedom);
                plain.add(&Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s)).corner(PLAIN), LEAST_VARIANCE);
                let plain = plain.factor()?;
                let (class, mode_name) = (mode.class.clone(), mode.mode.clone());
                Some(Learned {
                    class,
                    mode: mode_name,
                    mean: mode.mean,
                    factor,
                    freedom,
                    plain,
                    plain_freedom,
                })
            })
            .collect();
        let n = modes.len() as f64;
        let mean: Vec<f64> = (0..FEATURES)
            .map(|k| modes.iter().filter_map(|mode| mode.mean.get(k)).sum::<f64>() / n)
            .collect();
        // Prior spread between devices while few are known: the paper's devices differ by a factor of ten in
        // level and in offset.
        let mut between = Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s * 60.0));
        for mode in modes {
            let off: Vec<f64> = mode.mean.iter().zip(&mean).map(|(x, m)| x - m).collect();
            between.add_outer(&off, WIDER);
        }
        let mut anyone = between.scale(1.0 / n);
        anyone.add(&within, WIDER);
        Some(Self { modes: learned, anyone: (mean, anyone.factor()?) })
    }

    fn compare(&self, call: &[f64; FEATURES], packets: u32) -> Comparison {
        let wider = 1.0 + EVEN_PACKETS / f64::from(packets);
        let off = |mean: &[f64]| -> Vec<f64> { call.iter().zip(mean).map(|(x, m)| x - m).collect() };
        let (mean, factor) = &self.anyone;
        let anyone = log_t(factor.distance2(&off(mean)), factor, TRUST_IN_ALL);
        let mut best: Option<(f64, f64, &Learned)> = None;
        // For each class: the log sum over its modes, and its best mode.
        let mut classes: BTreeMap<&str, (f64, f64, &str)> = BTreeMap::new();
        let per_class = |class: &str| self.modes.iter().filter(|m| m.class == class).count() as f64;
        for mode in &self.modes {
            let distance2 = mode.factor.distance2(&off(&mode.mean)) / wider;
            let log = log_t(distance2, &mode.factor, mode.freedom)
                - 0.5 * FEATURES as f64 * wider.ln()
                - per_class(&mode.class).ln();
            if best.is_none_or(|(most, ..)| log > most) {
                best = Some((log, distance2, mode));
            }
            let sum =
                classes.entry(&mode.class).or_insert((f64::NEG_INFINITY, f64::NEG_INFINITY, &mode.mode));
            sum.0 = log_sum(sum.0, log);
            if log > sum.1 {
                (sum.1, sum.2) = (log, &mode.mode);
            }
        }
        let likeness = best.map_or(0.0, |(_, distance2, mode)| {
            let off = off(&mode.mean);
            let plain = mode.plain.distance2(off.get(..PLAIN).unwrap_or_default()) / wider;
            let least =
                as_far(distance2, mode.freedom, FEATURES).min(as_far(plain, mode.plain_freedom, PLAIN));
            // Bonferroni correction for the smaller of two probabilities.
            (2.0 * least).min(1.0)
        });
        let log_ratios =
            classes.iter().map(|(class, (log, ..))| ((*class).to_owned(), log - anyone)).collect();
        let share = ((1.0 - UNKNOWN) / classes.len().max(1) as f64).ln();
        let total =
            classes.values().fold(anyone + UNKNOWN.ln(), |total, (log, ..)| log_sum(total, log + share));
        let mut ranked: Vec<(f64, &str, &str)> = classes
            .iter()
            .map(|(class, (log, _, mode))| ((log + share - total).exp(), *class, *mode))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let result = match ranked.as_slice() {
            [] => Err(NoClass::NoneLearned),
            _ if likeness < UNLIKE => Err(NoClass::UnlikeAll),
            [(confidence, class, mode), ..] if *confidence >= CERTAIN => Ok(Recognised {
                class: (*class).to_owned(),
                mode: (*mode).to_owned(),
                confidence: *confidence,
            }),
            [(one, first, _), (two, second, _), ..] if one + two >= CERTAIN => {
                Err(NoClass::Ambiguous((*first).to_owned(), (*second).to_owned()))
            }
            _ => Err(NoClass::UnlikeAll),
        };
        Comparison { result, likeness, log_ratios }
    }
}

/// Log density of a multivariate t at a squared Mahalanobis distance.
fn log_t(distance2: f64, factor: &Factor, freedom: f64) -> f64 {
    let k = FEATURES as f64;
    ln_gamma((freedom + k) / 2.0)
        - ln_gamma(freedom / 2.0)
        - 0.5 * (k * (freedom * std::f64::consts::PI).ln() + factor.log_determinant())
        - 0.5 * (freedom + k) * (distance2 / freedom).ln_1p()
}

/// Probability that a draw from a multivariate t is this far from its mean or further.
fn as_far(distance2: f64, freedom: f64, features: usize) -> f64 {
    let k = features as f64;
    FisherSnedecor::new(k, freedom).map_or(0.0, |f| f.sf(distance2 / k))
}

fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}
