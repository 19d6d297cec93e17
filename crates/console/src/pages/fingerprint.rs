//! `/fingerprint/ID`: a platform in words, its claims, its reputation over time, its relatives.

use bellwether_report::CallFilter;
use bellwether_store::StoreError;
use maud::{Markup, html};
use serde_json::Value;

use super::{forms, plain};
use crate::context::Context;
use crate::fields::Fields;
use crate::format::{NONE, count, cut, decimal, fixed, maybe_moment, moment, t};
use crate::link;
use crate::parts::{Head, badge, code, facts, figure, maybe_badge, nothing, section, table, text, thing};
use crate::route::Rendered;
use crate::svg::course::{Change, draw};

/// Relatives that are compared by a call of each.
const MAX_RELATIVES: usize = 12;

pub(crate) fn page(context: &Context<'_>, id: &str) -> Result<Rendered, StoreError> {
    let Some(platform) = context.reports.platform_summary(id)? else {
        return Ok(Rendered::Missing("fingerprint"));
    };
    let of = Fields(&platform);
    let name = of.word("fingerprint");
    let course = course(of);
    if context.query("picture") == Some("course") {
        return Ok(Rendered::Picture(course.into_string()));
    }
    let alone = link::with_query(&link::to("fingerprint", name), &[("picture", "course")]);
    let stack = of.text("stack").unwrap_or("Unknown stack");
    let body = html! {
        header.subject {
            h1 { (t(stack)) " " small.mono { (t(name)) } }
            p.meta {
                (t(of.word("method"))) ": " (count(of.count("calls"))) " calls and " (count(of.count("registrations"))) " registrations of "
                (count(of.count("callers"))) " callers from " (count(of.count("sources"))) " addresses"
                " in the newest " (count(of.count("counted_calls"))) " calls. " code { "bellwether show fingerprint" } " counts all."
            }
            (forms::standing(context, "fingerprint", name, of.text("label"))?)
            (forms::label(context, "fingerprint", name, of.text("label")))
        }
        div.pair {
            (section("facts", "Facts", &facts_of(of)))
            (section("claims", "Claims", &claims(of)))
        }
        (section("reputation", "Reputation over time", &html! {
            @if !of.list("reputation_course").is_empty() { (figure("reputation", &course, &html! { "Reputation at each change of list, and now; 50 is neutral." }, Some(&alone))) }
            (changes(of))
        }))
        (section("words", "The fingerprint in words", &words(of)))
        (section("relatives", "Relatives", &relatives(context, of)?))
        (section("newest", "Newest calls and subscribers", &newest(of)))
        (section("comments", "Comments", &forms::comments(context, "fingerprint", name)?))
    };
    Ok(plain(format!("{stack} {name}"), "/fingerprints", body))
}

fn facts_of(of: Fields<'_>) -> Markup {
    facts(&[
        ("Reputation", html! { (decimal(of.number("reputation"), 1)) " of 100" }),
        ("List", maybe_badge(of.text("list").filter(|list| *list != "none"))),
        ("Honest parties", html! { (decimal(of.number("honest_parties"), 0)) }),
        ("Family", text(of.text("platform_family"))),
        ("SIP author", text(of.text("sip_author"))),
        (
            "SDP author",
            html! { (text(of.text("sdp_author"))) @if let Some(stack) = of.text("sdp_stack") { " " (t(stack)) } },
        ),
        ("First seen", maybe_moment(of.text("first_seen"))),
        ("Last seen", maybe_moment(of.text("last_seen"))),
        ("Scanner or tool", html! { (if of.is("is_scanner_or_tool") { "yes" } else { "no" }) }),
        (
            "Material",
            html! { (if of.is("too_little_material") { "too little to tell stacks apart" } else { "enough to tell stacks apart" }) },
        ),
    ])
}

fn claims(of: Fields<'_>) -> Markup {
    let agents: Vec<&str> = of.texts("claimed_agents").collect();
    let rows: Vec<Vec<Markup>> = agents
        .iter()
        .zip(of.texts("claims").map(Some).chain(std::iter::repeat(None)))
        .take(50)
        .map(|(agent, claim)| vec![html! { (cut(agent, 80)) }, maybe_badge(claim)])
        .collect();
    if rows.is_empty() {
        return nothing("The platform names itself in no User-Agent.");
    }
    table("User-Agents, compared with the stack", &[Head::Text("User-Agent"), Head::Text("Claim")], &rows)
}

fn course(of: Fields<'_>) -> Markup {
    let changes: Vec<Change<'_>> = of
        .objects("reputation_course")
        .map(|change| Change {
            at: change.word("at"),
            reputation: change.number("standing").unwrap_or(50.0),
            list: change.word("to"),
        })
        .collect();
    draw(&changes, (of.word("first_seen"), of.word("last_seen")), of.number("reputation"))
}

