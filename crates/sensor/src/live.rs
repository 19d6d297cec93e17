//! Live traffic: one thread per socket takes frames from the kernel, and the feed merges them in order of
//! time.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bellwether_base::{Counters, Loss, Span, Timestamp};
use bellwether_capture::{
    CaptureReader, ClockEventKind, GrowingFolder, LiveCapture, LiveError, LiveOptions, OpenError,
    StampingClock, Stamps, Waker,
};
use bellwether_enrich::{Row, SensorClockRow};
use bellwether_recorder::Recorder;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::SensorError;
use crate::batch::Then;
use crate::clock::now;
use crate::dispatcher::Dispatcher;
use crate::events::{Event, EventHandler};
use crate::feed::finish;
use crate::links::Links;
use crate::listen::{HepAddress, Listener, ListenerLosses};
use crate::pipeline::{self, Config, Downstream, Finished};
use crate::queues::{FrameBatch, InputKind};
use crate::session::Session;
use crate::sources::{
    CaptureThread, Dropped, EVERY_SECOND, Following, Growing, Heard, PORTIONS, Source, TICK,
};

/// Longest delay of a packet from its timestamp to the feed: the kernel's block timeout, multiplied for a
/// thread that does not get a processor at once.
const HOLD: Span = Span::from_millis(5 * bellwether_capture::HOLD_MS as i64);

/// Interval of loss reports.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// Interval at which counters are written, if packets arrived.
const WRITE_EVERY: Duration = Duration::from_secs(2);

/// Result of a live run.
pub struct LiveOutcome {
    /// Packets taken from the interfaces.
    pub packets: u64,
    /// The part common to all runs.
    pub finished: Finished,
}

/// Opened interfaces and listeners, or growing files. Opening is the only step that needs privileges.
pub struct LiveInputs {
    sockets: Vec<(String, LiveCapture)>,
    listeners: Vec<Listener>,
    files: Vec<Growing>,
    names: String,
    stamps: Stamps,
    /// Start time of the capture.
    opened_at: Timestamp,
}

impl LiveInputs {
    /// Opens all interfaces and listeners.
    ///
    /// # Errors
    /// [`LiveError`] if an interface cannot be captured from, or an address is in use.
    pub fn open(options: &[LiveOptions], hep: &[HepAddress]) -> Result<Self, LiveError> {
        let mut sockets = Vec::new();
        // Fanout groups are numbered per network namespace; the process number makes them unique.
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
        let stamps = options.first().map(|options| options.stamps).unwrap_or_default();
        let (names, opened_at) = (names.join(" "), now());
        tracing::debug!(
            sockets = sockets.len(),
            listeners = listeners.len(),
            places = names,
            "inputs opened"
        );
        Ok(Self { sockets, listeners, files: Vec::new(), names, stamps, opened_at })
    }

    /// Opens capture files that are still being written, and folders to which captures are added. The next
    /// file of a folder is read when it exists and the previous one does not grow any more. The time of the
    /// run is that of the records, and stands still without new ones.
    ///
    /// # Errors
    /// [`OpenError`] if one of the paths cannot be read or followed.
    pub fn follow(paths: &[PathBuf]) -> Result<Self, OpenError> {
        let mut files = Vec::new();
        for path in paths {
            let name = path.display().to_string();
            if path.is_dir() {
                let mut folder = GrowingFolder::new(path);
                let (_, reader) =
                    folder.next_capture()?.ok_or_else(|| OpenError::NoCaptures(path.clone()))?;
                files.push(Growing::new(name, reader, Some(folder)));
            } else {
                files.push(Growing::new(name, CaptureReader::open_growing(path)?, None));
            }
        }
        let names: Vec<&str> = files.iter().map(|growing| growing.name.as_str()).collect();
        let names = names.join(" ");
        let (sockets, listeners) = (Vec::new(), Vec::new());
        Ok(Self { sockets, listeners, files, names, stamps: Stamps::default(), opened_at: now() })
    }
}

