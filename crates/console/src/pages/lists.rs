//! `/lists`: the operator's own allow and block lists.

use bellwether_store::StoreError;
use maud::{Markup, html};

use super::plain;
use crate::context::Context;
use crate::form::LIST_KINDS;
use crate::format::{cut, t, time};
use crate::layout::hidden;
use crate::link;
use crate::parts::{Head, nothing, party, section, table, text, thing};
use crate::route::Rendered;

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let entries = context.reports.reader().operator_lists()?;
    let of = |list: &str| -> Vec<Vec<Markup>> {
        entries
            .iter()
            .filter(|entry| entry.list.name() == list)
            .map(|entry| {
                let (kind, value) = (entry.subject.kind(), entry.subject.value());
                vec![
                    html! { (kind) },
                    subject(kind, &value),
                    text(Some(&entry.reason)),
                    html! { (t(&entry.author)) },
                    time(entry.added_at),
                    html! {
                        @match entry.until {
                            Some(at) if at <= context.request.now => { span.badge.plain { "ended" } " " (time(at)) },
                            Some(at) => (time(at)),
                            None => "no end",
                        }
                    },
                    remove(context, list, kind, &value),
                ]
            })
            .collect()
    };
    let body = html! {
        h1 { "Lists" }
        p.lead { "Calls of a blocked subject are quarantined; an allowed subject is vouched for. Numbers stand here as tokens." }
        @for (list, name) in [("block", "Block list"), ("allow", "Allow list")] {
            @let rows = of(list);
            (section(list, name, &if rows.is_empty() { nothing("The list has no entry.") } else {
                table(&format!("Entries of the {list} list"), &[Head::Text("Kind"), Head::Text("Subject"), Head::Long("Reason"), Head::Text("By"), Head::Text("Added"), Head::Text("Until"), Head::Text("Change")], &rows)
            }))
        }
        @if context.session().may_label { (section("add", "Add an entry", &form(context))) }
    };
    Ok(plain("Lists", "/lists", body))
}

fn subject(kind: &str, value: &str) -> Markup {
    match kind {
        "number" => party(value),
        "fingerprint" | "recording" => thing(kind, value, 30),
        "peer" => {
            html! { a.mono href=(link::with_query("/calls", &[("source", value)])) { (cut(value, 46)) } }
        }
        _ => html! { code { (cut(value, 46)) } },
    }
}

fn remove(context: &Context<'_>, list: &str, kind: &str, value: &str) -> Markup {
    if !context.session().may_label {
        return html! {};
    }
    html! {
        form.inline method="post" action="/act/list-remove" {
            (hidden(context.session(), "/lists"))
            input type="hidden" name="list" value=(list);
            input type="hidden" name="kind" value=(kind);
            input type="hidden" name="value" value=(value);
            button type="submit" aria-label={ "Remove " (kind) " " (t(value)) " from the " (list) " list" } { "Remove\u{2026}" }
        }
    }
}

fn form(context: &Context<'_>) -> Markup {
    html! {
        form.filter method="post" action="/act/list-add" autocomplete="off" {
            (hidden(context.session(), "/lists"))
            label { "List" select name="list" { option value="block" { "block" } option value="allow" { "allow" } } }
            label { "Kind" select name="kind" { @for kind in LIST_KINDS { option value=(kind) { (kind) } } } }
            label.wide { "Value" input type="text" name="value" required spellcheck="false" placeholder="+12025550199, 192.0.2.7, f2-\u{2026}"; }
            label.wide { "Reason" input type="text" name="reason" maxlength="500"; }
            label { "Until (UTC)" input type="text" name="until" placeholder="2027-01-01"; }
            div.buttons { button.primary type="submit" { "Add\u{2026}" } }
        }
        p.lead { "A number may be clear or a token of a page: its token is stored. The next page shows the effects before the entry is added." }
    }
}
