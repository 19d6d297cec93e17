//! Frames to words: syllables are found, and each gives a word.

use super::Sound;
use super::lanes::Lanes;
use super::logarithm::ln_of_lanes as ln;
use super::refusal::{heard_from, is_dtmf, refusal};
use super::spectrum::{BANDS, Frame, Look};
use super::word::{CEPSTRA, PATCH, Patch, Words};

/// Frames of one kind are kept in a ring of this size.
const RING: usize = 128;

/// Frames on each side over which the mean energy is taken.
const AROUND: usize = 25;

/// Energy that is added before a logarithm, so that silence has one. G.711 has steps of 8 and more.
const FLOOR: f32 = 30.0;

/// Share of the mean energy that is added for the envelope, and for the coefficients. The latter bears noise.
const ENVELOPE_FLOOR: f32 = 0.1;
const CEPSTRUM_FLOOR: f32 = 0.3;

/// Frames on each side in which a syllable is the greatest.
const ALONE: usize = 4;

/// Frames on each side in which its level falls.
const FALLS: usize = 15;

/// Fall of the summed log energies of eight bands.
const FALL: f32 = 1.0;

/// Mean energy of the bands and of five frames of a syllable: about -63 dBm0.
const LOUD: f32 = 150.0;

/// The least level of a frame that is heard, in hundredths of a dB: a frame of that energy in all bands.
const LOUD_LEVEL: u16 = 3100;

/// Sum of the variances of the cepstral coefficients of a spectrum of one shape. Of 100 syllables three have less, in
/// the voice with the most; of brown noise all.
const ONE_SHAPE: f32 = 3.25;

/// Frames of a patch before its syllable.
const BEFORE: usize = 20;

/// Frames from a syllable to the newest one that its word needs: 29, and one for the fraction.
const AFTER: usize = PATCH - BEFORE;

/// Smoothing of the envelope: a Hann window of seven frames.
const SMOOTH: [f32; 7] = [0.036_611_65, 0.125, 0.213_388_35, 0.25, 0.213_388_35, 0.125, 0.036_611_65];

/// A syllable that was found.
pub(super) struct Syllable {
    /// Its time in tenths of a frame.
    pub(super) time: u32,
    /// The second of cepstra around it, or the sound that gives no word.
    pub(super) patch: Result<Patch, Sound>,
}

/// Memory of about two seconds of frames.
#[derive(Clone, Debug)]
pub(super) struct Track {
    bands: [Lanes; RING / 4],
    looks: [Look; RING],
    /// Mean energy of the bands, whole, so that its running sum is exact.
    energy: [u32; RING],
    sum: u64,
    envelope: [f32; RING / 2],
    smooth: [f32; RING / 2],
    /// The last two lanes are zero.
    cepstra: [Lanes; RING / 2],
    /// Frames so far, and frames whose mean energy is known.
    count: usize,
    done: usize,
    /// Frames with two tones of DTMF.
    pub(super) dtmf: u16,
}

impl Track {
    pub(super) fn new() -> Self {
        Self {
            bands: [Lanes::ZERO; RING / 4],
            looks: [Look::default(); RING],
            energy: [0; RING],
            sum: 0,
            envelope: [0.0; RING / 2],
            smooth: [0.0; RING / 2],
            cepstra: [Lanes::ZERO; RING / 2],
            count: 0,
            done: 0,
            dtmf: 0,
        }
    }

    /// Frames so far.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Adds a frame.
    #[inline(always)]
    pub(super) fn push(&mut self, frame: &Frame, words: &Words, found: &mut impl FnMut(&Syllable)) {
        let at = self.count;
        self.bands[at % (RING / 4)] = Lanes::new(frame.bands);
        self.looks[at % RING] = frame.look;
        let mean = frame.bands.iter().sum::<f32>() / BANDS as f32;
        // A full-scale square wave has 1.4e8, and a tone within one band some 1e9.
        self.energy[at % RING] = mean as u32;
        self.sum += u64::from(mean as u32);
        self.dtmf += u16::from(is_dtmf(&frame.look));
        self.count += 1;
        if self.count > AROUND {
            self.advance(words, found);
        }
    }

    /// Takes the frames that wait for later ones, at the end.
    pub(super) fn finish(&mut self, words: &Words, found: &mut impl FnMut(&Syllable)) {
        while self.done < self.count {
            self.advance(words, found);
        }
    }

