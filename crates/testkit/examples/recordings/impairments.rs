//! What networks and dialler settings do to a recording.

use bellwether_testkit::Rng;

use crate::corpus::Piece;

/// Samples in a second.
pub(crate) const RATE: usize = 8000;

/// Sounds that are mixed in.
pub(crate) struct Material<'a> {
    /// Speech of other voices.
    pub(crate) others: Vec<&'a Piece>,
    /// Coded copies.
    pub(crate) coded: Vec<&'a Piece>,
}

/// An impairment by its name in the table.
#[derive(Clone, Copy)]
pub(crate) enum Impairment {
    None,
    /// Begins late by at most so many seconds.
    Late(f64),
    /// Silence first.
    Silence,
    /// Other speech first, from and to seconds.
    Opening(f64, f64),
    /// Other speech in the middle.
    Middle,
    /// Gain in dB.
    Gain(f64),
    /// Noise at a signal-to-noise ratio in dB.
    White(f64),
    Babble(f64),
    Car(f64),
    /// Speed in per cent, faster or slower.
    Speed(f64),
    /// A codec of the corpus.
    Coded(&'static str),
    /// Share of lost packets, concealed or not.
    Loss(f64, bool),
    Echo,
    /// Opening of 1 s, 5 % speed and white noise of 10 dB.
    Personal,
    /// Babble of 20 dB, G.729, 5 % loss, concealed.
    Worn,
}

/// All impairments, with their names.
pub(crate) const ALL: &[(&str, Impairment)] = &[
    ("none", Impairment::None),
    ("begins 0 to 5 s late", Impairment::Late(5.0)),
    ("0.2 to 3 s of silence first", Impairment::Silence),
    ("other speech of 0.8 to 1.6 s first", Impairment::Opening(0.8, 1.6)),
    ("other speech of 2.5 to 3.5 s first", Impairment::Opening(2.5, 3.5)),
    ("other speech in the middle, 0.8 to 1.5 s", Impairment::Middle),
    ("+12 dB, clipped", Impairment::Gain(12.0)),
    ("-12 dB", Impairment::Gain(-12.0)),
    ("-24 dB", Impairment::Gain(-24.0)),
    ("white noise 20 dB", Impairment::White(20.0)),
    ("white noise 10 dB", Impairment::White(10.0)),
    ("white noise 5 dB", Impairment::White(5.0)),
    ("babble of six 20 dB", Impairment::Babble(20.0)),
    ("babble 10 dB", Impairment::Babble(10.0)),
    ("babble 5 dB", Impairment::Babble(5.0)),
    ("car noise 20 dB", Impairment::Car(20.0)),
    ("car noise 10 dB", Impairment::Car(10.0)),
    ("car noise 5 dB", Impairment::Car(5.0)),
    ("speed +-2 %", Impairment::Speed(2.0)),
    ("speed +-5 %", Impairment::Speed(5.0)),
    ("GSM full rate", Impairment::Coded("gsm")),
    ("AMR 5.9 kbit/s", Impairment::Coded("amr")),
    ("G.729", Impairment::Coded("g729")),
    ("loss 1 %, silent", Impairment::Loss(0.01, false)),
    ("loss 1 %, concealed", Impairment::Loss(0.01, true)),
    ("loss 5 %, silent", Impairment::Loss(0.05, false)),
    ("loss 5 %, concealed", Impairment::Loss(0.05, true)),
    ("loss 10 %, silent", Impairment::Loss(0.1, false)),
    ("loss 10 %, concealed", Impairment::Loss(0.1, true)),
    ("echo", Impairment::Echo),
    ("speech first 1 s + 5 % speed + white 10 dB", Impairment::Personal),
    ("babble 20 dB + G.729 + 5 % loss, concealed", Impairment::Worn),
];

/// A call: samples, and the share of packets that never arrive.
pub(crate) struct Impaired {
    pub(crate) samples: Vec<i16>,
    pub(crate) loss: f64,
    /// Seconds before the recording begins.
    pub(crate) lead: f64,
}

impl Impairment {
    /// The recording as it is heard; none where the corpus has no coded copy of it.
    pub(crate) fn of(self, piece: &Piece, material: &Material<'_>, rng: &mut Rng) -> Option<Impaired> {
        let mut samples: Vec<f64> = piece.samples.iter().map(|s| f64::from(*s)).collect();
        let (mut loss, mut lead) = (0.0, 0.0);
        match self {
            Self::None => {}
            Self::Late(most) => drop(samples.drain(..(rng.uniform() * most * RATE as f64) as usize)),
            Self::Silence => {
                lead = 0.2 + 2.8 * rng.uniform();
                samples.splice(..0, vec![0.0; (lead * RATE as f64) as usize]);
            }
            Self::Opening(from, to) => {
                lead = from + (to - from) * rng.uniform();
                open(&mut samples, lead, material, piece, rng);
            }
            Self::Middle => {
                let other = speech(0.8 + 0.7 * rng.uniform(), material, piece, rng);
                let at = ((1.0 + 2.0 * rng.uniform()) * RATE as f64) as usize;
                samples.splice(at..at, other);
            }
            Self::Gain(db) => samples.iter_mut().for_each(|s| *s *= 10_f64.powf(db / 20.0)),
            Self::White(db) => white(&mut samples, db, rng),
            Self::Babble(db) => babble(&mut samples, db, material, piece, rng),
            Self::Car(db) => car(&mut samples, db, rng),
            Self::Speed(percent) => samples = faster(&samples, either(percent, rng)),
            Self::Coded(codec) => samples = coded(codec, material, piece)?,
            Self::Loss(share, false) => loss = share,
            Self::Loss(share, true) => conceal(&mut samples, share, rng),
            Self::Echo => echo(&mut samples, rng),
            Self::Personal => {
                lead = 1.0;
                open(&mut samples, lead, material, piece, rng);
                samples = faster(&samples, either(5.0, rng));
                white(&mut samples, 10.0, rng);
            }
            Self::Worn => {
                samples = coded("g729", material, piece)?;
                babble(&mut samples, 20.0, material, piece, rng);
                conceal(&mut samples, 0.05, rng);
            }
        }
        Some(Impaired { samples: clipped(&samples), loss, lead })
    }
}

pub(crate) fn clipped(samples: &[f64]) -> Vec<i16> {
    samples.iter().map(|s| s.round().clamp(-32_768.0, 32_767.0) as i16).collect()
}

fn either(percent: f64, rng: &mut Rng) -> f64 {
    if rng.below(2) == 0 { 1.0 + percent / 100.0 } else { 1.0 - percent / 100.0 }
}

/// Active level: the mean power of the frames within 20 dB of the loudest.
fn power(samples: &[f64]) -> f64 {
    let powers: Vec<f64> =
        samples.chunks(160).map(|c| c.iter().map(|s| s * s).sum::<f64>() / c.len() as f64).collect();
    let loudest = powers.iter().copied().fold(1.0, f64::max);
    let active: Vec<f64> = powers.into_iter().filter(|p| *p > loudest / 100.0).collect();
    active.iter().sum::<f64>() / active.len() as f64
}

fn mix(samples: &mut [f64], noise: &[f64], db: f64) {
    let noise_power = noise.iter().map(|s| s * s).sum::<f64>() / noise.len() as f64;
    let gain = (power(samples) / noise_power.max(1e-9) / 10_f64.powf(db / 10.0)).sqrt();
    samples.iter_mut().zip(noise).for_each(|(s, n)| *s += gain * n);
}

pub(crate) fn white(samples: &mut [f64], db: f64, rng: &mut Rng) {
    let noise: Vec<f64> = (0..samples.len()).map(|_| rng.normal()).collect();
    mix(samples, &noise, db);
}

/// Low noise, 12 dB less for each octave above 100 Hz.
fn car(samples: &mut [f64], db: f64, rng: &mut Rng) {
    let (mut once, mut twice) = (0.0, 0.0);
    let noise: Vec<f64> = (0..samples.len())
        .map(|_| {
            once += 0.08 * (rng.normal() - once);
            twice += 0.08 * (once - twice);
            twice
        })
        .collect();
    mix(samples, &noise, db);
}

fn babble(samples: &mut [f64], db: f64, material: &Material<'_>, piece: &Piece, rng: &mut Rng) {
    let mut noise = vec![0.0; samples.len()];
    for _ in 0..6 {
        let other = other(material, piece, rng);
        let shift = rng.below(other.samples.len() as u64) as usize;
        for (place, sample) in noise.iter_mut().zip(other.samples.iter().cycle().skip(shift)) {
            *place += f64::from(*sample);
        }
    }
    mix(samples, &noise, db);
}

/// A piece of another voice and another recording.
fn other<'a>(material: &'a Material<'_>, piece: &Piece, rng: &mut Rng) -> &'a Piece {
    loop {
        let other = material.others[rng.below(material.others.len() as u64) as usize];
        if other.voice != piece.voice {
            return other;
        }
    }
}

fn speech(seconds: f64, material: &Material<'_>, piece: &Piece, rng: &mut Rng) -> Vec<f64> {
    let other = other(material, piece, rng);
    let count = (seconds * RATE as f64) as usize;
    let from = rng.below((other.samples.len() - count) as u64) as usize;
    other.samples[from..from + count].iter().map(|s| f64::from(*s)).collect()
}

fn open(samples: &mut Vec<f64>, seconds: f64, material: &Material<'_>, piece: &Piece, rng: &mut Rng) {
    samples.splice(..0, speech(seconds, material, piece, rng));
}

/// Resampling by a cubic through four samples.
pub(crate) fn faster(samples: &[f64], speed: f64) -> Vec<f64> {
    let count = (samples.len() as f64 / speed) as usize - 4;
    let at = |i: usize| samples.get(i).copied().unwrap_or(0.0);
    (0..count)
        .map(|i| {
            let place = i as f64 * speed;
            let (k, t) = (place as usize, place.fract());
            let (a, b, c, d) = (at(k.saturating_sub(1)), at(k), at(k + 1), at(k + 2));
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
        })
        .collect()
}

fn coded(codec: &str, material: &Material<'_>, piece: &Piece) -> Option<Vec<f64>> {
    let copy =
        material.coded.iter().find(|copy| copy.source == piece.file && copy.codec.starts_with(codec))?;
    Some(copy.samples.iter().map(|s| f64::from(*s)).collect())
}

/// Lost frames are replaced by the one before, weaker each time.
fn conceal(samples: &mut [f64], share: f64, rng: &mut Rng) {
    let mut before = vec![0.0; 160];
    for frame in samples.chunks_exact_mut(160) {
        if rng.uniform() < share {
            frame.iter_mut().zip(&before).for_each(|(s, b)| *s = 0.7 * b);
        }
        before.copy_from_slice(frame);
    }
}

fn echo(samples: &mut [f64], rng: &mut Rng) {
    let delay =
        |from: f64, to: f64, rng: &mut Rng| ((from + (to - from) * rng.uniform()) * RATE as f64) as usize;
    let (near, far) = (delay(0.02, 0.1, rng), delay(0.1, 0.25, rng));
    let dry = samples.to_vec();
    for (i, sample) in samples.iter_mut().enumerate() {
        let at = |by: usize| i.checked_sub(by).map_or(0.0, |i| dry[i]);
        *sample += 10_f64.powf(-9.0 / 20.0) * at(near) + 10_f64.powf(-14.0 / 20.0) * at(far);
    }
}
