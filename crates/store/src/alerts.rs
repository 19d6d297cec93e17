//! What an operator should look at: kept once, however often the same is found.

use bellwether_base::{Span, Timestamp};
use bellwether_scoring::{AlertKind, Severity};
use rusqlite::{Connection, params};

use crate::{StoreError, Writer};

/// Something that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// When it came about.
    pub at: Timestamp,
    /// What.
    pub kind: AlertKind,
    /// How soon somebody should look.
    pub severity: Severity,
    /// What it is about: an address of record, or the address of a system.
    pub subject: String,
    /// In words.
    pub message: String,
    /// The call, by its identity.
    pub call: Option<i64>,
    /// The campaign, by its name.
    pub campaign: Option<String>,
}

/// Keeps an alert unless it is known.
pub(crate) fn keep(db: &Connection, alert: &Alert) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO alerts (at, kind, severity, subject, message, call, campaign) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        alert.at.as_nanos(),
        alert.kind.name(),
        alert.severity.name(),
        alert.subject,
        alert.message,
        alert.call,
        alert.campaign
    ])?;
    Ok(())
}

/// Keeps an alert unless its subject had one of the kind after a time.
pub(crate) fn keep_unless_told(db: &Connection, alert: &Alert, after: Timestamp) -> Result<(), StoreError> {
    let mut select = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM alerts WHERE kind = ?1 AND subject = ?2 AND at > ?3)",
    )?;
    let is_told =
        select.query_row(params![alert.kind.name(), alert.subject, after.as_nanos()], |r| r.get(0))?;
    if is_told { Ok(()) } else { keep(db, alert) }
}

impl Writer {
    /// Keeps an alert, unless the same was told of the same subject less than `quiet` before.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn alert(&mut self, alert: &Alert, quiet: Span) -> Result<(), StoreError> {
        keep_unless_told(&self.reader.db, alert, alert.at - quiet)
    }
}
