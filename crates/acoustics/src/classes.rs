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
use crate::mode::{Mode, repeated_group};
use crate::spread::Variances;
use crate::strangers::Strangers;
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
pub(crate) const UNLIKE: f64 = 0.0001;

/// Smallest share of a recognised class among all that were taught, and the share that the members of a set have together.
const CERTAIN: f64 = 0.8;
const WHOLE: f64 = 0.95;

/// Members of a set at most.
const MAX_SET: usize = 3;

/// Prior probability of a device that nobody taught, and the smallest posterior probability of all taught classes.
pub(crate) const UNKNOWN: f64 = 0.2;
const LEAST_KNOWN: f64 = 0.05;

/// Rate at which a class whose calls all had noise shows digital silence (a mute button), and the other way round, after one call.
const MUTED: f64 = 0.1;
const UNHEARD: f64 = 0.5;

/// Number of leading features that are also tested alone: level and offset. An unknown device may differ in
/// these only, and among nineteen features the difference would have little weight.
const PLAIN: usize = 2;

/// Factor by which the population's spread exceeds that of the known devices, and the prior spread in usual variances.
const WIDER: f64 = 2.0;
const PRIOR_SPREAD: f64 = 60.0;

/// Degrees of freedom of the distance of all features: calls with few pauses have more than noise in them.
const TAIL: f64 = 8.0;

/// Prior weight in calls of the model's own idea of how far calls are from their mean.
const TRUST_IN_MODEL: f64 = 5.0;

/// Modes that are left out at most to learn about strangers.
const MAX_LEFT_OUT: usize = 256;

/// Smallest share of their usual variance that is added, because a few calls may all come from one unit.
const LEAST_VARIANCE: f64 = 0.1;

/// The reason for an unrecognised class.
#[derive(Clone, Debug, PartialEq)]
pub enum NoClass {
    /// No class of this coding was learned.
    NoneLearned,
    /// Too few packets of noise.
    TooLittleSilence,
    /// The call is far from all classes.
    UnlikeAll,
    /// Several classes fit, the likeliest first.
    Ambiguous(Vec<String>),
}

impl NoClass {
    /// Text for reports.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::NoneLearned => "no_classes_learned".to_owned(),
            Self::TooLittleSilence => "too_little_silence".to_owned(),
            Self::UnlikeAll => "unlike_all".to_owned(),
            Self::Ambiguous(classes) => format!("ambiguous: {}", classes.join(" or ")),
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
    /// Posterior probability of the class, with a share of strangers in the traffic.
    pub confidence: f64,
}

/// A class that may be it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The class.
    pub class: String,
    /// Its likeliest mode; empty if the class has only one.
    pub mode: String,
    /// Its share of the probability of all taught classes.
    pub weight: f64,
}

/// Result of comparing a call with all classes.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The class, or the reason for none.
    pub result: Result<Recognised, NoClass>,
    /// The classes that may be it.
    pub set: Vec<Candidate>,
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

/// The classes of one coding.
struct OfCoding {
    classes: Vec<Class>,
    /// Population of devices in general: mean and covariance factor.
    anyone: (Vec<f64>, Factor),
    /// How far calls of a mode are from its mean, in the model's units.
    distances: Distances,
    strangers: Strangers,
    /// Share of the classes whose pauses repeat words of a group, by group: also the guess about strangers.
    repeating: BTreeMap<usize, f64>,
}

struct Class {
    name: String,
    /// Total weight of its calls.
    calls: f64,
    modes: Vec<Learned>,
}

/// A mode with its share of the class's calls.
struct Learned {
    mode: String,
    share: f64,
    sound: PauseSound,
}

/// What is heard in the pauses of a mode.
enum PauseSound {
    /// Words of one group, repeated.
    Digital(usize),
    Noise(Box<NoiseModel>),
}

struct NoiseModel {
    mean: [f64; FEATURES],
    factor: Factor,
    freedom: f64,
    /// The same for level and offset alone.
    plain: Factor,
    plain_freedom: f64,
}

/// How a class fits a call.
struct Fit<'a> {
    class: &'a str,
    /// Its likeliest mode.
    mode: &'a str,
    /// Logarithm of the likelihood.
    log: f64,
    /// Probability that a call of the likeliest mode is as far from its mean or further.
    likeness: f64,
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
        let Some(known) = self.codings.get(&pauses.coding) else {
            return Comparison::without(NoClass::NoneLearned);
        };
        if pauses.packets < MIN_PACKETS {
            return Comparison::without(NoClass::TooLittleSilence);
        }
        known.compare(&features(pauses), pauses.packets)
    }
}

