//! The user that the process changes to, and its files.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid};

/// Files with users and groups; those of a directory service are given as numbers.
const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// A user and a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    name: String,
    uid: u32,
    gid: u32,
}

/// An error with a user.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is no user or group with this name.
    #[error("there is no user or group {0} in {USERS} and {GROUPS}; make one with: useradd --system {0}")]
    Unknown(String),
    /// This process may not change its user.
    #[error("becoming the user {0} takes root: {1}")]
    Refused(User, io::Error),
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl User {
    /// Parses `user`, `user:group`, or numbers in place of either.
    ///
    /// # Errors
    /// [`UserError::Unknown`] if there is no such user or group.
    pub fn named(text: &str) -> Result<Self, UserError> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self::among(text, &read(USERS), &read(GROUPS))
    }

    /// Looks up a name in the text of passwd(5) and group(5).
    fn among(text: &str, users: &str, groups: &str) -> Result<Self, UserError> {
        let (name, group) = text.split_once(':').map_or((text, None), |(name, group)| (name, Some(group)));
        let unknown = |name: &str| UserError::Unknown(name.to_owned());
        let line = |table: &str, wanted: &str| -> Option<Vec<String>> {
            let mut lines = table.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let is_it = |line: &Vec<&str>| {
                line.first() == Some(&wanted) || (line.get(2) == Some(&wanted) && is_number(wanted))
            };
            lines.find(is_it).map(|line| line.into_iter().map(str::to_owned).collect())
        };
        let number = |line: &[String], at: usize| line.get(at).and_then(|text| text.parse::<u32>().ok());
        let user = line(users, name);
        let uid = match &user {
            Some(line) => number(line, 2),
            None => name.parse().ok(),
        };
        let gid = match group {
            Some(group) => {
                line(groups, group).and_then(|line| number(&line, 2)).or_else(|| group.parse().ok())
            }
            None => user.as_deref().and_then(|line| number(line, 3)),
        };
        let uid = uid.ok_or_else(|| unknown(name))?;
        // A number without an entry has no group.
        let gid = gid.ok_or_else(|| unknown(group.unwrap_or(name)))?;
        Ok(Self { name: text.to_owned(), uid, gid })
    }

    /// Changes to this user with its group only. The rights of root are dropped with it.
    pub(crate) fn take_on(&self) -> Result<(), UserError> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        // A service manager may have changed the user already.
        if (rustix::process::getuid(), rustix::process::geteuid()) == (uid, uid)
            && (rustix::process::getgid(), rustix::process::getegid()) == (gid, gid)
            && !uid.is_root()
        {
            return Ok(());
        }
        let become_it = || -> rustix::io::Result<()> {
            rustix::thread::set_thread_groups(&[])?;
            rustix::thread::set_thread_res_gid(gid, gid, gid)?;
            rustix::thread::set_thread_res_uid(uid, uid, uid)
        };
        become_it().map_err(|e| UserError::Refused(self.clone(), e.into()))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Result of [`hand_over`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handed {
    /// The file does not exist.
    Absent,
    /// The file belongs to the user, now or before.
    Done,
    /// The file is a link, has several names, or is no plain file: another user may have put it there.
    Doubtful,
}

/// Changes the owner of a file that root created.
///
/// Links are not followed, and a file with several names is refused. In a folder that the user can write to,
/// either could stand for another user's file.
///
/// The file is not opened for reading: closing it would release every lock of this process on it (fcntl(2)),
/// and an open database relies on its locks.
///
/// # Errors
/// The I/O error if the file cannot be inspected, or its owner not changed.
pub fn hand_over(path: &Path, user: &User) -> io::Result<Handed> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file: File = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::NOENT) => return Ok(Handed::Absent),
        Err(e) => return Err(e.into()),
    };
    let meta = file.metadata()?;
    if meta.uid() == user.uid && meta.gid() == user.gid {
        return Ok(Handed::Done);
    }
    if !(meta.is_file() || meta.file_type().is_socket()) || meta.nlink() != 1 {
        return Ok(Handed::Doubtful);
    }
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    rustix::fs::chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    Ok(Handed::Done)
}

/// The folder of a file.
#[must_use]
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/bash\nbellwether:x:997:996::/var/lib/bellwether:/usr/sbin/nologin\n";
    const GROUPS: &str = "root:x:0:\nvoice:x:44:\n";

    #[test]
    fn a_user_is_found_by_name_or_number_and_a_group_beside_it() {
        let found =
            |text| User::among(text, USERS, GROUPS).map(|u| (u.uid, u.gid)).map_err(|e| e.to_string());
        assert_eq!(found("bellwether"), Ok((997, 996)));
        assert_eq!(found("bellwether:voice"), Ok((997, 44)));
        assert_eq!(found("997"), Ok((997, 996)));
        assert_eq!(found("5000:6000"), Ok((5000, 6000)));
        for (text, missing) in [
            ("nobody-here", "nobody-here"),
            ("5000", "5000"),
            ("bellwether:sounds", "sounds"),
            ("", "user or group "),
        ] {
            assert!(found(text).unwrap_err().contains(missing), "{text}");
        }
    }

    #[test]
    fn links_and_files_with_a_second_name_are_not_handed_over() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("plain"), "").unwrap();
        std::fs::write(at("twice"), "").unwrap();
        std::fs::hard_link(at("twice"), at("second")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("link")).unwrap();
        let user = User { name: "other".into(), uid: 4_000_001, gid: 4_000_002 };
        assert_eq!(hand_over(&at("link"), &user).unwrap(), Handed::Doubtful);
        assert_eq!(hand_over(&at("twice"), &user).unwrap(), Handed::Doubtful);
        assert_eq!(hand_over(folder.path(), &user).unwrap(), Handed::Doubtful);
        assert_eq!(hand_over(&at("nothing"), &user).unwrap(), Handed::Absent);
        let meta = std::fs::metadata(at("plain")).unwrap();
        match hand_over(&at("plain"), &user) {
            Ok(handed) => {
                let meta = std::fs::metadata(at("plain")).unwrap();
                assert_eq!((handed, meta.uid(), meta.gid()), (Handed::Done, user.uid, user.gid));
            }
            // Without root, ownership cannot be changed, except to oneself.
            Err(e) => assert_eq!(e.kind(), io::ErrorKind::PermissionDenied),
        }
        let own = User { name: "own".into(), uid: meta.uid(), gid: meta.gid() };
        assert_eq!(hand_over(&at("second"), &own).unwrap(), Handed::Done);
    }
}
