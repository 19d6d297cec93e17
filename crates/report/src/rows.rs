//! The rows of each report.

use std::ops::ControlFlow;

use bellwether_base::IncidentId;
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::{Value, json};

use crate::Reports;
use crate::calls::CALLS;
use crate::campaigns::CAMPAIGNS;
use crate::cells::{text, time};
use crate::columns::{Query, Report, Values};
use crate::fingerprints::{FINGERPRINTS, fingerprint};
use crate::incidents::INCIDENTS;
use crate::platforms::origins_of_all;
use crate::recordings::RECORDINGS;
use crate::streams::{STREAMS, stream};

/// The order of the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Usual,
    Reversed,
}

impl Order {
    /// The terms of ORDER BY.
    fn of(self, terms: &str) -> String {
        if self == Self::Usual {
            return terms.to_owned();
        }
        let turned = terms.split(", ").map(|term| match term.strip_suffix(" DESC") {
            Some(rising) => rising.to_owned(),
            None => format!("{term} DESC"),
        });
        turned.collect::<Vec<_>>().join(", ")
    }
}

/// The report's rows.
const ALERTS: &str = "SELECT alerts.*, calls.call_id FROM alerts LEFT JOIN calls ON calls.call = alerts.call";

/// A row of the report, in its columns' order.
fn alert(row: &Row<'_>) -> Result<Values, StoreError> {
    Ok(vec![
        time(row.get("at")?),
        text(row, "kind")?,
        text(row, "severity")?,
        text(row, "subject")?,
        text(row, "message")?,
        text(row, "call_id")?,
        text(row, "campaign")?,
        json!(row.get::<_, Option<i64>>("incident")?.map(|incident| IncidentId::new(incident).name())),
        text(row, "state")?,
    ])
}

