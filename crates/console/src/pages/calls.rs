//! `/calls`: calls, the newest first, with filters in the query.

use bellwether_report::{CallCursor, CallFilter, CallLine, DISPOSITIONS};
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::countries;
use crate::form::is_token;
use crate::format::{NONE, cut, span, t, time};
use crate::link;
use crate::parts::{Head, address, badge, dense, dialled, nothing, pager, party, score, thing};
use crate::route::Rendered;

/// Calls of one page.
const PAGE: usize = 50;

/// Names of the filters in the query.
const FILTERS: [&str; 18] = [
    "since",
    "until",
    "caller",
    "dialled",
    "source",
    "fingerprint",
    "disposition",
    "max_score",
    "status",
    "answered",
    "side",
    "trunk",
    "country",
    "agent",
    "campaign",
    "incident",
    "recording",
    "call_id",
];

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let filter = filter(context);
    let after = context.value("after", "the cursor of a page", CallCursor::read);
    let page = context.reports.call_page(&filter, after, PAGE)?;
    let values: Vec<(&str, String)> =
        FILTERS.iter().filter_map(|name| Some((*name, value_of(context, name)?))).collect();
    let set: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let first = after.is_some().then(|| link::with_query("/calls", &set));
    let next = page.next.map(|cursor| {
        let text = cursor.to_string();
        let mut query = set.clone();
        query.push(("after", &text));
        link::with_query("/calls", &query)
    });
    let body = html! {
        h1 { "Calls" }
        (filter_form(context, &set))
        @if page.lines.is_empty() {
            @if page.next.is_some() { (nothing("No call passes the filter so far.")) } @else { (nothing("No call passes the filter.")) }
        } @else { (list("Calls, the newest first", &page.lines)) }
        @if let Some(at) = page.cut_at {
            p.note { "The page read back to " (time(at)) " and stopped there. The next page reads on." }
        }
        (pager(first.as_deref(), next.as_deref()))
    };
    Ok(plain("Calls", "/calls", body))
}

/// The value of a filter. A number in clear text becomes its token, so that no page or link repeats it.
fn value_of(context: &Context<'_>, name: &str) -> Option<String> {
    let value = context.query(name)?;
    if !["caller", "dialled"].contains(&name) || is_token(value) {
        return Some(value.to_owned());
    }
    Some(context.lookup.tokens_of(value).into_iter().next().unwrap_or_else(|| "unknown".to_owned()))
}

/// The filter of the query.
fn filter(context: &Context<'_>) -> CallFilter {
    let text = |name: &str| value_of(context, name);
    CallFilter {
        since: context.time("since"),
        until: context.time("until"),
        caller: text("caller"),
        dialled: text("dialled"),
        source: text("source"),
        fingerprint: text("fingerprint"),
        disposition: context.value("disposition", "quarantine, monitor, standard or not_judged", |text| {
            DISPOSITIONS.contains(&text).then(|| text.to_owned())
        }),
        max_score: context.value("max_score", "a number", |text| text.parse().ok()),
        status: context.value("status", "a number such as 486", |text| text.parse().ok()),
        is_answered: context.yes_or_no("answered"),
        access_side: text("side"),
        trunk: text("trunk"),
        country: context.query("country").map(|code| code.trim_start_matches('+').to_owned()),
        user_agent: text("agent"),
        campaign: text("campaign"),
        incident: text("incident"),
        recording: text("recording"),
        call_id: text("call_id"),
    }
}

/// Filters that have a field of the form; the others come from links and are shown as marks.
const FIELDS: [&str; 9] =
    ["since", "until", "source", "disposition", "max_score", "status", "answered", "country", "agent"];

