use std::sync::LazyLock;

use bellwether_rtp::g711::Law;
use bellwether_rtp::g722::LowerBand;

use crate::course::Course;
use crate::levels::{FULL_SCALE, LOUDEST, bin_of, papers_bin};
use crate::pauses::{Pauses, select};
use crate::{CodeHistogram, Coding};

/// Limit of histograms held at once. The winning bins are nearly always among the fullest. The limit bounds
/// the memory of a stream under analysis, and [`SilenceProfile::counted_packets`] shows any packets it cost.
const MAX_HISTOGRAMS: usize = 6;

/// Limit of levels held at once: a voice passes through all levels, while a device's noise stays at a few.
const MAX_BINS: usize = 11;

/// Number of packets per level that are all examined closely, and sampling interval afterwards: neighbouring
/// packets are much alike.
const ALL: u16 = 160;
const ONE_OF: u16 = 8;

/// Packets of one level after which more add little: the remaining sampling error is less than half of the
/// difference between calls of one device.
const SETTLED: u32 = 300;

/// Limit of samples decoded per packet.
const BLOCK: usize = 512;

/// Samples in one cycle of 50 Hz.
const CYCLE: usize = 160;

/// Profile of the quietest part of a stream, by the paper's bins.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceProfile {
    /// Coding of the samples; profiles of different codings are not comparable.
    pub coding: Coding,
    /// Packets in the silence bin.
    pub packets: u32,
    /// Mean energy of those packets, full scale = 1.
    pub energy: f64,
    /// Mean of the packet means, full scale = 1.
    pub dc_offset: f64,
    /// Packets whose code words were counted: fewer than `packets` if there were many, or if the bin came
    /// late.
    pub counted_packets: u32,
    /// Code words with their counts, in order of the code word.
    pub codes: Vec<(u8, u32)>,
    /// Packets observed, including loud ones.
    pub observed_packets: u32,
}

/// Accumulates a stream's silence. One analysis covers one coding: a stream that changes its coding starts a
/// new one.
#[derive(Clone, Debug)]
pub struct SilenceAnalysis {
    coding: Coding,
    /// Decoder for G.722.
    decoder: Option<Box<LowerBand>>,
    observed: u32,
    bins: Vec<Bin>,
    constants: Constants,
    course: Course,
}

/// Packets that repeat one code word: muted and digitally silent senders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Constants {
    pub(crate) packets: u32,
    /// The code word of the latest such packet.
    pub(crate) code: u8,
}

/// Packets of one level.
#[derive(Clone, Debug)]
pub(crate) struct Bin {
    pub(crate) index: u8,
    /// Packets at this level.
    pub(crate) packets: u16,
    /// Packets by the paper's rule, including those of dropped neighbour levels.
    papers: u16,
    counted: u16,
    energy: f64,
    mean: f64,
    /// Statistics of the packets that do not repeat one code word.
    pub(crate) sound: Sound,
    pub(crate) codes: CodeHistogram,
}

/// Sums over packets of per-packet statistics around the packet mean. Full scale = 32768.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sound {
    pub(crate) packets: u32,
    pub(crate) mean: f32,
    pub(crate) variance: f32,
    /// Products with the next sample, and with the one after it.
    pub(crate) lag1: f32,
    pub(crate) lag2: f32,
    /// Share of neighbouring samples on different sides of the mean.
    pub(crate) crossings: f32,
    /// Variance of the 50 Hz component.
    pub(crate) hum: f32,
}

impl Sound {
    pub(crate) fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.mean += other.mean;
        self.variance += other.variance;
        self.lag1 += other.lag1;
        self.lag2 += other.lag2;
        self.crossings += other.crossings;
        self.hum += other.hum;
    }

    /// Statistics of one packet.
    fn of(law: Law, codes: &[u8], mean: f64) -> Self {
        let linear = law.linear();
        let mut block = [0.0_f32; BLOCK];
        let n = codes.len().min(BLOCK);
        let centre = mean as f32;
        for (sample, code) in block.iter_mut().zip(codes) {
            *sample = f32::from(linear[usize::from(*code)]) - centre;
        }
        let samples = block.get(..n).unwrap_or_default();
        let count = n as f32;
        let (one_on, two_on) = (samples.get(1..).unwrap_or_default(), samples.get(2..).unwrap_or_default());
        let crossings = samples.iter().zip(one_on).filter(|(a, b)| (**a > 0.0) != (**b > 0.0)).count();
        Self {
            packets: 1,
            mean: centre,
            variance: product(samples, samples) / count,
            lag1: product(samples, one_on) / count,
            lag2: product(samples, two_on) / count,
            crossings: crossings as f32 / count.max(1.0),
            hum: hum(samples),
        }
    }
}

