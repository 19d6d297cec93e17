//! `/device/AOR`: the devices of a subscriber with the paper's plots.

use std::collections::BTreeMap;

use bellwether_report::CallFilter;
use bellwether_store::StoreError;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::plain;
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{NONE, count, cut, decimal, fixed, maybe_moment, moment, several, signed, t};
use crate::layout::hidden;
use crate::link;
use crate::parts::{Head, badge, code, facts, figure, maybe_badge, nothing, section, table, text, thing};
use crate::route::Rendered;
use crate::svg::clock::ClockPicture;
use crate::svg::noise::{NoisePoint, codes, energy_over_dc, samples};
use crate::words::spaced;

/// Devices that one page shows, calls whose noise is read, and candidates that are listed.
const MAX_DEVICES: usize = 12;
const MAX_CALLS: usize = 30;
const MAX_CANDIDATES: usize = 12;

/// Devices of the same fingerprint whose clocks are compared, the newest.
const MAX_COMPARED: usize = 250;

pub(crate) fn page(context: &Context<'_>, aor: &str) -> Result<Rendered, StoreError> {
    let devices = match context.query("picture") {
        Some(_) => context.reports.device_clocks(aor)?,
        None => context.reports.show_device(aor, MAX_COMPARED)?,
    };
    if devices.is_empty() {
        return Ok(Rendered::Missing("subscriber"));
    }
    if let Some(name) = context.query("picture") {
        let clock = devices.get(context.number("n")).and_then(|device| ClockPicture::of(Fields(device)));
        let picture = match name {
            "clock" => clock.map(|clock| clock.draw()),
            "energy" => Some(energy_over_dc(&points(&noise_of(context, aor)?))),
            "codes" => Some(codes(&code_totals(&noise_of(context, aor)?))),
            "samples" => Some(samples(&sample_totals(&noise_of(context, aor)?))),
            _ => None,
        };
        return Ok(picture.map_or(Rendered::Missing("picture"), |svg| Rendered::Picture(svg.into_string())));
    }
    let noise = noise_of(context, aor)?;
    let body = html! {
        header.subject {
            h1 { "Subscriber " (code(aor)) }
            p.meta {
                (several(devices.len() as i64, "registration")) ". "
                @if let Some(user) = user_of(aor) { a href=(link::with_query("/calls", &[("caller", user)])) { "Calls of the subscriber" } }
            }
        }
        @for (i, device) in devices.iter().take(MAX_DEVICES).enumerate() { (one(context, Fields(device), aor, i)) }
        @if devices.len() > MAX_DEVICES { p.note { (devices.len() - MAX_DEVICES) " more registrations are not shown." } }
        (section("noise", "Noise in speech pauses", &noise_part(&noise, aor)))
        (section("candidates", "Devices with a like clock", &html! {
            (candidates(devices.first().map(Fields)))
            p.note { "Compared with the newest " (MAX_COMPARED) " registrations of the same fingerprint. " code { "bellwether show device" } " compares all." }
        }))
    };
    Ok(plain(format!("Subscriber {}", cut(aor, 40)), "/devices", body))
}

/// The user part of an address of record.
fn user_of(aor: &str) -> Option<&str> {
    let rest = aor.split_once(':').map_or(aor, |(_, rest)| rest);
    rest.split('@').next().filter(|user| !user.is_empty())
}

/// The noise of the newest calls that the subscriber made.
fn noise_of(context: &Context<'_>, aor: &str) -> Result<Vec<Map<String, Value>>, StoreError> {
    let Some(user) = user_of(aor) else { return Ok(Vec::new()) };
    let filter = CallFilter { caller: Some(user.to_owned()), ..CallFilter::default() };
    let mut all = Vec::new();
    for line in context.reports.call_page(&filter, None, MAX_CALLS)?.lines {
        let streams = context.reports.silence_of(&line.call_id)?;
        all.extend(streams.into_iter().filter(|of| Fields(of).text("direction") == Some("caller")));
    }
    Ok(all)
}

