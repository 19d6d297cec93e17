//! The devices of subscribers, and whether each is theirs to use: one record per physical device seen on an address of record, from its
//! registrations, its calls, its clock and its noise.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bellwether_acoustics::{Comparison, Pauses};
use bellwether_clock::{Verdict, compare_clocks};
use bellwether_judge::{DeviceVerdict, Evidence, EvidenceKind, weigh};
use rusqlite::params;
use serde_json::{Value, json};

use crate::StoreError;
use crate::clocks::{Detail, Device};
use crate::inventory::{Entry, Policy};
use crate::query::{Query, Reader, Values};
use crate::values::round;

/// Calls of one subscriber that are looked at: the latest.
const MOST_CALLS: i64 = 500;

/// Subscribers remembered while a report is made.
const MOST_SUBSCRIBERS: usize = 10_000;

/// Calls of one device whose noise counts: more would say the same again, and are not independent of it.
const MOST_HEARD: f64 = 2.0;

/// A stack that nobody of the class uses weighs as if half a subscriber did.
const UNSEEN: f64 = 0.5;

/// A call of a subscriber.
struct Call {
    call: i64,
    source: String,
    author: String,
    user_agent: Option<String>,
    is_sensitive: bool,
    side: String,
    heard: Option<Comparison>,
}

/// One physical device of a subscriber.
struct Record {
    name: String,
    /// Its registrations: several if it came back under another contact. None of one that only calls.
    registrations: Vec<Device>,
    sources: BTreeSet<String>,
    calls: Vec<usize>,
    first_seen: i64,
    last_seen: i64,
}

/// A subscriber with all devices and calls, and what is thought of each.
pub(crate) struct Subscriber {
    records: Vec<Shown>,
    /// Verdict and evidence of each call, by its identity.
    calls: BTreeMap<i64, Judged>,
}

/// A device as reports show it.
struct Shown {
    columns: Values,
    last_seen: i64,
}

/// What is thought of one call.
#[derive(Clone)]
pub(crate) struct Judged {
    pub(crate) verdict: DeviceVerdict,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) findings: Vec<String>,
    pub(crate) device: Option<String>,
    /// What the verdict was as evidence came: by structure at the INVITE, with the noise within the window, with the clock.
    pub(crate) course: Vec<(&'static str, DeviceVerdict)>,
}

