//! Live traffic: one thread per socket takes frames from the kernel, and the feed merges them in order of time.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bellwether_base::{Counters, HashKey, Loss, Span, Timestamp};
use bellwether_capture::{
    CaptureReader, Frames, LiveCapture, LiveError, LiveOptions, OpenError, Record, Waker,
};
use bellwether_judge::{InputRow, Row};
use bellwether_store::Writer;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::SensorError;
use crate::dispatcher::Dispatcher;
use crate::feed::finish;
use crate::listen::{HepAddress, Listener, ListenerLosses};
use crate::pipeline::{self, Behind, Config, Finished, Settings};

/// Portions of frames that wait between a socket and the feed. What does not fit stays in the kernel's ring,
/// which is larger and whose losses the kernel counts.
const PORTIONS: usize = 8;

/// How long a packet may take from its stamp to the feed: the kernel's time-out for a block, and the same several
/// times over for a thread that is not given a processor at once.
const HOLD: Span = Span::from_millis(5 * bellwether_capture::HOLD_MS as i64);

/// Records of a growing file that are handed on at once.
const AT_ONCE: usize = 4096;

/// How often time moves on where no packet comes.
const TICK: Duration = Duration::from_millis(50);

/// How often what was counted is written down, and told if something was lost.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// How often the kernel is asked what it dropped, and how long a socket that fails is left alone.
const EVERY_SECOND: Duration = Duration::from_secs(1);

/// Something that the operator should know while the sensor runs.
#[derive(Debug)]
pub enum Event {
    /// What was lost since it was last told, by the names of `docs/losses.md`.
    Losses(Vec<(Loss, u64)>),
    /// An interface does not deliver.
    Trouble(LiveError),
    /// It does again.
    Recovered(String),
    /// The feed is alive: told every second, for whoever watches over the process.
    Alive,
}

/// Whoever runs the sensor.
pub trait Operator {
    /// Is told what happens.
    fn hear(&mut self, event: Event);

    /// Is asked every second whether something is to be changed.
    fn new_settings(&mut self) -> Option<Settings>;
}

/// What a live run came to.
pub struct LiveOutcome {
    /// Packets taken from the interfaces.
    pub packets: u64,
    /// What every run leaves.
    pub finished: Finished,
}

/// Interfaces and listeners, opened and ready, which is the only part that needs privileges; or growing files.
pub struct Ears {
    sockets: Vec<(String, LiveCapture)>,
    listeners: Vec<Listener>,
    files: Vec<(String, CaptureReader)>,
    names: String,
}

impl Ears {
    /// Opens all.
    ///
    /// # Errors
    /// If an interface cannot be captured from, or an address is not free.
    pub fn open(options: &[LiveOptions], hep: &[HepAddress]) -> Result<Self, LiveError> {
        let mut sockets = Vec::new();
        // Groups of sockets are numbered within the network namespace; the process keeps them its own.
        let first_group = std::process::id() as u16;
        for (i, options) in options.iter().enumerate() {
            let group = first_group.wrapping_add(i as u16);
            let opened = LiveCapture::open(options, group)?;
            sockets.extend(opened.into_iter().map(|socket| (options.interface.clone(), socket)));
        }
        let mut names: Vec<String> = options.iter().map(|o| o.interface.clone()).collect();
        let mut listeners = Vec::new();
        for at in hep {
            let name = at.to_string();
            listeners.push(Listener::bind(*at).map_err(|e| LiveError::Other(name.clone(), e.to_string()))?);
            names.push(name);
        }
        Ok(Self { sockets, listeners, files: Vec::new(), names: names.join(" ") })
    }

