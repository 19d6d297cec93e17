//! What a process gives up once it has opened what it needs: capabilities, its user, core dumps, files outside of its folders, and
//! system calls that it never makes.
//!
//! All of it is per thread in the kernel and inherited by threads that are started later. So [`confine`] is called while there is one
//! thread, and refuses when there are more.

mod calls;
mod paths;
mod rights;
mod user;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use user::{Handed, User, UserError, folder_of, hand_over};

/// A part of the lock that can be switched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// No capability in any set, and an empty bounding set.
    Capabilities,
    /// No core file, and no other process that looks into the memory.
    Dumps,
    /// Files outside of the given folders are out of reach (Landlock).
    Landlock,
    /// System calls that are not on the list are refused, and those of break-ins end the process (seccomp).
    Seccomp,
}

impl Part {
    /// All, in the order in which they are closed.
    pub const ALL: [Self; 4] = [Self::Capabilities, Self::Dumps, Self::Landlock, Self::Seccomp];

    /// The name in settings and messages.
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

/// How much a part is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wish {
    /// It is left open.
    Off,
    /// It is closed where the kernel can.
    #[default]
    On,
    /// It is closed, or the process does not go on.
    Required,
}

/// What is to be closed, and what stays open.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lock {
    /// How much each part of [`Part::ALL`] is wanted, in that order.
    pub wishes: [Wish; 4],
    /// The user that the process becomes.
    pub user: Option<User>,
    /// Files and folders that are read later. Missing ones are passed over.
    pub reads: Vec<PathBuf>,
    /// Folders whose files are made, written and removed later.
    pub writes: Vec<PathBuf>,
    /// Whether sockets are opened later, and names of hosts looked up.
    pub is_networked: bool,
    /// Whether a local socket with an abstract name is written to (unix(7)); a service manager may have one.
    pub knows_abstract_sockets: bool,
}

impl Lock {
    const fn wish(&self, part: Part) -> Wish {
        self.wishes[part as usize]
    }
}

/// How it stands with a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// It is closed; in words, how far.
    Held(String),
    /// It was not wanted.
    Off,
    /// It cannot be had, or not the whole of it: why.
    Missing(String),
}

/// A part and how it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The part.
    pub part: Part,
    /// How it stands.
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

/// Why the process must not go on.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// So many threads run already, which would stay outside.
    #[error("the lock must be closed before threads are started, and {0} run")]
    Threads(usize),
    /// A part that is required cannot be had.
    #[error("the configuration requires {0}")]
    Required(Finding),
    /// The user cannot be changed.
    #[error(transparent)]
    User(UserError),
    /// The user that the process became cannot write to a folder.
    #[error("the user {1} cannot write to the folder {0}; let it own the folder")]
    Folder(PathBuf, User),
    /// The kernel refuses to promise that no right is gained any more.
    #[error("the kernel refuses no_new_privs: {0}")]
    NoNewPrivileges(io::Error),
}

/// Closes the lock around this thread and all that it starts; answers how it stands with each part.
///
/// # Errors
/// If other threads run already, a required part cannot be had, or the user cannot be changed. The process should end then: what was
/// given up before stays given up.
pub fn confine(lock: &Lock) -> Result<Vec<Finding>, ConfineError> {
    // Where the system shows no processes nothing can be counted.
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
    // The bounding set is emptied and the user changed by rights that are given up then.
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
    note(Part::Seccomp, &|| calls::restrict(lock.is_networked))?;
    Ok(found)
}

/// Tries each part in a thread that ends then, so that this process stays as it is. Core dumps cannot be tried so: they are told as held.
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
