//! The steps of a verdict: it changes as evidence arrives.

use std::collections::BTreeSet;

use bellwether_base::Timestamp;

use super::{DeviceVerdict, Evidence};

/// Steps that are recorded of one verdict. The sender makes the evidence, and could make a verdict change for ever.
pub const MAX_STEPS: i64 = 32;

/// A verdict, and the evidence for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The time of the newest evidence.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: DeviceVerdict,
    /// The evidence that was known.
    pub evidence: Vec<Evidence>,
}

impl Step {
    /// The kinds of evidence that were known, by name, separated by spaces.
    #[must_use]
    pub fn basis(&self) -> String {
        let kinds: BTreeSet<&str> = self.evidence.iter().map(|e| e.kind.name()).collect();
        kinds.into_iter().collect::<Vec<_>>().join(" ")
    }

    /// The decisive evidence as text: evidence against an unauthorised device, or else for the device.
    #[must_use]
    pub fn reasons(&self) -> String {
        let is_against = self.verdict == DeviceVerdict::Unauthorised;
        let decides = |e: &&Evidence| if is_against { e.weight < 0.0 } else { e.weight > 0.0 };
        self.evidence.iter().filter(decides).map(|e| e.words.as_str()).collect::<Vec<_>>().join("; ")
    }
}

/// The step of a verdict that was recorded last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number, from 0.
    pub number: i64,
    /// Its kinds of evidence, see [`Step::basis`].
    pub basis: String,
    /// The name of its verdict.
    pub verdict: String,
}

/// The steps to record, and the number of the first. None if there is no news: the verdict is as recorded, or has changed too often.
#[must_use]
pub fn new_steps<'a>(last: Option<&Recorded>, steps: &'a [Step]) -> Option<(i64, &'a [Step])> {
    let newest = steps.last()?;
    match last {
        None => Some((0, steps)),
        Some(last) if last.basis == newest.basis() && last.verdict == newest.verdict.name() => None,
        Some(last) if last.number + 1 >= MAX_STEPS => None,
        Some(last) => Some((last.number + 1, std::slice::from_ref(newest))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::EvidenceKind;
    use super::*;

    fn step(verdict: DeviceVerdict, evidence: &[(EvidenceKind, f64)]) -> Step {
        let evidence =
            evidence.iter().map(|(kind, weight)| Evidence::new(*kind, kind.name().to_owned(), *weight));
        Step { at: Timestamp::from_nanos(7), verdict, evidence: evidence.collect() }
    }

    fn recorded(number: i64, step: &Step) -> Recorded {
        Recorded { number, basis: step.basis(), verdict: step.verdict.name().to_owned() }
    }

    #[test]
    fn the_reasons_are_the_evidence_on_the_side_of_the_verdict() {
        let evidence =
            [(EvidenceKind::Class, 0.7), (EvidenceKind::Structure, -3.0), (EvidenceKind::Clock, -6.0)];
        assert_eq!(step(DeviceVerdict::Unauthorised, &evidence).reasons(), "structure; clock");
        assert_eq!(step(DeviceVerdict::Unknown, &evidence).reasons(), "class");
    }

    #[test]
    fn all_steps_of_a_new_verdict_are_news_and_later_the_newest_alone() {
        let first = step(DeviceVerdict::Unknown, &[(EvidenceKind::Structure, -1.0)]);
        let second = step(
            DeviceVerdict::Unauthorised,
            &[(EvidenceKind::Structure, -1.0), (EvidenceKind::Class, -6.0)],
        );
        let steps = [first.clone(), second.clone()];
        assert_eq!(new_steps(None, &steps), Some((0, &steps[..])));
        assert_eq!(new_steps(Some(&recorded(0, &first)), &steps), Some((1, &steps[1..])));
        assert_eq!(new_steps(Some(&recorded(1, &second)), &steps), None, "recorded already");
        assert_eq!(new_steps(None, &[]), None);
    }

    #[test]
    fn a_verdict_that_sways_is_recorded_a_bounded_number_of_times() {
        let steps = [step(DeviceVerdict::Unknown, &[])];
        let before = step(DeviceVerdict::Authorised, &[]);
        assert!(new_steps(Some(&recorded(MAX_STEPS - 2, &before)), &steps).is_some());
        assert!(new_steps(Some(&recorded(MAX_STEPS - 1, &before)), &steps).is_none());
    }
}
