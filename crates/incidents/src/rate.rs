use bellwether_base::Timestamp;

use crate::settings::HOUR;

/// Observations after which older ones weigh half.
const HALF_LIFE: f32 = 5_000.0;

/// Observations, the prior among them, from which on a rate of one's own counts.
const OWN: f64 = 6.0;

/// A learned rate with its prior, as counts of a Beta distribution. Old observations fade.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Rate {
    yes: f32,
    no: f32,
}

impl Rate {
    /// A prior of this mean and weight in observations.
    pub(crate) fn prior(mean: f32, weight: f32) -> Self {
        Self { yes: mean * weight, no: (1.0 - mean) * weight }
    }

    pub(crate) fn count(&mut self, is_so: bool) {
        if is_so {
            self.yes += 1.0;
        } else {
            self.no += 1.0;
        }
        if self.yes + self.no > 2.0 * HALF_LIFE {
            self.yes /= 2.0;
            self.no /= 2.0;
        }
    }

    fn add(&mut self, other: Self) {
        self.yes += other.yes;
        self.no += other.no;
        if self.yes + self.no > 2.0 * HALF_LIFE {
            self.yes /= 2.0;
            self.no /= 2.0;
        }
    }

    pub(crate) fn mean(self) -> f64 {
        f64::from(self.yes) / f64::from((self.yes + self.no).max(f32::MIN_POSITIVE))
    }

    pub(crate) fn weight(self) -> f64 {
        f64::from(self.yes + self.no)
    }
}

/// A rate as it was before the last hour, so that an attack does not teach what is usual.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct OlderRate {
    before: Rate,
    last_hour: Rate,
    this_hour: Rate,
    begun: Timestamp,
}

impl OlderRate {
    pub(crate) fn prior(mean: f32, weight: f32) -> Self {
        let none = Rate { yes: 0.0, no: 0.0 };
        Self { before: Rate::prior(mean, weight), last_hour: none, this_hour: none, begun: Timestamp::MIN }
    }

    pub(crate) fn count(&mut self, is_so: bool, at: Timestamp) {
        self.roll(at);
        self.this_hour.count(is_so);
    }

    /// The mean of what is at least one hour old.
    pub(crate) fn mean(&mut self, at: Timestamp) -> f64 {
        self.roll(at);
        self.before.mean()
    }

    /// The mean of what is at least one hour old, and the observations behind it, the prior among them.
    pub(crate) fn older(&mut self, at: Timestamp) -> (f64, f64) {
        (self.mean(at), self.before.weight())
    }

    /// Counts an observation. Returns the mean before, once more than a prior is known; 0 until then.
    pub(crate) fn usual(&mut self, is_so: bool, at: Timestamp) -> f64 {
        let usual = self.mean(at);
        self.count(is_so, at);
        if self.before.weight() >= OWN { usual } else { 0.0 }
    }

    fn roll(&mut self, at: Timestamp) {
        if self.begun == Timestamp::MIN {
            self.begun = at;
        }
        for _ in 0..2 {
            if at.since(self.begun) >= HOUR {
                let none = Rate { yes: 0.0, no: 0.0 };
                self.before.add(self.last_hour);
                self.last_hour = std::mem::replace(&mut self.this_hour, none);
                self.begun = self.begun + HOUR;
            }
        }
        if at.since(self.begun) >= HOUR {
            self.begun = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_does_not_teach_what_is_usual_before_an_hour_is_over() {
        let at = |secs: i64| Timestamp::from_nanos(secs * 1_000_000_000);
        let mut rate = OlderRate::prior(0.05, 20.0);
        for i in 0..1000 {
            rate.count(true, at(i));
        }
        assert!((rate.mean(at(3000)) - 0.05).abs() < 1e-6);
        assert!(rate.mean(at(8000)) > 0.9);
        let mut kept = Rate::prior(0.5, 2.0);
        for _ in 0..50_000 {
            kept.count(false);
        }
        assert!(kept.mean() < 0.001 && kept.weight() <= 10_001.0);
    }
}
