use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bellwether_base::Timestamp;

use crate::{CaptureReader, OpenError};

/// One input of a replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// A capture file, and the time of its first record.
    File(PathBuf, Timestamp),
    /// Standard input.
    StandardInput,
}

impl Input {
    /// Name in messages and in the database.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path, _) => path.display().to_string(),
            Self::StandardInput => "-".to_owned(),
        }
    }

    /// Time of the first record. Standard input has none before it is read, and sorts last.
    #[must_use]
    pub const fn first_at(&self) -> Timestamp {
        match self {
            Self::File(_, at) => *at,
            Self::StandardInput => Timestamp::MAX,
        }
    }

    /// Opens the input.
    ///
    /// # Errors
    /// [`OpenError`] if it cannot be read or is no capture.
    pub fn open(&self) -> Result<CaptureReader, OpenError> {
        match self {
            Self::File(path, _) => CaptureReader::open(path),
            Self::StandardInput => CaptureReader::standard_input(),
        }
    }

    /// Size on disk; none for standard input.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path, _) => std::fs::metadata(path).ok().map(|m| m.len()),
            Self::StandardInput => None,
        }
    }
}

/// Resolves command-line arguments to inputs, in order of their first record's time. A folder gives the
/// captures in it, and other files there are skipped. `-` gives standard input, which comes last.
///
/// # Errors
/// [`OpenError`] for the first argument that cannot be opened, or is a folder without captures.
pub fn expand(arguments: &[PathBuf]) -> Result<Vec<Input>, OpenError> {
    let mut files = Vec::new();
    let mut has_standard_input = false;
    for argument in arguments {
        if argument.as_os_str() == "-" {
            has_standard_input = true;
        } else if argument.is_dir() {
            let found = folder(argument)?;
            if found.is_empty() {
                return Err(OpenError::NoCaptures(argument.clone()));
            }
            files.extend(found);
        } else {
            files.push((first_time(argument)?, argument.clone()));
        }
    }
    files.sort();
    files.dedup_by(|a, b| a.1 == b.1);
    let mut inputs: Vec<Input> = files.into_iter().map(|(at, path)| Input::File(path, at)).collect();
    inputs.extend(has_standard_input.then_some(Input::StandardInput));
    Ok(inputs)
}

fn folder(path: &Path) -> Result<Vec<(Timestamp, PathBuf)>, OpenError> {
    let io = |e| OpenError::Io(path.to_path_buf(), e);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io)? {
        let file = entry.map_err(io)?.path();
        if file.is_file() {
            match first_time(&file) {
                Ok(at) => found.push((at, file)),
                Err(OpenError::NotACapture(..) | OpenError::Empty(_)) => {}
                Err(e) => return Err(e),
            }
        }
    }
    Ok(found)
}

/// Captures in a folder to which other programs add files, for example one per hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrowingFolder {
    folder: PathBuf,
    /// Files that were returned already, or that cannot be read while they grow.
    seen: BTreeSet<PathBuf>,
}

impl GrowingFolder {
    /// Watches a folder, including the captures that are in it now.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), seen: BTreeSet::new() }
    }

    /// Opens the capture with the earliest first record among those not returned yet; none if there is none
    /// now. A file without content is checked again later.
    ///
    /// # Errors
    /// [`OpenError`] if the folder cannot be read, or if a capture cannot be read while it grows. Such a
    /// capture is skipped from then on.
    pub fn next_capture(&mut self) -> Result<Option<(PathBuf, CaptureReader)>, OpenError> {
        let io = |e| OpenError::Io(self.folder.clone(), e);
        let mut first: Option<(Timestamp, PathBuf)> = None;
        for entry in std::fs::read_dir(&self.folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if self.seen.contains(&path) || !path.is_file() {
                continue;
            }
            match first_time(&path) {
                Ok(at) => {
                    let found = (at, path);
                    if first.as_ref().is_none_or(|first| found < *first) {
                        first = Some(found);
                    }
                }
                // The file may be incomplete, or removed in the meantime.
                Err(OpenError::Empty(_) | OpenError::NotACapture(..)) => {}
                Err(OpenError::Io(_, e)) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => {
                    self.seen.insert(path);
                    return Err(e);
                }
            }
        }
        let Some((_, path)) = first else { return Ok(None) };
        self.seen.insert(path.clone());
        CaptureReader::open_growing(&path).map(|reader| Some((path, reader)))
    }
}

/// A capture with an unreadable first record sorts first; its replay reports the error.
fn first_time(path: &Path) -> Result<Timestamp, OpenError> {
    let mut reader = CaptureReader::open(path)?;
    Ok(reader.next().ok().flatten().map_or(Timestamp::default(), |record| record.at))
}
