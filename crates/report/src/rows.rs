//! The rows of each report.

use std::ops::ControlFlow;

use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::json;

use crate::Reports;
use crate::campaigns::CAMPAIGNS;
use crate::columns::{Query, Report, Values};
use crate::platforms::origins_of_all;
use crate::values::{CALLS, FINGERPRINTS, STREAMS, Stacks, fingerprint, parsed, stream, text, time};

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
    ])
}

impl Reports<'_> {
    /// Hands every row of a report to `visit`, in a fixed order, until it breaks off.
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

    /// Visits the rows of a SELECT whose moment, an expression of its columns, lies in the time of the query.
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

    /// The stacks of a call or registration, and whether its User-Agent agrees.
    pub(crate) fn stacks(&self, fingerprint: &str, user_agent: Option<&str>) -> Result<Stacks, StoreError> {
        let platform = self.reader.platform(fingerprint)?;
        Ok(Stacks {
            stack: json!(platform.stack()),
            sdp_stack: json!(platform.sdp),
            claim: json!(self.reader.claim(fingerprint, user_agent)?.name()),
            is_thin: json!(platform.is_thin()),
        })
    }

    /// The stacks of a call's row.
    pub(crate) fn stacks_of(&self, row: &Row<'_>) -> Result<Stacks, StoreError> {
        let (fingerprint, agent): (String, Option<String>) =
            (row.get("fingerprint")?, row.get("user_agent")?);
        self.stacks(&fingerprint, agent.as_deref())
    }

    /// The stacks of a fingerprint, and what its User-Agents claim, in their order.
    pub(crate) fn all_claims(&self, row: &Row<'_>) -> Result<Stacks, StoreError> {
        let fingerprint: String = row.get("fingerprint")?;
        let platform = self.reader.platform(&fingerprint)?;
        let agents = parsed(row, "agents")?;
        let mut claims = Vec::new();
        for agent in agents.as_array().into_iter().flatten() {
            claims.push(self.reader.claim(&fingerprint, agent.as_str())?.name());
        }
        Ok(Stacks {
            stack: json!(platform.stack()),
            sdp_stack: json!(platform.sdp),
            claim: json!(claims),
            is_thin: json!(platform.is_thin()),
        })
    }
}
