//! The probabilistic model of the classes of one coding.
//!
//! A class has modes. A mode of noise has a multivariate t distribution of the features, because its covariance is estimated from a few
//! calls; a mode of digital silence has the words that it repeats. The alternative to all classes is a population of devices in general,
//! with the spread of the means, widened.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, FisherSnedecor};
use statrs::function::gamma::ln_gamma;

use crate::features::{FEATURES, USUAL_SPREAD};
use crate::matrix::{Factor, Symmetric};
use crate::mode::{Mode, repeated_group};
use crate::spread::Variances;
use crate::strangers::Strangers;

/// Prior weights in calls: of the pooled covariance of all modes beside a mode's own, and of the usual spread
/// beside the pooled covariance.
const TRUST_IN_ALL: f64 = 20.0;
const TRUST_IN_USUAL: f64 = 12.0;

/// With this many packets, the sampling error of the features has the same variance as the differences
/// between calls.
const EVEN_PACKETS: f64 = 120.0;

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

/// Modes whose spread is so many times the middle one do not count among all.
const MUCH_FARTHER: f64 = 4.0;

/// Modes that are left out at most to learn about strangers, and comparisons for that: with very many classes a few modes do.
const MAX_LEFT_OUT: usize = 256;
const MAX_COMPARISONS: usize = 500_000;

/// Smallest share of their usual variance that is added, because a few calls may all come from one unit.
const LEAST_VARIANCE: f64 = 0.1;

/// The classes of one coding.
pub(crate) struct OfCoding {
    classes: Vec<Class>,
    /// Population of devices in general: mean and covariance factor.
    anyone: (Vec<f64>, Factor),
    /// How far calls of a mode are from its mean, in the model's units.
    distances: Distances,
    strangers: Strangers,
    /// Number of modes that repeat words of a group, by group: the base of the guess about strangers.
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
pub(crate) struct Fit<'a> {
    pub(crate) class: &'a str,
    /// Its likeliest mode.
    pub(crate) mode: &'a str,
    /// Logarithm of the likelihood.
    pub(crate) log: f64,
    nearness: Nearness,
}

/// A call compared with all classes.
pub(crate) struct Compared<'a> {
    /// The classes, the likeliest first.
    pub(crate) fits: Vec<Fit<'a>>,
    /// Logarithm of the likelihood of devices in general.
    pub(crate) stranger: f64,
    /// Probability that a call of the likeliest class is as far off or further.
    pub(crate) likeness: f64,
    /// Probability that no stranger made a call that fits like this.
    pub(crate) known: f64,
}

/// How near a call is to the likeliest mode of a class.
enum Nearness {
    /// It repeats the same words.
    Same,
    /// The class has no mode of its kind.
    Unheard,
    /// Squared distances from the mean: of all features, and of level and offset with their degrees of freedom.
    Noise { all: f64, plain: f64, plain_freedom: f64 },
}

impl Nearness {
    /// Probability that a call of the mode is as far from its mean or further.
    fn likeness(&self, distances: &Distances) -> f64 {
        match *self {
            Self::Same => 1.0,
            Self::Unheard => 0.0,
            Self::Noise { all, plain, plain_freedom } => {
                let least = distances.as_far(all, TAIL).min(as_far(plain, plain_freedom, PLAIN as f64));
                // Bonferroni correction for the smaller of two probabilities.
                (2.0 * least).min(1.0)
            }
        }
    }
}

