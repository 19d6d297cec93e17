//! The sound of a syllable as 64 bits.

use bellwether_base::HashKey;

use super::constants::{DEVIATION, MEAN};
use super::lanes::{LANES, Lanes};
use super::spectrum::BANDS;

/// Cepstral coefficients of a frame.
pub(super) const CEPSTRA: usize = 6;

/// Frames of a word: 1 s.
pub(super) const PATCH: usize = 50;

/// Cepstra of a second around a syllable. The last lanes of each frame are zero.
pub(super) type Patch = [Lanes; PATCH];

/// Modulation frequencies of each cepstral coefficient: 0.5 to 5.5 Hz. Order 0 holds level, channel and voice and
/// is left out.
const ORDERS: usize = 11;

/// Orders, the highest, that lack the last cepstral coefficient, so that there are 64 terms.
const SHORT: usize = 2;

/// Bits of a word.
pub(super) const BITS: usize = 64;

/// Rounds of sign flips and Walsh-Hadamard transforms.
const ROUNDS: usize = 3;

/// Turns a second of cepstra into a word that only the owner of the key can read, make or aim at.
#[derive(Clone, Debug)]
pub(super) struct Words {
    /// Cosines of each cepstral coefficient over the bands.
    cepstra: [Lanes; BANDS],
    /// Cosines of each order over the patch.
    basis: Box<[[f32; PATCH]; ORDERS]>,
    /// Sign flips of each round, from the key.
    flips: [[f32; BITS]; ROUNDS],
}

impl Words {
    pub(super) fn new(key: &HashKey) -> Self {
        let mut basis = Box::new([[0.0; PATCH]; ORDERS]);
        for (k, row) in basis.iter_mut().enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                let angle = std::f64::consts::PI * (i as f64 + 0.5) * (k + 1) as f64 / PATCH as f64;
                *value = libm::cos(angle) as f32;
            }
        }
        let cepstra = std::array::from_fn(|band| {
            Lanes::new(std::array::from_fn(|f| {
                let angle = std::f64::consts::PI * (band as f64 + 0.5) * f as f64 / BANDS as f64;
                if f < CEPSTRA { libm::cos(angle) as f32 } else { 0.0 }
            }))
        });
        let key = key.derive("words of recordings");
        let flips = std::array::from_fn(|round| {
            let signs = key.parts(&[&[round as u8]]);
            std::array::from_fn(|bit| if signs >> bit & 1 == 1 { -1.0 } else { 1.0 })
        });
        Self { cepstra, basis, flips }
    }

    /// The cepstrum of a frame's log energies.
    #[inline(always)]
    pub(super) fn cepstrum(&self, logs: &[f32; BANDS]) -> Lanes {
        let terms = logs.iter().zip(&self.cepstra).map(|(log, cosines)| *cosines * Lanes::splat(*log));
        terms.fold(Lanes::ZERO, |sum, term| sum + term)
    }

    /// The word of a patch.
    #[inline(always)]
    pub(super) fn word(&self, patch: &Patch) -> u64 {
        self.rotated(centred(coefficients(&self.basis, patch)))
    }

    /// The word of centred coefficients.
    #[inline(always)]
    pub(super) fn rotated(&self, mut values: [f32; BITS]) -> u64 {
        // A random rotation (Andoni et al., NIPS 2015) keeps distances and makes bits even.
        for flips in &self.flips {
            for (value, sign) in values.iter_mut().zip(flips) {
                *value *= sign;
            }
            hadamard(&mut values);
        }
        values.iter().enumerate().fold(0, |word, (bit, value)| word | u64::from(*value > 0.0) << bit)
    }

    /// The coefficients of a patch before centring and rotation, to find their mean and deviation.
    pub(super) fn coefficients(&self, patch: &Patch) -> [f32; BITS] {
        coefficients(&self.basis, patch)
    }
}

/// Coefficients in standard deviations from their mean.
#[inline(always)]
pub(super) fn centred(mut values: [f32; BITS]) -> [f32; BITS] {
    for (value, (mean, deviation)) in values.iter_mut().zip(MEAN.iter().zip(&DEVIATION)) {
        *value = (*value - mean) / deviation;
    }
    values
}

/// Terms of the two-dimensional cosine transform of the patch. They agree best between clean and impaired copies
/// (distortion discriminant analysis of Burges, Platt and Jana, IEEE TSAP 11(3), 2003, confined to cosines).
#[inline(always)]
fn coefficients(basis: &[[f32; PATCH]; ORDERS], patch: &Patch) -> [f32; BITS] {
    let mut values = [0.0; BITS];
    let mut rest = &mut values[..];
    // A cosine is the same at both ends of the patch, or the opposite: by turns of the order.
    let ends = |i: usize| (patch[i], patch[PATCH - 1 - i]);
    let sums: [Lanes; PATCH / 2] = std::array::from_fn(|i| ends(i).0 + ends(i).1);
    let differences: [Lanes; PATCH / 2] = std::array::from_fn(|i| ends(i).0 - ends(i).1);
    for (order, cosines) in basis.iter().enumerate() {
        let folded = if order % 2 == 1 { &sums } else { &differences };
        let mut sum = Lanes::ZERO;
        for (frame, cosine) in folded.iter().zip(cosines) {
            sum += *frame * Lanes::splat(*cosine);
        }
        let width = if order + SHORT < ORDERS { CEPSTRA } else { CEPSTRA - 1 };
        let Some((place, others)) = rest.split_at_mut_checked(width) else { break };
        place.copy_from_slice(&sum.as_array()[..width]);
        rest = others;
    }
    values
}

/// Walsh-Hadamard transform, without its factor.
#[inline(always)]
fn hadamard(values: &mut [f32; BITS]) {
    let mut half = 1;
    while half < BITS {
        let mut start = 0;
        while start < BITS {
            for i in start..start + half {
                let (a, b) = (values[i], values[i + half]);
                values[i] = a + b;
                values[i + half] = a - b;
            }
            start += 2 * half;
        }
        half *= 2;
    }
}

const _: () = assert!(CEPSTRA <= LANES && ORDERS * CEPSTRA == BITS + SHORT);
