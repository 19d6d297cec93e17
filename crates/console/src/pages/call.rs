//! `/call/ID`: one call with its ladder, its score and its evidence.

use bellwether_store::StoreError;
use maud::{Markup, html};

use super::{forms, plain};
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{NONE, cut, decimal, fixed, maybe_moment, probability, signed, span, t};
use crate::link;
use crate::parts::{
    Head, address, badge, cell, code, dialled, facts, figure, maybe_badge, nothing, party, score, section,
    table, text, thing,
};
use crate::route::Rendered;
use crate::svg::ladder::LadderView;
use crate::svg::waterfall::{Term, complete, draw};
use crate::words::spaced;

/// Calls under one Call-ID that a page shows.
const MAX_CALLS: usize = 10;

pub(crate) fn page(context: &Context<'_>, id: &str) -> Result<Rendered, StoreError> {
    let calls = context.reports.show_call(id)?;
    let Some(first) = calls.first() else { return Ok(Rendered::Missing("call")) };
    match context.query("picture") {
        Some("ladder") => return Ok(Rendered::Picture(LadderView::of(Fields(first)).draw().into_string())),
        Some("score") => {
            return Ok(waterfall(Fields(first), context.reports.score_limits())
                .map_or(Rendered::Missing("score"), |svg| Rendered::Picture(svg.into_string())));
        }
        _ => {}
    }
    let mut body = html! {};
    for (i, call) in calls.iter().take(MAX_CALLS).enumerate() {
        body = html! { (body) (one(context, Fields(call), i, calls.len())?) };
    }
    let body = html! { (body) (section("comments", "Comments", &forms::comments(context, "call", id)?)) };
    Ok(plain(format!("Call {}", cut(id, 40)), "/calls", body))
}

fn one(context: &Context<'_>, call: Fields<'_>, place: usize, of: usize) -> Result<Markup, StoreError> {
    let id = call.word("call_id");
    let anchor = |name: &str| if place == 0 { name.to_owned() } else { format!("{name}-{}", place + 1) };
    let picture = |name: &str| link::with_query(&link::to("call", id), &[("picture", name)]);
    let ladder = LadderView::of(call);
    Ok(html! {
        header.subject {
            h1 { "Call " (code(id)) }
            p.meta {
                @if of > 1 { "Call " (place + 1) " of " (of) " under this Call-ID. " }
                (maybe_moment(call.text("started_at"))) " \u{b7} "
                (party(call.word("caller"))) " \u{2192} " (dialled(call.word("dialled")))
                " \u{b7} " (result(call))
            }
            p.verdict {
                (score(call.number("score"))) " " (maybe_badge(call.text("disposition")))
                @if let Some(label) = call.text("label") { " labelled " (badge(label)) }
                @if let Some(why) = call.text("not_judged_reason") { " no score: " (spaced(why)) }
                @if let Some(p) = call.number("fraud_probability") {
                    " probability of fraud " (probability(Some(p))) ", confidence " (t(call.text("confidence").unwrap_or("none")))
                }
            }
            @if place == 0 { (forms::label(context, "call", id, call.text("label"))) }
        }
        @for sentence in call.texts("blindness") { p.note { (t(sentence)) } }
        div.pair {
            div.stack {
                (section(&anchor("score"), "Score", &score_part(context, call, &anchor("score"), &picture("score"))))
                (section(&anchor("evidence"), "Evidence", &evidence(call)))
            }
            (section(&anchor("facts"), "Facts", &facts_of(call)))
        }
        (section(&anchor("ladder"), "Ladder", &figure(&anchor("ladder"),
            &ladder.draw(),
            &html! { "Messages and streams whose times the database has; streams are dashed lines. Times are seconds since the INVITE." },
            Some(&picture("ladder")),
        )))
        (section(&anchor("streams"), "Streams and quality", &streams(call)))
        (section(&anchor("links"), "Linked calls", &links(call)))
        (section(&anchor("platform"), "Platform and instance", &platform(call)))
    })
}

fn result(call: Fields<'_>) -> Markup {
    match (call.number("duration_s"), call.number("final_status")) {
        (Some(seconds), _) => html! { "talked " (span(seconds)) },
        (None, Some(status)) => {
            html! { "ended with " (fixed(status, 0)) @if call.is("cancelled") { ", cancelled" } }
        }
        (None, None) => html! { "no final answer yet" },
    }
}

