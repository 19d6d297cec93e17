//! Phones as measured in the paper (tables 1 to 3), and people who speak into them: ground truth for device classes.

use bellwether_rtp::g711::Law;

use crate::Rng;
use crate::surroundings::{Sound, Surroundings};

/// The noise of a device in one of its modes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct DeviceMode {
    /// The device.
    pub device: &'static str,
    /// Handset, hands-free, cordless, or computer.
    pub mode: &'static str,
    /// Offset, full scale = 1.
    pub dc_offset: f64,
    /// Energy of its noise, full scale = 1.
    pub energy: f64,
    /// Correlation of neighbouring samples, which models the roll-off of the microphone path. The paper does not
    /// state it; models of one family have equal values.
    pub colour: f64,
    /// Share of mains hum in the noise.
    pub hum: f64,
    /// Gain of this unit's noise in this call, relative to the mode's noise.
    pub gain: f64,
}

const fn mode(
    device: &'static str,
    mode: &'static str,
    dc: f64,
    energy: f64,
    colour: f64,
    hum: f64,
) -> DeviceMode {
    DeviceMode { device, mode, dc_offset: dc * 1e-4, energy: energy * 1e-7, colour, hum, gain: 1.0 }
}

/// The paper's table 1, and its softphones (whose row labels are uncertain).
pub const PAPERS_DEVICES: [DeviceMode; 26] = [
    mode("Aastra 57i", "handset", -0.85, 2.24, 0.1, 0.02),
    mode("Aastra 57i", "hands-free", -0.59, 13.03, 0.1, 0.02),
    mode("Aastra 6731i", "handset", -0.73, 1.90, 0.1, 0.02),
    mode("Aastra 6731i", "hands-free", -4.44, 298.1, 0.1, 0.02),
    mode("Avaya 9620", "handset", -0.098, 0.19, 0.3, 0.0),
    mode("Avaya 9620", "hands-free", -0.086, 4.10, 0.3, 0.0),
    mode("Cisco SPA 508G", "handset", -0.001, 0.59, 0.0, 0.05),
    mode("Cisco SPA 508G", "hands-free", -0.006, 0.55, 0.0, 0.05),
    mode("Cisco SPA 525G", "handset", -1.84, 0.57, 0.0, 0.05),
    mode("Cisco SPA 525G", "hands-free", -1.54, 2.30, 0.0, 0.05),
    mode("Panasonic KX-TGP500", "cordless", -0.29, 0.30, 0.5, 0.0),
    mode("Panasonic KX-TGP550", "handset", -0.74, 0.45, 0.5, 0.0),
    mode("Panasonic KX-TGP550", "cordless", -1.38, 3.00, 0.5, 0.0),
    mode("Panasonic KX-TGP550", "hands-free", 0.0, 0.0, 0.0, 0.0),
    mode("Polycom 331", "handset", 0.92, 1.36, 0.2, 0.1),
    mode("Polycom 331", "hands-free", -2.23, 1.95, 0.2, 0.1),
    mode("Polycom 550", "handset", -2.71, 1.15, 0.2, 0.1),
    mode("Polycom 550", "hands-free", -2.25, 1.55, 0.2, 0.1),
    mode("Polycom 601", "handset", -0.68, 0.49, 0.2, 0.1),
    mode("Polycom 601", "hands-free", -2.72, 1.25, 0.2, 0.1),
    mode("Polycom 650", "handset", -2.69, 1.21, 0.2, 0.1),
    mode("Polycom 650", "hands-free", -2.24, 1.92, 0.2, 0.1),
    mode("softphone 1", "computer", -0.024, 0.403, 0.4, 0.3),
    mode("softphone 2", "computer", -0.003, 68.3, 0.6, 0.3),
    mode("softphone 4", "computer", -130.0, 1630.0, 0.2, 0.2),
    mode("softphone 5", "computer", 0.004, 0.045, 0.7, 0.0),
];

impl DeviceMode {
    /// Another unit of the device. Offsets and levels differ by a few percent (the paper's table 2).
    #[must_use]
    pub fn unit(self, rng: &mut Rng) -> Self {
        Self {
            dc_offset: self.dc_offset * (1.0 + 0.02 * rng.normal()) + 1e-7 * rng.normal(),
            gain: self.gain * (0.07 * rng.normal()).exp(),
            ..self
        }
    }

    /// The same unit in another call (the paper's table 3: other rooms and people).
    #[must_use]
    pub fn call(self, rng: &mut Rng) -> Self {
        Self {
            dc_offset: self.dc_offset * (1.0 + 0.01 * rng.normal()),
            gain: self.gain * (0.06 * rng.normal()).exp(),
            ..self
        }
    }
}

/// A speaker, as far as silence analysis is affected.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Speaker {
    /// Pitch in Hz.
    pub pitch: f64,
    /// Level of the loudest syllables, full scale = 1.
    pub level: f64,
    /// Mean lengths of phrases and pauses in seconds.
    pub phrase: f64,
    /// See `phrase`.
    pub pause: f64,
}

impl Speaker {
    /// A random speaker.
    #[must_use]
    pub fn drawn(rng: &mut Rng) -> Self {
        Self {
            pitch: 85.0 + 170.0 * rng.uniform(),
            level: 0.05 * (0.5 * rng.normal()).exp(),
            phrase: 0.8 + 2.0 * rng.uniform(),
            pause: 0.4 + 1.2 * rng.uniform(),
        }
    }
}

