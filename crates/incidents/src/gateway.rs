//! Bypass gateways (SIM boxes): a source with numbers of its own that ends other people's calls.
//!
//! Its callers are others' callers: the same person is never called twice and nobody calls back. Source of the traits:
//! Murynets, Zabarankin, Piqueras Jover, Panagia: *Analysis and detection of SIMbox fraud* (INFOCOM 2014).

use crate::detector::{LogM, ln_least, of};

/// The source's earlier calls to a callee.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Callee {
    New,
    KnownToOther,
    KnownToThis,
}

/// One call of a source, at its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) callee: Callee,
    pub(crate) is_answered: bool,
    /// An answered call lasted over a minute.
    pub(crate) is_long: bool,
    /// The earlier calls of the number.
    pub(crate) nth: u32,
    /// Visibility of calls to the site's own numbers on the mirror, 0 to 1.
    pub(crate) sees_back: f64,
}

/// A kind of sender: probabilities of a new, other's and own callee, of an answer, of a long talk, and the rate of
/// calls back.
struct Family {
    name: &'static str,
    callee: [f64; 3],
    answered: f64,
    long: f64,
    back: f64,
}

const GATEWAY: Family =
    Family { name: "a gateway", callee: [0.93, 0.06, 0.01], answered: 0.55, long: 0.65, back: 0.005 };

const HONEST: [Family; 8] = [
    Family { name: "a call centre", callee: [0.90, 0.05, 0.05], answered: 0.35, long: 0.35, back: 0.03 },
    Family { name: "a sales centre", callee: [0.88, 0.06, 0.06], answered: 0.40, long: 0.65, back: 0.03 },
    Family {
        name: "a sender of notices",
        callee: [0.90, 0.05, 0.05],
        answered: 0.60,
        long: 0.05,
        back: 0.02,
    },
    Family {
        name: "dispatch or drivers",
        callee: [0.80, 0.12, 0.08],
        answered: 0.70,
        long: 0.12,
        back: 0.05,
    },
    Family { name: "a firm", callee: [0.50, 0.25, 0.25], answered: 0.60, long: 0.55, back: 0.30 },
    Family { name: "a service", callee: [0.82, 0.10, 0.08], answered: 0.55, long: 0.60, back: 0.08 },
    Family { name: "a hotel", callee: [0.86, 0.11, 0.03], answered: 0.58, long: 0.85, back: 0.05 },
    Family { name: "a clinic", callee: [0.80, 0.10, 0.10], answered: 0.60, long: 0.80, back: 0.15 },
];

/// Families, with ordinary lines.
pub(crate) const LOGS: usize = HONEST.len() + 1;

/// Hours of the day in which a gateway calls, from which on people's hours do not explain it.
pub(crate) const HOURS: u32 = 20;

/// Numbers that a source needs, and the share of them that call again.
pub(crate) const NUMBERS: f64 = 3.0;
pub(crate) const AGAIN: f64 = 0.6;

/// Ordinary lines: a number calls ever fewer new people.
fn line(nth: u32) -> Family {
    let new = (4.0 / (4.0 + f64::from(nth))).max(0.25);
    Family {
        name: "ordinary lines",
        callee: [0.9 * new, 0.1 * new, 1.0 - new],
        answered: 0.60,
        long: 0.50,
        back: 0.30,
    }
}

impl Family {
    fn ln(&self, marks: &Marks) -> f64 {
        let [new, other, this] = self.callee;
        let callee = match marks.callee {
            Callee::New => new,
            Callee::KnownToOther => other,
            Callee::KnownToThis => this,
        };
        let long = if marks.is_answered { of(marks.is_long, self.long) } else { 1.0 };
        (callee * of(marks.is_answered, self.answered) * long).ln() - marks.sees_back * self.back
    }
}

fn families(nth: u32) -> [Family; LOGS] {
    let [a, b, c, d, e, f, g, h] = HONEST;
    [a, b, c, d, e, f, g, h, line(nth)]
}

/// Takes a call in.
pub(crate) fn step(logs: &mut [LogM], marks: &Marks) {
    let gateway = GATEWAY.ln(marks);
    for (log, family) in logs.iter_mut().zip(families(marks.nth)) {
        log.step(gateway - family.ln(marks));
    }
}

/// A called person calls one of the source's numbers.
pub(crate) fn step_back(logs: &mut [LogM]) {
    for (log, family) in logs.iter_mut().zip(families(0)) {
        // A call back is a further factor of the last call, no further call. It is one however few of them the mirror shows.
        log.weigh((GATEWAY.back / family.back).ln());
    }
}

/// ln M against the honest family that explains the source best, and the name of that family.
pub(crate) fn ln_m(logs: &[LogM]) -> (f64, &'static str) {
    let least = ln_least(logs.iter().copied());
    let place = logs.iter().position(|log| log.ln() <= least).unwrap_or(0);
    (least, families(0).get(place).map_or("a firm", |family| family.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::tests::uniform;

    fn draw(family: &Family, nth: u32, state: &mut u64) -> Marks {
        let at = uniform(state);
        let callee = if at < family.callee[0] {
            Callee::New
        } else if at < family.callee[0] + family.callee[1] {
            Callee::KnownToOther
        } else {
            Callee::KnownToThis
        };
        let is_answered = uniform(state) < family.answered;
        Marks { callee, is_answered, is_long: uniform(state) < family.long, nth, sees_back: 0.0 }
    }

    #[test]
    fn the_mean_of_e_is_one_under_each_family() {
        let marks = |nth| {
            [Callee::New, Callee::KnownToOther, Callee::KnownToThis].into_iter().flat_map(move |callee| {
                [(false, false), (true, false), (true, true)].into_iter().map(
                    move |(is_answered, is_long)| Marks { callee, is_answered, is_long, nth, sees_back: 0.0 },
                )
            })
        };
        for nth in [0, 3, 100] {
            for family in families(nth) {
                let total: f64 = marks(nth).map(|marks| family.ln(&marks).exp()).sum();
                assert!((total - 1.0).abs() < 1e-9, "{} {total}", family.name);
                let mean: f64 = marks(nth).map(|marks| GATEWAY.ln(&marks).exp()).sum();
                assert!((mean - 1.0).abs() < 1e-9, "{mean}");
            }
        }
    }

    #[test]
    fn honest_senders_run_long_before_a_false_alarm() {
        let mut state = 5;
        for place in 0..LOGS {
            let mut total = 0;
            for _ in 0..12 {
                let (mut logs, mut calls) = ([LogM::default(); LOGS], 0_u32);
                while ln_m(&logs).0 < f64::ln(1000.0) && calls < 5_000 {
                    let nth = calls / 30;
                    let marks = draw(&families(nth)[place], nth, &mut state);
                    step(&mut logs, &marks);
                    calls += 1;
                }
                total += calls;
            }
            assert!(total / 12 >= 100, "{} {}", families(0)[place].name, total / 12);
        }
    }
}
