use std::path::PathBuf;
use std::time::Duration;

use bellwether_base::UnknownSeverity;
use rusqlite::ErrorCode;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the database {}: {}", .0.display(), words(.1))]
    Open(PathBuf, rusqlite::Error),
    /// There is none.
    #[error(
        "there is no database {0}; `bellwether --db {0} replay CAPTURE` and `bellwether --db {0} sense -i IFACE` make one, and --db names another"
    )]
    Missing(PathBuf),
    /// A newer program wrote the database.
    #[error(
        "the database {path} has version {found}, this program knows up to {known}; use a newer bellwether"
    )]
    Newer {
        /// The path of the database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// An alert has a severity that only a newer program knows.
    #[error("the database holds an alert of a newer program ({0}); use a newer bellwether")]
    Severity(#[from] UnknownSeverity),
    /// The key of the database is another one.
    #[error("the database {0} was made with another key; give its key_file, or another --db")]
    OtherKey(PathBuf),
    /// The database is on a read-only place and cannot be read there.
    #[error("the database {path} cannot be read in its place: {why}")]
    ReadOnly {
        /// The path of the database.
        path: PathBuf,
        /// The reason and the remedy.
        why: String,
    },
    /// Another program held the lock for longer than `database.lock_wait_s`.
    #[error("another program has held the database {} locked for {:.1} s; earlier commits stay. End that program, or raise database.lock_wait_s", .path.display(), .waited.as_secs_f64())]
    Locked {
        /// The path of the database.
        path: PathBuf,
        /// The time of the wait.
        waited: Duration,
    },
    /// The file is no Bellwether database.
    #[error("{0} is not a database of bellwether")]
    Foreign(PathBuf),
    /// The file exists already.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {0}: {1}")]
    File(PathBuf, String),
    /// A statement failed.
    #[error("the database refused a statement: {}", words(.0))]
    /// An alert has a severity that this program does not know.
    Sql(#[from] rusqlite::Error),
    /// The report has no such column.
    #[error("this report has no column {asked}; it has {}", .known.join(", "))]
    NoSuchColumn {
        /// The unknown column.
        asked: String,
        /// The columns of the report.
        known: Vec<&'static str>,
    },
}

impl StoreError {
    /// True if another program holds the database locked.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::Open(_, e) | Self::Sql(e) => {
                matches!(e.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
            }
            _ => false,
        }
    }

    /// True if the arguments are at fault, and not the work of the program.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Missing(_)
                | Self::Newer { .. }
                | Self::OtherKey(_)
                | Self::Foreign(_)
                | Self::Exists(_)
                | Self::NoSuchColumn { .. }
        )
    }
}

fn words(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::ReadOnly) => "it is read-only".to_owned(),
        Some(ErrorCode::DatabaseBusy) => "another program is writing to it".to_owned(),
        Some(ErrorCode::NotADatabase) => "it is not a database".to_owned(),
        Some(ErrorCode::CannotOpen) => "the file or its folder cannot be opened".to_owned(),
        Some(ErrorCode::SystemIoFailure) => "the disk failed while reading or writing".to_owned(),
        _ => error.to_string(),
    }
}
