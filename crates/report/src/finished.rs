//! Calls that will hardly change any more, in the order in which they were stored, for those who copy a database elsewhere.

use std::collections::BTreeSet;

use bellwether_store::StoreError;
use rusqlite::params;
use serde_json::Value;

use crate::Reports;
use crate::calls::CALLS;
use crate::columns::Values;

/// Open calls that are followed at most. Of more, the oldest are taken for finished.
const MAX_OPEN: usize = 500_000;

/// Nanoseconds after which a call without an end is taken for finished: 4 hours.
const LONGEST_LIFE: i64 = 4 * 3600 * 1_000_000_000;

/// True for a finished call. A number without a row belongs to a call that retention has deleted. ?1 is the start of calls that are too old.
const IS_FINISHED: &str = "c.id IS NULL OR o.ended_at IS NOT NULL OR coalesce(o.final_status, 0) >= 300
    OR coalesce(o.cancelled, 0) OR c.started_at < ?1";

/// The place of a reader in the stored calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// Number of the last call that was looked at.
    pub row: i64,
    /// Numbers of earlier calls that were not finished then.
    pub open: BTreeSet<i64>,
}

impl Reports<'_> {
    /// The place behind the last call. Calls that go on are still to come.
    ///
    /// # Errors
    /// If the database fails.
    pub fn place_of_last_call(&self) -> Result<Place, StoreError> {
        let (newest, row) = self.newest_call()?;
        let mut select = self.db().prepare_cached(&format!(
            "SELECT c.id FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id
             WHERE c.started_at >= ?1 AND NOT ({IS_FINISHED}) ORDER BY c.id DESC LIMIT ?2"
        ))?;
        let open = select.query_map(params![newest - LONGEST_LIFE, MAX_OPEN as i64], |r| r.get(0))?;
        Ok(Place { row, open: open.collect::<Result<_, _>>()? })
    }

    /// Start of the newest call, and number of the last one.
    fn newest_call(&self) -> Result<(i64, i64), StoreError> {
        let newest = "SELECT (SELECT coalesce(max(started_at), 0) FROM calls), (SELECT coalesce(max(id), 0) FROM calls)";
        Ok(self.db().query_row(newest, [], |r| Ok((r.get(0)?, r.get(1)?)))?)
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
            let numbers = self.finished_numbers(place, most)?;
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

    /// Numbers of the next calls that are finished: those of the open ones, and of the ones that are new.
    fn finished_numbers(&self, place: &mut Place, most: usize) -> Result<Vec<i64>, StoreError> {
        let (newest, last) = self.newest_call()?;
        // Numbers begin again after retention deleted all calls, and in another database.
        if last < place.row {
            *place = Place::default();
        }
        let oldest = newest - LONGEST_LIFE;
        let mut numbers = Vec::new();
        if !place.open.is_empty() {
            let open = place.open.iter().copied().collect::<Value>().to_string();
            let mut select = self.db().prepare_cached(&format!(
                "SELECT j.value FROM json_each(?2) AS j LEFT JOIN calls AS c ON c.id = j.value
                     LEFT JOIN outcomes AS o ON o.id = c.id WHERE {IS_FINISHED} ORDER BY j.value LIMIT ?3"
            ))?;
            let ended = select.query_map(params![oldest, open, most as i64], |r| r.get(0))?;
            numbers = ended.collect::<Result<Vec<i64>, _>>()?;
            place.open.retain(|number| numbers.binary_search(number).is_err());
        }
        let mut select = self.db().prepare_cached(&format!(
            "SELECT c.id, {IS_FINISHED} FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id
             WHERE c.id > ?2 ORDER BY c.id LIMIT ?3"
        ))?;
        // A batch of calls that all go on must not look like the end.
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
