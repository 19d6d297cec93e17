//! Traffic pumping: invented callers talk long to numbers that earn by being called.
//!
//! Source of the traits: TransNexus, *Toll free traffic pumping* (2014); Somos, *Traffic pumping* (2022).

use crate::detector::{LogM, ln_add};

/// The caller's acquaintance with the number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Caller {
    /// It called this number before.
    Repeats,
    /// It called others before.
    Known,
    /// Nobody has seen it.
    New,
}

/// The origin of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// The caller used it before.
    Bonded,
    /// Nobody has seen it.
    Fresh,
    /// It shows ever new numbers for few callees.
    Throwaway,
    /// Any other.
    Mixed,
}

/// The length of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    Unanswered,
    /// Less than 30 seconds.
    Short,
    /// Less than two minutes.
    Middle,
    Long,
}

/// One call to a number that many call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks {
    pub(crate) caller: Caller,
    /// None in the pool of a source, where it says nothing.
    pub(crate) source: Option<Source>,
    pub(crate) length: Length,
}

/// The marks of the site's callers to any number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Public {
    pub(crate) caller: [f64; 3],
    pub(crate) source: [f64; 4],
}

struct Family {
    name: &'static str,
    caller: [f64; 3],
    source: [f64; 4],
    length: [f64; 4],
}

/// Pumping from one place, and from many.
const FRAUD: [Family; 2] = [
    Family {
        name: "from one place",
        caller: [0.01, 0.02, 0.97],
        source: [0.01, 0.03, 0.92, 0.04],
        length: [0.04, 0.02, 0.05, 0.89],
    },
    Family {
        name: "from many places",
        caller: [0.01, 0.02, 0.97],
        source: [0.01, 0.44, 0.51, 0.04],
        length: [0.04, 0.02, 0.05, 0.89],
    },
];

const HONEST: [Family; 5] = [
    Family {
        name: "a support line behind a trunk of its own",
        caller: [0.08, 0.05, 0.87],
        source: [0.04, 0.03, 0.88, 0.05],
        length: [0.08, 0.10, 0.17, 0.65],
    },
    Family {
        name: "a queue, as for tickets",
        caller: [0.15, 0.05, 0.80],
        source: [0.04, 0.03, 0.88, 0.05],
        length: [0.05, 0.03, 0.06, 0.86],
    },
    Family {
        name: "a vote or a quiz",
        caller: [0.15, 0.25, 0.60],
        source: [0.3, 0.1, 0.2, 0.4],
        length: [0.45, 0.45, 0.08, 0.02],
    },
    Family {
        name: "a fleet of alarms or terminals",
        caller: [0.08, 0.05, 0.87],
        source: [0.05, 0.85, 0.05, 0.05],
        length: [0.08, 0.65, 0.22, 0.05],
    },
    Family {
        name: "a conference",
        caller: [0.45, 0.25, 0.30],
        source: [0.4, 0.1, 0.2, 0.3],
        length: [0.03, 0.04, 0.05, 0.88],
    },
];

const PUBLIC: [f64; 4] = [0.15, 0.15, 0.25, 0.45];

const FAMILIES: usize = HONEST.len() + 1;

/// Statistics of a pool: each fraud against each family.
pub(crate) const LOGS: usize = FRAUD.len() * FAMILIES;

/// Calls to a number before its callers are looked at, and the share of them that is different.
pub(crate) const CALLS: u32 = 5;
pub(crate) const DIFFERENT: f64 = 0.6;

fn product(caller: &[f64; 3], source: &[f64; 4], length: &[f64; 4], marks: &Marks) -> f64 {
    let caller = match marks.caller {
        Caller::Repeats => caller.first(),
        Caller::Known => caller.get(1),
        Caller::New => caller.get(2),
    };
    let source = match marks.source {
        None => Some(&1.0),
        Some(Source::Bonded) => source.first(),
        Some(Source::Fresh) => source.get(1),
        Some(Source::Throwaway) => source.get(2),
        Some(Source::Mixed) => source.get(3),
    };
    let length = match marks.length {
        Length::Unanswered => length.first(),
        Length::Short => length.get(1),
        Length::Middle => length.get(2),
        Length::Long => length.get(3),
    };
    [caller, source, length].into_iter().flatten().product()
}

