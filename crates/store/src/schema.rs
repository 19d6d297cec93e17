use std::path::Path;
use std::time::Duration;

use bellwether_enrich::numbering_plan_version;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::StoreError;

/// The version of the schema that this program writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Each entry takes the database one version further; entries are never changed, only added.
const MIGRATIONS: [&str; 23] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
    include_str!("schema/10.sql"),
    include_str!("schema/11.sql"),
    include_str!("schema/12.sql"),
    include_str!("schema/13.sql"),
    include_str!("schema/14.sql"),
    include_str!("schema/15.sql"),
    include_str!("schema/16.sql"),
    include_str!("schema/17.sql"),
    include_str!("schema/18.sql"),
    include_str!("schema/19.sql"),
    include_str!("schema/20.sql"),
    include_str!("schema/21.sql"),
    include_str!("schema/22.sql"),
    include_str!("schema/23.sql"),
];

/// The application id "BWDB" of the file. Databases of other programs are refused.
const APPLICATION_ID: i64 = 0x4257_4442;

/// Page cache in KiB. Each commit touches pages all over the indexes of hashed and random keys; what the cache does not hold is written to
/// the log and read back within one commit. A replay of 48,000 calls and 20,000 registrations reads 16,000 pages with 16 MiB and 110,000
/// with 4, and writes half as many.
const CACHE_KIB: i64 = 16_384;

/// Pages in the log before it is copied into the database. The pages of the indexes are written again by every
/// commit; the longer the log, the fewer of their versions are copied. 32 MiB of disk at most.
const CHECKPOINT_PAGES: i64 = 8192;

/// How long a program waits for the lock of another one.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Opens for writing, and brings the schema up to date in one transaction.
pub(crate) fn open_for_writing(path: &Path, key_id: &str) -> Result<Connection, StoreError> {
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let mut db = Connection::open(path).map_err(open)?;
    db.busy_timeout(LOCK_WAIT).map_err(open)?;
    // A transaction that begins by reading is refused at once, without a wait, if another program has written meanwhile: an inventory
    // may be imported beside a sensor. So each transaction takes the lock at its beginning.
    db.set_transaction_behavior(TransactionBehavior::Immediate);
    check_ours(&db, path)?;
    switch_log_on(&db).map_err(open)?;
    db.pragma_update(None, "synchronous", "normal").map_err(open)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB).map_err(open)?;
    // A statement whose plan may depend on a bound value is prepared again for each value, which was a tenth of the instructions of a replay
    // of signalling. No plan here does: there are no statistics of values.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(open)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(open)?;
    keep_temporary_files_beside(&db, path);
    db.set_prepared_statement_cache_capacity(64);
    migrate(&mut db, path)?;
    if held_key(&db)?.is_none() {
        // Another writer may have made the schema at the same time: its key stays.
        db.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('key_id', ?1)", [key_id])?;
    }
    if held_key(&db)?.is_some_and(|held| held != key_id) {
        return Err(StoreError::OtherKey(path.to_path_buf()));
    }
    record_numbering_plan(&db)?;
    Ok(db)
}

/// Switches the write-ahead log on. SQLite does not wait for locks here: it refuses at once if another program makes the same change,
/// because the read lock that it holds by then would never let the other one finish.
fn switch_log_on(db: &Connection) -> rusqlite::Result<()> {
    let pause = Duration::from_millis(1);
    let mut pauses = LOCK_WAIT.as_millis();
    loop {
        match db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && pauses > 0 => {
                pauses -= 1;
                std::thread::sleep(pause);
            }
            switched => return switched,
        }
    }
}

/// Name of the key whose tokens the database holds.
fn held_key(db: &Connection) -> Result<Option<String>, StoreError> {
    Ok(db.query_row("SELECT value FROM meta WHERE key = 'key_id'", [], |r| r.get(0)).optional()?)
}

