//! Summary of a frame's spectrum: the energies of eight bands, and the two greatest peaks.

use super::fft::{BINS, Fft, WINDOW};
use super::lanes::{LANES, Lanes};
use super::logarithm::ln;

/// Sampling rate in Hz after halving that of G.711.
pub(super) const RATE: f64 = 4000.0;

/// Samples from one frame to the next: 20 ms.
pub(super) const HOP: usize = 80;

/// Bands of a frame.
pub(super) const BANDS: usize = 8;

/// Width of a bin in Hz.
const BIN: f32 = RATE as f32 / WINDOW as f32;

/// Bins below 80 Hz, where hum and offset lie.
const HUM: usize = 3;

/// Bins on each side of a peak that belong to it.
const PEAK: usize = 2;

/// A share of the whole from which two peaks are a tone rather than voice. Below it their places do not matter.
pub(super) const TONAL: f32 = 0.8;

/// Share of the greatest peak of a single tone. The tones of DTMF may differ by 9 dB.
const ALONE: f32 = 0.95;

/// Share of the greatest bin in two tones that are together [`TONAL`]: the weaker one has less than half, and a Hann window
/// spreads a tone over bins of which the greatest has 0.48 at least.
const LEAST_OF_A_TONE: f32 = 0.19;

/// Bins of the range from 280 to 530 Hz, where the pairs of ringback tones beat.
const PROGRESS: std::ops::RangeInclusive<usize> = 9..=17;

/// Summary of one frame.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Frame {
    /// Energy of each band.
    pub(super) bands: [f32; BANDS],
    pub(super) look: Look,
}

/// The shape of a frame's spectrum, for the classes that give no word.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Look {
    /// Level above 80 Hz in hundredths of a dB; 0 for silence.
    pub(super) level: u16,
    /// Share of the two greatest peaks, 0 to 255.
    pub(super) share: u8,
    /// Share of 280 to 530 Hz, 0 to 255.
    pub(super) progress: u8,
    /// Frequencies of the two peaks in tenths of Hz, the lower first; 0 if the frame is no tone.
    pub(super) peaks: [u16; 2],
    /// True if octets of this frame are missing.
    pub(super) is_broken: bool,
}

/// Computes frames.
#[derive(Clone, Debug)]
pub(super) struct Spectrum {
    fft: Fft,
    /// First bin and weights of each band.
    bands: [(usize, Vec<f32>); BANDS],
    /// Share of each band in white noise.
    white: [f32; BANDS],
}

impl Spectrum {
    pub(super) fn new() -> Self {
        // Edges of triangular bands, evenly spaced in mel from 200 to 1950 Hz.
        let mel = |hertz: f64| 1127.0 * libm::log(1.0 + hertz / 700.0);
        let (low, high) = (mel(200.0), mel(1950.0));
        let edge = |i: usize| {
            let at = low + (high - low) * i as f64 / (BANDS + 1) as f64;
            700.0 * (libm::exp(at / 1127.0) - 1.0)
        };
        let bands: [(usize, Vec<f32>); BANDS] = std::array::from_fn(|band| {
            let (from, middle, to) = (edge(band), edge(band + 1), edge(band + 2));
            let weight = |bin: usize| {
                let hertz = bin as f64 * f64::from(BIN);
                ((hertz - from) / (middle - from)).min((to - hertz) / (to - middle)).max(0.0) as f32
            };
            let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            let weights = (first..BINS).map(weight).take_while(|weight| *weight > 0.0).collect();
            (first, weights)
        });
        let white = std::array::from_fn(|band| bands[band].1.iter().sum::<f32>() / BINS as f32);
        Self { fft: Fft::new(), bands, white }
    }

    /// Eight frames of `samples`.
    #[inline(always)]
    pub(super) fn frames(&self, samples: &[i16]) -> [Frame; LANES] {
        if let Some(quiet) = self.quiet(samples) {
            return quiet;
        }
        let powers = self.fft.powers(samples);
        let mut frames = [Frame::default(); LANES];
        for (band, (first, weights)) in self.bands.iter().enumerate() {
            let mut sum = Lanes::ZERO;
            for (power, weight) in powers.iter().skip(*first).zip(weights) {
                sum += *power * Lanes::splat(*weight);
            }
            for (frame, energy) in frames.iter_mut().zip(sum.to_array()) {
                frame.bands[band] = energy;
            }
        }
        looks(&powers, &mut frames);
        frames
    }

