//! `/places`: countries and trunks of the newest calls.

use std::collections::BTreeMap;

use bellwether_base::Span;
use bellwether_report::{Figures, Recent};
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::countries;
use crate::format::{count, fixed, percent, t, time};
use crate::link;
use crate::parts::{Head, figure, nothing, section, share, table};
use crate::route::Rendered;
use crate::svg::tiles;

/// The span of the figures: a week.
const SPAN: Span = Span::from_secs(7 * 86_400);

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let recent = context.reports.recent(SPAN)?;
    let map = tiles::draw("Calls by country", |code| recent.countries.get(code).map_or(0, |of| of.calls));
    if context.query("picture") == Some("map") {
        return Ok(Rendered::Picture(map.into_string()));
    }
    let caption = html! { "Calls by the country of the dialled number, darker for more (logarithmic). One tile is one calling code; the map is schematic." };
    let body = html! {
        h1 { "Places" }
        (span(&recent))
        (section("map", "Countries", &figure("map", &map, &caption, Some("/places?picture=map"))))
        (section("countries", "Dialled countries", &countries_table(&recent)))
        (section("trunks", "Trunks", &trunks_table(&recent)))
    };
    Ok(plain("Places", "/places", body))
}

fn span(recent: &Recent) -> Markup {
    html! {
        p.lead {
            @match (recent.from, recent.to) {
                (Some(from), Some(to)) => {
                    (count(i64::try_from(recent.all.calls).unwrap_or(i64::MAX))) " calls from " (time(from)) " to " (time(to)) "."
                    @if recent.is_cut { " Older calls of the week are left out." }
                },
                _ => "No call is stored.",
            }
        }
    }
}

/// Figures by name, those with most calls first.
fn sorted(all: &BTreeMap<String, Figures>) -> Vec<(&String, &Figures)> {
    let mut rows: Vec<(&String, &Figures)> = all.iter().collect();
    rows.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then(a.0.cmp(b.0)));
    rows
}

fn cells(name: Markup, of: &Figures, most: u64) -> Vec<Markup> {
    let number = |n: u64| html! { (count(i64::try_from(n).unwrap_or(i64::MAX))) };
    vec![
        name,
        share(of.calls as f64, most as f64),
        number(of.calls),
        html! { (percent(of.answered, of.calls)) },
        html! { (fixed(of.talk_s / 60.0, 1)) },
        html! { @if of.answered > 0 { (fixed(of.talk_s / of.answered as f64, 0)) } @else { "\u{2013}" } },
        html! { (percent(of.quarantine, of.calls)) },
        number(of.quarantine),
    ]
}

const HEADS: [Head; 7] = [
    Head::Text("Share"),
    Head::Number("Calls"),
    Head::Number("Answered"),
    Head::Number("Talk min"),
    Head::Number("Mean talk s"),
    Head::Number("Quarantined"),
    Head::Number("Quarantined calls"),
];

fn heads(first: &'static str) -> Vec<Head> {
    std::iter::once(Head::Text(first)).chain(HEADS).collect()
}

fn countries_table(recent: &Recent) -> Markup {
    let rows = sorted(&recent.countries);
    let most = rows.first().map_or(0, |row| row.1.calls);
    let rows: Vec<Vec<Markup>> = rows
        .into_iter()
        .map(|(code, of)| {
            let name = match countries::find(code) {
                _ if code.is_empty() => html! { span.muted { "no country: domestic, internal or short numbers" } },
                Some(country) => html! { a href=(link::with_query("/calls", &[("country", code)])) { "+" (code) " " (country.name) } },
                None => html! { a href=(link::with_query("/calls", &[("country", code)])) { "+" (t(code)) } },
            };
            cells(name, of, most)
        })
        .collect();
    if rows.is_empty() {
        nothing("No call is stored.")
    } else {
        table("Calls by country of the dialled number", &heads("Country"), &rows)
    }
}

fn trunks_table(recent: &Recent) -> Markup {
    let rows = sorted(&recent.trunks);
    let most = rows.first().map_or(0, |row| row.1.calls);
    let rows: Vec<Vec<Markup>> = rows
        .into_iter()
        .map(|(trunk, of)| {
            let name = if trunk.is_empty() {
                html! { span.muted { "no trunk: [site] of the configuration names none for the address" } }
            } else {
                html! { a href=(link::with_query("/calls", &[("trunk", trunk)])) { (t(trunk)) } }
            };
            cells(name, of, most)
        })
        .collect();
    if rows.is_empty() {
        nothing("No call is stored.")
    } else {
        table("Calls by trunk", &heads("Trunk"), &rows)
    }
}
