//! `bellwether watch`: live calls, incidents and losses, as a screen of a terminal or as lines.

use std::ops::ControlFlow;

use bellwether_base::{Shown, Span};
use bellwether_report::{Query, Report, Reports, Values, parse_time};
use serde_json::{Map, Value, json};

use crate::args::{Common, Format, WatchArgs};
use crate::follow::{Commits, Watched};
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::{in_one_line, short_time, table_lines};

/// Calls that are looked through for live ones: the newest.
const LOOKED_THROUGH: usize = 2000;

/// Nanoseconds after which a call without an end is not live any more: 4 hours.
const LONGEST_LIFE: Span = Span::from_secs(4 * 3600);

/// Lines of the screen that calls do not get.
const OTHER_LINES: usize = 20;

/// Incidents, and losses, on the screen.
const FEW: usize = 6;

/// A terminal of unknown height.
const USUAL_HEIGHT: u16 = 24;

/// Moves the cursor to the beginning of the screen and wipes what follows.
const BEGIN: &str = "\u{1b}[H\u{1b}[J";

const CALLS: [&str; 9] =
    ["started_at", "caller", "callee", "source", "final_status", "score", "disposition", "stack", "call_id"];
const SPARE: [&str; 5] = ["stack", "call_id", "source", "final_status", "score"];
const INCIDENTS: [&str; 7] = ["opened_at", "kind", "severity", "state", "subject", "calls", "exposed_money"];
const LOSSES: [&str; 3] = ["name", "count", "cause"];

pub(crate) fn run(common: &Common, args: &WatchArgs) -> Result<Exit, Failure> {
    let mut commits = Commits::watch(common, args.seconds)?;
    if out::is_terminal() && common.format == Format::Table {
        commits
            .steadily()
            .each(common, &mut |reader| Ok(out::page(&screen(common, Reports::of(reader))?)?))?;
        return Ok(Exit::Done);
    }
    let mut lines = Lines::new();
    commits.each(common, &mut |reader| {
        for event in lines.look(Reports::of(reader))? {
            out::line(match common.format {
                Format::Table => Shown::within(&event.in_words(), LONGEST_LINE),
                Format::Json | Format::Jsonl | Format::Csv => out::json(&event.object()),
            })?;
        }
        Ok(())
    })?;
    Ok(Exit::Done)
}

/// Columns of the longest line.
const LONGEST_LINE: usize = 400;

/// The whole screen.
fn screen(common: &Common, reports: Reports<'_>) -> Result<Shown, Failure> {
    let (width, height) = (out::width(), usize::from(out::height().unwrap_or(USUAL_HEIGHT)));
    let summary = reports.summary()?;
    let newest = summary.get("last_at").and_then(Value::as_str);
    let live = live_calls(reports, newest)?;
    let mut incidents = rows(reports, Report::Incidents)?;
    incidents.retain(|values| field(Report::Incidents, "state", values) != "closed");
    let losses = rows(reports, Report::Losses)?;
    let count = |name: &str| summary.get(name).map(ToString::to_string).unwrap_or_default();
    let mut lines: Vec<Shown> = vec![
        format!(
            "{}  packets {}  calls {}  live {}  alerts {}  losses {}  as of {}",
            common.db.display(),
            count("packets"),
            count("calls"),
            live.len(),
            count("alerts"),
            count("losses"),
            newest.map_or_else(|| "-".to_owned(), short_time),
        )
        .into(),
    ];
    let mut section = |title: &str, report: Report, names: &[&str], rows: &[Values], most: usize| {
        lines.push(Shown::default());
        lines.push(format!("{title} ({})", rows.len()).into());
        // The newest rows are the last ones.
        let newest = rows.get(rows.len().saturating_sub(most)..).unwrap_or_default();
        if !newest.is_empty() {
            lines.extend(table_lines(report, names, &SPARE, newest, width));
        }
    };
    section("live calls", Report::Calls, &CALLS, &live, height.saturating_sub(OTHER_LINES).max(FEW));
    section("open incidents", Report::Incidents, &INCIDENTS, &incidents, FEW);
    section("losses", Report::Losses, &LOSSES, &losses, FEW);
    let mut page = Shown::default();
    page.own(BEGIN);
    for line in lines.iter().take(height.saturating_sub(1)) {
        page.push(&Shown::within(line.as_str(), usize::from(width.unwrap_or(u16::MAX))));
        page.own("\n");
    }
    Ok(page)
}

