//! Registrations that one physical device made, and the calls that each device made.

use std::collections::BTreeSet;

use bellwether_base::Timestamp;
use bellwether_clock::{Match, Tolerance, Verdict, compare_clocks};

use crate::{CallView, RegistrationView};

/// One physical device of a subscriber.
#[derive(Debug)]
pub(crate) struct Cluster<'a> {
    /// The name in reports and approvals: of the first registration.
    pub(crate) name: String,
    /// Its registrations: several if it came back under another contact.
    pub(crate) registrations: Vec<&'a RegistrationView>,
    /// The addresses and ports that its registrations came from.
    pub(crate) sources: BTreeSet<String>,
    /// Its calls, as indices of the subscriber's.
    pub(crate) calls: Vec<usize>,
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
}

/// Groups registrations by the physical device that made them, and gives each device the calls from its addresses. Two
/// simultaneous registrations without a common instance are two devices.
pub(crate) fn clusters<'a>(
    registrations: &'a [RegistrationView],
    calls: &[CallView],
    tolerance: &Tolerance,
) -> Vec<Cluster<'a>> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    for registration in registrations {
        let same = clusters.iter_mut().find(|cluster| {
            cluster.registrations.iter().any(|other| is_same_instance(registration, other) == Some(true))
                || (registration.first_seen > cluster.last_seen
                    && cluster.registrations.iter().any(|other| could_be_one(registration, other, tolerance)))
        });
        match same {
            Some(cluster) => {
                cluster.first_seen = cluster.first_seen.min(registration.first_seen);
                cluster.last_seen = cluster.last_seen.max(registration.last_seen);
                cluster.sources.insert(registration.source.clone());
                cluster.registrations.push(registration);
            }
            None => clusters.push(Cluster {
                name: format!("d-{:08x}", registration.registration.get() as u32),
                sources: BTreeSet::from([registration.source.clone()]),
                registrations: vec![registration],
                calls: Vec::new(),
                first_seen: registration.first_seen,
                last_seen: registration.last_seen,
            }),
        }
    }
    for (at, call) in calls.iter().enumerate() {
        if let Some(cluster) = clusters.iter_mut().find(|cluster| cluster.sources.contains(&call.source)) {
            cluster.calls.push(at);
        }
    }
    clusters
}

/// True if two registrations name one instance, false if they name two; none where one of them names none.
fn is_same_instance(one: &RegistrationView, other: &RegistrationView) -> Option<bool> {
    Some(one.instance_id.as_ref()? == other.instance_id.as_ref()?)
}

/// True if two registrations could be of one device: the same platform, and clocks that do not differ.
fn could_be_one(one: &RegistrationView, other: &RegistrationView, tolerance: &Tolerance) -> bool {
    is_same_instance(one, other) != Some(false)
        && one.fingerprint == other.fingerprint
        && compared(one, other, tolerance).is_none_or(|found| found.verdict != Verdict::Different)
}

/// The clocks of two registrations, compared; none where one of them has no clock.
pub(crate) fn compared(
    one: &RegistrationView,
    other: &RegistrationView,
    tolerance: &Tolerance,
) -> Option<Match> {
    Some(compare_clocks(one.reading.as_ref().ok()?, other.reading.as_ref().ok()?, tolerance))
}

#[cfg(test)]
pub(crate) mod tests {
    use bellwether_base::{CallId, Ppm, RegistrationId};
    use bellwether_clock::{Discipline, NoFit, Rate, RateKind, Reading, SkewFit};

    use super::*;

    /// A registration of a device with a schedule of 25 s, a clock error in ppm, and first and last second.
    pub(crate) fn registration(number: i64, ppm: f64, seconds: (i64, i64)) -> RegistrationView {
        let at = |seconds: i64| Timestamp::from_nanos(seconds * 1_000_000_000);
        let ci95 = (Ppm(ppm - 1.0), Ppm(ppm + 1.0));
        let reading = Reading {
            discipline: Discipline::Periodic,
            odds: 0.0,
            period_s: 25.0,
            slope: SkewFit { skew: Ppm(ppm), ci95, residual_s: 1e-3, refreshes: 40 },
            skew: Err(NoFit::PathUnknown),
            lateness_s: None,
            rate: Some(Rate { rate: Ppm(ppm), ci95, kind: RateKind::Schedule }),
            path_steps: 0,
        };
        RegistrationView {
            registration: RegistrationId::new(number),
            instance_id: None,
            fingerprint: "one platform".to_owned(),
            source: format!("192.0.2.{number}:5060"),
            refreshes: 40,
            first_seen: at(seconds.0),
            last_seen: at(seconds.1),
            reading: Ok(reading),
            other_owners: Vec::new(),
        }
    }

    /// A call from the address of a registration, of an author.
    pub(crate) fn call(number: i64, source: i64, author: &str) -> CallView {
        CallView {
            call: CallId::new(number),
            started_at: Timestamp::from_nanos(number * 1_000_000_000),
            noise_known_at: None,
            source: format!("192.0.2.{source}:5060"),
            author: author.to_owned(),
            user_agent: None,
            is_sensitive: false,
            comparison: None,
        }
    }

    fn numbers(registrations: &[RegistrationView]) -> Vec<Vec<i64>> {
        let found = clusters(registrations, &[], &Tolerance::default());
        found
            .iter()
            .map(|cluster| cluster.registrations.iter().map(|r| r.registration.get()).collect())
            .collect()
    }

    #[test]
    fn a_device_that_comes_back_under_another_contact_is_one_device() {
        assert_eq!(
            numbers(&[registration(1, 20.0, (0, 100)), registration(2, 20.5, (200, 300))]),
            [vec![1, 2]]
        );
    }

    #[test]
    fn another_clock_or_another_platform_is_another_device() {
        let first = registration(1, 20.0, (0, 100));
        let clock = registration(2, 80.0, (200, 300));
        let platform =
            RegistrationView { fingerprint: "another".to_owned(), ..registration(3, 20.0, (400, 500)) };
        assert_eq!(numbers(&[first, clock, platform]), [vec![1], vec![2], vec![3]]);
    }

    #[test]
    fn registrations_that_were_there_at_once_are_two_devices_unless_they_name_one_instance() {
        let at_once = [registration(1, 20.0, (0, 100)), registration(2, 20.0, (50, 150))];
        assert_eq!(numbers(&at_once), [vec![1], vec![2]]);
        let named = at_once.map(|r| RegistrationView { instance_id: Some("<urn:uuid:1>".to_owned()), ..r });
        assert_eq!(numbers(&named), [vec![1, 2]]);
    }

    #[test]
    fn registrations_that_name_two_instances_are_two_devices_whatever_their_clocks() {
        let mut two = [registration(1, 20.0, (0, 100)), registration(2, 20.0, (200, 300))];
        for (one, name) in two.iter_mut().zip(["a", "b"]) {
            one.instance_id = Some(name.to_owned());
        }
        assert_eq!(numbers(&two), [vec![1], vec![2]]);
    }

    #[test]
    fn a_call_belongs_to_the_device_that_registered_from_its_address() {
        let registrations = [registration(1, 20.0, (0, 100)), registration(2, 80.0, (0, 100))];
        let calls = [call(1, 2, "a"), call(2, 1, "a"), call(3, 9, "a"), call(4, 2, "a")];
        let found = clusters(&registrations, &calls, &Tolerance::default());
        let of_calls: Vec<&[usize]> = found.iter().map(|cluster| cluster.calls.as_slice()).collect();
        assert_eq!(of_calls, [&[1][..], &[0, 3]]);
    }
}
