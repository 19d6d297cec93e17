use bellwether_rtp::g711::Law;

use crate::CodeHistogram;

/// Paper, section 4.2: one bin below this energy, ...
const FLOOR: f64 = 1e-9;
/// ... and 20 of equal width up to this one; louder packets are not silence.
const CEILING: f64 = 1e-4;
const EQUAL_BINS: f64 = 20.0;

/// Histograms kept at once. The winning bin is nearly always among the fullest; the bound keeps a stream
/// under analysis within its memory, and [`SilenceProfile::counted_packets`] says if it ever cost something.
const MAX_HISTOGRAMS: usize = 6;

/// What the quietest part of a stream looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct SilenceProfile {
    /// The companding law; profiles of different laws do not compare.
    pub law: Law,
    /// Packets in the silence bin.
    pub packets: u32,
    /// Mean energy of those packets, full scale = 1.
    pub energy: f64,
    /// Mean of their means, full scale = 1.
    pub dc_offset: f64,
    /// Packets whose code words were counted: as many as `packets`, except if the bin came late.
    pub counted_packets: u32,
    /// Code words and how often they occurred, in order of the code word.
    pub codes: Vec<(u8, u32)>,
    /// Packets looked at, loud ones included.
    pub observed_packets: u32,
}

/// Accumulates a stream's silence. One law at a time: a stream that changes law starts anew.
#[derive(Clone, Debug)]
pub struct SilenceAnalysis {
    law: Law,
    observed: u32,
    bins: Vec<Bin>,
}

#[derive(Clone, Debug)]
struct Bin {
    index: u8,
    packets: u32,
    counted: u32,
    energy: f64,
    mean: f64,
    codes: CodeHistogram,
}

impl SilenceAnalysis {
    /// Nothing observed yet.
    #[must_use]
    pub const fn new(law: Law) -> Self {
        Self { law, observed: 0, bins: Vec::new() }
    }

    /// The law.
    #[must_use]
    pub const fn law(&self) -> Law {
        self.law
    }

    /// Takes one packet's payload. Packets of comfort noise and telephone events must not come here.
    pub fn packet(&mut self, codes: &[u8]) {
        let Some(first) = codes.first() else { return };
        self.observed += 1;
        let samples = codes.len() as f64;
        // Muted and digitally silent senders repeat one word; that is cheap to see.
        if is_constant(codes) {
            let x = f64::from(self.law.linear()[usize::from(*first)]) / 32768.0;
            if x * x <= CEILING {
                let (law, n) = (self.law, codes.len() as u32);
                self.add(x * x, x, |histogram| histogram.add_same(law, *first, n));
            }
            return;
        }
        let Some((squares, sum)) = moments_if_quiet(self.law, codes) else { return };
        let energy = squares as f64 / samples / (32768.0 * 32768.0);
        let mean = sum as f64 / samples / 32768.0;
        let law = self.law;
        self.add(energy, mean, |histogram| histogram.add(law, codes));
    }

    /// The profile so far; none if no packet was quiet enough.
    #[must_use]
    pub fn profile(&self) -> Option<SilenceProfile> {
        // The fullest bin; of equals the quietest.
        let bin = self.bins.iter().max_by_key(|b| (b.packets, std::cmp::Reverse(b.index)))?;
        let packets = f64::from(bin.packets);
        Some(SilenceProfile {
            law: self.law,
            packets: bin.packets,
            energy: bin.energy / packets,
            dc_offset: bin.mean / packets,
            counted_packets: bin.counted,
            codes: bin.codes.counts(self.law),
            observed_packets: self.observed,
        })
    }

    /// Octets of memory behind it.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.bins.capacity() * size_of::<Bin>()
            + self.bins.iter().map(|b| b.codes.heap_bytes()).sum::<usize>()
    }

    fn add(&mut self, energy: f64, mean: f64, count: impl FnOnce(&mut CodeHistogram)) {
        let Some(index) = bin_index(energy) else { return };
        let at = match self.bins.iter().position(|b| b.index == index) {
            Some(at) => at,
            None => {
                self.bins.push(Bin {
                    index,
                    packets: 0,
                    counted: 0,
                    energy: 0.0,
                    mean: 0.0,
                    codes: CodeHistogram::default(),
                });
                self.bins.len() - 1
            }
        };
        self.make_room_for_histogram(at);
        let bin = &mut self.bins[at];
        bin.packets += 1;
        bin.energy += energy;
        bin.mean += mean;
        bin.counted += 1;
        count(&mut bin.codes);
    }

    /// Gives up the histogram of the emptiest other bin if this bin needs one and all are taken.
    fn make_room_for_histogram(&mut self, at: usize) {
        let has_histogram = |b: &Bin| b.counted > 0;
        if has_histogram(&self.bins[at])
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

/// The paper's bin of an energy; none above the ceiling.
fn bin_index(energy: f64) -> Option<u8> {
    if energy < FLOOR {
        return Some(0);
    }
    if energy > CEILING {
        return None;
    }
    let width = (CEILING - FLOOR) / EQUAL_BINS;
    Some(1 + ((energy - FLOOR) / width).min(EQUAL_BINS - 1.0) as u8)
}

fn is_constant(codes: &[u8]) -> bool {
    // Comparing the packet with itself shifted by one is a memcmp.
    codes.len() > 1 && codes[1..] == codes[..codes.len() - 1]
}

/// Sum of squares and sum of the samples; none as soon as the packet is too loud to be silence, which speech
/// shows within its first few samples.
fn moments_if_quiet(law: Law, codes: &[u8]) -> Option<(u64, i64)> {
    let limit = (CEILING * codes.len() as f64 * (32768.0 * 32768.0)) as u64;
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
    fn bins_are_those_of_the_paper() {
        assert_eq!(bin_index(0.0), Some(0));
        assert_eq!(bin_index(9.9e-10), Some(0));
        assert_eq!(bin_index(1e-9), Some(1));
        assert_eq!(bin_index(4.9e-6), Some(1));
        assert_eq!(bin_index(5.1e-6), Some(2));
        assert_eq!(bin_index(1e-4), Some(20));
        assert_eq!(bin_index(1.1e-4), None);
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
        assert!(analysis(&packets).heap_bytes() <= 6 * 560 + 32 * 72, "{}", analysis(&packets).heap_bytes());
    }
}
