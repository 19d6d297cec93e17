//! Reduces the rights of the process after its start: capabilities, user, core dumps, files outside its
//! folders, and unused system calls.
//!
//! The kernel applies these restrictions per thread, and new threads inherit them. [`confine`] is therefore
//! called while only one thread runs, and refuses otherwise.
//!
//! This crate must never know traffic, calls or the configuration file: the caller names folders, user and
//! wishes.
//!
//! The call cannot be undone, so this example is compiled and not run:
//!
//! ```no_run
//! use bellwether_confine::{Lock, confine};
//!
//! let lock = Lock { writes: vec!["/var/lib/bellwether".into()], is_networked: true, ..Lock::default() };
//! for finding in confine(&lock)? {
//!     println!("{finding}");
//! }
//! # Ok::<(), bellwether_confine::ConfineError>(())
//! ```

mod calls;
mod paths;
mod rights;
mod user;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use user::{Handed, User, UserError, folder_of, hand_over};

/// A restriction that can be switched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// No capability in any set, and an empty bounding set.
    Capabilities,
    /// No core file, and no access to the memory by other processes.
    Dumps,
    /// Files outside the given folders are not accessible (Landlock).
    Landlock,
    /// System calls outside the allowlist are refused, and typical exploit calls end the process (seccomp).
    Seccomp,
}

impl Part {
    /// All parts, in the order in which they are applied.
    pub const ALL: [Self; 4] = [Self::Capabilities, Self::Dumps, Self::Landlock, Self::Seccomp];

    /// Name in settings and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::Dumps => "dumps",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
        }
    }
}

/// The configured level of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    /// The part is not applied.
    Off,
    /// The part is applied if the kernel supports it.
    #[default]
    On,
    /// The part is applied, or the process ends.
    Required,
}

/// The restrictions to apply, and their exceptions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lock {
    /// Level of each part, in the order of [`Part::ALL`].
    pub wishes: [Wish; 4],
    /// The user to change to.
    pub user: Option<User>,
    /// Files and folders that are read later. Missing ones are skipped.
    pub reads: Vec<PathBuf>,
    /// Folders in which files are created, written and removed later.
    pub writes: Vec<PathBuf>,
    /// True if sockets are opened and host names are resolved later.
    pub is_networked: bool,
    /// True if the process serves many connections on one thread.
    pub is_server: bool,
    /// True if a local socket with an abstract name is written to (unix(7)), as some service managers use.
    pub knows_abstract_sockets: bool,
}

impl Lock {
    const fn wish(&self, part: Part) -> Wish {
        self.wishes[part as usize]
    }
}

/// State of a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// Applied, with a description.
    Held(String),
    /// Switched off.
    Off,
    /// Not available, or only in part, with the reason.
    Missing(String),
}

/// A part and its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The part.
    pub part: Part,
    /// Its state.
    pub state: State,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.part.name();
        match &self.state {
            State::Held(how) => write!(f, "{name}: {how}"),
            State::Off => write!(f, "{name}: switched off"),
            State::Missing(why) => write!(f, "{name}: not wholly to be had here: {why}"),
        }
    }
}

/// An error after which the process must end.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// This number of threads runs already; they would stay unrestricted.
    #[error("the lock must be closed before threads are started, and {0} run")]
    Threads(usize),
    /// A required part is not available.
    #[error("the configuration requires {0}")]
    Required(Finding),
    /// The user cannot be changed.
    #[error(transparent)]
    User(UserError),
    /// The new user cannot write to a folder.
    #[error("the user {1} cannot write to the folder {0}; let it own the folder")]
    Folder(PathBuf, User),
    /// The kernel refused no_new_privs, which prevents gaining rights.
    #[error("the kernel refuses no_new_privs: {0}")]
    NoNewPrivileges(io::Error),
}

/// Applies the restrictions to this thread and to all threads that it starts. Returns the state of each part.
///
/// # Errors
/// [`ConfineError`] if other threads run already, a required part is not available, or the user cannot be
/// changed. The process should end then: restrictions that were applied before the error remain.
pub fn confine(lock: &Lock) -> Result<Vec<Finding>, ConfineError> {
    // Without /proc the threads cannot be counted.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > 1 {
        return Err(ConfineError::Threads(threads));
    }
    close(lock)
}

fn close(lock: &Lock) -> Result<Vec<Finding>, ConfineError> {
    let mut found = Vec::new();
    let mut note = |part: Part, close: &dyn Fn() -> Result<String, String>| {
        let wish = lock.wish(part);
        let state = match wish {
            Wish::Off => State::Off,
            Wish::On | Wish::Required => close().map_or_else(State::Missing, State::Held),
        };
        let finding = Finding { part, state };
        if wish == Wish::Required && matches!(finding.state, State::Missing(_)) {
            return Err(ConfineError::Required(finding));
        }
        found.push(finding);
        Ok(())
    };
    // These two steps need rights that are dropped afterwards.
    let bounding = if lock.wish(Part::Capabilities) == Wish::Off { Ok(()) } else { rights::empty_bounding() };
    if let Some(user) = &lock.user {
        user.take_on().map_err(ConfineError::User)?;
        let may_write = |folder: &&PathBuf| {
            rustix::fs::access(folder.as_path(), rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
                .is_err()
        };
        if let Some(folder) = lock.writes.iter().find(may_write) {
            return Err(ConfineError::Folder(folder.clone(), user.clone()));
        }
    }
    note(Part::Capabilities, &|| rights::drop_all(&bounding))?;
    note(Part::Dumps, &rights::forbid_dumps)?;
    rustix::thread::set_no_new_privs(true).map_err(|e| ConfineError::NoNewPrivileges(e.into()))?;
    note(Part::Landlock, &|| paths::restrict(lock))?;
    note(Part::Seccomp, &|| calls::restrict(lock.is_networked, lock.is_server))?;
    Ok(found)
}

/// Tests each part in a temporary thread, so that this process stays unrestricted. Core dumps cannot be
/// tested in this way and are reported as applied.
#[must_use]
pub fn try_out(folder: &Path) -> Vec<Finding> {
    let lock = Lock {
        writes: vec![folder.to_path_buf()],
        wishes: [Wish::Off, Wish::Off, Wish::On, Wish::On],
        is_networked: true,
        ..Lock::default()
    };
    let tried = std::thread::spawn(move || close(&lock)).join();
    let untold = |part| Finding { part, state: State::Missing("the trial failed".to_owned()) };
    let mut found = match tried {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) => Part::ALL.map(untold).to_vec(),
    };
    for finding in &mut found {
        match finding.part {
            Part::Capabilities => {
                finding.state = rights::could_drop_all().map_or_else(State::Missing, State::Held);
            }
            Part::Dumps => finding.state = State::Held(rights::NO_DUMPS.to_owned()),
            Part::Landlock | Part::Seccomp => {}
        }
    }
    found
}
