//! The operator's own lists.

use bellwether_base::Timestamp;
use bellwether_scoring::{OperatorEntry, OperatorList, OperatorSubject};
use rusqlite::{Connection, params};

use crate::{Reader, StoreError, Writer, label_evidence};

impl Reader {
    /// All entries, by kind and value. Entries that this version cannot read are left out.
    ///
    /// # Errors
    /// If the database fails.
    pub fn operator_lists(&self) -> Result<Vec<OperatorEntry>, StoreError> {
        entries(&self.db)
    }
}

impl Writer {
    /// Adds an entry, or replaces the one of the same subject. Returns the former list of the subject.
    ///
    /// # Errors
    /// If the database fails.
    pub fn add_to_list(&mut self, entry: &OperatorEntry) -> Result<Option<OperatorList>, StoreError> {
        self.in_transaction(|tx| {
            let former = entries(tx)?.into_iter().find(|of| of.subject == entry.subject).map(|of| of.list);
            tx.execute(
                "INSERT OR REPLACE INTO operator_lists (kind, value, list, reason, author, added_at, until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    entry.subject.kind(),
                    entry.subject.value(),
                    entry.list.name(),
                    entry.reason,
                    entry.author,
                    entry.added_at.as_nanos(),
                    entry.until.map(|at| at.as_nanos()),
                ],
            )?;
            label_evidence::changed(tx)?;
            Ok(former)
        })
    }

    /// Removes an entry from a list. Returns false if the subject was not on it.
    ///
    /// # Errors
    /// If the database fails.
    pub fn remove_from_list(
        &mut self,
        list: OperatorList,
        subject: &OperatorSubject,
    ) -> Result<bool, StoreError> {
        self.in_transaction(|tx| {
            let removed = tx.execute(
                "DELETE FROM operator_lists WHERE kind = ?1 AND value = ?2 AND list = ?3",
                params![subject.kind(), subject.value(), list.name()],
            )?;
            if removed > 0 {
                label_evidence::changed(tx)?;
            }
            Ok(removed > 0)
        })
    }
}

fn entries(db: &Connection) -> Result<Vec<OperatorEntry>, StoreError> {
    let mut select = db.prepare(
        "SELECT kind, value, list, reason, author, added_at, until FROM operator_lists ORDER BY kind, value",
    )?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (kind, value, list): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (Some(subject), Some(list)) = (OperatorSubject::read(&kind, &value), OperatorList::of(&list))
        else {
            continue;
        };
        found.push(OperatorEntry {
            list,
            subject,
            reason: row.get(3)?,
            author: row.get(4)?,
            added_at: Timestamp::from_nanos(row.get(5)?),
            until: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_nanos),
        });
    }
    Ok(found)
}
