//! The lower band of G.722 (ITU-T G.722, 11/1988) at 64 kbit/s: 0 to 4 kHz, as 16-bit samples at 8 kHz.
//!
//! Each octet has six bits of the lower band and two of the upper one. Only the lower band is decoded. Its
//! decoder does not depend on the upper band, device comparison needs no more, and it costs half the work.

/// Inverse quantisers of six and four bits (tables 7 and 8, in units of a 32768th of the scale factor).
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
const QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];

/// Step of the scale factor's logarithm for each four-bit code.
const WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];

/// Antilogarithm: 2048 times powers of the 32nd root of 2.
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

/// The largest logarithm of the scale factor, and the smallest scale factor.
const MAX_LOG: i32 = 18_432;
const LEAST_SCALE: i32 = 32;

/// Decodes the lower band of one stream. After a lost packet the decoder needs some milliseconds to adapt
/// again.
#[derive(Clone, Debug)]
pub struct LowerBand {
    /// Logarithm of the scale factor, and the factor (blocks LOGSCL and SCALEL).
    log: i32,
    scale: i32,
    /// The predicted signal, and the part of it from the zeros.
    predicted: i32,
    by_zeros: i32,
    /// Coefficients of two poles and six zeros.
    poles: [i32; 2],
    zeros: [i32; 6],
    /// The latest reconstructed signals, their parts without the poles, and the latest quantised differences.
    reconstructed: [i32; 2],
    partial: [i32; 2],
    differences: [i32; 6],
}

impl Default for LowerBand {
    fn default() -> Self {
        Self {
            log: 0,
            scale: LEAST_SCALE,
            predicted: 0,
            by_zeros: 0,
            poles: [0; 2],
            zeros: [0; 6],
            reconstructed: [0; 2],
            partial: [0; 2],
            differences: [0; 6],
        }
    }
}

/// Saturates to 16 bits (SAT of the Recommendation).
fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// Product of 16-bit fractions.
const fn times(a: i32, b: i32) -> i32 {
    (a * b) >> 15
}

impl LowerBand {
    /// The next sample.
    pub fn sample(&mut self, octet: u8) -> i16 {
        let six = usize::from(octet & 0x3f);
        let four = six >> 2;
        // INVQBL, RECONS, LIMIT: the output uses all six bits.
        let heard = self.predicted + times(self.scale, QM6.get(six).copied().unwrap_or(0));
        let heard = heard.clamp(-16_384, 16_383);
        // INVQAL: the adaptation uses four bits, so that all modes adapt in the same way.
        let difference = times(self.scale, QM4.get(four).copied().unwrap_or(0));
        // LOGSCL, SCALEL.
        self.log = (((self.log * 127) >> 7) + WL.get(four).copied().unwrap_or(0)).clamp(0, MAX_LOG);
        let root = ILB.get(((self.log >> 6) & 31) as usize).copied().unwrap_or(0);
        let down = 8 - (self.log >> 11);
        self.scale = (if down < 0 { root << -down } else { root >> down }) << 2;
        self.adapt(difference);
        // The lower band's samples have 15 bits.
        (heard * 2) as i16
    }

    /// Block 4: predictor.
    fn adapt(&mut self, difference: i32) {
        let reconstructed = saturated(self.predicted + difference);
        let partial = saturated(self.by_zeros + difference);
        let is_alike = |a: i32, b: i32| (a < 0) == (b < 0);
        let [one, two] = self.partial;
        let [a1, a2] = self.poles;
        // UPPOL2.
        let push = saturated(a1 * 4);
        let push = if is_alike(partial, one) { saturated(-push) } else { push };
        let sign = if is_alike(partial, two) { 128 } else { -128 };
        let second = (sign + (push >> 7) + times(a2, 32_512)).clamp(-12_288, 12_288);
        // UPPOL1.
        let sign = if is_alike(partial, one) { 192 } else { -192 };
        let most = saturated(15_360 - second);
        let first = saturated(sign + times(a1, 32_640)).clamp(-most, most);
        self.poles = [first, second];
        // UPZERO.
        let gain = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let step = if is_alike(*before, difference) { gain } else { -gain };
            *zero = saturated(step + times(*zero, 32_640));
        }
        // DELAYA.
        self.differences.rotate_right(1);
        if let Some(latest) = self.differences.first_mut() {
            *latest = difference;
        }
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, one];
        // FILTEP, FILTEZ, PREDIC.
        let twice = |value: i32| saturated(value * 2);
        let by_poles: i32 =
            self.poles.iter().zip(&self.reconstructed).map(|(pole, r)| times(*pole, twice(*r))).sum();
        let by_zeros: i32 =
            self.zeros.iter().zip(&self.differences).map(|(zero, d)| times(*zero, twice(*d))).sum();
        self.by_zeros = saturated(by_zeros);
        self.predicted = saturated(saturated(by_poles) + self.by_zeros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of another decoder (spandsp, lower band alone) for the same 20,000 octets, which reach every
    /// state: first sample, last sample, sum, and FNV-1a hash.
    #[test]
    fn every_sample_is_that_of_another_decoder() {
        let mut state = 1_u32;
        let mut decoder = LowerBand::default();
        let samples: Vec<i16> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
                decoder.sample((state >> 16) as u8)
            })
            .collect();
        assert_eq!(samples[..8], [-38, -4, -2, 38, -66, 2, 158, 8]);
        assert_eq!(samples[19_996..], [-2002, 4218, 4274, -972]);
        assert_eq!(samples.iter().map(|s| i64::from(*s)).sum::<i64>(), -830_062);
        let fnv = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3);
        let hash = samples.iter().flat_map(|s| s.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, fnv);
        assert_eq!(hash, 0x9c97_619d_52fc_0b8a);
    }
}