    /// Opens capture files that are still being written. Time is theirs then: it stands still where they do.
    ///
    /// # Errors
    /// If one of them cannot be read or followed.
    pub fn follow(paths: &[PathBuf]) -> Result<Self, OpenError> {
        let mut files = Vec::new();
        for path in paths {
            files.push((path.display().to_string(), CaptureReader::open_growing(path)?));
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(" ");
        Ok(Self { sockets: Vec::new(), listeners: Vec::new(), files, names })
    }
}

/// Analyses what interfaces and agents bring until `stop` is set: then what is in the rings is taken, everything open is
/// reported, and all is committed.
///
/// # Errors
/// If the database cannot be written, or the system has no thread to give. What was committed before stays.
pub fn sense(
    ears: Ears,
    config: &Config,
    writer: Writer,
    stop: &AtomicBool,
    operator: &mut dyn Operator,
) -> Result<LiveOutcome, SensorError> {
    let (packets, finished) = pipeline::run(config, writer, |dispatcher, behind| {
        let Ears { mut sockets, listeners, files, names } = ears;
        let is_wall_clock = files.is_empty();
        let wakers: Vec<Waker> = sockets.iter_mut().map(|(_, socket)| socket.waker()).collect();
        let dropped: Vec<Dropped> = sockets.iter().map(|_| Dropped::default()).collect();
        let unheard: Vec<ListenerLosses> = listeners.iter().map(|_| ListenerLosses::default()).collect();
        std::thread::scope(|scope| {
            let mut sources = Vec::new();
            let (news_tx, news) = bounded(64);
            let (frames_tx, frames) = bounded(PORTIONS * (sockets.len() + listeners.len() + files.len()));
            for (i, (socket, dropped)) in sockets.into_iter().zip(&dropped).enumerate() {
                let (spare_tx, spare) = bounded(PORTIONS);
                let taking =
                    Taking { source: i, stop, dropped, to: frames_tx.clone(), spare, news: news_tx.clone() };
                pipeline::spawn(scope, &format!("capture-{i}"), move || taking.run(socket))?;
                sources.push(Source { waiting: VecDeque::new(), spare: spare_tx });
            }
            for (i, (listener, losses)) in listeners.into_iter().zip(&unheard).enumerate() {
                let (source, to) = (sources.len(), frames_tx.clone());
                pipeline::spawn(scope, &format!("hep-{i}"), move || {
                    let hand_on =
                        |frames: Frames| frames.is_empty() || to.send(Portion { source, frames }).is_ok();
                    listener.run(stop, losses, &hand_on);
                })?;
                // Its messages are few: their room is not worth a way back.
                sources.push(Source { waiting: VecDeque::new(), spare: bounded(0).0 });
            }
            for (i, (name, reader)) in files.into_iter().enumerate() {
                let (spare_tx, spare) = bounded(PORTIONS);
                let (source, to, news) = (sources.len(), frames_tx.clone(), news_tx.clone());
                let following = Following { source, stop, to, spare, news };
                pipeline::spawn(scope, &format!("follow-{i}"), move || following.run(name, reader))?;
                sources.push(Source { waiting: VecDeque::new(), spare: spare_tx });
            }
            drop((frames_tx, news_tx));
            let feed = LiveFeed {
                sources,
                dispatcher,
                behind,
                dropped: &dropped,
                unheard: &unheard,
                session: Session::new(names, config.key),
                told: Counters::default(),
                last_count: Instant::now(),
                last_alive: None,
                is_wall_clock,
            };
            feed.run(&frames, &news, stop, &wakers, operator)
        })
    })?;
    Ok(LiveOutcome { packets, finished })
}

/// What the kernel dropped at one socket, so far.
#[derive(Default)]
struct Dropped {
    ring_full: AtomicU64,
    interface: AtomicU64,
}

/// Frames on their way from a socket.
struct Portion {
    source: usize,
    frames: Frames,
}

/// One socket's thread.
struct Taking<'a> {
    source: usize,
    stop: &'a AtomicBool,
    dropped: &'a Dropped,
    to: Sender<Portion>,
    spare: Receiver<Frames>,
    news: Sender<Event>,
}

impl Taking<'_> {
    fn run(self, (name, mut socket): (String, LiveCapture)) {
        let mut last_asked = Instant::now();
        let mut is_in_trouble = false;
        while !self.stop.load(Ordering::Relaxed) {
            let mut frames = self.spare.try_recv().unwrap_or_default();
            match socket.read(&mut frames) {
                Ok(()) if is_in_trouble && !frames.is_empty() => {
                    is_in_trouble = false;
                    let _ = self.news.try_send(Event::Recovered(name.clone()));
                }
                Ok(()) => {}
                Err(e) => {
                    if !is_in_trouble {
                        let _ = self.news.try_send(Event::Trouble(e));
                    }
                    is_in_trouble = true;
                    // The socket stays bound: it delivers again when the link comes back.
                    std::thread::sleep(EVERY_SECOND);
                }
            }
            if !self.send(frames) {
                return;
            }
            if last_asked.elapsed() >= EVERY_SECOND {
                self.ask(&mut socket);
                last_asked = Instant::now();
            }
        }
        self.ask(&mut socket);
        socket.drain(now(), |frames| {
            self.send(frames);
        });
    }

    /// Hands frames on; waits while there is no room. Answers whether anybody takes them.
    fn send(&self, frames: Frames) -> bool {
        frames.is_empty() || self.to.send(Portion { source: self.source, frames }).is_ok()
    }

    fn ask(&self, socket: &mut LiveCapture) {
        let counts = socket.counts();
        self.dropped.ring_full.store(counts.ring_full, Ordering::Relaxed);
        self.dropped.interface.store(counts.interface, Ordering::Relaxed);
    }
}