impl Reports<'_> {
    /// Calls `visit` for each row of a report, in a fixed order, until `visit` breaks.
    ///
    /// # Errors
    /// If the database fails.
    pub fn rows(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.visit_rows(query, Order::Usual, visit)?;
        self.reader.is_whole()
    }

    /// Calls `visit` for each row of a report, the newest first by [`Report::moment`], until `visit` breaks.
    ///
    /// # Errors
    /// If the database fails.
    pub fn rows_newest_first(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        if matches!(query.report, Report::Calls | Report::Streams | Report::Alerts) {
            self.visit_rows(query, Order::Reversed, visit)?;
            return self.reader.is_whole();
        }
        // The other reports have few rows.
        let mut rows = Vec::new();
        self.rows(query, &mut |values| {
            rows.push(values);
            ControlFlow::Continue(())
        })?;
        if let Some(at) = query.report.moment().and_then(|name| query.report.place(name)) {
            let moment = |values: &Values| values.get(at).and_then(Value::as_str).map(str::to_owned);
            rows.sort_by_cached_key(|values| std::cmp::Reverse(moment(values)));
        }
        for values in rows {
            if visit(values).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The number of rows of a report, and the time of the newest.
    ///
    /// # Errors
    /// If the database fails.
    pub fn extent(&self, report: Report) -> Result<(u64, Option<String>), StoreError> {
        let counted = match report {
            Report::Calls => Some(("calls", "started_at")),
            Report::Streams => Some(("streams", "first_seen")),
            Report::Alerts => Some(("alerts", "at")),
            _ => None,
        };
        if let Some((table, moment)) = counted {
            let sql = format!("SELECT count(*), max({moment}) FROM {table}");
            let (count, newest): (i64, Option<i64>) =
                self.db().query_row(&sql, [], |r| Ok((r.get(0)?, r.get(1)?)))?;
            return Ok((count.cast_unsigned(), time(newest).as_str().map(str::to_owned)));
        }
        let place = report.moment().and_then(|name| report.place(name));
        let (mut count, mut newest) = (0, None);
        self.rows(&Query { report, since: None, until: None }, &mut |values| {
            count += 1;
            let at = place.and_then(|at| values.get(at)).and_then(Value::as_str).map(str::to_owned);
            newest = std::mem::take(&mut newest).max(at);
            ControlFlow::Continue(())
        })?;
        Ok((count, newest))
    }

    fn visit_rows(
        &self,
        query: &Query,
        order: Order,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let origins = std::cell::Cell::new(-1);
        match query.report {
            Report::Calls => {
                let blindness = self.reader.blindness()?;
                self.table(
                    query,
                    (CALLS, "started_at", &order.of("started_at, calls.call")),
                    |reports, row| reports.call_values(row, &blindness),
                    visit,
                )
            }
            Report::Streams => self.table(
                query,
                (STREAMS, "streams.first_seen", &order.of("streams.first_seen, streams.stream")),
                |reports, row| stream(row, &*reports.reader.known_classes()?),
                visit,
            ),
            Report::Registrations => self.registration_rows(query, visit),
            Report::Devices => self.device_rows(query, visit),
            Report::Fingerprints => self.table(
                query,
                (FINGERPRINTS, "last_seen", &order.of("calls + registrations DESC, fingerprint")),
                |reports, row| {
                    if origins.get() < 0 {
                        origins.set(origins_of_all(reports.db())?);
                    }
                    let reputed = reports.reputed_print(row)?;
                    fingerprint(row, reports.all_claims(row)?, origins.get(), &reputed)
                },
                visit,
            ),
            Report::Campaigns => self.table(
                query,
                (CAMPAIGNS, "k.last_seen", &order.of("k.first_seen, k.name")),
                Self::campaign_values,
                visit,
            ),
            Report::Recordings => self.table(
                query,
                (RECORDINGS, "r.last_seen", &order.of("r.first_seen, r.name")),
                Self::recording_values,
                visit,
            ),
            Report::Incidents => self.table(
                query,
                (INCIDENTS, "i.updated_at", &order.of("i.opened_at, i.name")),
                Self::incident_values,
                visit,
            ),
            Report::Reputation => self.reputation_rows(visit),
            Report::Alerts => self.table(
                query,
                (ALERTS, "alerts.at", &order.of("alerts.at, alerts.kind, alerts.subject")),
                |_, row| alert(row),
                visit,
            ),
            Report::Losses => self.losses(visit),
        }
    }

    /// Visits the rows of a SELECT within the time range of the query. `moment` is an expression of the columns.
    fn table(
        &self,
        query: &Query,
        (select, moment, order): (&str, &str, &str),
        values: impl Fn(&Self, &Row<'_>) -> Result<Values, StoreError>,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut statement = self
            .db()
            .prepare(&format!("{select} WHERE {moment} >= ?1 AND {moment} < ?2 ORDER BY {order}"))?;
        let (since, until) = query.span();
        let mut rows = statement.query([since.as_nanos(), until.as_nanos()])?;
        while let Some(row) = rows.next()? {
            if visit(values(self, row)?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bellwether_store::{Reader, Writer};
    use rusqlite::types::Value as Sql;

    use super::*;

    /// Inserts a row with something in each column that has a type: 1 where it is a number.
    fn fill(reader: &Reader, table: &str) {
        let db = reader.connection();
        let mut columns =
            db.prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')")).unwrap();
        let columns: Vec<(String, String)> =
            columns.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let values = columns.iter().map(|(name, kind)| match (name.as_str(), kind.as_str()) {
            ("merged_into", _) => Sql::Null,
            ("name", _) if table == "counters" => Sql::Text("tcp_gap".to_owned()),
            ("kind", _) if table == "counters" => Sql::Text("loss".to_owned()),
            ("layer", _) => Sql::Text("fingerprint".to_owned()),
            (_, "INTEGER") => Sql::Integer(1),
            (_, "REAL") => Sql::Real(1.0),
            (_, "BLOB") => Sql::Blob(Vec::new()),
            _ => Sql::Text("x".to_owned()),
        });
        let places = vec!["?"; names.len()].join(", ");
        let insert = format!("INSERT INTO {table} ({}) VALUES ({places})", names.join(", "));
        db.execute(&insert, rusqlite::params_from_iter(values)).unwrap();
    }

    #[test]
    fn a_row_of_each_report_has_a_value_for_each_column() {
        let room = tempfile::tempdir().unwrap();
        let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        let reader = writer.reader();
        for table in [
            "inputs",
            "counters",
            "calls",
            "outcomes",
            "registrations",
            "observations",
            "streams",
            "fingerprints",
            "campaigns",
            "recordings",
            "incidents",
            "standings",
            "alerts",
        ] {
            fill(reader, table);
        }
        for report in Report::ALL {
            let mut rows = 0;
            let query = Query { report, since: None, until: None };
            let visited = Reports::of(reader).rows(&query, &mut |values| {
                assert_eq!(values.len(), report.columns().len(), "{report:?}");
                rows += 1;
                ControlFlow::Continue(())
            });
            visited.unwrap();
            assert_eq!(rows, 1, "{report:?}");
            assert_eq!(Reports::of(reader).extent(report).unwrap().0, 1, "{report:?}");
            let moment = report.moment().map(|name| report.columns()[report.place(name).unwrap()].kind);
            assert!(moment.is_none_or(|kind| kind == crate::Kind::Time), "{report:?}");
        }
    }
}
