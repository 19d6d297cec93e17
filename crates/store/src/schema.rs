use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::StoreError;

/// The version of the schema that this program writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Each entry takes the database one version further; entries are never changed, only added.
const MIGRATIONS: [&str; 1] = [include_str!("schema/1.sql")];

/// Marks the file as ours ("BWDB"), so that another program's database is refused rather than filled.
const APPLICATION_ID: i64 = 0x4257_4442;

/// Page cache in KiB. Each commit touches pages all over the unique indexes; with 2 MiB they are read back from
/// the log again and again, which costs some percent of a replay of signalling.
const CACHE_KIB: i64 = 4096;

/// Pages in the log before it is copied into the database. The pages of the indexes are written again by every
/// commit; the longer the log, the fewer of their versions are copied. 32 MiB of disk at most.
const CHECKPOINT_PAGES: i64 = 8192;

/// Opens for writing, and brings the schema up to date in one transaction.
pub(crate) fn open_for_writing(path: &Path, key_id: &str) -> Result<Connection, StoreError> {
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let mut db = Connection::open(path).map_err(open)?;
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(open)?;
    check_ours(&db, path)?;
    db.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(open)?;
    db.pragma_update(None, "synchronous", "normal").map_err(open)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB).map_err(open)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(open)?;
    db.set_prepared_statement_cache_capacity(64);
    migrate(&mut db, path)?;
    let held: Option<String> =
        db.query_row("SELECT value FROM meta WHERE key = 'key_id'", [], |r| r.get(0)).optional()?;
    match held {
        Some(held) if held != key_id => return Err(StoreError::OtherKey(path.to_path_buf())),
        Some(_) => {}
        None => {
            db.execute("INSERT INTO meta (key, value) VALUES ('key_id', ?1)", [key_id])?;
        }
    }
    Ok(db)
}

/// Opens for reading only.
pub(crate) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing(path.to_path_buf()));
    }
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(open)?;
    db.busy_timeout(std::time::Duration::from_secs(5)).map_err(open)?;
    check_ours(&db, path)?;
    check_version(&db, path)?;
    Ok(db)
}

fn check_ours(db: &Connection, path: &Path) -> Result<(), StoreError> {
    let foreign = || StoreError::Foreign(path.to_path_buf());
    let id: i64 = match db.pragma_query_value(None, "application_id", |r| r.get(0)) {
        Ok(id) => id,
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => return Err(foreign()),
        Err(e) => return Err(StoreError::Open(path.to_path_buf(), e)),
    };
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_master", [], |r| r.get(0))?;
    // A new file has neither mark nor tables.
    if id == APPLICATION_ID || (id == 0 && tables == 0) { Ok(()) } else { Err(foreign()) }
}

fn check_version(db: &Connection, path: &Path) -> Result<i64, StoreError> {
    let found: i64 = db.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { path: path.to_path_buf(), found, known: VERSION });
    }
    Ok(found)
}

fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = check_version(db, path)?;
    if found == VERSION {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    Ok(())
}