/// How many subscribers have calls by each author, all together and by the class that the inventory gives them.
#[derive(Default)]
pub(crate) struct Authors {
    all: BTreeMap<String, f64>,
    classes: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Reader {
    /// Devices of all subscribers.
    pub(crate) fn devices_report(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut select = self.db.prepare("SELECT DISTINCT aor FROM registrations ORDER BY aor")?;
        let aors: Vec<String> =
            select.query_map([], |r| r.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
        let (since, until) = (query.since.map(|t| t.as_nanos()), query.until.map(|t| t.as_nanos()));
        for aor in aors {
            let subscriber = self.subscriber(&aor)?;
            for shown in &subscriber.records {
                let is_meant = since.is_none_or(|since| shown.last_seen >= since)
                    && until.is_none_or(|until| shown.last_seen < until);
                if is_meant && visit(shown.columns.clone()).is_break() {
                    return Ok(());
                }
            }
            // Very many subscribers would fill the memory: each is asked for once here.
            self.subscribers.borrow_mut().remove(&aor);
        }
        Ok(())
    }

    /// What is thought of a call's device.
    pub(crate) fn judged(&self, call: i64, caller: &str, host: Option<&str>) -> Result<Judged, StoreError> {
        let nothing = Judged {
            verdict: DeviceVerdict::NotEnrolled,
            evidence: Vec::new(),
            findings: Vec::new(),
            device: None,
            course: Vec::new(),
        };
        let Some(aor) = self.aor_of(caller, host)? else { return Ok(nothing) };
        let subscriber = self.subscriber(&aor)?;
        Ok(subscriber.calls.get(&call).cloned().unwrap_or(nothing))
    }

    /// The verdicts on the devices of an address of record, by the name of each.
    pub(crate) fn verdicts_of(&self, aor: &str) -> Result<Vec<Values>, StoreError> {
        Ok(self.subscriber(aor)?.records.iter().map(|shown| shown.columns.clone()).collect())
    }

    /// The names of an address of record's devices.
    ///
    /// # Errors
    /// If the database fails.
    pub fn device_names(&self, aor: &str) -> Result<Vec<String>, StoreError> {
        let name = |values: &Values| values.get(1)?.as_str().map(str::to_owned);
        Ok(self.verdicts_of(aor)?.iter().filter_map(name).collect())
    }

    /// The address of record in the inventory that a caller is: by user and host, or by user where only one has it.
    fn aor_of(&self, caller: &str, host: Option<&str>) -> Result<Option<String>, StoreError> {
        let inventory = self.known_inventory()?;
        let whole = format!("sip:{caller}@{}", host.unwrap_or_default());
        if inventory.contains_key(&whole) {
            return Ok(Some(whole));
        }
        let begin = format!("sip:{caller}@");
        let mut alike = inventory.range(begin.clone()..).take_while(|(aor, _)| aor.starts_with(&begin));
        Ok(match (alike.next(), alike.next()) {
            (Some((aor, _)), None) => Some(aor.clone()),
            _ => None,
        })
    }

    fn known_inventory(&self) -> Result<Arc<BTreeMap<String, Entry>>, StoreError> {
        if let Some(known) = self.inventory.get() {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(self.inventory()?);
        Ok(Arc::clone(self.inventory.get_or_init(|| known)))
    }

    fn authors(&self) -> Result<Arc<Authors>, StoreError> {
        if let Some(known) = self.authors.get() {
            return Ok(Arc::clone(known));
        }
        let inventory = self.known_inventory()?;
        let mut authors = Authors::default();
        let mut select = self.db.prepare("SELECT DISTINCT caller, caller_host, sip_author FROM calls")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (caller, host, author): (String, Option<String>, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            *authors.all.entry(author.clone()).or_default() += 1.0;
            let entry = self.aor_of(&caller, host.as_deref())?.and_then(|aor| inventory.get(&aor).cloned());
            if let Some([class]) = entry.as_ref().map(|entry| entry.classes.as_slice()) {
                *authors.classes.entry(class.clone()).or_default().entry(author).or_default() += 1.0;
            }
        }
        let authors = Arc::new(authors);
        Ok(Arc::clone(self.authors.get_or_init(|| authors)))
    }

    fn subscriber(&self, aor: &str) -> Result<Arc<Subscriber>, StoreError> {
        if let Some(known) = self.subscribers.borrow().get(aor) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(self.read_subscriber(aor)?);
        if self.subscribers.borrow().len() >= MOST_SUBSCRIBERS {
            self.subscribers.borrow_mut().clear();
        }
        self.subscribers.borrow_mut().insert(aor.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    fn read_subscriber(&self, aor: &str) -> Result<Subscriber, StoreError> {
        let entry = self.known_inventory()?.get(aor).cloned();
        let calls = self.calls_of(aor)?;
        let records = records(self.devices("r.aor = ?1", aor, Detail::Row)?, &calls);
        let judge = Judge { reader: self, aor, entry: entry.as_ref(), calls: &calls, records: &records };
        let enrolled = judge.enrolled();
        let mut shown = Vec::new();
        for (i, record) in records.iter().enumerate() {
            shown.push(judge.shown(i, record, &enrolled)?);
        }
        let mut judged = BTreeMap::new();
        for (i, call) in calls.iter().enumerate() {
            judged.insert(call.call, judge.call(i, call, &enrolled)?);
        }
        Ok(Subscriber { records: shown, calls: judged })
    }

    /// The calls that a subscriber made, oldest first.
    fn calls_of(&self, aor: &str) -> Result<Vec<Call>, StoreError> {
        let Some((user, host)) = aor.strip_prefix("sip:").and_then(|rest| rest.rsplit_once('@')) else {
            return Ok(Vec::new());
        };
        let classes = self.known_classes()?;
        // Some agents write another host into From than into the address that they register.
        let mut select = self.db.prepare_cached(
            "SELECT c.call, c.source, c.sip_author, c.user_agent, c.is_sensitive, c.access_side,
                 (SELECT s.pauses FROM streams AS s WHERE s.call = c.call AND s.direction = 'caller'
                     AND s.pauses IS NOT NULL ORDER BY s.packets DESC LIMIT 1)
             FROM calls_now AS c WHERE c.caller = ?1 AND (c.caller_host IS NULL OR c.caller_host = ?2 OR NOT EXISTS
                 (SELECT 1 FROM registrations AS r WHERE r.aor = 'sip:' || c.caller || '@' || c.caller_host))
             ORDER BY c.started_at DESC, c.call LIMIT ?3",
        )?;
        let rows: Result<Vec<Call>, rusqlite::Error> = select
            .query_map(params![user, host, MOST_CALLS], |r| {
                let octets: Option<Vec<u8>> = r.get(6)?;
                let heard = octets.and_then(|o| Pauses::from_octets(&o)).filter(|p| !p.is_transcoded());
                Ok(Call {
                    call: r.get(0)?,
                    source: r.get(1)?,
                    author: r.get(2)?,
                    user_agent: r.get(3)?,
                    is_sensitive: r.get(4)?,
                    side: r.get(5)?,
                    heard: heard.map(|pauses| classes.compare(&pauses)),
                })
            })?
            .collect();
        let mut calls = rows?;
        calls.reverse();
        Ok(calls)
    }

    /// Other addresses of record that the instance of a registration registers too: by its own name for itself, or by what names the
    /// process or device in its messages. Private addresses do not, they repeat.
    fn other_owners(&self, device: &Device, aor: &str) -> Result<Vec<String>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT aor FROM registrations WHERE instance_id = ?1 AND aor <> ?2
             UNION SELECT r.aor FROM instances AS i
                 JOIN instances AS o ON o.kind = i.kind AND o.instance = i.instance AND i.instance <> ''
                 JOIN registrations AS r ON r.registration = o.subject
             WHERE i.subject = ?3 AND i.kind <> 'lan' AND r.aor <> ?2 ORDER BY 1 LIMIT 10",
        )?;
        let instance = device.text("instance_id");
        let rows: Result<Vec<String>, rusqlite::Error> =
            select.query_map(params![instance, aor, device.registration], |r| r.get(0))?.collect();
        Ok(rows?)
    }
}

/// Puts registrations that are one physical device together, and gives each device its calls. Two that were there at once are two.
fn records(registrations: Vec<Device>, calls: &[Call]) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for device in registrations {
        let (first_seen, last_seen) = device.span();
        let same = records.iter_mut().find(|record| {
            record.registrations.iter().any(|other| device.is_same_as(other) == Some(true))
                || (first_seen > record.last_seen
                    && record.registrations.iter().any(|other| device.could_be(other)))
        });
        let source = device.text("source");
        match same {
            Some(record) => {
                record.first_seen = record.first_seen.min(first_seen);
                record.last_seen = record.last_seen.max(last_seen);
                record.sources.extend(source);
                record.registrations.push(device);
            }
            None => records.push(Record {
                name: format!("d-{:08x}", device.registration as u32),
                sources: source.into_iter().collect(),
                registrations: vec![device],
                calls: Vec::new(),
                first_seen,
                last_seen,
            }),
        }
    }
    for (i, call) in calls.iter().enumerate() {
        if let Some(record) = records.iter_mut().find(|record| record.sources.contains(&call.source)) {
            record.calls.push(i);
        }
    }
    records
}

/// Weighs what is known of one subscriber.
struct Judge<'a> {
    reader: &'a Reader,
    aor: &'a str,
    entry: Option<&'a Entry>,
    calls: &'a [Call],
    records: &'a [Record],
}

impl Judge<'_> {
    /// The devices that others are held against: those the operator approved, else, by the inventory, the first that were there.
    fn enrolled(&self) -> Vec<usize> {
        let Some(entry) = self.entry else { return Vec::new() };
        if !entry.approved.is_empty() {
            let is_approved = |record: &Record| entry.approved.contains(&record.name);
            return (0..self.records.len())
                .filter(|i| self.records.get(*i).is_some_and(is_approved))
                .collect();
        }
        if entry.policy == Some(Policy::Learn) {
            return Vec::new();
        }
        let most = entry.max_devices.unwrap_or(entry.classes.len().max(1) as u32) as usize;
        (0..self.records.len()).take(most).collect()
    }

