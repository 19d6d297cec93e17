//! Calls and streams that will hardly change any more, in the order in which they were stored, for those who copy a database
//! elsewhere.

use std::collections::BTreeSet;

use bellwether_base::{Span, Timestamp};
use bellwether_store::StoreError;
use rusqlite::params;
use serde_json::Value;

use crate::Reports;
use crate::calls::CALLS;
use crate::columns::Values;
use crate::streams::{STREAMS_BY_NUMBER, stream};

/// Open calls or streams that are followed at most. Of more, the oldest are taken for finished.
const MAX_OPEN: usize = 500_000;

/// Nanoseconds after which a call without an end is taken for finished: 4 hours.
const LONGEST_LIFE: i64 = 4 * 3600 * 1_000_000_000;

/// Time without a packet after which a stream is finished: the sensor waits half of it.
const SILENT_FOR: Span = Span::from_secs(60);

/// How the rows of a table finish.
struct Finish {
    table: &'static str,
    /// Further tables of a row of `c`.
    beside: &'static str,
    /// True for a finished row. A number without a row belongs to one that retention has deleted. ?1 is the moment before which a row is
    /// too old.
    is_finished: &'static str,
}

const CALL: Finish = Finish {
    table: "calls",
    beside: "LEFT JOIN outcomes AS o ON o.id = c.id",
    is_finished: "c.id IS NULL OR o.ended_at IS NOT NULL OR coalesce(o.final_status, 0) >= 300
        OR coalesce(o.cancelled, 0) OR c.started_at < ?1",
};

const STREAM: Finish =
    Finish { table: "streams", beside: "", is_finished: "c.id IS NULL OR c.last_seen < ?1" };

/// The place of a reader in stored calls or streams.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Number of the last row that was looked at.
    pub row: i64,
    /// Numbers of earlier rows that were not finished then.
    pub open: BTreeSet<i64>,
}

