use std::time::{Duration, Instant};

use bellwether_base::HashKey;
use bellwether_judge::{Judge, Row, Site, Tokeniser};
use bellwether_shard::{Limits, Outbox, StampedFact, VIRTUAL_SHARDS, Worker};
use bellwether_store::{Retention, StoreError, Writer};
use bellwether_wire::{FragmentLimits, TcpLimits, TunnelPorts};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use hdrhistogram::Histogram;

use crate::SensorError;
use crate::batch::{Batch, Done, Facts, Then};
use crate::dispatcher::Dispatcher;
use crate::epochs::{Epochs, LAG};
use crate::merge::merge;

/// Row batches that wait for the writer: enough to keep the workers busy during one commit.
const ROW_BATCHES: usize = 32;

/// Rows gathered before they are written, and how long they may wait.
const COMMIT_ROWS: usize = 2048;
const COMMIT_EVERY: Duration = Duration::from_millis(200);

/// Updates of calls held back for later ones to replace them, and how long.
const HELD_UPDATES: usize = 2048;
const HELD_FOR: Duration = Duration::from_secs(1);

/// How often what is too old is looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// How to run.
pub struct Config {
    /// Worker threads, at least one.
    pub workers: u16,
    /// Bounds and time-outs of the workers' tables.
    pub limits: Limits,
    /// Bounds of fragment reassembly.
    pub fragments: FragmentLimits,
    /// Bounds of TCP reassembly.
    pub tcp: TcpLimits,
    /// Where tunnels over UDP are looked for.
    pub tunnels: TunnelPorts,
    /// The installation's key.
    pub key: HashKey,
    /// Makes tokens of personal data.
    pub tokeniser: Tokeniser,
    /// The site's topology.
    pub site: Site,
    /// How much the database may hold; a replay keeps everything.
    pub retention: Option<Retention>,
}

/// Settings that may change while a sensor runs.
#[derive(Clone)]
pub struct Settings {
    /// The site's topology.
    pub site: Site,
    /// Where tunnels over UDP are looked for.
    pub tunnels: TunnelPorts,
}

/// Ways from the feed to those who come behind the workers.
pub(crate) struct Behind<'a> {
    /// To the writer.
    pub(crate) rows: &'a Sender<Vec<Row>>,
    /// To the judge: the topology that it is to go by from now on.
    pub(crate) sites: &'a Sender<Site>,
}

/// What every run leaves.
pub struct Finished {
    /// Wall time.
    pub elapsed: Duration,
    /// Time from the dispatcher to the judge, in microseconds.
    pub latency: Histogram<u64>,
    /// The database, for reading a report from one in memory.
    pub database: bellwether_store::Reader,
}

/// Sets up everything behind the dispatcher, lets `feed` fill it from wherever packets come, and waits until all
/// of that is written.
pub(crate) fn run<T>(
    config: &Config,
    writer: Writer,
    feed: impl FnOnce(Dispatcher, Behind<'_>) -> Result<T, SensorError>,
) -> Result<(T, Finished), SensorError> {
    let started = Instant::now();
    let workers = config.workers.clamp(1, VIRTUAL_SHARDS);
    std::thread::scope(|scope| {
        let mut to_workers = Vec::new();
        let mut from_workers = Vec::new();
        let mut facts_from = Vec::new();
        for number in 0..workers {
            let (batch_tx, batch_rx) = bounded::<Batch>(LAG + 1);
            let (done_tx, done_rx) = bounded::<Done>(LAG + 1);
            let (facts_tx, facts_rx) = bounded::<Facts>(LAG + 1);
            // Large vectors go back to where they are filled: freeing them over and over costs more.
            let (spare_tx, spare_rx) = bounded(LAG + 1);
            let worker = Worker::new(number, workers, &config.limits, config.key);
            spawn(scope, &format!("worker-{number}"), move || {
                work(worker, &batch_rx, &done_tx, &facts_tx, &spare_rx)
            })?;
            to_workers.push(batch_tx);
            from_workers.push(done_rx);
            facts_from.push((facts_rx, spare_tx));
        }
        let (rows_tx, rows_rx) = bounded::<Vec<Row>>(ROW_BATCHES);
        let judge = Judge::new(config.tokeniser.clone(), config.site.clone(), config.key);
        let judged_tx = rows_tx.clone();
        // A feed that waited for the judge to take a topology would wait for ever: the judge wakes for facts only.
        let (sites_tx, sites_rx) = unbounded();
        let merging =
            spawn(scope, "merge", move || merge(&facts_from, judge, &sites_rx, &judged_tx, started))?;
        let retention = config.retention;
        let writing = spawn(scope, "writer", move || write(writer, retention, &rows_rx))?;

        let epochs = Epochs::new(to_workers, from_workers, started);
        let dispatcher =
            Dispatcher::new(epochs, config.fragments, config.tcp, config.tunnels.clone(), config.key);
        let fed = feed(dispatcher, Behind { rows: &rows_tx, sites: &sites_tx });
        // The channels close from front to back: workers end, then the merge, then the writer.
        drop(rows_tx);
        let latency = merging.join().map_err(|_| SensorError::Stopped)?;
        let database = writing.join().map_err(|_| SensorError::Stopped)?.map_err(SensorError::Store)?;
        Ok((fed?, Finished { elapsed: started.elapsed(), latency, database }))
    })
}

/// Starts a thread with a name, which shows in debuggers and profiles.
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

/// One worker's thread: it ends when the dispatcher has no more for it, or nobody takes its results.
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

/// The writer's thread: commits when enough has gathered or waited long enough.
fn write(
    mut writer: Writer,
    retention: Option<Retention>,
    from: &Receiver<Vec<Row>>,
) -> Result<bellwether_store::Reader, StoreError> {
    let mut last_commit = Instant::now();
    let mut last_updates = last_commit;
    let mut last_pruning: Option<Instant> = None;
    loop {
        match from.recv_timeout(COMMIT_EVERY) {
            Ok(rows) => rows.into_iter().for_each(|row| writer.push(row)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if writer.pending_updates() >= HELD_UPDATES || last_updates.elapsed() >= HELD_FOR {
            writer.commit(true)?;
            last_updates = Instant::now();
            last_commit = last_updates;
            if let Some(retention) = &retention {
                writer.prune_by_size(retention)?;
                if last_pruning.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
                    writer.prune_by_age(retention, crate::live::now())?;
                    last_pruning = Some(Instant::now());
                }
            }
        } else if writer.pending() >= COMMIT_ROWS || last_commit.elapsed() >= COMMIT_EVERY {
            writer.commit(false)?;
            last_commit = Instant::now();
        }
    }
    writer.close().map(bellwether_store::Reader::from_connection)
}