fn one(context: &Context<'_>, of: Fields<'_>, aor: &str, place: usize) -> Markup {
    let picture = ClockPicture::of(of).map(|clock| clock.draw());
    let alone =
        link::with_query(&link::to("device", aor), &[("picture", "clock"), ("n", &place.to_string())]);
    let id = format!("device-{}", place + 1);
    let name = of.text("device");
    let body = html! {
        p.verdict { (maybe_badge(of.text("verdict"))) @if let Some(device) = name { " " (code(device)) } @if of.text("verdict") == Some("unauthorised") { " This device does not belong to the subscriber by the evidence below." } }
        div.pair {
            div.stack { (facts_of(of)) (clock_facts(of)) }
            @match &picture {
                Some(picture) => (figure(&format!("clock of registration {}", place + 1), picture, &html! {
                    "Arrival of each refresh against its nominal time. " span.key.ink { "slope" } " through the points, path included; "
                    span.key.warn { "skew of the clock" } " with its 95 % interval, path taken out."
                }, Some(&alone))),
                None => (nothing("Too few refreshes for a picture of the clock.")),
            }
        }
        (evidence(of))
        (other_clocks(of))
        @if let (Some(device), true) = (name, context.session().may_label) {
            form.inline method="post" action="/act/approve" {
                (hidden(context.session(), &context.here()))
                input type="hidden" name="aor" value=(of.word("aor"));
                input type="hidden" name="device" value=(device);
                button type="submit" { "Approve this device" }
            }
        }
    };
    section(&id, &format!("Registration {}", place + 1), &body)
}

fn facts_of(of: Fields<'_>) -> Markup {
    facts(&[
        ("Contact", code(of.word("contact"))),
        ("Source", code(of.word("source"))),
        ("Registrar", html! { (code(of.word("registrar"))) " " (text(of.text("transport"))) }),
        ("User-Agent", html! { (text(of.text("user_agent"))) " " (maybe_badge(of.text("claim"))) }),
        (
            "Fingerprint",
            html! { (thing("fingerprint", of.word("fingerprint"), 24)) " " (text(of.text("stack"))) },
        ),
        ("Instance", text(of.text("instance_id"))),
        (
            "Class of noise",
            html! { (text(of.text("class"))) @if let Some(expected) = of.text("expected_class") { " expected " (t(expected)) } },
        ),
        (
            "Other subscribers",
            html! {
                @let others: Vec<&str> = of.texts("other_aors").collect();
                @if others.is_empty() { (NONE) }
                @for other in others.iter().take(MAX_CANDIDATES) { (thing("device", other, 36)) " " }
            },
        ),
        ("Changes of address", html! { (count(of.list("moves").len() as i64)) }),
        ("First seen", maybe_moment(of.text("first_seen"))),
        ("Last seen", maybe_moment(of.text("last_seen"))),
    ])
}

fn clock_facts(of: Fields<'_>) -> Markup {
    let ppm = |value: Option<f64>| html! { @match value { Some(value) => { (signed(value, 2)) " ppm" }, None => (NONE) } };
    let interval = |name: &str| html! { @if let Some((low, high)) = of.pair(name) { " (" (fixed(low, 2)) " to " (fixed(high, 2)) ")" } };
    facts(&[
        (
            "Skew",
            html! { (ppm(of.number("skew_ppm"))) (interval("skew_ci95_ppm")) @if let Some(why) = of.text("no_fit") { " " span.muted { (spaced(why)) } } },
        ),
        ("Rate", html! { (ppm(of.number("rate_ppm"))) (interval("rate_ci95_ppm")) }),
        ("Slope of the paper", ppm(of.number("slope_ppm"))),
        ("Discipline", html! { (spaced(of.text("discipline").unwrap_or(NONE))) }),
        (
            "Period",
            html! { (decimal(of.number("period_s"), 3)) " s, observed " (decimal(of.number("period_observed_s"), 4)) " s" },
        ),
        ("Granted expiry", html! { (decimal(of.number("expires_s"), 0)) " s" }),
        (
            "Refreshes",
            html! { (count(of.count("refreshes"))) " in " (several(of.count("segments"), "segment")) },
        ),
        ("Round trip", html! { (decimal(of.number("rtt_ms"), 1)) " ms" }),
        ("Jitter", html! { (decimal(of.number("jitter_ms"), 2)) " ms" }),
        ("Lateness", html! { (decimal(of.number("lateness_ms"), 1)) " ms" }),
    ])
}

fn evidence(of: Fields<'_>) -> Markup {
    let row = |of: Fields<'_>| {
        vec![
            html! { (spaced(of.word("kind"))) },
            html! { (signed(of.number("log10_ratio").unwrap_or(0.0), 2)) },
            html! { (t(of.word("evidence"))) },
        ]
    };
    let rows: Vec<Vec<Markup>> = of.objects("evidence").map(row).collect();
    let course: Vec<Fields<'_>> = of.objects("verdict_course").collect();
    html! {
        @if !rows.is_empty() { (table("Evidence about the device", &[Head::Text("Kind"), Head::Number("log10 ratio"), Head::Long("Evidence")], &rows)) }
        @if course.len() > 1 { details { summary { "Course of the verdict" } ul { @for step in &course { li { (moment(step.word("at"))) " " (badge(step.word("verdict"))) " " (t(step.word("with"))) } } } } }
    }
}

