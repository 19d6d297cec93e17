//! The assessment of one subscriber: evidence about each call and each device, gathered and weighed.

use std::collections::BTreeMap;

use bellwether_acoustics::{Candidate, Comparison};
use bellwether_clock::Tolerance;

use super::{DeviceVerdict, Evidence, EvidenceKind, Step, Strictness, weigh};
use crate::clustering::{Cluster, clusters, compared};
use crate::{
    CallVerdict, CallView, DeviceRecord, InventoryEntry, Policy, Population, SubscriberVerdict,
    SubscriberView,
};

/// Calls of one device whose noise counts: more would say the same again, and are not independent of it.
const MAX_NOISES: f64 = 2.0;

/// A stack without a subscriber in the class counts as half a subscriber.
const UNSEEN: f64 = 0.5;

/// The rules of an assessment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    /// The strictness of a verdict.
    pub strictness: Strictness,
    /// The allowance for chance and drift when clocks are compared.
    pub tolerance: Tolerance,
}

/// Assesses all devices and calls of one subscriber.
#[must_use]
pub fn evaluate(subscriber: &SubscriberView, population: &Population, rules: &Rules) -> SubscriberVerdict {
    let clusters = clusters(&subscriber.registrations, &subscriber.calls, &rules.tolerance);
    let assessment = Assessment::new(subscriber, &clusters, population, rules);
    let calls = subscriber.calls.iter().enumerate();
    SubscriberVerdict {
        aor: subscriber.aor.clone(),
        calls: calls.map(|(at, call)| (call.call, assessment.call(at, call))).collect(),
        devices: (0..).zip(&clusters).map(|(at, cluster)| assessment.device(at, cluster)).collect(),
    }
}

/// The evidence about one subscriber while it is assessed.
struct Assessment<'a> {
    entry: Option<&'a InventoryEntry>,
    calls: &'a [CallView],
    clusters: &'a [Cluster<'a>],
    population: &'a Population,
    rules: &'a Rules,
    /// The devices that others are compared with, as indices of the clusters.
    enrolled: Vec<usize>,
    /// The evidence of each cluster's registrations against those of the enrolled devices.
    registered: Vec<Vec<Evidence>>,
    /// The subscriber's own first call, at activation. A call of a device that is not enrolled does not count.
    first: Option<&'a CallView>,
}

