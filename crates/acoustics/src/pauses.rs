//! The device's own noise in a stream: the quietest level that occurs too often to be an accident.
//!
//! The paper (Sengar 2014, section 4) takes the fullest of wide bins, which speech contaminates. A device's
//! noise keeps its level within a decibel or two from packet to packet. No packet that the device sends while
//! on air is quieter, and speech is louder. The noise is therefore the lowest level with more than stray
//! packets, together with its neighbours.

use bellwether_rtp::g711::Law;

use crate::course::Course;
use crate::levels::{FEWEST, SHARE, level_db};
use crate::silence::{Bin, Constants, Sound};
use crate::{CodeHistogram, Coding, Steadiness, Unsteady};

/// Largest variation of noise from packet to packet, in decibels.
const SPREAD_DB: f64 = 3.1;

/// Fewest packets at the next louder level that still count as noise, as a share of the fullest level's
/// packets.
const ACROSS: f64 = 0.4;

/// Least energy of the sound of a room: -73 dB. The steps of the laws make fainter noise unsteady.
const FAINTEST_ROOM: f64 = 5e-8;

/// Least energy of rumble, -60 dB; its least correlation of neighbouring samples, and its greatest share of mains hum.
const FAINTEST_RUMBLE: f64 = 1e-6;
const RUMBLE_LAG1: f64 = 0.88;
const RUMBLE_HUM: f64 = 0.5;

/// Noise profile of a stream, over all chosen packets.
#[derive(Clone, Debug, PartialEq)]
pub struct Pauses {
    /// Coding of the samples.
    pub coding: Coding,
    /// Packets chosen; for a digitally silent stream, packets that repeat one code word.
    pub packets: u32,
    /// Packets observed, including loud ones.
    pub observed_packets: u32,
    /// Packets that repeat one code word, and the word.
    pub constant: (u32, u8),
    /// True if most quiet packets repeat one code word: the sender is digitally silent in its pauses.
    pub is_digital: bool,
    /// Mean of the samples, full scale = 1.
    pub dc_offset: f64,
    /// Variance of the samples around their packets' means, full scale = 1.
    pub energy: f64,
    /// Autocorrelation at a lag of one sample, -1 to 1: low for hiss, high for rumble.
    pub lag1: f64,
    /// Autocorrelation at a lag of two samples.
    pub lag2: f64,
    /// Share of neighbouring samples on different sides of the mean.
    pub crossings: f64,
    /// Share of the variance at 50 Hz: mains hum.
    pub hum: f64,
    /// Code words with their counts, in order of the code word.
    pub codes: Vec<(u8, u32)>,
    /// How steady the level is; none in profiles of before and for digital silence.
    pub steadiness: Option<Steadiness>,
}

