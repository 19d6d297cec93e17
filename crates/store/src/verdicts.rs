//! What was thought of calls and devices, kept as it changes, and what of it an operator should look at.

use std::collections::BTreeSet;
use std::ops::Bound;

use bellwether_base::{CallId, Timestamp};
use bellwether_enrich::{AccessSide, DeviceVerdict, Evidence, Row};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use bellwether_scoring::{AlertKind, Severity};

use crate::alerts::{Alert, keep, keep_unless_told};
use crate::devices::{Subscriber, words};
use crate::query::Reader;
use crate::values::{parsed, text, time};
use crate::{StoreError, Writer};

/// Calls and registrations remembered until they are judged; beyond that all subscribers are.
const MAX_TOUCHED: usize = 65_536;

/// Calls and streams, the newest ones, that a run which was killed may have committed and not judged: what it had noted is gone with it.
const LEFT_OVER: i64 = 16_384;

/// Turns for which is believed who writes for whom: that takes a look at all calls.
const AUTHORS_LAST: u32 = 64;

/// Changes kept of one verdict: whoever makes the evidence could make it sway for ever.
const MAX_STEPS: i64 = 32;

/// What is found of a sensitive call that comes from a trunk.
pub(crate) const PORTAL_FROM_TRUNK: &str = "a call from a trunk dials a number that only subscribers may";

/// A verdict, and what was known when it was come to.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// When the newest of the evidence came, in nanoseconds.
    pub(crate) at: i64,
    pub(crate) verdict: DeviceVerdict,
    pub(crate) evidence: Vec<Evidence>,
}

impl Step {
    /// The kinds of evidence that there were.
    fn basis(&self) -> String {
        let kinds: BTreeSet<&str> = self.evidence.iter().map(|e| e.kind.name()).collect();
        kinds.into_iter().collect::<Vec<_>>().join(" ")
    }
}

/// A changed device verdict of a call.
#[derive(Clone, Debug)]
pub struct DeviceFinding {
    /// The call.
    pub call: CallId,
    /// The verdict.
    pub verdict: DeviceVerdict,
    /// The evidence that decided, as text.
    pub evidence: String,
    /// True if the device serves several accounts.
    pub is_shared: bool,
}

/// Whom the rows of late concern: their verdicts may have changed.
#[derive(Default)]
pub(crate) struct DirtySubjects {
    calls: BTreeSet<i64>,
    registrations: BTreeSet<i64>,
    /// Calls that may come from a trunk and go to a number that only subscribers may dial.
    sensitive: BTreeSet<i64>,
    /// More than could be remembered: anybody's calls may have changed, or any call may be a trunk's.
    is_anyone: bool,
    is_any_call: bool,
    /// Subscribers whose turn has not come yet, and whose turn it was last.
    waiting: BTreeSet<String>,
    last: String,
    /// Changes when another connection has written: classes, an inventory, an approval.
    data_version: Option<i64>,
    turns: u32,
}

impl DirtySubjects {
    pub(crate) fn note(&mut self, row: &Row) {
        match row {
            Row::Call(row) => {
                self.calls.insert(row.call.get());
                if row.is_sensitive {
                    self.sensitive.insert(row.call.get());
                }
            }
            // Where a call comes from shows for certain only when all its hops are known.
            Row::CallUpdate(row) if row.access_side == AccessSide::Inbound => {
                self.sensitive.insert(row.call.get());
            }
            Row::Referral(row) if row.is_sensitive => {
                self.calls.insert(row.call.get());
                self.sensitive.insert(row.call.get());
            }
            Row::Stream(row) if row.pauses.is_some() => self.calls.extend(row.call.map(CallId::get)),
            Row::RegistrationUpdate(row) => {
                self.registrations.insert(row.registration.get());
            }
            _ => {}
        }
        for set in [&mut self.calls, &mut self.registrations] {
            if set.len() > MAX_TOUCHED {
                set.clear();
                self.is_anyone = true;
            }
        }
        if self.sensitive.len() > MAX_TOUCHED {
            self.sensitive.clear();
            self.is_any_call = true;
        }
    }

