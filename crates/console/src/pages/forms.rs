//! Forms about one subject: label, acknowledgement, comment; and the comments on it.

use bellwether_store::{Comment, StoreError};
use maud::{Markup, html};

use crate::context::Context;
use crate::format::{t, time};
use crate::layout::hidden;
use crate::parts::badge;

/// The hidden fields that name a subject.
fn subject(context: &Context<'_>, kind: &str, id: &str) -> Markup {
    html! {
        (hidden(context.session(), &context.here()))
        input type="hidden" name="kind" value=(kind);
        input type="hidden" name="id" value=(id);
    }
}

/// Buttons for a label, with a reason. Nothing for a user without the right.
pub(crate) fn label(context: &Context<'_>, kind: &str, id: &str, held: Option<&str>) -> Markup {
    if !context.session().may_label {
        return html! {};
    }
    html! {
        form.inline method="post" action="/act/label" {
            (subject(context, kind, id))
            label { span.away { "Reason for a label of " (kind) } input type="text" name="reason" placeholder="Reason (optional)" maxlength="500"; }
            button.bad type="submit" name="label" value="fraud" { "Fraud\u{2026}" }
            button.good type="submit" name="label" value="legit" { "Legit\u{2026}" }
            @if held.is_some() { button type="submit" name="label" value="none" { "Take back\u{2026}" } }
        }
    }
}

/// The button that takes note of an incident or a campaign.
pub(crate) fn acknowledge(context: &Context<'_>, kind: &str, id: &str) -> Markup {
    if !context.session().may_label {
        return html! {};
    }
    html! {
        form.inline method="post" action="/act/acknowledge" {
            (subject(context, kind, id))
            button type="submit" { "Acknowledge" }
        }
    }
}

/// The comments on a subject, and the form for another one.
pub(crate) fn comments(context: &Context<'_>, kind: &str, id: &str) -> Result<Markup, StoreError> {
    let comments = context.reports.reader().comments(kind, id)?;
    Ok(html! {
        @if !comments.is_empty() {
            ol.comments { @for Comment { at, by, text } in &comments {
                li { p.meta { strong { (t(by)) } " " (time(*at)) } p { (t(text)) } }
            } }
        }
        @if context.session().may_label {
            form.comment method="post" action="/act/comment" {
                (subject(context, kind, id))
                label { "Comment" textarea name="text" rows="2" maxlength="4096" required {} }
                button type="submit" { "Add comment" }
            }
        } @else if comments.is_empty() { p.nothing { "No comments." } }
    })
}

/// The label and the acknowledgement of a case, as a line.
pub(crate) fn standing(
    context: &Context<'_>,
    kind: &str,
    id: &str,
    label: Option<&str>,
) -> Result<Markup, StoreError> {
    let acknowledgement = context.reports.reader().acknowledgement(kind, id)?;
    Ok(html! {
        @if let Some(label) = label { p.meta { "Labelled " (badge(label)) } }
        @if let Some(of) = acknowledgement { p.meta { "Acknowledged by " (t(&of.by)) " at " (time(of.at)) } }
    })
}
