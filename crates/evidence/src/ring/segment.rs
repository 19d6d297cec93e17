//! One segment while it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bellwether_base::{Span, Timestamp};
use bellwether_capture::{CaptureFormat, CaptureWriter, Record};

use super::folder::path_of;
use super::seal::{RingKey, Sealer};

/// Octets that are written at once.
const CHUNK: usize = 64 << 10;

/// Segments that begin at one time.
const MAX_TWINS: i64 = 1000;

/// A pcapng file, encrypted in chunks if there is a key.
pub(super) struct SegmentWriter {
    capture: CaptureWriter<Chunks>,
    pub(super) first: Timestamp,
}

struct Chunks {
    file: File,
    sealer: Option<Sealer>,
    waiting: Vec<u8>,
    written: u64,
}

impl Write for Chunks {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(octets);
        Ok(octets.len())
    }

    /// Writes a chunk. It ends with a whole record.
    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let octets = std::mem::take(&mut self.waiting);
        let octets = match &mut self.sealer {
            Some(sealer) => sealer.seal(octets)?,
            None => octets,
        };
        self.written += octets.len() as u64;
        self.file.write_all(&octets)
    }
}

impl SegmentWriter {
    /// Begins a segment with the time of its first frame.
    pub(super) fn create(folder: &Path, first: &Record<'_>, key: Option<&RingKey>) -> io::Result<Self> {
        let mut file = new_file(folder, first.at)?;
        let mut sealer = None;
        if let Some(key) = key {
            let (new, header) = Sealer::new(key)?;
            file.write_all(&header)?;
            sealer = Some(new);
        }
        let chunks = Chunks { file, sealer, waiting: Vec::new(), written: 0 };
        let capture = CaptureWriter::new(chunks, CaptureFormat::PcapNg, first.link)?;
        Ok(Self { capture, first: first.at })
    }

    pub(super) fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.capture.write(record)?;
        if self.capture.inner().waiting.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.capture.flush()
    }

    /// Octets of the file with those that wait.
    pub(super) fn len(&self) -> u64 {
        let chunks = self.capture.inner();
        chunks.written + chunks.waiting.len() as u64
    }
}

/// A file for a segment. A run that reads the same frames again continues beside the files of the earlier one.
fn new_file(folder: &Path, first: Timestamp) -> io::Result<File> {
    for later in 0..MAX_TWINS {
        let path = path_of(folder, first + Span::from_nanos(later));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened,
        }
    }
    Err(io::Error::other("the folder has too many segments of one time"))
}
