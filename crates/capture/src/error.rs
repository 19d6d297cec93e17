use std::io;
use std::path::PathBuf;

/// Why an input cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system says no.
    #[error("cannot read {}: {}", .0.display(), plain(.1))]
    Io(PathBuf, io::Error),
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// It is no capture, as far as this reader and libpcap can tell.
    #[error("{0} is not a capture file: {1}")]
    NotACapture(PathBuf, String),
    /// A folder without any capture in it.
    #[error("no capture file in the folder {0}")]
    NoCaptures(PathBuf),
}

/// Why reading stopped before the end. Everything before that point was delivered.
#[derive(Debug, thiserror::Error)]
#[error("record {record}{}: {reason}", .offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default())]
pub struct ReadError {
    /// The record that could not be read, counted from 1.
    pub record: u64,
    /// Where it begins, in octets of the (uncompressed) file; none if libpcap read it.
    pub offset: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

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
