use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why an input cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The operating system says no.
    Io(PathBuf, io::Error),
    /// There is nothing in it.
    Empty(PathBuf),
    /// It is no capture, as far as this reader and libpcap can tell.
    NotACapture(PathBuf, String),
    /// A folder without any capture in it.
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

/// Why reading stopped before the end. Everything before that point was delivered.
#[derive(Debug)]
pub struct ReadError {
    /// The record that could not be read, counted from 1.
    pub record: u64,
    /// Where it begins, in octets of the (uncompressed) file; none if libpcap read it.
    pub offset: Option<u64>,
    /// What is wrong.
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

/// The operating system's words without its error number.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

/// libpcap's own words.
pub(crate) fn words(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}
