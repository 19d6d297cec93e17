//! `/search?q=`: a number, a token, an address, a Call-ID or the name of a thing. The page never prints the text that was searched for:
//! it may be a clear number.

use std::net::{IpAddr, Ipv6Addr};

use bellwether_report::CallFilter;
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::calls::list;
use super::plain;
use crate::context::Context;
use crate::form::is_token;
use crate::format::{cut, t};
use crate::link;
use crate::parts::{nothing, section, thing};
use crate::route::Rendered;

/// Calls that are shown of each kind, and tokens that are looked for.
const MAX_CALLS: usize = 10;
const MAX_TOKENS: usize = 8;

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let Some(text) = context.query("q") else {
        let body = html! { h1 { "Search" } p.lead { "A number, a token, an address, a Call-ID, an address of record, or the name of a fingerprint, campaign, incident or recording." } };
        return Ok(plain("Search", "", body));
    };
    let mut parts = vec![names(context, text)?, call_ids(context, text)?, addresses(context, text)?];
    let tokens = if is_token(text) { vec![text.to_lowercase()] } else { context.lookup.tokens_of(text) };
    for token in tokens.iter().take(MAX_TOKENS) {
        parts.push(parties(context, token)?);
    }
    if !tokens.iter().any(|token| token == text) {
        parts.push(subscribers(context, text)?);
    }
    let found: Vec<Markup> = parts.into_iter().flatten().collect();
    let body = html! {
        h1 { "Search" }
        @if found.is_empty() { (nothing("Nothing has this name, token, address or Call-ID.")) }
        @for part in &found { (part) }
    };
    Ok(plain("Search", "", body))
}

/// Things whose name is the text.
fn names(context: &Context<'_>, text: &str) -> Result<Option<Markup>, StoreError> {
    let mut links: Vec<(&str, Markup)> = Vec::new();
    if context.reports.has_fingerprint(text)? {
        links.push(("Fingerprint", thing("fingerprint", text, 60)));
    }
    if let Some(name) = context.reports.current_campaign(text)? {
        links.push(("Campaign", thing("campaign", &name, 60)));
    }
    if text.starts_with("inc-") && context.reports.show_incident(text)?.is_some() {
        links.push(("Incident", thing("incident", text, 60)));
    }
    if text.len() == 16 && context.reports.show_recording(text)?.is_some() {
        links.push(("Recording", thing("recording", text, 60)));
    }
    Ok((!links.is_empty()).then(|| html! { ul { @for (kind, name) in &links { li { (kind) " " (name) } } } }))
}

/// Calls under a Call-ID, as in reports or as on the wire.
fn call_ids(context: &Context<'_>, text: &str) -> Result<Option<Markup>, StoreError> {
    let mut filter = CallFilter { call_id: Some(text.to_owned()), ..CallFilter::default() };
    let mut page = context.reports.call_page(&filter, None, MAX_CALLS)?;
    if page.lines.is_empty()
        && let Some(wire_id) = context.lookup.wire_id_of(text)
        && let Some(id) = context.reports.reader().call_on_the_wire(wire_id)?
    {
        filter.call_id = Some(id);
        page = context.reports.call_page(&filter, None, MAX_CALLS)?;
    }
    Ok((!page.lines.is_empty()).then(|| {
        section("call-ids", "Calls under the Call-ID", &list("Calls under the Call-ID", &page.lines))
    }))
}

/// Calls from an address.
fn addresses(context: &Context<'_>, text: &str) -> Result<Option<Markup>, StoreError> {
    let host = text.trim_start_matches('[').split(']').next().unwrap_or(text);
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    let is_endpoint = text.parse::<std::net::SocketAddr>().is_ok();
    if !is_address(host) && !is_endpoint {
        return Ok(None);
    }
    // Endpoints write an IPv6 address in brackets.
    let bracketed = host.parse::<Ipv6Addr>().map(|address| format!("[{address}]"));
    let source = if is_endpoint { text.to_owned() } else { bracketed.unwrap_or_else(|_| text.to_owned()) };
    let filter = CallFilter { source: Some(source.clone()), ..CallFilter::default() };
    let page = context.reports.call_page(&filter, None, MAX_CALLS)?;
    let all = link::with_query("/calls", &[("source", &source)]);
    Ok(Some(section(
        "addresses",
        "Calls from the address",
        &html! {
            @if page.lines.is_empty() { (nothing("No call among the newest ones.")) } @else { (list("Calls from the address, the newest first", &page.lines)) }
            p { a href=(all) { "All calls from the address" } }
        },
    )))
}

/// Calls and registrations of a token.
fn parties(context: &Context<'_>, token: &str) -> Result<Option<Markup>, StoreError> {
    let by = CallFilter { caller: Some(token.to_owned()), ..CallFilter::default() };
    let to = CallFilter { dialled: Some(token.to_owned()), ..CallFilter::default() };
    let (by, to) =
        (context.reports.call_page(&by, None, MAX_CALLS)?, context.reports.call_page(&to, None, MAX_CALLS)?);
    let aors = context.reports.find_aors(token)?;
    if by.lines.is_empty() && to.lines.is_empty() && to.next.is_none() && aors.is_empty() {
        return Ok(None);
    }
    let short = cut(token, 12);
    let body = html! {
        @if !aors.is_empty() { p { "Registered as " @for aor in &aors { (thing("device", aor, 50)) " " } } }
        @if !by.lines.is_empty() {
            (list("Calls by the number, the newest first", &by.lines))
            p { a href=(link::with_query("/calls", &[("caller", token)])) { "All calls by the number" } }
        }
        @if !to.lines.is_empty() { (list("Calls to the number, the newest first", &to.lines)) }
        @if !to.lines.is_empty() || to.next.is_some() {
            p { a href=(link::with_query("/calls", &[("dialled", token)])) { "All calls to the number" } @if to.cut_at.is_some() { ", further back than the newest calls" } }
        }
    };
    Ok(Some(section(
        &format!("token-{}", short.as_str().replace('\u{2026}', "")),
        &format!("Token {}", short.as_str()),
        &body,
    )))
}

/// Subscribers whose address of record is the text.
fn subscribers(context: &Context<'_>, text: &str) -> Result<Option<Markup>, StoreError> {
    let aors = context.reports.find_aors(text)?;
    Ok((!aors.is_empty()).then(|| html! { ul { @for aor in &aors { li { "Subscriber " a.mono href=(link::to("device", aor)) { (t(aor)) } } } } }))
}
