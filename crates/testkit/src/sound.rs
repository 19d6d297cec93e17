use bellwether_rtp::g711::Law;

use crate::Rng;

/// A device's microphone path, and its output without speech.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Microphone {
    /// Offset of the mean, full scale = 1.
    pub dc_offset: f64,
    /// Standard deviation of its noise, full scale = 1.
    pub noise: f64,
    /// Amplitude of mains hum at 50 Hz, full scale = 1.
    pub hum: f64,
}

/// A speaker by levels only: syllables of loud noise with pauses between them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Voice {
    /// Standard deviation while speaking, full scale = 1.
    pub level: f64,
    /// Mean length of a stretch of speech in packets.
    pub talks: f64,
    /// Mean length of a pause in packets.
    pub pauses: f64,
}

impl Microphone {
    /// `packets` packets of `samples` samples: the microphone's noise throughout, with the voice added.
    pub fn packets(
        self,
        law: Law,
        voice: Option<Voice>,
        packets: usize,
        samples: usize,
        rng: &mut Rng,
    ) -> Vec<Vec<u8>> {
        let mut is_talking = false;
        let mut left = 0_u64;
        let mut time = 0_u64;
        (0..packets)
            .map(|_| {
                if let Some(voice) = voice {
                    if left == 0 {
                        is_talking = !is_talking;
                        let mean = if is_talking { voice.talks } else { voice.pauses };
                        left = 1 + (mean * rng.exponential()) as u64;
                    }
                    left -= 1;
                }
                let level = voice.filter(|_| is_talking).map_or(0.0, |v| v.level);
                (0..samples)
                    .map(|_| {
                        time += 1;
                        let hum = self.hum * (time as f64 / 8000.0 * 50.0 * std::f64::consts::TAU).sin();
                        let sample = self.dc_offset + hum + self.noise * rng.normal() + level * rng.normal();
                        law.encode((sample * 32768.0).round().clamp(-32767.0, 32767.0) as i16)
                    })
                    .collect()
            })
            .collect()
    }
}