fn filter_form(context: &Context<'_>, set: &[(&str, &str)]) -> Markup {
    let value = |name: &str| context.query(name).unwrap_or_default();
    let option = |name: &str, option: &str, words: &str| {
        html! { option value=(option) selected[value(name) == option] { (words) } }
    };
    let others: Vec<&(&str, &str)> = set.iter().filter(|(name, _)| !FIELDS.contains(name)).collect();
    html! {
        form.filter method="get" action="/calls" {
            @for (name, value) in &others { input type="hidden" name=(name) value=(value); }
            label { "Disposition" select name="disposition" {
                (option("disposition", "", "any"))
                @for name in DISPOSITIONS { (option("disposition", name, &name.replace('_', " "))) }
            } }
            label { "Score up to" input type="number" name="max_score" min="0" max="100" step="any" value=(value("max_score")); }
            label { "Source address" input type="text" name="source" value=(value("source")); }
            label { "User-Agent has" input type="text" name="agent" value=(value("agent")); }
            label { "To country +" input type="text" name="country" inputmode="numeric" size="5" value=(value("country")); }
            label { "Status" input type="text" name="status" inputmode="numeric" size="4" value=(value("status")); }
            label { "Answered" select name="answered" {
                (option("answered", "", "any")) (option("answered", "yes", "yes")) (option("answered", "no", "no"))
            } }
            label { "From (UTC)" input type="text" name="since" placeholder="2026-11-21T08:00Z" size="18" value=(value("since")); }
            label { "Before (UTC)" input type="text" name="until" placeholder="2026-11-22" size="18" value=(value("until")); }
            div.buttons { button.primary type="submit" { "Filter" } @if !set.is_empty() { a.button href="/calls" { "Clear" } } }
        }
        @if !others.is_empty() {
            ul.marks aria-label="Further filters" { @for (name, value) in &others {
                @let rest: Vec<(&str, &str)> = set.iter().copied().filter(|(other, _)| other != name).collect();
                li { (name) " " code { (cut(value, 40)) } " " a href=(link::with_query("/calls", &rest)) aria-label={ "Remove the filter " (name) } { "\u{d7}" } }
            } }
        }
    }
}

/// Calls as a table.
pub(crate) fn list(caption: &str, lines: &[CallLine]) -> Markup {
    let rows: Vec<Vec<Markup>> = lines.iter().map(row).collect();
    let heads = [
        Head::Text("Started"),
        Head::Number("Score"),
        Head::Text("Caller"),
        Head::Text("Dialled"),
        Head::Text("Source"),
        Head::Text("Platform"),
        Head::Text("Result"),
        Head::Text("Part of"),
    ];
    dense(caption, &heads, &rows)
}

fn row(line: &CallLine) -> Vec<Markup> {
    let country = line.country.as_deref();
    let name = country.and_then(countries::find).map(|country| country.name);
    vec![
        html! { a href=(link::to("call", &line.call_id)) title=(t(&line.call_id)) { (time(line.started_at)) } },
        score(line.score),
        party(&line.caller),
        html! { (dialled(&line.dialled)) @if let Some(code) = country { " " span.country title=(t(name.unwrap_or_default())) { "+" (t(code)) } } },
        address(&line.source),
        html! {
            a.under href=(link::to("fingerprint", &line.fingerprint)) { (cut(line.stack.as_deref().unwrap_or("unknown stack"), 24)) }
            @if let Some(agent) = &line.user_agent { " " span.agent { (cut(agent, 30)) } }
        },
        result(line),
        html! {
            @if let Some(label) = &line.label { (badge(label)) " " }
            @if let Some((campaign, is_notification)) = &line.campaign {
                (thing("campaign", campaign, 14)) @if *is_notification { " notification" }
            }
            @if let Some(incident) = &line.incident { " " (thing("incident", incident, 12)) }
            @if line.campaign.is_none() && line.incident.is_none() && line.label.is_none() { (NONE) }
        },
    ]
}

/// The end of a call in words.
fn result(line: &CallLine) -> Markup {
    html! {
        @match (line.duration_s, line.final_status) {
            (Some(seconds), _) => span.talk { (span(seconds)) },
            (None, Some(status)) if status >= 300 => { span.status { (status) } @if line.is_cancelled { " cancelled" } },
            (None, Some(status)) => { span.status { (status) } " no end seen" },
            (None, None) => span.status { "open" },
        }
    }
}
