//! The devices of subscribers, and whether each is theirs to use: one record per physical device seen on an address of record, from its
//! registrations, its calls, its clock and its noise.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use bellwether_acoustics::{Comparison, Pauses};
use bellwether_base::Span;
use bellwether_clock::{Tolerance, Verdict, compare_clocks};
use bellwether_enrich::{DeviceVerdict, Evidence};
use rusqlite::params;
use serde_json::{Value, json};

use crate::StoreError;
use crate::authorising::Judge;
use crate::clocks::{Detail, Device};
use crate::inventory::Entry;
use crate::query::{Query, Reader, Values};
use crate::values::round;
use crate::verdicts::Step;

/// Calls of one subscriber that are looked at: the latest.
const MAX_CALLS: i64 = 500;

/// Other owners of a device that are named.
const MAX_OWNERS: usize = 10;

/// Subscribers remembered while a report is made.
const MAX_SUBSCRIBERS: usize = 10_000;

/// What a packet of voice lasts, nearly always: noise was known that many packets after the first.
const PACKET: Span = Span::from_millis(20);

/// Which calls, as `c`, an address of record of the user `?1` at the host `?2` made. Some agents write another host into From than
/// into the address that they register.
pub(crate) const MADE_BY: &str =
    "c.caller = ?1 AND (c.caller_host IS NULL OR c.caller_host = ?2 OR NOT EXISTS
    (SELECT 1 FROM registrations AS r WHERE r.aor =
        CASE c.caller_host WHEN '' THEN 'tel:' || c.caller ELSE 'sip:' || c.caller || '@' || c.caller_host END))";

/// A call of a subscriber.
pub(crate) struct Call {
    pub(crate) call: i64,
    pub(crate) started_at: i64,
    /// When its noise was known.
    pub(crate) heard_at: Option<i64>,
    pub(crate) source: String,
    pub(crate) author: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) is_sensitive: bool,
    pub(crate) heard: Option<Comparison>,
}

/// One physical device of a subscriber.
pub(crate) struct Record {
    pub(crate) name: String,
    /// Its registrations: several if it came back under another contact.
    pub(crate) registrations: Vec<Device>,
    pub(crate) sources: BTreeSet<String>,
    pub(crate) calls: Vec<usize>,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
}

/// A subscriber with all devices and calls, and what is thought of each.
impl Subscriber {
    /// Whether the device that made a call registers other accounts too.
    pub(crate) fn is_shared(&self, call: i64) -> bool {
        let device = self.calls.get(&call).and_then(|judged| judged.device.as_deref());
        let name = |record: &Shown| record.columns.get(1).and_then(Value::as_str).map(str::to_owned);
        device.is_some()
            && self.records.iter().any(|r| !r.shared_with.is_empty() && name(r).as_deref() == device)
    }
}

pub(crate) struct Subscriber {
    pub(crate) records: Vec<Shown>,
    /// Verdict and evidence of each call, by its identity.
    pub(crate) calls: BTreeMap<i64, Judged>,
}

/// A device as reports show it.
pub(crate) struct Shown {
    pub(crate) columns: Values,
    pub(crate) first_seen: i64,
    pub(crate) last_seen: i64,
    /// The registration that it was first seen with.
    pub(crate) subject: i64,
    pub(crate) step: Step,
    /// Other subscribers that it registers.
    pub(crate) shared_with: Vec<String>,
}

/// What is thought of one call.
#[derive(Clone)]
pub(crate) struct Judged {
    pub(crate) verdict: DeviceVerdict,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) findings: Vec<String>,
    pub(crate) device: Option<String>,
    /// What the verdict is as evidence comes: by structure at the INVITE, with the noise within the window, with the clock.
    pub(crate) course: Vec<Step>,
    pub(crate) is_sensitive: bool,
}

