//! The rows of each report.

use std::ops::ControlFlow;

use bellwether_base::IncidentId;
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::json;

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
        self.visit_rows(query, visit)?;
        self.reader.is_whole()
    }

    fn visit_rows(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(Values) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let origins = std::cell::Cell::new(-1);
        match query.report {
            Report::Calls => {
                let blindness = self.reader.blindness()?;
                self.table(
                    query,
                    (CALLS, "started_at", "started_at, calls.call"),
                    |reports, row| reports.call_values(row, &blindness),
                    visit,
                )
            }
            Report::Streams => self.table(
                query,
                (STREAMS, "streams.first_seen", "streams.first_seen, streams.stream"),
                |reports, row| stream(row, &*reports.reader.known_classes()?),
                visit,
            ),
            Report::Registrations => self.registration_rows(query, visit),
            Report::Devices => self.device_rows(query, visit),
            Report::Fingerprints => self.table(
                query,
                (FINGERPRINTS, "last_seen", "calls + registrations DESC, fingerprint"),
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
                (CAMPAIGNS, "k.last_seen", "k.first_seen, k.name"),
                Self::campaign_values,
                visit,
            ),
            Report::Recordings => self.table(
                query,
                (RECORDINGS, "r.last_seen", "r.first_seen, r.name"),
                Self::recording_values,
                visit,
            ),
            Report::Incidents => self.table(
                query,
                (INCIDENTS, "i.updated_at", "i.opened_at, i.name"),
                Self::incident_values,
                visit,
            ),
            Report::Reputation => self.reputation_rows(visit),
            Report::Alerts => self.table(
                query,
                (ALERTS, "alerts.at", "alerts.at, alerts.kind, alerts.subject"),
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
        for report in [
            Report::Calls,
            Report::Registrations,
            Report::Streams,
            Report::Devices,
            Report::Fingerprints,
            Report::Campaigns,
            Report::Recordings,
            Report::Incidents,
            Report::Reputation,
            Report::Alerts,
            Report::Losses,
        ] {
            let mut rows = 0;
            let query = Query { report, since: None, until: None };
            let visited = Reports::of(reader).rows(&query, &mut |values| {
                assert_eq!(values.len(), report.columns().len(), "{report:?}");
                rows += 1;
                ControlFlow::Continue(())
            });
            visited.unwrap();
            assert_eq!(rows, 1, "{report:?}");
        }
    }
}
