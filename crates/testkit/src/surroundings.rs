//! What a microphone hears beside the speaker, and what a sender does with the level.

use crate::Rng;
use crate::device::{Speaker, Voice};

/// The surroundings of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Surroundings {
    /// The device alone.
    #[default]
    Quiet,
    /// A street or a hall: noise whose level comes and goes within a second.
    Street,
    /// Other people, or a television.
    Voices,
    /// A car: rumble, and an engine.
    Car,
    /// A quiet room, and a sender that raises the gain in pauses.
    GainControl,
}

impl Surroundings {
    /// All but the quiet ones.
    pub const ALL: [Self; 4] = [Self::Street, Self::Voices, Self::Car, Self::GainControl];

    /// Name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Street => "street",
            Self::Voices => "voices",
            Self::Car => "car",
            Self::GainControl => "gain control",
        }
    }
}

const RATE: f64 = 8000.0;

/// The sound of surroundings, with parameters drawn for each call.
#[derive(Default)]
pub(crate) struct Sound {
    kind: Surroundings,
    /// Mean amplitude, full scale = 1, and its swing in decibels.
    level: f64,
    swing: f64,
    /// Seconds in which the level changes, and the present change in standard deviations.
    pace: f64,
    change: f64,
    /// Correlation of neighbouring samples.
    colour: f64,
    last: f64,
    time: f64,
    pitch: f64,
    others: Vec<Voice>,
    /// Gain in decibels, the greatest one, and decibels per second.
    gain: f64,
    most: f64,
    speed: f64,
}

fn between(from: f64, to: f64, rng: &mut Rng) -> f64 {
    from + (to - from) * rng.uniform()
}

fn amplitude(db: f64) -> f64 {
    10_f64.powf(db / 20.0)
}

impl Sound {
    pub(crate) fn drawn(kind: Surroundings, rng: &mut Rng) -> Self {
        let mut sound = Self { kind, ..Self::default() };
        match kind {
            Surroundings::Quiet => {}
            Surroundings::Street => {
                sound.level = amplitude(between(-60.0, -45.0, rng));
                sound.swing = between(3.0, 6.0, rng);
                sound.pace = between(0.15, 1.2, rng);
                sound.colour = between(0.7, 0.95, rng);
            }
            Surroundings::Voices => {
                let level = amplitude(between(-58.0, -46.0, rng));
                for _ in 0..2 + (3.0 * rng.uniform()) as usize {
                    sound.others.push(Voice::new(Speaker { level, ..Speaker::drawn(rng) }));
                }
            }
            Surroundings::Car => {
                sound.level = amplitude(between(-52.0, -42.0, rng));
                sound.swing = between(1.0, 2.5, rng);
                sound.pace = between(0.5, 3.0, rng);
                sound.colour = between(0.95, 0.99, rng);
                sound.pitch = between(40.0, 110.0, rng);
            }
            Surroundings::GainControl => {
                sound.most = between(10.0, 20.0, rng);
                sound.speed = between(5.0, 20.0, rng);
            }
        }
        sound
    }

    /// The next sample of the surroundings.
    pub(crate) fn sample(&mut self, rng: &mut Rng) -> f64 {
        if matches!(self.kind, Surroundings::Quiet | Surroundings::GainControl) {
            return 0.0;
        }
        self.time += 1.0 / RATE;
        let others: f64 = self.others.iter_mut().map(|other| other.sample(rng)).sum();
        if self.level == 0.0 {
            return others;
        }
        let keep = (-1.0 / (RATE * self.pace)).exp();
        self.change = keep * self.change + (1.0 - keep * keep).sqrt() * rng.normal();
        self.last = self.colour * self.last + (1.0 - self.colour * self.colour).sqrt() * rng.normal();
        let engine = if self.pitch > 0.0 {
            let turn = std::f64::consts::TAU * self.pitch * self.time;
            0.7 * (turn.sin() + 0.5 * (2.0 * turn).sin())
        } else {
            0.0
        };
        self.level * amplitude(self.swing * self.change) * (self.last + engine)
    }

    /// The gain of the sender, while somebody speaks or not.
    pub(crate) fn gain(&mut self, is_speech: bool) -> f64 {
        if self.most > 0.0 {
            let step = if is_speech { -20.0 * self.speed } else { self.speed };
            self.gain = (self.gain + step / RATE).clamp(0.0, self.most);
        }
        amplitude(self.gain)
    }
}