    fn is_empty(&self) -> bool {
        let is_noted = self.is_anyone || !self.calls.is_empty() || !self.registrations.is_empty();
        !is_noted && self.waiting.is_empty()
    }

    /// The next subscriber, in turn.
    fn next(&mut self) -> Option<String> {
        let behind = (Bound::Excluded(self.last.as_str()), Bound::Unbounded);
        let next = self.waiting.range::<str, _>(behind).next().or(self.waiting.first())?.clone();
        self.waiting.remove(&next);
        self.last.clone_from(&next);
        Some(next)
    }
}

impl Writer {
    /// Notes the newest calls as rows of late: a run that was killed between a commit and what follows from it has left them unjudged,
    /// and nobody would ask for the alert of one call again.
    ///
    /// # Errors
    /// If the database fails.
    pub fn take_up(&mut self) -> Result<(), StoreError> {
        let newest = |sql: &str| -> Result<Vec<i64>, StoreError> {
            let mut select = self.reader.db.prepare(sql)?;
            let rows = select.query_map([LEFT_OVER], |r| r.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let calls = newest("SELECT call FROM calls WHERE id > (SELECT max(id) FROM calls) - ?1")?;
        let heard = newest(
            "SELECT call FROM streams WHERE id > (SELECT max(id) FROM streams) - ?1
             AND call IS NOT NULL AND pauses IS NOT NULL",
        )?;
        let sensitive =
            newest("SELECT call FROM calls WHERE id > (SELECT max(id) FROM calls) - ?1 AND is_sensitive")?;
        self.touched.calls.extend(calls.into_iter().chain(heard));
        self.touched.sensitive.extend(sensitive);
        Ok(())
    }

    /// Alerts of sensitive calls from trunks. Returns true if subscribers wait for their device verdicts.
    ///
    /// # Errors
    /// If the database fails.
    pub fn has_due_subscribers(&mut self) -> Result<bool, StoreError> {
        self.find_portal_calls()?;
        Ok(!self.touched.is_empty())
    }

    /// Returns true if another connection has written since this was last asked: labels, classes, an inventory or an approval may be new.
    ///
    /// # Errors
    /// If the database fails.
    pub fn was_changed_elsewhere(&mut self) -> Result<bool, StoreError> {
        let version: i64 = self.reader.db.pragma_query_value(None, "data_version", |r| r.get(0))?;
        Ok(self.touched.data_version.replace(version) != Some(version))
    }

    /// Finds the subscribers whom recent rows concern. The rows have to be committed.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_due_subscribers(&mut self, is_changed_elsewhere: bool) -> Result<(), StoreError> {
        self.touched.turns = self.touched.turns.wrapping_add(1);
        if is_changed_elsewhere || self.touched.turns.is_multiple_of(AUTHORS_LAST) {
            self.reader.forget();
        } else {
            self.reader.forget_observations();
        }
        self.find_touched_subscribers()
    }

    /// The next subscriber whose device verdicts are due, in turn.
    pub fn next_due_subscriber(&mut self) -> Option<String> {
        self.touched.next()
    }

    /// Computes the device verdicts of one subscriber, and writes what has changed and its alerts in the transaction that the next commit
    /// closes. Returns the calls whose verdict changed.
    ///
    /// # Errors
    /// If the database fails.
    pub fn judge_subscriber(&mut self, aor: &str) -> Result<Vec<DeviceFinding>, StoreError> {
        let subscriber = self.reader.subscriber(aor)?;
        self.begin()?;
        let changed = keep_subscriber(&self.reader.db, aor, &subscriber);
        // All subscribers together would fill the memory.
        self.reader.subscribers.borrow_mut().remove(aor);
        let changed = changed.map(|changed| {
            let finding = |(call, verdict, evidence)| DeviceFinding {
                call: CallId::new(call),
                verdict,
                evidence,
                is_shared: subscriber.is_shared(call),
            };
            changed.into_iter().map(finding).collect()
        });
        match changed {
            Ok(changed) => Ok(changed),
            Err(e) => self.or_roll_back(Err(e)).map(|()| Vec::new()),
        }
    }

    /// Makes the device verdicts of all subscribers due: the inventory, the classes or the approvals have changed.
    pub fn touch_all_subscribers(&mut self) {
        self.touched.is_anyone = true;
        // A write over this connection does not show as a change elsewhere.
        self.touched.data_version = None;
    }

    /// Alerts of sensitive calls from trunks, whoever the caller is.
    fn find_portal_calls(&mut self) -> Result<(), StoreError> {
        let reader = &self.reader;
        let mut sensitive = std::mem::take(&mut self.touched.sensitive);
        if std::mem::take(&mut self.touched.is_any_call) {
            let mut select = reader.db.prepare("SELECT call FROM calls WHERE is_sensitive")?;
            for call in select.query_map([], |r| r.get(0))? {
                sensitive.insert(call?);
            }
        }
        let mut select = reader.db.prepare_cached(
            "SELECT started_at, caller, caller_host FROM calls_now
             WHERE call = ?1 AND is_sensitive AND access_side = 'inbound'",
        )?;
        for call in sensitive {
            let found: Option<(i64, String, Option<String>)> =
                select.query_row([call], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
            let Some((at, caller, host)) = found else { continue };
            let alert = Alert {
                at: Timestamp::from_nanos(at),
                kind: AlertKind::PortalFromTrunk,
                severity: Severity::Critical,
                subject: format!("sip:{caller}@{}", host.unwrap_or_default()),
                message: PORTAL_FROM_TRUNK.to_owned(),
                call: Some(call),
                campaign: None,
            };
            keep(&reader.db, &alert)?;
        }
        Ok(())
    }

    /// Who in the inventory the calls and registrations of late belong to.
    fn find_touched_subscribers(&mut self) -> Result<(), StoreError> {
        let (reader, touched) = (&self.reader, &mut self.touched);
        let (calls, registrations) =
            (std::mem::take(&mut touched.calls), std::mem::take(&mut touched.registrations));
        let inventory = reader.known_inventory()?;
        if std::mem::take(&mut touched.is_anyone) {
            touched.waiting.extend(inventory.keys().cloned());
        }
        if inventory.is_empty() {
            return Ok(());
        }
        let mut caller = reader.db.prepare_cached("SELECT caller, caller_host FROM calls WHERE call = ?1")?;
        for call in calls {
            let found: Option<(String, Option<String>)> =
                caller.query_row([call], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
            if let Some((caller, host)) = found {
                touched.waiting.extend(reader.aor_of(&caller, host.as_deref())?);
            }
        }
        let mut owner = reader.db.prepare_cached("SELECT aor FROM registrations WHERE registration = ?1")?;
        for registration in registrations {
            let aor: Option<String> = owner.query_row([registration], |r| r.get(0)).optional()?;
            touched.waiting.extend(aor.filter(|aor| inventory.contains_key(aor)));
        }
        Ok(())
    }
}

impl Reader {
    /// What was thought of a `call` or `device` since it was first judged.
    pub(crate) fn kept_verdicts(&self, kind: &str, subject: i64) -> Result<Value, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT at, basis, verdict, evidence FROM verdicts WHERE kind = ?1 AND subject = ?2 ORDER BY step",
        )?;
        let steps: Result<Vec<Value>, StoreError> = select
            .query_and_then(params![kind, subject], |row| {
                Ok(json!({
                    "at": time(row.get("at")?),
                    "with": text(row, "basis")?,
                    "verdict": text(row, "verdict")?,
                    "evidence": parsed(row, "evidence")?,
                }))
            })?
            .collect();
        Ok(Value::Array(steps?))
    }
}

/// Keeps what changed about one subscriber; answers the calls whose verdict did.
fn keep_subscriber(
    db: &Connection,
    aor: &str,
    subscriber: &Subscriber,
) -> Result<Vec<(i64, DeviceVerdict, String)>, StoreError> {
    let mut changed = Vec::new();
    for (call, judged) in &subscriber.calls {
        let Some(step) = keep_course(db, "call", *call, &judged.course)? else { continue };
        changed.push((*call, step.verdict, in_words(&step.evidence, step.verdict)));
        if step.verdict != DeviceVerdict::Unauthorised {
            continue;
        }
        let against = step.evidence.iter().filter(|e| e.weight < 0.0).map(|e| e.words.as_str());
        let alert = Alert {
            at: Timestamp::from_nanos(step.at),
            kind: AlertKind::DeviceUnauthorised,
            severity: if judged.is_sensitive { Severity::Critical } else { Severity::Warning },
            subject: aor.to_owned(),
            message: against.collect::<Vec<_>>().join("; "),
            call: Some(*call),
            campaign: None,
        };
        keep(db, &alert)?;
    }
    for record in &subscriber.records {
        // Where nothing says which devices there should be, there is nothing to keep.
        if record.step.verdict != DeviceVerdict::NotEnrolled {
            keep_course(db, "device", record.subject, std::slice::from_ref(&record.step))?;
        }
        if let Some(first) = record.shared_with.first() {
            // Each of the accounts shows the same: one of them stands for all.
            let all = std::iter::once(aor).chain(record.shared_with.iter().map(String::as_str));
            let all: BTreeSet<&str> = all.collect();
            let alert = Alert {
                at: Timestamp::from_nanos(record.first_seen),
                kind: AlertKind::DeviceShared,
                severity: Severity::Warning,
                subject: first.as_str().min(aor).to_owned(),
                message: format!(
                    "one device behind several accounts: {}",
                    all.into_iter().collect::<Vec<_>>().join(", ")
                ),
                call: None,
                campaign: None,
            };
            keep_unless_told(db, &alert, Timestamp::MIN)?;
        }
    }
    Ok(changed)
}

/// The evidence that decided, in words.
fn in_words(evidence: &[Evidence], verdict: DeviceVerdict) -> String {
    let decides =
        |e: &&Evidence| if verdict == DeviceVerdict::Unauthorised { e.weight < 0.0 } else { e.weight > 0.0 };
    evidence.iter().filter(decides).map(|e| e.words.as_str()).collect::<Vec<_>>().join("; ")
}

/// Keeps the steps of a verdict; answers the newest if it was news.
fn keep_course<'a>(
    db: &Connection,
    kind: &str,
    subject: i64,
    course: &'a [Step],
) -> Result<Option<&'a Step>, StoreError> {
    let Some(newest) = course.last() else { return Ok(None) };
    let mut select = db.prepare_cached(
        "SELECT step, basis, verdict FROM verdicts WHERE kind = ?1 AND subject = ?2 ORDER BY step DESC LIMIT 1",
    )?;
    let last: Option<(i64, String, String)> =
        select.query_row(params![kind, subject], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
    let (first, news) = match last {
        None => (0, course),
        Some((_, basis, verdict)) if basis == newest.basis() && verdict == newest.verdict.name() => {
            return Ok(None);
        }
        Some((step, ..)) if step + 1 >= MAX_STEPS => return Ok(None),
        Some((step, ..)) => (step + 1, std::slice::from_ref(newest)),
    };
    let mut insert = db.prepare_cached(
        "INSERT INTO verdicts (kind, subject, step, at, basis, verdict, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (number, step) in (first..).zip(news) {
        let evidence = words(&step.evidence).to_string();
        insert.execute(params![
            kind,
            subject,
            number,
            step.at,
            step.basis(),
            step.verdict.name(),
            evidence
        ])?;
    }
    Ok(Some(newest))
}
