use bellwether_base::{Ppm, Span, Timestamp};

use crate::Rng;

/// The discipline of a device's refresh timer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Discipline {
    /// An absolute schedule: delays do not accumulate.
    Periodic,
    /// Restarted at each response: the round trip adds to the period.
    Restart,
    /// Drawn uniformly between a quarter and three quarters of the period.
    Randomised,
}

/// The delay of a packet in the network.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Delay {
    /// None.
    None,
    /// Normal around a mean (the paper's assumption), never below zero.
    Gaussian(Span, Span),
    /// Exponential above a floor, as in queues.
    Exponential(Span, Span),
    /// Gamma above a floor: shape and scale. Wired access.
    Gamma(Span, u32, Span),
    /// Gamma (shape, scale) above a floor. A share of the packets has an additional delay, uniform between two
    /// bounds: scheduled radio access, or a queue that fills.
    Spiky(Span, (u32, Span), f64, (Span, Span)),
}

impl Delay {
    /// Draws a delay.
    pub fn draw(self, rng: &mut Rng) -> Span {
        let nanos = |s: Span| s.as_nanos() as f64;
        let mut gamma =
            |shape: u32, scale: Span| (0..shape).map(|_| nanos(scale) * rng.exponential()).sum::<f64>();
        Span::from_nanos(match self {
            Self::None => 0.0,
            Self::Gaussian(mean, sigma) => (nanos(mean) + nanos(sigma) * rng.normal()).max(0.0),
            Self::Exponential(floor, mean) => nanos(floor) + nanos(mean) * rng.exponential(),
            Self::Gamma(floor, shape, scale) => nanos(floor) + gamma(shape, scale),
            Self::Spiky(floor, (shape, scale), share, (low, high)) => {
                let usual = nanos(floor) + gamma(shape, scale);
                let spike = nanos(low) + (nanos(high) - nanos(low)) * rng.uniform();
                if rng.uniform() < share { usual + spike } else { usual }
            }
        } as i64)
    }
}

/// A refresh timer with a known rate.
#[derive(Clone, Copy, Debug)]
pub struct Timer {
    /// Nominal period.
    pub period: Span,
    /// Skew of its clock.
    pub skew: Ppm,
    /// Its discipline.
    pub discipline: Discipline,
    /// Delay between device and sensor, each way.
    pub delay: Delay,
    /// Time from a REGISTER to its final response, at the sensor.
    pub round_trip: Span,
    /// Lateness of the program after its timer fires.
    pub lateness: Span,
}

/// One refresh as the sensor sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cycle {
    /// Time of the REGISTER.
    pub at: Timestamp,
    /// Time of its final response.
    pub answered_at: Timestamp,
}

impl Timer {
    /// The times at which `n` refreshes pass the sensor.
    pub fn refreshes(&self, start: Timestamp, n: usize, rng: &mut Rng) -> Vec<Timestamp> {
        self.cycles(start, n, rng).into_iter().map(|cycle| cycle.at).collect()
    }

    /// The times at which `n` refreshes and their responses pass the sensor.
    pub fn cycles(&self, start: Timestamp, n: usize, rng: &mut Rng) -> Vec<Cycle> {
        let real_period = self.period.as_nanos() as f64 / (1.0 + self.skew.0 / 1e6);
        // Time of sending, in nanoseconds since the start.
        let mut sent = 0.0;
        (0..n)
            .map(|_| {
                let at = start + Span::from_nanos(sent as i64) + self.delay.draw(rng);
                let answered_at = at + self.round_trip;
                match self.discipline {
                    Discipline::Periodic => sent += real_period,
                    Discipline::Restart => {
                        let received = answered_at.since(start) + self.delay.draw(rng);
                        sent = (received + self.lateness).as_nanos() as f64 + real_period;
                    }
                    Discipline::Randomised => sent += real_period * (0.25 + 0.5 * rng.uniform()),
                }
                Cycle { at, answered_at }
            })
            .collect()
    }
}
