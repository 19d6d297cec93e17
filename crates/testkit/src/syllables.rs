use crate::Rng;

/// Harmonics of a voice below 4 kHz that are computed.
const HARMONICS: i32 = 17;

/// Speech of one seed that has the modulation of speech: syllables of different lengths, levels, pitches and formants, with
/// pauses between some of them. 16-bit samples at 8 kHz.
#[must_use]
pub fn spoken_syllables(seed: u64, seconds: usize) -> Vec<f64> {
    let mut rng = Rng::new(seed);
    let mut samples = Vec::with_capacity(seconds * 8000);
    let mut phase = 0.0;
    while samples.len() < seconds * 8000 {
        let length = (700.0 + 1800.0 * rng.uniform()) as usize;
        let level = if rng.uniform() < 0.15 { 20.0 } else { 1500.0 + 6000.0 * rng.uniform() };
        let pitch = 90.0 + 120.0 * rng.uniform();
        let formants = [250.0 + 550.0 * rng.uniform(), 850.0 + 1200.0 * rng.uniform()];
        for i in 0..length {
            let swell = (std::f64::consts::PI * i as f64 / length as f64).sin();
            phase = (phase + pitch / 8000.0) % 1.0;
            let voice: f64 = (1..=HARMONICS)
                .map(|h| {
                    let hertz = f64::from(h) * pitch;
                    let gain: f64 = formants.iter().map(|f| 1.0 / (1.0 + ((hertz - f) / 90.0).powi(2))).sum();
                    gain * (std::f64::consts::TAU * f64::from(h) * phase).sin()
                })
                .sum();
            samples.push(level * swell * voice);
        }
    }
    samples.truncate(seconds * 8000);
    samples
}