/// Analyses packets of interfaces and agents until `stop` is set. Then the rings are drained, all open state
/// is reported, and everything is committed.
///
/// # Errors
/// [`SensorError`] if the database cannot be written, or a thread cannot be started. Earlier commits stay.
pub fn sense(
    ears: LiveInputs,
    config: &Config,
    recorder: Recorder,
    stop: &AtomicBool,
    operator: &mut dyn EventHandler,
) -> Result<LiveOutcome, SensorError> {
    let is_wall_clock = ears.files.is_empty();
    let supply = if is_wall_clock { InputKind::Network } else { InputKind::Growing };
    let (packets, finished) = pipeline::run(config, recorder, supply, |dispatcher, behind| {
        let LiveInputs { mut sockets, listeners, files, names, stamps, opened_at } = ears;
        let session = Session::new(names, config.key, opened_at, is_wall_clock);
        let links = Links::of(sockets.iter().map(|(name, _)| name.clone()), session.input, opened_at);
        let wakers: Vec<Waker> = sockets.iter_mut().map(|(_, socket)| socket.waker()).collect();
        let dropped: Vec<Dropped> = sockets.iter().map(|_| Dropped::default()).collect();
        let heard: Vec<Heard> = sockets.iter().map(|_| Heard::since(opened_at)).collect();
        let unheard: Vec<ListenerLosses> = listeners.iter().map(|_| ListenerLosses::default()).collect();
        std::thread::scope(|scope| {
            // The threads must end in any case (a full disk is one), or the scope waits for them for ever.
            let _stops = StopsOnDrop { stop, wakers: &wakers };
            let mut sources = Vec::new();
            let (news_tx, news) = bounded(64);
            let (frames_tx, frames) = bounded(PORTIONS * (sockets.len() + listeners.len() + files.len()));
            let add = |sources: &mut Vec<Source>| {
                let (source, handover) = Source::new(sources.len(), &frames_tx);
                sources.push(source);
                handover
            };
            for (i, ((socket, dropped), heard)) in sockets.into_iter().zip(&dropped).zip(&heard).enumerate() {
                let handover = add(&mut sources);
                let taking = CaptureThread { stop, dropped, heard, stamps, handover, news: news_tx.clone() };
                pipeline::spawn(scope, &format!("capture-{i}"), move || taking.run(socket))?;
            }
            for (i, (listener, losses)) in listeners.into_iter().zip(&unheard).enumerate() {
                let handover = add(&mut sources);
                pipeline::spawn(scope, &format!("hep-{i}"), move || listener.run(stop, losses, &handover))?;
            }
            for (i, growing) in files.into_iter().enumerate() {
                let following = Following { stop, handover: add(&mut sources), news: news_tx.clone() };
                pipeline::spawn(scope, &format!("follow-{i}"), move || following.run(growing))?;
            }
            drop((frames_tx, news_tx));
            let feed = LiveFeed {
                horizons: vec![opened_at; sources.len()],
                newest: vec![Timestamp::MIN; sources.len()],
                heard: &heard,
                sources,
                dispatcher,
                behind,
                links,
                clock: StampingClock::default(),
                dropped: &dropped,
                unheard: &unheard,
                session,
                told: Counters::default(),
                written: 0,
                last_write: Instant::now(),
                last_count: Instant::now(),
                last_alive: None,
                is_wall_clock,
                stamps,
            };
            feed.run(&frames, &news, stop, &wakers, operator)
        })
    })?;
    Ok(LiveOutcome { packets, finished })
}

/// Stops the threads of all sources when dropped.
struct StopsOnDrop<'a> {
    stop: &'a AtomicBool,
    wakers: &'a [Waker],
}

impl Drop for StopsOnDrop<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wakers.iter().for_each(Waker::wake);
    }
}

/// Merges the sources, feeds the dispatcher, and advances time without packets.
struct LiveFeed<'a> {
    sources: Vec<Source>,
    /// Per source: time up to which it has delivered everything, and time of its newest packet.
    horizons: Vec<Timestamp>,
    newest: Vec<Timestamp>,
    /// The times up to which the socket threads have delivered. Sockets are the first sources.
    heard: &'a [Heard],
    dispatcher: Dispatcher,
    behind: Downstream<'a>,
    links: Links,
    clock: StampingClock,
    dropped: &'a [Dropped],
    unheard: &'a [ListenerLosses],
    session: Session,
    /// Counters at the last loss report.
    told: Counters,
    /// Number of packets at the last write of counters.
    written: u64,
    last_write: Instant,
    last_count: Instant,
    last_alive: Option<Instant>,
    /// True if time advances by the wall clock while no packet arrives.
    is_wall_clock: bool,
    stamps: Stamps,
}

