//! One pass over captures.

use std::sync::Arc;

use bellwether_base::Timestamp;
use bellwether_capture::{CaptureReader, Input, OpenError, Record};
use bellwether_wire::{LinkType, TunnelPorts};

use crate::ring::{RingKey, Segment, open_segment};
use crate::scanner::{Packet, Scanner};

/// A frame that carried something wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundFrame {
    /// The latest stamp of its input up to the frame, so that the frames of an input stay in order.
    pub at: Timestamp,
    /// Number of its input, from 0.
    pub input: u32,
    /// Number of its record in the input, from 0.
    pub record: u64,
    /// Its link type.
    pub link: LinkType,
}

impl FoundFrame {
    /// Frames are ordered by time, then by place.
    const fn order(&self) -> (Timestamp, u32, u64) {
        (self.at, self.input, self.record)
    }
}

/// Something to search.
#[derive(Clone)]
pub enum Source {
    /// A capture.
    Capture(Input),
    /// A segment of a ring, with the key if there is one.
    Segment(Segment, Option<Arc<RingKey>>),
}

impl Source {
    /// Its name in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Capture(input) => input.name(),
            Self::Segment(segment, _) => segment.path.display().to_string(),
        }
    }

    pub(crate) fn open(&self) -> Result<CaptureReader, OpenError> {
        match self {
            Self::Capture(input) => input.open(),
            Self::Segment(segment, key) => open_segment(&segment.path, key.as_deref()),
        }
    }
}

/// What was read of an input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SearchedInput {
    /// Its name.
    pub name: String,
    /// Records read.
    pub records: u64,
    /// Earliest and latest stamp.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Wanted frames.
    pub found: u64,
    /// The reason why reading stopped before the end.
    pub damage: Option<String>,
    /// True for a segment of a ring.
    pub is_ring: bool,
}

/// The result of a search.
#[derive(Debug)]
pub struct Found {
    /// The wanted frames, each once, in order.
    pub frames: Vec<FoundFrame>,
    /// Link types of these frames, each once.
    pub links: Vec<LinkType>,
    /// What was read, in order.
    pub inputs: Vec<SearchedInput>,
}

/// Searches captures in order of their first record. `wants` is asked about each SIP message and each media packet.
///
/// Standard input can be searched, but its frames cannot be copied afterwards.
pub fn search(inputs: &[Source], tunnels: &TunnelPorts, wants: &mut dyn FnMut(&Packet<'_>) -> bool) -> Found {
    let mut scanner = Scanner::new(tunnels);
    let mut out = Found { frames: Vec::new(), links: Vec::new(), inputs: Vec::new() };
    for (input, number) in inputs.iter().zip(0_u32..) {
        let mut read = SearchedInput::of(input);
        read_input(input, number, &mut read, |frame, record| {
            out.frames.append(scanner.frame(frame, record, wants));
        });
        out.inputs.push(read);
    }
    out.frames.append(scanner.finish(wants));
    out.frames.sort_unstable_by_key(FoundFrame::order);
    out.frames.dedup();
    for frame in &out.frames {
        if !out.links.contains(&frame.link) {
            out.links.push(frame.link);
        }
        if let Some(input) = out.inputs.get_mut(frame.input as usize) {
            input.found += 1;
        }
    }
    out
}

impl SearchedInput {
    fn of(input: &Source) -> Self {
        Self {
            name: input.name(),
            records: 0,
            span: None,
            found: 0,
            damage: None,
            is_ring: matches!(input, Source::Segment(..)),
        }
    }
}

/// Reads one input. Damage ends it, and all earlier records count.
fn read_input(
    input: &Source,
    number: u32,
    read: &mut SearchedInput,
    mut take: impl FnMut(FoundFrame, &Record<'_>),
) {
    let mut reader = match input.open() {
        Ok(reader) => reader,
        Err(e) => {
            read.damage = Some(e.to_string());
            return;
        }
    };
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                let (first, last) = read.span.unwrap_or((record.at, record.at));
                let at = last.max(record.at);
                read.span = Some((first.min(record.at), at));
                take(FoundFrame { at, input: number, record: read.records, link: record.link }, &record);
                read.records += 1;
            }
            Ok(None) => return,
            Err(e) => {
                read.damage = Some(e.to_string());
                return;
            }
        }
    }
}
