//! `/`: what an operator has to decide, and key figures.

use bellwether_base::Span;
use bellwether_report::{Case, CaseKind, Recent};
use bellwether_store::StoreError;
use maud::{Markup, html};

use super::{forms, plain};
use crate::context::Context;
use crate::figures::hours;
use crate::format::{NONE, age, count, cut, decimal, fixed, percent, probability, t, time};
use crate::link;
use crate::parts::{Head, badge, dense, nothing, score, section, thing, tile};
use crate::route::Rendered;
use crate::words::{fraud, rank};

/// Cases that are read, and those that are shown of each kind.
const MAX_READ: usize = 1000;
const MAX_SHOWN: usize = 40;

/// Sentences of evidence that a case shows.
const SENTENCES: usize = 3;

/// Columns of a sentence.
const SENTENCE: usize = 240;

/// The span of the key figures.
const DAY: Span = Span::from_secs(86_400);

pub(crate) fn page(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let mut incidents = context.reports.incident_cases(None, MAX_READ)?;
    incidents.retain(Case::is_undecided);
    incidents.sort_by(|a, b| {
        let urgency = |case: &Case| (rank(case.severity.as_deref()), case.money.unwrap_or(0.0));
        let ((rank_a, money_a), (rank_b, money_b)) = (urgency(a), urgency(b));
        rank_b.cmp(&rank_a).then(money_b.total_cmp(&money_a)).then(b.updated_at.cmp(&a.updated_at))
    });
    let mut campaigns = context.reports.campaign_cases(None, MAX_READ)?;
    campaigns.retain(Case::is_undecided);
    let (mut notifications, mut campaigns): (Vec<Case>, Vec<Case>) =
        campaigns.into_iter().partition(|case| case.kind == CaseKind::Notification);
    campaigns.sort_by_key(|case| std::cmp::Reverse(case.calls));
    // A mean over the calls of each campaign that is read would be most of the page's time.
    for shown in [&mut notifications, &mut campaigns] {
        context.reports.add_mean_scores(shown.iter_mut().take(MAX_SHOWN))?;
    }
    let recent = context.reports.recent(DAY)?;
    let body = html! {
        h1 { "Inbox" }
        (tiles(&incidents, &campaigns, &recent))
        (hours(&recent))
        (section("incidents", "Incidents to decide", &cases(context, &incidents, "Nothing to decide: there is no open incident.", "/incidents")))
        (section("campaigns", "Campaigns to decide", &cases(context, &campaigns, "Nothing to decide: there is no open campaign.", "/campaigns")))
        @if !notifications.is_empty() {
            (section("notifications", "Notifications", &notified(&notifications)))
        }
    };
    Ok(plain("Inbox", "/", body))
}

fn tiles(incidents: &[Case], campaigns: &[Case], recent: &Recent) -> Markup {
    let money: f64 = incidents.iter().filter_map(|case| case.money).sum();
    let minutes: f64 = incidents.iter().filter_map(|case| case.minutes).sum();
    let critical = incidents.iter().filter(|case| rank(case.severity.as_deref()) == 3).count();
    let all = recent.all;
    let number = |n: u64| count(i64::try_from(n).unwrap_or(i64::MAX));
    let span = if recent.is_cut { "newest calls of 24 h" } else { "calls in 24 h" };
    html! {
        dl.tiles {
            (tile("Open incidents", &incidents.len().to_string(), &html! { (critical) " critical" }, if critical > 0 { "bad" } else { "plain" }))
            (tile("Exposed money", &fixed(money, 2), &html! { (fixed(minutes, 0)) " minutes" }, if money > 0.0 { "warn" } else { "plain" }))
            (tile("Open campaigns", &campaigns.len().to_string(), &html! { (number(campaigns.iter().map(|case| case.calls.unsigned_abs()).sum())) " calls" }, "plain"))
            (tile("Calls", &number(all.calls), &html! { (span) }, "plain"))
            (tile("Quarantined", &percent(all.quarantine, all.calls), &html! { (number(all.quarantine)) " calls" }, "plain"))
            (tile("Answered", &percent(all.answered, all.calls), &html! { (fixed(all.talk_s / 3600.0, 1)) " h of talk" }, "plain"))
        }
    }
}

fn cases(context: &Context<'_>, cases: &[Case], empty: &str, all: &str) -> Markup {
    html! {
        @if cases.is_empty() { (nothing(empty)) }
        @for case in cases.iter().take(MAX_SHOWN) { (one(context, case)) }
        @if cases.len() > MAX_SHOWN { p { (cases.len() - MAX_SHOWN) " more are open. " a href=(all) { "All of them" } } }
    }
}

/// A case with its figures, evidence and forms.
fn one(context: &Context<'_>, case: &Case) -> Markup {
    let kind = case.kind.subject();
    let name = case.fraud.as_deref().map_or("Campaign", fraud);
    let severity = case.severity.as_deref();
    let is_back = case.acknowledgement.is_some();
    html! {
        article.case {
            header {
                @if let Some(severity) = severity { p { (badge(severity)) } }
                h3 { a href=(link::to(kind, &case.name)) { (t(name)) " " small.mono { (t(&case.name)) } } }
                @if is_back { p { span.badge.warn { "changed since acknowledged" } } }
                p.age { "opened " (time(case.opened_at)) ", last change " (age(case.updated_at, context.request.now)) " ago" }
            }
            div.body {
                div {
                    p.about { (cut(&case.subject, SENTENCE)) }
                    ul.evidence {
                        // The first sentence of an incident repeats its subject.
                        @for sentence in case.evidence.iter().skip(1).take(SENTENCES) { li { (cut(sentence, SENTENCE)) } }
                    }
                }
                dl.numbers {
                    @if let Some(money) = case.money { div { dt { "Money" } dd { (fixed(money, 2)) } } }
                    div { dt { "Calls" } dd { (count(case.calls)) } }
                    @if let Some(minutes) = case.minutes { div { dt { "Minutes" } dd { (fixed(minutes, 0)) } } }
                    @if case.probability.is_some() { div { dt { "Probability" } dd { (probability(case.probability)) } } }
                    @if case.score.is_some() { div { dt { "Mean score" } dd { (score(case.score)) } } }
                    @if case.comments > 0 { div { dt { "Comments" } dd { (case.comments) } } }
                }
            }
            @if context.session().may_label {
                div.actions {
                    (forms::acknowledge(context, kind, &case.name))
                    (forms::label(context, kind, &case.name, None))
                }
            }
        }
    }
}

/// Notifications: senders that tell many people something and do not hide.
fn notified(cases: &[Case]) -> Markup {
    let rows: Vec<Vec<Markup>> = cases
        .iter()
        .take(MAX_SHOWN)
        .map(|case| {
            vec![
                thing("campaign", &case.name, 30),
                html! { (count(case.calls)) },
                html! { (decimal(case.score, 0)) },
                time(case.opened_at),
                time(case.updated_at),
                html! { (case.evidence.first().map_or_else(|| t(NONE), |evidence| cut(evidence, 90))) },
            ]
        })
        .collect();
    html! {
        p.lead { "Mass senders that do no fraud by their conduct. None of their calls is quarantined for being in one." }
        (dense(
            "Notifications without a label",
            &[Head::Text("Campaign"), Head::Number("Calls"), Head::Number("Mean score"), Head::Text("First call"), Head::Text("Last call"), Head::Long("Link")],
            &rows,
        ))
    }
}