/// Sum of products, in eight independent lanes so that no addition waits for another.
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut rows = [0.0_f32; 8];
    let (a, b) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.0.iter().zip(b.0) {
        for ((row, x), y) in rows.iter_mut().zip(a).zip(b) {
            // Not mul_add: without the fused instruction, which cannot be assumed, it is a function call.
            *row += x * y;
        }
    }
    // The remainder is fewer than eight of 160 samples: not worth a loop of its own.
    rows.iter().sum()
}

/// One cycle of 50 Hz: cosine and sine.
static WAVE: LazyLock<([f32; CYCLE], [f32; CYCLE])> = LazyLock::new(|| {
    let angle = |i: usize| std::f32::consts::TAU * i as f32 / CYCLE as f32;
    (std::array::from_fn(|i| angle(i).cos()), std::array::from_fn(|i| angle(i).sin()))
});

/// Variance of the 50 Hz component over whole cycles; 0 if there is no whole cycle.
fn hum(samples: &[f32]) -> f32 {
    let (cosine, sine) = &*WAVE;
    let (cycles, _) = samples.as_chunks::<CYCLE>();
    let power = |cycle: &[f32; CYCLE]| {
        let (c, s) = (product(cycle, cosine), product(cycle, sine));
        2.0 * (c * c + s * s) / (CYCLE * CYCLE) as f32
    };
    cycles.iter().map(power).sum::<f32>() / cycles.len().max(1) as f32
}

impl SilenceAnalysis {
    /// Starts an empty analysis.
    #[must_use]
    pub fn new(coding: impl Into<Coding>) -> Self {
        let coding = coding.into();
        Self {
            coding,
            decoder: (coding == Coding::G722).then(Box::default),
            observed: 0,
            bins: Vec::new(),
            constants: Constants::default(),
            course: Course::default(),
        }
    }

    /// Coding of the samples.
    #[must_use]
    pub const fn coding(&self) -> Coding {
        self.coding
    }

    /// Adds one packet's payload. The caller must leave out packets of comfort noise and telephone events.
    pub fn packet(&mut self, payload: &[u8]) {
        match &mut self.decoder {
            Some(decoder) => {
                // G.722 samples are counted as code words too, so that one analysis serves all codings.
                let codes: Vec<u8> =
                    payload.iter().map(|octet| Law::Mu.encode(decoder.sample(*octet))).collect();
                self.coded(&codes);
            }
            None => self.coded(payload),
        }
    }

    fn coded(&mut self, codes: &[u8]) {
        let Some(first) = codes.first() else { return };
        self.observed += 1;
        let samples = codes.len() as f64;
        // Muted and digitally silent senders repeat one word, which is cheap to detect.
        if is_constant(codes) {
            self.course.interrupt();
            let x = f64::from(self.coding.law().linear()[usize::from(*first)]) / 32768.0;
            let (law, n) = (self.coding.law(), codes.len() as u32);
            if let Some(bin) = self.bin(x * x, x) {
                if bin.is_looked_at() {
                    bin.count(|histogram| histogram.add_same(law, *first, n));
                }
                self.constants = Constants { packets: self.constants.packets + 1, code: *first };
            }
            return;
        }
        let Some((squares, sum)) = moments_if_quiet(self.coding.law(), codes) else {
            return self.course.interrupt();
        };
        let energy = squares as f64 / samples / FULL_SCALE;
        let mean = sum as f64 / samples;
        self.course.quiet(energy - (mean / 32768.0).powi(2));
        let law = self.coding.law();
        if let Some(bin) = self.bin(energy, mean / 32768.0)
            && bin.is_looked_at()
        {
            bin.sound.add(&Sound::of(law, codes, mean));
            bin.count(|histogram| histogram.add(law, codes));
        }
    }

    /// The paper's profile so far: that of the bin with the most packets. None if no packet was quiet enough.
    #[must_use]
    pub fn profile(&self) -> Option<SilenceProfile> {
        let mut packets = [0_u32; 21];
        for bin in &self.bins {
            if let Some(sum) = papers_bin(bin.index).and_then(|i| packets.get_mut(usize::from(i))) {
                *sum += u32::from(bin.papers);
            }
        }
        // The fullest bin; of equal ones the quietest.
        let fullest = (0_u8..21).rev().max_by_key(|i| packets.get(usize::from(*i)))?;
        let parts: Vec<&Bin> = self.bins.iter().filter(|b| papers_bin(b.index) == Some(fullest)).collect();
        let packets: u32 = parts.iter().map(|b| u32::from(b.papers)).sum();
        if packets == 0 {
            return None;
        }
        let mut codes = CodeHistogram::default();
        parts.iter().for_each(|b| codes.merge(&b.codes));
        Some(SilenceProfile {
            coding: self.coding,
            packets,
            energy: parts.iter().map(|b| b.energy).sum::<f64>() / f64::from(packets),
            dc_offset: parts.iter().map(|b| b.mean).sum::<f64>() / f64::from(packets),
            counted_packets: parts.iter().map(|b| u32::from(b.counted)).sum(),
            codes: codes.counts(self.coding.law()),
            observed_packets: self.observed,
        })
    }

