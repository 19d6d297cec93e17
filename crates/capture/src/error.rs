use std::io;
use std::path::PathBuf;

/// An input that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused.
    #[error("cannot read {}: {}", .0.display(), plain(.1))]
    Io(PathBuf, io::Error),
    /// The input has no content.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// Neither this reader nor libpcap recognises a capture.
    #[error("{0} is not a capture file: {1}")]
    NotACapture(PathBuf, String),
    /// The folder holds no capture.
    #[error("no capture file in the folder {0}")]
    NoCaptures(PathBuf),
}

/// A read error before the end of the input. All records before it were delivered.
#[derive(Debug, thiserror::Error)]
#[error("record {record}{}: {reason}", .offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default())]
pub struct ReadError {
    /// Number of the unreadable record, counted from 1.
    pub record: u64,
    /// Offset of the record in the uncompressed file; none if libpcap read it.
    pub offset: Option<u64>,
    /// Description of the error.
    pub reason: String,
}

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