impl OfCoding {
    fn new(modes: &[&Mode]) -> Option<Self> {
        if modes.is_empty() {
            return None;
        }
        let noise: Vec<&Mode> = modes.iter().copied().filter(|mode| mode.repeats().is_none()).collect();
        let (within, variances) = (within(&noise), variances(&noise));
        let mut classes: BTreeMap<&str, Class> = BTreeMap::new();
        for mode in modes {
            let sound = match mode.repeats() {
                Some(group) => PauseSound::Digital(group),
                None => PauseSound::Noise(Box::new(NoiseModel::new(mode, &within, &variances)?)),
            };
            let class = classes.entry(&mode.class).or_insert_with(|| Class {
                name: mode.class.clone(),
                calls: 0.0,
                modes: Vec::new(),
            });
            class.calls += mode.calls;
            class.modes.push(Learned { mode: mode.mode.clone(), share: mode.calls, sound });
        }
        let mut classes: Vec<Class> = classes.into_values().collect();
        for class in &mut classes {
            // A few calls tell little about how often each mode comes.
            let all = class.calls + class.modes.len() as f64;
            class.modes.iter_mut().for_each(|mode| mode.share = (mode.share + 1.0) / all);
        }
        let mut repeating: BTreeMap<usize, f64> = BTreeMap::new();
        for class in &classes {
            for mode in &class.modes {
                if let PauseSound::Digital(group) = mode.sound {
                    *repeating.entry(group).or_default() += 1.0;
                }
            }
        }
        let distances = Distances::new(classes.iter().flat_map(|class| &class.modes), &noise);
        let anyone = anyone(&noise, &within)?;
        let mut of_coding = Self { classes, anyone, distances, strangers: Strangers::default(), repeating };
        of_coding.strangers = of_coding.strangers_of(&noise);
        Some(of_coding)
    }

    /// What the classes say of strangers: each is one to the others.
    fn strangers_of(&self, noise: &[&Mode]) -> Strangers {
        let stride = noise.len().div_ceil(MAX_LEFT_OUT).max(1);
        let likeness = |mode: &&Mode| {
            let others = self.classes.iter().filter(|class| class.name != mode.class);
            let fits = others.map(|class| class.sounds(&mode.mean, 1.0, &self.distances, f64::NEG_INFINITY));
            fits.max_by(|a, b| a.log.total_cmp(&b.log)).map_or(0.0, |fit| fit.likeness)
        };
        Strangers::learn(noise.iter().step_by(stride).map(likeness))
    }

    fn compare(&self, call: &[f64; FEATURES], packets: u32) -> Comparison {
        let wider = 1.0 + EVEN_PACKETS / f64::from(packets);
        let group = repeated_group(call);
        let stranger = match group {
            Some(group) => self.guess(group).ln(),
            None => {
                let (mean, factor) = &self.anyone;
                log_t(factor.distance2(&off(call, mean)), factor, TRUST_IN_ALL)
            }
        };
        let fits: Vec<Fit<'_>> = self
            .classes
            .iter()
            .map(|class| match group {
                Some(group) => class.repeats(group, stranger),
                None => class.sounds(call, wider, &self.distances, stranger),
            })
            .collect();
        Comparison::of(fits, stranger, |fit| match group {
            Some(group) => {
                let known = (1.0 - UNKNOWN) / self.classes.len() as f64 * fit.log.exp();
                known / (known + UNKNOWN * self.guess(group))
            }
            None => self.strangers.known(fit.likeness),
        })
    }

    /// The probability that a stranger's pauses repeat words of a group.
    fn guess(&self, group: usize) -> f64 {
        let known = self.repeating.get(&group).copied().unwrap_or(0.0);
        (known + 0.5) / (self.classes.len() as f64 + 1.0)
    }
}