impl Reports<'_> {
    /// The place behind the last call. Calls that go on are still to come.
    ///
    /// # Errors
    /// If the database fails.
    pub fn place_of_last_call(&self) -> Result<Place, StoreError> {
        self.last_place(&CALL, "started_at", self.newest_start()? - LONGEST_LIFE)
    }

    /// The place behind the last stream. Streams that go on are still to come.
    ///
    /// # Errors
    /// If the database fails.
    pub fn place_of_last_stream(&self, now: Timestamp) -> Result<Place, StoreError> {
        self.last_place(&STREAM, "last_seen", (now - SILENT_FOR).as_nanos())
    }

    fn last_place(&self, of: &Finish, begins: &str, oldest: i64) -> Result<Place, StoreError> {
        let Finish { table, beside, is_finished } = of;
        let row = self.last_number(of)?;
        let mut select = self.db().prepare_cached(&format!(
            "SELECT c.id FROM {table} AS c {beside} WHERE c.{begins} >= ?1 AND NOT ({is_finished}) ORDER BY c.id DESC LIMIT ?2"
        ))?;
        let open = select.query_map(params![oldest, MAX_OPEN as i64], |r| r.get(0))?;
        Ok(Place { row, open: open.collect::<Result<_, _>>()? })
    }

    /// Start of the newest call.
    fn newest_start(&self) -> Result<i64, StoreError> {
        Ok(self.db().query_row("SELECT coalesce(max(started_at), 0) FROM calls", [], |r| r.get(0))?)
    }

    fn last_number(&self, of: &Finish) -> Result<i64, StoreError> {
        let last = format!("SELECT coalesce(max(id), 0) FROM {}", of.table);
        Ok(self.db().query_row(&last, [], |r| r.get(0))?)
    }

    /// The finished calls behind a place, in the order in which they were stored, and moves the place behind them. Empty once there are
    /// no more. A call is finished when it has ended or was refused, or when a call that began four hours later is stored. The number of
    /// calls is at most twice `most`.
    ///
    /// # Errors
    /// If the database fails.
    pub fn finished_calls(&self, place: &mut Place, most: usize) -> Result<Vec<Values>, StoreError> {
        let mut calls = Vec::new();
        // A batch may have only calls that retention has deleted.
        while calls.is_empty() {
            let numbers = self.finished_numbers(&CALL, place, most, self.newest_start()? - LONGEST_LIFE)?;
            if numbers.is_empty() {
                break;
            }
            let select =
                format!("{CALLS} WHERE calls.id IN (SELECT value FROM json_each(?1)) ORDER BY calls.id");
            let mut select = self.db().prepare_cached(&select)?;
            let mut rows = select.query([Value::from(numbers).to_string()])?;
            let blindness = self.reader.blindness()?;
            while let Some(row) = rows.next()? {
                calls.push(self.call_values(row, &blindness)?);
            }
        }
        self.reader.is_whole()?;
        Ok(calls)
    }

    /// The finished streams behind a place, in the same way. A stream is finished a minute after its last packet.
    ///
    /// # Errors
    /// If the database fails.
    pub fn finished_streams(
        &self,
        place: &mut Place,
        most: usize,
        now: Timestamp,
    ) -> Result<Vec<Values>, StoreError> {
        let mut streams = Vec::new();
        while streams.is_empty() {
            let numbers = self.finished_numbers(&STREAM, place, most, (now - SILENT_FOR).as_nanos())?;
            if numbers.is_empty() {
                break;
            }
            let classes = self.reader.known_classes()?;
            let mut select = self.db().prepare_cached(STREAMS_BY_NUMBER)?;
            let mut rows = select.query([Value::from(numbers).to_string()])?;
            while let Some(row) = rows.next()? {
                streams.push(stream(row, &classes)?);
            }
        }
        self.reader.is_whole()?;
        Ok(streams)
    }

    /// Numbers of the next rows that are finished: those of the open ones, and of the ones that are new.
    fn finished_numbers(
        &self,
        of: &Finish,
        place: &mut Place,
        most: usize,
        oldest: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let Finish { table, beside, is_finished } = of;
        // Numbers begin again after retention deleted all rows, and in another database.
        if self.last_number(of)? < place.row {
            *place = Place::default();
        }
        let mut numbers = Vec::new();
        if !place.open.is_empty() {
            let open = place.open.iter().copied().collect::<Value>().to_string();
            let mut select = self.db().prepare_cached(&format!(
                "SELECT j.value FROM json_each(?2) AS j LEFT JOIN {table} AS c ON c.id = j.value {beside}
                 WHERE {is_finished} ORDER BY j.value LIMIT ?3"
            ))?;
            let ended = select.query_map(params![oldest, open, most as i64], |r| r.get(0))?;
            numbers = ended.collect::<Result<Vec<i64>, _>>()?;
            place.open.retain(|number| numbers.binary_search(number).is_err());
        }
        let mut select = self.db().prepare_cached(&format!(
            "SELECT c.id, {is_finished} FROM {table} AS c {beside} WHERE c.id > ?2 ORDER BY c.id LIMIT ?3"
        ))?;
        // A batch of rows that all go on must not look like the end.
        while numbers.len() < most {
            let mut rows = select.query(params![oldest, place.row, most as i64])?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                count += 1;
                place.row = row.get(0)?;
                if row.get(1)? {
                    numbers.push(place.row);
                } else {
                    place.open.insert(place.row);
                }
            }
            if count < most {
                break;
            }
        }
        while place.open.len() > MAX_OPEN {
            numbers.extend(place.open.pop_first());
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_store::Writer;

    use super::*;
    use crate::Report;

    /// Ten calls, one each second from a time on.
    fn ten_calls(first: i64, from_s: i64) -> String {
        format!(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9)
             INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, callee, caller_kind, callee_kind, source, destination,
                 transport, fingerprint, sip_author, origin, first_access_side, has_identity, is_sensitive)
             SELECT {first} + i, {first} + i, 'c' || ({first} + i), 't', ({from_s} + i) * 1000000000, 'a', 'b', 'k', 'k', 's', 'd', 'udp',
                 'f', 'a', 'o', 'unknown', 0, 0 FROM n;"
        )
    }

    /// Answered, ended and refused at some times.
    fn outcome(id: i64, ended: &str, status: i64) -> String {
        format!(
            "INSERT INTO outcomes (id, answered_at, ended_at, final_status, access_side, duplicates, retransmissions, hops, forks, reinvites,
                 cancelled) VALUES ({id}, 1, {ended}, {status}, 'unknown', 0, 0, 1, 0, 0, 0);"
        )
    }

    fn names(reports: Reports<'_>, place: &mut Place, most: usize) -> Vec<String> {
        let at = Report::Calls.place("call_id").unwrap();
        let mut all = Vec::new();
        loop {
            let calls = reports.finished_calls(place, most).unwrap();
            if calls.is_empty() {
                return all;
            }
            all.extend(calls.iter().map(|call| call[at].as_str().unwrap().to_owned()));
        }
    }

    #[test]
    fn each_call_comes_once_when_it_is_finished_whatever_the_size_of_a_batch() {
        for most in [1, 3, 100] {
            let room = tempfile::tempdir().unwrap();
            let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
            let reports = Reports::of(writer.reader());
            let mut place = reports.place_of_last_call().unwrap();
            let db = writer.reader().connection();
            db.execute_batch(&ten_calls(1, 0)).unwrap();
            for (id, ended, status) in [(2, "9", 200), (3, "NULL", 486), (4, "NULL", 200), (9, "7", 200)] {
                db.execute_batch(&outcome(id, ended, status)).unwrap();
            }
            assert_eq!(names(reports, &mut place, most), ["c2", "c3", "c9"]);
            assert_eq!((place.row, place.open.len()), (10, 7));
            assert!(names(reports, &mut place, most).is_empty());
            // One ends, one is deleted by retention, and the others are too old once a call comes four hours later.
            db.execute_batch("UPDATE outcomes SET ended_at = 8 WHERE id = 4; DELETE FROM calls WHERE id = 1")
                .unwrap();
            assert_eq!(names(reports, &mut place, most), ["c4"]);
            assert!(!place.open.contains(&1));
            db.execute_batch(&ten_calls(21, 20_000)).unwrap();
            assert_eq!(names(reports, &mut place, most), ["c5", "c6", "c7", "c8", "c10"]);
            assert_eq!(place.open.len(), 10);
            db.execute_batch("DELETE FROM outcomes; DELETE FROM calls;").unwrap();
            db.execute_batch(&ten_calls(1, 40_000)).unwrap();
            db.execute_batch(&outcome(1, "9", 200)).unwrap();
            assert_eq!(names(reports, &mut place, most), ["c1"]);
            // Who begins now hears of the end of a call that goes on, and of no call that is over.
            let mut late = reports.place_of_last_call().unwrap();
            assert!(names(reports, &mut late, most).is_empty());
            db.execute_batch(&outcome(5, "9", 200)).unwrap();
            assert_eq!(names(reports, &mut late, most), ["c5"]);
        }
    }
}
