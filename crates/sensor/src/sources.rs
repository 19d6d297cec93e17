//! Sources of live frames: a thread for each socket and each growing file, and their waiting frames.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bellwether_base::{Span, Timestamp};
use bellwether_capture::{CaptureReader, Frames, GrowingFolder, LiveCapture, LiveError, Record, Stamps};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::clock::now;
use crate::events::Event;
use crate::queues::FrameBatch;

/// Batches that wait between a source and the feed. Further packets stay in the kernel's ring, which is
/// larger and whose losses the kernel counts.
pub(crate) const PORTIONS: usize = 8;

/// Interval at which time advances without packets.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Interval at which kernel counters are read, and pause of a socket after an error.
pub(crate) const EVERY_SECOND: Duration = Duration::from_secs(1);

/// Largest difference between a NIC's clock and the system clock; packets need less time to arrive.
const MAX_APART: Span = Span::from_secs(1);

/// Records of a growing file per batch.
const AT_ONCE: usize = 4096;

/// Kernel drop counters of one socket so far.
#[derive(Default)]
pub(crate) struct Dropped {
    pub(crate) ring_full: AtomicU64,
    pub(crate) interface: AtomicU64,
}

/// Time up to which a socket's thread has delivered all packets, confirmed while the socket is quiet. A
/// thread that gets no processor does not confirm, so time does not advance over packets that it has not read
/// yet.
pub(crate) struct Heard(AtomicI64);

impl Heard {
    /// Starts at the time of opening.
    pub(crate) const fn since(opened_at: Timestamp) -> Self {
        Self(AtomicI64::new(opened_at.as_nanos()))
    }

    fn up_to(&self, at: Timestamp) {
        self.0.store(at.as_nanos(), Ordering::Release);
    }

    /// A reader of this value that then receives all sent frames has every packet up to that time.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Acquire))
    }
}

/// Channel from a source's thread to the feed.
pub(crate) struct FrameSender {
    source: usize,
    to: Sender<FrameBatch>,
    spare: Receiver<Frames>,
}

impl FrameSender {
    /// An empty batch, reused if possible.
    fn room(&self) -> Frames {
        self.spare.try_recv().unwrap_or_default()
    }

    /// Sends frames, and waits while the channel is full. Returns false if the receiver has ended.
    pub(crate) fn send(&self, frames: Frames) -> bool {
        frames.is_empty() || self.to.send(FrameBatch { source: self.source, frames }).is_ok()
    }
}

/// Thread of one socket.
pub(crate) struct CaptureThread<'a> {
    pub(crate) stop: &'a AtomicBool,
    pub(crate) dropped: &'a Dropped,
    pub(crate) heard: &'a Heard,
    pub(crate) stamps: Stamps,
    pub(crate) handover: FrameSender,
    pub(crate) news: Sender<Event>,
}

impl CaptureThread<'_> {
    pub(crate) fn run(self, (name, mut socket): (String, LiveCapture)) {
        let mut last_asked = Instant::now();
        let mut is_in_trouble = false;
        let mut is_apart = false;
        while !self.stop.load(Ordering::Relaxed) {
            let asked_at = now();
            let has_packets = socket.has_packets();
            if !has_packets {
                self.heard.up_to(asked_at);
            }
            let mut frames = self.handover.room();
            let read = if has_packets { socket.read(&mut frames) } else { Ok(()) };
            let is_quiet = frames.is_empty();
            let newest = frames.newest();
            match read {
                Ok(()) if is_in_trouble && !is_quiet => {
                    is_in_trouble = false;
                    let _ = self.news.try_send(Event::Recovered(name.clone()));
                }
                Ok(()) => {}
                Err(e) => {
                    if !is_in_trouble {
                        let _ = self.news.try_send(Event::Trouble(e));
                    }
                    is_in_trouble = true;
                    // The socket delivers nothing, and time advances for the other sources.
                    self.heard.up_to(asked_at);
                    // A socket stays bound to its interface, and delivers again when the link returns.
                    std::thread::sleep(EVERY_SECOND);
                }
            }
            if !self.handover.send(frames) {
                return;
            }
            if let (Stamps::Nic, Some(newest)) = (self.stamps, newest) {
                let ahead = newest.since(now()).as_nanos();
                if !is_apart && ahead.abs() > MAX_APART.as_nanos() {
                    is_apart = true;
                    let seconds = ahead / 1_000_000_000;
                    let _ = self.news.try_send(Event::Trouble(LiveError::ClocksApart(name.clone(), seconds)));
                }
            }
            // A socket of a replaced interface receives nothing until it is woken and binds again.
            if is_quiet {
                let _ = match socket.follow() {
                    Ok(false) => Ok(()),
                    Ok(true) => self.news.try_send(Event::Followed(name.clone())),
                    Err(e) => self.news.try_send(Event::Trouble(e)),
                };
            }
            if last_asked.elapsed() >= EVERY_SECOND {
                self.ask(&mut socket);
                last_asked = Instant::now();
            }
        }
        self.ask(&mut socket);
        socket.drain(now(), |frames| {
            self.handover.send(frames);
        });
    }

    fn ask(&self, socket: &mut LiveCapture) {
        let counts = socket.counts();
        self.dropped.ring_full.store(counts.ring_full, Ordering::Relaxed);
        self.dropped.interface.store(counts.interface, Ordering::Relaxed);
    }
}

