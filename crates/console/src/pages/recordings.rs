//! `/recordings` and `/recording/ID`: sounds that several calls play.

use std::ops::ControlFlow;

use bellwether_report::{Query, Report, object};
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::{forms, plain};
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{NONE, count, decimal, maybe_moment, t};
use crate::link;
use crate::parts::{Head, address, dense, facts, maybe_badge, nothing, party, score, section, thing};
use crate::route::Rendered;

/// Recordings, and calls of one recording, that a page shows.
const MAX_SHOWN: usize = 200;

pub(crate) fn list(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let query = Query { report: Report::Recordings, since: None, until: None };
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    let mut is_cut = false;
    context.reports.rows(&query, &mut |values| {
        if rows.len() == MAX_SHOWN {
            is_cut = true;
            return ControlFlow::Break(());
        }
        rows.push(row(Fields(&object(Report::Recordings, values))));
        ControlFlow::Continue(())
    })?;
    let body = html! {
        h1 { "Recordings" }
        p.lead { "Sounds that several calls play. Only keyed words of the sound are stored, never the sound." }
        @if rows.is_empty() { (nothing("No sound was played by several calls.")) } @else {
            (dense("Recordings", &[
                Head::Text("Recording"), Head::Text("Class"), Head::Text("Player"), Head::Number("Calls"), Head::Number("Callers"), Head::Number("Addresses"),
                Head::Number("Heard s"), Head::Text("First seen"), Head::Text("Last seen"), Head::Text("Campaign"), Head::Text("Label"),
            ], &rows))
        }
        @if is_cut { p.note { "Only the first " (MAX_SHOWN) " recordings are shown." } }
    };
    Ok(plain("Recordings", "/recordings", body))
}

fn row(of: Fields<'_>) -> Vec<Markup> {
    vec![
        thing("recording", of.word("recording"), 20),
        html! { (t(of.word("class"))) @if of.is("commonplace") { " " span.muted { "commonplace" } } },
        html! { (t(of.word("player"))) },
        html! { (count(of.count("calls"))) },
        html! { (count(of.count("callers"))) },
        html! { (count(of.count("sources"))) },
        html! { (decimal(of.number("heard_s"), 1)) },
        maybe_moment(of.text("first_seen")),
        maybe_moment(of.text("last_seen")),
        of.text("campaign").map_or_else(|| html! { (NONE) }, |campaign| thing("campaign", campaign, 20)),
        maybe_badge(of.text("label")),
    ]
}

pub(crate) fn one(context: &Context<'_>, id: &str) -> Result<Rendered, StoreError> {
    let Some(recording) = context.reports.show_recording(id)? else {
        return Ok(Rendered::Missing("recording"));
    };
    let of = Fields(&recording);
    let name = of.word("recording");
    let rows: Vec<Vec<Markup>> = of.objects("players").take(MAX_SHOWN).map(player).collect();
    let body = html! {
        header.subject {
            h1 { "Recording " small.mono { (t(name)) } }
            p.meta { (count(of.count("calls"))) " calls of " (count(of.count("callers"))) " callers from " (count(of.count("sources"))) " addresses; the " (t(of.word("player"))) " plays it" }
            (forms::standing(context, "recording", name, of.text("label"))?)
            (forms::label(context, "recording", name, of.text("label")))
        }
        (section("facts", "Facts", &facts(&[
            ("Class", html! { (t(of.word("class"))) @if of.is("commonplace") { ", commonplace" } }),
            ("Longest time heard", html! { (decimal(of.number("heard_s"), 2)) " s" }),
            ("Words", html! { (count(of.count("words"))) }),
            ("First seen", maybe_moment(of.text("first_seen"))),
            ("Last seen", maybe_moment(of.text("last_seen"))),
            ("Campaign", of.text("campaign").map_or_else(|| html! { (NONE) }, |campaign| thing("campaign", campaign, 30))),
            ("Fingerprints", html! { @for print in of.texts("fingerprints").take(10) { (thing("fingerprint", print, 24)) " " } }),
        ])))
        (section("players", "Calls that play it", &html! {
            (dense("Playbacks, the first ones first", &[
                Head::Text("Started"), Head::Number("Score"), Head::Text("Caller"), Head::Text("Source"), Head::Text("Fingerprint"), Head::Number("Heard s"),
                Head::Number("Shared s"), Head::Number("log10 ratio"), Head::Number("Pause depth dB"), Head::Number("Digital silence %"),
            ], &rows))
            p { a href=(link::with_query("/calls", &[("recording", name)])) { "All calls with the recording, the newest first" } }
        }))
        (section("comments", "Comments", &forms::comments(context, "recording", name)?))
    };
    Ok(plain(format!("Recording {name}"), "/recordings", body))
}

fn player(of: Fields<'_>) -> Vec<Markup> {
    let number = |name: &str, digits: usize| html! { (decimal(of.number(name), digits)) };
    vec![
        html! { a href=(link::to("call", of.word("call_id"))) { (maybe_moment(of.text("started_at"))) } },
        score(of.number("score")),
        party(of.word("caller")),
        address(of.word("source")),
        thing("fingerprint", of.word("fingerprint"), 22),
        number("heard_s", 1),
        number("shared_s", 1),
        number("log10_ratio", 1),
        number("pause_depth_db", 0),
        number("digital_silence_percent", 0),
    ]
}