    /// Takes the next frame whose surroundings are known.
    #[inline(always)]
    fn advance(&mut self, words: &Words, found: &mut impl FnMut(&Syllable)) {
        let at = self.done;
        if at > AROUND {
            self.sum -= u64::from(self.energy[(at - AROUND - 1) % RING]);
        }
        let known = (at + AROUND + 1).min(self.count) - at.saturating_sub(AROUND);
        let mean = self.sum as f32 / known as f32;
        let bands = self.bands[at % (RING / 4)];
        let floored = |share: f32| ln(bands + Lanes::splat(share * mean + FLOOR));
        self.envelope[at % (RING / 2)] = floored(ENVELOPE_FLOOR).to_array().iter().sum();
        self.cepstra[at % (RING / 2)] = words.cepstrum(&floored(CEPSTRUM_FLOOR).to_array());
        self.done += 1;
        if at >= 3 {
            let from = at.saturating_sub(6);
            let mut sum = 0.0;
            for (i, weight) in SMOOTH.iter().enumerate() {
                sum += weight * self.envelope[(at + i).saturating_sub(6).max(from) % (RING / 2)];
            }
            self.smooth[(at - 3) % (RING / 2)] = sum;
        }
        if at >= BEFORE + 1 + AFTER {
            self.syllable(at - AFTER, found);
        }
    }

    /// Looks for a syllable at a frame.
    #[inline(always)]
    fn syllable(&self, at: usize, found: &mut impl FnMut(&Syllable)) {
        let level = |at: usize| self.smooth[at % (RING / 2)];
        let here = level(at);
        let is_greatest = (1..=ALONE).all(|i| here > level(at - i) && here >= level(at + i));
        if !is_greatest {
            return;
        }
        let least = |from: usize| (from..from + FALLS).map(level).fold(f32::INFINITY, f32::min);
        if here - least(at - FALLS).min(least(at + 1)) < FALL {
            return;
        }
        // Five frames of a tone at full scale are more than 32 bits hold.
        let energy: u64 = (at - 2..=at + 2).map(|i| u64::from(self.energy[i % RING])).sum();
        if (energy as f32) < 5.0 * LOUD {
            return;
        }
        let (before, after) = (level(at - 1), level(at + 1));
        let bend = before - 2.0 * here + after;
        let shift = if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        let looks: [Look; PATCH] = std::array::from_fn(|i| self.looks[(at + i - BEFORE) % RING]);
        if looks.iter().any(|look| look.is_broken) {
            return;
        }
        let refused = refusal(&looks, LOUD_LEVEL);
        let refused = refused.or_else(|| self.has_one_shape(at, &looks).then_some(Sound::Noise));
        let patch = refused.map_or_else(|| Ok(self.patch(at, shift)), Err);
        let time = (at as i32 * 10 + (shift * 10.0) as i32).cast_unsigned();
        found(&Syllable { time, patch });
    }

    /// True if the spectrum has one shape wherever the patch is loud: noise that swells, pulses of an alarm, a howler. The
    /// shape of speech changes from sound to sound.
    fn has_one_shape(&self, at: usize, looks: &[Look; PATCH]) -> bool {
        let from = heard_from(looks, LOUD_LEVEL);
        let loud = looks.iter().enumerate().filter(|(_, look)| look.level >= from);
        let (mut count, mut sum, mut squares) = (0.0, Lanes::ZERO, Lanes::ZERO);
        for (i, _) in loud {
            let cepstrum = self.cepstra[(at + i - BEFORE) % (RING / 2)];
            (count, sum, squares) = (count + 1.0, sum + cepstrum, squares + cepstrum * cepstrum);
        }
        let share = Lanes::splat(1.0 / count);
        let variance = squares * share - (sum * share) * (sum * share);
        // The first coefficient is the level.
        let shape: f32 = variance.as_array()[1..CEPSTRA].iter().sum();
        shape < ONE_SHAPE
    }

    /// The cepstra around a syllable, moved by the fraction of a frame.
    #[inline(always)]
    fn patch(&self, at: usize, shift: f32) -> Patch {
        let (start, part) = if shift < 0.0 { (at - BEFORE - 1, 1.0 + shift) } else { (at - BEFORE, shift) };
        std::array::from_fn(|i| {
            let [here, next] = [start + i, start + i + 1].map(|at| &self.cepstra[at % (RING / 2)]);
            *here + (*next - *here) * Lanes::splat(part)
        })
    }
}
