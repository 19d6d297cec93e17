//! What is thought of a subscriber's devices and calls: the evidence for and against each, gathered and weighed.

use std::collections::BTreeMap;

use bellwether_acoustics::Comparison;
use bellwether_enrich::{DeviceVerdict, Evidence, EvidenceKind, weigh};
use serde_json::{Value, json};

use crate::StoreError;
use crate::clocks::Device;
use crate::devices::{Call, Judged, Record, Shown, words};
use crate::inventory::{Entry, Policy};
use crate::query::Reader;
use crate::verdicts::Step;

/// Calls of one device whose noise counts: more would say the same again, and are not independent of it.
const MAX_HEARD: f64 = 2.0;

/// A stack that nobody of the class uses weighs as if half a subscriber did.
const UNSEEN: f64 = 0.5;

/// Weighs what is known of one subscriber.
pub(crate) struct Judge<'a> {
    reader: &'a Reader,
    aor: &'a str,
    entry: Option<&'a Entry>,
    calls: &'a [Call],
    records: &'a [Record],
    /// The devices that others are held against.
    enrolled: Vec<usize>,
    /// What each record's registrations say, whichever of its calls is judged.
    registered: Vec<Registered>,
    /// The subscriber's own first call: what was there at activation. One of a device that is not enrolled does not count.
    first: Option<&'a Call>,
}

/// What a device's registrations say of it.
struct Registered {
    /// Against those of the enrolled devices.
    evidence: Vec<Evidence>,
    /// Other subscribers that its instance registers.
    others: Vec<String>,
}

/// The devices that others are held against: those the operator approved, else, by the inventory, the first that were there.
fn enrolled(entry: Option<&Entry>, records: &[Record]) -> Vec<usize> {
    let Some(entry) = entry else { return Vec::new() };
    if !entry.approved.is_empty() {
        let is_approved = |record: &Record| entry.approved.contains(&record.name);
        return (0..records.len()).filter(|i| records.get(*i).is_some_and(is_approved)).collect();
    }
    if entry.policy == Some(Policy::Learn) {
        return Vec::new();
    }
    let most = entry.max_devices.unwrap_or(entry.classes.len().max(1) as u32) as usize;
    (0..records.len()).take(most).collect()
}

impl<'a> Judge<'a> {
    pub(crate) fn new(
        reader: &'a Reader,
        aor: &'a str,
        entry: Option<&'a Entry>,
        calls: &'a [Call],
        records: &'a [Record],
    ) -> Result<Self, StoreError> {
        let enrolled = enrolled(entry, records);
        let of_enrolled = enrolled.iter().filter_map(|i| records.get(*i)).flat_map(|record| &record.calls);
        let first = of_enrolled.min().and_then(|i| calls.get(*i)).or(calls.first());
        let mut judge = Self { reader, aor, entry, calls, records, enrolled, registered: Vec::new(), first };
        for (at, record) in records.iter().enumerate() {
            let evidence = judge.of_registration(at, record);
            judge.registered.push(Registered { evidence, others: judge.owners(record)? });
        }
        Ok(judge)
    }

    fn is_judged(&self) -> bool {
        self.entry.is_some_and(|entry| entry.policy != Some(Policy::Learn) || !self.enrolled.is_empty())
    }

    pub(crate) fn call(&self, number: usize, call: &Call) -> Result<Judged, StoreError> {
        let mut records = self.records.iter().zip(&self.registered);
        let record = records.find(|(record, _)| record.calls.contains(&number));
        let mut evidence: Vec<Evidence> = self.of_class(call.heard.as_ref()).into_iter().collect();
        evidence.extend(self.of_author(call)?);
        if let Some((_, registered)) = record {
            evidence.extend_from_slice(&registered.evidence);
        }
        let mut findings = Vec::new();
        if let Some((_, registered)) = record.filter(|(_, registered)| !registered.others.is_empty()) {
            findings.push(format!("one device behind several accounts: {}", registered.others.join(", ")));
        }
        let course = self.course(&evidence, call, record.map(|(record, _)| record));
        let verdict = course.last().map_or(DeviceVerdict::NotEnrolled, |step| step.verdict);
        Ok(Judged {
            verdict,
            evidence,
            findings,
            device: record.map(|(record, _)| record.name.clone()),
            course,
            is_sensitive: call.is_sensitive,
        })
    }