/// The calls that go on: of those that began last, the ones without an end. A call whose end nobody saw is live no more after some
/// hours.
fn live_calls(reports: Reports<'_>, newest: Option<&str>) -> Result<Vec<Values>, Failure> {
    let (mut live, mut looked) = (Vec::new(), 0);
    let since = newest.and_then(parse_time).map(|newest| newest - LONGEST_LIFE);
    let query = Query { report: Report::Calls, since, until: None };
    reports.rows_newest_first(&query, &mut |values| {
        looked += 1;
        if matches!(state(&values), "rings" | "talks") {
            live.push(values);
        }
        if looked < LOOKED_THROUGH { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    live.reverse();
    Ok(live)
}

/// The state of a call in a word.
fn state(values: &Values) -> &'static str {
    let field = |name: &str| field(Report::Calls, name, values);
    let status = field("final_status").as_u64();
    match (status, field("ended_at").is_null()) {
        (Some(200..300), true) => "talks",
        (Some(200..300), false) => "ended",
        (Some(_), _) => "failed",
        (None, true) => "rings",
        (None, false) => "ended",
    }
}

fn rows(reports: Reports<'_>, report: Report) -> Result<Vec<Values>, Failure> {
    let mut found = Vec::new();
    reports.rows(&Query { report, since: None, until: None }, &mut |values| {
        found.push(values);
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The value of a column by its name.
fn field<'v>(report: Report, name: &str, values: &'v Values) -> &'v Value {
    report.place(name).and_then(|place| values.get(place)).unwrap_or(&Value::Null)
}

/// A change of a call, an incident or a loss.
struct Event {
    what: &'static str,
    state: String,
    row: Map<String, Value>,
}

impl Event {
    fn of(what: &'static str, report: Report, names: &[&str], values: &Values) -> Self {
        let field = |name: &str| field(report, name, values).clone();
        let state = match report {
            Report::Calls => state(values).to_owned(),
            Report::Losses => "counted".to_owned(),
            _ => field("state").as_str().unwrap_or("-").to_owned(),
        };
        let row = names
            .iter()
            .filter(|name| **name != "state")
            .map(|name| ((*name).to_owned(), field(name)))
            .collect();
        Self { what, state, row }
    }

    fn in_words(&self) -> String {
        format!("{:<8}  {:<7}  {}", self.what, self.state, in_one_line(&self.row))
    }

    fn object(&self) -> Value {
        let mut object = Map::new();
        object.insert("what".to_owned(), json!(self.what));
        object.insert("state".to_owned(), json!(self.state));
        object.extend(self.row.clone());
        Value::Object(object)
    }
}

/// Changes as lines.
struct Lines {
    watched: [(Watched, &'static str, Report, &'static [&'static str]); 3],
    is_first: bool,
}

impl Lines {
    const fn new() -> Self {
        Self {
            watched: [
                (Watched::new(Report::Calls), "call", Report::Calls, &CALLS),
                (Watched::new(Report::Incidents), "incident", Report::Incidents, &INCIDENTS),
                (Watched::new(Report::Losses), "loss", Report::Losses, &LOSSES),
            ],
            is_first: true,
        }
    }

    /// The changes since the last look. At the first look those are live calls, open incidents and all losses.
    fn look(&mut self, reports: Reports<'_>) -> Result<Vec<Event>, Failure> {
        let mut events = Vec::new();
        for (watched, what, report, names) in &mut self.watched {
            let query = Query { report: *report, since: None, until: None };
            let rows = watched.look(reports, &query)?;
            events.extend(rows.iter().map(|values| Event::of(what, *report, names, values)));
        }
        if std::mem::take(&mut self.is_first) {
            events.retain(|event| !matches!(event.state.as_str(), "ended" | "failed" | "closed"));
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_rings_talks_and_ends() {
        let call = |status: Value, ended: Value| {
            let fields = json!({"final_status": status, "ended_at": ended});
            let values: Values = Report::Calls
                .columns()
                .iter()
                .map(|c| fields.get(c.name).cloned().unwrap_or_default())
                .collect();
            state(&values)
        };
        assert_eq!(call(Value::Null, Value::Null), "rings");
        assert_eq!(call(json!(200), Value::Null), "talks");
        assert_eq!(call(json!(200), json!("2026-11-21T03:42:37Z")), "ended");
        assert_eq!(call(json!(486), Value::Null), "failed");
    }
}
