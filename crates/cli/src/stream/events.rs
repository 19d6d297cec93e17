//! Rows of the database as events.

use bellwether_base::{Shown, Timestamp};
use bellwether_report::{Place, Query, Report, Reports, object, rfc3339};
use serde_json::{Map, Value, json};

use super::state::State;
use crate::args::EventKind;
use crate::follow::Watched;
use crate::out;
use crate::outcome::Failure;

/// Rows of one kind in a batch, about.
const BATCH: usize = 1000;

/// The events of a database from some place on.
pub(super) struct Events {
    kinds: Vec<EventKind>,
    calls: Place,
    /// None until the place of the newest streams is known.
    streams: Option<Place>,
    incidents: Watched,
    losses: Watched,
    state: State,
    /// True until the place of the newest rows is known: without a state, only rows from now on are events.
    is_unplaced: bool,
    /// True until the losses were looked at.
    is_first: bool,
}

impl Events {
    /// The events of some kinds, or of all, from a state on.
    pub(super) fn new(kinds: &[EventKind], from: Option<State>) -> Self {
        let all = [
            EventKind::Alert,
            EventKind::ListChange,
            EventKind::Incident,
            EventKind::Loss,
            EventKind::Call,
            EventKind::Stream,
        ];
        let is_unplaced = from.is_none();
        let state = from.unwrap_or_default();
        Self {
            kinds: all.into_iter().filter(|kind| kinds.is_empty() || kinds.contains(kind)).collect(),
            calls: state.calls(),
            streams: state.streams(),
            incidents: Watched::new(Report::Incidents),
            losses: Watched::new(Report::Losses),
            state,
            is_unplaced,
            is_first: true,
        }
    }

    /// The state after the last batch.
    pub(super) fn state(&mut self) -> &State {
        self.state.set_places(&self.calls, self.streams.as_ref());
        &self.state
    }

    /// The next events, as lines. Empty once all were told.
    pub(super) fn next(&mut self, reports: Reports<'_>, now: Timestamp) -> Result<Shown, Failure> {
        let is_unplaced = std::mem::take(&mut self.is_unplaced);
        if is_unplaced {
            self.calls = reports.place_of_last_call()?;
            self.state.alert = reports.alerts_after(None, 0)?.0;
            self.state.list_change = reports.list_changes_after(None, 0)?.0;
        }
        if self.streams.is_none() {
            self.streams = Some(reports.place_of_last_stream(now)?);
        }
        let is_first = std::mem::take(&mut self.is_first);
        let mut lines = Shown::default();
        for kind in self.kinds.clone() {
            let (name, moment) = (name(kind), moment(kind));
            for mut row in self.rows(kind, reports, now, is_first)? {
                if is_unplaced {
                    continue;
                }
                let at = moment.iter().find_map(|name| row.get(*name).filter(|at| !at.is_null()));
                let at = at.cloned().unwrap_or_else(|| rfc3339(now).into());
                let mut event = Map::new();
                event.insert("timestamp".to_owned(), at);
                event.insert("event_type".to_owned(), json!(name));
                event.append(&mut row);
                lines.push(&out::json(&Value::Object(event)));
                lines.own("\n");
            }
        }
        Ok(lines)
    }

    /// The next rows of a kind.
    fn rows(
        &mut self,
        kind: EventKind,
        reports: Reports<'_>,
        now: Timestamp,
        is_first: bool,
    ) -> Result<Vec<Map<String, Value>>, Failure> {
        Ok(match kind {
            EventKind::Call => {
                let calls = reports.finished_calls(&mut self.calls, BATCH)?;
                calls.into_iter().map(|values| object(Report::Calls, values)).collect()
            }
            EventKind::Stream => {
                let Some(place) = &mut self.streams else { return Ok(Vec::new()) };
                let streams = reports.finished_streams(place, BATCH, now)?;
                streams.into_iter().map(|values| object(Report::Streams, values)).collect()
            }
            EventKind::Alert => {
                let (place, alerts) = reports.alerts_after(Some(self.state.alert), BATCH)?;
                self.state.alert = place;
                alerts
            }
            EventKind::ListChange => {
                let (place, changes) = reports.list_changes_after(Some(self.state.list_change), BATCH)?;
                self.state.list_change = place;
                changes
            }
            EventKind::Incident => {
                let rows = changed(&mut self.incidents, reports, Report::Incidents)?;
                let changed_at = |row: &Map<String, Value>| {
                    row.get("updated_at").and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                // The first look shows all incidents, also those of which an earlier run has told.
                let since = if is_first { self.state.incident.clone() } else { String::new() };
                let rows: Vec<_> = rows.into_iter().filter(|row| changed_at(row) > since).collect();
                let latest = rows.iter().map(changed_at).max();
                self.state.incident =
                    latest.unwrap_or_default().max(std::mem::take(&mut self.state.incident));
                rows
            }
            EventKind::Loss => changed(&mut self.losses, reports, Report::Losses)?,
        })
    }
}

/// The rows of a report that changed since the last look.
fn changed(
    watched: &mut Watched,
    reports: Reports<'_>,
    report: Report,
) -> Result<Vec<Map<String, Value>>, Failure> {
    let rows = watched.look(reports, &Query { report, since: None, until: None })?;
    Ok(rows.into_iter().map(|values| object(report, values)).collect())
}

const fn name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Call => "call",
        EventKind::Stream => "stream",
        EventKind::Alert => "alert",
        EventKind::Incident => "incident",
        EventKind::ListChange => "list_change",
        EventKind::Loss => "loss",
    }
}

/// The columns that tell when an event happened: the first that has a value counts. A loss is told when it is seen.
const fn moment(kind: EventKind) -> &'static [&'static str] {
    match kind {
        EventKind::Call => &["ended_at", "started_at"],
        EventKind::Stream => &["last_seen"],
        EventKind::Alert | EventKind::ListChange => &["at"],
        EventKind::Incident => &["updated_at"],
        EventKind::Loss => &[],
    }
}
