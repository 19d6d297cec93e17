//! `/audit`: who did what.

use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::form::page_of;
use crate::format::{NONE, cut, t, time};
use crate::link;
use crate::parts::{Head, nothing, pager, table};
use crate::route::Rendered;
use crate::words::spaced;

/// Acts of one page.
const PAGE: usize = 100;

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let before = context.value("before", "the number of an act", |text| text.parse().ok());
    let entries = context.reports.reader().audit(before, PAGE)?;
    let next = entries.last().filter(|_| entries.len() == PAGE);
    let next = next.map(|(number, _)| link::with_query("/audit", &[("before", &number.to_string())]));
    let rows: Vec<Vec<Markup>> = entries
        .iter()
        .map(|(_, entry)| {
            vec![
                time(entry.at),
                html! { @if entry.who.is_empty() { (NONE) } @else { (t(&entry.who)) } },
                html! { (spaced(&entry.what)) },
                html! { (t(&entry.kind)) },
                match page_of(&entry.kind, &entry.id) {
                    Some(href) => html! { a.mono href=(href) { (cut(&entry.id, 40)) } },
                    None => html! { code { (cut(&entry.id, 40)) } },
                },
                html! { (t(&entry.detail)) },
            ]
        })
        .collect();
    let body = html! {
        h1 { "Audit" }
        p.lead { "Labels, list changes, acknowledgements, comments, approvals and logins, each with its author." }
        @if rows.is_empty() { (nothing("Nobody has done anything yet.")) } @else {
            (table("Acts, the latest first", &[Head::Text("Time"), Head::Text("Who"), Head::Text("Act"), Head::Text("Kind"), Head::Text("Subject"), Head::Long("Detail")], &rows))
        }
        (pager(before.map(|_| "/audit"), next.as_deref()))
    };
    Ok(plain("Audit", "/audit", body))
}