    /// The verdict as evidence arrives; empty if nothing says which device it should be.
    fn course(&self, evidence: &[Evidence], call: &Call, record: Option<&Record>) -> Vec<Step> {
        if !self.is_judged() {
            return Vec::new();
        }
        let stages = [
            (call.started_at, &[EvidenceKind::Structure, EvidenceKind::Instance, EvidenceKind::Number][..]),
            (call.heard_at.unwrap_or(call.started_at), &[EvidenceKind::Class][..]),
            (record.map_or(call.started_at, |record| record.last_seen), &[EvidenceKind::Clock][..]),
        ];
        let mut course: Vec<Step> = Vec::new();
        let mut known: Vec<Evidence> = Vec::new();
        for (at, kinds) in stages {
            let before = known.len();
            known.extend(evidence.iter().filter(|e| kinds.contains(&e.kind)).cloned());
            if known.len() > before || course.is_empty() {
                let at = course.last().map_or(at, |earlier| at.max(earlier.at));
                let verdict = weigh(&known, call.is_sensitive, self.reader.strictness);
                course.push(Step { at, verdict, evidence: known.clone() });
            }
        }
        course
    }

    /// Other subscribers that a device's instance registers.
    fn owners(&self, record: &Record) -> Result<Vec<String>, StoreError> {
        let mut others = Vec::new();
        for device in &record.registrations {
            others.extend(self.reader.other_owners(device, self.aor)?);
        }
        others.sort();
        others.dedup();
        Ok(others)
    }

    /// A call's noise against the classes that the inventory names.
    fn of_class(&self, heard: Option<&Comparison>) -> Option<Evidence> {
        let (entry, heard) = (self.entry?, heard?);
        let expected = entry
            .classes
            .iter()
            .filter_map(|class| heard.log_ratios.get(class).map(|ratio| (class, ratio)))
            .max_by(|a, b| a.1.total_cmp(b.1))?;
        let sounds = match &heard.result {
            Ok(found) => format!("sounds like {} ({:.3})", found.class, found.confidence),
            Err(reason) => format!("sounds like no known device ({})", reason.words()),
        };
        let weight = expected.1 / std::f64::consts::LN_10;
        let words = format!("{sounds}; {} is 10^{weight:.1} times as likely as any device", expected.0);
        Some(Evidence::new(EvidenceKind::Class, words, weight))
    }

    /// Who wrote the INVITE, against those who wrote for this subscriber first and for others with this class.
    fn of_author(&self, call: &Call) -> Result<Option<Evidence>, StoreError> {
        let (Some(entry), Some(own)) = (self.entry, self.first) else { return Ok(None) };
        let authors = self.reader.authors()?;
        let all: f64 = authors.all.values().sum();
        let is_own = own.author == call.author;
        let in_class = |class: &String| {
            let known = authors.classes.get(class)?;
            let total: f64 = known.values().sum();
            let with = known.get(&call.author).copied().unwrap_or(0.0) - f64::from(is_own);
            Some((with.max(0.0), (total - 1.0).max(0.0)))
        };
        let (with, total) = entry
            .classes
            .iter()
            .filter_map(in_class)
            .fold((0.0, 0.0), |sum, (with, total)| (sum.0 + with, sum.1 + total));
        let anyone = authors.all.get(&call.author).copied().unwrap_or(0.0);
        // A device of the subscriber's own is nearly always the same stack as before, else one that others with the class have.
        let by_class = (with + UNSEEN * UNSEEN) / (total + 1.0);
        let authorised = 0.9 * f64::from(is_own) + 0.1 * by_class;
        // A thief's is any that callers use, or one that nobody has.
        let thief = 0.5 * anyone / all.max(1.0) + 0.5 / (authors.all.len() as f64 + 1.0);
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
        Ok(Some(Evidence::new(EvidenceKind::Structure, words, ratio)))
    }

