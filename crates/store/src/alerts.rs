//! The table `alerts`: each alert is stored once, however often its cause is seen again.

use bellwether_base::{Alert, CallId, RepeatRule, Timestamp};
use rusqlite::{Connection, params};

use crate::{AlertSignal, StoreError, Writer};

/// Stores an alert unless it repeats a stored one by the rule of its kind ([`RepeatRule`]).
pub(crate) fn keep(db: &Connection, alert: &Alert) -> Result<(), StoreError> {
    let is_repetition = match alert.kind.repeat_rule() {
        // The unique index of the table knows these.
        RepeatRule::SameFinding => false,
        RepeatRule::QuietFor(quiet) => has_one_after(db, alert, alert.at - quiet)?,
        RepeatRule::SameSubject => has_one_after(db, alert, Timestamp::MIN)?,
    };
    if is_repetition {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT OR IGNORE INTO alerts (at, kind, severity, subject, message, call, campaign, incident, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        alert.at.as_nanos(),
        alert.kind.name(),
        alert.severity.name(),
        alert.subject,
        alert.message,
        alert.call.map(CallId::get),
        alert.campaign,
        alert.incident.map(|news| news.incident.get()),
        alert.incident.map(|news| news.state.name()),
    ])?;
    Ok(())
}

/// Returns true if the subject has an alert of the kind after a time.
fn has_one_after(db: &Connection, alert: &Alert, after: Timestamp) -> Result<bool, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM alerts WHERE kind = ?1 AND subject = ?2 AND at > ?3)",
    )?;
    Ok(select.query_row(params![alert.kind.name(), alert.subject, after.as_nanos()], |r| r.get(0))?)
}

/// Raises a signal after commits that brought alerts.
#[derive(Default)]
pub(crate) struct Announcer {
    signal: Option<AlertSignal>,
    /// The number of the newest alert that was announced.
    announced: i64,
}

impl Writer {
    /// Raises a signal after each commit that brought alerts.
    #[must_use]
    pub fn announcing(mut self, signal: AlertSignal) -> Self {
        self.announcer.signal = Some(signal);
        self
    }

    /// Raises the signal if alerts were committed since the last call. If that is unknown it is raised: a waiter looks into the database anyway.
    pub(crate) fn announce_alerts(&mut self) {
        let Some(signal) = &self.announcer.signal else { return };
        let newest = self.reader.db.prepare_cached("SELECT coalesce(max(id), 0) FROM alerts");
        let newest = newest.and_then(|mut select| select.query_row([], |r| r.get::<_, i64>(0)));
        if newest.as_ref().is_ok_and(|newest| *newest <= self.announcer.announced) {
            return;
        }
        self.announcer.announced = newest.unwrap_or(self.announcer.announced);
        signal.raise();
    }

    /// Stores an alert unless it repeats a stored one by the rule of its kind ([`RepeatRule`]).
    ///
    /// # Errors
    /// If the database refuses.
    pub fn alert(&mut self, alert: &Alert) -> Result<(), StoreError> {
        keep(&self.reader.db, alert)?;
        self.announce_alerts();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bellwether_base::{AlertKind, Loss, Severity, Span};
    use bellwether_enrich::{BlindRow, Row};

    use super::*;
    use crate::AlertSpool;

    fn alert(kind: AlertKind, subject: &str, second: i64) -> Alert {
        Alert {
            at: Timestamp::from_nanos(0) + Span::from_secs(second),
            kind,
            severity: Severity::Warning,
            subject: subject.to_owned(),
            message: "seen".to_owned(),
            call: None,
            campaign: None,
            incident: None,
        }
    }

    fn stored(alerts: impl IntoIterator<Item = Alert>) -> i64 {
        let mut writer = Writer::open(Path::new(":memory:"), "key").unwrap();
        alerts.into_iter().for_each(|alert| writer.alert(&alert).unwrap());
        writer.reader.db.query_row("SELECT count(*) FROM alerts", [], |r| r.get(0)).unwrap()
    }

    #[test]
    fn a_finding_that_is_made_again_is_stored_once() {
        let attack = |second| alert(AlertKind::RegistrationAttack, "192.0.2.1", second);
        assert_eq!(stored([attack(1), attack(1)]), 1);
        assert_eq!(stored([attack(1), attack(2)]), 2);
        let of_call = Alert { call: Some(CallId::new(7)), ..attack(1) };
        assert_eq!(stored([attack(1), of_call.clone(), of_call]), 2);
    }

    #[test]
    fn a_shared_device_is_stored_once_for_its_subject() {
        let shared = |subject, second| alert(AlertKind::DeviceShared, subject, second);
        assert_eq!(stored([shared("a", 1), shared("a", 900_000), shared("b", 1)]), 2);
    }

    #[test]
    fn a_provisioning_system_that_stays_away_is_stored_once_an_hour() {
        let failed = |second| alert(AlertKind::ProvisioningFailed, "https://a", second);
        assert_eq!(stored([failed(1), failed(3600), failed(3601), failed(3602)]), 2);
    }

    #[test]
    fn a_commit_with_new_alerts_raises_the_signal_and_others_do_not() {
        let signal = AlertSignal::default();
        let mut writer = Writer::open(Path::new(":memory:"), "key").unwrap().announcing(signal.clone());
        let span = |loss, second| {
            let from = Timestamp::from_nanos(0) + Span::from_secs(second);
            Row::Blind(Box::new(BlindRow {
                input: 1,
                loss,
                place: "eth0".to_owned(),
                from,
                to: None,
                count: 1,
            }))
        };
        // A loss makes no alert.
        writer.push(span(Loss::RingFull, 1));
        writer.commit(true, None).unwrap();
        assert_eq!(signal.count(), 0);
        writer.push(span(Loss::InterfaceAway, 2));
        assert_eq!(signal.count(), 0);
        writer.commit(true, None).unwrap();
        assert_eq!(signal.count(), 1);
        writer.commit(true, None).unwrap();
        assert_eq!(signal.count(), 1);
    }

    #[test]
    fn an_unknown_kind_keeps_its_name_and_an_unknown_severity_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut writer = Writer::open(&path, "key").unwrap();
        writer.alert(&alert(AlertKind::named("moon_fraud"), "a", 1)).unwrap();
        let mut spool = AlertSpool::open(&path, "key").unwrap();
        assert_eq!(spool.after(0, 9).unwrap()[0].alert.kind, AlertKind::Unknown("moon_fraud".into()));
        writer.reader.db.execute("UPDATE alerts SET severity = 'emergency'", []).unwrap();
        let words = spool.after(0, 9).unwrap_err().to_string();
        assert!(words.contains("not \"emergency\"") && words.contains("use a newer bellwether"), "{words}");
    }
}
