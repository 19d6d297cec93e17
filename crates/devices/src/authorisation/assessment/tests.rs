use std::collections::BTreeMap;

use bellwether_acoustics::{Candidate, Comparison, NoClass, Recognised};
use bellwether_base::{CallId, RegistrationId, Timestamp};

use super::*;
use crate::clustering::tests::{call, registration};
use crate::{Policy, RegistrationView};

fn entry(policy: Policy, max_devices: u32) -> InventoryEntry {
    let mut entry = InventoryEntry::default();
    entry.add("Polycom 331".to_owned(), Some(max_devices), Some(policy));
    entry
}

/// Noise with this likelihood ratio between the inventory's class and any device, as a power of ten.
fn noise(class: &str, power: f64) -> Comparison {
    let log_ratios = BTreeMap::from([("Polycom 331".to_owned(), power * std::f64::consts::LN_10)]);
    let found = Recognised { class: class.to_owned(), mode: "handset".to_owned(), confidence: 0.99 };
    Comparison { result: Ok(found), set: Vec::new(), likeness: 0.5, log_ratios }
}

/// A subscriber with a phone that was there first (registration 1, author `a`) and another device (registration 2).
fn subscriber(policy: Policy) -> SubscriberView {
    let mut own = call(1, 1, "a");
    own.comparison = Some(noise("Polycom 331", 1.0));
    SubscriberView {
        aor: "sip:200@a".to_owned(),
        entry: Some(entry(policy, 1)),
        calls: vec![own],
        registrations: vec![registration(1, 20.0, (0, 1000)), registration(2, 90.0, (500, 2000))],
    }
}

/// Twenty subscribers with the class call with the author `a`.
fn population() -> Population {
    let mut population = Population::default();
    for _ in 0..20 {
        population.add("a", Some("Polycom 331"));
    }
    population.add("b", None);
    population
}

fn assessed(subscriber: &SubscriberView) -> SubscriberVerdict {
    evaluate(subscriber, &population(), &Rules::default())
}

#[test]
fn the_subscribers_own_device_is_authorised() {
    let verdict = assessed(&subscriber(Policy::Strict));
    assert_eq!(verdict.of_call(CallId::new(1)).verdict, DeviceVerdict::Authorised);
    let device = &verdict.devices[0];
    assert!(device.is_enrolled);
    assert_eq!(device.step.verdict, DeviceVerdict::Authorised);
    assert_eq!(
        (device.class.as_deref(), device.class_mode.as_deref()),
        (Some("Polycom 331"), Some("handset"))
    );
    assert_eq!(device.expected_class.as_deref(), Some("Polycom 331"));
}

#[test]
fn a_device_with_another_stack_clock_and_noise_is_not_authorised() {
    let mut stolen = subscriber(Policy::Strict);
    let mut softphone = call(2, 2, "b");
    softphone.noise_known_at = Some(Timestamp::from_nanos(30_000_000_000));
    softphone.comparison = Some(noise("softphone 1", -7.0));
    stolen.calls.push(softphone);
    let verdict = assessed(&stolen);
    assert_eq!(verdict.of_call(CallId::new(1)).verdict, DeviceVerdict::Authorised);
    let call = verdict.of_call(CallId::new(2));
    assert_eq!(call.verdict, DeviceVerdict::Unauthorised);
    assert_eq!(call.device.as_deref(), Some("d-00000002"));
    assert_eq!(verdict.devices[1].step.verdict, DeviceVerdict::Unauthorised);
    let kinds: Vec<EvidenceKind> = call.evidence.iter().map(|e| e.kind).collect();
    use EvidenceKind::{Class, Clock, Number, Structure};
    assert_eq!(kinds, [Class, Structure, Number, Clock]);
    assert!(call.evidence.iter().all(|e| e.weight < 0.0), "{:?}", call.evidence);
}

#[test]
fn a_verdict_changes_as_evidence_arrives_and_never_goes_back_in_time() {
    let mut stolen = subscriber(Policy::Strict);
    let mut softphone = call(1900, 2, "b");
    softphone.noise_known_at = Some(Timestamp::from_nanos(1930 * 1_000_000_000));
    softphone.comparison = Some(noise("softphone 1", -7.0));
    stolen.calls.push(softphone);
    let steps = assessed(&stolen).of_call(CallId::new(1900)).steps;
    let found: Vec<(i64, String)> =
        steps.iter().map(|step| (step.at.as_nanos() / 1_000_000_000, step.basis())).collect();
    assert_eq!(
        found,
        [
            (1900, "number structure".to_owned()),
            (1930, "class number structure".to_owned()),
            (2000, "class clock number structure".to_owned()),
        ]
    );
    assert_eq!(steps[2].verdict, DeviceVerdict::Unauthorised);
}

#[test]
fn a_subscriber_who_is_not_in_the_inventory_has_no_verdict() {
    let unknown = SubscriberView { entry: None, ..subscriber(Policy::Strict) };
    let verdict = assessed(&unknown);
    assert_eq!(verdict.of_call(CallId::new(1)).verdict, DeviceVerdict::NotEnrolled);
    assert!(verdict.of_call(CallId::new(1)).steps.is_empty());
    assert!(verdict.devices.iter().all(|device| device.steps().is_empty()));
}

