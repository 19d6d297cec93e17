//! The second pass: copies found frames.

use std::collections::BTreeMap;
use std::io::{self, Write};

use bellwether_capture::{CaptureFormat, CaptureReader, CaptureWriter, OpenError, ReadError, Record};
use bellwether_wire::LinkType;

use crate::search::{Found, FoundFrame, Source};

/// Captures open at once; each has a buffer.
const MAX_OPEN: usize = 64;

/// The reason why frames were not copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A capture cannot be opened again.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A capture cannot be read again.
    #[error("{0}: {1}")]
    Read(String, ReadError),
    /// A capture has fewer records than in the search.
    #[error("{0} changed between the two times that it was read")]
    Changed(String),
    /// The copy cannot be written.
    #[error("cannot write the copy: {0}")]
    Write(#[from] io::Error),
}

/// Writes the found frames in order of time, as they were captured. Returns their number.
///
/// # Errors
/// [`CopyError`]. Frames before the error were written.
pub fn copy(
    inputs: &[Source],
    found: &Found,
    format: CaptureFormat,
    out: impl Write,
) -> Result<u64, CopyError> {
    let link = found.links.first().copied().unwrap_or(LinkType::Ethernet);
    let mut writer = CaptureWriter::new(out, format, link)?;
    let mut left: BTreeMap<u32, u64> = BTreeMap::new();
    for frame in &found.frames {
        *left.entry(frame.input).or_default() += 1;
    }
    let mut open: BTreeMap<u32, Place> = BTreeMap::new();
    for frame in &found.frames {
        let Some(input) = inputs.get(frame.input as usize) else { continue };
        if !open.contains_key(&frame.input) {
            if open.len() >= MAX_OPEN {
                open.pop_first();
            }
            open.insert(frame.input, Place { reader: input.open()?, next: 0 });
        }
        let Some(place) = open.get_mut(&frame.input) else { continue };
        let record = place.go_to(frame, input)?;
        writer.write(&record)?;
        if let Some(left) = left.get_mut(&frame.input) {
            *left -= 1;
            if *left == 0 {
                open.remove(&frame.input);
            }
        }
    }
    writer.finish()?;
    Ok(found.frames.len() as u64)
}

/// A capture, read up to a record.
struct Place {
    reader: CaptureReader,
    next: u64,
}

impl Place {
    /// Reads on to a frame. A capture that was closed in between is read from its start again.
    fn go_to(&mut self, frame: &FoundFrame, input: &Source) -> Result<Record<'_>, CopyError> {
        let name = || input.name();
        while self.next < frame.record {
            if self.reader.next().map_err(|e| CopyError::Read(name(), e))?.is_none() {
                return Err(CopyError::Changed(name()));
            }
            self.next += 1;
        }
        self.next += 1;
        let record = self.reader.next().map_err(|e| CopyError::Read(name(), e))?;
        record.ok_or_else(|| CopyError::Changed(name()))
    }
}
