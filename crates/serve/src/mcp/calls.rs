//! Calls page by page.

use bellwether_report::{CallCursor, CallFilter, CallLine, rfc3339};
use serde_json::{Map, Value, json};

use super::answer::{Answer, MAX_ROWS, Rows};
use super::lists::limit;
use super::names::Context;
use super::schema::{Arguments, ToolError};

/// `list_calls`
pub(crate) fn list_calls(context: &Context<'_>, arguments: &Arguments) -> Result<Answer, ToolError> {
    let after = match arguments.text("cursor") {
        None => None,
        Some(text) => {
            Some(CallCursor::read(text).ok_or_else(|| ToolError::refused("cursor is none of this tool"))?)
        }
    };
    let filter = filter(context, arguments)?;
    let mut page = context.reports.call_page(&filter, after, limit(arguments))?;
    let mut rows = rows(&page.lines);
    if rows.len() < page.lines.len() {
        // The place behind the last row that fits is known only to a page that ends there.
        page = context.reports.call_page(&filter, after, rows.len().clamp(1, MAX_ROWS))?;
        rows = self::rows(&page.lines);
    }
    let answer = Answer::of_rows("calls", rows, page.next.map(|cursor| cursor.to_string()));
    Ok(match page.cut_at {
        Some(_) => answer.going_on(
            "few of the calls that were read pass the filter; call the tool again with cursor = next_cursor to read older ones",
        ),
        None => answer,
    })
}

fn rows(lines: &[CallLine]) -> Rows {
    let mut rows = Rows::default();
    for line in lines {
        if !rows.push(row(line)) {
            break;
        }
    }
    rows
}

fn filter(context: &Context<'_>, arguments: &Arguments) -> Result<CallFilter, ToolError> {
    let token = |name: &str| arguments.text(name).map(|text| context.token(text)).transpose();
    let call_id = match arguments.text("call_id") {
        None => None,
        Some(id) => Some(context.known_call_id(id)?),
    };
    let campaign = match arguments.text("campaign") {
        None => None,
        Some(name) => {
            let current = context.reports.current_campaign(name)?;
            Some(current.ok_or_else(|| ToolError::refused("there is no campaign of this name"))?)
        }
    };
    Ok(CallFilter {
        since: arguments.time("since"),
        until: arguments.time("until"),
        caller: token("caller")?,
        dialled: token("dialled")?,
        source: arguments.owned("source"),
        fingerprint: arguments.owned("fingerprint"),
        disposition: arguments.owned("disposition"),
        max_score: arguments.number("max_score"),
        status: arguments.whole("final_status").and_then(|status| u16::try_from(status).ok()),
        is_answered: arguments.bool("answered"),
        access_side: arguments.owned("access_side"),
        trunk: arguments.owned("trunk_id"),
        country: arguments.owned("callee_country"),
        user_agent: arguments.owned("user_agent"),
        campaign,
        incident: arguments.owned("incident"),
        recording: arguments.owned("recording"),
        call_id,
    })
}

fn row(line: &CallLine) -> Map<String, Value> {
    let of_kind = |wanted: bool| {
        line.campaign.as_ref().filter(|(_, is_notification)| *is_notification == wanted).map(|(name, _)| name)
    };
    let members = [
        ("call_id", json!(line.call_id)),
        ("started_at", json!(rfc3339(line.started_at))),
        ("duration_s", json!(line.duration_s)),
        ("final_status", json!(line.final_status)),
        ("cancelled", json!(line.is_cancelled)),
        ("caller", json!(line.caller)),
        ("dialled", json!(line.dialled)),
        ("source", json!(line.source)),
        ("user_agent", json!(line.user_agent)),
        ("fingerprint", json!(line.fingerprint)),
        ("stack", json!(line.stack)),
        ("access_side", json!(line.access_side)),
        ("trunk_id", json!(line.trunk_id)),
        ("callee_country", json!(line.country)),
        ("score", json!(line.score)),
        ("disposition", json!(line.disposition)),
        ("campaign", json!(of_kind(false))),
        ("notification", json!(of_kind(true))),
        ("incident", json!(line.incident)),
        ("label", json!(line.label)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
