//! Alerts as receivers get them: the table is the spool, and each receiver has a place in it.

use std::path::Path;

use bellwether_base::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::schema::open_for_writing;
use crate::{Reader, StoreError};

/// An alert with what a receiver wants to know of its call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct SpooledAlert {
    /// Later ones have higher numbers, and none is used twice.
    pub id: i64,
    pub at: Timestamp,
    pub kind: String,
    pub severity: String,
    pub subject: String,
    pub message: String,
    pub call_id: Option<String>,
    pub campaign: Option<String>,
    pub fingerprint: Option<String>,
    pub score: Option<f64>,
}

/// What is to be delivered, read from what is committed: no alert goes out of which the database might not know afterwards.
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

    /// Lets a receiver that is new begin with the next alert.
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

    /// Alerts behind a number, oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn after(&mut self, id: i64, limit: usize) -> Result<Vec<SpooledAlert>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT a.*, c.call_id AS call_id, c.fingerprint AS fingerprint, s.score AS score
             FROM alerts AS a LEFT JOIN calls AS c ON c.call = a.call LEFT JOIN scores AS s ON s.id = c.id
             WHERE a.id > ?1 ORDER BY a.id LIMIT ?2",
        )?;
        let rows = select.query_map(params![id, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok(SpooledAlert {
                id: row.get("id")?,
                at: Timestamp::from_nanos(row.get("at")?),
                kind: row.get("kind")?,
                severity: row.get("severity")?,
                subject: row.get("subject")?,
                message: row.get("message")?,
                call_id: row.get("call_id")?,
                campaign: row.get("campaign")?,
                fingerprint: row.get("fingerprint")?,
                score: row.get("score")?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The number of the newest alert.
    ///
    /// # Errors
    /// If the database fails.
    pub fn newest(&mut self) -> Result<i64, StoreError> {
        Ok(self.db.query_row("SELECT coalesce(max(id), 0) FROM alerts", [], |r| r.get(0))?)
    }

    /// Up to which number a receiver has them.
    ///
    /// # Errors
    /// If the database fails.
    pub fn cursor(&mut self, receiver: &str) -> Result<i64, StoreError> {
        let mut select = self.db.prepare_cached("SELECT up_to FROM deliveries WHERE receiver = ?1")?;
        Ok(select.query_row([receiver], |r| r.get(0)).optional()?.unwrap_or(0))
    }

    /// A receiver has all up to a number.
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

    /// Adds what a receiver never gets: passed over, as there were too many, and refused.
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

impl Reader {
    /// Alerts that receivers never got: passed over, and refused.
    ///
    /// # Errors
    /// If the database fails.
    pub fn undelivered(&self) -> Result<(i64, i64), StoreError> {
        let sums = "SELECT coalesce(sum(skipped), 0), coalesce(sum(refused), 0) FROM deliveries";
        Ok(self.db.query_row(sums, [], |r| Ok((r.get(0)?, r.get(1)?)))?)
    }
}
