use std::collections::VecDeque;

use bellwether_base::{Counters, HashKey, Loss, Timestamp};
use bellwether_capture::{CaptureReader, Input, Record};
use bellwether_enrich::{InputRow, Row};
use bellwether_tracker::VIRTUAL_SHARDS;
use bellwether_wire::LinkType;

use crate::SensorError;
use crate::batch::Then;
use crate::dispatcher::Dispatcher;
use crate::epochs::{Epochs, ReceiverGone};
use crate::events::{Damage, Progress, Unread};
use crate::room::Door;

/// Packets between two progress reports.
const PROGRESS_EVERY: u64 = 65_536;

/// Feeds the records of all inputs to the dispatcher in order of time, and writes the counters.
///
/// Overlapping inputs (two interfaces, two sensors) are merged record by record. A later input is opened at
/// its time only.
pub(crate) struct Feed<'a> {
    waiting: VecDeque<&'a Input>,
    open: Vec<Open>,
    dispatcher: Dispatcher,
    rows: &'a Door,
    key: HashKey,
    counted: Counters,
    fed: Fed,
}

/// An open input.
struct Open {
    reader: CaptureReader,
    name: String,
    size: Option<u64>,
    trace: Trace,
}

/// Result of the feed.
#[derive(Default)]
pub(crate) struct Fed {
    /// Packets read.
    pub(crate) packets: u64,
    /// Inputs with a read error before their end.
    pub(crate) damaged: Vec<Damage>,
    /// Frames skipped because of their link type.
    pub(crate) unread: Vec<Unread>,
}

impl<'a> Feed<'a> {
    /// Takes inputs in order of their first record.
    pub(crate) fn new(inputs: &'a [Input], dispatcher: Dispatcher, rows: &'a Door, key: HashKey) -> Self {
        Self {
            waiting: inputs.iter().collect(),
            open: Vec::new(),
            dispatcher,
            rows,
            key,
            counted: Counters::default(),
            fed: Fed::default(),
        }
    }

    /// Reads all inputs.
    pub(crate) fn run(mut self, progress: &mut dyn FnMut(&Progress)) -> Result<Fed, SensorError> {
        while self.open_due()? {
            let (mut earliest, mut limit) = (0, Timestamp::MAX);
            let mut earliest_at = Timestamp::MAX;
            for (i, open) in self.open.iter_mut().enumerate() {
                // An unreadable input is due at once, and its read error is reported.
                let at = open.reader.next_time().ok().flatten().unwrap_or_default();
                if at < earliest_at {
                    limit = limit.min(earliest_at);
                    (earliest, earliest_at) = (i, at);
                } else {
                    limit = limit.min(at);
                }
            }
            let limit = self.waiting.front().map_or(limit, |input| limit.min(input.first_at()));
            if self.feed_until(earliest, limit, progress)? {
                let open = self.open.swap_remove(earliest);
                self.close(&open)?;
            }
        }
        Ok(self.fed)
    }

    /// Opens every input whose time has come. Returns true if any input is open.
    fn open_due(&mut self) -> Result<bool, SensorError> {
        loop {
            let now = self.open.iter_mut().filter_map(|o| o.reader.next_time().ok().flatten()).min();
            let is_due = match (self.waiting.front(), now) {
                (None, _) => false,
                (Some(_), None) => self.open.is_empty(),
                (Some(input), Some(now)) => input.first_at() <= now,
            };
            let Some(input) = is_due.then(|| self.waiting.pop_front()).flatten() else {
                return Ok(!self.open.is_empty());
            };
            self.open.push(Open {
                reader: input.open().map_err(SensorError::Open)?,
                name: input.name(),
                size: input.size(),
                trace: Trace::new(self.key),
            });
        }
    }