/// The terms of the score; nothing without a score.
fn waterfall(call: Fields<'_>, limits: (f64, f64)) -> Option<Markup> {
    let score = call.number("score")?;
    let term = |of: Fields<'_>| Term {
        name: of.word("name").to_owned(),
        points: of.number("points").unwrap_or(0.0),
    };
    Some(draw(&complete(call.objects("signals").map(term).collect(), score), score, limits))
}

fn score_part(context: &Context<'_>, call: Fields<'_>, name: &str, alone: &str) -> Markup {
    let (quarantine_below, standard_from) = context.reports.score_limits();
    match waterfall(call, (quarantine_below, standard_from)) {
        Some(picture) => figure(
            name,
            &picture,
            &html! { "50 points plus the points of each signal. Below " (fixed(quarantine_below, 0)) ": quarantine; from " (fixed(standard_from, 0)) ": standard." },
            Some(alone),
        ),
        None => nothing("This call has no score."),
    }
}

fn facts_of(call: Fields<'_>) -> Markup {
    let number = |name: &str| html! { (decimal(call.number(name), 0)) };
    facts(&[
        ("Started", maybe_moment(call.text("started_at"))),
        ("Answered", maybe_moment(call.text("answered_at"))),
        (
            "Ended",
            html! { (maybe_moment(call.text("ended_at"))) @if let Some(by) = call.text("ended_by") { " by the " (t(by)) } },
        ),
        ("Source", address(call.word("source"))),
        ("Destination", html! { (code(call.word("destination"))) }),
        ("Last destination", text(call.text("last_destination"))),
        ("Transport", text(call.text("transport"))),
        ("Side and trunk", html! { (text(call.text("access_side"))) " " (text(call.text("trunk_id"))) }),
        ("Caller", html! { (party(call.word("caller"))) " " (number_kind(call, "caller")) }),
        ("Dialled", html! { (dialled(call.word("dialled"))) " " (number_kind(call, "callee")) }),
        ("User-Agent", html! { (text(call.text("user_agent"))) " " (maybe_badge(call.text("claim"))) }),
        ("Hops, forks", html! { (number("hops")) ", " (number("forks")) }),
        ("Retransmissions", number("retransmissions")),
        ("Re-INVITEs", number("reinvites")),
        ("Attestation", html! { (text(call.text("attestation"))) " " (maybe_badge(call.text("passport"))) }),
        ("Origin", text(call.text("origin"))),
        (
            "Defects",
            html! { @let defects: Vec<&str> = call.texts("defects").collect(); @if defects.is_empty() { (NONE) } @else { (t(&defects.join(", "))) } },
        ),
        ("Mirror", text(call.text("mirror"))),
        ("From tag", html! { (code(call.word("from_tag"))) }),
    ])
}

fn number_kind(call: Fields<'_>, party: &str) -> Markup {
    html! {
        @if let Some(kind) = call.text(&format!("{party}_kind")) { span.muted { (spaced(kind)) } }
        @if let Some(country) = call.text(&format!("{party}_country")) { " " span.country { "+" (t(country)) } }
    }
}

fn evidence(call: Fields<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = call
        .objects("signals")
        .map(|of| {
            let points = of.number("points").unwrap_or(0.0);
            vec![
                html! { (spaced(of.word("name"))) },
                html! { span class=(if points < 0.0 { "down" } else { "up" }) { (signed(points, 1)) } },
                html! { (t(of.word("evidence"))) },
            ]
        })
        .collect();
    let device: Vec<Vec<Markup>> = call
        .objects("device_evidence")
        .map(|of| {
            let weight = of.number("log10_ratio").unwrap_or(0.0);
            vec![
                html! { (spaced(of.word("kind"))) },
                html! { (signed(weight, 2)) },
                html! { (t(of.word("evidence"))) },
            ]
        })
        .collect();
    html! {
        @if rows.is_empty() { (nothing("No signal spoke for or against this call.")) } @else {
            (table("Signals with their points", &[Head::Text("Signal"), Head::Number("Points"), Head::Long("Evidence")], &rows))
        }
        p { "Device: " (maybe_badge(call.text("device_verdict"))) @if let Some(device) = call.text("device") { " " (code(device)) } }
        @if !device.is_empty() {
            (table("Evidence about the device", &[Head::Text("Kind"), Head::Number("log10 ratio"), Head::Long("Evidence")], &device))
        }
        @for finding in call.texts("findings") { p.note { (t(finding)) } }
        @if let Some(identity) = call.object("identity") {
            details { summary { "PASSporT" } (facts(&identity.0.iter().map(|(name, value)| (name.as_str(), html! { (t(value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str())) })).collect::<Vec<_>>())) }
        }
    }
}

