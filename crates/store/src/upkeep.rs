//! Care of the database as a whole.

use std::path::{Path, PathBuf};

use bellwether_base::with_ending;
use rusqlite::Connection;

use crate::StoreError;
use crate::reading::open_for_reading;
use crate::schema::{self, VERSION};

/// Pages copied at a time while others may write.
const PAGES_AT_ONCE: i32 = 1024;

/// References that must exist: a query, and the fault if its result is not 0.
const RELATIONS: [(&str, &str); 8] = [
    ("SELECT count(*) FROM alerts WHERE call IS NOT NULL AND call NOT IN (SELECT call FROM calls)", "alerts refer to missing calls"),
    (
        "SELECT count(*) FROM alerts WHERE campaign IS NOT NULL AND campaign NOT IN (SELECT name FROM campaigns)",
        "alerts refer to missing campaigns",
    ),
    ("SELECT count(*) FROM scores WHERE id NOT IN (SELECT id FROM calls)", "scores refer to missing calls"),
    ("SELECT count(*) FROM outcomes WHERE id NOT IN (SELECT id FROM calls)", "outcomes refer to missing calls"),
    (
        "SELECT count(*) FROM campaign_members WHERE call NOT IN (SELECT call FROM calls)",
        "members of campaigns refer to missing calls",
    ),
    (
        "SELECT count(*) FROM campaign_members WHERE campaign NOT IN (SELECT campaign FROM campaigns)",
        "members refer to missing campaigns",
    ),
    (
        "SELECT count(*) FROM scores AS s WHERE campaign IS NOT NULL AND NOT EXISTS
             (SELECT 1 FROM campaign_members AS m JOIN calls AS c ON c.call = m.call WHERE c.id = s.id AND m.campaign = s.campaign)",
        "calls name a campaign that they are no members of",
    ),
    (
        "SELECT count(*) FROM campaign_keys WHERE campaign NOT IN (SELECT campaign FROM campaigns)",
        "keys of candidate groups refer to missing campaigns",
    ),
];

/// Maintenance of a database.
pub struct Upkeep {
    db: Connection,
    path: PathBuf,
}

impl Upkeep {
    /// Opens a database that exists.
    ///
    /// # Errors
    /// If there is none, or it is newer than this program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: open_for_reading(path)?.db, path: path.to_path_buf() })
    }

    /// The faults of the file (SQLite's own check) and of rows that refer to missing rows. Empty if there is none.
    ///
    /// # Errors
    /// If the database cannot be read at all.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut integrity = self.db.prepare("PRAGMA integrity_check(100)")?;
        for line in integrity.query_map([], |r| r.get::<_, String>(0))? {
            let line = line?;
            if line != "ok" {
                found.push(line);
            }
        }
        for (sql, words) in RELATIONS {
            let count: i64 = self.db.query_row(sql, [], |r| r.get(0))?;
            if count > 0 {
                found.push(format!("{count} {words}"));
            }
        }
        Ok(found)
    }

    /// Copies the database, also while other programs write. Returns the number of pages. The complete copy gets its name
    /// last.
    ///
    /// # Errors
    /// If the copy cannot be written, or exists already.
    pub fn backup(&self, to: &Path) -> Result<i64, StoreError> {
        if to.exists() {
            return Err(StoreError::Exists(to.to_path_buf()));
        }
        let part = with_ending(to, ".part");
        let _ = std::fs::remove_file(&part);
        let mut copy = Connection::open(&part).map_err(|e| StoreError::Open(part.clone(), e))?;
        {
            let backup = rusqlite::backup::Backup::new(&self.db, &mut copy)?;
            backup.run_to_completion(PAGES_AT_ONCE, std::time::Duration::from_millis(5), None)?;
        }
        let pages = copy.pragma_query_value(None, "page_count", |r| r.get(0))?;
        copy.close().map_err(|(_, e)| StoreError::from(e))?;
        std::fs::rename(&part, to).map_err(|e| StoreError::File(to.to_path_buf(), e.to_string()))?;
        Ok(pages)
    }

    /// The path of the database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Migrates a database to the current schema. Returns the old and the new version.
    ///
    /// # Errors
    /// If there is none, it is another program's, or newer than this program.
    pub fn migrate(path: &Path) -> Result<(i64, i64), StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_path_buf()));
        }
        Ok((schema::bring_up(path)?, VERSION))
    }
}
