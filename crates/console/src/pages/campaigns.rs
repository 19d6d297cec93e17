//! `/campaigns` and `/campaign/ID`.

use bellwether_report::{Case, CaseKind, rfc3339};
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::{forms, plain};
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{count, cut, decimal, maybe_moment, moment, nanos, t, time};
use crate::link;
use crate::parts::{
    Head, address, decision, dense, dialled, facts, figure, maybe_badge, nothing, pager, party, score,
    section, thing,
};
use crate::route::Rendered;
use crate::svg::Paint;
use crate::svg::bars::{Bar, binned, draw};
use crate::svg::graph::{self, Shared};

/// Campaigns of one page, and members of one page.
const PAGE: usize = 100;

/// Fingerprints and User-Agents that the page of a campaign lists.
const MAX_NAMES: usize = 20;

/// An hour in nanoseconds, and the hours of one picture.
const HOUR: i64 = 3_600_000_000_000;
const MAX_HOURS: i64 = 24 * 14;

/// Calls whose moments are drawn one by one.
const MAX_MOMENTS: usize = 2000;

pub(crate) fn list(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let mut cases = context.reports.campaign_cases(context.time("before"), PAGE)?;
    context.reports.add_mean_scores(cases.iter_mut())?;
    let next = cases.last().filter(|_| cases.len() == PAGE);
    let next = next.map(|case| link::with_query("/campaigns", &[("before", &rfc3339(case.updated_at))]));
    let first = context.query("before").map(|_| "/campaigns");
    let rows: Vec<Vec<Markup>> = cases.iter().map(row).collect();
    let body = html! {
        h1 { "Campaigns" }
        p.lead { "Calls of one origin under changing numbers. Notifications are senders that tell many people something and do not hide." }
        @if rows.is_empty() { (nothing("No campaign was found.")) } @else {
            (dense("Campaigns, the latest first", &[
                Head::Text("Campaign"), Head::Text("Kind"), Head::Number("Calls"), Head::Number("Mean score"), Head::Text("First call"),
                Head::Text("Last call"), Head::Long("Strongest link"), Head::Text("State"),
            ], &rows))
        }
        (pager(first, next.as_deref()))
    };
    Ok(plain("Campaigns", "/campaigns", body))
}

fn row(case: &Case) -> Vec<Markup> {
    vec![
        thing("campaign", &case.name, 30),
        html! { (if case.kind == CaseKind::Notification { "notification" } else { "campaign" }) },
        html! { (count(case.calls)) },
        score(case.score),
        time(case.opened_at),
        time(case.updated_at),
        html! { (cut(case.evidence.first().map_or("", String::as_str), 80)) },
        decision(case),
    ]
}

pub(crate) fn one(context: &Context<'_>, id: &str) -> Result<Rendered, StoreError> {
    let Some(campaign) = context.reports.campaign_overview(id)? else {
        return Ok(Rendered::Missing("campaign"));
    };
    let of = Fields(&campaign);
    let name = of.word("campaign");
    let shared: Vec<Shared<'_>> = of
        .objects("shared")
        .map(|shared| Shared {
            kind: shared.word("kind"),
            name: shared.word("name"),
            calls: shared.count("calls"),
        })
        .collect();
    let graph = graph::draw(name, of.count("calls"), &shared);
    let (timeline, width) = timeline(context, of)?;
    match context.query("picture") {
        Some("graph") => return Ok(Rendered::Picture(graph.into_string())),
        Some("timeline") => return Ok(Rendered::Picture(timeline.into_string())),
        _ => {}
    }
    let alone = |name_of: &str| link::with_query(&link::to("campaign", name), &[("picture", name_of)]);
    let kind = if of.text("kind") == Some("notification") { "Notification" } else { "Campaign" };
    let body = html! {
        header.subject {
            h1 { (kind) " " small.mono { (t(name)) } }
            p.meta {
                (count(of.count("calls"))) " calls of " (count(of.count("callers"))) " numbers from " (count(of.count("sources")))
                " addresses to " (count(of.count("callees"))) " people; " (count(of.count("answered"))) " answered"
            }
            (forms::standing(context, "campaign", name, of.text("label"))?)
            div.actions { (forms::acknowledge(context, "campaign", name)) (forms::label(context, "campaign", name, of.text("label"))) }
        }
        (section("graph", "Links between the calls", &html! {
            (figure("links", &graph, &html! { "Properties that calls share, with the number of calls. A wide line is a large share." }, Some(&alone("graph"))))
            ul.evidence { @for link in of.objects("links") { li { strong { (t(link.word("kind"))) } ": " (t(link.word("evidence"))) } } }
        }))
        (section("timeline", "Timeline", &figure("calls over time", &timeline, &html! {
            "Calls by " (width) ": " span.key.accent { "answered" } " " span.key.muted { "without an answer" } "."
        }, Some(&alone("timeline")))))
        div.pair {
            (section("facts", "Facts", &facts(&[
                ("Mean score", score(of.number("score"))),
                ("State", maybe_badge(of.text("state"))),
                ("Confirmed", html! { (if of.is("confirmed") { "yes" } else { "no" }) }),
                ("First call", maybe_moment(of.text("first_seen"))),
                ("Found", maybe_moment(of.text("found_at"))),
                ("Last call", maybe_moment(of.text("last_seen"))),
            ])))
            (section("names", "Names that it gives itself", &html! { div.card { (names(of)) } }))
        }
        (section("members", "Members", &members(context, name, of.count("calls"))?))
        @if !of.list("events").is_empty() {
            (section("events", "Events", &html! { ul { @for event in of.objects("events") { li { (moment(event.word("at"))) " " (t(event.word("what"))) } } } }))
        }
        (section("comments", "Comments", &forms::comments(context, "campaign", name)?))
    };
    Ok(plain(format!("{kind} {name}"), "/campaigns", body))
}

