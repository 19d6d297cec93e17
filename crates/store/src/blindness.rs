//! When something could not be seen: as `report losses` lists it, and as calls of that time say it.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{Loss, LossKind};
use rusqlite::Row;
use serde_json::{Value, json};

use crate::StoreError;
use crate::query::Reader;
use crate::values::time;

/// Spans listed of one loss: the latest.
const MAX_LISTED: usize = 100;

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
        let listed = self.spans.get(self.spans.len().saturating_sub(MAX_LISTED)..).unwrap_or_default();
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

/// From one moment to another, both in it.
type Stretch = (i64, i64);

/// Stretches in order that do not touch each other.
#[derive(Default)]
struct Times(Vec<Stretch>);

impl Times {
    /// Adds one that begins no earlier than those before.
    fn push(&mut self, from: i64, to: i64) {
        match self.0.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => self.0.push((from, to)),
        }
    }

    /// The first that shares a moment with these.
    fn meeting(&self, from: i64, to: i64) -> Option<Stretch> {
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
        let sentence = |(loss, (from, to)): &(Loss, Stretch)| {
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

    fn met(&self, row: &Row<'_>) -> Result<Vec<(Loss, Stretch)>, StoreError> {
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

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use bellwether_base::{Counters, Timestamp};
    use bellwether_enrich::{BlindRow, InputRow, Row, RunRow};

    use super::*;
    use crate::{Query, Report, Retention, Writer};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    fn writer(room: &tempfile::TempDir) -> Writer {
        Writer::open(&room.path().join("x.db"), "key").unwrap()
    }

    fn run(input: i64, places: &str, from: i64, to: i64, is_over: bool) -> Row {
        let places = places.to_owned();
        let (started_at, alive_at) = (at(from), at(to));
        Row::Run(Box::new(RunRow { input, places, is_live: true, started_at, alive_at, is_over }))
    }

    fn blind(input: i64, loss: Loss, from: i64, to: Option<i64>) -> Row {
        let (place, from, to) = ("eth0".to_owned(), at(from), to.map(at));
        Row::Blind(Box::new(BlindRow { input, loss, place, from, to, count: 3 }))
    }

    /// A replayed file.
    fn file(input: i64, from: i64, to: i64, losses: &[(Loss, u64)]) -> Row {
        let mut counters = Counters::default();
        losses.iter().for_each(|(loss, n)| counters.add("loss", loss.name(), *n));
        Row::Input(Box::new(InputRow {
            input,
            name: format!("{input}.pcap"),
            packets: 9,
            bytes: 900,
            first_at: Some(at(from)),
            last_at: Some(at(to)),
            counters,
        }))
    }

    fn call(writer: &Writer, from: i64, answered: Option<i64>, to: Option<i64>) {
        let nanos = |second: i64| at(second).as_nanos();
        let db = &writer.reader.db;
        let id: i64 = db.query_row("SELECT count(*) + 1 FROM calls", [], |r| r.get(0)).unwrap();
        db.execute(
            "INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, callee, caller_kind, callee_kind, source,
                 destination, transport, fingerprint, sip_author, origin, first_access_side, has_identity, is_sensitive)
             VALUES (?1, ?1, 'c' || ?1, 't', ?2, 'a', 'b', 'k', 'k', 's', 'd', 'udp', 'f', 'a', 'o', 'unknown', 0, 0)",
            [id, nanos(from)],
        )
        .unwrap();
        db.execute(
            "INSERT INTO outcomes (id, answered_at, ended_at, access_side, duplicates, retransmissions, hops, forks, reinvites, cancelled)
             VALUES (?1, ?2, ?3, 'unknown', 0, 0, 1, 0, 0, 0)",
            rusqlite::params![id, answered.map(nanos), to.map(nanos)],
        )
        .unwrap();
    }

    fn rows(reader: &Reader, report: Report) -> Vec<Vec<Value>> {
        let mut rows = Vec::new();
        reader
            .rows(&Query { report, since: None, until: None }, &mut |values| {
                rows.push(values);
                ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }

    /// The last column of the report of calls.
    fn said_by_calls(reader: &Reader) -> Vec<Value> {
        let place = Report::Calls.columns().iter().position(|column| column.name == "blind").unwrap();
        rows(reader, Report::Calls).into_iter().map(|mut values| values.swap_remove(place)).collect()
    }

    /// From when to when something was.
    type Shown = (String, String);

    /// Name and count of each loss, and its spans.
    fn losses(reader: &Reader) -> Vec<(String, i64, Vec<Shown>)> {
        let second = |value: &Value| value.as_str().map_or("-".to_owned(), |text| text[11..19].to_owned());
        rows(reader, Report::Losses)
            .into_iter()
            .map(|values| {
                let spans = values[7].as_array().unwrap().iter();
                let spans = spans.map(|span| (second(&span["from"]), second(&span["until"]))).collect();
                (values[0].as_str().unwrap().to_owned(), values[1].as_i64().unwrap(), spans)
            })
            .collect()
    }

    fn span(from: &str, to: &str) -> Shown {
        (format!("00:{from}"), if to == "-" { to.to_owned() } else { format!("00:{to}") })
    }

    #[test]
    fn a_sensor_that_was_killed_or_stopped_is_told_apart_and_calls_that_ran_meanwhile_say_so() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = writer(&room);
        vec![run(1, "eth0 eth1", 0, 0, false), run(1, "eth0 eth1", 0, 100, false)]
            .into_iter()
            .for_each(|row| writer.push(row));
        vec![blind(1, Loss::InterfaceAway, 90, None)].into_iter().for_each(|row| writer.push(row));
        // A sensor at another place was never down at this one.
        vec![run(2, "eth7", 110, 115, false)].into_iter().for_each(|row| writer.push(row));
        vec![run(3, "eth1", 200, 200, false), run(3, "eth1", 200, 300, true)]
            .into_iter()
            .for_each(|row| writer.push(row));
        vec![run(4, "eth1", 400, 500, false)].into_iter().for_each(|row| writer.push(row));
        writer.commit(true, None).unwrap();
        call(&writer, 10, Some(11), Some(89));
        call(&writer, 50, Some(51), Some(250));
        call(&writer, 250, Some(251), Some(450));
        // One whose end nobody told, and one that was never answered.
        call(&writer, 20, Some(21), None);
        call(&writer, 299, None, Some(299));
        // It began while no sensor ran: a capture shows it.
        call(&writer, 150, Some(151), Some(160));
        let reader = writer.close().unwrap();
        assert_eq!(
            losses(&reader),
            [
                ("interface_away".to_owned(), 3, vec![span("01:30", "01:40")]),
                ("sensor_down".to_owned(), 1, vec![span("01:40", "03:20")]),
                ("sensor_stopped".to_owned(), 1, vec![span("05:00", "06:40")]),
            ]
        );
        assert_eq!(reader.summary().unwrap()["losses"], json!(5));
        let all = json!(["interface_away", "sensor_down", "sensor_stopped"]);
        assert_eq!(
            said_by_calls(&reader),
            [
                Value::Null,
                all,
                json!(["interface_away", "sensor_down"]),
                Value::Null,
                json!(["sensor_stopped"]),
                Value::Null
            ]
        );
        let shown = reader.show_call("c2").unwrap();
        let said = shown[0]["blindness"][1].as_str().unwrap();
        assert!(said.contains("a span of sensor_down (from 1970-01-01T00:01:40.000000000Z until"), "{said}");
    }

    #[test]
    fn a_file_that_was_cut_lacks_what_comes_before_the_next_whatever_is_replayed_first() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = writer(&room);
        let cut = || file(1, 0, 50, &[(Loss::RecordDamaged, 1), (Loss::SipMalformed, 5)]);
        let full = || file(2, 80, 120, &[(Loss::StreamEvicted, 7), (Loss::TransactionEvicted, 7)]);
        vec![cut()].into_iter().for_each(|row| writer.push(row));
        writer.commit(true, None).unwrap();
        assert_eq!(losses(writer.reader())[0], ("record_damaged".to_owned(), 1, vec![span("00:50", "-")]));
        for row in [full(), cut(), full()] {
            vec![row].into_iter().for_each(|row| writer.push(row));
            writer.commit(true, None).unwrap();
        }
        let damaged = ("record_damaged".to_owned(), 1, vec![span("00:50", "01:20")]);
        let evicted = ("stream_evicted".to_owned(), 7, vec![span("01:20", "02:00")]);
        let with_spans: Vec<_> = losses(writer.reader()).into_iter().filter(|l| !l.2.is_empty()).collect();
        assert_eq!(with_spans, [damaged, evicted]);
        for (from, to) in [(10, 49), (40, 60), (60, 70), (60, 90), (121, 130)] {
            call(&writer, from, Some(from), Some(to));
        }
        assert_eq!(
            said_by_calls(&writer.close().unwrap()),
            [
                Value::Null,
                json!(["record_damaged"]),
                json!(["record_damaged"]),
                json!(["record_damaged", "stream_evicted"]),
                Value::Null
            ]
        );
    }

    #[test]
    fn each_loss_keeps_its_latest_spans_and_the_count_of_all() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = writer(&room);
        for i in 0..130 {
            vec![blind(1, Loss::RingFull, i * 10, Some(i * 10 + 5))]
                .into_iter()
                .for_each(|row| writer.push(row));
            vec![blind(1, Loss::InterfaceAway, i * 10, None)].into_iter().for_each(|row| writer.push(row));
            vec![blind(1, Loss::InterfaceAway, i * 10, Some(i * 10 + 5))]
                .into_iter()
                .for_each(|row| writer.push(row));
        }
        writer.commit(true, None).unwrap();
        let away = |reader: &Reader| {
            let rows = rows(reader, Report::Losses);
            let row = rows.into_iter().find(|values| values[0] == "interface_away").unwrap();
            (row[1].clone(), row[7].as_array().unwrap().len(), row[8].clone())
        };
        assert_eq!(away(writer.reader()), (json!(390), 100, json!(30)));
        let retention = Retention { keep: Some(bellwether_base::Span::from_secs(100)), max_bytes: None };
        writer.prune_by_age(&retention, at(1296)).unwrap();
        // From 1196 s on.
        assert_eq!(away(writer.reader()), (json!(390), 10, json!(120)));
        let alerts = rows(writer.reader(), Report::Alerts);
        assert!(alerts.iter().all(|values| values[1] == "interface_away" && values[3] == "eth0"));
        assert!(alerts.len() >= 20, "each absence is told, and its end");
    }

    #[test]
    fn an_input_that_grows_is_counted_as_it_is_and_one_that_is_replayed_again_once() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = writer(&room);
        vec![file(1, 0, 10, &[]), file(1, 0, 60, &[])].into_iter().for_each(|row| writer.push(row));
        writer.commit(true, None).unwrap();
        let summary = writer.reader().summary().unwrap();
        assert_eq!((&summary["inputs"], &summary["span_s"]), (&json!(1), &json!(60.0)));
    }
}
