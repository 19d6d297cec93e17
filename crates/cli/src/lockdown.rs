//! What a run leaves open for itself when it gives up the rest: which files are read again, which folders are written to.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bellwether_confine::{Finding, Handed, Lock, Part, State, User, confine, folder_of, hand_over};

use crate::args::Common;
use crate::config::{AlertSettings, Config};
use crate::key::key_path;
use crate::outcome::Failure;
use crate::private::database_files;

/// Folders of everybody: of a file in them that file alone is left open, and not what lies beside it.
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

/// What a run needs when the lock is closed.
pub(crate) struct Needs<'a> {
    /// Captures that are read.
    pub(crate) captures: Vec<PathBuf>,
    /// Whether the configuration is read again, and files that it names; and whether sockets are opened.
    pub(crate) is_lasting: bool,
    /// Whether alerts go out.
    pub(crate) is_networked: bool,
    /// The user to become.
    pub(crate) user: Option<&'a str>,
}

/// What stands between the run and the rest of the system, to tell why something is out of reach.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walls {
    has_landlock: bool,
    has_other_user: bool,
}

impl Walls {
    /// Whether the lock, and nobody else's mistake, is in the way of a file: a new start could read it.
    pub(crate) fn hide(self, path: &Path) -> bool {
        let is_refused = File::open(path).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied);
        // What the system's permissions let through, Landlock keeps back.
        let is_permitted = rustix::fs::access(path, rustix::fs::Access::READ_OK).is_ok();
        is_refused && (self.has_other_user || (self.has_landlock && is_permitted))
    }
}

/// Closes the lock, before any thread is started. What is not to be had, and what is switched off, is told.
pub(crate) fn close(
    common: &Common,
    config: &Config,
    needs: Needs<'_>,
    tell: &dyn Fn(&str),
) -> Result<Walls, Failure> {
    let user = match needs.user {
        None => None,
        Some(name) => Some(User::named(name).map_err(|e| Failure::Usage(format!("sense.user: {e}")))?),
    };
    let is_kept = common.db != Path::new(":memory:");
    if let Some(user) = user.as_ref().filter(|_| is_kept) {
        hand_over_files(common, config, user, tell)?;
    }
    let mut reads: BTreeSet<PathBuf> = needs.captures.into_iter().collect();
    if needs.is_lasting {
        common.config.iter().for_each(|path| reads.extend(places(path)));
        files_of(&config.alerts).iter().for_each(|path| reads.extend(places(path)));
    }
    let lock = Lock {
        wishes: config.confine(),
        user: user.clone(),
        reads: reads.into_iter().collect(),
        writes: is_kept.then(|| folder_of(&common.db)).into_iter().collect(),
        is_networked: needs.is_networked || needs.is_lasting,
        knows_abstract_sockets: std::env::var_os("NOTIFY_SOCKET")
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"@")),
    };
    let found = confine(&lock).map_err(|e| Failure::Usage(e.to_string()))?;
    let is_held = |finding: &&Finding| matches!(finding.state, State::Held(_));
    // Who replays as an ordinary user has no right to empty what is worth nothing to it.
    if needs.is_lasting || common.is_verbose() {
        for finding in found.iter().filter(|finding| !is_held(finding)) {
            tell(&format!("the lock has a gap; {finding}"));
        }
    }
    if needs.is_lasting {
        let closed: Vec<String> = found.iter().filter(is_held).map(ToString::to_string).collect();
        let user = user.as_ref().map(|user| format!(", as the user {user}")).unwrap_or_default();
        tracing::info!(parts = closed.len(), "behind the lock{user}: {}", closed.join("; "));
    }
    let has_landlock = found.iter().filter(is_held).any(|finding| finding.part == Part::Landlock);
    Ok(Walls { has_landlock, has_other_user: user.is_some() })
}

/// The database and the key go to the user that the run becomes.
fn hand_over_files(
    common: &Common,
    config: &Config,
    user: &User,
    tell: &dyn Fn(&str),
) -> Result<(), Failure> {
    let mut files = database_files(&common.db);
    files.push(key_path(&config.key_file, &common.db));
    for path in files {
        match hand_over(&path, user) {
            Ok(Handed::Done | Handed::Absent) => {}
            Ok(Handed::Doubtful) => tell(&format!(
                "{} is a link, or has a second name: it was not handed to the user {user}",
                path.display()
            )),
            Err(e) => {
                let text = format!("{} cannot be handed to the user {user}: {e}", path.display());
                return Err(Failure::Work(text));
            }
        }
    }
    Ok(())
}

/// Files that receivers of alerts need.
pub(crate) fn files_of(alerts: &AlertSettings) -> Vec<PathBuf> {
    let named = |receiver: &crate::config::ReceiverSettings| {
        [&receiver.ca_file, &receiver.certificate_file, &receiver.key_file, &receiver.secret_file]
            .map(PathBuf::from)
    };
    alerts.receivers.iter().flat_map(named).filter(|path| !path.as_os_str().is_empty()).collect()
}

/// What must stay open for a file to be read again later, when another may have taken its place: its folder, and that which a link leads
/// to.
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
    fn of_a_file_in_a_folder_of_everybody_that_file_alone_stays_open() {
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