/// Records the version of the numbering plans behind `impossible` and `unallocated` from now on. A database with this version is not
/// written to, because another program may hold the lock.
fn record_numbering_plan(db: &Connection) -> Result<(), StoreError> {
    let version = numbering_plan_version();
    let select = "SELECT value FROM meta WHERE key = 'numbering_plan'";
    let held: Option<String> = db.query_row(select, [], |r| r.get(0)).optional()?;
    if held.as_deref() != Some(version) {
        let insert = "INSERT OR REPLACE INTO meta (key, value) VALUES ('numbering_plan', ?1)";
        db.execute(insert, [version])?;
    }
    Ok(())
}

/// Has SQLite write the temporary files of large sorts to the database's folder. The files are as private as the rows, and a sensor can
/// write to no other folder.
fn keep_temporary_files_beside(db: &Connection, path: &Path) {
    if path == Path::new(":memory:") {
        return;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // SQLite refuses a folder without write permission. The writer then reports the error at its first change.
    let _ = db.pragma_update(None, "temp_store_directory", folder.to_string_lossy());
}

/// Migrates an existing database to the current schema. Returns the version before.
pub(crate) fn bring_up(path: &Path) -> Result<i64, StoreError> {
    let mut db = Connection::open(path).map_err(|e| StoreError::Open(path.to_path_buf(), e))?;
    db.busy_timeout(LOCK_WAIT)?;
    check_ours(&db, path)?;
    let found = check_version(&db, path)?;
    migrate(&mut db, path)?;
    Ok(found)
}

pub(crate) fn check_ours(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign(path.to_path_buf());
    // One statement, because another program may make the schema between two.
    let select = "SELECT application_id, (SELECT count(*) FROM sqlite_master) FROM pragma_application_id";
    let (id, tables): (i64, i64) = match db.query_row(select, [], |r| Ok((r.get(0)?, r.get(1)?))) {
        Ok(found) => found,
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::NotADatabase) => return Err(foreign()),
        Err(e) => return Err(StoreError::Open(path.to_path_buf(), e)),
    };
    // A new file has neither mark nor tables.
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(foreign()) }
}

pub(crate) fn check_version(db: &Connection, path: &Path) -> Result<i64, StoreError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_path_buf(), found, known: VERSION });
    }
    Ok(found)
}