/// A growing file, and the folder for the next file.
pub(crate) struct Growing {
    pub(crate) name: String,
    pub(crate) reader: CaptureReader,
    pub(crate) folder: Option<GrowingFolder>,
    /// Time of the newest record.
    pub(crate) last_at: Option<Timestamp>,
    /// True if records are missing between the last record and the next one.
    pub(crate) is_cut: bool,
}

impl Growing {
    pub(crate) const fn new(name: String, reader: CaptureReader, folder: Option<GrowingFolder>) -> Self {
        Self { name, reader, folder, last_at: None, is_cut: false }
    }

    /// The gap from the newest record on, up to `to` if known.
    fn gap(&self, to: Option<Timestamp>) -> Event {
        Event::Gap { place: self.name.clone(), from: self.last_at, to }
    }

    /// Continues with the folder's next file, if there is one.
    fn turn_over(&mut self) -> Result<bool, LiveError> {
        let Some(folder) = &mut self.folder else { return Ok(false) };
        match folder.next_capture() {
            Ok(Some((_, reader))) => {
                self.reader = reader;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(e) => Err(LiveError::Other(self.name.clone(), e.to_string())),
        }
    }
}

/// Thread of one growing file.
pub(crate) struct Following<'a> {
    pub(crate) stop: &'a AtomicBool,
    pub(crate) handover: FrameSender,
    pub(crate) news: Sender<Event>,
}

impl Following<'_> {
    pub(crate) fn run(self, mut growing: Growing) {
        let mut is_stopping = false;
        // Existing files are read one after the other without a pause.
        let mut last_look: Option<Instant> = None;
        loop {
            let Some(is_waiting) = self.take(&mut growing) else { return };
            // A new file means that the previous one is complete, so its remaining records are read first.
            if is_waiting && (is_stopping || last_look.is_none_or(|at| at.elapsed() >= EVERY_SECOND)) {
                let before = self.take(&mut growing);
                let is_cut = growing.reader.is_cut();
                match growing.turn_over() {
                    _ if before.is_none() => return,
                    Ok(true) => {
                        if is_cut {
                            let why = "the file before the newest one ended inside a record".to_owned();
                            let error = LiveError::Other(growing.name.clone(), why);
                            let _ = self.news.try_send(Event::Trouble(error));
                            self.cut(&mut growing);
                        }
                        last_look = None;
                        continue;
                    }
                    Ok(false) => {}
                    Err(e) => drop(self.news.try_send(Event::Trouble(e))),
                }
                last_look = Some(Instant::now());
            }
            // Records written before the stop are still read.
            if is_waiting && is_stopping {
                return;
            }
            is_stopping = self.stop.load(Ordering::Relaxed);
            if is_waiting && !is_stopping {
                std::thread::sleep(TICK);
            }
        }
    }

    /// Reports that the rest of a file is missing. The event must arrive, so the send blocks.
    fn cut(&self, growing: &mut Growing) {
        growing.is_cut = true;
        let _ = self.news.send(growing.gap(None));
    }

    /// Sends available records, up to one batch. Returns true if there are no more for now. None if no more
    /// will come, or the receiver has ended.
    fn take(&self, growing: &mut Growing) -> Option<bool> {
        let mut frames = self.handover.room();
        let is_damaged = loop {
            match growing.reader.next() {
                Ok(Some(record)) => {
                    frames.push(&record);
                    // A record without a time does not end a gap.
                    if record.at != Timestamp::MIN {
                        let at = record.at;
                        if std::mem::take(&mut growing.is_cut) {
                            let _ = self.news.send(growing.gap(Some(at)));
                        }
                        growing.last_at = growing.last_at.max(Some(at));
                    }
                }
                Ok(None) => break false,
                Err(error) => {
                    let error = LiveError::Other(growing.name.clone(), error.to_string());
                    let _ = self.news.try_send(Event::Trouble(error));
                    self.cut(growing);
                    break true;
                }
            }
            if frames.len() >= AT_ONCE {
                break false;
            }
        };
        let is_waiting = frames.len() < AT_ONCE;
        if !self.handover.send(frames) {
            return None;
        }
        if is_damaged {
            // The next file of the folder may be intact.
            return growing.turn_over().unwrap_or(false).then_some(false);
        }
        Some(is_waiting)
    }
}

/// Waiting frames of one source.
pub(crate) struct Source {
    /// Batches with the number of frames already fed.
    waiting: VecDeque<(Frames, usize)>,
    spare: Sender<Frames>,
}

impl Source {
    /// Creates the source `number` and its channel.
    pub(crate) fn new(number: usize, to: &Sender<FrameBatch>) -> (Self, FrameSender) {
        let (spare, used) = bounded(PORTIONS);
        let handover = FrameSender { source: number, to: to.clone(), spare: used };
        (Self { waiting: VecDeque::new(), spare }, handover)
    }

    pub(crate) fn take(&mut self, frames: Frames) {
        self.waiting.push_back((frames, 0));
    }

    pub(crate) fn next(&self) -> Option<Record<'_>> {
        self.waiting.front().and_then(|(frames, done)| frames.get(*done))
    }

    pub(crate) fn newest(&self) -> Option<Timestamp> {
        self.waiting.back().and_then(|(frames, _)| frames.newest())
    }

    pub(crate) fn advance(&mut self) {
        let Some((frames, done)) = self.waiting.front_mut() else { return };
        *done += 1;
        if *done >= frames.len()
            && let Some((mut frames, _)) = self.waiting.pop_front()
        {
            frames.clear();
            // If the return channel is full, the batch is freed.
            let _ = self.spare.try_send(frames);
        }
    }
}