    fn is_judged(&self, enrolled: &[usize]) -> bool {
        self.entry.is_some_and(|entry| entry.policy != Some(Policy::Learn) || !enrolled.is_empty())
    }

    fn call(&self, number: usize, call: &Call, enrolled: &[usize]) -> Result<Judged, StoreError> {
        let at = self.records.iter().position(|record| record.calls.contains(&number));
        let record = at.and_then(|at| self.records.get(at));
        let mut evidence: Vec<Evidence> = self.of_class(call.heard.as_ref()).into_iter().collect();
        evidence.extend(self.of_author(call, enrolled)?);
        if let (Some(at), Some(record)) = (at, record) {
            evidence.extend(self.of_registration(at, record, enrolled));
        }
        let mut findings = Vec::new();
        if call.is_sensitive && call.side == "inbound" {
            findings.push("a call from a trunk dials a number that only subscribers may".to_owned());
        }
        if let Some(record) = record {
            let others = self.owners(record)?;
            if !others.is_empty() {
                findings.push(format!("one device behind several accounts: {}", others.join(", ")));
            }
        }
        let course = self.course(&evidence, call.is_sensitive, enrolled);
        let verdict = course.last().map_or(DeviceVerdict::NotEnrolled, |(_, verdict)| *verdict);
        Ok(Judged { verdict, evidence, findings, device: record.map(|record| record.name.clone()), course })
    }

