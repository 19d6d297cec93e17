//! Opening a database for reading, also on a read-only medium.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bellwether_base::with_ending;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use rustix::fs::IFlags;

use crate::StoreError;
use crate::schema::{LOCK_WAIT, VERSION, check_ours, check_version, migrate};

/// Refuses a path without a Bellwether database.
///
/// # Errors
/// If there is no file, or it is empty or another program's.
pub fn check_existing(path: &Path) -> Result<(), StoreError> {
    let holds_something = std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() > 0);
    // A new database may exist only in its log.
    let has_log = std::fs::metadata(with_ending(path, "-wal")).is_ok_and(|meta| meta.len() > 0);
    if holds_something || has_log { Ok(()) } else { Err(StoreError::Missing(path.to_path_buf())) }
}

/// The name of the database's key. `None` without a database.
///
/// # Errors If the database cannot be read, or is another program's.
pub fn key_id(path: &Path) -> Result<Option<String>, StoreError> {
    if check_existing(path).is_err() {
        return Ok(None);
    }
    let Opened { db, .. } = open_as_it_is(path)?;
    let has_meta: bool =
        db.query_row("SELECT count(*) FROM sqlite_master WHERE name = 'meta'", [], |r| r.get(0))?;
    if !has_meta {
        return Ok(None);
    }
    Ok(db.query_row("SELECT value FROM meta WHERE key = 'key_id'", [], |r| r.get(0)).optional()?)
}

/// A database for reading.
pub(crate) struct Opened {
    pub(crate) db: Connection,
    /// The promise that nobody writes, for a database on a medium without a place for locks.
    pub(crate) promise: Option<Promise>,
}

/// The promise that nobody writes to a database during a read. The medium keeps the promise, and it is still checked: another mount of the
/// medium may be writable.
pub(crate) struct Promise {
    path: PathBuf,
    state: State,
}

/// Lengths and times of the files of a database.
type State = [Option<(u64, i64, i64)>; 2];

impl Promise {
    fn of(path: &Path) -> Self {
        Self { path: path.to_path_buf(), state: Self::state(path) }
    }

    fn state(path: &Path) -> State {
        let state = |path: &Path| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.len(), meta.mtime(), meta.mtime_nsec()))
        };
        [state(path), state(&with_ending(path, "-wal"))]
    }

    /// # Errors
    /// If somebody wrote.
    pub(crate) fn is_kept(&self) -> Result<(), StoreError> {
        if Self::state(&self.path) == self.state {
            return Ok(());
        }
        let why = "another program wrote to the database during the read, so the result may be wrong; run the command again";
        Err(StoreError::ReadOnly { path: self.path.clone(), why: why.to_owned() })
    }
}

/// Opens for reading only.
pub(crate) fn open_for_reading(path: &Path) -> Result<Opened, StoreError> {
    check_existing(path)?;
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let Opened { db, promise } = open_as_it_is(path)?;
    let found = check_version(&db, path)?;
    if found == VERSION {
        return Ok(Opened { db, promise });
    }
    if nobody_writes(path) {
        let why = format!("its version {found} needs a migration to {VERSION}; copy it elsewhere");
        return Err(StoreError::ReadOnly { path: path.to_path_buf(), why });
    }
    // Reports know only the current schema, so an older database is migrated first.
    drop(db);
    let mut db = Connection::open(path).map_err(open)?;
    db.busy_timeout(LOCK_WAIT).map_err(open)?;
    migrate(&mut db, path)?;
    Ok(Opened { db, promise: None })
}

fn open_as_it_is(path: &Path) -> Result<Opened, StoreError> {
    let as_ever = |db| Opened { db, promise: None };
    match read_only(path) {
        Err(StoreError::Open(_, e)) if e.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {
            if nobody_writes(path) {
                return unwritable(path);
            }
            roll_back(path)?;
            read_only(path).map(as_ever)
        }
        // The log's index cannot be made where nothing can be written.
        Err(StoreError::Open(_, e)) if e.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
            unwritable(path)
        }
        opened => opened.map(as_ever),
    }
}

fn read_only(path: &Path) -> Result<Connection, StoreError> {
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(open)?;
    db.busy_timeout(LOCK_WAIT).map_err(open)?;
    check_ours(&db, path)?;
    Ok(db)
}

