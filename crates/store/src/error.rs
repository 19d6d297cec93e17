use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bellwether_base::UnknownSeverity;
use rusqlite::ErrorCode;

/// Why the database cannot be used.
#[derive(Debug)]
pub enum StoreError {
    /// It cannot be opened.
    Open(PathBuf, rusqlite::Error),
    /// There is none.
    Missing(PathBuf),
    /// It was written by a newer program.
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// Its tokens were made with another key.
    OtherKey(PathBuf),
    /// It lies where nothing can be written, and cannot be read as it is there.
    ReadOnly {
        /// Where it is.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// Another program held it locked for longer than is waited.
    Locked {
        /// Where it is.
        path: PathBuf,
        /// For how long was waited.
        waited: Duration,
    },
    /// It is no database of ours.
    Foreign(PathBuf),
    /// It is there already.
    Exists(PathBuf),
    /// A file cannot be written.
    File(PathBuf, String),
    /// A statement failed.
    Sql(rusqlite::Error),
    /// An alert has a severity that this program does not know.
    Severity(UnknownSeverity),
    /// The report has no such column.
    NoSuchColumn {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<&'static str>,
    },
}

impl StoreError {
    /// Whether another program holds the database locked.
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

    /// Whether the fault lies in how the program was called rather than in its work.
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

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, e) => write!(f, "cannot open the database {}: {}", path.display(), words(e)),
            Self::Missing(path) => {
                write!(f, "there is no database {}; `bellwether replay` makes one", path.display())
            }
            Self::Newer { path, found, known } => write!(
                f,
                "the database {} has version {found}, this program knows up to {known}; use a newer bellwether",
                path.display()
            ),
            Self::OtherKey(path) => write!(
                f,
                "the database {} was made with another key; give its key_file, or another --db",
                path.display()
            ),
            Self::ReadOnly { path, why } => {
                write!(f, "the database {} cannot be read where it lies: {why}", path.display())
            }
            Self::Locked { path, waited } => write!(
                f,
                "another program has held the database {} locked for {:.1} s; what was committed before stays. End that program, or \
                 raise database.lock_wait_s",
                path.display(),
                waited.as_secs_f64()
            ),
            Self::Foreign(path) => write!(f, "{} is not a database of bellwether", path.display()),
            Self::Exists(path) => write!(f, "{} is there already", path.display()),
            Self::File(path, e) => write!(f, "cannot write {}: {e}", path.display()),
            Self::Sql(e) => write!(f, "the database refused a statement: {}", words(e)),
            Self::Severity(e) => {
                write!(f, "the database holds an alert of a newer program ({e}); use a newer bellwether")
            }
            Self::NoSuchColumn { asked, known } => {
                write!(f, "this report has no column {asked}; it has {}", known.join(", "))
            }
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

impl From<UnknownSeverity> for StoreError {
    fn from(e: UnknownSeverity) -> Self {
        Self::Severity(e)
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