/// Selects the noise of a stream.
pub(crate) fn select(
    coding: Coding,
    observed: u32,
    bins: &[Bin],
    constants: Constants,
    course: &Course,
) -> Option<Pauses> {
    let mut sounding: Vec<&Bin> = bins.iter().filter(|b| b.sound.packets > 0).collect();
    sounding.sort_unstable_by_key(|b| b.index);
    let db = |bin: &Bin| level_db(bin.index);
    // Only a part of the packets at one level is examined closely; this count includes all of them.
    let enough = f64::from(observed) * SHARE;
    let is_enough = |packets: u32| packets >= FEWEST && f64::from(packets) >= enough;
    // Noise fills neighbouring levels.
    let lowest = sounding.iter().find(|bin| {
        let near = sounding.iter().filter(|b| b.index >= bin.index && db(b) - db(bin) < SPREAD_DB);
        is_enough(near.map(|b| u32::from(b.packets)).sum())
    });
    let Some(lowest) = lowest else {
        return (constants.packets >= FEWEST).then(|| digital(coding, observed, constants));
    };
    let fullest = sounding
        .iter()
        .filter(|b| b.index >= lowest.index && db(b) - db(lowest) < SPREAD_DB)
        .max_by_key(|b| (b.packets, std::cmp::Reverse(b.index)))?;
    // Packets at louder levels are ends of words. If they are nearly as many, the noise lies across the
    // border of two levels.
    let is_noise = |bin: &Bin| {
        bin.index <= fullest.index || f64::from(bin.packets) >= ACROSS * f64::from(fullest.packets)
    };
    let chosen: Vec<&&Bin> = sounding
        .iter()
        .filter(|b| (db(b) - db(fullest)).abs() < SPREAD_DB && b.index >= lowest.index && is_noise(b))
        .collect();
    let (mut sound, mut codes) = (Sound::default(), CodeHistogram::default());
    for bin in &chosen {
        sound.add(&bin.sound);
        codes.merge(&bin.codes);
    }
    if constants.packets > chosen.iter().map(|b| u32::from(b.packets)).sum() {
        // The packets with sound are ends of words.
        return Some(digital(coding, observed, constants));
    }
    let n = f64::from(sound.packets);
    let of = |part: f32| if sound.variance > 0.0 { f64::from(part / sound.variance) } else { 0.0 };
    Some(Pauses {
        coding,
        packets: chosen.iter().map(|b| u32::from(b.packets)).sum(),
        observed_packets: observed,
        constant: (constants.packets, constants.code),
        is_digital: false,
        dc_offset: f64::from(sound.mean) / n / 32768.0,
        energy: f64::from(sound.variance) / n / crate::levels::FULL_SCALE,
        lag1: of(sound.lag1),
        lag2: of(sound.lag2),
        crossings: f64::from(sound.crossings) / n,
        hum: of(sound.hum),
        codes: codes.counts(coding.law()),
        steadiness: course.steadiness(observed),
    })
}

/// Profile of a sender whose pauses are one code word.
fn digital(coding: Coding, observed: u32, constants: Constants) -> Pauses {
    let sample = coding.law().linear()[usize::from(constants.code)];
    Pauses {
        coding,
        packets: constants.packets,
        observed_packets: observed,
        constant: (constants.packets, constants.code),
        is_digital: true,
        dc_offset: f64::from(sample) / 32768.0,
        energy: 0.0,
        lag1: 0.0,
        lag2: 0.0,
        crossings: 0.0,
        hum: 0.0,
        codes: vec![(constants.code, constants.packets)],
        steadiness: None,
    }
}

/// Format version of the packed profile: version, coding, digital flag, constant word, and little-endian numbers.
/// Version 1 has no steadiness.
const VERSION: u8 = 2;

