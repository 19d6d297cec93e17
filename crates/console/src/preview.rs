//! The effects of an act, before it is done.

use bellwether_store::Effects;
use maud::{Markup, html};

use crate::format::{count, cut, t};
use crate::layout::{Page, document, hidden};
use crate::parts::{Head, badge, nothing, section, table, thing};
use crate::{Action, Form, Session};

/// The page that shows the effects of an act, if they were computed, and asks for a confirmation. The form on it sends the same fields with `confirm=yes`.
#[must_use]
pub fn preview(session: &Session, form: &Form, effects: Option<&Effects>) -> String {
    let body = html! {
        h1 { "Preview" }
        p.lead { (sentence(&form.action)) }
        @match effects {
            Some(effects) => (shown(effects)),
            None => (nothing("The database is too large to try this out. Its effects are told once it is done.")),
        }
        div.actions {
            form method="post" action=(form.action.path()) {
                (hidden(session, &form.return_to))
                @for (name, value) in form.action.fields() { input type="hidden" name=(name) value=(value); }
                input type="hidden" name="confirm" value="yes";
                button.primary type="submit" { "Confirm" }
            }
            a.button href=(form.return_to) { "Cancel" }
        }
    };
    document(session, &Page { title: "Preview".to_owned(), place: "", body, script: None })
}

/// The act in words.
fn sentence(action: &Action) -> Markup {
    let reason = |reason: &str| html! { @if !reason.is_empty() { " Reason: " q { (t(reason)) } "." } };
    match action {
        Action::Label { kind, id, label: Some(label), reason: why } => {
            html! { "The " (kind) " " (thing(kind, id, 60)) " gets the label " (badge(label)) "." (reason(why)) }
        }
        Action::Label { kind, id, label: None, reason: why } => {
            html! { "The " (kind) " " (thing(kind, id, 60)) " loses its label." (reason(why)) }
        }
        Action::Acknowledge { kind, id } => {
            html! { "The " (kind) " " (thing(kind, id, 60)) " is acknowledged." }
        }
        Action::Comment { kind, id, .. } => {
            html! { "The " (kind) " " (thing(kind, id, 60)) " gets a comment." }
        }
        Action::ListAdd { list, kind, value, reason: why, until } => html! {
            "The " (kind) " " code { (t(value)) } " goes on the " (badge(list)) " list"
            @if let Some(until) = until { " until " (crate::format::time(*until)) } "." (reason(why))
        },
        Action::ListRemove { list, kind, value } => {
            html! { "The " (kind) " " code { (t(value)) } " leaves the " (badge(list)) " list." }
        }
        Action::Approve { aor, device } => {
            html! { "The device " code { (t(device)) } " of " code { (t(aor)) } " is approved." }
        }
    }
}

fn shown(effects: &Effects) -> Markup {
    if effects.is_empty() {
        return nothing("No stored call and no list would change. Later calls are scored with it.");
    }
    let number = |n: u64| html! { (count(i64::try_from(n).unwrap_or(i64::MAX))) };
    let dispositions: Vec<Vec<Markup>> = effects
        .dispositions
        .iter()
        .map(|(before, after, calls)| vec![badge(before), badge(after), number(*calls)])
        .collect();
    let campaigns: Vec<Vec<Markup>> = effects
        .campaigns
        .iter()
        .map(|(name, joined, left)| vec![thing("campaign", name, 30), number(*joined), number(*left)])
        .collect();
    let lists: Vec<Vec<Markup>> = effects
        .lists
        .iter()
        .map(|(kind, name, before, after)| {
            vec![html! { (t(kind)) }, html! { code { (cut(name, 40)) } }, badge(before), badge(after)]
        })
        .collect();
    let body = html! {
        @if !dispositions.is_empty() {
            (table("Calls that change their disposition", &[Head::Text("Now"), Head::Text("Then"), Head::Number("Calls")], &dispositions))
        }
        @if effects.rescored > 0 { p { (number(effects.rescored)) " more calls change their score and keep their disposition." } }
        @if !campaigns.is_empty() {
            (table("Calls that change their campaign", &[Head::Text("Campaign"), Head::Number("Join"), Head::Number("Leave")], &campaigns))
        }
        @if !lists.is_empty() {
            (table("Subjects that change their list of reputation", &[Head::Text("Kind"), Head::Text("Subject"), Head::Text("Now"), Head::Text("Then")], &lists))
        }
    };
    section("effects", "What would change", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_names_each_effect_and_repeats_the_form() {
        let action = Action::Label {
            kind: "campaign".into(),
            id: "c-<x>".into(),
            label: Some("fraud".into()),
            reason: "\"quoted\"".into(),
        };
        let form = Form { action, csrf: "s".into(), return_to: "/campaigns".into(), is_confirmed: false };
        let effects = Effects {
            dispositions: vec![("monitor".into(), "quarantine".into(), 1234)],
            rescored: 7,
            campaigns: vec![("c-2".into(), 3, 4)],
            lists: vec![("fingerprint".into(), "f2-1".into(), "none".into(), "block".into())],
        };
        let session = Session { csrf: "secret".into(), may_label: true, ..Session::default() };
        let text = preview(&session, &form, Some(&effects));
        for part in [
            "1,234",
            "7 more calls",
            "c-2",
            "f2-1",
            "value=\"secret\"",
            "name=\"confirm\" value=\"yes\"",
            "/act/label",
        ] {
            assert!(text.contains(part), "{part}");
        }
        assert!(!text.contains("<x>") && text.contains("&quot;quoted&quot;"));
        assert!(preview(&session, &form, Some(&Effects::default())).contains("No stored call"));
    }
}
