//! Blind spans, as `report losses` lists them and as marks of calls during such a span.

use bellwether_base::Loss;
use bellwether_store::{BlindSpan, Blindness, SpansOfLoss, StoreError, Stretch};
use rusqlite::Row;
use serde_json::{Value, json};

use crate::cells::time;

/// Spans listed of one loss: the latest.
const MAX_LISTED: usize = 100;

fn shown(span: &BlindSpan) -> Value {
    json!({
        "from": time(Some(span.from)),
        "until": time(span.to),
        "place": span.place,
        "count": span.count,
    })
}

/// The columns `from`, `until`, `spans` and `spans_left_off`.
pub(crate) fn span_columns(of: &SpansOfLoss) -> [Value; 4] {
    let listed = of.spans.get(of.spans.len().saturating_sub(MAX_LISTED)..).unwrap_or_default();
    let is_lasting = of.spans.iter().any(|span| span.to.is_none());
    let until = of.spans.iter().filter_map(|span| span.to).max().filter(|_| !is_lasting);
    let left_off = of.left_off + (of.spans.len() - listed.len()) as i64;
    [
        time(of.spans.first().map(|span| span.from)),
        time(until),
        Value::Array(listed.iter().map(shown).collect()),
        json!(left_off),
    ]
}

/// The losses in whose spans a call's row ran, by name; null if there is none.
pub(crate) fn of_call(blindness: &Blindness, row: &Row<'_>) -> Result<Value, StoreError> {
    let met = met(blindness, row)?;
    let names: Vec<&str> = met.iter().map(|(loss, _)| loss.name()).collect();
    Ok(if names.is_empty() { Value::Null } else { json!(names) })
}

/// The same in sentences.
pub(crate) fn sentences(blindness: &Blindness, row: &Row<'_>) -> Result<Value, StoreError> {
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
    Ok(json!(met(blindness, row)?.iter().map(sentence).collect::<Vec<String>>()))
}

fn met(blindness: &Blindness, row: &Row<'_>) -> Result<Vec<(Loss, Stretch)>, StoreError> {
    Ok(blindness.met(row.get("started_at")?, row.get("answered_at")?, row.get("ended_at")?))
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use bellwether_base::{Counters, Timestamp};
    use bellwether_enrich::{BlindRow, InputRow, Row, RunRow};
    use bellwether_store::{Reader, Retention, Writer};

    use super::*;
    use crate::{Query, Report, Reports};

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
        let db = writer.reader().connection();
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
        Reports::of(reader)
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
        // A call without a seen end, and an unanswered call.
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
        assert_eq!(Reports::of(&reader).summary().unwrap()["losses"], json!(5));
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
        let shown = Reports::of(&reader).show_call("c2").unwrap();
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
        writer.prune_by_age(&retention, at(1296), &|| true).unwrap();
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
        let summary = Reports::of(writer.reader()).summary().unwrap();
        assert_eq!((&summary["inputs"], &summary["span_s"]), (&json!(1), &json!(60.0)));
    }
}
