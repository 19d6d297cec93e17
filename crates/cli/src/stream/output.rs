//! Targets of a stream.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_app::Stop;
use bellwether_base::{Shown, with_ending};
use rustix::fs::FlockOperation;

use crate::notes::tell_operator;
use crate::out;
use crate::outcome::Failure;

/// Longest wait for a socket's reader.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

/// The time before another try.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The part at the end of a file in which an unfinished line begins. Longer than any line.
const LONGEST_LINE: u64 = 1 << 20;

/// How files are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileOptions {
    /// Size in octets before which a new file is begun; 0 for any size.
    pub(super) limit: u64,
    /// Full files that are kept.
    pub(super) keep: u32,
    /// True if the group may read.
    pub(super) is_for_group: bool,
}

/// The target of a stream.
pub(super) enum Output {
    Standard,
    File(Rotating),
    Socket { path: PathBuf, to: Option<UnixStream> },
}

impl Output {
    /// Opens a target by its name. A socket may come later.
    pub(super) fn open(name: &str, options: FileOptions) -> Result<Self, Failure> {
        Ok(match (name, name.strip_prefix("unix:")) {
            ("-", _) => Self::Standard,
            (_, Some(path)) => Self::Socket { path: PathBuf::from(path), to: None },
            _ => Self::File(
                Rotating::open(Path::new(name), options)
                    .map_err(|e| Failure::Usage(format!("--to {name}: {e}")))?,
            ),
        })
    }

    /// The file of a stream to a file.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(&file.path),
            _ => None,
        }
    }

    /// Writes whole lines. A target that fails is tried again until it takes them, or until the run is to end: then false. After a failure
    /// a socket may get lines twice.
    pub(super) fn write(&mut self, lines: &Shown, stop: &Stop) -> Result<bool, Failure> {
        let mut is_told = false;
        loop {
            let (name, tried) = match self {
                Self::Standard => return Ok(out::page(lines).map(|()| true)?),
                Self::File(file) => {
                    let tried = file.write(lines.as_str().as_bytes());
                    (&file.path, tried)
                }
                Self::Socket { path, to } => {
                    let tried = send(path, to, lines.as_str().as_bytes());
                    (&*path, tried)
                }
            };
            match tried {
                Ok(()) => return Ok(true),
                Err(_) if stop.is_asked() => return Ok(false),
                Err(e) if !is_told => {
                    is_told = true;
                    tell_operator(&format!(
                        "{}: {e}; the stream waits, and nothing is lost meanwhile",
                        name.display()
                    ));
                }
                Err(_) => {}
            }
            stop.wait(RETRY_AFTER);
        }
    }
}

/// Sends lines over a connection, which is made if there is none.
fn send(path: &Path, to: &mut Option<UnixStream>, lines: &[u8]) -> io::Result<()> {
    let mut connection = match to.take() {
        Some(connection) => connection,
        None => {
            let connection = UnixStream::connect(path)?;
            connection.set_write_timeout(Some(WRITE_WITHIN))?;
            connection
        }
    };
    connection.write_all(lines)?;
    *to = Some(connection);
    Ok(())
}

/// A file that is set aside when it is full: FILE.1 is the latest full one.
pub(super) struct Rotating {
    path: PathBuf,
    file: File,
    /// Octets in whole lines.
    length: u64,
    options: FileOptions,
}

impl Rotating {
    fn open(path: &Path, options: FileOptions) -> io::Result<Self> {
        let mode = if options.is_for_group { 0o640 } else { 0o600 };
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(mode).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no regular file"));
        }
        // Two streams would write each event twice, and set the file aside under each other's hands.
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(io::ErrorKind::WouldBlock, "another stream writes it"))?;
        // The mask of this process takes the group's rights away.
        file.set_permissions(PermissionsExt::from_mode(mode))?;
        let length = length_of_lines(&mut file)?;
        file.set_len(length)?;
        Ok(Self { path: path.to_owned(), file, length, options })
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        // Another program may have set the file aside.
        if std::fs::metadata(&self.path).ok().map(identity) != Some(identity(self.file.metadata()?)) {
            *self = Self::open(&self.path, self.options)?;
        }
        let limit = self.options.limit;
        if limit > 0 && self.length > 0 && self.length + lines.len() as u64 > limit {
            self.set_aside()?;
        }
        if let Err(e) = self.file.write_all(lines) {
            // The lines come again, whole.
            self.file.set_len(self.length)?;
            return Err(e);
        }
        self.length += lines.len() as u64;
        Ok(())
    }

    fn set_aside(&mut self) -> io::Result<()> {
        let numbered = |number: u32| with_ending(&self.path, &format!(".{number}"));
        for number in (1..self.options.keep).rev() {
            match std::fs::rename(numbered(number), numbered(number + 1)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        if self.options.keep == 0 {
            std::fs::remove_file(&self.path)?;
        } else {
            std::fs::rename(&self.path, numbered(1))?;
        }
        *self = Self::open(&self.path, self.options)?;
        Ok(())
    }
}

fn identity(meta: std::fs::Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Length of a file without the unfinished line that a crash may have left at its end.
fn length_of_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|octet| *octet == b'\n');
    Ok(from + whole.map_or(0, |place| place as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn a_full_file_is_set_aside_with_whole_lines_and_the_oldest_one_goes() {
        let room = tempfile::tempdir().unwrap();
        let options = FileOptions { limit: 10, keep: 2, is_for_group: true };
        let mut file = Rotating::open(&room.path().join("x"), options).unwrap();
        for line in ["first1\n", "2\n", "third3\n", "a line that is longer than a file\n", "5\n"] {
            file.write(line.as_bytes()).unwrap();
        }
        let texts = ["x", "x.1", "x.2", "x.3"].map(|name| text(room.path(), name));
        assert_eq!(texts, ["5\n", "a line that is longer than a file\n", "third3\n", ""]);
        let mode = std::fs::metadata(room.path().join("x")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[test]
    fn an_unfinished_line_goes_and_a_file_that_another_program_moved_is_begun_anew() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("x");
        std::fs::write(&path, "whole\nhal").unwrap();
        let options = FileOptions { limit: 0, keep: 2, is_for_group: false };
        let mut file = Rotating::open(&path, options).unwrap();
        file.write(b"next\n").unwrap();
        assert_eq!(text(room.path(), "x"), "whole\nnext\n");
        std::fs::rename(&path, room.path().join("moved")).unwrap();
        file.write(b"new\n").unwrap();
        assert_eq!(
            (text(room.path(), "x"), text(room.path(), "moved")),
            ("new\n".to_owned(), "whole\nnext\n".to_owned())
        );
        assert!(Rotating::open(&path, options).is_err_and(|e| e.to_string() == "another stream writes it"));
        assert!(Rotating::open(Path::new("/dev/null"), options).is_err());
    }
}