    /// The noise profile so far, with a better choice of packets than the paper's; none if there are too few
    /// packets.
    #[must_use]
    pub fn pauses(&self) -> Option<Pauses> {
        select(self.coding, self.observed, &self.bins, self.constants, &self.course)
    }

    /// True if [`Self::pauses`] is accurate enough to report before the window ends.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.constants.packets >= SETTLED
            || self.bins.iter().any(|b| b.sound.packets > 0 && u32::from(b.packets) >= SETTLED)
    }

    /// Heap memory in octets.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<Bin>()
            + self.bins.iter().map(|b| b.codes.heap_bytes()).sum::<usize>()
    }

    /// Counts a packet in its bin and returns the bin; none if the packet is too loud.
    fn bin(&mut self, energy: f64, mean: f64) -> Option<&mut Bin> {
        let index = bin_of(energy)?;
        let at = match self.bins.iter().position(|b| b.index == index) {
            Some(at) => at,
            None => {
                if self.bins.len() == self.bins.capacity() {
                    self.bins.reserve_exact(3);
                }
                self.bins.push(Bin::new(index));
                if self.bins.len() > MAX_BINS {
                    self.drop_emptiest(index);
                }
                self.bins.iter().position(|b| b.index == index)?
            }
        };
        self.make_room_for_histogram(at);
        let bin = self.bins.get_mut(at)?;
        bin.packets = bin.packets.saturating_add(1);
        bin.papers = bin.papers.saturating_add(1);
        bin.energy += energy;
        bin.mean += mean;
        Some(bin)
    }

    /// Drops the level with the fewest packets, of equal ones the loudest, to make room for a new one. By the
    /// paper's rule its packets still count, in a neighbour level.
    fn drop_emptiest(&mut self, new: u8) {
        let others = self.bins.iter().enumerate().filter(|(_, b)| b.index != new);
        let emptiest = others.min_by_key(|(_, b)| (b.packets, std::cmp::Reverse(b.index)));
        let Some((at, _)) = emptiest else { return };
        let gone = self.bins.swap_remove(at);
        let papers = papers_bin(gone.index);
        let is_beside = |b: &&mut Bin| papers.is_some() && papers_bin(b.index) == papers;
        let neighbour = self.bins.iter_mut().filter(is_beside).min_by_key(|b| b.index.abs_diff(gone.index));
        if let Some(neighbour) = neighbour {
            neighbour.papers = neighbour.papers.saturating_add(gone.papers);
            neighbour.energy += gone.energy;
            neighbour.mean += gone.mean;
        }
    }

    /// Drops the histogram of the emptiest bin if this bin needs one and the limit is reached.
    fn make_room_for_histogram(&mut self, at: usize) {
        let has_histogram = |b: &Bin| b.counted > 0;
        if self.bins.get(at).is_some_and(has_histogram)
            || self.bins.iter().filter(|b| has_histogram(b)).count() < MAX_HISTOGRAMS
        {
            return;
        }
        let emptiest = self
            .bins
            .iter_mut()
            .filter(|b| has_histogram(b))
            .min_by_key(|b| (b.packets, std::cmp::Reverse(b.index)));
        if let Some(bin) = emptiest {
            bin.counted = 0;
            bin.codes = CodeHistogram::default();
        }
    }
}

impl Bin {
    fn new(index: u8) -> Self {
        Self {
            index,
            packets: 0,
            papers: 0,
            counted: 0,
            energy: 0.0,
            mean: 0.0,
            sound: Sound::default(),
            codes: CodeHistogram::default(),
        }
    }

    /// True if the latest packet of the bin is one of those examined closely.
    const fn is_looked_at(&self) -> bool {
        self.packets <= ALL || self.packets.is_multiple_of(ONE_OF)
    }

    fn count(&mut self, add: impl FnOnce(&mut CodeHistogram)) {
        self.counted = self.counted.saturating_add(1);
        add(&mut self.codes);
    }
}