/// One growing file's thread.
struct Following<'a> {
    source: usize,
    stop: &'a AtomicBool,
    to: Sender<Portion>,
    spare: Receiver<Frames>,
    news: Sender<Event>,
}

impl Following<'_> {
    fn run(self, name: String, mut reader: CaptureReader) {
        let mut is_stopping = false;
        loop {
            let mut frames = self.spare.try_recv().unwrap_or_default();
            let is_damaged = loop {
                match reader.next() {
                    Ok(Some(record)) => frames.push(&record),
                    Ok(None) => break false,
                    Err(error) => {
                        let _ = self
                            .news
                            .try_send(Event::Trouble(LiveError::Other(name.clone(), error.to_string())));
                        break true;
                    }
                }
                if frames.len() >= AT_ONCE {
                    break false;
                }
            };
            let is_waiting = frames.len() < AT_ONCE;
            let portion = Portion { source: self.source, frames };
            if (!portion.frames.is_empty() && self.to.send(portion).is_err()) || is_damaged {
                return;
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
}

/// What came from one socket and waits for its turn.
struct Source {
    /// Portions, and how many frames of each are done.
    waiting: VecDeque<(Frames, usize)>,
    spare: Sender<Frames>,
}

impl Source {
    fn next(&self) -> Option<Record<'_>> {
        self.waiting.front().and_then(|(frames, done)| frames.get(*done))
    }

    fn newest(&self) -> Option<Timestamp> {
        self.waiting.back().and_then(|(frames, _)| frames.newest())
    }

    fn advance(&mut self) {
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

/// Merges the sources, feeds the dispatcher, and moves time on where nothing comes.
struct LiveFeed<'a> {
    sources: Vec<Source>,
    dispatcher: Dispatcher,
    behind: Behind<'a>,
    dropped: &'a [Dropped],
    unheard: &'a [ListenerLosses],
    session: Session,
    /// What was counted when losses were last told.
    told: Counters,
    last_count: Instant,
    last_alive: Option<Instant>,
    /// Whether time goes on by the clock where nothing comes.
    is_wall_clock: bool,
}

impl LiveFeed<'_> {
    fn run(
        mut self,
        frames: &Receiver<Portion>,
        news: &Receiver<Event>,
        stop: &AtomicBool,
        wakers: &[Waker],
        operator: &mut dyn Operator,
    ) -> Result<u64, SensorError> {
        loop {
            let horizon = now() - HOLD;
            match frames.recv_timeout(TICK) {
                Ok(portion) => {
                    self.take(portion);
                    frames.try_iter().for_each(|portion| self.take(portion));
                    self.deliver(self.watermark(horizon))?;
                }
                Err(RecvTimeoutError::Timeout) if !self.is_wall_clock => {
                    // All of them stand still: what waits is all there is.
                    self.deliver(Timestamp::MAX)?;
                    self.dispatcher.flush().map_err(|_| SensorError::Stopped)?;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.deliver(horizon)?;
                    self.dispatcher.advance(horizon).map_err(|_| SensorError::Stopped)?;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            news.try_iter().for_each(|event| operator.hear(event));
            if self.last_alive.is_none_or(|at| at.elapsed() >= EVERY_SECOND) {
                self.last_alive = Some(Instant::now());
                operator.hear(Event::Alive);
                if let Some(settings) = operator.new_settings() {
                    self.dispatcher.set_tunnels(settings.tunnels);
                    // If the judge has not taken the one before it is gone, and the run ends anyway.
                    let _ = self.behind.sites.send(settings.site);
                }
            }
            if self.last_count.elapsed() >= COUNT_EVERY {
                self.count(operator)?;
            }
            if stop.load(Ordering::Relaxed) {
                // A thread that waits for packets looks at the flag only when it is woken.
                wakers.iter().for_each(Waker::wake);
            }
        }
        self.deliver(Timestamp::MAX)?;
        self.close()
    }

    fn take(&mut self, Portion { source, frames }: Portion) {
        if let Some(source) = self.sources.get_mut(source) {
            source.waiting.push_back((frames, 0));
        }
    }

    /// Up to when every source has delivered: to its newest packet, or, where none waits, to the horizon.
    fn watermark(&self, horizon: Timestamp) -> Timestamp {
        self.sources.iter().map(|s| s.newest().unwrap_or(horizon)).min().unwrap_or(horizon)
    }

    /// Feeds everything up to a time, in order.
    fn deliver(&mut self, up_to: Timestamp) -> Result<(), SensorError> {
        loop {
            let (mut first, mut first_at, mut limit) = (None, up_to, up_to);
            for (i, source) in self.sources.iter().enumerate() {
                let Some(record) = source.next() else { continue };
                if record.at <= first_at {
                    limit = limit.min(first_at);
                    (first, first_at) = (Some(i), record.at);
                } else {
                    limit = limit.min(record.at);
                }
            }
            let Some(source) = first.and_then(|i| self.sources.get_mut(i)) else { return Ok(()) };
            while let Some(record) = source.next().filter(|record| record.at <= limit) {
                self.session.note(&record);
                self.dispatcher.frame(&record).map_err(|_| SensorError::Stopped)?;
                source.advance();
            }
        }
    }

    /// Writes down what was counted so far, and tells what was lost since the last time.
    fn count(&mut self, operator: &mut dyn Operator) -> Result<(), SensorError> {
        self.last_count = Instant::now();
        let tally =
            self.dispatcher.epochs.drain(crate::batch::Then::Count).map_err(|_| SensorError::Stopped)?;
        let mut total = self.counted();
        tally.report(&mut total);
        let grown = total.since(&self.told);
        let lost: Vec<(Loss, u64)> = Loss::ALL
            .iter()
            .map(|loss| (*loss, grown.get("loss", loss.name())))
            .filter(|(_, n)| *n > 0)
            .collect();
        if !lost.is_empty() {
            let named = lost.iter().map(|(loss, n)| (loss.name(), *n)).collect();
            let _ = self.behind.rows.send(vec![Row::Losses(self.session.input, now(), named)]);
            operator.hear(Event::Losses(lost));
        }
        self.told = total.clone();
        // If nobody takes it the writer has failed, and its own error is the one to tell.
        let _ = self.behind.rows.send(vec![Row::Input(Box::new(self.session.row(total)))]);
        Ok(())
    }

    /// What the dispatcher and the kernel counted.
    fn counted(&mut self) -> Counters {
        let mut total = Counters::default();
        self.dispatcher.report(&mut total);
        let sum = |of: fn(&Dropped) -> &AtomicU64| -> u64 {
            self.dropped.iter().map(|dropped| of(dropped).load(Ordering::Relaxed)).sum()
        };
        total.add("loss", Loss::RingFull.name(), sum(|d| &d.ring_full));
        total.add("loss", Loss::InterfaceDropped.name(), sum(|d| &d.interface));
        let sum = |of: fn(&ListenerLosses) -> &AtomicU64| -> u64 {
            self.unheard.iter().map(|losses| of(losses).load(Ordering::Relaxed)).sum()
        };
        total.add("loss", Loss::HepSocketFull.name(), sum(|l| &l.socket_full));
        total.add("loss", Loss::HepDesync.name(), sum(|l| &l.desync));
        total
    }

    /// Lets everything open be reported.
    fn close(mut self) -> Result<u64, SensorError> {
        self.dispatcher.finish().map_err(|_| SensorError::Stopped)?;
        let epochs = &mut self.dispatcher.epochs;
        let tally = finish(epochs).and_then(|then| epochs.drain(then)).map_err(|_| SensorError::Stopped)?;
        let mut total = self.counted();
        tally.report(&mut total);
        let _ = self.behind.rows.send(vec![Row::Input(Box::new(self.session.row(total)))]);
        Ok(self.session.packets)
    }
}

/// The input that a live run is in the database: one row, written again as it grows.
struct Session {
    input: i64,
    name: String,
    packets: u64,
    bytes: u64,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
}

impl Session {
    fn new(name: String, key: HashKey) -> Self {
        let input = key.identity(&[b"live", name.as_bytes(), &now().as_nanos().to_le_bytes()]);
        Self { input, name, packets: 0, bytes: 0, first_at: None, last_at: None }
    }

    fn note(&mut self, record: &Record<'_>) {
        self.packets += 1;
        self.bytes += record.frame.len() as u64;
        self.first_at.get_or_insert(record.at);
        self.last_at = self.last_at.max(Some(record.at));
    }

    fn row(&self, counters: Counters) -> InputRow {
        InputRow {
            input: self.input,
            name: self.name.clone(),
            packets: self.packets,
            bytes: self.bytes,
            first_at: self.first_at,
            last_at: self.last_at,
            counters,
        }
    }
}

/// The time by the clock that stamps packets.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}