#[test]
fn where_devices_are_learned_nothing_is_judged_until_the_operator_approves_one() {
    let mut learning = subscriber(Policy::Learn);
    assert_eq!(assessed(&learning).of_call(CallId::new(1)).verdict, DeviceVerdict::NotEnrolled);
    learning.entry.as_mut().unwrap().approved.push("d-00000002".to_owned());
    let verdict = assessed(&learning);
    let enrolled: Vec<bool> = verdict.devices.iter().map(|device| device.is_enrolled).collect();
    assert_eq!(enrolled, [false, true]);
    assert_ne!(verdict.of_call(CallId::new(1)).verdict, DeviceVerdict::NotEnrolled);
}

#[test]
fn as_many_devices_are_enrolled_as_the_inventory_allows() {
    let mut two = subscriber(Policy::Strict);
    two.entry = Some(entry(Policy::Strict, 2));
    let verdict = assessed(&two);
    assert!(verdict.devices.iter().all(|device| device.is_enrolled));
    assert!(verdict.devices[1].step.evidence.is_empty(), "no other device is there to compare it with");
}

#[test]
fn a_device_that_registers_other_subscribers_is_shared_whatever_its_place_in_a_report() {
    let mut shared = subscriber(Policy::Strict);
    shared.calls.push(call(2, 2, "a"));
    shared.registrations[1].other_owners = vec!["sip:202@a".to_owned(), "sip:201@a".to_owned()];
    let verdict = assessed(&shared);
    assert!(!verdict.is_shared(CallId::new(1)), "the other device is");
    assert!(verdict.is_shared(CallId::new(2)));
    assert_eq!(
        verdict.of_call(CallId::new(2)).findings,
        ["one device behind several accounts: sip:201@a, sip:202@a"]
    );
    let evidence = &verdict.devices[1].step.evidence;
    assert!(evidence.iter().any(|e| e.kind == EvidenceKind::Instance && e.weight == -1.0), "{evidence:?}");
}

#[test]
fn a_call_from_an_address_that_registers_nothing_has_no_device() {
    let mut stray = subscriber(Policy::Strict);
    stray.calls.push(call(2, 9, "a"));
    let verdict = assessed(&stray);
    assert_eq!(verdict.of_call(CallId::new(2)).device, None);
    assert!(!verdict.is_shared(CallId::new(2)));
    assert_eq!(verdict.device_at("192.0.2.2:5060").unwrap().name, "d-00000002");
    assert!(verdict.device_at("192.0.2.9:5060").is_none());
}

#[test]
fn the_noise_of_many_calls_weighs_as_that_of_two() {
    let weight = |calls: i64| {
        let mut many = subscriber(Policy::Strict);
        let of_one =
            |number| CallView { comparison: Some(noise("softphone 1", -1.0)), ..call(number, 1, "a") };
        many.calls = (1..=calls).map(of_one).collect();
        let verdict = assessed(&many);
        let evidence = &verdict.devices[0].step.evidence;
        evidence.iter().find(|e| e.kind == EvidenceKind::Class).unwrap().weight
    };
    assert!((weight(1) + 1.0).abs() < 1e-9);
    assert!((weight(2) + 2.0).abs() < 1e-9);
    assert!((weight(9) + 2.0).abs() < 1e-9);
}

#[test]
fn the_clock_of_the_steadiest_registration_stands_for_a_device() {
    let mut two = subscriber(Policy::Strict);
    let back = RegistrationView { refreshes: 90, ..registration(3, 20.0, (3000, 4000)) };
    two.registrations.push(back);
    let device = assessed(&two).devices.swap_remove(0);
    let [first, last] = [1, 3].map(RegistrationId::new);
    assert_eq!((device.registrations.as_slice(), device.steadiest), (&[first, last][..], Some(last)));
    assert_eq!(device.subject(), first);
}

#[test]
fn two_enrolled_classes_that_both_fit_authorise_and_are_named() {
    let mut either = subscriber(Policy::Strict);
    let of = |class: &str, weight| Candidate { class: class.to_owned(), mode: String::new(), weight };
    let set = vec![of("Polycom 550", 0.6), of("Polycom 331", 0.4)];
    let result = Err(NoClass::Ambiguous(vec!["Polycom 550".to_owned(), "Polycom 331".to_owned()]));
    either.calls[0].comparison = Some(Comparison { result, set, ..noise("", 0.5) });
    let call = assessed(&either).of_call(CallId::new(1));
    let class = call.evidence.iter().find(|e| e.kind == EvidenceKind::Class).unwrap();
    assert!(
        class.words.starts_with("sounds like Polycom 550 (0.60) or Polycom 331 (0.40)"),
        "{}",
        class.words
    );
    assert!(class.weight > 0.0);
}

#[test]
fn a_noise_that_is_like_no_class_is_evidence_by_its_ratio() {
    let mut odd = subscriber(Policy::Strict);
    let unlike = Comparison { result: Err(NoClass::UnlikeAll), ..noise("", -3.0) };
    odd.calls[0].comparison = Some(unlike);
    let call = assessed(&odd).of_call(CallId::new(1));
    let class = call.evidence.iter().find(|e| e.kind == EvidenceKind::Class).unwrap();
    assert!(class.words.starts_with("sounds like no known device"), "{}", class.words);
    assert!((class.weight + 3.0).abs() < 1e-9);
}