impl OfCoding {
    pub(crate) fn new(modes: &[&Mode]) -> Option<Self> {
        if modes.is_empty() {
            return None;
        }
        let noise: Vec<&Mode> = modes.iter().copied().filter(|mode| mode.repeats().is_none()).collect();
        let usual = usual(&noise);
        let (within, variances) = (within(&usual), variances(&noise));
        let mut classes: BTreeMap<&str, Class> = BTreeMap::new();
        let mut distances = Whitened::default();
        let mut usual = usual.iter().peekable();
        for mode in modes {
            let sound = match mode.repeats() {
                Some(group) => PauseSound::Digital(group),
                None => {
                    let noise = NoiseModel::new(mode, &within, &variances)?;
                    if usual.next_if(|of| std::ptr::eq(**of, *mode)).is_some() {
                        distances.add(mode, &noise);
                    }
                    PauseSound::Noise(Box::new(noise))
                }
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
        let distances = distances.learned();
        let anyone = anyone(&noise, &within)?;
        let mut of_coding = Self { classes, anyone, distances, strangers: Strangers::default(), repeating };
        of_coding.strangers = of_coding.strangers_of(&noise);
        Some(of_coding)
    }

    /// What the classes say of strangers: each is one to the others.
    fn strangers_of(&self, noise: &[&Mode]) -> Strangers {
        let most = (MAX_COMPARISONS / self.classes.len().max(1)).clamp(1, MAX_LEFT_OUT);
        let stride = noise.len().div_ceil(most).max(1);
        let likeness = |mode: &&Mode| {
            let others = self.classes.iter().filter(|class| class.name != mode.class);
            let fits = others.map(|class| class.sounds(&mode.mean, 1.0, f64::NEG_INFINITY));
            let best = fits.max_by(|a, b| a.log.total_cmp(&b.log));
            best.map_or(0.0, |fit| fit.nearness.likeness(&self.distances))
        };
        Strangers::learn(noise.iter().step_by(stride).map(likeness))
    }

    pub(crate) fn compare(&self, call: &[f64; FEATURES], packets: u32, unknown: f64) -> Compared<'_> {
        let wider = 1.0 + EVEN_PACKETS / f64::from(packets);
        let group = repeated_group(call);
        let stranger = match group {
            Some(group) => self.guess(group).ln(),
            None => {
                let (mean, factor) = &self.anyone;
                log_t(factor.distance2(&off(call, mean)), factor, TRUST_IN_ALL)
            }
        };
        let mut fits: Vec<Fit<'_>> = self
            .classes
            .iter()
            .map(|class| match group {
                Some(group) => class.repeats(group, stranger),
                None => class.sounds(call, wider, stranger),
            })
            .collect();
        fits.sort_by(|a, b| b.log.total_cmp(&a.log));
        let likeness = fits.first().map_or(0.0, |fit| fit.nearness.likeness(&self.distances));
        let known = match group {
            Some(group) => {
                let log = fits.first().map_or(f64::NEG_INFINITY, |fit| fit.log);
                let known = (1.0 - unknown) / self.classes.len() as f64 * log.exp();
                known / (known + unknown * self.guess(group))
            }
            None => self.strangers.known(likeness, unknown),
        };
        Compared { fits, stranger, likeness, known }
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
            Some(own) => {
                Fit { class: &self.name, mode: &own.mode, log: own.share.ln(), nearness: Nearness::Same }
            }
            None => self.unheard(MUTED, stranger),
        }
    }

    /// Its fit for noise.
    fn sounds(&self, call: &[f64; FEATURES], wider: f64, stranger: f64) -> Fit<'_> {
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
        let Some((_, mode, noise, all)) = best else { return self.unheard(UNHEARD, stranger) };
        let off = off(call, &noise.mean);
        let plain = noise.plain.distance2(off.get(..PLAIN).unwrap_or_default()) / wider;
        let nearness = Nearness::Noise { all, plain, plain_freedom: noise.plain_freedom };
        Fit { class: &self.name, mode, log, nearness }
    }

    /// Its fit for a sound that none of its calls had: such a call comes as a stranger's would.
    fn unheard(&self, rate: f64, stranger: f64) -> Fit<'_> {
        let rate = rate / (self.calls + 1.0);
        Fit { class: &self.name, mode: "", log: rate.ln() + stranger, nearness: Nearness::Unheard }
    }
}

