//! Parts that many pages share: badges, tokens, tables, facts, pagers.

use bellwether_report::Case;
use maud::{Markup, Render, html};

use crate::format::{NONE, cut, fixed, t};
use crate::link;
use crate::words::{score_tone, spaced, tone};

/// Columns of a shortened token.
const TOKEN: usize = 10;

/// A name of the program with the colour of its tone.
pub(crate) fn badge(name: &str) -> Markup {
    html! { span class={ "badge " (tone(name)) } { (spaced(name)) } }
}

/// A name that may be missing.
pub(crate) fn maybe_badge(name: Option<&str>) -> Markup {
    name.map_or_else(|| html! { (NONE) }, badge)
}

/// A score with the colour of its disposition.
pub(crate) fn score(score: Option<f64>) -> Markup {
    match score {
        Some(n) => html! { span class={ "score " (score_tone(n)) } { (fixed(n, 0)) } },
        None => html! { span class="score none" title="no score" { (NONE) } },
    }
}

/// A text of traffic in a fixed-width type, whole.
pub(crate) fn code(text: &str) -> Markup {
    html! { code { (t(text)) } }
}

/// A party: its token, shortened, with a link to its calls.
pub(crate) fn party(token: &str) -> Markup {
    calls_of(token, "caller")
}

/// A dialled number: its token, shortened, with a link to the calls to it.
pub(crate) fn dialled(token: &str) -> Markup {
    calls_of(token, "dialled")
}

fn calls_of(token: &str, filter: &str) -> Markup {
    if token.is_empty() {
        return html! { (NONE) };
    }
    html! { a.token href=(link::with_query("/calls", &[(filter, token)])) title=(t(token)) { (cut(token, TOKEN)) } }
}

/// The operator's decision about a case.
pub(crate) fn decision(case: &Case) -> Markup {
    html! {
        @if let Some(label) = &case.label { (badge(label)) }
        @else if case.is_undecided() { span.badge.plain { "to decide" } }
        @else { span.badge.plain { "acknowledged" } }
    }
}

/// An address, with a link to the calls from it.
pub(crate) fn address(endpoint: &str) -> Markup {
    let host = host(endpoint);
    html! { a.mono href=(link::with_query("/calls", &[("source", host)])) { (cut(endpoint, 46)) } }
}

/// The host of an endpoint.
pub(crate) fn host(endpoint: &str) -> &str {
    match endpoint.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => endpoint,
    }
}

/// A link to the page of one thing.
pub(crate) fn thing(kind: &str, id: &str, columns: usize) -> Markup {
    html! { a.mono href=(link::to(kind, id)) title=(t(id)) { (cut(id, columns)) } }
}

/// The heading of a column: text, or a number that is set to the right.
#[derive(Clone, Copy)]
pub(crate) enum Head {
    Text(&'static str),
    /// Sentences, which need room.
    Long(&'static str),
    Number(&'static str),
}

/// A table in a box that scrolls sideways by itself. Each row is its cells.
pub(crate) fn table(caption: &str, heads: &[Head], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr { @for head in heads {
                    @match head {
                        Head::Text(name) | Head::Long(name) => th scope="col" { (name) },
                        Head::Number(name) => th.n scope="col" { (name) },
                    }
                } } }
                tbody {
                    @for row in rows { tr { @for (cell, head) in row.iter().zip(heads) {
                        @match head {
                            Head::Text(_) => td { (cell) },
                            Head::Long(_) => td.long { (cell) },
                            Head::Number(_) => td.n { (cell) },
                        }
                    } } }
                }
            }
        }
    }
}

/// The same with one line for each row, but for sentences.
pub(crate) fn dense(caption: &str, heads: &[Head], rows: &[Vec<Markup>]) -> Markup {
    html! { div.dense { (table(caption, heads, rows)) } }
}

/// Names with their values.
pub(crate) fn facts(pairs: &[(&str, Markup)]) -> Markup {
    html! { dl.facts { @for (name, value) in pairs { div { dt { (name) } dd { (value) } } } } }
}

/// A value of text, or a dash.
pub(crate) fn text(value: Option<&str>) -> Markup {
    value.filter(|text| !text.is_empty()).map_or_else(|| html! { (NONE) }, |text| html! { (t(text)) })
}

/// Anything that can be shown as a cell.
pub(crate) fn cell(value: impl Render) -> Markup {
    html! { (value) }
}

/// A section with a heading.
pub(crate) fn section(id: &str, heading: &str, body: &Markup) -> Markup {
    html! { section aria-labelledby=(id) { h2 id=(id) { (heading) } (body) } }
}

/// A picture with its words, in a box that scrolls sideways by itself.
pub(crate) fn figure(name: &str, picture: &Markup, caption: &Markup, alone: Option<&str>) -> Markup {
    html! {
        figure {
            div.scroll role="region" tabindex="0" aria-label={ "Picture: " (name) } { (picture) }
            figcaption { (caption) @if let Some(href) = alone { " " a href=(href) { "Picture alone (SVG)" } } }
        }
    }
}

/// Links to the first and the next page.
pub(crate) fn pager(first: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if first.is_some() || next.is_some() {
            nav.pager aria-label="Further pages" {
                @if let Some(href) = first { a href=(href) { "First page" } }
                @if let Some(href) = next { a href=(href) rel="next" { "Next page" } }
            }
        }
    }
}

/// The words of an empty list.
pub(crate) fn nothing(words: &str) -> Markup {
    html! { p.nothing { (words) } }
}

/// A figure with its name and a remark.
pub(crate) fn tile(name: &str, value: &str, remark: &Markup, tone: &str) -> Markup {
    html! { div class={ "tile " (tone) } { dt { (name) } dd { strong { (value) } span { (remark) } } } }
}

/// The share of a whole as a bar, for the eye only.
pub(crate) fn share(part: f64, whole: f64) -> Markup {
    let width = if whole > 0.0 { (part / whole * 60.0).clamp(0.0, 60.0) } else { 0.0 };
    html! {
        svg.share viewBox="0 0 60 8" width="60" height="8" aria-hidden="true" {
            rect.track width="60" height="8" fill="#e4e7ec" {}
            rect.bar width=(format!("{width:.1}")) height="8" fill="#2f6db3" {}
        }
    }
}