impl Class {
    /// Its fit for digital silence.
    fn repeats(&self, group: usize, stranger: f64) -> Fit<'_> {
        let own = self.modes.iter().find(|mode| matches!(mode.sound, PauseSound::Digital(of) if of == group));
        match own {
            Some(own) => Fit { class: &self.name, mode: &own.mode, log: own.share.ln(), likeness: 1.0 },
            None => self.unheard(MUTED, stranger),
        }
    }

    /// Its fit for noise.
    fn sounds(&self, call: &[f64; FEATURES], wider: f64, distances: &Distances, stranger: f64) -> Fit<'_> {
        let mut best: Option<(f64, &str, &NoiseModel, f64)> = None;
        let mut log = f64::NEG_INFINITY;
        for mode in &self.modes {
            let PauseSound::Noise(noise) = &mode.sound else { continue };
            let distance2 = noise.factor.distance2(&off(call, &noise.mean)) / wider;
            let own = log_t(distance2, &noise.factor, noise.freedom) - 0.5 * FEATURES as f64 * wider.ln()
                + mode.share.ln();
            log = log_sum(log, own);
            if best.is_none_or(|(most, ..)| own > most) {
                best = Some((own, &mode.mode, noise, distance2));
            }
        }
        let Some((_, mode, noise, distance2)) = best else { return self.unheard(UNHEARD, stranger) };
        let off = off(call, &noise.mean);
        let plain = noise.plain.distance2(off.get(..PLAIN).unwrap_or_default()) / wider;
        let plain = as_far(plain, noise.plain_freedom, PLAIN as f64);
        let least = distances.as_far(distance2, TAIL).min(plain);
        // Bonferroni correction for the smaller of two probabilities.
        Fit { class: &self.name, mode, log, likeness: (2.0 * least).min(1.0) }
    }

    /// Its fit for a sound that none of its calls had: such a call comes as a stranger's would.
    fn unheard(&self, rate: f64, stranger: f64) -> Fit<'_> {
        let rate = rate / (self.calls + 1.0);
        Fit { class: &self.name, mode: "", log: rate.ln() + stranger, likeness: 0.0 }
    }
}

impl NoiseModel {
    fn new(mode: &Mode, within: &Symmetric, variances: &[Variances; PLAIN]) -> Option<Self> {
        let own_freedom = (mode.calls - 1.0).max(0.0);
        let own = Symmetric::from_lower(FEATURES, &mode.scatter);
        // The mode's own variances of level and offset, where those of others are its prior.
        let spread: [f64; PLAIN] = std::array::from_fn(|k| {
            let scatter = own.diagonal_at(k) / own_freedom.max(1.0);
            variances.get(k).map_or(1.0, |of| of.of(scatter, own_freedom))
        });
        let scale: Vec<f64> = (0..FEATURES)
            .map(|k| spread.get(k).map_or(1.0, |variance| (variance / within.diagonal_at(k)).sqrt()))
            .collect();
        let within = within.scaled_by(&scale);
        let freedom = own_freedom + TRUST_IN_ALL;
        let mut all = own;
        all.add(&within, TRUST_IN_ALL);
        // The mean of n calls adds the variance of one call divided by n.
        let unsure = 1.0 + 1.0 / mode.calls.max(1.0);
        let factor = all.scale(unsure / freedom).factor()?;
        let weight = variances.iter().map(|of| of.weight).fold(f64::INFINITY, f64::min);
        let mut plain = within.corner(PLAIN).scale(unsure);
        plain.add(&Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s)).corner(PLAIN), LEAST_VARIANCE);
        let plain_freedom = own_freedom + weight;
        Some(Self { mean: mode.mean, factor, freedom, plain: plain.factor()?, plain_freedom })
    }
}

/// How the variances of level and offset are distributed among modes.
fn variances(modes: &[&Mode]) -> [Variances; PLAIN] {
    std::array::from_fn(|k| {
        let observed: Vec<(f64, f64)> = modes
            .iter()
            .map(|mode| {
                let freedom = mode.calls - 1.0;
                (Symmetric::from_lower(FEATURES, &mode.scatter).diagonal_at(k) / freedom.max(1.0), freedom)
            })
            .collect();
        let usual = USUAL_SPREAD.get(k).map_or(1.0, |spread| spread * spread);
        Variances::learn(&observed, usual)
    })
}

/// Pooled covariance within modes.
fn within(modes: &[&Mode]) -> Symmetric {
    let mut within = Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s * TRUST_IN_USUAL));
    let mut freedom = TRUST_IN_USUAL;
    for mode in modes {
        within.add(&Symmetric::from_lower(FEATURES, &mode.scatter), 1.0);
        freedom += (mode.calls - 1.0).max(0.0);
    }
    within.scale(1.0 / freedom)
}