    /// The verdict as evidence arrives; empty if nothing says which device it should be.
    fn course(
        &self,
        evidence: &[Evidence],
        is_sensitive: bool,
        enrolled: &[usize],
    ) -> Vec<(&'static str, DeviceVerdict)> {
        if !self.is_judged(enrolled) {
            return Vec::new();
        }
        let stages = [
            ("invite", &[EvidenceKind::Structure, EvidenceKind::Instance, EvidenceKind::Number][..]),
            ("noise", &[EvidenceKind::Class][..]),
            ("clock", &[EvidenceKind::Clock][..]),
        ];
        let mut known: Vec<Evidence> = Vec::new();
        let mut course = Vec::new();
        for (stage, kinds) in stages {
            let before = known.len();
            known.extend(evidence.iter().filter(|e| kinds.contains(&e.kind)).cloned());
            if known.len() > before || course.is_empty() {
                course.push((stage, weigh(&known, is_sensitive, self.reader.strictness)));
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
    fn of_author(&self, call: &Call, enrolled: &[usize]) -> Result<Option<Evidence>, StoreError> {
        let Some(entry) = self.entry else { return Ok(None) };
        let authors = self.reader.authors()?;
        let all: f64 = authors.all.values().sum();
        // The subscriber's own first call: what was there at activation. One of a device that is not enrolled does not count.
        let is_enrolled = |number: usize| {
            enrolled.iter().filter_map(|i| self.records.get(*i)).any(|record| record.calls.contains(&number))
        };
        let own = (0..self.calls.len())
            .find(|i| is_enrolled(*i))
            .or((!self.calls.is_empty()).then_some(0))
            .and_then(|i| self.calls.get(i));
        let Some(own) = own else { return Ok(None) };
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
    fn of_registration(&self, at: usize, record: &Record, enrolled: &[usize]) -> Vec<Evidence> {
        if enrolled.is_empty() {
            return Vec::new();
        }
        if enrolled.contains(&at) {
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

    fn shown(&self, at: usize, record: &Record, enrolled: &[usize]) -> Result<Shown, StoreError> {
        let heard: Vec<&Comparison> =
            record.calls.iter().filter_map(|i| self.calls.get(*i)?.heard.as_ref()).collect();
        let mut evidence = Vec::new();
        // Several calls of one device are not independent: their mean counts, a few times at most.
        let of_calls: Vec<Evidence> = heard.iter().filter_map(|heard| self.of_class(Some(heard))).collect();
        if let Some(last) = of_calls.last() {
            let mean = of_calls.iter().map(|e| e.weight).sum::<f64>() / of_calls.len() as f64;
            let weight = mean * (of_calls.len() as f64).min(MOST_HEARD);
            let words = format!("{} (latest of {} calls)", last.words, of_calls.len());
            evidence.push(Evidence::new(EvidenceKind::Class, words, weight));
        }
        if let Some(call) = record.calls.last().and_then(|i| self.calls.get(*i)) {
            evidence.extend(self.of_author(call, enrolled)?);
        }
        evidence.extend(self.of_registration(at, record, enrolled));
        let others = self.owners(record)?;
        if !others.is_empty() {
            let words = format!("the same instance registers {} other address(es) of record", others.len());
            evidence.push(Evidence::new(EvidenceKind::Instance, words, -1.0));
        }
        let verdict = if self.is_judged(enrolled) {
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
            json!(enrolled.contains(&at)),
        ];
        Ok(Shown { columns, last_seen: record.last_seen })
    }
}

/// Evidence as reports show it.
pub(crate) fn words(evidence: &[Evidence]) -> Value {
    let shown = |e: &Evidence| json!({ "kind": e.kind.name(), "evidence": e.words, "log10_ratio": round(e.weight, 2) });
    Value::Array(evidence.iter().map(shown).collect())
}

impl Device {
    fn text(&self, name: &str) -> Option<String> {
        Some(self.row.get(name)?.as_str()?.to_owned())
    }

    fn refreshes(&self) -> u64 {
        self.row.get("refreshes").and_then(Value::as_u64).unwrap_or(0)
    }

    /// When it was first and last seen.
    fn span(&self) -> (i64, i64) {
        self.seen
    }

    /// Whether another registration is of this device for certain, or certainly not; none where nothing names them.
    fn is_same_as(&self, other: &Self) -> Option<bool> {
        let (own, others) = (self.text("instance_id")?, other.text("instance_id")?);
        Some(own == others)
    }

    /// Whether it could be: the same platform, and clocks that do not differ.
    fn could_be(&self, other: &Self) -> bool {
        let differs = match (&self.reading, &other.reading) {
            (Ok(own), Ok(others)) => {
                compare_clocks(own, others, &Default::default()).verdict == Verdict::Different
            }
            _ => false,
        };
        self.is_same_as(other) != Some(false) && self.fingerprint == other.fingerprint && !differs
    }

    /// Its clock against another's: logarithm of the odds for one device, and in words.
    fn compared(&self, other: &Self, reader: &Reader) -> Option<(f64, String)> {
        let found =
            compare_clocks(self.reading.as_ref().ok()?, other.reading.as_ref().ok()?, &reader.tolerance);
        let (odds, difference) = (found.log10_odds?, found.difference?);
        let words = format!(
            "its timer differs by {:.1} ppm from that of the device that was there first (p {:.4})",
            difference.0,
            found.p_value.unwrap_or(0.0)
        );
        Some((odds, words))
    }
}
