//! `/incidents` and `/incident/ID`.

use bellwether_report::{Case, rfc3339};
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::{forms, plain};
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{
    NONE, count, cut, decimal, fixed, maybe_moment, moment, nanos, probability, span, t, time,
};
use crate::link;
use crate::parts::{
    Head, address, decision, dense, dialled, facts, figure, maybe_badge, nothing, pager, party, score,
    section, table, thing,
};
use crate::route::Rendered;
use crate::svg::Paint;
use crate::svg::bars::{binned, draw};
use crate::words::{fraud, score_tone};

/// Incidents of one page.
const PAGE: usize = 100;

/// Members that the page of an incident shows.
const MAX_MEMBERS: usize = 25;

pub(crate) fn list(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let cases = context.reports.incident_cases(context.time("before"), PAGE)?;
    let next = cases.last().filter(|_| cases.len() == PAGE);
    let next = next.map(|case| link::with_query("/incidents", &[("before", &rfc3339(case.updated_at))]));
    let first = context.query("before").map(|_| "/incidents");
    let rows: Vec<Vec<Markup>> = cases.iter().map(row).collect();
    let body = html! {
        h1 { "Incidents" }
        p.lead { "Fraud that is no robocall campaign: one row for each fraud, whatever number of calls." }
        @if rows.is_empty() { (nothing("No incident was found.")) } @else {
            (dense("Incidents, the latest first", &HEADS, &rows))
        }
        (pager(first, next.as_deref()))
    };
    Ok(plain("Incidents", "/incidents", body))
}

const HEADS: [Head; 10] = [
    Head::Text("Incident"),
    Head::Text("Severity"),
    Head::Text("State"),
    Head::Long("Subject"),
    Head::Number("Calls"),
    Head::Number("Minutes"),
    Head::Number("Money"),
    Head::Number("Probability"),
    Head::Text("Opened"),
    Head::Text("Last change"),
];

fn row(case: &Case) -> Vec<Markup> {
    vec![
        html! { a href=(link::to("incident", &case.name)) { (t(case.fraud.as_deref().map_or("incident", fraud))) } },
        maybe_badge(case.severity.as_deref()),
        decision(case),
        html! { (cut(&case.subject, 44)) },
        html! { (count(case.calls)) },
        html! { (decimal(case.minutes, 0)) },
        html! { (decimal(case.money, 2)) },
        html! { (probability(case.probability)) },
        time(case.opened_at),
        time(case.updated_at),
    ]
}

pub(crate) fn one(context: &Context<'_>, id: &str) -> Result<Rendered, StoreError> {
    let Some(incident) = context.reports.show_incident(id)? else { return Ok(Rendered::Missing("incident")) };
    let of = Fields(&incident);
    let picture = timeline(of);
    if context.query("picture") == Some("timeline") {
        return Ok(Rendered::Picture(picture.0.into_string()));
    }
    let name = of.word("incident");
    let alone = link::with_query(&link::to("incident", name), &[("picture", "timeline")]);
    let kind = fraud(of.word("kind"));
    let body = html! {
        header.subject {
            h1 { (t(kind)) " " small.mono { (t(name)) } }
            p.meta { (maybe_badge(of.text("severity"))) " " (t(of.word("subject"))) }
            (forms::standing(context, "incident", name, of.text("label"))?)
            div.actions { (forms::acknowledge(context, "incident", name)) (forms::label(context, "incident", name, of.text("label"))) }
        }
        div.pair {
            (section("evidence", "Evidence", &html! { ul.evidence.card { @for sentence in of.texts("evidence") { li { (t(sentence)) } } } }))
            (section("figures", "Figures", &facts(&[
                ("Calls", html! { (count(of.count("calls"))) }),
                ("Exposed money", html! { (decimal(of.number("exposed_money"), 2)) }),
                ("Exposed minutes", html! { (decimal(of.number("exposed_minutes"), 1)) }),
                ("Probability of fraud", html! { (probability(of.number("fraud_probability"))) }),
                ("Opened", maybe_moment(of.text("opened_at"))),
                ("Last change", maybe_moment(of.text("updated_at"))),
                ("Closed", maybe_moment(of.text("closed_at"))),
                ("Campaign", of.text("campaign").map_or_else(|| html! { (NONE) }, |campaign| thing("campaign", campaign, 30))),
            ])))
        }
        (section("timeline", "Timeline", &figure("calls over time", &picture.0, &html! { "Calls by " (picture.1) ", by the tone of their score." }, Some(&alone))))
        (section("members", "Calls", &members(of, name)))
        (section("alerts", "Alerts", &alerts(of)))
        (section("comments", "Comments", &forms::comments(context, "incident", name)?))
    };
    Ok(plain(format!("{kind} {name}"), "/incidents", body))
}

/// The calls over time, and the width of a bar in words.
fn timeline(of: Fields<'_>) -> (Markup, &'static str) {
    let moments: Vec<(i64, Paint)> = of
        .objects("calls_shown")
        .filter_map(|call| {
            let tone = call.number("score").map_or("plain", score_tone);
            Some((call.text("started_at").and_then(nanos)?, Paint::of(tone)))
        })
        .collect();
    let (bars, width) = binned(&moments, &[Paint::Bad, Paint::Warn, Paint::Good, Paint::Muted]);
    (draw(&format!("{} calls over time", moments.len()), &bars, 1180.0, 150.0), width)
}

fn members(of: Fields<'_>, name: &str) -> Markup {
    let rows: Vec<Vec<Markup>> = of
        .objects("calls_shown")
        .take(MAX_MEMBERS)
        .map(|call| {
            vec![
                html! { a href=(link::to("call", call.word("call_id"))) { (maybe_moment(call.text("started_at"))) } },
                score(call.number("score")),
                party(call.word("caller")),
                html! { (dialled(call.word("dialled"))) @if let Some(country) = call.text("country") { " " span.country { (t(country)) } } },
                address(call.word("source")),
                html! { @if let Some(seconds) = call.number("talk_s") { (span(seconds)) } @else { (NONE) } },
            ]
        })
        .collect();
    let all = of.list("calls_shown").len();
    html! {
        @if rows.is_empty() { (nothing("The calls of this incident have left the database.")) } @else {
            (dense("Calls of the incident, the first ones first", &[Head::Text("Started"), Head::Number("Score"), Head::Text("Caller"), Head::Text("Dialled"), Head::Text("Source"), Head::Text("Talk")], &rows))
        }
        @if all > MAX_MEMBERS { p { (fixed(MAX_MEMBERS as f64, 0)) " of " (count(all as i64)) " calls. " a href=(link::with_query("/calls", &[("incident", name)])) { "All calls, the newest first" } } }
    }
}

fn alerts(of: Fields<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = of
        .objects("alerts")
        .map(|alert| {
            vec![
                moment(alert.word("at")),
                maybe_badge(alert.text("state")),
                maybe_badge(alert.text("severity")),
                html! { (t(alert.word("message"))) },
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("No alert was raised.");
    }
    table(
        "Alerts about the incident",
        &[Head::Text("Time"), Head::Text("State"), Head::Text("Severity"), Head::Long("Message")],
        &rows,
    )
}
