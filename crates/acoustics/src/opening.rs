//! Audio fingerprint of the first words of a voice, in 192 bits. The same recording played in two calls gives
//! nearly the same bits; two people do not.

use bellwether_rtp::g711::Law;

/// Samples of one frame: 20 ms.
const FRAME: usize = 160;

/// Frames that contribute bits.
const FRAMES: usize = 96;

/// Number of samples whose mean level marks the onset of the voice, and that level as a G.711 magnitude:
/// about 38 dB below full scale.
const ONSET_OVER: u32 = 32;
const ONSET_LEVEL: u32 = 56;

/// Limit in samples for the onset. A caller that is silent for longer does not play a recording to the
/// callee.
const PATIENCE: u32 = 10 * 8000;

/// Smallest difference between two levels (in quarters of a magnitude), and between two zero-crossing counts,
/// that counts as a rise.
const LEVEL_STEP: i32 = 6;
const CROSSINGS_STEP: i32 = 2;

/// Fewest frames that were received whole.
const MIN_FRAMES: usize = 88;

/// Fewest and most set bits of each kind in speech: fax tones and steady noise have fewer.
const MIN_BITS: u32 = 10;
const MAX_BITS: u32 = 76;

/// Smallest difference between the loud and the quiet quartile of speech, in quarters of a magnitude.
const LEAST_RANGE: i32 = 40;

/// Fingerprint of the first two seconds of a voice.
///
/// Bits belong to 96 positions 20 ms apart, counted from the first loud sample. A bit is set if the level, or
/// the share of zero crossings, rises there. Packetisation and the delay after the answer therefore have no
/// effect. The method is that of Haitsma and Kalker (ISMIR 2002) with two bands in place of 33: no audio can
/// be reconstructed from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpeningPrint(pub [u64; 3]);

impl OpeningPrint {
    /// Hamming distance of two fingerprints, 0 to 192. Two voices differ in about 80 bits.
    #[must_use]
    pub const fn distance(&self, other: &Self) -> u32 {
        let (a, b) = (&self.0, &other.0);
        (a[0] ^ b[0]).count_ones() + (a[1] ^ b[1]).count_ones() + (a[2] ^ b[2]).count_ones()
    }

    /// Six bands of 32 bits for locality-sensitive hashing. Fingerprints of one recording share some bands
    /// even if a packet was lost.
    #[must_use]
    pub fn bands(&self) -> [u32; 6] {
        let word = |i: usize| self.0.get(i / 2).map_or(0, |word| (word >> (32 * (i % 2))) as u32);
        std::array::from_fn(word)
    }

    /// The fingerprint as octets, for storage.
    #[must_use]
    pub fn to_octets(&self) -> [u8; 24] {
        let mut octets = [0; 24];
        for (place, octet) in octets.iter_mut().zip(self.0.iter().flat_map(|word| word.to_le_bytes())) {
            *place = octet;
        }
        octets
    }

    /// The fingerprint from its octets.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (words, rest) = octets.as_chunks::<8>();
        let words: [u64; 3] = <[[u8; 8]; 3]>::try_from(words).ok()?.map(u64::from_le_bytes);
        rest.is_empty().then_some(Self(words))
    }
}

/// Computes the audio fingerprint of a stream's start.
#[derive(Clone, Debug)]
pub struct Opening {
    law: Law,
    /// RTP timestamp of the first sample of the stream, and of the voice.
    first: Option<u32>,
    onset: Option<u32>,
    /// Mean magnitude of the latest samples, times [`ONSET_OVER`].
    level: u32,
    is_positive: bool,
    frames: Box<[Frame; FRAMES + 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    samples: u16,
    level: u32,
    crossings: u16,
}

impl Opening {
    /// Starts the fingerprint of a G.711 stream.
    #[must_use]
    pub fn new(law: Law) -> Self {
        Self {
            law,
            first: None,
            onset: None,
            level: 0,
            is_positive: false,
            frames: Box::new([Frame::default(); FRAMES + 2]),
        }
    }

    /// Adds a packet whose first sample has the timestamp `ticks`. Returns true once the voice was received,
    /// or no voice started in time.
    pub fn packet(&mut self, codes: &[u8], ticks: u32) -> bool {
        let first = *self.first.get_or_insert(ticks);
        for (i, code) in (0_u32..).zip(codes) {
            let tick = ticks.wrapping_add(i);
            let magnitude = u32::from(self.law.magnitude(*code));
            let onset = match self.onset {
                Some(onset) => onset,
                None => {
                    self.level = self.level - self.level / ONSET_OVER + magnitude;
                    if self.level < ONSET_LEVEL * ONSET_OVER {
                        continue;
                    }
                    *self.onset.insert(tick)
                }
            };
            // The sign bit is set for positive samples in both laws.
            let is_positive = code & 0x80 != 0;
            let is_crossing = is_positive != self.is_positive;
            self.is_positive = is_positive;
            // A late packet from before the onset gets a position far outside.
            let place = tick.wrapping_sub(onset) as usize / FRAME;
            let Some(frame) = self.frames.get_mut(place) else { continue };
            frame.samples += 1;
            frame.level += magnitude;
            frame.crossings += u16::from(is_crossing);
        }
        let end = ticks.wrapping_add(codes.len() as u32);
        match self.onset {
            Some(onset) => end.wrapping_sub(onset).cast_signed() >= (FRAME * (FRAMES + 2)) as i32,
            None => end.wrapping_sub(first).cast_signed() > PATIENCE as i32,
        }
    }