impl Comparison {
    fn without(reason: NoClass) -> Self {
        Self { result: Err(reason), set: Vec::new(), likeness: 0.0, log_ratios: BTreeMap::new() }
    }

    /// The result of comparing a call with each class. `known` tells how probable it is that no stranger made a call that fits a class
    /// like this.
    fn of(mut fits: Vec<Fit<'_>>, stranger: f64, known: impl Fn(&Fit<'_>) -> f64) -> Self {
        let log_ratios = fits.iter().map(|fit| (fit.class.to_owned(), fit.log - stranger)).collect();
        fits.sort_by(|a, b| b.log.total_cmp(&a.log));
        let all = fits.iter().fold(f64::NEG_INFINITY, |sum, fit| log_sum(sum, fit.log));
        let likeness = fits.first().map_or(0.0, |fit| fit.likeness);
        let is_known = fits.first().map_or(0.0, known);
        let mut set = Vec::new();
        let mut sum = 0.0;
        if likeness >= UNLIKE && is_known >= LEAST_KNOWN {
            for fit in &fits {
                if sum >= WHOLE || set.len() == MAX_SET {
                    break;
                }
                let weight = (fit.log - all).exp();
                sum += weight;
                set.push(Candidate { class: fit.class.to_owned(), mode: fit.mode.to_owned(), weight });
            }
        }
        let result = match set.as_slice() {
            [] if fits.is_empty() => Err(NoClass::NoneLearned),
            [] => Err(NoClass::UnlikeAll),
            [first, ..] if first.weight >= CERTAIN => Ok(Recognised {
                class: first.class.clone(),
                mode: first.mode.clone(),
                confidence: first.weight * is_known,
            }),
            _ => Err(NoClass::Ambiguous(set.iter().map(|of| of.class.clone()).collect())),
        };
        Self { result, set, likeness, log_ratios }
    }
}

/// How far calls of a mode lie from its mean, as a scaled chi-squared distribution: not all features vary on their own (Satterthwaite 1946).
struct Distances {
    mean: f64,
    freedom: f64,
}

impl Distances {
    /// From the scatter of all modes in the units of their models.
    fn new<'a>(learned: impl Iterator<Item = &'a Learned>, modes: &[&Mode]) -> Self {
        // A model's own assumption, with some weight.
        let mut all = Symmetric::diagonal(&[TRUST_IN_MODEL; FEATURES]);
        let mut freedom = TRUST_IN_MODEL;
        let noises: Vec<&NoiseModel> = learned
            .filter_map(|of| match &of.sound {
                PauseSound::Noise(noise) => Some(&**noise),
                PauseSound::Digital(_) => None,
            })
            .collect();
        for noise in noises {
            let Some(mode) = modes.iter().find(|mode| mode.mean == noise.mean) else { continue };
            let unsure = 1.0 + 1.0 / mode.calls.max(1.0);
            all.add(&noise.factor.whitened(&Symmetric::from_lower(FEATURES, &mode.scatter)), unsure);
            freedom += (mode.calls - 1.0).max(0.0);
        }
        let all = all.scale(1.0 / freedom);
        let (trace, square) = (all.trace(), all.trace_of_square());
        Self { mean: trace, freedom: (trace * trace / square).clamp(1.0, FEATURES as f64) }
    }

    /// Probability that a call is this far from its mode's mean or further.
    fn as_far(&self, distance2: f64, freedom: f64) -> f64 {
        as_far(distance2 * self.freedom / self.mean, freedom, self.freedom)
    }
}

/// Mean and covariance factor of the population: the spread of the modes' means, widened. Devices differ by a factor of ten in level and in
/// offset (the paper), which counts while few are known.
fn anyone(modes: &[&Mode], within: &Symmetric) -> Option<(Vec<f64>, Factor)> {
    let n = modes.len().max(1) as f64;
    let mean: Vec<f64> =
        (0..FEATURES).map(|k| modes.iter().filter_map(|mode| mode.mean.get(k)).sum::<f64>() / n).collect();
    let mut anyone = Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s * PRIOR_SPREAD));
    modes.iter().for_each(|mode| anyone.add_outer(&off(&mode.mean, &mean), WIDER));
    let mut anyone = anyone.scale(1.0 / n);
    anyone.add(within, WIDER);
    Some((mean, anyone.factor()?))
}

