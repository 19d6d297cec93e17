//! Where live frames come from: a thread for each socket and each growing file, and what waits of theirs.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bellwether_base::{Span, Timestamp};
use bellwether_capture::{CaptureReader, Frames, GrowingFolder, LiveCapture, LiveError, Record, Stamps};
use crossbeam_channel::{Receiver, Sender, bounded};

use crate::clock::now;
use crate::events::Event;
use crate::queues::FrameBatch;

/// Portions of frames that wait between a source and the feed. What does not fit stays in the kernel's ring,
/// which is larger and whose losses the kernel counts.
pub(crate) const PORTIONS: usize = 8;

/// How often time moves on where no packet comes.
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// How often the kernel is asked what it dropped, and how long a socket that fails is left alone.
pub(crate) const EVERY_SECOND: Duration = Duration::from_secs(1);

/// How far a NIC's clock may be from the system's: packets are on their way for less.
const MAX_APART: Span = Span::from_secs(1);

/// Records of a growing file that are handed on at once.
const AT_ONCE: usize = 4096;

/// What the kernel dropped at one socket, so far.
#[derive(Default)]
pub(crate) struct Dropped {
    pub(crate) ring_full: AtomicU64,
    pub(crate) interface: AtomicU64,
}

/// Up to when a socket's thread has handed on what came, as far as quiet tells: a thread that is given no processor does not say so, and time
/// does not move on over packets that it has not read yet.
pub(crate) struct Heard(AtomicI64);

impl Heard {
    /// Nothing came before.
    pub(crate) const fn since(opened_at: Timestamp) -> Self {
        Self(AtomicI64::new(opened_at.as_nanos()))
    }

    fn up_to(&self, at: Timestamp) {
        self.0.store(at.as_nanos(), Ordering::Release);
    }

    /// Whoever reads this, and then takes all that was handed on, has everything of that time.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Acquire))
    }
}

/// The way from a source's thread to the feed.
pub(crate) struct FrameSender {
    source: usize,
    to: Sender<FrameBatch>,
    spare: Receiver<Frames>,
}

impl FrameSender {
    /// Room for frames, used before if possible.
    fn room(&self) -> Frames {
        self.spare.try_recv().unwrap_or_default()
    }

    /// Hands frames on; waits while there is no room. Answers whether anybody takes them.
    pub(crate) fn send(&self, frames: Frames) -> bool {
        frames.is_empty() || self.to.send(FrameBatch { source: self.source, frames }).is_ok()
    }
}

/// One socket's thread.
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
                    // Nothing comes from it, and time moves on for the others.
                    self.heard.up_to(asked_at);
                    // A socket stays bound to its interface, and delivers again when the link comes back.
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
            // A socket whose interface was replaced hears nothing, until it is woken and follows.
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

/// A growing file, and the folder that the next will be in.
pub(crate) struct Growing {
    pub(crate) name: String,
    pub(crate) reader: CaptureReader,
    pub(crate) folder: Option<GrowingFolder>,
    /// The time of the newest record.
    pub(crate) last_at: Option<Timestamp>,
    /// Whether what followed it is missing, up to the next record.
    pub(crate) is_cut: bool,
}

impl Growing {
    pub(crate) const fn new(name: String, reader: CaptureReader, folder: Option<GrowingFolder>) -> Self {
        Self { name, reader, folder, last_at: None, is_cut: false }
    }

    /// What is missing from the newest record on; up to a time, where that is known.
    fn gap(&self, to: Option<Timestamp>) -> Event {
        Event::Gap { place: self.name.clone(), from: self.last_at, to }
    }

    /// Goes on to the folder's next file, if there is one.
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

/// One growing file's thread.
pub(crate) struct Following<'a> {
    pub(crate) stop: &'a AtomicBool,
    pub(crate) handover: FrameSender,
    pub(crate) news: Sender<Event>,
}

impl Following<'_> {
    pub(crate) fn run(self, mut growing: Growing) {
        let mut is_stopping = false;
        // Those that are there already are read one behind the other.
        let mut last_look: Option<Instant> = None;
        loop {
            let Some(is_waiting) = self.take(&mut growing) else { return };
            // Who begins the next file has ended the one before: what came until then is read first.
            if is_waiting && (is_stopping || last_look.is_none_or(|at| at.elapsed() >= EVERY_SECOND)) {
                let before = self.take(&mut growing);
                let is_cut = growing.reader.is_cut();
                match growing.turn_over() {
                    _ if before.is_none() => return,
                    Ok(true) => {
                        if is_cut {
                            let why = "the file before the newest ended within a record".to_owned();
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
            // What was written before the stop is still read.
            if is_waiting && is_stopping {
                return;
            }
            is_stopping = self.stop.load(Ordering::Relaxed);
            if is_waiting && !is_stopping {
                std::thread::sleep(TICK);
            }
        }
    }

    /// Tells that the rest of a file is missing. That has to arrive, so it is waited for.
    fn cut(&self, growing: &mut Growing) {
        growing.is_cut = true;
        let _ = self.news.send(growing.gap(None));
    }

    /// Hands on what there is, up to a portion. Answers whether that was all for now; none if nothing will come, or nobody takes it.
    fn take(&self, growing: &mut Growing) -> Option<bool> {
        let mut frames = self.handover.room();
        let is_damaged = loop {
            match growing.reader.next() {
                Ok(Some(record)) => {
                    frames.push(&record);
                    // A record without a time ends no gap.
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
            // The next of the folder may be whole.
            return growing.turn_over().unwrap_or(false).then_some(false);
        }
        Some(is_waiting)
    }
}

/// What came from one source and waits for its turn.
pub(crate) struct Source {
    /// Portions, and how many frames of each are done.
    waiting: VecDeque<(Frames, usize)>,
    spare: Sender<Frames>,
}

impl Source {
    /// Source `number`, and the way to it.
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
            // If the way back is full the room is simply freed.
            let _ = self.spare.try_send(frames);
        }
    }
}
