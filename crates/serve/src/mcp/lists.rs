//! Lists of campaigns, incidents, fingerprints, devices, recordings, alerts and losses: rows of the reports, with their columns.

use std::ops::ControlFlow;

use bellwether_report::{Query, Report, object};
use bellwether_store::StoreError;
use serde_json::Value;

use super::answer::{Answer, Rows};
use super::names::Context;
use super::schema::{Arguments, ToolError};

/// Rows of a list without a limit of the agent.
const USUAL_ROWS: i64 = 20;

/// The number of rows that the agent asks for.
pub(crate) fn limit(arguments: &Arguments) -> usize {
    usize::try_from(arguments.whole("limit").unwrap_or(USUAL_ROWS)).unwrap_or_default()
}

/// `list_campaigns`
pub(crate) fn list_campaigns(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "campaigns", Report::Campaigns, &["kind", "label"])
}

/// `list_incidents`
pub(crate) fn list_incidents(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "incidents", Report::Incidents, &["kind", "severity", "state", "label"])
}

/// `list_fingerprints`
pub(crate) fn list_fingerprints(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "fingerprints", Report::Fingerprints, &["list", "label"])
}

/// `list_devices`
pub(crate) fn list_devices(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "devices", Report::Devices, &["verdict"])
}

/// `list_recordings`
pub(crate) fn list_recordings(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "recordings", Report::Recordings, &["class", "label"])
}

/// `alerts`
pub(crate) fn alerts(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "alerts", Report::Alerts, &["kind", "severity"])
}

/// `losses`
pub(crate) fn losses(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    list(context, arguments, "losses", Report::Losses, &["kind"])
}

/// A page of a report. `equal` names columns that an argument of the same name compares.
fn list(
    context: &Context<'_>,
    arguments: &Arguments,
    name: &str,
    report: Report,
    equal: &[&str],
) -> Result<Answer, ToolError> {
    let skip = match arguments.text("cursor") {
        None => 0,
        Some(text) => text.parse::<usize>().map_err(|_| ToolError::refused("cursor is none of this tool"))?,
    };
    let wanted: Vec<(usize, &str)> =
        equal.iter().filter_map(|name| Some((report.place(name)?, arguments.text(name)?))).collect();
    let query = Query { report, since: arguments.time("since"), until: arguments.time("until") };
    let (limit, mut place, mut has_more) = (limit(arguments), 0, false);
    let mut rows = Rows::default();
    let mut visit = |values: Vec<Value>| {
        if wanted.iter().any(|(at, text)| values.get(*at).and_then(Value::as_str) != Some(text)) {
            return ControlFlow::Continue(());
        }
        place += 1;
        if place <= skip {
            return ControlFlow::Continue(());
        }
        has_more = rows.len() == limit || !rows.push(object(report, values));
        if has_more { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let visited: Result<(), StoreError> = if report.is_in_order_of_time() {
        context.reports.rows_newest_first(&query, &mut visit)
    } else {
        context.reports.rows(&query, &mut visit)
    };
    visited?;
    let next = has_more.then(|| (skip + rows.len()).to_string());
    Ok(Answer::of_rows(name, rows, next))
}