/// How many subscribers have calls by each author, all together and by the class that the inventory gives them.
#[derive(Default)]
pub(crate) struct Authors {
    pub(crate) all: BTreeMap<String, f64>,
    pub(crate) classes: BTreeMap<String, BTreeMap<String, f64>>,
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
            is_sensitive: false,
        };
        let Some(aor) = self.aor_of(caller, host)? else { return Ok(nothing) };
        let subscriber = self.subscriber(&aor)?;
        Ok(subscriber.calls.get(&call).cloned().unwrap_or(nothing))
    }

    /// The names of an address of record's devices.
    ///
    /// # Errors
    /// If the database fails.
    pub fn device_names(&self, aor: &str) -> Result<Vec<String>, StoreError> {
        let name = |shown: &Shown| shown.columns.get(1)?.as_str().map(str::to_owned);
        Ok(self.subscriber(aor)?.records.iter().filter_map(name).collect())
    }

    /// The address of record in the inventory that a caller is: by user and host, or by user where only one has it.
    pub(crate) fn aor_of(&self, caller: &str, host: Option<&str>) -> Result<Option<String>, StoreError> {
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

    /// The class of device that the inventory gives a caller: none where it gives several, or the caller is not in it.
    pub(crate) fn class_of_caller(
        &self,
        caller: &str,
        host: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let Some(aor) = self.aor_of(caller, host)? else { return Ok(None) };
        let inventory = self.known_inventory()?;
        Ok(match inventory.get(&aor).map(|entry| entry.classes.as_slice()) {
            Some([class]) => Some(class.clone()),
            _ => None,
        })
    }

    pub(crate) fn known_inventory(&self) -> Result<Arc<BTreeMap<String, Entry>>, StoreError> {
        if let Some(known) = self.inventory.get() {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(self.inventory()?);
        Ok(Arc::clone(self.inventory.get_or_init(|| known)))
    }

    pub(crate) fn authors(&self) -> Result<Arc<Authors>, StoreError> {
        if let Some(known) = self.authors.get() {
            return Ok(Arc::clone(known));
        }
        let mut authors = Authors::default();
        let mut select = self.db.prepare("SELECT DISTINCT caller, caller_host, sip_author FROM calls")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (caller, host, author): (String, Option<String>, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            *authors.all.entry(author.clone()).or_default() += 1.0;
            if let Some(class) = self.class_of_caller(&caller, host.as_deref())? {
                *authors.classes.entry(class).or_default().entry(author).or_default() += 1.0;
            }
        }
        let authors = Arc::new(authors);
        Ok(Arc::clone(self.authors.get_or_init(|| authors)))
    }

    pub(crate) fn subscriber(&self, aor: &str) -> Result<Arc<Subscriber>, StoreError> {
        if let Some(known) = self.subscribers.borrow().get(aor) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(self.read_subscriber(aor)?);
        if self.subscribers.borrow().len() >= MAX_SUBSCRIBERS {
            self.subscribers.borrow_mut().clear();
        }
        self.subscribers.borrow_mut().insert(aor.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    fn read_subscriber(&self, aor: &str) -> Result<Subscriber, StoreError> {
        let entry = self.known_inventory()?.get(aor).cloned();
        let calls = self.calls_of(aor)?;
        let records = records(self.devices("r.aor = ?1", aor, Detail::Row)?, &calls, &self.tolerance);
        let judge = Judge::new(self, aor, entry.as_ref(), &calls, &records)?;
        let mut judged = BTreeMap::new();
        for (i, call) in calls.iter().enumerate() {
            judged.insert(call.call, judge.call(i, call)?);
        }
        Ok(Subscriber { records: judge.shown()?, calls: judged })
    }

    /// The calls that a subscriber made, oldest first.
    fn calls_of(&self, aor: &str) -> Result<Vec<Call>, StoreError> {
        let Some((user, host)) = user_and_host(aor) else { return Ok(Vec::new()) };
        let classes = self.known_classes()?;
        let mut select = self.db.prepare_cached(&format!(
            "SELECT c.call, c.source, c.sip_author, c.user_agent, c.is_sensitive, s.pauses, c.started_at, s.first_seen,
                 s.last_seen
             FROM calls AS c LEFT JOIN streams AS s ON s.id = (SELECT id FROM streams WHERE call = c.call
                 AND direction = 'caller' AND pauses IS NOT NULL ORDER BY packets DESC LIMIT 1)
             WHERE {MADE_BY} ORDER BY c.started_at DESC, c.call LIMIT ?3",
        ))?;
        let rows: Result<Vec<Call>, rusqlite::Error> = select
            .query_map(params![user, host, MAX_CALLS], |r| {
                let octets: Option<Vec<u8>> = r.get(5)?;
                let heard = octets.and_then(|o| Pauses::from_octets(&o)).filter(|p| !p.is_transcoded());
                let seen = r.get::<_, Option<i64>>(7)?.zip(r.get::<_, Option<i64>>(8)?);
                Ok(Call {
                    call: r.get(0)?,
                    started_at: r.get(6)?,
                    heard_at: heard.as_ref().zip(seen).map(|(heard, (first, last))| {
                        last.min(first + i64::from(heard.observed_packets) * PACKET.as_nanos())
                    }),
                    source: r.get(1)?,
                    author: r.get(2)?,
                    user_agent: r.get(3)?,
                    is_sensitive: r.get(4)?,
                    heard: heard.map(|pauses| classes.compare(&pauses)),
                })
            })?
            .collect();
        let mut calls = rows?;
        calls.reverse();
        Ok(calls)
    }

    /// Other addresses of record that the instance of a registration registers too: by its own name for itself, or by what names the
    /// process or device in its messages. Private addresses do not, they repeat. Some of them, if they are many: nobody reads a list
    /// of thousands, and each of those would have to be compared with all others.
    pub(crate) fn other_owners(&self, device: &Device, aor: &str) -> Result<Vec<String>, StoreError> {
        let mut owners = BTreeSet::new();
        let mut by_name = self.db.prepare_cached(
            "SELECT aor FROM registrations WHERE instance_id = ?1 AND aor <> ?2 ORDER BY aor LIMIT 10",
        )?;
        if let Some(instance) = device.text("instance_id") {
            for owner in by_name.query_map(params![instance, aor], |r| r.get(0))? {
                owners.insert(owner?);
            }
        }
        // The order of the joins is what keeps this short: from the few instances of this one to the first that share them.
        let mut by_traits = self.db.prepare_cached(
            "SELECT r.aor FROM (SELECT o.subject FROM instances AS i
                 CROSS JOIN instances AS o ON o.kind = i.kind AND o.instance = i.instance AND o.instance <> ''
                 WHERE i.subject = ?1 AND i.kind <> 'lan' LIMIT 64) AS o
             CROSS JOIN registrations AS r ON r.registration = o.subject WHERE r.aor <> ?2",
        )?;
        for owner in by_traits.query_map(params![device.registration, aor], |r| r.get(0))? {
            owners.insert(owner?);
        }
        Ok(owners.into_iter().take(MAX_OWNERS).collect())
    }
}

/// The user and the host of an address of record as reports print it.
pub(crate) fn user_and_host(aor: &str) -> Option<(&str, &str)> {
    match aor.strip_prefix("tel:") {
        Some(number) => Some((number, "")),
        None => aor.strip_prefix("sip:")?.rsplit_once('@'),
    }
}

/// Puts registrations that are one physical device together, and gives each device its calls. Two that were there at once are two.
fn records(registrations: Vec<Device>, calls: &[Call], tolerance: &Tolerance) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for device in registrations {
        let (first_seen, last_seen) = device.seen;
        let same = records.iter_mut().find(|record| {
            record.registrations.iter().any(|other| device.is_same_as(other) == Some(true))
                || (first_seen > record.last_seen
                    && record.registrations.iter().any(|other| device.could_be(other, tolerance)))
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

/// Evidence as reports show it.
pub(crate) fn words(evidence: &[Evidence]) -> Value {
    let shown = |e: &Evidence| json!({ "kind": e.kind.name(), "evidence": e.words, "log10_ratio": round(e.weight, 2) });
    Value::Array(evidence.iter().map(shown).collect())
}

impl Device {
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(self.row.get(name)?.as_str()?.to_owned())
    }

    pub(crate) fn refreshes(&self) -> u64 {
        self.row.get("refreshes").and_then(Value::as_u64).unwrap_or(0)
    }

    /// Whether another registration is of this device for certain, or certainly not; none where nothing names them.
    fn is_same_as(&self, other: &Self) -> Option<bool> {
        let (own, others) = (self.text("instance_id")?, other.text("instance_id")?);
        Some(own == others)
    }

    /// Whether it could be: the same platform, and clocks that do not differ.
    fn could_be(&self, other: &Self, tolerance: &Tolerance) -> bool {
        let differs = match (&self.reading, &other.reading) {
            (Ok(own), Ok(others)) => compare_clocks(own, others, tolerance).verdict == Verdict::Different,
            _ => false,
        };
        self.is_same_as(other) != Some(false) && self.fingerprint == other.fingerprint && !differs
    }

    /// Its clock against another's: logarithm of the odds for one device, and in words.
    pub(crate) fn compared(&self, other: &Self, reader: &Reader) -> Option<(f64, String)> {
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
