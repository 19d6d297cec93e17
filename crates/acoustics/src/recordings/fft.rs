//! Power spectra of eight frames at once.
//!
//! A library chooses fused or unfused instructions by the processor, so that its results differ in the last bits
//! among machines. These bits decide bits of words.

use super::lanes::{LANES, Lanes};
use super::spectrum::HOP;

/// Samples of a window: 32 ms at 4 kHz.
pub(super) const WINDOW: usize = 128;

/// Bins of a spectrum below half the sampling rate.
pub(super) const BINS: usize = WINDOW / 2;

/// Points of the complex transform of even and odd samples.
const POINTS: usize = WINDOW / 2;

/// Constants of the transform.
#[derive(Clone, Debug)]
pub(super) struct Fft {
    /// Hann window, with the square root of 1 / 128 in it, so that powers are divided by the length.
    window: [f32; WINDOW],
    /// exp(-2 pi i k / 64) as real and imaginary part.
    turns: [(f32, f32); POINTS],
    /// exp(-2 pi i k / 128).
    half_turns: [(f32, f32); BINS],
}

impl Fft {
    pub(super) fn new() -> Self {
        let turn = |k: usize, n: usize| {
            let angle = -std::f64::consts::TAU * k as f64 / n as f64;
            (libm::cos(angle) as f32, libm::sin(angle) as f32)
        };
        Self {
            window: std::array::from_fn(|n| {
                let hann = 0.5 - 0.5 * libm::cos(std::f64::consts::TAU * n as f64 / WINDOW as f64);
                (hann / (WINDOW as f64).sqrt()) as f32
            }),
            turns: std::array::from_fn(|k| turn(k, POINTS)),
            half_turns: std::array::from_fn(|k| turn(k, WINDOW)),
        }
    }

    /// The powers of eight windows, each [`HOP`] samples behind the one before.
    #[inline(always)]
    pub(super) fn powers(&self, samples: &[i16]) -> [Lanes; BINS] {
        let mut re = [Lanes::ZERO; POINTS];
        let mut im = [Lanes::ZERO; POINTS];
        let mut floats = [0.0_f32; (LANES - 1) * HOP + WINDOW];
        floats.iter_mut().zip(samples).for_each(|(float, sample)| *float = f32::from(*sample));
        let frame = |lane: usize| floats[lane * HOP..].first_chunk::<WINDOW>().unwrap_or(&self.window);
        let [a, b, c, d, e, f, g, h]: [&[f32; WINDOW]; LANES] = std::array::from_fn(frame);
        let all = |n: usize| {
            let samples = Lanes::new([a[n], b[n], c[n], d[n], e[n], f[n], g[n], h[n]]);
            samples * Lanes::splat(self.window[n])
        };
        for n in 0..POINTS {
            (re[n], im[n]) = (all(2 * n), all(2 * n + 1));
        }
        self.transform(&mut re, &mut im);
        self.untangled(&re, &im)
    }

    /// Radix-4 transform by decimation in frequency, in place. Point `16 a + 4 b + c` gets the bin `a + 4 b + 16 c`.
    #[inline(always)]
    fn transform(&self, re: &mut [Lanes; POINTS], im: &mut [Lanes; POINTS]) {
        let mut size = POINTS;
        while size >= 4 {
            let quarter = size / 4;
            let step = POINTS / size;
            for j in 0..quarter {
                let [w1, w2, w3] = [j * step, 2 * j * step, 3 * j * step]
                    .map(|at| self.turns[at % POINTS])
                    .map(|(cos, sin)| (Lanes::splat(cos), Lanes::splat(sin)));
                let mut start = j;
                while start < POINTS {
                    let [a, b, c, d] = [start, start + quarter, start + 2 * quarter, start + 3 * quarter];
                    let (sum_re, sum_im) = (re[a] + re[c], im[a] + im[c]);
                    let (difference_re, difference_im) = (re[a] - re[c], im[a] - im[c]);
                    let (other_re, other_im) = (re[b] + re[d], im[b] + im[d]);
                    // (b - d) times -i.
                    let (turned_re, turned_im) = (im[b] - im[d], re[d] - re[b]);
                    (re[a], im[a]) = (sum_re + other_re, sum_im + other_im);
                    let set = |re: &mut Lanes, im: &mut Lanes, x: Lanes, y: Lanes, w: (Lanes, Lanes)| {
                        *re = x * w.0 - y * w.1;
                        *im = x * w.1 + y * w.0;
                    };
                    set(&mut re[b], &mut im[b], difference_re + turned_re, difference_im + turned_im, w1);
                    set(&mut re[c], &mut im[c], sum_re - other_re, sum_im - other_im, w2);
                    set(&mut re[d], &mut im[d], difference_re - turned_re, difference_im - turned_im, w3);
                    start += size;
                }
            }
            size = quarter;
        }
    }

    /// Powers of the real signal from the transform of its even and odd samples.
    #[inline(always)]
    fn untangled(&self, re: &[Lanes; POINTS], im: &[Lanes; POINTS]) -> [Lanes; BINS] {
        let place = |bin: usize| 16 * (bin % 4) + 4 * (bin / 4 % 4) + bin / 16;
        let mut powers = [Lanes::ZERO; BINS];
        for (bin, power) in powers.iter_mut().enumerate() {
            let (here, mirrored) = (place(bin), place((POINTS - bin) % POINTS));
            let even_re = re[here] + re[mirrored];
            let even_im = im[here] - im[mirrored];
            let odd_re = im[here] + im[mirrored];
            let odd_im = re[mirrored] - re[here];
            let (cos, sin) = self.half_turns[bin];
            let (cos, sin) = (Lanes::splat(cos), Lanes::splat(sin));
            let x = even_re + odd_re * cos - odd_im * sin;
            let y = even_im + odd_re * sin + odd_im * cos;
            *power = (x * x + y * y) * Lanes::splat(0.25);
        }
        powers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_those_of_the_definition() {
        let mut state = 1_u32;
        let samples: Vec<i16> = (0..WINDOW + 7 * 80)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 17) as i16 - 16_000
            })
            .collect();
        let powers = Fft::new().powers(&samples);
        for lane in 0..LANES {
            for (bin, power) in powers.iter().enumerate() {
                let (mut x, mut y) = (0.0, 0.0);
                for n in 0..WINDOW {
                    let hann = 0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / 128.0).cos();
                    let angle = std::f64::consts::TAU * (bin * n) as f64 / 128.0;
                    x += hann * f64::from(samples[80 * lane + n]) * angle.cos();
                    y += hann * f64::from(samples[80 * lane + n]) * angle.sin();
                }
                let expected = (x * x + y * y) / 128.0;
                let got = f64::from(power.to_array()[lane]);
                assert!((got - expected).abs() < 1e-3 * expected + 50.0, "{lane} {bin}: {got} {expected}");
            }
        }
    }
}