/// The difference of a call from a mean.
fn off(call: &[f64; FEATURES], mean: &[f64]) -> Vec<f64> {
    call.iter().zip(mean).map(|(x, m)| x - m).collect()
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
fn as_far(distance2: f64, freedom: f64, k: f64) -> f64 {
    FisherSnedecor::new(k, freedom).map_or(0.0, |f| f.sf(distance2 / k))
}

fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The noise of a device, as a call shows it.
    fn pauses(energy: f64, dc_offset: f64) -> Pauses {
        Pauses {
            coding: Coding::ALL[0],
            packets: 400,
            observed_packets: 1000,
            constant: (0, 0xff),
            is_digital: energy == 0.0,
            dc_offset,
            energy,
            lag1: 0.2,
            lag2: 0.1,
            crossings: 0.4,
            hum: 0.01,
            codes: vec![(0xff, 1000)],
        }
    }

    /// Three calls of a device, which differ a little.
    fn calls(energy: f64, dc: f64) -> Vec<([f64; FEATURES], f64)> {
        [0.96, 1.0, 1.05].map(|by| (features(&pauses(energy * by * by, dc * by)), 1.0)).to_vec()
    }

    fn mode(class: &str, mode: &str, calls: &[([f64; FEATURES], f64)]) -> Mode {
        Mode::learn(class, mode, Coding::ALL[0], calls).unwrap()
    }

    /// Eight devices that are far from each other.
    fn devices() -> Vec<Mode> {
        (0..8)
            .map(|i| mode(&format!("phone {i}"), "", &calls(1e-7 * 2.5_f64.powi(i), 1e-4 * f64::from(i - 4))))
            .collect()
    }

    #[test]
    fn a_device_is_recognised_and_a_near_stranger_gets_no_confidence() {
        let classes = Classes::new(&devices());
        let known = classes.compare(&pauses(1e-7 * 2.5_f64.powi(3), -1e-4)).result.unwrap();
        assert_eq!(known.class, "phone 3");
        assert!(known.confidence >= 0.95, "{known:?}");
        // Half as loud again, and another offset.
        let near = classes.compare(&pauses(1e-7 * 2.5_f64.powi(3) * 1.8, -1.5e-4));
        assert!(
            near.result.as_ref().is_ok_and(|found| found.confidence < 0.95) || near.result.is_err(),
            "{near:?}"
        );
        let far = classes.compare(&pauses(3e-5, 2e-3));
        assert_eq!(far.result, Err(NoClass::UnlikeAll));
        assert!(far.set.is_empty());
    }

    #[test]
    fn two_devices_that_sound_alike_are_a_set() {
        let mut modes = devices();
        modes.push(mode("twin of 3", "", &calls(1e-7 * 2.5_f64.powi(3), -1e-4)));
        let found = Classes::new(&modes).compare(&pauses(1e-7 * 2.5_f64.powi(3), -1e-4));
        let mut names: Vec<&str> = found.set.iter().map(|of| of.class.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["phone 3", "twin of 3"]);
        assert!((found.set.iter().map(|of| of.weight).sum::<f64>() - 1.0).abs() < 0.05, "{found:?}");
        assert!(matches!(found.result, Err(NoClass::Ambiguous(_))));
    }

    #[test]
    fn a_softphone_is_known_by_its_noise_and_by_its_digital_silence() {
        let mut modes = devices();
        modes.push(mode("softphone", "mode 1", &calls(2e-8, 0.0)));
        let silent = (features(&pauses(0.0, 0.0)), 1.0);
        modes.push(mode("softphone", "mode 2", &[silent]));
        let classes = Classes::new(&modes);
        for (energy, part) in [(2e-8, "mode 1"), (0.0, "mode 2")] {
            let found = classes.compare(&pauses(energy, 0.0)).result.unwrap();
            assert_eq!((found.class.as_str(), found.mode.as_str()), ("softphone", part));
        }
        // Digital silence is no proof: strangers have it too.
        assert!(classes.compare(&pauses(0.0, 0.0)).result.unwrap().confidence < 0.95);
    }

    #[test]
    fn learning_finds_digital_silence_among_calls_with_noise() {
        let mut all: Vec<[f64; FEATURES]> = calls(2e-8, 0.0).into_iter().map(|(call, _)| call).collect();
        all.insert(1, features(&pauses(0.0, 0.0)));
        let parts = Mode::parted(&all);
        assert_eq!((parts[0], parts[2], parts[3]), (parts[3], parts[0], parts[2]));
        assert_ne!(parts[1], parts[0]);
    }
}