impl LiveFeed<'_> {
    fn run(
        mut self,
        frames: &Receiver<FrameBatch>,
        news: &Receiver<Event>,
        stop: &AtomicBool,
        wakers: &[Waker],
        operator: &mut dyn EventHandler,
    ) -> Result<u64, SensorError> {
        self.note(self.session.begun());
        loop {
            let horizon = self.look_ahead();
            match frames.recv_timeout(TICK) {
                Ok(portion) => {
                    self.take(portion);
                    frames.try_iter().for_each(|portion| self.take(portion));
                    self.deliver(self.watermark())?;
                }
                Err(RecvTimeoutError::Timeout) if !self.is_wall_clock => {
                    // No file grows at present: the waiting frames are all frames.
                    self.deliver(Timestamp::MAX)?;
                    self.dispatcher.flush().map_err(|_| SensorError::Stopped)?;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.deliver(horizon)?;
                    self.dispatcher.advance(horizon).map_err(|_| SensorError::Stopped)?;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.hear(news, operator);
            if self.last_alive.is_none_or(|at| at.elapsed() >= EVERY_SECOND) {
                self.last_alive = Some(Instant::now());
                // On a quiet link only this check detects a failed writer.
                self.behind.rows.probe().map_err(|_| SensorError::Stopped)?;
                let (events, spans) = self.links.changes(now());
                spans.into_iter().for_each(|span| self.note(span));
                for event in events {
                    // A thread that waits on a removed interface must be woken to bind to the new one.
                    wakers.iter().for_each(Waker::wake);
                    operator.hear(event);
                }
                self.watch_clock(operator);
                operator.hear(Event::Alive);
                if let Some(sign) = self.session.sign_of_life(horizon) {
                    self.behind.rows.offer(sign.into());
                }
                if let Some(settings) = operator.new_settings() {
                    self.dispatcher.set_tunnels(settings.tunnels);
                    // If the enricher has ended, the run ends anyway.
                    let _ = self.behind.sites.send(settings.site);
                }
            }
            if self.last_count.elapsed() >= COUNT_EVERY {
                self.count(operator)?;
            } else if self.last_write.elapsed() >= WRITE_EVERY && self.session.packets != self.written {
                let total = self.total()?;
                self.write(total);
            }
            if stop.load(Ordering::Relaxed) {
                // A thread that waits for packets checks the flag only when it is woken.
                wakers.iter().for_each(Waker::wake);
            }
        }
        self.hear(news, operator);
        self.deliver(Timestamp::MAX)?;
        self.close()
    }

    /// Processes events from the sources' threads, and passes them to the operator.
    fn hear(&mut self, news: &Receiver<Event>, operator: &mut dyn EventHandler) {
        for event in news.try_iter() {
            match &event {
                Event::Followed(interface) => {
                    if let Some(span) = self.links.followed(interface, now()) {
                        self.note(span);
                    }
                }
                Event::Gap { place, from, to } => {
                    if to.is_none() {
                        self.dispatcher.losses.count(Loss::RecordDamaged);
                    }
                    if let Some(from) = *from {
                        self.note(self.session.blind(Loss::RecordDamaged, place, from, *to, 1));
                    }
                }
                Event::Losses(_)
                | Event::Trouble(_)
                | Event::Recovered(_)
                | Event::Clock(_)
                | Event::Alive => {}
            }
            operator.hear(event);
        }
    }

    /// Writes a row that must not be lost.
    fn note(&self, row: Row) {
        // If the send fails, the writer has failed, and its own error is reported.
        let _ = self.behind.rows.send_surely(row.into());
    }

    /// Records changes of the clock, at which timelines are split.
    fn watch_clock(&mut self, operator: &mut dyn EventHandler) {
        // Changes of the system clock do not affect packets with timestamps of another clock.
        if !self.is_wall_clock || self.stamps == Stamps::Nic {
            return;
        }
        let Some(event) = self.clock.look() else { return };
        let (kind, amount) = match event.kind {
            ClockEventKind::Step(step) => ("step", step.as_secs_f64()),
            ClockEventKind::Leap(step) => ("leap", step.as_secs_f64()),
            ClockEventKind::Rate(ppm) => ("rate", ppm),
        };
        let row = SensorClockRow { from: event.from, to: event.to, kind, amount };
        // If the send fails, the writer has failed, and its own error is reported.
        let _ = self.behind.rows.send_surely(Row::SensorClock(Box::new(row)).into());
        operator.hear(Event::Clock(event));
    }

    /// Updates the time up to which each source has delivered everything, and returns the earliest. Frames
    /// that a source has sent before this call are received after it.
    fn look_ahead(&mut self) -> Timestamp {
        let now = now();
        for (i, (horizon, newest)) in self.horizons.iter_mut().zip(&self.newest).enumerate() {
            let quiet_at = self.heard.get(i).map_or(now, Heard::at);
            *horizon = (quiet_at.min(now) - HOLD).max(*newest);
        }
        self.horizons.iter().copied().min().unwrap_or(now - HOLD)
    }

    fn take(&mut self, FrameBatch { source, frames }: FrameBatch) {
        if let (Some(newest), Some(known)) = (frames.newest(), self.newest.get_mut(source)) {
            *known = newest;
        }
        if let Some(span) = self.links.heard(source, frames.newest()) {
            self.note(span);
        }
        if let Some(source) = self.sources.get_mut(source) {
            source.take(frames);
        }
    }

    /// Time up to which every source has delivered: its newest waiting packet, or its horizon if none waits.
    fn watermark(&self) -> Timestamp {
        let up_to = |(source, horizon): (&Source, &Timestamp)| source.newest().unwrap_or(*horizon);
        self.sources.iter().zip(&self.horizons).map(up_to).min().unwrap_or(Timestamp::MAX)
    }

    /// Feeds all packets up to a time, in order.
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
                self.session.take(&record);
                self.dispatcher.frame(&record).map_err(|_| SensorError::Stopped)?;
                source.advance();
            }
        }
    }

    /// Writes the counters, and reports the losses since the last time.
    fn count(&mut self, operator: &mut dyn EventHandler) -> Result<(), SensorError> {
        self.last_count = Instant::now();
        let total = self.total()?;
        let lost = self.write_down(total);
        if !lost.is_empty() {
            operator.hear(Event::Losses(lost));
        }
        Ok(())
    }

    /// Sum of all counters.
    fn total(&mut self) -> Result<Counters, SensorError> {
        let tally = self.dispatcher.epochs.drain(Then::Count).map_err(|_| SensorError::Stopped)?;
        let mut total = self.counted();
        tally.report(&mut total);
        Ok(total)
    }

    /// Writes packets and counters, which belong to the same packets.
    fn write(&mut self, total: Counters) {
        (self.written, self.last_write) = (self.session.packets, Instant::now());
        self.note(Row::Input(Box::new(self.session.row(total))));
    }

    /// Writes the counters, and the losses since the last time with their interval. Returns these losses.
    fn write_down(&mut self, total: Counters) -> Vec<(Loss, u64)> {
        let grown = total.since(&self.told);
        let lost: Vec<(Loss, u64)> = Loss::ALL
            .iter()
            .map(|loss| (*loss, grown.get("loss", loss.name())))
            .filter(|(_, n)| *n > 0)
            .collect();
        if !lost.is_empty() {
            let named = lost.iter().map(|(loss, n)| (loss.name(), *n)).collect();
            self.note(Row::Losses(self.session.input, now(), named));
        }
        let at = if self.is_wall_clock { Some(now()) } else { self.session.last_at };
        let spans = at.map(|at| self.session.counted(&lost, at)).unwrap_or_default();
        spans.into_iter().for_each(|span| self.note(span));
        self.told = total.clone();
        self.write(total);
        lost
    }

    /// Counters of the dispatcher and of the kernel.
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
        total.add("loss", Loss::HepConnectionRefused.name(), sum(|l| &l.refused));
        total.add("loss", Loss::HepConnectionEvicted.name(), sum(|l| &l.evicted));
        total.add("loss", Loss::DatabaseLocked.name(), self.behind.rows.waits());
        total.add("loss", Loss::RowsDropped.name(), self.behind.rows.dropped());
        let stamped_by = if self.is_wall_clock { self.stamps.name() } else { "file" };
        total.add("stamps", stamped_by, self.session.packets);
        total
    }

    /// Makes the workers report all open state, and ends the run.
    fn close(mut self) -> Result<u64, SensorError> {
        self.dispatcher.finish().map_err(|_| SensorError::Stopped)?;
        let epochs = &mut self.dispatcher.epochs;
        let tally = finish(epochs).and_then(|then| epochs.drain(then)).map_err(|_| SensorError::Stopped)?;
        let mut total = self.counted();
        tally.report(&mut total);
        self.write_down(total);
        let ended_at = now();
        self.links.end(ended_at).into_iter().for_each(|span| self.note(span));
        self.note(self.session.over(ended_at));
        Ok(self.session.packets)
    }
}
