//! One sensor for one database. Of two, each would lack the other's packets in its scores, and both would send the same alerts.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bellwether_base::with_ending;
use rustix::fs::{Mode, OFlags};

use crate::AppError;

/// The end of the name of the lock file beside a database. The file stays, because a lock does not survive its file. The lock ends with the
/// process, however that ends.
pub const SENSOR_SUFFIX: &str = "-sensor";

/// The longest line that is read about a holder.
const MAX_LINE: u64 = 512;

/// Holds a database for one sensor until it is dropped.
#[derive(Debug)]
pub struct DatabaseHold {
    _file: Option<File>,
}

impl DatabaseHold {
    /// Checks that no other sensor holds the database, and leaves no trace.
    ///
    /// # Errors
    /// If another sensor holds it: the message names that one.
    pub fn check(db: &Path) -> Result<(), AppError> {
        let Some(path) = beside(db) else { return Ok(()) };
        match open(&path, OFlags::RDONLY) {
            Ok(file) => lock(db, file).map(drop),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(wrong(&path, &e)),
        }
    }

    /// Holds the database for a sensor. `doing` describes the sensor's work to other sensors.
    ///
    /// # Errors
    /// If another sensor holds it: the message names that one.
    pub fn take(db: &Path, doing: &str) -> Result<Self, AppError> {
        let Some(path) = beside(db) else { return Ok(Self { _file: None }) };
        let file = open(&path, OFlags::RDWR | OFlags::CREATE).map_err(|e| wrong(&path, &e))?;
        let mut file = lock(db, file)?;
        let since = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap_or_default();
        let words = format!("process {}, {doing} since {since}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(words.as_bytes())).map_err(|e| wrong(&path, &e))?;
        Ok(Self { _file: Some(file) })
    }
}

/// The path of the lock file; none for a database in memory. All names of one database lead to the same file.
fn beside(db: &Path) -> Option<PathBuf> {
    if db == Path::new(":memory:") {
        return None;
    }
    let db = std::fs::canonicalize(db).unwrap_or_else(|_| db.to_path_buf());
    Some(with_ending(&db, SENSOR_SUFFIX))
}

/// A link is not followed: in a folder that others can write to it could lead anywhere.
fn open(path: &Path, how: OFlags) -> std::io::Result<File> {
    let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

fn lock(db: &Path, mut file: File) -> Result<File, AppError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // A new holder may not have written its line yet.
            let told =
                file.seek(SeekFrom::Start(0)).and_then(|_| file.take(MAX_LINE).read_to_string(&mut holder));
            let holder = match holder.trim() {
                "" => "another process",
                _ if told.is_err() => "another process",
                words => words,
            };
            Err(AppError::Work(format!(
                "another sensor writes to {}: {holder}; end that sensor, or use another database",
                db.display()
            )))
        }
        Err(TryLockError::Error(e)) => Err(wrong(db, &e)),
    }
}

fn wrong(path: &Path, e: &std::io::Error) -> AppError {
    AppError::Work(format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_named_under_all_names_of_its_database_and_is_gone_when_it_is_dropped() {
        let room = tempfile::tempdir().unwrap();
        let db = room.path().join("x.db");
        std::fs::write(&db, "").unwrap();
        let link = room.path().join("other.db");
        std::os::unix::fs::symlink(&db, &link).unwrap();
        DatabaseHold::check(&db).unwrap();
        assert!(!room.path().join("x.db-sensor").exists(), "a look leaves no trace");
        let held = DatabaseHold::take(&db, "listening on eth0").unwrap();
        for name in [&db, &link] {
            for refusal in
                [DatabaseHold::check(name).unwrap_err(), DatabaseHold::take(name, "x").map(drop).unwrap_err()]
            {
                let words = refusal.to_string();
                let holder = format!("process {}, listening on eth0 since ", std::process::id());
                assert!(words.contains(&holder), "{words}");
            }
        }
        drop(held);
        DatabaseHold::check(&link).unwrap();
        DatabaseHold::take(&link, "listening on eth1").unwrap();
    }
}