fn changes(of: Fields<'_>) -> Markup {
    let rows: Vec<Vec<Markup>> = of
        .objects("reputation_course")
        .map(|change| {
            vec![
                moment(change.word("at")),
                badge(change.word("from")),
                badge(change.word("to")),
                html! { (t(change.word("why"))) },
            ]
        })
        .collect();
    if rows.is_empty() {
        return nothing("The reputation never changed a list.");
    }
    table(
        "Changes of list",
        &[Head::Text("Time"), Head::Text("From"), Head::Text("To"), Head::Long("Reason")],
        &rows,
    )
}

fn words(of: Fields<'_>) -> Markup {
    let rows = |list: &str| -> Vec<Vec<Markup>> { of.objects(list).map(field).collect() };
    let heads = [Head::Text("Part"), Head::Long("Meaning"), Head::Text("Value"), Head::Text("Level")];
    let (parts, habits) = (rows("parts"), rows("habits"));
    let identifiers: Vec<Vec<Markup>> = of
        .object("identifiers")
        .map(|all| {
            all.0
                .iter()
                .map(|(name, form)| {
                    vec![
                        html! { (t(name)) },
                        html! { @if let Some(form) = form.as_str() { (code(form)) } @else { (NONE) } },
                    ]
                })
                .collect()
        })
        .unwrap_or_default();
    html! {
        (table("Constant features, which enter the hash", &heads, &parts))
        @if !habits.is_empty() { details { summary { "Habits: " (habits.len()) " features that are shown now and then" } (table("Habits", &heads, &habits)) } }
        @if !identifiers.is_empty() { (table("Form of identifiers", &[Head::Text("Identifier"), Head::Text("Form")], &identifiers)) }
        details { summary { "Readable form" } p.break { (code(of.word("readable"))) } }
    }
}

/// A feature with its meaning.
fn field(of: Fields<'_>) -> Vec<Markup> {
    let value = match of.0.get("value") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "),
        _ => String::new(),
    };
    vec![
        html! { span.line { (t(of.word("part"))) " " span.muted { (t(of.word("key"))) } } },
        html! { (t(of.text("meaning").unwrap_or(NONE))) },
        html! { @if value.is_empty() { span.muted { "none" } } @else { code.wrap { (cut(&value, 400)) } } },
        html! { (t(of.text("level").unwrap_or(NONE))) },
    ]
}

fn relatives(context: &Context<'_>, of: Fields<'_>) -> Result<Markup, StoreError> {
    let own = of.texts("newest_call_ids").next();
    let mut rows: Vec<Vec<Markup>> = Vec::new();
    for relative in of.objects("relatives").take(MAX_RELATIVES) {
        let other = relative.word("fingerprint");
        let filter = CallFilter { fingerprint: Some(other.to_owned()), ..CallFilter::default() };
        let newest = context.reports.call_page(&filter, None, 1)?.lines.into_iter().next();
        let compare =
            own.zip(newest).map(|(own, call)| link::with_query("/diff", &[("a", own), ("b", &call.call_id)]));
        let relaxed: Vec<&str> = relative.texts("relaxed").collect();
        rows.push(vec![
            thing("fingerprint", other, 24),
            text(relative.text("stack")),
            badge(relative.word("relation")),
            html! { (relative.list("different").len()) },
            html! { @if relaxed.is_empty() { (NONE) } @else { (cut(&relaxed.join(", "), 100)) } },
            compare.map_or_else(|| html! { (NONE) }, |href| html! { a.line href=(href) { "compare calls" } }),
        ]);
    }
    Ok(if rows.is_empty() {
        nothing("No other platform comes near.")
    } else {
        table(
            "Platforms that may be the same, or are the nearest",
            &[
                Head::Text("Fingerprint"),
                Head::Text("Stack"),
                Head::Text("Relation"),
                Head::Number("Differences"),
                Head::Long("Relaxed"),
                Head::Text("Compare"),
            ],
            &rows,
        )
    })
}

fn newest(of: Fields<'_>) -> Markup {
    let (calls, aors): (Vec<&str>, Vec<&str>) =
        (of.texts("newest_call_ids").collect(), of.texts("aors").collect());
    let instances: Vec<Vec<Markup>> = of
        .objects("instances")
        .map(|instance| {
            let counter = |name: &str| instance.number(name).map_or_else(|| NONE.to_owned(), |n| fixed(n, 0));
            vec![
                html! { (t(instance.word("kind"))) },
                code(instance.word("instance")),
                html! { (count(instance.count("seen"))) },
                html! { (counter("first_counter")) " to " (counter("last_counter")) },
            ]
        })
        .collect();
    html! {
        @if !calls.is_empty() {
            ul.columns-list { @for call in &calls { li { (thing("call", call, 50)) } } }
            p { a href=(link::with_query("/calls", &[("fingerprint", of.word("fingerprint"))])) { "All calls of the fingerprint" } }
        }
        @if !aors.is_empty() { ul.columns-list { @for aor in &aors { li { (thing("device", aor, 50)) } } } }
        @if !instances.is_empty() {
            (table("Instances behind the newest calls and registrations", &[Head::Text("Kind"), Head::Text("Instance"), Head::Number("Seen"), Head::Text("Counter")], &instances))
        }
        @if calls.is_empty() && aors.is_empty() && instances.is_empty() { (nothing("Only answers or questions of this platform were seen.")) }
    }
}
