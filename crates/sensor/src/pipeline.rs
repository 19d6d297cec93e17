use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_base::HashKey;
use bellwether_enrich::{Enricher, Knowledge, SensitiveNumbers, Tokeniser, Topology};
use bellwether_recorder::Recorder;
use bellwether_store::Retention;
use bellwether_tracker::{Limits, Outbox, StampedFact, VIRTUAL_SHARDS, Worker};
use bellwether_wire::{FragmentLimits, TcpLimits, TunnelPorts};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use hdrhistogram::Histogram;

use crate::SensorError;
use crate::batch::{Batch, Done, Facts, Then};
use crate::dispatcher::Dispatcher;
use crate::epochs::{Epochs, LAG};
use crate::merge::merge;
use crate::queues::InputKind;
use crate::recognition::Recognition;
use crate::room::{Door, Patience, room};
use crate::tap::SignallingTap;
use crate::writing::write;

/// Configuration of a run.
pub struct Config {
    /// Worker threads, at least one.
    pub workers: u16,
    /// Limits and timeouts of the workers' tables.
    pub limits: Limits,
    /// Limits of fragment reassembly.
    pub fragments: FragmentLimits,
    /// Limits of TCP reassembly.
    pub tcp: TcpLimits,
    /// UDP ports at which tunnels are expected.
    pub tunnels: TunnelPorts,
    /// Maximum number of recordings that are known again.
    pub recordings: usize,
    /// The installation's key.
    pub key: HashKey,
    /// Makes tokens of personal data.
    pub tokeniser: Tokeniser,
    /// Topology of the site.
    pub site: Topology,
    /// Sensitive numbers, for which dialled calls are scored strictly.
    pub sensitive: SensitiveNumbers,
    /// Knowledge about numbers, names and signers.
    pub knowledge: Arc<Knowledge>,
    /// Limits of the database; a replay keeps everything.
    pub retention: Option<Retention>,
    /// Limits of waiting for a database locked by another program.
    pub patience: Patience,
    /// A second reader of signalling frames.
    pub tap: Option<SignallingTap>,
}

/// Settings that may change while a sensor runs.
#[derive(Clone)]
pub struct Settings {
    /// Topology of the site.
    pub site: Topology,
    /// UDP ports at which tunnels are expected.
    pub tunnels: TunnelPorts,
}

/// Channels from the feed to the components behind the workers.
pub(crate) struct Downstream<'a> {
    /// Rows to the writer.
    pub(crate) rows: &'a Door,
    /// New topologies to the enricher.
    pub(crate) sites: &'a Sender<Topology>,
}

/// Distribution of a delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latency {
    /// Median in microseconds.
    pub p50_us: u64,
    /// 99th percentile in microseconds.
    pub p99_us: u64,
}

impl Latency {
    fn of(taken: &Histogram<u64>) -> Self {
        Self { p50_us: taken.value_at_quantile(0.5), p99_us: taken.value_at_quantile(0.99) }
    }
}

/// The part of a result common to all runs.
pub struct Finished {
    /// Wall time.
    pub elapsed: Duration,
    /// Delay from the dispatcher to the enricher.
    pub enriched: Latency,
    /// Delay from a packet's timestamp to the commit of its rows. None without rows, or if timestamps are not
    /// the time of day.
    pub committed: Option<Latency>,
    /// The database, for reports from a database in memory.
    pub database: bellwether_store::Reader,
}

