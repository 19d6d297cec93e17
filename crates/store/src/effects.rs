//! What a label or an entry of the operator's lists changes, told or only tried.

use rusqlite::Connection;

use crate::{StoreError, Writer};

/// Calls that changed, and list entries that follow from reputation.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// Disposition before, disposition now, and the number of calls that changed so.
    pub dispositions: Vec<(String, String, u64)>,
    /// Calls with another score and the same disposition.
    pub rescored: u64,
    /// Calls that joined a campaign or left one, each with the campaign's name: joined, left.
    pub campaigns: Vec<(String, u64, u64)>,
    /// Subjects of reputation on another list: kind, name, list before, list now.
    pub lists: Vec<(String, String, String, String)>,
}

impl Effects {
    /// True if nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The scores as they were at the first change, in a table of this connection alone.
const WATCH: &str = "
    CREATE TEMP TABLE IF NOT EXISTS scores_before (id INTEGER PRIMARY KEY, score REAL, disposition TEXT, campaign INTEGER);
    CREATE TEMP TABLE IF NOT EXISTS list_changes_before AS SELECT coalesce(max(rowid), 0) AS last FROM main.list_changes;
    CREATE TEMP TRIGGER IF NOT EXISTS watch_scores BEFORE UPDATE ON main.scores BEGIN
        INSERT OR IGNORE INTO scores_before VALUES (old.id, old.score, old.disposition, old.campaign);
    END;";

impl Writer {
    /// Watches what changes from now on, for [`Self::effects`].
    ///
    /// # Errors
    /// If the database fails.
    pub fn watch_effects(&mut self) -> Result<(), StoreError> {
        Ok(self.reader.db.execute_batch(WATCH)?)
    }

    /// Ends what [`Self::watch_effects`] began.
    ///
    /// # Errors
    /// If the database fails.
    pub fn end_watching(&mut self) -> Result<(), StoreError> {
        Ok(self.reader.db.execute_batch(
            "DROP TRIGGER IF EXISTS temp.watch_scores; DROP TABLE IF EXISTS temp.scores_before;
             DROP TABLE IF EXISTS temp.list_changes_before;",
        )?)
    }

    /// Tries out what follows: nothing of it stays in the database once this writer is dropped. Other programs that write wait meanwhile.
    ///
    /// # Errors
    /// If the database is locked or fails.
    pub fn try_out(&mut self) -> Result<(), StoreError> {
        self.watch_effects()?;
        self.reader.db.execute_batch("BEGIN IMMEDIATE")?;
        self.is_trial = true;
        Ok(())
    }

    /// What changed since [`Self::watch_effects`].
    ///
    /// # Errors
    /// If the database fails.
    pub fn effects(&self) -> Result<Effects, StoreError> {
        let db = &self.reader.db;
        let rescored = db.query_row(
            "SELECT count(*) FROM scores_before AS b JOIN main.scores AS s USING (id)
             WHERE b.score IS NOT s.score AND b.disposition IS s.disposition",
            [],
            |r| r.get::<_, i64>(0),
        )?;
        Ok(Effects {
            dispositions: dispositions(db)?,
            rescored: rescored.cast_unsigned(),
            campaigns: campaigns(db)?,
            lists: lists(db)?,
        })
    }
}

fn dispositions(db: &Connection) -> Result<Vec<(String, String, u64)>, StoreError> {
    let mut select = db.prepare(
        "SELECT coalesce(b.disposition, 'none'), coalesce(s.disposition, 'none'), count(*)
         FROM scores_before AS b JOIN main.scores AS s USING (id)
         WHERE b.disposition IS NOT s.disposition GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
    )?;
    let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get::<_, i64>(2)?.cast_unsigned())))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn campaigns(db: &Connection) -> Result<Vec<(String, u64, u64)>, StoreError> {
    let mut select = db.prepare(
        "SELECT c.name, sum(moved.joined), sum(moved.left_it) FROM (
             SELECT s.campaign AS campaign, 1 AS joined, 0 AS left_it FROM scores_before AS b JOIN main.scores AS s USING (id)
                 WHERE s.campaign IS NOT NULL AND b.campaign IS NOT s.campaign
             UNION ALL
             SELECT b.campaign, 0, 1 FROM scores_before AS b JOIN main.scores AS s USING (id)
                 WHERE b.campaign IS NOT NULL AND b.campaign IS NOT s.campaign
         ) AS moved JOIN main.campaigns AS c ON c.campaign = moved.campaign GROUP BY c.name ORDER BY c.name",
    )?;
    let count = |n: i64| n.cast_unsigned();
    let rows = select.query_map([], |r| Ok((r.get(0)?, count(r.get(1)?), count(r.get(2)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn lists(db: &Connection) -> Result<Vec<(String, String, String, String)>, StoreError> {
    let mut select = db.prepare(
        "SELECT layer, name, from_list, to_list FROM main.list_changes
         WHERE rowid > (SELECT last FROM list_changes_before) ORDER BY rowid",
    )?;
    let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
