//! `/fingerprints`: the platforms.

use bellwether_report::PlatformLine;
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::format::{NONE, count, cut, decimal, t, time};
use crate::link;
use crate::parts::{Head, badge, dense, maybe_badge, nothing, pager, text, thing};
use crate::route::Rendered;

/// Platforms of one page, and User-Agents of one row.
const PAGE: usize = 100;
const MAX_AGENTS: usize = 3;

pub(crate) fn list(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let skip = context.number("skip");
    let lines = context.reports.platform_page(skip, PAGE)?;
    let rows: Vec<Vec<Markup>> = lines.iter().map(row).collect();
    let next = (lines.len() == PAGE)
        .then(|| link::with_query("/fingerprints", &[("skip", &(skip + PAGE).to_string())]));
    let body = html! {
        h1 { "Fingerprints" }
        p.lead { "Platforms by the structure of their messages, whatever number, address or User-Agent they show. Those with most scored calls come first." }
        @if rows.is_empty() { (nothing("No fingerprint is known.")) } @else {
            (dense("Platforms", &[
                Head::Text("Fingerprint"), Head::Text("Message"), Head::Text("Stack"), Head::Long("User-Agents"), Head::Number("Scored calls"),
                Head::Number("Reputation"), Head::Text("List"), Head::Text("Label"), Head::Text("Family"), Head::Text("Seen"),
            ], &rows))
        }
        (pager((skip > 0).then_some("/fingerprints"), next.as_deref()))
    };
    Ok(plain("Fingerprints", "/fingerprints", body))
}

fn row(line: &PlatformLine) -> Vec<Markup> {
    let agents = line.user_agents.iter().take(MAX_AGENTS);
    vec![
        thing("fingerprint", &line.fingerprint, 24),
        html! { (t(&line.method)) },
        text(line.stack.as_deref()),
        html! {
            @for (i, agent) in agents.enumerate() { @if i > 0 { ", " } span.agent { (cut(agent, 28)) } }
            @if line.user_agents.len() > MAX_AGENTS { span.muted { " and " (line.user_agents.len() - MAX_AGENTS) " more" } }
            @if line.user_agents.is_empty() { (NONE) }
        },
        html! { (count(line.calls)) },
        html! { (decimal(line.reputation, 0)) },
        if line.list == "none" {
            html! { (NONE) }
        } else {
            badge(&line.list)
        },
        maybe_badge(line.label.as_deref()),
        html! { (line.family.as_deref().map_or_else(|| t(NONE), |family| cut(family, 12))) },
        line.seen_at.map_or_else(|| html! { (NONE) }, time),
    ]
}