fn is_constant(codes: &[u8]) -> bool {
    // Comparing the packet with itself shifted by one is a memcmp.
    codes.len() > 1 && codes[1..] == codes[..codes.len() - 1]
}

/// Sum of squares and sum of the samples; none once the packet is too loud to be silence. Speech exceeds the
/// limit within its first few samples.
fn moments_if_quiet(law: Law, codes: &[u8]) -> Option<(u64, i64)> {
    let limit = (LOUDEST * codes.len() as f64 * FULL_SCALE) as u64;
    let linear = law.linear();
    let (mut squares, mut sum) = (0_u64, 0_i64);
    for chunk in codes.chunks(32) {
        let (mut s2, mut s1) = (0_i64, 0_i32);
        for code in chunk {
            let sample = i32::from(linear[usize::from(*code)]);
            s1 += sample;
            s2 += i64::from(sample * sample);
        }
        squares += s2.cast_unsigned();
        sum += i64::from(s1);
        if squares > limit {
            return None;
        }
    }
    Some((squares, sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analysis(packets: &[Vec<u8>]) -> SilenceAnalysis {
        let mut analysis = SilenceAnalysis::new(Law::Mu);
        for packet in packets {
            analysis.packet(packet);
        }
        analysis
    }

    fn encoded(samples: impl Iterator<Item = i16>) -> Vec<u8> {
        samples.map(|s| Law::Mu.encode(s)).collect()
    }

    #[test]
    fn energy_dc_and_codes_of_a_known_pause_are_exact() {
        // Half of the samples +16, half 0: mean 8, mean square 128.
        let pause = encoded((0..160).map(|i| if i % 2 == 0 { 16 } else { 0 }));
        let speech = encoded((0..160).map(|i| if i % 3 == 0 { 9000 } else { -4000 }));
        let profile = analysis(&[speech.clone(), pause.clone(), pause.clone(), speech]).profile().unwrap();
        assert_eq!((profile.packets, profile.observed_packets, profile.counted_packets), (2, 4, 2));
        assert!((profile.energy - 128.0 / 32768.0_f64.powi(2)).abs() < 1e-15);
        assert!((profile.dc_offset - 8.0 / 32768.0).abs() < 1e-12);
        assert_eq!(profile.codes, [(Law::Mu.encode(16), 160), (0xff, 160)]);
    }

    #[test]
    fn digital_silence_falls_below_the_floor_in_either_polarity() {
        for zero in [0xff_u8, 0x7f] {
            let profile = analysis(&[vec![zero; 160]]).profile().unwrap();
            assert_eq!((profile.energy, profile.codes), (0.0, vec![(zero, 160)]));
        }
    }

    #[test]
    fn the_fullest_bin_wins_and_of_equals_the_quietest() {
        let quiet = encoded((0..160).map(|i| if i % 2 == 0 { 40 } else { -40 }));
        let louder = encoded((0..160).map(|i| if i % 2 == 0 { 180 } else { -180 }));
        let profile = analysis(&[louder.clone(), quiet.clone()]).profile().unwrap();
        assert!(profile.energy < 5e-6);
        let profile = analysis(&[louder.clone(), louder, quiet]).profile().unwrap();
        assert!(profile.energy > 5e-6);
    }

    #[test]
    fn noise_is_settled_by_its_own_packets_not_by_speech() {
        let pause = encoded((0..160).map(|i| if i % 2 == 0 { 16 } else { 0 }));
        let speech = encoded((0..160).map(|i| if i % 3 == 0 { 9000 } else { -4000 }));
        let mut mixed: Vec<Vec<u8>> =
            (0..600).map(|i| if i % 2 == 0 { &pause } else { &speech }.clone()).collect();
        assert!(analysis(&mixed).is_settled());
        mixed.truncate(590);
        assert!(!analysis(&mixed).is_settled());
        assert!(analysis(&vec![vec![0xff; 160]; 300]).is_settled(), "digital silence");
    }

    #[test]
    fn a_stream_without_a_pause_has_no_profile() {
        let speech = encoded((0..160).map(|i| if i % 3 == 0 { 9000 } else { -4000 }));
        assert_eq!(analysis(&[speech]).profile(), None);
        assert_eq!(analysis(&[]).profile(), None);
    }

    #[test]
    fn memory_is_bounded_whatever_the_levels() {
        let packets: Vec<Vec<u8>> = (0..1500)
            .map(|p| encoded((0..160).map(move |i| ((p * 7 + i * 13) % (20 + p % 320)) as i16 - 10)))
            .collect();
        assert!(analysis(&packets).heap_bytes() <= 6 * 560 + 18 * 96, "{}", analysis(&packets).heap_bytes());
    }
}