    /// Frames of a pause, without a transform: their energy as if it were white.
    #[inline(always)]
    fn quiet(&self, samples: &[i16]) -> Option<[Frame; LANES]> {
        // One greater sample has more power than a quiet window.
        if samples.iter().any(|sample| sample.unsigned_abs() > QUIET_SAMPLE) {
            return None;
        }
        let mut frames = [Frame::default(); LANES];
        for (lane, frame) in frames.iter_mut().enumerate() {
            let window = samples.get(lane * HOP..lane * HOP + WINDOW)?;
            let sum: i32 = window.iter().map(|s| i32::from(*s)).sum();
            let square: i64 = window.iter().map(|s| i64::from(i32::from(*s) * i32::from(*s))).sum();
            let power = square - i64::from(sum) * i64::from(sum) / WINDOW as i64;
            if power > QUIET {
                return None;
            }
            // The mean of a squared Hann window is 3/8; half of the power lies in the bins below half the rate.
            let power = power as f32 * 0.1875;
            frame.bands = self.white.map(|share| share * power);
            frame.look.level = level(power);
        }
        Some(frames)
    }
}

/// Power of a window below which no syllable is looked for: a mean energy of its bands of 150 at most.
const QUIET: i64 = 6400;

/// A sample that a quiet window does not have, whatever its offset.
const QUIET_SAMPLE: u16 = 2048;

/// Level in hundredths of a dB.
#[inline(always)]
fn level(power: f32) -> u16 {
    (ln(power.max(1.0)) * (1000.0 / std::f32::consts::LN_10)) as u16
}

#[inline(always)]
fn looks(powers: &[Lanes; BINS], frames: &mut [Frame; LANES]) {
    let mut total = Lanes::ZERO;
    let mut progress = Lanes::ZERO;
    let mut most = Lanes::ZERO;
    for (bin, power) in powers.iter().enumerate().skip(HUM) {
        total += *power;
        most = most.fast_max(*power);
        if PROGRESS.contains(&bin) {
            progress += *power;
        }
    }
    // Without a strong bin there is no tone.
    let is_toneless = (total * Lanes::splat(LEAST_OF_A_TONE)).simd_gt(most).all();
    let (total, progress) = (total.to_array(), progress.to_array());
    for (lane, frame) in frames.iter_mut().enumerate() {
        let whole = total[lane].max(1.0);
        let look = &mut frame.look;
        look.level = level(total[lane]);
        look.progress = (255.0 * progress[lane] / whole) as u8;
    }
    if is_toneless {
        return;
    }
    // The greatest bin of each lane, and the greatest that is not beside it.
    let first = greatest(powers, Lanes::splat(-1000.0));
    let (first, second) = (first.to_array(), greatest(powers, first).to_array());
    for (lane, frame) in frames.iter_mut().enumerate() {
        let at = |bin: usize| powers.get(bin).map_or(0.0, |power| power.as_array()[lane]);
        let (a, b) = (first[lane] as usize, second[lane] as usize);
        let near = |bin: usize| bin.saturating_sub(PEAK).max(HUM)..=(bin + PEAK).min(BINS - 1);
        let mut sum: f32 = near(a).map(at).sum();
        let is_alone = sum > ALONE * total[lane];
        sum += near(b).filter(|bin| !near(a).contains(bin)).map(at).sum::<f32>();
        let share = sum / total[lane].max(1.0);
        frame.look.share = (255.0 * share.min(1.0)) as u8;
        if share > TONAL {
            // Beside a single tone the second peak is chance.
            let mut peaks = [a, if is_alone { a } else { b }]
                .map(|bin| frequency([at(bin - 1), at(bin), at(bin + 1)], bin));
            peaks.sort_unstable();
            frame.look.peaks = peaks;
        }
    }
}

/// The greatest bin of each lane but for those beside `taken`. Numbers of bins are floating-point numbers, so that all
/// lanes are compared at once.
#[inline(always)]
fn greatest(powers: &[Lanes; BINS], taken: Lanes) -> Lanes {
    let mut best = Lanes::ZERO;
    let mut place = Lanes::splat(HUM as f32);
    for (bin, power) in powers.iter().enumerate().skip(HUM) {
        let bin = Lanes::splat(bin as f32);
        let is_free = (bin - taken).abs().simd_gt(Lanes::splat(PEAK as f32));
        let is_best = is_free & power.simd_gt(best);
        best = is_best.select(*power, best);
        place = is_best.select(bin, place);
    }
    place
}

/// Frequency of a peak in tenths of Hz, from the parabola through the logarithms of three bins.
fn frequency([before, at, after]: [f32; 3], bin: usize) -> u16 {
    let [before, at, after] = [before, at, after].map(|power| ln(power.max(1e-3)));
    let bend = before - 2.0 * at + after;
    let shift = if bend < 0.0 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    ((bin as f32 + shift) * BIN * 10.0) as u16
}