/// Takes a call in.
pub(crate) fn step(logs: &mut [LogM], marks: &Marks, public: &Public) {
    let mut logs = logs.iter_mut();
    for fraud in &FRAUD {
        let ln_fraud = product(&fraud.caller, &fraud.source, &fraud.length, marks).ln();
        for family in &HONEST {
            if let Some(log) = logs.next() {
                log.step(ln_fraud - product(&family.caller, &family.source, &family.length, marks).ln());
            }
        }
        if let Some(log) = logs.next() {
            log.step(ln_fraud - product(&public.caller, &public.source, &PUBLIC, marks).ln());
        }
    }
}

/// ln M over both frauds, each against the family that explains the history best; with the names of the stronger
/// fraud and of its strongest rival.
pub(crate) fn ln_m(logs: &[LogM]) -> (f64, &'static str, &'static str) {
    let mut sum = f64::NEG_INFINITY;
    let mut best = (f64::NEG_INFINITY, "", "");
    for (fraud, against) in FRAUD.iter().zip(logs.chunks(FAMILIES)) {
        let least = against.iter().enumerate().min_by(|a, b| a.1.ln().total_cmp(&b.1.ln()));
        let Some((place, least)) = least.map(|(place, log)| (place, log.ln())) else { continue };
        let rival = HONEST.get(place).map_or("the public", |family| family.name);
        sum = ln_add(sum, least);
        if least > best.0 {
            best = (least, fraud.name, rival);
        }
    }
    (sum - (FRAUD.len() as f64).ln(), best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detector::tests::uniform;

    fn pick(weights: &[f64], state: &mut u64) -> usize {
        let mut at = uniform(state) * weights.iter().sum::<f64>();
        weights
            .iter()
            .position(|weight| {
                at -= weight;
                at < 0.0
            })
            .unwrap_or(weights.len() - 1)
    }

    fn draw(family: &Family, state: &mut u64) -> Marks {
        Marks {
            caller: [Caller::Repeats, Caller::Known, Caller::New][pick(&family.caller, state)],
            source: Some(
                [Source::Bonded, Source::Fresh, Source::Throwaway, Source::Mixed]
                    [pick(&family.source, state)],
            ),
            length: [Length::Unanswered, Length::Short, Length::Middle, Length::Long]
                [pick(&family.length, state)],
        }
    }

    #[test]
    fn the_tables_are_probabilities() {
        for family in FRAUD.iter().chain(&HONEST) {
            for sum in [
                family.caller.iter().sum::<f64>(),
                family.source.iter().sum::<f64>(),
                family.length.iter().sum::<f64>(),
            ] {
                assert!((sum - 1.0).abs() < 1e-9, "{} {sum}", family.name);
            }
        }
    }

    #[test]
    fn honest_numbers_run_long_before_a_false_alarm_and_pumped_ones_do_not() {
        let public = Public { caller: [0.2, 0.1, 0.7], source: [0.3, 0.4, 0.1, 0.2] };
        let mut state = 3;
        let mut run = |family: &Family| {
            let mut total = 0;
            for _ in 0..12 {
                let (mut logs, mut calls) = ([LogM::default(); LOGS], 0_u32);
                while ln_m(&logs).0 < f64::ln(1000.0) && calls < 5_000 {
                    step(&mut logs, &draw(family, &mut state), &public);
                    calls += 1;
                }
                total += calls;
            }
            total / 12
        };
        for family in &HONEST {
            assert!(run(family) >= 100, "{}", family.name);
        }
        for fraud in &FRAUD {
            assert!(run(fraud) < 100, "{}", fraud.name);
        }
    }
}
