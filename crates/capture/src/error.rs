use std::fmt;
use std::io;
use std::path::PathBuf;

/// An input that cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The operating system refused.
    Io(PathBuf, io::Error),
    /// The input has no content.
    Empty(PathBuf),
    /// Neither this reader nor libpcap recognises a capture.
    NotACapture(PathBuf, String),
    /// The folder holds no capture.
    NoCaptures(PathBuf),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, e) => write!(f, "cannot read {}: {}", path.display(), plain(e)),
            Self::Empty(path) => write!(f, "{} is empty", path.display()),
            Self::NotACapture(path, why) => write!(f, "{} is not a capture file: {why}", path.display()),
            Self::NoCaptures(path) => write!(f, "no capture file in the folder {}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

/// A read error before the end of the input. All records before it were delivered.
#[derive(Debug)]
pub struct ReadError {
    /// Number of the unreadable record, counted from 1.
    pub record: u64,
    /// Offset of the record in the uncompressed file; none if libpcap read it.
    pub offset: Option<u64>,
    /// Description of the error.
    pub reason: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.record)?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for ReadError {}

/// The operating system's error text without its error number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// libpcap's error text.
pub(crate) fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}
