use std::f64::consts::{PI, TAU};

use crate::Rng;

const RATE: f64 = 8000.0;

/// Samples per period of a sine, and of a syllable's wave.
const TURN: usize = 512;

/// First and second formants of vowels in Hz, for an average speaker.
const VOWELS: [(f64, f64); 8] = [
    (300.0, 2300.0),
    (400.0, 2000.0),
    (550.0, 1800.0),
    (700.0, 1700.0),
    (750.0, 1150.0),
    (580.0, 900.0),
    (450.0, 1000.0),
    (330.0, 850.0),
];

/// A speaker with the noise of a device: vowels and hisses, in phrases with pauses. The model is cheap, and no two
/// utterances are alike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Talker {
    pitch: f64,
    /// Length of the vocal tract relative to the average.
    tract: f64,
    level: f64,
    pace: f64,
    pause: f64,
    noise: f64,
    offset: f64,
}

impl Talker {
    /// A random speaker.
    pub(super) fn drawn(rng: &mut Rng) -> Self {
        let is_high = rng.below(2) == 0;
        Self {
            pitch: (if is_high { 195.0 } else { 112.0 }) * (0.14 * rng.normal()).exp(),
            tract: (if is_high { 1.12 } else { 0.97 }) * (0.05 * rng.normal()).exp(),
            level: 0.09 * (0.45 * rng.normal()).exp(),
            pace: 3.4 + 2.2 * rng.uniform(),
            pause: 0.3 + 0.9 * rng.uniform(),
            noise: 4e-4 * (0.8 * rng.normal()).exp(),
            offset: 1e-4 * rng.normal(),
        }
    }

    /// A voice recorded in a studio: steady, without background noise.
    pub(super) fn recorded(rng: &mut Rng) -> Self {
        let voice = Self::drawn(rng);
        Self { level: 0.12 + 0.08 * rng.uniform(), pause: 0.25, noise: 0.0, offset: 0.0, ..voice }
    }

    /// `samples` samples of speech, silent for the first `lead` of them.
    pub(super) fn speaks(self, samples: usize, lead: usize, rng: &mut Rng) -> Vec<i16> {
        let mut out = self.room(samples, rng);
        let mut at = lead;
        let mut phrase_left = self.phrase(rng);
        while at < samples {
            if phrase_left == 0 {
                at += ((self.pause * rng.exponential()).max(0.12) * RATE) as usize;
                phrase_left = self.phrase(rng);
                continue;
            }
            phrase_left -= 1;
            let length = RATE / self.pace * (0.6 + 0.8 * rng.uniform());
            let hiss = if rng.below(3) == 0 { (0.05 + 0.06 * rng.uniform()) * RATE } else { 0.0 } as usize;
            let loudness = self.level * (0.35 * rng.normal()).exp().min(2.5);
            for sample in out.iter_mut().skip(at).take(hiss) {
                *sample += 0.25 * loudness * (rng.uniform() - 0.5);
            }
            at += hiss;
            self.syllable(&mut out, at, length as usize, loudness, rng);
            at += length as usize + (0.02 * RATE * rng.uniform()) as usize;
        }
        out.into_iter().map(|s| (32_000.0 * s).clamp(-32_000.0, 32_000.0) as i16).collect()
    }

    fn phrase(self, rng: &mut Rng) -> usize {
        2 + (6.0 * rng.exponential()) as usize
    }

    /// The device's noise. The sum of four uniform numbers is nearly normal.
    fn room(self, samples: usize, rng: &mut Rng) -> Vec<f64> {
        let scale = self.noise * 12.0_f64.sqrt() / 2.0 / 65_536.0;
        (0..samples)
            .map(|_| {
                let bits = rng.bits();
                let sum = (0..4).map(|i| (bits >> (16 * i)) & 0xffff).sum::<u64>();
                self.offset + scale * (sum as f64 - 131_070.0)
            })
            .collect()
    }

    fn syllable(self, out: &mut [f64], begin: usize, length: usize, loudness: f64, rng: &mut Rng) {
        let pitch = self.pitch * (0.12 * rng.normal()).exp();
        let (rise, wave) = (0.15 * rng.normal(), self.wave(pitch, rng));
        let mut phase = TURN as f64 * rng.uniform();
        let end = (begin + length).min(out.len());
        for (i, sample) in out[begin.min(end)..end].iter_mut().enumerate() {
            let part = i as f64 / length as f64;
            phase += TURN as f64 * pitch * (1.0 + rise * (part - 0.5)) / RATE;
            *sample += loudness * (4.0 * part * (1.0 - part)).sqrt() * wave[phase as usize % TURN];
        }
    }

    /// One period of a vowel: harmonics of the pitch under two formants, limited to the telephone band.
    fn wave(self, pitch: f64, rng: &mut Rng) -> Vec<f64> {
        let (first, second) = VOWELS[rng.below(VOWELS.len() as u64) as usize];
        let mut near = || self.tract * (0.06 * rng.normal()).exp();
        let formants = [(first * near(), 90.0, 1.0), (second * near(), 140.0, 0.5)];
        let mut wave = vec![0.0; TURN];
        let mut energy = 0.0;
        for k in 1..=(3300.0 / pitch) as usize {
            let at = k as f64 * pitch;
            let gain: f64 = formants.iter().map(|(f, width, g)| g / (1.0 + ((at - f) / width).powi(2))).sum();
            let gain = gain + 0.02;
            energy += gain * gain / 2.0;
            let turn = PI * (k * k) as f64 / 7.0;
            // Each harmonic has its own phase, so that peaks stay low.
            let (sin, cos) = turn.sin_cos();
            let step = TAU * k as f64 / TURN as f64;
            let (mut x, mut y) = (cos, sin);
            let (dy, dx) = step.sin_cos();
            for sample in &mut wave {
                *sample += gain * y;
                (x, y) = (x * dx - y * dy, x * dy + y * dx);
            }
        }
        wave.iter_mut().for_each(|sample| *sample /= energy.sqrt());
        wave
    }
}
