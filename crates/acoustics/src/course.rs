//! The course of the level over the quiet packets of a stream.
//!
//! The noise of a device keeps its level from packet to packet. The sound of a room does not: traffic, voices and machines
//! come and go within a second. A sender that controls its gain moves the level of everything, and does so slowly.

use crate::levels::{FEWEST, SHARE};

/// Classes of level: half-octaves of energy (1.5 dB).
const CLASSES: usize = 64;

/// Exponent of the least energy that is told apart, 2^-32 of full scale: -96 dB.
const LEAST: u32 = 127 - 32;

/// Classes of a level and of its peak: 6 dB and 3 dB.
const LEVEL: usize = 4;
const PEAK: usize = 2;

/// Steps of the level between neighbours, in octaves of energy: from the greater ones on somebody begins or ends to speak,
/// and the smaller ones are chance (the energy of 160 samples of noise varies by half a decibel).
const SPEECH: f32 = 2.0;
const CHANCE: f32 = 0.5;

/// The levels of quiet packets, and the steps between neighbours.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Course {
    levels: [u16; CLASSES],
    /// Level of the packet before, in octaves; none behind one that is no noise.
    last: Option<f32>,
    /// Steps within speech or within a pause, and those of them that are no chance.
    steps: u16,
    moves: u16,
}

impl Default for Course {
    fn default() -> Self {
        Self { levels: [0; CLASSES], last: None, steps: 0, moves: 0 }
    }
}

/// How steady the level of pauses is. Packets within 3 dB are the peak.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Steadiness {
    /// Share of the packets beside the peak, among those from 3 dB below it to 6 dB above it, 0 to 1.
    pub beside: f64,
    /// The same without the ends of words, of which there are as many at each level as 6 to 12 dB above the peak.
    pub beside_speech: f64,
    /// Share of the steps between neighbouring packets that are no chance, 0 to 1.
    pub moves: f64,
}

/// What makes the level of pauses unsteady.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unsteady {
    /// The sounds of the surroundings.
    Room,
    /// A sender that moves its gain.
    GainControl,
}

impl Unsteady {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Room => "room",
            Self::GainControl => "gain_control",
        }
    }
}

/// Shares of packets beside the peak from which a level is unsteady, and share of moves below which it wanders slowly
/// (docs/silence.md, "Surroundings").
const UNSTEADY: f64 = 0.6;
const UNSTEADY_BESIDE_SPEECH: f64 = 0.5;
const SLOW: f64 = 0.42;

impl Steadiness {
    /// What makes the level unsteady; none if it is as steady as a device's.
    #[must_use]
    pub fn unsteady(&self) -> Option<Unsteady> {
        let is_unsteady = self.beside >= UNSTEADY || self.beside_speech >= UNSTEADY_BESIDE_SPEECH;
        is_unsteady.then_some(if self.moves < SLOW { Unsteady::GainControl } else { Unsteady::Room })
    }
}

/// Logarithm of an energy in octaves from the least one on, by its binary form: exact at powers of two, and 0.09 too low
/// between them at most.
fn octaves(energy: f64) -> f32 {
    let bits = (energy as f32).to_bits();
    (bits as f32 / (1_u32 << 23) as f32 - LEAST as f32).max(0.0)
}

impl Course {
    /// Takes the energy of a quiet packet without its offset, full scale = 1.
    pub(crate) fn quiet(&mut self, energy: f64) {
        let level = octaves(energy);
        if let Some(count) = self.levels.get_mut(((2.0 * level) as usize).min(CLASSES - 1)) {
            *count = count.saturating_add(1);
        }
        if let Some(last) = self.last.replace(level) {
            let step = (level - last).abs();
            if step < SPEECH && self.steps < u16::MAX {
                self.steps += 1;
                self.moves += u16::from(step > CHANCE);
            }
        }
    }

    /// Takes a packet that is no noise: a loud one, or one that repeats a code word.
    pub(crate) const fn interrupt(&mut self) {
        self.last = None;
    }

    /// How steady the level is, over a stream of so many packets; none if there are too few quiet ones.
    pub(crate) fn steadiness(&self, observed: u32) -> Option<Steadiness> {
        let enough = FEWEST.max((f64::from(observed) * SHARE) as u32);
        let count = |from: usize, classes: usize| -> u32 {
            self.levels.iter().skip(from).take(classes).map(|count| u32::from(*count)).sum()
        };
        let lowest = (0..CLASSES).find(|class| count(*class, LEVEL) >= enough)?;
        // The lowest window touches the quietest packets only. The level is where most of those near it are.
        let level = (lowest..lowest + LEVEL).rev().max_by_key(|class| count(*class, LEVEL))?;
        let at = (level..level + LEVEL).rev().max_by_key(|class| count(*class, PEAK))?;
        let peak = f64::from(count(at, PEAK));
        let beside = f64::from(count(at.saturating_sub(PEAK), 2 * PEAK + LEVEL)) - peak;
        let speech = f64::from(count(at + LEVEL, LEVEL)) / LEVEL as f64;
        let without_speech = |packets: f64, classes: usize| (packets - speech * classes as f64).max(0.0);
        let (own, others) = (without_speech(peak, PEAK).max(1.0), without_speech(beside, PEAK + LEVEL));
        Some(Steadiness {
            beside: beside / (beside + peak).max(1.0),
            beside_speech: others / (others + own),
            moves: f64::from(self.moves) / f64::from(self.steps).max(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steadiness(energies: impl Iterator<Item = f64>) -> Option<Steadiness> {
        let mut course = Course::default();
        let mut observed = 0;
        for energy in energies {
            observed += 1;
            course.quiet(energy);
        }
        course.steadiness(observed)
    }

    #[test]
    fn octaves_are_the_logarithm_of_energy() {
        for exponent in -31..0_i32 {
            let octaves = octaves(2_f64.powi(exponent));
            assert!((octaves - (exponent + 32) as f32).abs() < 1e-4, "{exponent}: {octaves}");
        }
        assert!(octaves(0.0) == 0.0 && octaves(1e-30) == 0.0);
    }

    #[test]
    fn one_level_is_steady_and_many_levels_are_not() {
        let device = steadiness((0..300).map(|i| 1e-7 * if i % 2 == 0 { 1.05 } else { 0.95 })).unwrap();
        assert!(device.beside < 0.1 && device.moves == 0.0 && device.unsteady().is_none(), "{device:?}");
        // Levels over 12 dB in jumps, and the same levels one after the other.
        let level = |i: usize| 1e-7 * 10_f64.powf(1.2 * i as f64 / 300.0);
        let room = steadiness((0..300).map(|i| level(i * 131 % 300))).unwrap();
        assert_eq!(room.unsteady(), Some(Unsteady::Room), "{room:?}");
        let gain = steadiness((0..300).map(level)).unwrap();
        assert_eq!(gain.unsteady(), Some(Unsteady::GainControl), "{gain:?}");
        assert_eq!(steadiness(std::iter::repeat_n(1e-7, 3)), None);
    }

    #[test]
    fn the_ends_of_words_are_no_room() {
        // Half of the packets are noise, the others have all levels up to 30 dB above it.
        let level = |i: usize| 1e-7 * 10_f64.powf(3.0 * (i * 37 % 600) as f64 / 600.0);
        let words = |i: usize| if i.is_multiple_of(2) { 1e-7 } else { level(i) };
        let found = steadiness((0..600).map(words)).unwrap();
        assert!(found.unsteady().is_none(), "{found:?}");
    }
}
