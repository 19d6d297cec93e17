//! One sensor for one database: two would each judge what the other cannot see, and tell of the same alarm twice.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::outcome::Failure;

/// What the file beside the database is called that its sensor holds locked. It stays, as a lock does not survive its file, and
/// the lock ends with the process, however that ends.
pub(crate) const SUFFIX: &str = "-sensor";

/// Longest line that is read of who holds a database.
const LONGEST: u64 = 512;

/// A database that is held: it is as long as this lives.
pub(crate) struct Held {
    _file: Option<File>,
}

impl Held {
    /// Refuses if another sensor holds the database, and leaves no trace.
    pub(crate) fn look(db: &Path) -> Result<(), Failure> {
        let Some(path) = beside(db) else { return Ok(()) };
        match open(&path, OFlags::RDONLY) {
            Ok(file) => lock(db, file).map(drop),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(wrong(&path, &e)),
        }
    }

    /// Holds the database for a sensor that does this, or names who does.
    pub(crate) fn take(db: &Path, doing: &str) -> Result<Self, Failure> {
        let Some(path) = beside(db) else { return Ok(Self { _file: None }) };
        let file = open(&path, OFlags::RDWR | OFlags::CREATE).map_err(|e| wrong(&path, &e))?;
        let mut file = lock(db, file)?;
        let since = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
        let words = format!("process {}, {doing} since {since}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(words.as_bytes())).map_err(|e| wrong(&path, &e))?;
        Ok(Self { _file: Some(file) })
    }
}

/// Where the file lies; nowhere for a database in memory. A database has one file by whatever name it is opened.
fn beside(db: &Path) -> Option<PathBuf> {
    if db == Path::new(":memory:") {
        return None;
    }
    let mut name = std::fs::canonicalize(db).unwrap_or_else(|_| db.to_path_buf()).into_os_string();
    name.push(SUFFIX);
    Some(name.into())
}

/// A link is not followed: in a folder that others can write to it could lead anywhere.
fn open(path: &Path, how: OFlags) -> std::io::Result<File> {
    let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

fn lock(db: &Path, mut file: File) -> Result<File, Failure> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who has just taken it may not have said yet who it is.
            let told =
                file.seek(SeekFrom::Start(0)).and_then(|_| file.take(LONGEST).read_to_string(&mut holder));
            let holder = match holder.trim() {
                "" => "another process",
                _ if told.is_err() => "another process",
                words => words,
            };
            Err(Failure::Work(format!(
                "another sensor writes to {}: {holder}; end it, or give this one a database of its own",
                db.display()
            )))
        }
        Err(TryLockError::Error(e)) => Err(wrong(db, &e)),
    }
}

fn wrong(path: &Path, e: &std::io::Error) -> Failure {
    Failure::Work(format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_database_is_named_by_whatever_name_it_is_asked_for_and_is_gone_with_the_holder() {
        let room = tempfile::tempdir().unwrap();
        let db = room.path().join("x.db");
        std::fs::write(&db, "").unwrap();
        let link = room.path().join("other.db");
        std::os::unix::fs::symlink(&db, &link).unwrap();
        Held::look(&db).unwrap();
        assert!(!room.path().join("x.db-sensor").exists(), "a look leaves no trace");
        let held = Held::take(&db, "listening on eth0").unwrap();
        for name in [&db, &link] {
            for refusal in [Held::look(name).unwrap_err(), Held::take(name, "x").map(drop).unwrap_err()] {
                let words = refusal.shown().to_string();
                let holder = format!("process {}, listening on eth0 since ", std::process::id());
                assert!(words.contains(&holder), "{words}");
            }
        }
        drop(held);
        Held::look(&link).unwrap();
        Held::take(&link, "listening on eth1").unwrap();
    }
}
