//! The key file of an installation.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bellwether_base::{HashKey, with_ending};

use crate::AppError;

/// The secret of an installation.
pub struct InstallationKey([u8; 32]);

impl InstallationKey {
    /// The whole secret, for tokens.
    #[must_use]
    pub const fn secret(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key for hashes of identities and tables.
    #[must_use]
    pub fn hash_key(&self) -> HashKey {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[16..]);
        HashKey::new(bytes).derive("bellwether")
    }

    /// Reads the key, or makes one if there is none. A database in memory gets a key without a file, unless the file is there already.
    ///
    /// # Errors
    /// If the file cannot be read or made, or holds no key.
    pub fn read_or_make(key_file: &str, db: &Path, warn: &mut dyn FnMut(String)) -> Result<Self, AppError> {
        match Self::read(key_file, db, warn)? {
            Some(key) => Ok(key),
            None if is_in_memory(db) => fresh().map(Self),
            None => make(&key_path(key_file, db)),
        }
    }

    /// Parses the text of a key file: 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut key = [0; 32];
        for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The error for a database whose key is missing: another key would be of no use.
    #[must_use]
    pub fn missing(key_file: &str, db: &Path) -> AppError {
        let path = key_path(key_file, db);
        bad(&path, &format!("the file is missing, and {} needs this key", db.display()))
    }

    /// Reads the key, if there is one. `warn` gets a message about a file that others can read.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no key.
    pub fn read(key_file: &str, db: &Path, warn: &mut dyn FnMut(String)) -> Result<Option<Self>, AppError> {
        let path = key_path(key_file, db);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                warn_if_open(&path, warn);
                Self::parse(text.trim())
                    .ok_or_else(|| bad(&path, "the file must contain 64 hexadecimal digits"))
                    .map(Some)
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(bad(&path, &e.to_string())),
        }
    }
}

fn is_in_memory(db: &Path) -> bool {
    db.as_os_str() == ":memory:"
}

/// The path of a key file. A relative one starts at the folder of the database.
#[must_use]
pub fn key_path(key_file: &str, db: &Path) -> PathBuf {
    let folder = if is_in_memory(db) { Path::new("") } else { db.parent().unwrap_or(Path::new("")) };
    folder.join(key_file)
}

/// Makes a key file. The complete file gets the name last, so a killed process leaves no broken key.
fn make(path: &Path) -> Result<InstallationKey, AppError> {
    let key = fresh()?;
    let text: String = key.iter().map(|b| format!("{b:02x}")).collect();
    let wrong = |e: std::io::Error| bad(path, &format!("the file cannot be created: {e}"));
    let part = with_ending(path, &format!(".{}.part", std::process::id()));
    // A killed process that had the same number may have left one.
    let _ = std::fs::remove_file(&part);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(wrong)?;
    writeln!(file, "{text}").and_then(|()| file.sync_all()).map_err(wrong)?;
    // Unlike a rename, a link does not replace the key of another process.
    let made = std::fs::hard_link(&part, path).map_err(wrong);
    let _ = std::fs::remove_file(&part);
    made.map(|()| InstallationKey(key))
}

fn fresh() -> Result<[u8; 32], AppError> {
    let source = PathBuf::from("/dev/urandom");
    let mut key = [0; 32];
    File::open(&source).and_then(|mut f| f.read_exact(&mut key)).map_err(|e| bad(&source, &e.to_string()))?;
    Ok(key)
}

fn warn_if_open(path: &Path, warn: &mut dyn FnMut(String)) {
    let mode = std::fs::metadata(path).map(|m| m.permissions().mode()).unwrap_or(0);
    if mode & 0o077 != 0 {
        warn(format!("the key file {} can be read by others; chmod 600 it", path.display()));
    }
}

fn bad(path: &Path, why: &str) -> AppError {
    AppError::Option(format!("the key file {} cannot be used: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("x.db");
        let first = InstallationKey::read_or_make("k", &db, &mut |_| {}).unwrap();
        let mode = std::fs::metadata(folder.path().join("k")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(InstallationKey::read_or_make("k", &db, &mut |_| {}).unwrap().0, first.0);
    }

    #[test]
    fn a_bad_or_open_key_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let db = folder.path().join("x.db");
        std::fs::write(folder.path().join("k"), "12ab").unwrap();
        let mut warnings = Vec::new();
        let failure = InstallationKey::read_or_make("k", &db, &mut |w| warnings.push(w)).err().unwrap();
        assert!(failure.to_string().ends_with("the file must contain 64 hexadecimal digits"));
        assert!(warnings[0].contains("chmod 600"));
    }
}