pub(crate) fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    if check_version(db, path)? == VERSION {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another program may have migrated while this one waited for the lock.
    let found = check_version(&tx, path)?;
    if found == VERSION {
        return Ok(());
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    tracing::debug!(from = found, to = VERSION, "database brought to this program's version");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_open_a_new_database_together_all_succeed() {
        let room = tempfile::tempdir().unwrap();
        for round in 0..40 {
            let path = room.path().join(format!("{round}.db"));
            let gate = std::sync::Barrier::new(4);
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        gate.wait();
                        open_for_writing(&path, "key").unwrap();
                    });
                    scope.spawn(|| {
                        gate.wait();
                        // A writer makes the file a little later.
                        let opened = std::iter::repeat_with(|| crate::reading::open_for_reading(&path))
                            .find(|opened| !matches!(opened, Err(StoreError::Missing(_))));
                        opened.unwrap().unwrap();
                    });
                }
            });
        }
    }

    /// One row in each table that a later version changes.
    const ROWS_OF_VERSION_1: &str = "
        INSERT INTO calls VALUES (3, 1, 'id', 'tag', 50, 60, 70, 200, 'a', 'b', 'c', 'k', NULL, 'k', NULL, NULL, 's',
            'd', 'l', 'udp', 'ua', 'f1', 's1', 'd1', NULL, 'o', 'trunk', 't', 0, NULL, 2, 3, 4, 5, 6, 1);
        INSERT INTO registrations VALUES (7, -5, 'aor', 'contact', NULL, 's', 'r', 'udp', NULL, 'f1');
        INSERT INTO observations VALUES (-5, 10, 20, 3, 0, 1, 200, 60, 1.5);
        INSERT INTO segments VALUES (-5, 10, 20, 3, 0, 30.0, 30.1, 1.0, 2.0, 3.0);
        INSERT INTO streams VALUES (4, 99, 1, 'caller', 'a', 'b', 5, 'PCMU', 0, 50, 1, 0, 0, 0, 0.5, 0, 0, 1, 100, 200,
            'mu', 9, 50, 1e-6, 1e-4, x'ff01000000', NULL);";

    #[test]
    fn a_database_names_the_numbering_plans_that_its_numbers_are_judged_by() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.db");
        let named = |db: &Connection| -> String {
            db.query_row("SELECT value FROM meta WHERE key = 'numbering_plan'", [], |r| r.get(0)).unwrap()
        };
        let db = open_for_writing(&path, "k").unwrap();
        assert_eq!(named(&db), numbering_plan_version());
        db.execute("UPDATE meta SET value = 'older' WHERE key = 'numbering_plan'", []).unwrap();
        assert_eq!(named(&open_for_writing(&path, "k").unwrap()), numbering_plan_version());
        // A database with the current numbering plans opens while another program holds the lock.
        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(named(&open_for_writing(&path, "k").unwrap()), numbering_plan_version());
    }

    #[test]
    fn slopes_that_are_no_clocks_get_their_reason_and_names_one_spelling() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("old.db");
        let old = Connection::open(&path).unwrap();
        MIGRATIONS.iter().take(13).for_each(|migration| old.execute_batch(migration).unwrap());
        let mut stream = 0;
        let mut row = |codec: &str, ppm: &str, low: &str, high: &str| {
            stream += 1;
            old.execute_batch(&format!(
                "INSERT INTO streams (stream, direction, src, dst, ssrc, codec, payload_type, packets, lost, reordered, duplicates,
                     restarts, telephone_events, comfort_noise, rtcp_packets, first_seen, last_seen, media_skew_ppm,
                     media_skew_low_ppm, media_skew_high_ppm)
                 VALUES ({stream}, 'caller', 'a', 'b', 1, '{codec}', 0, 1, 0, 0, 0, 0, 0, 0, 0, {stream}, 1, {ppm}, {low}, {high})"
            ))
            .unwrap();
        };
        row("pcma", "-40.0", "-50.0", "-30.0");
        row("opus", "-350000.0", "-350100.0", "-349900.0");
        row("x-y", "10.0", "-5000.0", "5020.0");
        row("PCMU", "NULL", "NULL", "NULL");
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 13).unwrap();
        drop(old);
        let db = open_for_writing(&path, "key").unwrap();
        let mut select = db
            .prepare(
                "SELECT concat_ws(' ', codec, media_skew_ppm, media_skew_low_ppm, media_skew_no_fit) FROM streams ORDER BY stream",
            )
            .unwrap();
        let rows: Vec<String> =
            select.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows, ["PCMA -40.0 -50.0", "opus implausible", "x-y interval_too_wide", "PCMU"]);
    }

    #[test]
    fn a_database_of_the_first_version_keeps_its_rows() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("old.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(ROWS_OF_VERSION_1).unwrap();
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        drop(old);

        let db = open_for_writing(&path, "key").unwrap();
        let text = |sql: &str| -> String { db.query_row(sql, [], |r| r.get(0)).unwrap() };
        assert_eq!(
            text(
                "SELECT concat_ws(' ', id, call_id, started_at, answered_at, ended_at, final_status, last_destination,
                     access_side, trunk_id, duplicates, retransmissions, hops, forks, reinvites, cancelled)
                 FROM calls_now"
            ),
            "3 id 50 60 70 200 l trunk t 2 3 4 5 6 1"
        );
        assert_eq!(
            text("SELECT format('%d %d %f', registration, last_at, rtt_ms) FROM observations"),
            "7 20 1.500000"
        );
        assert_eq!(
            text("SELECT format('%d %d %f', registration, refreshes, syy) FROM segments"),
            "7 3 3.000000"
        );
        assert_eq!(
            text(
                "SELECT format('%d %d %d %s %s', id, stream, last_seen, silence_law, hex(silence_codes)) FROM streams"
            ),
            "4 99 200 mu FF01000000"
        );
        assert_eq!(
            text("SELECT CAST(count(*) AS TEXT) FROM sqlite_master WHERE type = 'table' AND name GLOB '*_1'"),
            "0"
        );
    }
}
