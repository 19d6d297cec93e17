//! The spool of alerts: the table `alerts`, with a cursor for each receiver.

use std::path::Path;

use bellwether_base::{
    Alert, AlertKind, CallId, IncidentId, IncidentMention, IncidentState, OutgoingAlert, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::schema::open_for_writing;
use crate::{Reader, StoreError};

/// Reads alerts for delivery. The spool sees only committed alerts, so the database never loses an alert after delivery.
pub struct AlertSpool {
    db: Connection,
}

impl AlertSpool {
    /// Opens the spool of a database; `key_id` names the key of its tokens.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path, key_id: &str) -> Result<Self, StoreError> {
        Ok(Self { db: open_for_writing(path, key_id)? })
    }

    /// Gives a new receiver a cursor behind the newest alert. A known receiver keeps its cursor.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn register(&mut self, receiver: &str) -> Result<(), StoreError> {
        self.db.execute(
            "INSERT OR IGNORE INTO deliveries (receiver, up_to) SELECT ?1, coalesce(max(id), 0) FROM alerts",
            [receiver],
        )?;
        Ok(())
    }

    /// Alerts with higher numbers, oldest first, `limit` of them at most.
    ///
    /// # Errors
    /// If the database fails, or if a newer version wrote a severity that this one does not know.
    pub fn after(&mut self, id: i64, limit: usize) -> Result<Vec<OutgoingAlert>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT a.*, c.call_id AS call_id, c.fingerprint AS fingerprint, s.score AS score
             FROM alerts AS a LEFT JOIN calls AS c ON c.call = a.call LEFT JOIN scores AS s ON s.id = c.id
             WHERE a.id > ?1 ORDER BY a.id LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        select.query_and_then(params![id, limit], outgoing)?.collect()
    }

    /// The number of the newest alert.
    ///
    /// # Errors
    /// If the database fails.
    pub fn newest(&mut self) -> Result<i64, StoreError> {
        Ok(self.db.query_row("SELECT coalesce(max(id), 0) FROM alerts", [], |r| r.get(0))?)
    }

    /// The number up to which a receiver has all alerts; 0 for an unknown receiver.
    ///
    /// # Errors
    /// If the database fails.
    pub fn cursor(&mut self, receiver: &str) -> Result<i64, StoreError> {
        let mut select = self.db.prepare_cached("SELECT up_to FROM deliveries WHERE receiver = ?1")?;
        Ok(select.query_row([receiver], |r| r.get(0)).optional()?.unwrap_or(0))
    }

    /// Moves a receiver's cursor forward to a number.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn sent(&mut self, receiver: &str, id: i64) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "INSERT INTO deliveries (receiver, up_to) VALUES (?1, ?2)
                 ON CONFLICT (receiver) DO UPDATE SET up_to = max(up_to, excluded.up_to)",
            )?
            .execute(params![receiver, id])?;
        Ok(())
    }

    /// Counts alerts without delivery to a receiver: skipped because of the backlog, or refused by the receiver.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn lost(&mut self, receiver: &str, skipped: u64, refused: u64) -> Result<(), StoreError> {
        self.db
            .prepare_cached(
                "UPDATE deliveries SET skipped = skipped + ?2, refused = refused + ?3 WHERE receiver = ?1",
            )?
            .execute(params![receiver, skipped.cast_signed(), refused.cast_signed()])?;
        Ok(())
    }
}

/// One row of the spool.
fn outgoing(row: &Row<'_>) -> Result<OutgoingAlert, StoreError> {
    let kind: String = row.get("kind")?;
    let severity: String = row.get("severity")?;
    Ok(OutgoingAlert {
        id: row.get("id")?,
        alert: Alert {
            at: Timestamp::from_nanos(row.get("at")?),
            kind: AlertKind::named(&kind),
            severity: severity.parse()?,
            subject: row.get("subject")?,
            message: row.get("message")?,
            call: row.get::<_, Option<i64>>("call")?.map(CallId::new),
            campaign: row.get("campaign")?,
            incident: news(row)?,
        },
        call_id: row.get("call_id")?,
        fingerprint: row.get("fingerprint")?,
        score: row.get("score")?,
        more: 0,
    })
}

/// What an alert tells of an incident.
fn news(row: &Row<'_>) -> Result<Option<IncidentMention>, StoreError> {
    let incident = row.get::<_, Option<i64>>("incident")?.map(IncidentId::new);
    let state = row.get::<_, Option<String>>("state")?.and_then(|state| IncidentState::named(&state));
    Ok(incident.zip(state).map(|(incident, state)| IncidentMention { incident, state }))
}

impl Reader {
    /// The numbers of alerts without delivery, skipped and refused, by receiver.
    ///
    /// # Errors
    /// If the database fails.
    pub fn undelivered(&self) -> Result<(i64, i64), StoreError> {
        let sums = "SELECT coalesce(sum(skipped), 0), coalesce(sum(refused), 0) FROM deliveries";
        Ok(self.db.query_row(sums, [], |r| Ok((r.get(0)?, r.get(1)?)))?)
    }
}
