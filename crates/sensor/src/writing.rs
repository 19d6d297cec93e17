//! The writer's thread: pace of commits, and their latencies.

use std::time::{Duration, Instant};

use bellwether_base::Timestamp;
use bellwether_enrich::Row;
use bellwether_recorder::Recorder;
use bellwether_store::{Reader, Retention, StoreError, Writer};
use hdrhistogram::Histogram;

use crate::clock::now;
use crate::merge::latencies;
use crate::queues::{InputKind, Rows};
use crate::room::{Closed, Hatch};

/// Limits of a commit's size and delay.
#[derive(Clone, Copy)]
struct Batch {
    /// Number of rows, and their longest delay.
    rows: usize,
    every: Duration,
    /// Number of call updates, which later ones replace, and their longest delay.
    updates: usize,
    updates_every: Duration,
}

/// Live traffic: operators wait for results.
const LIVE: Batch = Batch {
    rows: 2048,
    every: Duration::from_millis(200),
    updates: 2048,
    updates_every: Duration::from_secs(1),
};

/// Captures can be read again, so fewer commits are sufficient. Each commit writes the touched pages of all
/// indexes: with batches of live size, a replay of signalling wrote twelve times the size of the database.
const OF_A_CAPTURE: Batch =
    Batch { rows: 8192, every: Duration::from_secs(1), updates: 8192, updates_every: Duration::from_secs(2) };

/// Longest device assessment after a commit with updates, which is once a second: rows wait in the meantime.
const JUDGE_FOR: Duration = Duration::from_millis(200);

/// Limit of scores of a capture held back until its end: about 50 MiB.
const MAX_HELD: usize = 65_536;

/// Time after the start for which a pipe's scores are held back: the pipe may be live and endless, and alerts
/// must not wait.
const PIPE_HOLDS_FOR: Duration = Duration::from_secs(60);

/// Interval of retention by age.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// Longest deletion of old rows after a commit. The rest follows after the next ones.
const PRUNE_FOR: Duration = Duration::from_millis(200);

/// Writes rows until all senders have ended. Returns the database, and the delays from packet to committed
/// row in microseconds, for packets with the time of day.
pub(crate) fn write(
    recorder: Recorder,
    retention: Option<Retention>,
    supply: InputKind,
    from: &Hatch,
) -> Result<(Reader, Histogram<u64>), StoreError> {
    let path = recorder.path();
    write_all(recorder, retention, supply, from).map_err(|e| Writer::locked_out(&path, from.lock(), e))
}

fn write_all(
    mut recorder: Recorder,
    retention: Option<Retention>,
    supply: InputKind,
    from: &Hatch,
) -> Result<(Reader, Histogram<u64>), StoreError> {
    let started = Instant::now();
    let lock = from.lock();
    recorder.writer().wait_for_locks(lock)?;
    let is_wall_clock = supply == InputKind::Network;
    if matches!(supply, InputKind::Files | InputKind::Pipe) {
        recorder.hold(MAX_HELD);
    }
    // A replay recreates all of its rows from the capture. Live traffic does not repeat, so calls that a killed
    // run left without assessment are taken up.
    if is_wall_clock {
        recorder.resume()?;
    }
    let mut writing = Writing {
        recorder,
        rows: Vec::new(),
        updates: Vec::new(),
        last_commit: Instant::now(),
        last_updates: Instant::now(),
        batch: if matches!(supply, InputKind::Files) { OF_A_CAPTURE } else { LIVE },
        is_wall_clock,
        latency: latencies(),
    };
    let mut last_pruning: Option<Instant> = None;
    loop {
        match from.take(writing.batch.every) {
            Ok(Some(rows)) => writing.take(rows),
            Ok(None) => {}
            Err(Closed) => break,
        }
        writing.recorder.run_errands();
        if supply == InputKind::Pipe && started.elapsed() >= PIPE_HOLDS_FOR {
            writing.recorder.hold(0);
        }
        let is_due = writing.commit_if_due()?;
        lock.is_over();
        if !is_due {
            continue;
        }
        // Devices of a capture are assessed after its end: intermediate results would depend on the speed of
        // the machine.
        if is_wall_clock {
            writing.recorder.judge_devices(&within(JUDGE_FOR))?;
        }
        if let Some(retention) = &retention {
            let (has_time, writer) = (within(PRUNE_FOR), writing.recorder.writer());
            let mut pruned = writer.prune_by_size(retention, &has_time)?;
            if last_pruning.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
                pruned += writer.prune_by_age(retention, now(), &has_time)?;
                last_pruning = has_time().then(Instant::now);
            }
            if pruned > 0 {
                tracing::debug!(rows = pruned, "old rows pruned");
            }
        }
    }
    writing.commit(true)?;
    let Writing { recorder, latency, .. } = writing;
    Ok((recorder.close()?, latency))
}

/// True for the given time from now on.
fn within(time: Duration) -> impl Fn() -> bool {
    let began = Instant::now();
    move || began.elapsed() < time
}

struct Writing {
    recorder: Recorder,
    /// Rows and updates that wait for a commit: time of the oldest fact, and count.
    rows: Vec<(Timestamp, usize)>,
    updates: Vec<(Timestamp, usize)>,
    last_commit: Instant,
    last_updates: Instant,
    batch: Batch,
    is_wall_clock: bool,
    latency: Histogram<u64>,
}

impl Writing {
    fn take(&mut self, Rows { rows, since }: Rows) {
        if let Some(since) = since.filter(|_| self.is_wall_clock) {
            let updates = rows.iter().filter(|row| matches!(row, Row::CallUpdate(_))).count();
            self.updates.push((since, updates));
            self.rows.push((since, rows.len() - updates));
        }
        self.recorder.push_all(rows);
    }

    /// Commits if enough rows have gathered or waited long enough. Returns true if updates were included.
    fn commit_if_due(&mut self) -> Result<bool, StoreError> {
        let Batch { rows, every, updates, updates_every } = self.batch;
        let with_updates =
            self.recorder.pending_updates() >= updates || self.last_updates.elapsed() >= updates_every;
        if with_updates || self.recorder.pending() >= rows || self.last_commit.elapsed() >= every {
            self.commit(with_updates)?;
        }
        Ok(with_updates)
    }

    fn commit(&mut self, with_updates: bool) -> Result<(), StoreError> {
        let updates = if with_updates { self.recorder.pending_updates() } else { 0 };
        let (rows, began) = (self.recorder.pending(), Instant::now());
        self.recorder.commit(with_updates)?;
        if rows + updates > 0 {
            let micros = began.elapsed().as_micros() as u64;
            tracing::trace!(rows, updates, micros, "rows committed");
        }
        self.last_commit = Instant::now();
        let written_at = now();
        let mut record = |waiting: &mut Vec<(Timestamp, usize)>| {
            for (since, count) in waiting.drain(..) {
                let micros = written_at.since(since).as_nanos() / 1000;
                self.latency.saturating_record_n(u64::try_from(micros).unwrap_or(0).max(1), count as u64);
            }
        };
        record(&mut self.rows);
        if with_updates {
            record(&mut self.updates);
            self.last_updates = self.last_commit;
        }
        Ok(())
    }
}