impl Pauses {
    /// The profile as octets, for a database.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        let coding = Coding::ALL.iter().position(|c| *c == self.coding).unwrap_or(0) as u8;
        let mut out = vec![VERSION, coding, u8::from(self.is_digital), self.constant.1];
        for count in [self.packets, self.observed_packets, self.constant.0] {
            out.extend(count.to_le_bytes());
        }
        for real in [self.dc_offset, self.energy, self.lag1, self.lag2, self.crossings, self.hum] {
            out.extend(real.to_le_bytes());
        }
        let steadiness = self.steadiness.map_or([f64::NAN; 3], |of| [of.beside, of.beside_speech, of.moves]);
        steadiness.iter().for_each(|real| out.extend(real.to_le_bytes()));
        for (code, count) in &self.codes {
            out.push(*code);
            out.extend(count.to_le_bytes());
        }
        out
    }

    /// The profile from the octets of [`Self::to_octets`]; none for another version or damaged octets.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let ([version, coding, is_digital, constant], rest) = octets.split_first_chunk()?;
        let (counts, rest) = rest.split_first_chunk::<12>()?;
        let (reals, rest) = rest.split_first_chunk::<48>()?;
        let (steadiness, codes) = match *version {
            1 => (None, rest),
            VERSION => {
                let (octets, codes) = rest.split_first_chunk::<24>()?;
                let (reals, _) = octets.as_chunks::<8>();
                let [beside, beside_speech, moves] = reals else { return None };
                let [beside, beside_speech, moves] =
                    [beside, beside_speech, moves].map(|of| f64::from_le_bytes(*of));
                ((!beside.is_nan()).then_some(Steadiness { beside, beside_speech, moves }), codes)
            }
            _ => return None,
        };
        let (counts, _) = counts.as_chunks::<4>();
        let (reals, _) = reals.as_chunks::<8>();
        let [packets, observed_packets, constants] = counts else { return None };
        let [dc_offset, energy, lag1, lag2, crossings, hum] = reals else { return None };
        let (codes, left) = codes.as_chunks::<5>();
        let coding = Coding::ALL.get(usize::from(*coding)).copied()?;
        left.is_empty().then(|| Self {
            coding,
            packets: u32::from_le_bytes(*packets),
            observed_packets: u32::from_le_bytes(*observed_packets),
            constant: (u32::from_le_bytes(*constants), *constant),
            is_digital: *is_digital != 0,
            dc_offset: f64::from_le_bytes(*dc_offset),
            energy: f64::from_le_bytes(*energy),
            lag1: f64::from_le_bytes(*lag1),
            lag2: f64::from_le_bytes(*lag2),
            crossings: f64::from_le_bytes(*crossings),
            hum: f64::from_le_bytes(*hum),
            codes: codes
                .iter()
                .map(|[code, a, b, c, d]| (*code, u32::from_le_bytes([*a, *b, *c, *d])))
                .collect(),
            steadiness,
        })
    }

    /// The surroundings that the pauses show instead of the device; none if the noise may be the device's own.
    #[must_use]
    pub fn surroundings(&self) -> Option<Unsteady> {
        // Behind digital silence there is no room: what sounds are the ends of words.
        let is_silent_between = self.constant.0.saturating_mul(10) > self.packets;
        if is_silent_between || self.energy < FAINTEST_ROOM {
            return None;
        }
        self.steadiness.and_then(|of| of.unsteady())
    }

    /// True for the rumble of a car or a machine: no microphone path of a phone rolls off that low.
    #[must_use]
    pub fn is_rumble(&self) -> bool {
        self.energy >= FAINTEST_RUMBLE && self.lag1 >= RUMBLE_LAG1 && self.hum < RUMBLE_HUM
    }

    /// True if the samples were transcoded from the other law. Among the quiet code words only those occur
    /// that the levels of the other law map to, although their neighbours on both sides are frequent. The noise is then not the
    /// device's own any more. Digital silence and noise of few words show nothing of that.
    #[must_use]
    pub fn is_transcoded(&self) -> bool {
        /// Fewest samples, fewest samples on each side of a word that is missed, and number of magnitudes examined.
        const MIN_SAMPLES: u64 = 2000;
        const MIN_NEIGHBOURS: u64 = 20;
        const MAGNITUDES: u8 = 40;
        let Coding::G711(law) = self.coding else { return false };
        if self.is_digital {
            return false;
        }
        let other = match law {
            Law::Mu => Law::A,
            Law::A => Law::Mu,
        };
        let mut is_reached = [false; 256];
        for sample in other.linear() {
            is_reached[usize::from(law.encode(*sample))] = true;
        }
        let loudest = self.codes.iter().map(|(code, _)| law.magnitude(*code)).max().unwrap_or(0);
        let quiet = |code: u8| law.magnitude(code) < MAGNITUDES.min(loudest);
        // Counts from a file may be arbitrarily large, so the sums saturate.
        let (mut reached, mut unreached) = (0_u64, 0_u64);
        for (code, count) in self.codes.iter().filter(|(code, _)| quiet(*code)) {
            let place = if is_reached[usize::from(*code)] { &mut reached } else { &mut unreached };
            *place = place.saturating_add(u64::from(*count));
        }
        let count_of = |magnitude: u8, sign: u8| {
            let code = law.code(magnitude, sign);
            self.codes.iter().find(|(of, _)| *of == code).map_or(0, |(_, count)| u64::from(*count))
        };
        // A word that does not occur is missed where noise must have reached it: both of its neighbours did occur.
        let is_missed = |code: &u8| {
            let (magnitude, sign) = (law.magnitude(*code), *code >> 7);
            let below = magnitude.checked_sub(1).map_or_else(|| count_of(0, 1 - sign), |m| count_of(m, sign));
            below.min(count_of(magnitude.saturating_add(1), sign)) >= MIN_NEIGHBOURS
        };
        let avoided = (0..=255_u8).filter(|code| quiet(*code) && !is_reached[usize::from(*code)]);
        let missed = avoided.filter(is_missed).count();
        let is_rare = unreached.saturating_mul(1000) < reached;
        missed >= 2 && reached.saturating_add(unreached) >= MIN_SAMPLES && is_rare
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SilenceAnalysis;

    /// Noise from a generator that sums three uniform draws; `level` is the largest sample.
    fn noise(law: Law, level: i32, dc: i32, seed: u64) -> impl Iterator<Item = Vec<u8>> {
        let mut state = seed;
        let mut draw = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i32
        };
        std::iter::repeat_with(move || {
            (0..160)
                .map(|_| {
                    law.encode(
                        (((draw() % level) + (draw() % level) + (draw() % level)) / 3 - level / 2 + dc)
                            as i16,
                    )
                })
                .collect()
        })
    }

    #[test]
    fn counts_as_large_as_they_can_be_written_are_summed() {
        let mut pauses = Pauses {
            coding: Coding::G711(Law::Mu),
            packets: 9,
            observed_packets: 9,
            constant: (0, 0),
            is_digital: false,
            dc_offset: 0.0,
            energy: 1e-8,
            lag1: 0.0,
            lag2: 0.0,
            crossings: 0.5,
            hum: 0.0,
            codes: (0..=255).map(|code| (code, u32::MAX)).collect(),
            steadiness: None,
        };
        assert!(!pauses.is_transcoded(), "every word occurs");
        let is_of_the_other = |code: u8| Law::A.linear().iter().any(|sample| Law::Mu.encode(*sample) == code);
        pauses.codes.retain(|(code, _)| is_of_the_other(*code));
        assert!(pauses.is_transcoded(), "only words of the other law occur");
    }

    #[test]
    fn the_noise_is_chosen_and_speech_of_any_level_is_not() {
        let mut analysis = SilenceAnalysis::new(Law::Mu);
        let levels = [200, 700, 1400, 2100, 2600];
        let mut speech: Vec<_> =
            levels.iter().map(|l| noise(Law::Mu, *l, 0, u64::from(l.unsigned_abs()))).collect();
        for (i, packet) in noise(Law::Mu, 90, 12, 1).take(200).enumerate() {
            analysis.packet(&packet);
            for voice in &mut speech {
                analysis.packet(&voice.next().unwrap());
            }
            if i % 10 == 0 {
                analysis.packet(&[0xff; 160]);
            }
        }
        let pauses = analysis.pauses().unwrap();
        assert!((150..=205).contains(&pauses.packets), "{pauses:?}");
        assert!((pauses.dc_offset * 32768.0 - 12.0).abs() < 1.0, "{pauses:?}");
        // The variance of a mean of three: level^2 / 36.
        assert!((pauses.energy * 32768.0 * 32768.0 / (90.0 * 90.0 / 36.0) - 1.0).abs() < 0.1, "{pauses:?}");
        assert!(
            pauses.lag1.abs() < 0.05 && pauses.hum < 0.03 && (pauses.crossings - 0.5).abs() < 0.05,
            "{pauses:?}"
        );
        assert_eq!((pauses.constant, pauses.is_digital), ((20, 0xff), false));
        assert!(pauses.steadiness.is_some() && pauses.surroundings().is_none(), "{pauses:?}");
        assert_eq!(Pauses::from_octets(&pauses.to_octets()), Some(pauses.clone()));
        // The former version has no steadiness.
        let mut former = pauses.to_octets();
        former[0] = 1;
        former.drain(64..88);
        assert_eq!(Pauses::from_octets(&former), Some(Pauses { steadiness: None, ..pauses }));
    }

    #[test]
    fn digital_silence_is_told_with_its_polarity() {
        for zero in [0xff, 0x7f] {
            let mut analysis = SilenceAnalysis::new(Law::Mu);
            (0..10).for_each(|_| analysis.packet(&[zero; 160]));
            let pauses = analysis.pauses().unwrap();
            assert!(pauses.is_digital && pauses.constant == (10, zero), "{pauses:?}");
        }
        assert_eq!(SilenceAnalysis::new(Law::A).pauses(), None);
    }

    #[test]
    fn hum_is_told_from_hiss() {
        let mut analysis = SilenceAnalysis::new(Law::Mu);
        let mut hiss = noise(Law::Mu, 60, 0, 5);
        for _ in 0..60 {
            let hiss = hiss.next().unwrap();
            let packet: Vec<u8> = (0..160)
                .map(|i| {
                    let wave = 60.0 * (std::f64::consts::TAU * f64::from(i) / 160.0).sin();
                    Law::Mu.encode(Law::Mu.linear()[usize::from(hiss[i as usize])] + wave as i16)
                })
                .collect();
            analysis.packet(&packet);
        }
        let pauses = analysis.pauses().unwrap();
        assert!(pauses.hum > 0.85 && pauses.lag1 > 0.8, "{pauses:?}");
    }

    /// Two seconds of normal noise with mean 100 and deviation 30 at 16 kHz, encoded by spandsp: half of its
    /// power is in the lower band.
    #[test]
    fn the_noise_of_wideband_speech_is_read_in_its_lower_band() {
        let octets = include_bytes!("../../../fixtures/noise.g722");
        let mut analysis = SilenceAnalysis::new(Coding::G722);
        octets.chunks(160).for_each(|packet| analysis.packet(packet));
        let pauses = analysis.pauses().unwrap();
        assert!((pauses.dc_offset * 32768.0 - 100.0).abs() < 2.0, "{pauses:?}");
        let variance = pauses.energy * 32768.0 * 32768.0;
        assert!((420.0..520.0).contains(&variance), "{variance}");
        assert!(pauses.packets >= 60 && pauses.coding == Coding::G722 && !pauses.is_transcoded());
        assert_eq!(Pauses::from_octets(&pauses.to_octets()), Some(pauses));
    }

    #[test]
    fn what_went_through_the_other_law_is_told() {
        // Near zero, A-law has a level for each level of mu-law: only louder noise shows the transcoding
        // there.
        for (law, other, level) in [(Law::Mu, Law::A, 300), (Law::A, Law::Mu, 1900)] {
            for via in [law, other] {
                let mut analysis = SilenceAnalysis::new(law);
                for packet in noise(via, level, 0, 9).take(50) {
                    let through: Vec<u8> =
                        packet.iter().map(|code| law.encode(via.linear()[usize::from(*code)])).collect();
                    analysis.packet(&through);
                }
                assert_eq!(analysis.pauses().unwrap().is_transcoded(), via != law, "{law:?} via {via:?}");
            }
        }
    }

    #[test]
    fn damaged_octets_are_no_profile() {
        assert_eq!(Pauses::from_octets(&[]), None);
        assert_eq!(Pauses::from_octets(&[VERSION; 63]), None);
        assert_eq!(Pauses::from_octets(&[VERSION; 66]), None);
        assert_eq!(Pauses::from_octets(&[VERSION; 90]), None);
        assert_eq!(Pauses::from_octets(&[9; 64]), None);
    }
}
