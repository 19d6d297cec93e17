//! Other devices that a device could be by its clock.

use bellwether_base::{Ppm, RegistrationId};
use bellwether_clock::{NoFit, Reading, Tolerance, Verdict, compare_clocks};

/// Devices that are listed.
const MAX_CANDIDATES: usize = 10;

/// A registration and its clock.
#[derive(Clone, Copy, Debug)]
pub struct RegistrationClock<'a> {
    /// The identity of the registration.
    pub registration: RegistrationId,
    /// Its clock, or the reason why there is none.
    pub reading: &'a Result<Reading, NoFit>,
}

/// A registration with an equal clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its place in the list that was compared.
    pub index: usize,
    /// The result of the comparison: the same, or undecided.
    pub verdict: Verdict,
    /// The probability that two clocks of one device differ as much by chance.
    pub p_value: f64,
    /// Its rate minus that of the device.
    pub difference: Option<Ppm>,
}

/// Registrations in `others` whose clocks do not differ from the clock of a device, the likeliest first.
#[must_use]
pub fn candidates<'a>(
    device: RegistrationClock<'_>,
    others: impl IntoIterator<Item = RegistrationClock<'a>>,
    tolerance: &Tolerance,
) -> Vec<Candidate> {
    let Ok(reading) = device.reading else { return Vec::new() };
    let mut found: Vec<Candidate> = others
        .into_iter()
        .enumerate()
        .filter(|(_, other)| other.registration != device.registration)
        .filter_map(|(index, other)| {
            let same = compare_clocks(reading, other.reading.as_ref().ok()?, tolerance);
            let p_value = same.p_value.filter(|_| same.verdict != Verdict::Different)?;
            Some(Candidate { index, verdict: same.verdict, p_value, difference: same.difference })
        })
        .collect();
    found.sort_by(|a, b| b.p_value.total_cmp(&a.p_value));
    found.truncate(MAX_CANDIDATES);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clustering::tests::registration;

    #[test]
    fn candidates_are_other_registrations_with_a_clock_that_does_not_differ_the_likeliest_first() {
        let rates = [20.0, 23.0, 90.0, 20.5];
        let mut all: Vec<_> =
            (1..).zip(rates).map(|(number, ppm)| registration(number, ppm, (0, 100))).collect();
        all.push(crate::RegistrationView {
            reading: Err(NoFit::Restarts),
            ..registration(5, 20.0, (0, 100))
        });
        let clock =
            |r: usize| RegistrationClock { registration: all[r].registration, reading: &all[r].reading };
        let found = candidates(clock(0), (0..5).map(clock), &Tolerance::default());
        assert_eq!(found.iter().map(|c| c.index).collect::<Vec<_>>(), [3, 1]);
        assert!(found[0].p_value > found[1].p_value);
        assert!(candidates(clock(4), (0..4).map(clock), &Tolerance::default()).is_empty(), "it has no clock");
    }

    #[test]
    fn the_list_of_candidates_is_bounded() {
        let all: Vec<_> = (1..40).map(|number| registration(number, 20.0, (0, 100))).collect();
        let clocks: Vec<_> = all
            .iter()
            .map(|r| RegistrationClock { registration: r.registration, reading: &r.reading })
            .collect();
        let found = candidates(clocks[0], clocks.iter().copied(), &Tolerance::default());
        assert_eq!(found.len(), MAX_CANDIDATES);
    }
}