fn other_clocks(of: Fields<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = of
        .objects("other_clocks")
        .map(|clock| {
            let rate = clock.number("rate_ppm");
            vec![
                html! { (spaced(clock.word("clock"))) },
                html! { (count(clock.count("readings"))) },
                html! { @match rate { Some(rate) => (signed(rate, 2)), None => (spaced(clock.text("no_fit").unwrap_or(NONE))) } },
                html! { @if let Some((low, high)) = clock.pair("rate_ci95_ppm") { (fixed(low, 2)) " to " (fixed(high, 2)) } @else { (NONE) } },
                html! { (decimal(clock.number("offset_s"), 3)) },
                maybe_moment(clock.text("last_seen")),
            ]
        })
        .collect();
    html! {
        @if !rows.is_empty() {
            (table("Other clocks of the device", &[Head::Text("Clock"), Head::Number("Readings"), Head::Number("Rate ppm"), Head::Text("95 % interval"), Head::Number("Offset s"), Head::Text("Last seen")], &rows))
        }
    }
}

fn points(noise: &[Map<String, Value>]) -> Vec<NoisePoint> {
    let point = |of: &Map<String, Value>| {
        let of = Fields(of);
        Some(NoisePoint { dc_offset: of.number("dc_offset")?, energy: of.number("energy")? })
    };
    noise.iter().filter_map(point).collect()
}

/// The counts of the code words over all streams.
fn code_totals(noise: &[Map<String, Value>]) -> Vec<(i64, f64)> {
    let codes = noise.iter().filter_map(|of| Fields(of).object("codes")).flat_map(|of| of.0.iter());
    totals(codes.filter_map(|(code, n)| Some((code.parse().ok()?, n.as_f64()?))))
}

/// The counts of the sample values over all streams.
fn sample_totals(noise: &[Map<String, Value>]) -> Vec<(i64, f64)> {
    let pairs = noise.iter().flat_map(|of| Fields(of).list("samples"));
    totals(pairs.filter_map(|pair| Some((pair.get(0)?.as_i64()?, pair.get(1)?.as_f64()?))))
}

fn totals(counts: impl Iterator<Item = (i64, f64)>) -> Vec<(i64, f64)> {
    let mut all: BTreeMap<i64, f64> = BTreeMap::new();
    for (value, n) in counts {
        *all.entry(value).or_default() += n;
    }
    all.into_iter().collect()
}

fn noise_part(noise: &[Map<String, Value>], aor: &str) -> Markup {
    if noise.is_empty() {
        return nothing("No call of the subscriber had speech pauses in G.711.");
    }
    let alone = |name: &str| link::with_query(&link::to("device", aor), &[("picture", name)]);
    html! {
        p.lead { (several(noise.len() as i64, "stream")) " of the newest calls. The noise of a device is the same whoever speaks." }
        div.pictures {
            (figure("energy over DC offset", &energy_over_dc(&points(noise)), &html! { "Energy over DC offset, one point for each stream." }, Some(&alone("energy"))))
            (figure("code words", &codes(&code_totals(noise)), &html! { "Distribution of the code words." }, Some(&alone("codes"))))
            (figure("sample values", &samples(&sample_totals(noise)), &html! { "Histogram of the sample values near zero." }, Some(&alone("samples"))))
        }
    }
}

fn candidates(of: Option<Fields<'_>>) -> Markup {
    let rows: Vec<Vec<Markup>> = of
        .into_iter()
        .flat_map(|of| of.objects("could_be"))
        .take(MAX_CANDIDATES)
        .map(|other| {
            vec![
                thing("device", other.word("aor"), 36),
                html! { code { (cut(other.word("contact"), 50)) } },
                badge(other.word("verdict")),
                html! { (decimal(other.number("p_value"), 4)) },
                html! { @match other.number("difference_ppm") { Some(ppm) => (signed(ppm, 2)), None => (NONE) } },
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("No other device of the same platform has such a clock.");
    }
    table(
        "Devices that could be the first one by platform and clock",
        &[
            Head::Text("Subscriber"),
            Head::Text("Contact"),
            Head::Text("Comparison"),
            Head::Number("p"),
            Head::Number("Difference ppm"),
        ],
        &rows,
    )
}
