use bellwether_base::{Ppm, Span, Timestamp};

use crate::Rng;

/// How a device's refresh timer runs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Discipline {
    /// On an absolute schedule: delays do not add up.
    Periodic,
    /// Armed again when the answer arrives: each round trip adds to the period.
    Restart,
    /// Drawn uniformly between a quarter and three quarters of the period.
    Randomised,
}

/// What the network adds to a packet's way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Delay {
    /// None.
    None,
    /// Normal around a mean (the paper's assumption), never below zero.
    Gaussian(Span, Span),
    /// Exponential above a floor: what queues do.
    Exponential(Span, Span),
}

impl Delay {
    /// Draws a delay.
    pub fn draw(self, rng: &mut Rng) -> Span {
        let nanos = |s: Span| s.as_nanos() as f64;
        Span::from_nanos(match self {
            Self::None => 0.0,
            Self::Gaussian(mean, sigma) => (nanos(mean) + nanos(sigma) * rng.normal()).max(0.0),
            Self::Exponential(floor, mean) => nanos(floor) + nanos(mean) * rng.exponential(),
        } as i64)
    }
}

/// A refresh timer whose rate is known.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    /// Nominal period.
    pub period: Span,
    /// How fast its clock runs.
    pub skew: Ppm,
    /// Its discipline.
    pub discipline: Discipline,
    /// From device to sensor.
    pub delay: Delay,
    /// From REGISTER to its answer, at the device: adds to the period of restart timers.
    pub round_trip: Span,
}

impl Timer {
    /// When `n` refreshes pass the sensor.
    pub fn refreshes(&self, start: Timestamp, n: usize, rng: &mut Rng) -> Vec<Timestamp> {
        let real_period = self.period.as_nanos() as f64 / (1.0 + self.skew.0 / 1e6);
        let mut sent = 0.0;
        (0..n)
            .map(|i| {
                if i > 0 {
                    sent += match self.discipline {
                        Discipline::Periodic => real_period,
                        Discipline::Restart => real_period + self.round_trip.as_nanos() as f64,
                        Discipline::Randomised => real_period * (0.25 + 0.5 * rng.uniform()),
                    };
                }
                start + Span::from_nanos(sent as i64) + self.delay.draw(rng)
            })
            .collect()
    }
}