impl NoiseModel {
    fn new(mode: &Mode, within: &Symmetric, variances: &[Variances; PLAIN]) -> Option<Self> {
        let (own_freedom, unsure) = (mode.freedom(), mode.unsure());
        let own = Symmetric::from_lower(FEATURES, &mode.scatter);
        // The mode's own variances of level and offset, where those of others are its prior.
        let spread: [f64; PLAIN] = std::array::from_fn(|k| {
            let own = mode.scatter_of(k) / own_freedom.max(1.0);
            variances.get(k).map_or(1.0, |of| of.of(own, own_freedom))
        });
        let scale: Vec<f64> = (0..FEATURES)
            .map(|k| spread.get(k).map_or(1.0, |variance| (variance / within.diagonal_at(k)).sqrt()))
            .collect();
        let within = within.scaled_by(&scale);
        let freedom = own_freedom + TRUST_IN_ALL;
        let mut plain = own.corner(PLAIN);
        let mut all = own;
        all.add(&within, TRUST_IN_ALL);
        let factor = all.scale(unsure / freedom).factor()?;
        let weight = variances.iter().map(|of| of.weight).fold(f64::INFINITY, f64::min);
        plain.add(&within.corner(PLAIN), weight);
        let mut plain = plain.scale(unsure / (own_freedom + weight));
        plain.add(&Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s)).corner(PLAIN), LEAST_VARIANCE);
        let plain_freedom = own_freedom + weight;
        Some(Self { mean: mode.mean, factor, freedom, plain: plain.factor()?, plain_freedom })
    }
}

/// How the variances of level and offset are distributed among modes.
fn variances(modes: &[&Mode]) -> [Variances; PLAIN] {
    std::array::from_fn(|k| {
        let observed: Vec<(f64, f64)> =
            modes.iter().map(|mode| (mode.scatter_of(k) / mode.freedom().max(1.0), mode.freedom())).collect();
        let usual = USUAL_SPREAD.get(k).map_or(1.0, |spread| spread * spread);
        Variances::learn(&observed, usual)
    })
}

/// The modes whose calls are not much farther apart than those of the others: a call with a wrong label must not make all modes wide.
fn usual<'a>(modes: &[&'a Mode]) -> Vec<&'a Mode> {
    let spread = |mode: &&Mode| {
        let sum: f64 = USUAL_SPREAD.iter().enumerate().map(|(k, s)| mode.scatter_of(k) / (s * s)).sum();
        sum / mode.freedom()
    };
    let mut spreads: Vec<f64> = modes.iter().filter(|mode| mode.calls > 1.0).map(spread).collect();
    spreads.sort_by(f64::total_cmp);
    let middle = spreads.get(spreads.len() / 2).copied().unwrap_or_default();
    modes.iter().filter(|mode| mode.calls <= 1.0 || spread(mode) <= MUCH_FARTHER * middle).copied().collect()
}

/// Pooled covariance within modes.
fn within(modes: &[&Mode]) -> Symmetric {
    let mut within = Symmetric::diagonal(&USUAL_SPREAD.map(|s| s * s * TRUST_IN_USUAL));
    let mut freedom = TRUST_IN_USUAL;
    for mode in modes {
        within.add(&Symmetric::from_lower(FEATURES, &mode.scatter), 1.0);
        freedom += mode.freedom();
    }
    within.scale(1.0 / freedom)
}

/// How far calls of a mode lie from its mean, as a scaled chi-squared distribution: not all features vary on their own (Satterthwaite 1946).
struct Distances {
    mean: f64,
    freedom: f64,
}

/// The scatter of modes in the units of their models, summed.
struct Whitened {
    scatter: Symmetric,
    freedom: f64,
}

impl Default for Whitened {
    /// The models' own assumption, with some weight.
    fn default() -> Self {
        Self { scatter: Symmetric::diagonal(&[TRUST_IN_MODEL; FEATURES]), freedom: TRUST_IN_MODEL }
    }
}

impl Whitened {
    fn add(&mut self, mode: &Mode, noise: &NoiseModel) {
        let scatter = Symmetric::from_lower(FEATURES, &mode.scatter);
        self.scatter.add(&noise.factor.whitened(&scatter), mode.unsure());
        self.freedom += mode.freedom();
    }

    fn learned(self) -> Distances {
        let all = self.scatter.scale(1.0 / self.freedom);
        let (trace, square) = (all.trace(), all.trace_of_square());
        Distances { mean: trace, freedom: (trace * trace / square).clamp(1.0, FEATURES as f64) }
    }
}

impl Distances {
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

pub(crate) fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}