/// Surroundings of a call, and impairments of its media.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Impairment {
    /// What the microphone hears beside the speaker.
    pub surroundings: Surroundings,
    /// Share of packets lost.
    pub loss: f64,
    /// True if the sender stops in pauses, 200 ms after the last word.
    pub is_dtx: bool,
    /// True if the samples are transcoded to the other law on the way.
    pub is_transcoded: bool,
}

/// Samples per packet.
const PACKET: usize = 160;

/// Packets sent after the end of a phrase, before the sender stops.
const HANGOVER: u32 = 10;

/// The packets of a spoken call that arrive.
pub fn spoken_call(
    device: DeviceMode,
    speaker: Speaker,
    law: Law,
    seconds: usize,
    impairment: Impairment,
    rng: &mut Rng,
) -> Vec<Vec<u8>> {
    let mut voice = Voice::new(speaker);
    let mut noise = Noise::new(device);
    let mut around = Sound::drawn(impairment.surroundings, rng);
    let mut quiet_for = 0;
    let other = if law == Law::Mu { Law::A } else { Law::Mu };
    let mut out = Vec::new();
    for _ in 0..seconds * 50 {
        let mut is_heard = false;
        let packet: Vec<u8> = (0..PACKET)
            .map(|_| {
                let speech = voice.sample(rng);
                is_heard |= speech.abs() > 1e-3;
                let gain = around.gain(speech.abs() > 1e-3);
                let heard = gain * (speech + around.sample(rng) + noise.sample(rng));
                let sample = (32768.0 * heard).round().clamp(-32767.0, 32767.0) as i16;
                if impairment.is_transcoded {
                    law.encode(other.linear()[usize::from(other.encode(sample))])
                } else {
                    law.encode(sample)
                }
            })
            .collect();
        quiet_for = if is_heard { 0 } else { quiet_for + 1 };
        let is_sent = !impairment.is_dtx || quiet_for <= HANGOVER;
        if is_sent && rng.uniform() >= impairment.loss {
            out.push(packet);
        }
    }
    out
}

/// Syllables: a few harmonics of the pitch under an envelope that rises and falls, in phrases with pauses between.
pub(crate) struct Voice {
    speaker: Speaker,
    time: f64,
    /// Start, length and loudness of the present syllable.
    syllable: (f64, f64, f64),
    phrase_ends: f64,
    begins_at: f64,
}

const RATE: f64 = 8000.0;

impl Voice {
    pub(crate) fn new(speaker: Speaker) -> Self {
        // A call begins with some silence, while the other side answers.
        Self { speaker, time: 0.0, syllable: (0.0, 0.0, 0.0), phrase_ends: 0.0, begins_at: 0.6 }
    }

    pub(crate) fn sample(&mut self, rng: &mut Rng) -> f64 {
        self.time += 1.0 / RATE;
        if self.time < self.begins_at {
            return 0.0;
        }
        let (begin, length, _) = self.syllable;
        if self.time >= begin + length {
            if self.time >= self.phrase_ends {
                if length > 0.0 {
                    self.begins_at = self.time + self.speaker.pause * rng.exponential().max(0.15);
                    self.syllable.1 = 0.0;
                    self.phrase_ends = self.begins_at + self.speaker.phrase * rng.exponential().max(0.2);
                    return 0.0;
                }
                self.phrase_ends = self.time + self.speaker.phrase * rng.exponential().max(0.2);
            }
            let loudness = self.speaker.level * (0.7 * rng.normal()).exp().min(3.0);
            self.syllable = (self.time, 0.1 + 0.2 * rng.uniform(), loudness);
        }
        let (begin, length, loudness) = self.syllable;
        let envelope = (std::f64::consts::PI * (self.time - begin) / length).sin().max(0.0).powi(2);
        let turn = std::f64::consts::TAU * self.speaker.pitch * self.time;
        let tone = turn.sin() + 0.6 * (2.0 * turn).sin() + 0.4 * (5.0 * turn).sin();
        loudness * envelope * 0.6 * (tone + 0.3 * rng.normal())
    }
}

/// The device's own noise: coloured, with hum and offset.
struct Noise {
    device: DeviceMode,
    last: f64,
    time: f64,
    phase: f64,
}

impl Noise {
    fn new(device: DeviceMode) -> Self {
        Self { device, last: 0.0, time: 0.0, phase: 0.0 }
    }

    fn sample(&mut self, rng: &mut Rng) -> f64 {
        if self.time == 0.0 {
            self.phase = rng.uniform();
        }
        self.time += 1.0 / RATE;
        let DeviceMode { dc_offset, energy, colour, hum, gain, .. } = self.device;
        // One of the paper's rows has less energy than its offset alone.
        let variance = gain * (energy - dc_offset * dc_offset).max(0.02 * energy);
        // A first-order process with variance 1.
        self.last = colour * self.last + (1.0 - colour * colour).sqrt() * rng.normal();
        let wave = (std::f64::consts::TAU * (50.0 * self.time + self.phase)).sin() * std::f64::consts::SQRT_2;
        dc_offset + variance.sqrt() * ((1.0 - hum).sqrt() * self.last + hum.sqrt() * wave)
    }
}

/// The packets of a recorded voice (16 bits, 8,000 samples a second) through a device. The voice keeps its level, and
/// the device's noise is added.
pub fn voiced_call(device: DeviceMode, voice: &[i16], law: Law, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut noise = Noise::new(device);
    let (packets, _) = voice.as_chunks::<PACKET>();
    packets
        .iter()
        .map(|packet| {
            let heard = |sample: &i16| f64::from(*sample) + 32768.0 * noise.sample(rng);
            packet.iter().map(heard).map(|s| law.encode(s.round().clamp(-32767.0, 32767.0) as i16)).collect()
        })
        .collect()
}