    /// The fingerprint; none if too little was received, or no voice.
    #[must_use]
    pub fn print(&self) -> Option<OpeningPrint> {
        let whole = self.frames.iter().filter(|frame| usize::from(frame.samples) >= FRAME / 2).count();
        if whole < MIN_FRAMES {
            return None;
        }
        let level = |frame: &Frame| (frame.level * 4 / u32::from(frame.samples.max(1))) as i32;
        let crossings =
            |frame: &Frame| (usize::from(frame.crossings) * FRAME / usize::from(frame.samples.max(1))) as i32;
        let mut levels: Vec<i32> = self.frames.iter().map(level).collect();
        levels.sort_unstable();
        let at = |quarter: usize| levels.get(levels.len() * quarter / 4).copied().unwrap_or(0);
        if at(3) - at(1) < LEAST_RANGE {
            return None;
        }
        let (mut rises, mut brightens) = (0_u128, 0_u128);
        for (i, three) in self.frames.windows(3).enumerate() {
            let [before, _, after] = three else { continue };
            rises |= u128::from(level(after) - level(before) >= LEVEL_STEP) << i;
            brightens |= u128::from(crossings(after) - crossings(before) >= CROSSINGS_STEP) << i;
        }
        let is_rich = |bits: u128| (MIN_BITS..=MAX_BITS).contains(&bits.count_ones());
        (is_rich(rises) && is_rich(brightens)).then_some({
            OpeningPrint([
                rises as u64,
                (rises >> 64) as u64 | ((brightens as u64) << 32),
                (brightens >> 32) as u64,
            ])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A speech-like signal: syllables of different lengths, levels and pitches.
    fn speech(seed: u64) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        };
        let mut samples = Vec::new();
        while samples.len() < 4 * 8000 {
            let length = (400.0 + 1600.0 * next()) as usize;
            let (level, pitch) =
                (if next() < 0.3 { 60.0 } else { 1500.0 + 9000.0 * next() }, 100.0 + 900.0 * next());
            let glide = 0.6 + 0.8 * next();
            for i in 0..length {
                let swell = (std::f64::consts::PI * i as f64 / length as f64).sin();
                let pitch = pitch * glide.powf(i as f64 / 800.0);
                let wave = (std::f64::consts::TAU * pitch * i as f64 / 8000.0).sin() + 0.3 * (next() - 0.5);
                samples.push(Law::Mu.encode((level * swell * wave) as i16));
            }
        }
        samples
    }

    /// The fingerprint of `codes` that start `late` samples after the stream, in packets of `size`, with
    /// every `lost`th one lost.
    fn heard(codes: &[u8], late: usize, size: usize, lost: usize) -> Option<OpeningPrint> {
        let mut stream = vec![0xff; late];
        stream.extend(codes);
        let mut opening = Opening::new(Law::Mu);
        let start = u32::MAX - 4000;
        for (i, packet) in stream.chunks(size).enumerate() {
            if i % lost != lost - 1 && opening.packet(packet, start.wrapping_add((i * size) as u32)) {
                break;
            }
        }
        opening.print()
    }

    #[test]
    fn one_recording_is_known_again_however_it_is_packed_and_whenever_it_starts() {
        for seed in 0..20 {
            let codes = speech(seed);
            let first = heard(&codes, 0, 160, usize::MAX).unwrap();
            assert_eq!(heard(&codes, 1234, 240, usize::MAX), Some(first), "{seed}");
            let lossy = heard(&codes, 4321, 160, 30).unwrap();
            assert!(first.distance(&lossy) <= 30, "{seed}: {}", first.distance(&lossy));
            assert!(first.bands().iter().zip(lossy.bands()).any(|(a, b)| *a == b), "{seed}");
        }
    }

    #[test]
    fn two_voices_differ() {
        let prints: Vec<OpeningPrint> =
            (0..60).filter_map(|seed| heard(&speech(seed), 0, 160, usize::MAX)).collect();
        assert!(prints.len() > 50);
        for (i, a) in prints.iter().enumerate() {
            for b in &prints[i + 1..] {
                assert!(a.distance(b) > 45, "{}", a.distance(b));
            }
        }
    }

    #[test]
    fn tones_noise_and_silence_have_no_print() {
        let tone = |on: usize, off: usize| -> Vec<u8> {
            let wave =
                |i: usize| (8000.0 * (std::f64::consts::TAU * 1100.0 * i as f64 / 8000.0).sin()) as i16;
            (0..32_000).map(|i| Law::Mu.encode(if i % (on + off) < on { wave(i) } else { 0 })).collect()
        };
        assert_eq!(heard(&tone(4000, 24_000), 0, 160, usize::MAX), None, "fax calling");
        assert_eq!(heard(&tone(32_000, 0), 0, 160, usize::MAX), None, "tone");
        let noise: Vec<u8> = (0..32_000_u32)
            .map(|i| Law::Mu.encode((i.wrapping_mul(2_654_435_761) >> 18) as i16 - 8192))
            .collect();
        assert_eq!(heard(&noise, 0, 160, usize::MAX), None, "noise");
        assert_eq!(heard(&[0xff; 90_000], 0, 160, usize::MAX), None, "silence");
    }

    #[test]
    fn a_print_survives_being_stored() {
        let print = OpeningPrint([1, u64::MAX, 1 << 63]);
        assert_eq!(OpeningPrint::from_octets(&print.to_octets()), Some(print));
        assert_eq!(OpeningPrint::from_octets(&[0; 23]), None);
    }
}
