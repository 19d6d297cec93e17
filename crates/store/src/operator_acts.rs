//! Acts of operators: acknowledgements, comments, and the audit of all acts.

use bellwether_base::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::{Reader, StoreError, Writer};

/// Acknowledgements and audit entries that are stored; the oldest leave.
const MAX_ACTS: i64 = 100_000;

/// Comments of one subject that are stored; the oldest leave.
const MAX_COMMENTS: i64 = 1000;

/// Characters of a comment; the rest is cut.
const MAX_COMMENT_CHARS: usize = 4096;

/// An operator took note of an incident or a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acknowledgement {
    /// Time of the acknowledgement.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
}

/// A comment of an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// Time of the comment.
    pub at: Timestamp,
    /// The operator.
    pub by: String,
    /// The comment.
    pub text: String,
}

/// An act of an operator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditEntry {
    /// Time of the act.
    pub at: Timestamp,
    /// The operator; empty if login is off.
    pub who: String,
    /// The act: `label`, `list_add`, `login` and so on.
    pub what: String,
    /// Kind of the subject; may be empty.
    pub kind: String,
    /// Name of the subject; may be empty. A number stands here as its token.
    pub id: String,
    /// The label or list, with the reason.
    pub detail: String,
}

impl Reader {
    /// The acknowledgement of an incident or a campaign.
    ///
    /// # Errors
    /// If the database fails.
    pub fn acknowledgement(&self, kind: &str, id: &str) -> Result<Option<Acknowledgement>, StoreError> {
        let mut select =
            self.db.prepare_cached("SELECT at, by FROM acknowledgements WHERE kind = ?1 AND id = ?2")?;
        let found = select.query_row([kind, id], |r| {
            Ok(Acknowledgement { at: Timestamp::from_nanos(r.get(0)?), by: r.get(1)? })
        });
        Ok(found.optional()?)
    }

    /// The comments on a subject, the oldest first.
    ///
    /// # Errors
    /// If the database fails.
    pub fn comments(&self, kind: &str, id: &str) -> Result<Vec<Comment>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT at, by, text FROM comments WHERE kind = ?1 AND id = ?2 ORDER BY comment",
        )?;
        let rows = select.query_map([kind, id], |r| {
            Ok(Comment { at: Timestamp::from_nanos(r.get(0)?), by: r.get(1)?, text: r.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The acts with numbers below `before`, the newest first, each with its number.
    ///
    /// # Errors
    /// If the database fails.
    pub fn audit(&self, before: Option<i64>, limit: usize) -> Result<Vec<(i64, AuditEntry)>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT entry, at, who, what, kind, id, detail FROM audit WHERE entry < ?1 ORDER BY entry DESC LIMIT ?2",
        )?;
        let rows = select.query_map(params![before.unwrap_or(i64::MAX), limit as i64], |r| {
            let entry = AuditEntry {
                at: Timestamp::from_nanos(r.get(1)?),
                who: r.get(2)?,
                what: r.get(3)?,
                kind: r.get(4)?,
                id: r.get(5)?,
                detail: r.get(6)?,
            };
            Ok((r.get(0)?, entry))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writer {
    /// Notes that an operator took note of an incident or a campaign. A later acknowledgement replaces an earlier one.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn acknowledge(&mut self, kind: &str, id: &str, of: &Acknowledgement) -> Result<(), StoreError> {
        self.in_transaction(|tx| {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO acknowledgements (kind, id, at, by) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![kind, id, of.at.as_nanos(), of.by])?;
            tx.prepare_cached(
                "DELETE FROM acknowledgements WHERE (kind, id) IN
                     (SELECT kind, id FROM acknowledgements ORDER BY at DESC, kind, id LIMIT -1 OFFSET ?1)",
            )?
            .execute([MAX_ACTS])?;
            Ok(())
        })
    }

    /// Adds a comment on a subject.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn add_comment(&mut self, kind: &str, id: &str, comment: &Comment) -> Result<(), StoreError> {
        let text: String = comment.text.chars().take(MAX_COMMENT_CHARS).collect();
        self.in_transaction(|tx| {
            tx.prepare_cached("INSERT INTO comments (kind, id, at, by, text) VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![kind, id, comment.at.as_nanos(), comment.by, text])?;
            tx.prepare_cached(
                "DELETE FROM comments WHERE comment IN
                     (SELECT comment FROM comments WHERE kind = ?1 AND id = ?2 ORDER BY comment DESC LIMIT -1 OFFSET ?3)",
            )?
            .execute(params![kind, id, MAX_COMMENTS])?;
            Ok(())
        })
    }

    /// Adds an act to the audit.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn add_audit_entry(&mut self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.in_transaction(|tx| {
            tx.prepare_cached(
                "INSERT INTO audit (at, who, what, kind, id, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                entry.at.as_nanos(),
                entry.who,
                entry.what,
                entry.kind,
                entry.id,
                entry.detail
            ])?;
            tx.prepare_cached("DELETE FROM audit WHERE entry <= (SELECT max(entry) FROM audit) - ?1")?
                .execute([MAX_ACTS])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    fn comment(second: i64, text: &str) -> Comment {
        Comment { at: at(second), by: "ada".to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_later_acknowledgement_replaces_an_earlier_one() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        assert_eq!(writer.reader().acknowledgement("incident", "inc-1").unwrap(), None);
        for second in [5, 9] {
            let of = Acknowledgement { at: at(second), by: "ada".to_owned() };
            writer.acknowledge("incident", "inc-1", &of).unwrap();
        }
        let found = writer.reader().acknowledgement("incident", "inc-1").unwrap().unwrap();
        assert_eq!((found.at, found.by.as_str()), (at(9), "ada"));
        assert_eq!(writer.reader().acknowledgement("campaign", "inc-1").unwrap(), None);
    }

    #[test]
    fn comments_are_bounded_and_in_order() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        writer.add_comment("campaign", "c-1", &comment(1, &"x".repeat(9000))).unwrap();
        writer.add_comment("campaign", "c-2", &comment(2, "another")).unwrap();
        let found = writer.reader().comments("campaign", "c-1").unwrap();
        assert_eq!((found.len(), found[0].text.len()), (1, MAX_COMMENT_CHARS));
        for i in 0..MAX_COMMENTS + 5 {
            writer.add_comment("campaign", "c-1", &comment(i, &i.to_string())).unwrap();
        }
        let found = writer.reader().comments("campaign", "c-1").unwrap();
        assert_eq!((found.len() as i64, found[0].text.as_str()), (MAX_COMMENTS, "5"));
        assert_eq!(writer.reader().comments("campaign", "c-2").unwrap().len(), 1);
    }

    #[test]
    fn the_audit_goes_back_by_its_numbers() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        for i in 0..5 {
            let entry = AuditEntry {
                at: at(i),
                who: "ada".to_owned(),
                what: "label".to_owned(),
                kind: "call".to_owned(),
                id: i.to_string(),
                detail: "fraud".to_owned(),
            };
            writer.add_audit_entry(&entry).unwrap();
        }
        let first = writer.reader().audit(None, 2).unwrap();
        let second = writer.reader().audit(first.last().map(|(number, _)| *number), 2).unwrap();
        let ids: Vec<&str> = first.iter().chain(&second).map(|(_, entry)| entry.id.as_str()).collect();
        assert_eq!(ids, ["4", "3", "2", "1"]);
    }
}