/// Starts all components behind the dispatcher, runs `feed`, and waits until everything is written.
pub(crate) fn run<T>(
    config: &Config,
    recorder: Recorder,
    supply: InputKind,
    feed: impl FnOnce(Dispatcher, Downstream<'_>) -> Result<T, SensorError>,
) -> Result<(T, Finished), SensorError> {
    let started = Instant::now();
    // Packets of the network do not wait; packets of files do.
    let is_live = supply == InputKind::Network;
    let lock = &config.patience.lock;
    lock.set_endless(is_live);
    let (rows_tx, rows_rx) = room(config.patience.clone(), is_live);
    let retention = config.retention;
    let known = recorder.reader().recordings().map_err(SensorError::Store)?;
    let recognition = Recognition::new(config.recordings, known, config.key);
    std::thread::scope(|scope| {
        let writing = spawn(scope, "writer", move || write(recorder, retention, supply, &rows_rx))?;
        // When the merge and the feed end, the last sender of the channel is dropped, and the writer ends. A
        // replay needs no intermediate reports, because its database is read after the end.
        let tells_under_way = matches!(supply, InputKind::Network | InputKind::Growing);
        let limits = Limits { tells_under_way, ..config.limits };
        let (fed, enriched) = analyse(config, &limits, (recognition, rows_tx), started, feed)?;
        // From here on, a lock by another program cannot delay the end indefinitely.
        lock.set_endless(false);
        let (database, committed) =
            writing.join().map_err(|_| SensorError::Stopped)?.map_err(SensorError::Store)?;
        let committed = (!committed.is_empty()).then(|| Latency::of(&committed));
        Ok((fed?, Finished { elapsed: started.elapsed(), enriched, committed, database }))
    })
}

/// Starts the components between the dispatcher and the rows, runs `feed`, and waits until everything is
/// enriched. Returns the result of the feed, and the latencies from the dispatcher to the enricher.
pub(crate) fn analyse<T>(
    config: &Config,
    limits: &Limits,
    (recognition, rows_tx): (Recognition, Door),
    started: Instant,
    feed: impl FnOnce(Dispatcher, Downstream<'_>) -> Result<T, SensorError>,
) -> Result<(Result<T, SensorError>, Latency), SensorError> {
    let workers = config.workers.clamp(1, VIRTUAL_SHARDS);
    std::thread::scope(|scope| {
        let mut to_workers = Vec::new();
        let mut from_workers = Vec::new();
        let mut facts_from = Vec::new();
        for number in 0..workers {
            let (batch_tx, batch_rx) = bounded::<Batch>(LAG + 1);
            let (done_tx, done_rx) = bounded::<Done>(LAG + 1);
            let (facts_tx, facts_rx) = bounded::<Facts>(LAG + 1);
            // Large vectors are returned for reuse, because repeated freeing costs more.
            let (spare_tx, spare_rx) = bounded(LAG + 1);
            let worker = Worker::new(number, workers, limits, config.key);
            spawn(scope, &format!("worker-{number}"), move || {
                work(worker, &batch_rx, &done_tx, &facts_tx, &spare_rx)
            })?;
            to_workers.push(batch_tx);
            from_workers.push(done_rx);
            facts_from.push((facts_rx, spare_tx));
        }
        let enricher = Enricher::new(
            config.tokeniser.clone(),
            config.site.clone(),
            config.sensitive.clone(),
            config.key,
        )
        .knowing(Arc::clone(&config.knowledge));
        let enriched_tx = rows_tx.clone();
        // Unbounded: the enricher wakes for facts only, so a feed that waited for it to take a topology could
        // wait for ever.
        let (sites_tx, sites_rx) = unbounded();
        let merging = spawn(scope, "merge", move || {
            merge(&facts_from, (enricher, recognition), &sites_rx, &enriched_tx, started)
        })?;
        let epochs = Epochs::new(to_workers, from_workers, started);
        let dispatcher =
            Dispatcher::new(epochs, config.fragments, config.tcp, config.tunnels.clone(), config.key)
                .tapped(config.tap.clone());
        let fed = feed(dispatcher, Downstream { rows: &rows_tx, sites: &sites_tx });
        // The channels close from front to back: workers end, then the merge, then the receiver of rows.
        drop(rows_tx);
        let enriched = Latency::of(&merging.join().map_err(|_| SensorError::Stopped)?);
        Ok((fed, enriched))
    })
}

/// Starts a named thread; the name is visible in debuggers and profiles.
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    name: &str,
    body: impl FnOnce() -> T + Send + 'scope,
) -> Result<std::thread::ScopedJoinHandle<'scope, T>, SensorError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, body)
        .map_err(|e| SensorError::Thread(e.to_string()))
}

/// One worker's thread. It ends when the dispatcher has ended, or when a receiver of its results has ended.
fn work(
    mut worker: Worker,
    from: &Receiver<Batch>,
    done: &Sender<Done>,
    facts_to: &Sender<Facts>,
    spare: &Receiver<Vec<StampedFact>>,
) {
    let mut out = Outbox::default();
    for batch in from {
        for control in batch.controls.iter() {
            worker.control(control);
        }
        for item in batch.items() {
            worker.handle(&item, &mut out);
        }
        worker.advance(batch.up_to, &mut out);
        let is_counted = match batch.then {
            Then::GoOn => false,
            Then::Count => true,
            Then::Finish(shard) => {
                worker.finish(shard, batch.up_to, &mut out);
                shard + 1 == VIRTUAL_SHARDS
            }
        };
        let tally = is_counted.then(|| Box::new(worker.tally.clone()));
        let (facts, controls) = out.drain(spare.try_recv().unwrap_or_default());
        let sent = batch.sent;
        if done.send(Done { controls, tally, batch }).is_err()
            || facts_to.send(Facts { facts, sent }).is_err()
        {
            return;
        }
    }
}
