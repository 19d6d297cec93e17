//! Files of this program hold private data. Each new file is for its owner alone, and older files lose the rights of others.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bellwether_base::with_ending;
use rustix::fs::{Mode, OFlags};

use crate::{AppError, SENSOR_SUFFIX};

/// Read and write for the owner alone.
const OWNERS: u32 = 0o600;

/// New files of this process have no rights for other users, also files of libraries.
pub fn make_all_private() {
    rustix::process::umask(Mode::from_raw_mode(0o077));
}

/// The files of a database: itself, those of SQLite, and the lock file of a sensor.
#[must_use]
pub fn database_files(db: &Path) -> Vec<PathBuf> {
    ["", "-wal", "-shm", "-journal", SENSOR_SUFFIX].map(|suffix| with_ending(db, suffix)).to_vec()
}

/// Removes the rights of other users from files, and reports each change. No database may be open yet, because closing a file releases all
/// locks of the process on that file (fcntl(2)).
pub fn tighten(files: &[PathBuf], tell: &mut dyn FnMut(String)) {
    for path in files {
        match tightened(path) {
            Ok(None) => {}
            Ok(Some(mode)) => tell(format!(
                "{} was readable by others (mode {mode:03o}); only its owner can read it now",
                path.display()
            )),
            Err(e) => {
                tell(format!("{} is readable by others, and its mode cannot be changed: {e}", path.display()))
            }
        }
    }
}

/// Returns the old mode if it had to be changed. A link stays as it is: in a folder of other users it could lead anywhere.
fn tightened(path: &Path) -> io::Result<Option<u32>> {
    let Ok(meta) = std::fs::symlink_metadata(path) else { return Ok(None) };
    let is_wide = |meta: &std::fs::Metadata| meta.is_file() && meta.mode() & 0o077 != 0;
    if !is_wide(&meta) {
        return Ok(None);
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    tighten_open(&File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

fn tighten_open(file: &File) -> io::Result<Option<u32>> {
    let meta = file.metadata()?;
    let mode = meta.mode() & 0o777;
    if !meta.is_file() || mode & 0o077 == 0 {
        return Ok(None);
    }
    file.set_permissions(PermissionsExt::from_mode(OWNERS))?;
    Ok(Some(mode))
}

/// Writes a file for its owner alone, and replaces the content of an older one. A device or a pipe keeps its rights.
///
/// # Errors
/// If the file cannot be made or written.
pub fn write(path: &Path, text: &[u8], tell: &mut dyn FnMut(String)) -> Result<(), AppError> {
    let wrong = |e: io::Error| AppError::Work(format!("{}: {e}", path.display()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(OWNERS).open(path).map_err(wrong)?;
    if let Some(mode) = tighten_open(&file).map_err(wrong)? {
        tell(format!(
            "{} was readable by others (mode {mode:03o}); only its owner can read it now",
            path.display()
        ));
    }
    file.write_all(text).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn files_that_others_can_read_are_tightened_once_and_links_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, mode) in [("x.db", 0o644), ("x.db-wal", 0o660), ("x.db-shm", 0o600), ("foreign", 0o644)] {
            std::fs::write(at(name), "").unwrap();
            std::fs::set_permissions(at(name), PermissionsExt::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink(at("foreign"), at("x.db-journal")).unwrap();
        let mut told = Vec::new();
        for _ in 0..2 {
            tighten(&database_files(&at("x.db")), &mut |text| told.push(text));
        }
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("mode 644") && told[1].contains("mode 660"), "{told:?}");
        let modes = ["x.db", "x.db-wal", "x.db-shm", "foreign"].map(|name| mode(&at(name)));
        assert_eq!(modes, [0o600, 0o600, 0o600, 0o644]);
    }

    #[test]
    fn a_written_file_is_for_its_owner_even_if_an_older_one_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, "longer than what follows").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        let mut told = Vec::new();
        write(&path, b"new", &mut |text| told.push(text)).unwrap();
        assert_eq!((std::fs::read(&path).unwrap(), mode(&path), told.len()), (b"new".to_vec(), 0o600, 1));
        write(Path::new("/dev/null"), b"new", &mut |text| told.push(text)).unwrap();
        assert_eq!(told.len(), 1);
    }
}