    /// Feeds one input's records up to `limit`. Returns true if the input has ended.
    fn feed_until(
        &mut self,
        index: usize,
        limit: Timestamp,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<bool, SensorError> {
        let Some(open) = self.open.get_mut(index) else { return Ok(true) };
        let is_alone = limit == Timestamp::MAX;
        loop {
            if !is_alone && open.reader.next_time().is_ok_and(|at| at.is_some_and(|at| at > limit)) {
                return Ok(false);
            }
            match open.reader.next() {
                Ok(Some(record)) => {
                    open.trace.record(&record);
                    if let LinkType::Unsupported(number) = record.link {
                        note_unread(&mut self.fed.unread, &open.name, number);
                    }
                    self.dispatcher.frame(&record).map_err(|_| SensorError::Stopped)?;
                }
                Ok(None) => return Ok(true),
                Err(error) => {
                    self.dispatcher.losses.count(Loss::RecordDamaged);
                    self.fed.damaged.push(Damage { name: open.name.clone(), error });
                    return Ok(true);
                }
            }
            self.fed.packets += 1;
            if self.fed.packets.is_multiple_of(PROGRESS_EVERY) {
                let (name, bytes, size) = (open.name.clone(), open.reader.position(), open.size);
                progress(&Progress { name, bytes, size, packets: self.fed.packets });
            }
        }
    }

    /// Waits until all records so far are processed, and writes the counts since the last input's end. After
    /// the last input the workers report all open state.
    fn close(&mut self, open: &Open) -> Result<(), SensorError> {
        let is_last = self.open.is_empty() && self.waiting.is_empty();
        if is_last {
            self.dispatcher.finish().map_err(|_| SensorError::Stopped)?;
        }
        let epochs = &mut self.dispatcher.epochs;
        let then = if is_last { finish(epochs) } else { Ok(Then::Count) };
        let tally = then.and_then(|then| epochs.drain(then)).map_err(|_| SensorError::Stopped)?;
        let mut total = Counters::default();
        self.dispatcher.report(&mut total);
        tally.report(&mut total);
        let mut counted = total.since(&self.counted);
        self.counted = total;
        counted.add("stamps", "file", open.trace.packets);
        let row = open.trace.row(open.name.clone(), counted);
        // If the send fails, the writer has failed, and its own error is reported.
        let _ = self.rows.send_surely(Row::Input(Box::new(row)).into());
        Ok(())
    }
}

/// Counts a frame with an unsupported link type.
#[cold]
fn note_unread(unread: &mut Vec<Unread>, name: &str, link_type: u32) {
    match unread.iter_mut().find(|u| u.name == name && u.link_type == link_type) {
        Some(known) => known.frames += 1,
        None => unread.push(Unread { name: name.to_owned(), link_type, frames: 1 }),
    }
}

/// Makes the workers report all open state, one epoch per shard. Returns the action for the last epoch.
pub(crate) fn finish(epochs: &mut Epochs) -> Result<Then, ReceiverGone> {
    // Epochs in flight may still link streams to calls.
    epochs.drain(Then::GoOn)?;
    for shard in 0..VIRTUAL_SHARDS - 1 {
        epochs.close(Then::Finish(shard))?;
    }
    Ok(Then::Finish(VIRTUAL_SHARDS - 1))
}

/// Identifies an input by the times and lengths of its records, independent of name and compression.
struct Trace {
    hash: u64,
    packets: u64,
    bytes: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    key: HashKey,
}

impl Trace {
    const fn new(key: HashKey) -> Self {
        Self { hash: 0, packets: 0, bytes: 0, first_at: None, last_at: None, key }
    }

    fn record(&mut self, record: &Record<'_>) {
        let lengths = (u64::from(record.original_len) << 32) | record.frame.len() as u64;
        let word = record.at.as_nanos().cast_unsigned() ^ lengths.rotate_left(17);
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        self.packets += 1;
        self.bytes += record.frame.len() as u64;
        // A record without a time (simple packet block of pcapng) does not extend the time range.
        if record.at != Timestamp::MIN {
            self.first_at = Some(self.first_at.map_or(record.at, |first| first.min(record.at)));
            self.last_at = Some(self.last_at.map_or(record.at, |last| last.max(record.at)));
        }
    }

    fn row(&self, name: String, counters: Counters) -> InputRow {
        let words = [self.hash.to_le_bytes(), self.packets.to_le_bytes(), self.bytes.to_le_bytes()];
        InputRow {
            input: self.key.identity(&[b"input", words.as_flattened()]),
            name,
            packets: self.packets,
            bytes: self.bytes,
            first_at: self.first_at,
            last_at: self.last_at,
            counters,
        }
    }
}