fn names(of: Fields<'_>) -> Markup {
    let (prints, agents): (Vec<&str>, Vec<&str>) =
        (of.texts("fingerprints").collect(), of.texts("user_agents").collect());
    let more = |all: usize| html! { @if all > MAX_NAMES { li.muted { (all - MAX_NAMES) " more" } } };
    html! {
        ul { @for print in prints.iter().take(MAX_NAMES) { li { (thing("fingerprint", print, 40)) } } (more(prints.len())) }
        ul { @for agent in agents.iter().take(MAX_NAMES) { li { (cut(agent, 80)) } } (more(agents.len())) }
    }
}

/// The calls over time, and the width of a bar in words. A large campaign is counted by the hour.
fn timeline(context: &Context<'_>, of: Fields<'_>) -> Result<(Markup, &'static str), StoreError> {
    let title = "Calls of the campaign over time";
    if of.count("calls") > MAX_MOMENTS as i64 {
        return Ok((draw(title, &hours(of), 1180.0, 150.0), "hour"));
    }
    let members = context.reports.campaign_member_page(of.word("campaign"), 0, MAX_MOMENTS)?;
    let moments: Vec<(i64, Paint)> = members
        .iter()
        .filter_map(Fields::of)
        .filter_map(|call| {
            let paint = if call.is("answered") { Paint::Accent } else { Paint::Muted };
            Some((call.text("started_at").and_then(nanos)?, paint))
        })
        .collect();
    let (bars, width) = binned(&moments, &[Paint::Accent, Paint::Muted]);
    Ok((draw(title, &bars, 1180.0, 150.0), width))
}

/// The bars of the stored hours.
fn hours(of: Fields<'_>) -> Vec<Bar> {
    let hours: Vec<(i64, f64, f64)> = of
        .objects("timeline")
        .filter_map(|hour| {
            let at = nanos(hour.word("hour"))? / HOUR;
            Some((at, hour.number("calls")?, hour.number("answered")?))
        })
        .collect();
    let first = hours.first().map_or(0, |hour| hour.0);
    let last = hours.last().map_or(0, |hour| hour.0);
    // A long campaign is shown by its last days.
    (first.max(last - MAX_HOURS)..=last)
        .map(|at| {
            let (calls, answered) =
                hours.iter().find(|hour| hour.0 == at).map_or((0.0, 0.0), |hour| (hour.1, hour.2));
            let parts = vec![(answered, Paint::Accent), (calls - answered, Paint::Muted)];
            Bar { at: bellwether_base::Timestamp::from_nanos(at * HOUR), parts }
        })
        .collect()
}

fn members(context: &Context<'_>, name: &str, all: i64) -> Result<Markup, StoreError> {
    let skip = context.number("skip");
    let members = context.reports.campaign_member_page(name, skip, PAGE)?;
    let rows: Vec<Vec<Markup>> = members
        .iter()
        .filter_map(Fields::of)
        .map(|call| {
            vec![
                html! { a href=(link::to("call", call.word("call_id"))) { (maybe_moment(call.text("started_at"))) } },
                score(call.number("score")),
                party(call.word("caller")),
                dialled(call.word("callee")),
                address(call.word("source")),
                html! { (decimal(call.number("strength"), 1)) },
                html! { (t(call.word("why"))) },
            ]
        })
        .collect();
    let path = link::to("campaign", name);
    let next = (members.len() == PAGE && ((skip + PAGE) as i64) < all)
        .then(|| format!("{}#members", link::with_query(&path, &[("skip", &(skip + PAGE).to_string())])));
    let first = (skip > 0).then(|| format!("{path}#members"));
    Ok(html! {
        @if rows.is_empty() { (nothing("No further members.")) } @else {
            (dense("Calls with the reason of their membership, the first ones first", &[
                Head::Text("Started"), Head::Number("Score"), Head::Text("Caller"), Head::Text("Dialled"), Head::Text("Source"), Head::Number("Strength"), Head::Long("Reason"),
            ], &rows))
        }
        (pager(first.as_deref(), next.as_deref()))
    })
}