/// Opens a database on a medium without writers. Without this promise nothing is read, because a new writer would not see
/// the reader's locks.
fn unwritable(path: &Path) -> Result<Opened, StoreError> {
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let refused = |why: &str| StoreError::ReadOnly { path: path.to_path_buf(), why: why.to_owned() };
    let log = with_ending(path, "-wal");
    if log.exists() && std::fs::File::open(log).is_err() {
        return Err(refused("this user may not read its log (-wal), which has further rows"));
    }
    if !nobody_writes(path) {
        return Err(refused(
            "this user may not write to its folder, but others may; run as its owner, or copy it elsewhere",
        ));
    }
    let promise = Some(Promise::of(path));
    let length = |name: &str| std::fs::metadata(with_ending(path, name)).map_or(0, |meta| meta.len());
    if length("-journal") > 0 {
        return Err(refused("an unfinished change needs a rollback; copy it elsewhere with its -journal"));
    }
    let has_log = length("-wal") > 0;
    let uri = |how: &str| format!("file:{}?mode=ro&{how}", escaped(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    // SQLite reads rows in the log with an index in memory if the connection is alone. The medium has no place for the locks
    // that this needs.
    let db = if has_log {
        let db = Connection::open_with_flags(uri("vfs=unix-none"), flags).map_err(open)?;
        db.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(())).map_err(open)?;
        db
    } else {
        Connection::open_with_flags(uri("immutable=1"), flags).map_err(open)?
    };
    match check_ours(&db, path) {
        Err(StoreError::Open(_, _)) if has_log => {
            Err(refused("its log (-wal) has further rows and cannot be read there; copy both elsewhere"))
        }
        checked => checked.map(|()| Opened { db, promise }),
    }
}

/// Returns true if nobody can write to the database during a read: on a read-only medium, to an immutable file, or in a folder without
/// write permission for its owner (a writer needs a log file there).
fn nobody_writes(path: &Path) -> bool {
    let folder = folder_of(path);
    let is_read_only = rustix::fs::statvfs(path)
        .is_ok_and(|stat| stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY));
    let is_immutable = std::fs::File::open(path).is_ok_and(|file| {
        rustix::fs::ioctl_getflags(&file).is_ok_and(|flags| flags.contains(IFlags::IMMUTABLE))
    });
    let is_closed = |path: &Path| std::fs::metadata(path).is_ok_and(|meta| meta.mode() & 0o222 == 0);
    is_read_only || is_immutable || is_closed(folder)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path within a URI, as SQLite reads it.
fn escaped(path: &Path) -> String {
    let octets = path.as_os_str().as_bytes().iter();
    octets
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(*octet).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Rolls back the unfinished change of a process that was killed while it created the database (`SQLITE_READONLY_ROLLBACK`). The first
/// reader with write permission does so.
fn roll_back(path: &Path) -> Result<(), StoreError> {
    let open = |e| StoreError::Open(path.to_path_buf(), e);
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(open)?;
    db.busy_timeout(LOCK_WAIT).map_err(open)?;
    check_ours(&db, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::schema::open_for_writing;

    #[test]
    fn a_change_that_a_killed_process_left_is_taken_back_by_the_next_reader() {
        let room = tempfile::tempdir().unwrap();
        let (living, left) = (room.path().join("living.db"), room.path().join("left.db"));
        let db = open_for_writing(&living, "key").unwrap();
        // The state before the log is switched on. A tiny cache forces page writes before the commit.
        db.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(())).unwrap();
        db.pragma_update(None, "cache_size", 2).unwrap();
        db.execute_batch(
            "BEGIN;
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             INSERT INTO meta (key, value) SELECT 'k' || i, hex(randomblob(50)) FROM n;",
        )
        .unwrap();
        std::fs::copy(&living, &left).unwrap();
        std::fs::copy(room.path().join("living.db-journal"), room.path().join("left.db-journal")).unwrap();

        assert!(read_only(&left).is_err());
        let read = open_for_reading(&left).unwrap().db;
        let left = "SELECT count(*) FROM meta WHERE key GLOB 'k[0-9]*'";
        assert_eq!(read.query_row(left, [], |r| r.get::<_, i64>(0)).unwrap(), 0);
        assert!(!room.path().join("left.db-journal").exists());
    }

    /// A properly closed database in a folder without write permission for its owner.
    fn closed(room: &tempfile::TempDir) -> PathBuf {
        let path = room.path().join("x.db");
        crate::Writer::open(&path, "key").unwrap().close().unwrap();
        path
    }

    #[test]
    fn a_database_that_is_read_on_a_promise_is_not_believed_when_it_is_broken() {
        let room = tempfile::tempdir().unwrap();
        let path = closed(&room);
        assert!(matches!(unwritable(&path), Err(StoreError::ReadOnly { .. })), "others may write to it");
        std::fs::set_permissions(room.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
        let opened = unwritable(&path);
        std::fs::set_permissions(room.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let promise = opened.unwrap().promise.unwrap();
        assert!(promise.is_kept().is_ok());
        let db = open_for_writing(&path, "key").unwrap();
        db.execute("INSERT INTO meta VALUES ('a', 'b')", []).unwrap();
        assert!(promise.is_kept().is_err());
    }

    #[test]
    fn an_odd_name_is_the_same_name_in_a_uri() {
        let room = tempfile::tempdir().unwrap();
        let path = closed(&room);
        let odd = room.path().join("a b%41?x#y\u{e9}.db");
        std::fs::rename(path, &odd).unwrap();
        std::fs::set_permissions(room.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
        let opened = unwritable(&odd);
        std::fs::set_permissions(room.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(check_version(&opened.unwrap().db, &odd).unwrap(), VERSION);
    }
}
