//! Device classes: learned from calls of known devices, recognised with a confidence, and rejected if no
//! class fits.
//!
//! Two questions make a claim: which taught class fits best, and whether any fits. Where several fit, the answer is a set.

use std::collections::BTreeMap;

use crate::features::features;
use crate::mode::Mode;
use crate::model::{Compared, OfCoding, log_sum};
use crate::strangers::UNLIKE;
use crate::{Coding, Pauses, Unsteady};

/// Fewest noise packets for a comparison: 100 ms.
pub const MIN_PACKETS: u32 = 5;

/// Smallest share of a recognised class among all that were taught, and the share that the members of a set have together.
const CERTAIN: f64 = 0.8;
const WHOLE: f64 = 0.95;

/// Members of a set at most.
const MAX_SET: usize = 3;

/// Usual prior probability of a device that nobody taught, and the smallest posterior probability of all taught classes.
const UNKNOWN: f64 = 0.2;
const LEAST_KNOWN: f64 = 0.05;

/// The reason for an unrecognised class.
#[derive(Clone, Debug, PartialEq)]
pub enum NoClass {
    /// No class of this coding was learned.
    NoneLearned,
    /// Too few packets of noise.
    TooLittleSilence,
    /// The call is far from all classes.
    UnlikeAll,
    /// The pauses show the surroundings of the caller, or a sender's gain control, rather than the device.
    Surroundings(Unsteady),
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
            Self::Surroundings(surroundings) => surroundings.name().to_owned(),
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
    /// Share of the calls that are of devices which nobody taught.
    unknown: f64,
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
        Self { codings, unknown: UNKNOWN }
    }

    /// Expects another share of calls of devices that nobody taught, from 0 to 1.
    #[must_use]
    pub fn expecting(self, unknown: f64) -> Self {
        Self { unknown, ..self }
    }

    /// Compares a stream's noise with all classes.
    #[must_use]
    pub fn compare(&self, pauses: &Pauses) -> Comparison {
        if let Some(surroundings) = pauses.surroundings().filter(|_| pauses.packets >= MIN_PACKETS) {
            return Comparison::without(NoClass::Surroundings(surroundings));
        }
        let Some(known) = self.codings.get(&pauses.coding) else {
            return Comparison::without(NoClass::NoneLearned);
        };
        if pauses.packets < MIN_PACKETS {
            return Comparison::without(NoClass::TooLittleSilence);
        }
        let found = Comparison::of(&known.compare(&features(pauses), pauses.packets, self.unknown));
        if found.result == Err(NoClass::UnlikeAll) && pauses.is_rumble() {
            return Comparison::without(NoClass::Surroundings(Unsteady::Room));
        }
        found
    }
}

impl Comparison {
    fn without(reason: NoClass) -> Self {
        Self { result: Err(reason), set: Vec::new(), likeness: 0.0, log_ratios: BTreeMap::new() }
    }

    /// The result of comparing a call with each class.
    fn of(compared: &Compared<'_>) -> Self {
        let Compared { fits, stranger, likeness, known } = compared;
        let log_ratios = fits.iter().map(|fit| (fit.class.to_owned(), fit.log - stranger)).collect();
        let all = fits.iter().fold(f64::NEG_INFINITY, |sum, fit| log_sum(sum, fit.log));
        let mut set = Vec::new();
        let mut sum = 0.0;
        if *likeness >= UNLIKE && *known >= LEAST_KNOWN {
            for fit in fits {
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
                confidence: first.weight * known,
            }),
            _ => Err(NoClass::Ambiguous(set.iter().map(|of| of.class.clone()).collect())),
        };
        Self { result, set, likeness: *likeness, log_ratios }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FEATURES;

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
            steadiness: None,
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
