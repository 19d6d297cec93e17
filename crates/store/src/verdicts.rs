//! Verdicts about devices: the subscribers that are assessed again, and the steps that are recorded.

use bellwether_base::{CallId, Timestamp};
use bellwether_devices::{
    DeviceVerdict, DirtyRows, Evidence, Recorded, Sensitive, SensitiveCall, Step, SubscriberVerdict,
    new_steps,
};
use bellwether_enrich::AccessSide;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::alerts::keep;
use crate::{StoreError, Writer};

/// The newest calls and streams, which a run that was killed may have committed without a verdict.
const LEFT_OVER: i64 = 16_384;

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

impl Writer {
    /// The newest calls and streams' calls, and the sensitive ones among the newest calls. A run that was killed after a commit may have left
    /// them without verdicts and alerts.
    ///
    /// # Errors
    /// If the database fails.
    pub fn left_over(&self) -> Result<(Vec<CallId>, Vec<CallId>), StoreError> {
        let newest = |sql: &str| -> Result<Vec<CallId>, StoreError> {
            let mut select = self.reader.db.prepare(sql)?;
            let rows = select.query_map([LEFT_OVER], |r| Ok(CallId::new(r.get(0)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        let mut calls = newest("SELECT call FROM calls WHERE id > (SELECT max(id) FROM calls) - ?1")?;
        calls.extend(newest(
            "SELECT call FROM streams WHERE id > (SELECT max(id) FROM streams) - ?1
             AND call IS NOT NULL AND pauses IS NOT NULL",
        )?);
        let sensitive =
            newest("SELECT call FROM calls WHERE id > (SELECT max(id) FROM calls) - ?1 AND is_sensitive")?;
        Ok((calls, sensitive))
    }

    /// The calls to numbers that only subscribers may dial, of those named.
    ///
    /// # Errors
    /// If the database fails.
    pub fn sensitive_calls(&self, of: Sensitive) -> Result<Vec<SensitiveCall>, StoreError> {
        let db = &self.reader.db;
        let Sensitive { is_any_call, mut calls } = of;
        if is_any_call {
            let mut select = db.prepare("SELECT call FROM calls WHERE is_sensitive")?;
            for call in select.query_map([], |r| r.get(0))? {
                calls.insert(CallId::new(call?));
            }
        }
        let mut select = db.prepare_cached(
            "SELECT started_at, caller, caller_host, access_side FROM calls_now WHERE call = ?1 AND is_sensitive",
        )?;
        let mut found = Vec::new();
        for call in calls {
            let row = select.query_row([call.get()], |r| {
                Ok(SensitiveCall {
                    call,
                    started_at: Timestamp::from_nanos(r.get(0)?),
                    caller: r.get(1)?,
                    caller_host: r.get(2)?,
                    access_side: AccessSide::of(&r.get::<_, String>(3)?),
                })
            });
            found.extend(row.optional()?);
        }
        Ok(found)
    }

    /// Returns true if another connection has written since this was last asked: labels, classes, an inventory or an approval may be new.
    ///
    /// # Errors
    /// If the database fails.
    pub fn was_changed_elsewhere(&mut self) -> Result<bool, StoreError> {
        self.reader.is_changed_elsewhere()
    }

    /// Finds the subscribers of recent rows. The rows must be committed.
    ///
    /// # Errors
    /// If the database fails.
    pub fn subscribers_of(
        &mut self,
        touched: &DirtyRows,
        is_changed_elsewhere: bool,
    ) -> Result<Vec<String>, StoreError> {
        self.reader.forget_outdated(is_changed_elsewhere);
        let db = &self.reader.db;
        let inventory = self.reader.known_inventory()?;
        let mut found: Vec<String> = Vec::new();
        if touched.is_anyone {
            found.extend(inventory.aors().map(str::to_owned));
        }
        if inventory.is_empty() {
            return Ok(found);
        }
        let mut caller = db.prepare_cached("SELECT caller, caller_host FROM calls WHERE call = ?1")?;
        for call in &touched.calls {
            let row: Option<(String, Option<String>)> =
                caller.query_row([call.get()], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
            let aor =
                row.and_then(|(caller, host)| inventory.aor_of(&caller, host.as_deref()).map(str::to_owned));
            found.extend(aor);
        }
        let mut owner = db.prepare_cached("SELECT aor FROM registrations WHERE registration = ?1")?;
        for registration in &touched.registrations {
            let aor: Option<String> = owner.query_row([registration.get()], |r| r.get(0)).optional()?;
            found.extend(aor.filter(|aor| inventory.contains(aor)));
        }
        Ok(found)
    }

    /// Expects what this connection has just changed: an inventory, classes or approvals. Such a write does not show as a change elsewhere.
    pub fn expect_change(&mut self) {
        self.reader.expect_change();
    }

    /// Computes the device verdicts of one subscriber. Writes changes and alerts in the transaction of the next commit. Returns the calls
    /// whose verdict changed.
    ///
    /// # Errors
    /// If the database fails.
    pub fn judge_subscriber(&mut self, aor: &str) -> Result<Vec<DeviceFinding>, StoreError> {
        let subscriber = self.reader.subscriber(aor)?;
        self.reader.forget_subscriber(aor);
        self.begin()?;
        match record(&self.reader.db, &subscriber.verdict) {
            Ok(changed) => Ok(changed),
            Err(e) => self.or_roll_back(Err(e)).map(|()| Vec::new()),
        }
    }
}

/// Stores the changes of one subscriber. Returns the calls with a changed verdict.
fn record(db: &Connection, subscriber: &SubscriberVerdict) -> Result<Vec<DeviceFinding>, StoreError> {
    let mut changed = Vec::new();
    for (call, of_call) in &subscriber.calls {
        let Some(step) = record_steps(db, "call", call.get(), &of_call.steps)? else { continue };
        changed.push(DeviceFinding {
            call: *call,
            verdict: step.verdict,
            evidence: step.reasons(),
            is_shared: subscriber.is_shared(*call),
        });
        if let Some(alert) = of_call.alert(&subscriber.aor, *call, step) {
            keep(db, &alert)?;
        }
    }
    for device in &subscriber.devices {
        record_steps(db, "device", device.subject().get(), device.steps())?;
        if let Some(alert) = device.alert(&subscriber.aor) {
            keep(db, &alert)?;
        }
    }
    Ok(changed)
}

/// Stores the steps of a verdict. Returns the newest step if it is new.
fn record_steps<'a>(
    db: &Connection,
    kind: &str,
    subject: i64,
    steps: &'a [Step],
) -> Result<Option<&'a Step>, StoreError> {
    if steps.is_empty() {
        return Ok(None);
    }
    let mut select = db.prepare_cached(
        "SELECT step, basis, verdict FROM verdicts WHERE kind = ?1 AND subject = ?2 ORDER BY step DESC LIMIT 1",
    )?;
    let last = select
        .query_row(params![kind, subject], |r| {
            Ok(Recorded { number: r.get(0)?, basis: r.get(1)?, verdict: r.get(2)? })
        })
        .optional()?;
    let Some((first, added)) = new_steps(last.as_ref(), steps) else { return Ok(None) };
    let mut insert = db.prepare_cached(
        "INSERT INTO verdicts (kind, subject, step, at, basis, verdict, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (number, step) in (first..).zip(added) {
        insert.execute(params![
            kind,
            subject,
            number,
            step.at.as_nanos(),
            step.basis(),
            step.verdict.name(),
            packed(&step.evidence)
        ])?;
    }
    Ok(added.last())
}

/// Evidence as a row holds it: a JSON array with an object for each piece.
fn packed(evidence: &[Evidence]) -> String {
    let weight = |e: &Evidence| (e.weight * 100.0).round() / 100.0;
    let one = |e: &Evidence| json!({ "kind": e.kind.name(), "evidence": e.words, "log10_ratio": weight(e) });
    Value::Array(evidence.iter().map(one).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use bellwether_devices::Policy;

    use super::*;
    use crate::InventoryRow;

    fn writer(room: &tempfile::TempDir) -> Writer {
        Writer::open(&room.path().join("x.db"), "key").unwrap()
    }

    /// A call of a user at the host `a` from an address, with a SIP author.
    fn call(writer: &Writer, call: i64, from: (&str, &str, &str), side: &str, is_sensitive: bool) {
        let (db, (user, source, author)) = (&writer.reader.db, from);
        db.execute(
            "INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, caller_host, callee, caller_kind, callee_kind,
                 source, destination, transport, fingerprint, sip_author, origin, first_access_side, has_identity, is_sensitive)
             VALUES (?1, ?1, 'c' || ?1, 't', ?1, ?6, 'a', 'b', 'k', 'k', ?2, 'd', 'udp', 'f', ?3, 'o', ?4, 0, ?5)",
            params![call, source, author, side, is_sensitive, user],
        )
        .unwrap();
        db.execute(
            "INSERT INTO outcomes (id, access_side, duplicates, retransmissions, hops, forks, reinvites, cancelled)
             VALUES (?1, ?2, 0, 0, 1, 0, 0, 0)",
            params![call, side],
        )
        .unwrap();
    }

    /// A registration of `sip:200@a` from an address, without a clock.
    fn registration(writer: &Writer, registration: i64, source: &str) {
        let db = &writer.reader.db;
        db.execute(
            "INSERT INTO registrations (id, registration, aor, contact, source, registrar, transport, fingerprint)
             VALUES (?1, ?1, 'sip:200@a', 'c', ?2, 'r', 'udp', 'f')",
            params![registration, source],
        )
        .unwrap();
        db.execute(
            "INSERT INTO observations (registration, first_at, last_at, refreshes, duplicates, challenges)
             VALUES (?1, 0, 1000, 9, 0, 0)",
            [registration],
        )
        .unwrap();
    }

    fn alerts(writer: &Writer) -> Vec<(String, String)> {
        let mut select = writer.reader.db.prepare("SELECT kind, subject FROM alerts ORDER BY id").unwrap();
        select.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_sensitive_call_from_a_trunk_is_one_alert_however_often_it_is_noted() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = writer(&room);
        call(&writer, 1, ("200", "192.0.2.1:5060", "a"), "inbound", true);
        call(&writer, 2, ("200", "192.0.2.1:5060", "a"), "internal", true);
        call(&writer, 3, ("200", "192.0.2.1:5060", "a"), "inbound", false);
        for _ in 0..2 {
            let noted = Sensitive { is_any_call: false, calls: [1, 2, 3, 4].map(CallId::new).into() };
            let found = writer.sensitive_calls(noted).unwrap();
            assert_eq!(found.len(), 2, "the third is not sensitive, and the fourth is unknown");
            found.iter().filter_map(SensitiveCall::alert).for_each(|alert| writer.alert(&alert).unwrap());
        }
        assert_eq!(alerts(&writer), [("portal_from_trunk".to_owned(), "sip:200@a".to_owned())]);
    }

    #[test]
    fn a_subscriber_is_loaded_with_calls_and_registrations_and_its_verdicts_are_recorded_once() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = writer(&room);
        // All other subscribers of the class call with the author `a`.
        let users: Vec<String> = (200..800).map(|user: i64| user.to_string()).collect();
        let row = |user: &String| InventoryRow {
            aor: format!("sip:{user}@a"),
            device_class: "Phone".to_owned(),
            max_devices: Some(1),
            policy: Policy::Strict,
            note: None,
        };
        writer.put_inventory(&users.iter().map(row).collect::<Vec<_>>()).unwrap();
        for (number, user) in (10..).zip(&users) {
            call(&writer, number, (user, "192.0.2.9:5060", "a"), "internal", false);
        }
        registration(&writer, 1, "192.0.2.1:5060");
        registration(&writer, 2, "192.0.2.2:5060");
        call(&writer, 1, ("200", "192.0.2.1:5060", "a"), "internal", false);
        call(&writer, 2, ("200", "192.0.2.2:5060", "b"), "internal", true);
        let touched = DirtyRows { calls: [1, 2].map(CallId::new).into(), ..DirtyRows::default() };
        let found = writer.subscribers_of(&touched, true).unwrap();
        assert_eq!(found, ["sip:200@a", "sip:200@a"], "both calls are its");
        let aor = found[0].clone();
        let verdicts = |findings: Vec<DeviceFinding>| -> Vec<(i64, &str)> {
            findings.iter().map(|finding| (finding.call.get(), finding.verdict.name())).collect()
        };
        let first = writer.judge_subscriber(&aor).unwrap();
        writer.commit(true, None).unwrap();
        assert_eq!(verdicts(first), [(1, "unknown"), (2, "unauthorised"), (10, "unknown")]);
        assert_eq!(alerts(&writer), [("device_unauthorised".to_owned(), aor.clone())]);
        assert!(writer.judge_subscriber(&aor).unwrap().is_empty(), "they are no news");
        writer.commit(true, None).unwrap();
        let subscriber = writer.reader.subscriber(&aor).unwrap();
        let devices: Vec<(&str, usize)> =
            subscriber.verdict.devices.iter().map(|d| (d.name.as_str(), d.calls)).collect();
        assert_eq!(devices, [("d-00000001", 1), ("d-00000002", 1)]);
    }
}