    /// A device's registrations against those of the enrolled devices.
    fn of_registration(&self, at: usize, record: &Record) -> Vec<Evidence> {
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
        let references: Vec<&Device> = enrolled
            .iter()
            .filter_map(|i| self.records.get(*i))
            .flat_map(|record| &record.registrations)
            .collect();
        let compared = record
            .registrations
            .iter()
            .flat_map(|own| references.iter().map(move |other| (own, *other)))
            .filter_map(|(own, other)| own.compared(other, self.reader))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((odds, words)) = compared {
            evidence.push(Evidence::new(EvidenceKind::Clock, words, odds));
        }
        evidence
    }

    /// The devices as reports show them.
    pub(crate) fn shown(&self) -> Result<Vec<Shown>, StoreError> {
        let records = self.records.iter().zip(&self.registered).enumerate();
        records.map(|(at, (record, registered))| self.shown_one(at, record, registered)).collect()
    }

    fn shown_one(&self, at: usize, record: &Record, registered: &Registered) -> Result<Shown, StoreError> {
        let heard: Vec<&Comparison> =
            record.calls.iter().filter_map(|i| self.calls.get(*i)?.heard.as_ref()).collect();
        let mut evidence = Vec::new();
        // Several calls of one device are not independent: their mean counts, a few times at most.
        let of_calls: Vec<Evidence> = heard.iter().filter_map(|heard| self.of_class(Some(heard))).collect();
        if let Some(last) = of_calls.last() {
            let mean = of_calls.iter().map(|e| e.weight).sum::<f64>() / of_calls.len() as f64;
            let weight = mean * (of_calls.len() as f64).min(MAX_HEARD);
            let words = format!("{} (latest of {} calls)", last.words, of_calls.len());
            evidence.push(Evidence::new(EvidenceKind::Class, words, weight));
        }
        if let Some(call) = record.calls.last().and_then(|i| self.calls.get(*i)) {
            evidence.extend(self.of_author(call)?);
        }
        evidence.extend_from_slice(&registered.evidence);
        let others = &registered.others;
        if !others.is_empty() {
            let words = format!("the same instance registers {} other address(es) of record", others.len());
            evidence.push(Evidence::new(EvidenceKind::Instance, words, -1.0));
        }
        let verdict = if self.is_judged() {
            weigh(&evidence, false, self.reader.strictness)
        } else {
            DeviceVerdict::NotEnrolled
        };
        // The class that most of its calls sound like.
        let mut votes: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for found in heard.iter().filter_map(|heard| heard.result.as_ref().ok()) {
            *votes.entry((&found.class, &found.mode)).or_default() += 1;
        }
        let class = votes.iter().max_by_key(|(_, n)| **n).map(|(class, _)| *class);
        let steadiest = record.registrations.iter().max_by_key(|d| d.refreshes());
        let column = |name: &str| steadiest.and_then(|d| d.row.get(name).cloned()).unwrap_or(Value::Null);
        let expected =
            self.entry.map(|entry| entry.classes.join(" or ")).filter(|classes| !classes.is_empty());
        let columns = vec![
            json!(self.aor),
            json!(record.name),
            json!(class.map(|(class, _)| class)),
            json!(class.map(|(_, mode)| mode).filter(|mode| !mode.is_empty())),
            column("skew_ppm"),
            column("skew_ci95_ppm"),
            column("fingerprint"),
            json!(expected),
            json!(verdict.name()),
            words(&evidence),
            crate::values::time(Some(record.first_seen)),
            crate::values::time(Some(record.last_seen)),
            column("instance_id"),
            column("stack"),
            column("policy"),
            json!(record.registrations.len()),
            json!(record.calls.len()),
            json!(record.sources),
            json!(others),
            json!(self.enrolled.contains(&at)),
        ];
        let subject = record.registrations.first().map_or(0, |device| device.registration);
        let step = Step { at: record.last_seen, verdict, evidence };
        let (first_seen, last_seen) = (record.first_seen, record.last_seen);
        Ok(Shown { columns, first_seen, last_seen, subject, step, shared_with: others.clone() })
    }
}