/// The reference devices of the subscriber: the approved ones, or else the first ones up to the inventory's number.
fn enrolled(entry: Option<&InventoryEntry>, clusters: &[Cluster<'_>]) -> Vec<usize> {
    let Some(entry) = entry else { return Vec::new() };
    if !entry.approved.is_empty() {
        let is_approved = |cluster: &Cluster<'_>| entry.approved.contains(&cluster.name);
        return (0..).zip(clusters).filter(|(_, cluster)| is_approved(cluster)).map(|(at, _)| at).collect();
    }
    if entry.policy == Some(Policy::Learn) {
        return Vec::new();
    }
    let most = entry.max_devices.unwrap_or(entry.classes.len().max(1) as u32) as usize;
    (0..clusters.len()).take(most).collect()
}

/// Other subscribers that a device's registrations register, in order.
fn other_owners(cluster: &Cluster<'_>) -> Vec<String> {
    let mut others: Vec<String> =
        cluster.registrations.iter().flat_map(|registration| registration.other_owners.clone()).collect();
    others.sort();
    others.dedup();
    others
}

impl<'a> Assessment<'a> {
    fn new(
        subscriber: &'a SubscriberView,
        clusters: &'a [Cluster<'a>],
        population: &'a Population,
        rules: &'a Rules,
    ) -> Self {
        let (entry, calls) = (subscriber.entry.as_ref(), subscriber.calls.as_slice());
        let enrolled = enrolled(entry, clusters);
        let of_enrolled =
            enrolled.iter().filter_map(|at| clusters.get(*at)).flat_map(|cluster| &cluster.calls);
        let first = of_enrolled.min().and_then(|at| calls.get(*at)).or(calls.first());
        let mut assessment =
            Self { entry, calls, clusters, population, rules, enrolled, registered: Vec::new(), first };
        let registered =
            (0..).zip(clusters).map(|(at, cluster)| assessment.of_registrations(at, cluster)).collect();
        assessment.registered = registered;
        assessment
    }

    /// True if the inventory or the operator says which devices the subscriber may use.
    fn is_judged(&self) -> bool {
        self.entry.is_some_and(|entry| entry.policy != Some(Policy::Learn) || !self.enrolled.is_empty())
    }

    fn call(&self, at: usize, call: &CallView) -> CallVerdict {
        let mut devices = self.clusters.iter().zip(&self.registered);
        let device = devices.find(|(cluster, _)| cluster.calls.contains(&at));
        let mut evidence: Vec<Evidence> = self.of_class(call.comparison.as_ref()).into_iter().collect();
        evidence.extend(self.of_author(call));
        let mut findings = Vec::new();
        if let Some((cluster, registered)) = device {
            evidence.extend_from_slice(registered);
            let others = other_owners(cluster);
            if !others.is_empty() {
                findings.push(format!("one device behind several accounts: {}", others.join(", ")));
            }
        }
        let cluster = device.map(|(cluster, _)| cluster);
        let steps = self.steps(&evidence, call, cluster);
        CallVerdict {
            verdict: steps.last().map_or(DeviceVerdict::NotEnrolled, |step| step.verdict),
            evidence,
            findings,
            device: cluster.map(|cluster| cluster.name.clone()),
            steps,
            is_sensitive: call.is_sensitive,
        }
    }

    /// The verdict as evidence arrives; empty if nothing says which device it should be.
    fn steps(&self, evidence: &[Evidence], call: &CallView, cluster: Option<&Cluster<'_>>) -> Vec<Step> {
        if !self.is_judged() {
            return Vec::new();
        }
        let stages = [
            (call.started_at, &[EvidenceKind::Structure, EvidenceKind::Instance, EvidenceKind::Number][..]),
            (call.noise_known_at.unwrap_or(call.started_at), &[EvidenceKind::Class][..]),
            (cluster.map_or(call.started_at, |cluster| cluster.last_seen), &[EvidenceKind::Clock][..]),
        ];
        let mut steps: Vec<Step> = Vec::new();
        let mut known: Vec<Evidence> = Vec::new();
        for (at, kinds) in stages {
            let before = known.len();
            known.extend(evidence.iter().filter(|e| kinds.contains(&e.kind)).cloned());
            if known.len() > before || steps.is_empty() {
                let at = steps.last().map_or(at, |earlier| at.max(earlier.at));
                let verdict = weigh(&known, call.is_sensitive, self.rules.strictness);
                steps.push(Step { at, verdict, evidence: known.clone() });
            }
        }
        steps
    }

    /// A call's noise against the classes that the inventory names.
    fn of_class(&self, comparison: Option<&Comparison>) -> Option<Evidence> {
        let (entry, comparison) = (self.entry?, comparison?);
        let expected = entry
            .classes
            .iter()
            .filter_map(|class| comparison.log_ratios.get(class).map(|ratio| (class, ratio)))
            .max_by(|a, b| a.1.total_cmp(b.1))?;
        let sounds = match &comparison.result {
            Ok(found) => format!("sounds like {} ({:.3})", found.class, found.confidence),
            Err(_) if comparison.set.len() > 1 => {
                let one = |of: &Candidate| format!("{} ({:.2})", of.class, of.weight);
                let all: Vec<String> = comparison.set.iter().map(one).collect();
                format!("sounds like {}", all.join(" or "))
            }
            Err(reason) => format!("sounds like no known device ({})", reason.words()),
        };
        let weight = expected.1 / std::f64::consts::LN_10;
        let words = format!("{sounds}; {} is 10^{weight:.1} times as likely as any device", expected.0);
        Some(Evidence::new(EvidenceKind::Class, words, weight))
    }

    /// Compares the author of the INVITE with the first authors of this subscriber and with authors of the same class.
    fn of_author(&self, call: &CallView) -> Option<Evidence> {
        let (entry, own) = (self.entry?, self.first?);
        let is_own = own.author == call.author;
        let in_class = |class: &String| {
            let (with, total) = self.population.of_class(class, &call.author)?;
            Some(((with - f64::from(is_own)).max(0.0), (total - 1.0).max(0.0)))
        };
        let (with, total) = entry
            .classes
            .iter()
            .filter_map(in_class)
            .fold((0.0, 0.0), |sum, (with, total)| (sum.0 + with, sum.1 + total));
        // A subscriber's new device is nearly always the same stack as before, else one that others with the class have.
        let by_class = (with + UNSEEN * UNSEEN) / (total + 1.0);
        let authorised = 0.9 * f64::from(is_own) + 0.1 * by_class;
        // A thief's stack is a stack of any caller, or an unknown one.
        let anyone = self.population.share(&call.author);
        let thief = 0.5 * anyone + 0.5 / (self.population.authors() as f64 + 1.0);
        let ratio = (authorised / thief).log10();
        let agent = call.user_agent.as_deref().unwrap_or("no User-Agent");
        let words = if is_own {
            format!(
                "written by the stack that this subscriber called with first ({}, \"{agent}\")",
                call.author
            )
        } else {
            format!(
                "written by another stack ({}, \"{agent}\") than this subscriber called with first ({}); {with:.0} of {total:.0} others with the class use it",
                call.author, own.author
            )
        };
        Some(Evidence::new(EvidenceKind::Structure, words, ratio))
    }

    /// A device's registrations against those of the enrolled devices.
    fn of_registrations(&self, at: usize, cluster: &Cluster<'_>) -> Vec<Evidence> {
        let enrolled = &self.enrolled;
        if enrolled.is_empty() || enrolled.contains(&at) {
            return Vec::new();
        }
        let mut evidence = Vec::new();
        let most = self.entry.and_then(|entry| entry.max_devices).unwrap_or(1);
        evidence.push(Evidence::new(
            EvidenceKind::Number,
            format!("registered beside {} enrolled device(s), {most} allowed", enrolled.len()),
            -0.5,
        ));
        let references: Vec<_> = enrolled
            .iter()
            .filter_map(|at| self.clusters.get(*at))
            .flat_map(|cluster| &cluster.registrations)
            .collect();
        let clock = cluster
            .registrations
            .iter()
            .flat_map(|own| references.iter().map(move |other| (own, *other)))
            .filter_map(|(own, other)| {
                let found = compared(own, other, &self.rules.tolerance)?;
                Some((found.log10_odds?, found.difference?, found.p_value.unwrap_or(0.0)))
            })
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((odds, difference, p_value)) = clock {
            let words = format!(
                "its timer differs by {:.1} ppm from that of the device that was there first (p {p_value:.4})",
                difference.0
            );
            evidence.push(Evidence::new(EvidenceKind::Clock, words, odds));
        }
        evidence
    }

    fn device(&self, at: usize, cluster: &Cluster<'_>) -> DeviceRecord {
        let comparisons: Vec<&Comparison> =
            cluster.calls.iter().filter_map(|call| self.calls.get(*call)?.comparison.as_ref()).collect();
        let others = other_owners(cluster);
        let evidence = self.of_device(at, cluster, &comparisons, &others);
        let verdict = if self.is_judged() {
            weigh(&evidence, false, self.rules.strictness)
        } else {
            DeviceVerdict::NotEnrolled
        };
        let mut votes: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for found in comparisons.iter().filter_map(|comparison| comparison.result.as_ref().ok()) {
            *votes.entry((&found.class, &found.mode)).or_default() += 1;
        }
        let class = votes.iter().max_by_key(|(_, n)| **n).map(|(class, _)| *class);
        let allowed = self.entry.map(|entry| entry.classes.join(" or "));
        let steadiest = cluster.registrations.iter().max_by_key(|registration| registration.refreshes);
        DeviceRecord {
            name: cluster.name.clone(),
            registrations: cluster.registrations.iter().map(|r| r.registration).collect(),
            steadiest: steadiest.map(|registration| registration.registration),
            sources: cluster.sources.iter().cloned().collect(),
            calls: cluster.calls.len(),
            first_seen: cluster.first_seen,
            last_seen: cluster.last_seen,
            class: class.map(|(class, _)| class.to_owned()),
            class_mode: class.map(|(_, mode)| mode.to_owned()).filter(|mode| !mode.is_empty()),
            expected_class: allowed.filter(|classes| !classes.is_empty()),
            step: Step { at: cluster.last_seen, verdict, evidence },
            other_owners: others,
            is_enrolled: self.enrolled.contains(&at),
        }
    }

    /// The evidence about a device from its calls, its registrations and its owners.
    fn of_device(
        &self,
        at: usize,
        cluster: &Cluster<'_>,
        comparisons: &[&Comparison],
        others: &[String],
    ) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        // Several calls of one device are not independent: their mean counts, a few times at most.
        let of_calls: Vec<Evidence> =
            comparisons.iter().filter_map(|found| self.of_class(Some(found))).collect();
        if let Some(last) = of_calls.last() {
            let mean = of_calls.iter().map(|e| e.weight).sum::<f64>() / of_calls.len() as f64;
            let weight = mean * (of_calls.len() as f64).min(MAX_NOISES);
            let words = format!("{} (latest of {} calls)", last.words, of_calls.len());
            evidence.push(Evidence::new(EvidenceKind::Class, words, weight));
        }
        let last_call = cluster.calls.last().and_then(|call| self.calls.get(*call));
        evidence.extend(last_call.and_then(|call| self.of_author(call)));
        evidence.extend(self.registered.get(at).into_iter().flatten().cloned());
        if !others.is_empty() {
            let words = format!("the same instance registers {} other address(es) of record", others.len());
            evidence.push(Evidence::new(EvidenceKind::Instance, words, -1.0));
        }
        evidence
    }
}

#[cfg(test)]
mod tests;
