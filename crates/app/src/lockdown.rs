//! The lock: before its first thread and its first packet, a run gives up all unneeded rights.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bellwether_confine::{Finding, Handed, Lock, Part, State, User, Wish, confine, folder_of, hand_over};

use crate::private::database_files;
use crate::{AppError, key_path};

/// Folders that all programs share. For a file in such a folder, access is granted to the file alone and not to the folder.
const SHARED: [&str; 17] = [
    "/",
    "/etc",
    "/usr",
    "/usr/local",
    "/usr/local/etc",
    "/home",
    "/root",
    "/var",
    "/var/lib",
    "/var/tmp",
    "/tmp",
    "/opt",
    "/run",
    "/srv",
    "/boot",
    "/dev",
    "/proc",
];

/// The walls between the run and the rest of the system. They explain why a file is out of reach.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walls {
    has_landlock: bool,
    has_other_user: bool,
}

impl Walls {
    /// Returns true if only the lock keeps a file from the run: a new start could read it.
    #[must_use]
    pub fn hide(self, path: &Path) -> bool {
        let is_refused = File::open(path).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied);
        // If the system's permissions let the file through, Landlock keeps it back.
        let is_permitted = rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
        is_refused && (self.has_other_user || (self.has_landlock && is_permitted))
    }
}

/// The needs of a run behind the lock.
pub struct LockOptions<'a> {
    /// The database. Its folder stays open for writing.
    pub db: &'a Path,
    /// The key file ([`key_path`]).
    pub key_file: &'a str,
    /// The wish for each part of the lock, in the order of [`Part::ALL`].
    pub wishes: [Wish; 4],
    /// The user to become.
    pub user: Option<User>,
    /// Files that are read once.
    pub reads: Vec<PathBuf>,
    /// Files that are read again later: other files may have taken their places then.
    pub reads_again: Vec<PathBuf>,
    /// Folders to write to, beside the database's.
    pub writes: Vec<PathBuf>,
    /// True if the run opens sockets.
    pub is_networked: bool,
    /// True if the run serves connections over HTTP.
    pub is_server: bool,
}

/// Closes the lock, and returns the state of each of its parts. The process must have one thread: all later ones inherit the lock.
///
/// # Errors
/// If a required part of the lock cannot be had, or a file cannot be handed to the user.
pub fn close_lock(options: LockOptions<'_>, tell: &dyn Fn(&str)) -> Result<(Walls, Vec<Finding>), AppError> {
    let is_kept = options.db != Path::new(":memory:");
    if let Some(user) = options.user.as_ref().filter(|_| is_kept) {
        hand_over_files(&options, user, tell)?;
    }
    let mut reads: BTreeSet<PathBuf> = options.reads.into_iter().collect();
    options.reads_again.iter().for_each(|path| reads.extend(places(path)));
    let has_other_user = options.user.is_some();
    let lock = Lock {
        wishes: options.wishes,
        user: options.user,
        reads: reads.into_iter().collect(),
        writes: is_kept.then(|| folder_of(options.db)).into_iter().chain(options.writes).collect(),
        is_networked: options.is_networked,
        is_server: options.is_server,
        knows_abstract_sockets: std::env::var_os("NOTIFY_SOCKET")
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"@")),
    };
    let findings = confine(&lock).map_err(|e| AppError::Option(e.to_string()))?;
    let is_held =
        |finding: &Finding| finding.part == Part::Landlock && matches!(finding.state, State::Held(_));
    let has_landlock = findings.iter().any(is_held);
    Ok((Walls { has_landlock, has_other_user }, findings))
}

/// Makes the future user of the run the owner of database and key.
fn hand_over_files(options: &LockOptions<'_>, user: &User, tell: &dyn Fn(&str)) -> Result<(), AppError> {
    let mut files = database_files(options.db);
    files.push(key_path(options.key_file, options.db));
    files.extend(bellwether_answers::socket_path(options.db));
    for path in files {
        match hand_over(&path, user) {
            Ok(Handed::Done | Handed::Absent) => {}
            Ok(Handed::Doubtful) => tell(&format!(
                "{} is a link or has a second name, so the user {user} was not made its owner",
                path.display()
            )),
            Err(e) => {
                let text = format!("{} cannot be given to the user {user}: {e}", path.display());
                return Err(AppError::Work(text));
            }
        }
    }
    Ok(())
}

/// The paths that must stay open for a second read after the file was replaced: its folder, and the folder of a link's
/// target.
fn places(path: &Path) -> Vec<PathBuf> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let place = |path: &Path| {
        let folder = folder_of(path);
        let is_shared = std::fs::canonicalize(&folder)
            .map_or(true, |whole| SHARED.iter().any(|shared| Path::new(shared) == whole));
        if is_shared { path.to_path_buf() } else { folder }
    };
    vec![place(path), place(&target)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_file_in_a_shared_folder_that_file_alone_stays_open() {
        assert_eq!(places(Path::new("/etc/passwd")), ["/etc/passwd", "/etc/passwd"].map(PathBuf::from));
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::fs::create_dir(&link).unwrap();
        std::fs::write(real.join("c.toml"), "").unwrap();
        std::os::unix::fs::symlink(real.join("c.toml"), link.join("c.toml")).unwrap();
        let whole = std::fs::canonicalize(&real).unwrap();
        assert_eq!(places(&link.join("c.toml")), [link, whole]);
    }
}
