//! `/diff?a=&b=`: shared and different traits of two calls, or of the newest calls of two fingerprints.

use bellwether_report::CallFilter;
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{NONE, cut, maybe_moment, t};
use crate::parts::{Head, address, badge, nothing, section, table, text, thing};
use crate::route::Rendered;

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let (Some(a), Some(b)) = (context.query("a"), context.query("b")) else {
        let body = html! { h1 { "Compare" } (form(context)) };
        return Ok(plain("Compare", "/calls", body));
    };
    let (first, second) = (call_of(context, a)?, call_of(context, b)?);
    let Some(diff) = context.reports.diff(&first, &second)? else { return Ok(Rendered::Missing("call")) };
    let of = Fields(&diff);
    let body = html! {
        h1 { "Compare two calls" }
        (sides(of))
        (section("sip", "SIP author", &part("SIP author", of.object("sip_author"))))
        (section("sdp", "SDP author", &part("SDP author", of.object("sdp_author"))))
        (section("path", "Path", &path(of.object("path"))))
        (section("instances", "Shared instances", &instances(of)))
        (form(context))
    };
    Ok(plain("Compare two calls", "/calls", body))
}

/// The Call-ID that a name stands for: a fingerprint stands for its newest call.
fn call_of(context: &Context<'_>, name: &str) -> Result<String, StoreError> {
    if !name.starts_with("f2-") {
        return Ok(name.to_owned());
    }
    let filter = CallFilter { fingerprint: Some(name.to_owned()), ..CallFilter::default() };
    let page = context.reports.call_page(&filter, None, 1)?;
    Ok(page.lines.into_iter().next().map_or_else(|| name.to_owned(), |line| line.call_id))
}

fn form(context: &Context<'_>) -> Markup {
    html! {
        form.filter method="get" action="/diff" {
            label.wide { "First Call-ID or fingerprint" input type="text" name="a" required value=(context.query("a").unwrap_or_default()); }
            label.wide { "Second Call-ID or fingerprint" input type="text" name="b" required value=(context.query("b").unwrap_or_default()); }
            div.buttons { button.primary type="submit" { "Compare" } }
        }
    }
}

fn sides(of: Fields<'_>) -> Markup {
    let value = |name: &str, show: &dyn Fn(Fields<'_>) -> Markup| -> Vec<Markup> {
        let side = |side: &str| of.object(side).map_or_else(|| html! { (NONE) }, show);
        vec![html! { (t(name)) }, side("first"), side("second")]
    };
    let rows = [
        value("Call-ID", &|of| thing("call", of.word("call_id"), 50)),
        value("Started", &|of| maybe_moment(of.text("started_at"))),
        value("Source", &|of| address(of.word("source"))),
        value("User-Agent", &|of| text(of.text("user_agent"))),
        value("Stack", &|of| text(of.text("stack"))),
        value("SDP stack", &|of| text(of.text("sdp_stack"))),
        value("Fingerprint", &|of| thing("fingerprint", of.word("fingerprint"), 30)),
    ];
    table("The two calls", &[Head::Text("Property"), Head::Text("First"), Head::Text("Second")], &rows)
}

fn part(name: &str, of: Option<Fields<'_>>) -> Markup {
    let Some(of) = of else { return nothing("Neither call has this part.") };
    let rows: Vec<Vec<Markup>> = of
        .objects("different")
        .map(|field| {
            let value = |name: &str| html! { @match field.text(name) { Some("") | None => span.muted { "none" }, Some(text) => code.wrap { (cut(text, 300)) } } };
            vec![html! { (t(field.word("field"))) }, value("first"), value("second")]
        })
        .collect();
    let equal: Vec<&str> = of.texts("equal_fields").collect();
    let relaxed: Vec<&str> = of.texts("relaxed").collect();
    html! {
        p { "Relation: " (badge(of.word("relation"))) @if !equal.is_empty() { " Equal fields: " (t(&equal.join(", "))) "." } }
        @if !relaxed.is_empty() { p { "Relaxed: " (t(&relaxed.join("; "))) } }
        @if !rows.is_empty() { (table(&format!("Different fields of the {name}"), &[Head::Text("Field"), Head::Text("First"), Head::Text("Second")], &rows)) }
    }
}

fn path(of: Option<Fields<'_>>) -> Markup {
    let Some(of) = of else { return nothing("No path is known.") };
    html! { p { (badge(of.word("relation"))) " " (text(of.text("first"))) " \u{b7} " (text(of.text("second"))) } }
}

fn instances(of: Fields<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = of
        .objects("instances")
        .map(|shared| {
            vec![
                html! { (t(shared.word("kind"))) },
                html! { code { (t(shared.word("instance"))) } },
                html! { (crate::format::decimal(shared.number("counted_in_between"), 0)) },
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("The calls share no process, device or clock by name.");
    }
    table(
        "Instances of both calls",
        &[Head::Text("Kind"), Head::Text("Instance"), Head::Number("Counted in between")],
        &rows,
    )
}
