//! `/losses`: what was not seen or not analysed, and the health of the sensor.

use std::ops::ControlFlow;

use bellwether_report::{Health, Query, Report, object};
use bellwether_store::StoreError;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::plain;
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{NONE, age, count, maybe_moment, moment, octets, t, time};
use crate::parts::{Head, badge, cell, nothing, section, table, tile};
use crate::route::Rendered;

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let health = context.reports.health()?;
    let mut losses: Vec<Map<String, Value>> = Vec::new();
    let query = Query { report: Report::Losses, since: None, until: None };
    context.reports.rows(&query, &mut |values| {
        losses.push(object(Report::Losses, values));
        ControlFlow::Continue(())
    })?;
    let body = html! {
        h1 { "Losses and health" }
        (tiles(context, &health, &losses))
        (section("losses", "Losses", &losses_table(&losses)))
        (section("spans", "Spans", &spans(&losses)))
        (section("runs", "Runs", &runs(&health)))
        (section("receivers", "Receivers of alerts", &receivers(&health)))
    };
    Ok(plain("Losses and health", "/losses", body))
}

fn tiles(context: &Context<'_>, health: &Health, losses: &[Map<String, Value>]) -> Markup {
    let missed = losses.iter().filter(|loss| Fields(loss).text("kind") != Some("notice")).count();
    let last = health.last_at.map_or_else(|| NONE.to_owned(), |at| age(at, context.request.now));
    html! {
        dl.tiles {
            (tile("Last packet", &last, &html! { "ago" @if let Some(at) = health.last_at { ", " (time(at)) } }, "plain"))
            (tile("Packets", &count(health.packets), &html! { (octets(health.octets)) }, "plain"))
            (tile("Inputs", &count(health.inputs), &html! { @if let Some(at) = health.first_at { "since " (time(at)) } }, "plain"))
            (tile("Kinds of loss", &missed.to_string(), &html! { (losses.len() - missed) " notices" }, if missed > 0 { "warn" } else { "good" }))
        }
    }
}

fn losses_table(losses: &[Map<String, Value>]) -> Markup {
    let rows: Vec<Vec<Markup>> = losses
        .iter()
        .map(Fields)
        .map(|of| {
            vec![
                html! { code { (t(of.word("name"))) } },
                html! { (count(of.count("count"))) },
                badge(of.word("kind")),
                html! { (t(of.word("cause"))) },
                html! { (t(of.word("remedy"))) },
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("Nothing was lost.");
    }
    table(
        "Named losses with cause and remedy",
        &[
            Head::Text("Loss"),
            Head::Number("Count"),
            Head::Text("Kind"),
            Head::Long("Cause"),
            Head::Long("Remedy"),
        ],
        &rows,
    )
}

fn spans(losses: &[Map<String, Value>]) -> Markup {
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for of in losses.iter().map(Fields) {
        for span in of.objects("spans") {
            rows.push(vec![
                html! { code { (t(of.word("name"))) } },
                html! { (t(span.text("place").unwrap_or(NONE))) },
                moment(span.word("from")),
                span.text("until")
                    .map_or_else(|| html! { span.badge.warn { "lasts" } }, |until| maybe_moment(Some(until))),
                html! { (count(span.count("count"))) },
            ]);
        }
    }
    if rows.is_empty() {
        return nothing("No span of time is blind.");
    }
    table(
        "Spans in which something could not be seen",
        &[
            Head::Text("Loss"),
            Head::Text("Place"),
            Head::Text("From"),
            Head::Text("Until"),
            Head::Number("Count"),
        ],
        &rows,
    )
}

fn runs(health: &Health) -> Markup {
    let rows: Vec<Vec<Markup>> = health
        .runs
        .iter()
        .map(|run| {
            let state = match run.is_over {
                Some(true) => "ended in order",
                Some(false) => "running or killed",
                None => "not recorded",
            };
            vec![
                html! { (t(&run.places)) },
                html! { (if run.is_live { "live" } else { "files" }) },
                time(run.started_at),
                time(run.alive_at),
                cell(state),
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("No live run wrote to this database.");
    }
    table(
        "Live runs, the latest first",
        &[
            Head::Text("Places"),
            Head::Text("Source"),
            Head::Text("Started"),
            Head::Text("Alive at"),
            Head::Text("State"),
        ],
        &rows,
    )
}

fn receivers(health: &Health) -> Markup {
    let rows: Vec<Vec<Markup>> = health
        .receivers
        .iter()
        .map(|of| {
            let waiting = health.last_alert.saturating_sub(of.up_to).max(0);
            vec![
                html! { (t(&of.name)) },
                html! { (count(waiting)) },
                html! { (count(of.skipped)) },
                html! { (count(of.refused)) },
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("No receiver of alerts is set up, or none got an alert yet.");
    }
    table(
        "Receivers",
        &[
            Head::Text("Receiver"),
            Head::Number("Waiting"),
            Head::Number("Passed over"),
            Head::Number("Refused"),
        ],
        &rows,
    )
}
