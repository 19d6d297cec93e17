//! When something could not be seen: as `report losses` lists it, and as calls of that time say it.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{Loss, LossKind};
use rusqlite::Row;
use serde_json::{Value, json};

use crate::StoreError;
use crate::query::Reader;
use crate::values::time;

/// Spans listed of one loss: the latest.
const MOST_LISTED: usize = 100;

/// A run's last sign of life may lie so much before the last packet that it took: the longest time between two, and a little.
const BETWEEN_SIGNS: i64 = 12_000_000_000;

/// How long a sensor waits for the end of a call, answered or not. A call whose end nobody told may have gone on so long.
const ANSWERED_CALL: i64 = 6 * 3600 * 1_000_000_000;
const RINGING_CALL: i64 = 200 * 1_000_000_000;

/// A time in which something could not be seen.
pub(crate) struct BlindSpan {
    loss: Loss,
    place: String,
    from: i64,
    /// None while it lasts.
    to: Option<i64>,
    pub(crate) count: i64,
    /// Whether it befell what hears the network.
    is_live: bool,
}

impl BlindSpan {
    fn shown(&self) -> Value {
        json!({
            "from": time(Some(self.from)),
            "until": time(self.to),
            "place": self.place,
            "count": self.count,
        })
    }
}

/// The spans of one loss, as its row of the report has them.
#[derive(Default)]
pub(crate) struct SpansOfLoss {
    spans: Vec<BlindSpan>,
    /// Older ones that are not kept, or not listed.
    left_off: i64,
    /// What all of them counted.
    pub(crate) count: i64,
}

impl SpansOfLoss {
    /// The columns `from`, `until`, `spans` and `spans_left_off`.
    pub(crate) fn columns(&self) -> [Value; 4] {
        let listed = self.spans.get(self.spans.len().saturating_sub(MOST_LISTED)..).unwrap_or_default();
        let is_lasting = self.spans.iter().any(|span| span.to.is_none());
        let until = self.spans.iter().filter_map(|span| span.to).max().filter(|_| !is_lasting);
        let left_off = self.left_off + (self.spans.len() - listed.len()) as i64;
        [
            time(self.spans.first().map(|span| span.from)),
            time(until),
            Value::Array(listed.iter().map(BlindSpan::shown).collect()),
            json!(left_off),
        ]
    }
}

impl Reader {
    /// Every loss that has spans, in order of time.
    pub(crate) fn spans_by_loss(&self) -> Result<BTreeMap<Loss, SpansOfLoss>, StoreError> {
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

    /// All spans in order of time: those that runs noted, and those that follow from what was counted of a replayed file. A file that was
    /// cut lacks what is between its last record and the next that begins behind it; one that overflowed a table is doubtful as a whole.
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

    /// What calls are compared with.
    pub(crate) fn blindness(&self) -> Result<Blindness, StoreError> {
        let mut blindness = Blindness::default();
        for span in self.blind_spans()? {
            // Where nothing is lost nothing is missing in a call.
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

/// Times in order that do not touch each other. Their ends belong to them.
#[derive(Default)]
struct Times(Vec<(i64, i64)>);

impl Times {
    /// Adds one that begins no earlier than those before.
    fn push(&mut self, from: i64, to: i64) {
        match self.0.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => self.0.push((from, to)),
        }
    }

    /// The first that shares a moment with these.
    fn meeting(&self, from: i64, to: i64) -> Option<(i64, i64)> {
        let at = self.0.partition_point(|time| time.1 < from);
        self.0.get(at).copied().filter(|time| time.0 <= to)
    }
}

/// When what could not be seen, for comparing many calls with.
#[derive(Default)]
pub(crate) struct Blindness {
    live: BTreeMap<Loss, Times>,
    files: BTreeMap<Loss, Times>,
    /// When a sensor heard the network.
    runs: Times,
}

impl Blindness {
    /// The losses in whose spans a call ran, by name; null if there is none. A call that began while a sensor heard the network is compared
    /// with what befell the sensor, another with what befell files.
    pub(crate) fn of_call(&self, row: &Row<'_>) -> Result<Value, StoreError> {
        let met = self.met(row)?;
        let names: Vec<&str> = met.iter().map(|(loss, _)| loss.name()).collect();
        Ok(if names.is_empty() { Value::Null } else { json!(names) })
    }

    /// The same in sentences.
    pub(crate) fn sentences(&self, row: &Row<'_>) -> Result<Value, StoreError> {
        let sentence = |(loss, (from, to)): &(Loss, (i64, i64))| {
            let moment = |nanos: i64| time(Some(nanos)).as_str().unwrap_or("an unknown time").to_owned();
            let until = if *to == i64::MAX { "on".to_owned() } else { format!("until {}", moment(*to)) };
            let words = "Parts of this call may be missing";
            format!(
                "{words}: it ran in a span of {} (from {} {until}). {}",
                loss.name(),
                moment(*from),
                loss.cause()
            )
        };
        Ok(json!(self.met(row)?.iter().map(sentence).collect::<Vec<String>>()))
    }

    fn met(&self, row: &Row<'_>) -> Result<Vec<(Loss, (i64, i64))>, StoreError> {
        let started: i64 = row.get("started_at")?;
        let (answered, ended): (Option<i64>, Option<i64>) = (row.get("answered_at")?, row.get("ended_at")?);
        let ended = ended.unwrap_or_else(|| match answered {
            Some(answered) => answered.saturating_add(ANSWERED_CALL),
            None => started.saturating_add(RINGING_CALL),
        });
        let is_live = self.runs.meeting(started, started).is_some();
        let side = if is_live { &self.live } else { &self.files };
        Ok(side
            .iter()
            .filter_map(|(loss, times)| Some((*loss, times.meeting(started, ended.max(started))?)))
            .collect())
    }
}
