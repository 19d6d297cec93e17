//! A bounded ring of signalling packets on disk.
//!
//! One thread reads the frames that a sensor taps, keeps those that carry SIP, and writes them to segments. Media never
//! gets there: a fragment or a segment of TCP is held in memory until it is known what it carries.

mod folder;
mod seal;
mod segment;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_base::{Span, Timestamp};
use bellwether_capture::{CaptureReader, OpenError, Record};
use bellwether_sensor::{Tapped, TappedFrames};
use bellwether_wire::{LinkType, TunnelPorts};

use crate::scanner::{Content, Scanner};
use crate::search::FoundFrame;

pub use folder::{Segment, segments, segments_between};
pub use seal::RingKey;
use segment::SegmentWriter;

/// Segments that the bounds of size and age are divided into.
const PARTS: u32 = 16;

/// Largest segment: it is read into memory as a whole.
const MAX_SEGMENT: u64 = 64 << 20;

/// Least segment, so that small rings are no heap of files.
const MIN_SEGMENT: u64 = 256 << 10;

/// Time that a frame is held until the message that it carries is complete: longer than fragments wait (30 s).
const HELD: Span = Span::from_secs(35);

/// Octets of held frames.
const MAX_HELD: usize = 32 << 20;

/// Time after which waiting frames are written.
const WRITE_EVERY: Duration = Duration::from_millis(500);

/// The ring of an installation.
pub struct RingOptions {
    /// Its folder.
    pub folder: PathBuf,
    /// Octets of all segments.
    pub max_bytes: u64,
    /// Age of the oldest frames; none without a bound.
    pub max_age: Option<Span>,
    /// Encrypts the segments.
    pub key: Option<RingKey>,
    /// Ports of tunnels.
    pub tunnels: TunnelPorts,
}

/// Keeps tapped frames until the run is over.
///
/// # Errors
/// If a segment cannot be written. Frames that follow are then counted as not kept by the run.
pub fn write_ring(frames: &TappedFrames, options: &RingOptions) -> io::Result<()> {
    let mut keeper = Keeper::new(options);
    loop {
        match frames.wait(WRITE_EVERY) {
            Tapped::Frames(batch) => {
                for record in (0..batch.len()).map_while(|i| batch.get(i)) {
                    keeper.frame(&record)?;
                }
                keeper.flush_after(batch.newest())?;
            }
            Tapped::Quiet => keeper.flush()?,
            Tapped::End => return keeper.flush(),
        }
    }
}

/// Opens a segment as a capture.
///
/// # Errors
/// If it cannot be read, or its key is not at hand.
pub fn open_segment(path: &Path, key: Option<&RingKey>) -> Result<CaptureReader, OpenError> {
    let io = |e| OpenError::Io(path.to_path_buf(), e);
    let octets = std::fs::read(path).map_err(io)?;
    CaptureReader::in_memory(seal::open(octets, key).map_err(io)?, path)
}

/// A frame that is not yet known to carry SIP.
struct Held {
    at: Timestamp,
    link: LinkType,
    original_len: u32,
    frame: Vec<u8>,
}

struct Keeper<'a> {
    options: &'a RingOptions,
    scanner: Scanner,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    next: u64,
    segment: Option<SegmentWriter>,
    flushed_at: Timestamp,
}

impl<'a> Keeper<'a> {
    fn new(options: &'a RingOptions) -> Self {
        Self {
            options,
            scanner: Scanner::new(&options.tunnels),
            held: BTreeMap::new(),
            held_bytes: 0,
            next: 0,
            segment: None,
            flushed_at: Timestamp::MIN,
        }
    }

    fn frame(&mut self, record: &Record<'_>) -> io::Result<()> {
        let (at, link, original_len, number) = (record.at, record.link, record.original_len, self.next);
        self.next += 1;
        self.held_bytes += record.frame.len();
        self.held.insert(number, Held { at, link, original_len, frame: record.frame.to_vec() });
        let name = FoundFrame { at, input: 0, record: number, link };
        let found = self.scanner.frame(name, record, &mut |packet| matches!(packet.content, Content::Sip(_)));
        let mut found = std::mem::take(found);
        found.sort_unstable_by_key(|frame| frame.record);
        for frame in found {
            // A frame that was written before is not held any more.
            if let Some(held) = self.held.remove(&frame.record) {
                self.held_bytes -= held.frame.len();
                self.write(&held)?;
            }
        }
        if self.scanner.is_foreign()
            && let Some(held) = self.held.remove(&number)
        {
            self.held_bytes -= held.frame.len();
        }
        self.forget(at);
        Ok(())
    }

    /// Drops frames that carried nothing wanted.
    fn forget(&mut self, now: Timestamp) {
        while let Some(first) = self.held.first_entry()
            && (now.since(first.get().at) > HELD || self.held_bytes > MAX_HELD)
        {
            self.held_bytes -= first.remove().frame.len();
        }
    }

    fn write(&mut self, held: &Held) -> io::Result<()> {
        let Held { at, link, original_len, frame } = held;
        let record = Record { at: *at, link: *link, original_len: *original_len, frame };
        if self.segment.as_ref().is_some_and(|segment| self.is_full(segment, *at)) {
            self.flush()?;
            self.segment = None;
        }
        if self.segment.is_none() {
            let RingOptions { folder, max_bytes, max_age, key, .. } = self.options;
            self.segment = Some(SegmentWriter::create(folder, &record, key.as_ref())?);
            folder::prune(folder, max_bytes - max_bytes / u64::from(PARTS), *max_age, *at)?;
        }
        match &mut self.segment {
            Some(segment) => segment.write(&record),
            None => Ok(()),
        }
    }

    fn is_full(&self, segment: &SegmentWriter, now: Timestamp) -> bool {
        let part = (self.options.max_bytes / u64::from(PARTS)).clamp(MIN_SEGMENT, MAX_SEGMENT);
        let age = self.options.max_age.map(|age| age.as_nanos() / i64::from(PARTS));
        segment.len() >= part || age.is_some_and(|age| now.since(segment.first).as_nanos() > age)
    }

    /// Writes what waits, once in a while.
    fn flush_after(&mut self, now: Option<Timestamp>) -> io::Result<()> {
        let now = now.unwrap_or_default();
        if now.since(self.flushed_at).as_secs_f64() < WRITE_EVERY.as_secs_f64() {
            return Ok(());
        }
        self.flushed_at = now;
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.segment.as_mut().map_or(Ok(()), SegmentWriter::flush)
    }
}

#[cfg(test)]
mod tests;
