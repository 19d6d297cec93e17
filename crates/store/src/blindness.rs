//! Blind spans, and the calls during these spans.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{Loss, LossKind};

use crate::StoreError;
use crate::reader::Reader;

/// The maximum time from a run's last sign of life to its last packet: the longest interval between two signs, and a margin.
const BETWEEN_SIGNS: i64 = 12_000_000_000;

/// The time for which a sensor waits for the end of a call, answered or not. A call without a seen end may have lasted for
/// this time.
const ANSWERED_CALL: i64 = 6 * 3600 * 1_000_000_000;
const RINGING_CALL: i64 = 200 * 1_000_000_000;

/// A blind span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindSpan {
    /// The loss of the span.
    pub loss: Loss,
    /// The place: an interface or a file.
    pub place: String,
    /// Its beginning, in nanoseconds.
    pub from: i64,
    /// Its end, in nanoseconds. `None` for an open span.
    pub to: Option<i64>,
    /// The count of the loss in the span.
    pub count: i64,
    /// True for a span of a sensor, false for a span of a file.
    is_live: bool,
}

/// The spans of one loss.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpansOfLoss {
    /// The spans in order of time.
    pub spans: Vec<BlindSpan>,
    /// The number of older spans that are not kept.
    pub left_off: i64,
    /// The count of the loss in all spans.
    pub count: i64,
}

impl Reader {
    /// Every loss that has spans, in order of time.
    ///
    /// # Errors
    /// If the database fails.
    pub fn spans_by_loss(&self) -> Result<BTreeMap<Loss, SpansOfLoss>, StoreError> {
        let mut by_loss: BTreeMap<Loss, SpansOfLoss> = BTreeMap::new();
        for span in self.blind_spans()? {
            let of_loss = by_loss.entry(span.loss).or_default();
            of_loss.count += span.count;
            of_loss.spans.push(span);
        }
        let mut select = self.db.prepare("SELECT name, spans, count FROM blind_spans_gone")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let Some(loss) = Loss::named(&row.get::<_, String>(0)?) else { continue };
            let of_loss = by_loss.entry(loss).or_default();
            of_loss.left_off += row.get::<_, i64>(1)?;
            of_loss.count += row.get::<_, i64>(2)?;
        }
        Ok(by_loss)
    }

    /// All blind spans in order of time: spans from runs, and spans from the counters of replayed files. A cut file is blind from its last
    /// record to the start of the next file. A file that overflowed a table is doubtful as a whole.
    fn blind_spans(&self) -> Result<Vec<BlindSpan>, StoreError> {
        let mut spans = Vec::new();
        let mut add = |sql: &str| -> Result<(), StoreError> {
            let mut select = self.db.prepare(sql)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let loss = Loss::named(&row.get::<_, String>(0)?).filter(|loss| loss.is_blindness());
                let Some(loss) = loss else { continue };
                let (place, from, to) = (row.get(1)?, row.get(2)?, row.get(3)?);
                spans.push(BlindSpan { loss, place, from, to, count: row.get(4)?, is_live: row.get(5)? });
            }
            Ok(())
        };
        add("SELECT b.name, b.place, b.from_at, b.to_at, b.count, coalesce(r.is_live, 1)
             FROM blind_spans AS b LEFT JOIN runs AS r ON r.input = b.input")?;
        add("SELECT c.name, i.name, i.last_at,
                 (SELECT min(o.first_at) FROM inputs AS o WHERE o.first_at > i.last_at), c.count, 0
             FROM counters AS c JOIN inputs AS i ON i.input = c.input
             WHERE c.kind = 'loss' AND c.name = 'record_damaged' AND i.last_at IS NOT NULL
                 AND c.input NOT IN (SELECT input FROM runs)")?;
        add("SELECT c.name, i.name, i.first_at, i.last_at, c.count, 0
             FROM counters AS c JOIN inputs AS i ON i.input = c.input
             WHERE c.kind = 'loss' AND c.name <> 'record_damaged' AND i.first_at IS NOT NULL
                 AND c.input NOT IN (SELECT input FROM runs)")?;
        spans.sort_by(|a, b| (a.from, a.loss, &a.place).cmp(&(b.from, b.loss, &b.place)));
        // A file that was followed and replayed has its damage once.
        let mut known = BTreeSet::new();
        spans.retain(|span| span.loss != Loss::RecordDamaged || known.insert(span.from));
        Ok(spans)
    }

    /// The losses and runs for comparison with calls.
    ///
    /// # Errors
    /// If the database fails.
    pub fn blindness(&self) -> Result<Blindness, StoreError> {
        let mut blindness = Blindness::default();
        for span in self.blind_spans()? {
            // A notice loses nothing, so no call misses anything.
            if span.loss.kind() == LossKind::Notice {
                continue;
            }
            let side = if span.is_live { &mut blindness.live } else { &mut blindness.files };
            side.entry(span.loss).or_default().push(span.from, span.to.unwrap_or(i64::MAX));
        }
        let mut select =
            self.db.prepare("SELECT started_at, alive_at FROM runs WHERE is_live ORDER BY started_at")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (from, alive): (i64, i64) = (row.get(0)?, row.get(1)?);
            blindness.runs.push(from, alive.saturating_add(BETWEEN_SIGNS));
        }
        Ok(blindness)
    }
}

/// A closed interval in nanoseconds.
pub type Stretch = (i64, i64);

/// Disjoint intervals in order.
#[derive(Debug, Default)]
struct Times(Vec<Stretch>);

impl Times {
    /// Adds an interval that begins no earlier than the intervals before.
    fn push(&mut self, from: i64, to: i64) {
        match self.0.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => self.0.push((from, to)),
        }
    }

    /// The first interval that overlaps one of these.
    fn meeting(&self, from: i64, to: i64) -> Option<Stretch> {
        let at = self.0.partition_point(|time| time.1 < from);
        self.0.get(at).copied().filter(|time| time.0 <= to)
    }
}

/// All blind spans, prepared for comparison with many calls.
#[derive(Debug, Default)]
pub struct Blindness {
    live: BTreeMap<Loss, Times>,
    files: BTreeMap<Loss, Times>,
    /// The times of live runs.
    runs: Times,
}

impl Blindness {
    /// The losses in whose spans a call ran, each with the first of these spans. Times are in nanoseconds. A call during a live run is
    /// compared with spans of the sensor, and any other call with spans of files.
    #[must_use]
    pub fn met(&self, started: i64, answered: Option<i64>, ended: Option<i64>) -> Vec<(Loss, Stretch)> {
        let ended = ended.unwrap_or_else(|| match answered {
            Some(answered) => answered.saturating_add(ANSWERED_CALL),
            None => started.saturating_add(RINGING_CALL),
        });
        let is_live = self.runs.meeting(started, started).is_some();
        let side = if is_live { &self.live } else { &self.files };
        side.iter()
            .filter_map(|(loss, times)| Some((*loss, times.meeting(started, ended.max(started))?)))
            .collect()
    }
}