fn streams(call: Fields<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = call.objects("streams").map(stream).collect();
    if rows.is_empty() {
        return nothing("No media of this call was seen.");
    }
    table(
        "RTP streams",
        &[
            Head::Text("From"),
            Head::Text("Source"),
            Head::Text("Destination"),
            Head::Text("Codec"),
            Head::Number("Packets"),
            Head::Number("Lost"),
            Head::Number("Jitter ms"),
            Head::Text("Sound"),
            Head::Text("Device class"),
            Head::Number("Media skew ppm"),
            Head::Text("Recording"),
        ],
        &rows,
    )
}

/// The classes that may be the sender's, where several fit.
fn classes_of(of: Fields<'_>) -> Option<String> {
    let classes: Vec<String> = of
        .objects("class_set")
        .map(|one| format!("{} {}", one.word("class"), fixed(one.number("weight").unwrap_or(0.0), 2)))
        .collect();
    (classes.len() > 1).then(|| classes.join(" or "))
}

fn stream(of: Fields<'_>) -> Vec<Markup> {
    let (packets, lost) = (of.number("packets").unwrap_or(0.0), of.number("lost").unwrap_or(0.0));
    let share = if packets + lost > 0.0 { lost / (packets + lost) * 100.0 } else { 0.0 };
    let skew = of.number("media_skew_ppm");
    vec![
        html! { (t(of.text("direction").unwrap_or("unknown"))) },
        html! { (code(of.word("src"))) },
        html! { (code(of.word("dst"))) },
        text(of.text("codec")),
        html! { (fixed(packets, 0)) },
        html! { (fixed(lost, 0)) " (" (fixed(share, 1)) " %)" },
        html! { (decimal(of.number("jitter_ms"), 2)) },
        text(of.text("sound")),
        match of.text("class") {
            Some(class) => html! { (t(class)) " " (decimal(of.number("class_confidence"), 2)) },
            None => match classes_of(of) {
                Some(classes) => html! { (t(&classes)) },
                None => html! { span.muted { (spaced(of.text("class_reason").unwrap_or(NONE))) } },
            },
        },
        match skew {
            Some(skew) => html! { (signed(skew, 1)) },
            None => html! { span.muted { (spaced(of.text("media_skew_no_fit").unwrap_or(NONE))) } },
        },
        of.text("recording").map_or_else(|| cell(NONE), |recording| thing("recording", recording, 16)),
    ]
}

fn links(call: Fields<'_>) -> Markup {
    let legs: Vec<&str> = call.texts("linked_call_ids").collect();
    let group = |name: &str| call.text(name);
    html! {
        @if legs.is_empty() && group("campaign").is_none() && group("notification").is_none() { (nothing("No other leg, campaign or notification.")) }
        @if !legs.is_empty() { ul { @for leg in &legs {
            li { "Leg " (thing("call", leg, 60)) " " a href=(link::with_query("/diff", &[("a", call.word("call_id")), ("b", leg)])) { "compare" } }
        } } }
        @for name in ["campaign", "notification"] { @if let Some(campaign) = group(name) {
            p { (if name == "campaign" { "Campaign " } else { "Notification " }) (thing("campaign", campaign, 30)) }
        } }
        form.inline method="get" action="/diff" {
            input type="hidden" name="a" value=(call.word("call_id"));
            label { "Compare with Call-ID" input type="text" name="b" required; }
            button type="submit" { "Compare" }
        }
    }
}

fn platform(call: Fields<'_>) -> Markup {
    let instances: Vec<Vec<Markup>> = call
        .objects("instances")
        .map(|of| {
            vec![
                html! { (spaced(of.word("kind"))) },
                html! { @if let Some(name) = of.text("instance") { (code(name)) } @else { (NONE) } },
                html! { (decimal(of.number("counter"), 0)) },
                html! { (decimal(of.number("clock_offset_s"), 3)) },
                html! { (fixed(of.number("seen_elsewhere").unwrap_or(0.0), 0)) },
            ]
        })
        .collect();
    html! {
        (facts(&[
            ("Fingerprint", thing("fingerprint", call.word("fingerprint"), 40)),
            ("Stack", html! { (text(call.text("stack"))) @if let Some(sdp) = call.text("sdp_stack") { ", SDP by " (t(sdp)) } }),
            ("Family", text(call.text("platform_family"))),
            ("Path", text(call.text("path"))),
        ]))
        @if !instances.is_empty() {
            (table("Identifiers that name the process or the device", &[Head::Text("Kind"), Head::Text("Instance"), Head::Number("Counter"), Head::Number("Clock offset s"), Head::Number("Seen elsewhere")], &instances))
        }
    }
}
