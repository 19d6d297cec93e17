//! `/live`: events as they come. The one page that needs its script.

use maud::html;

use crate::layout::Page;
use crate::route::Rendered;

pub(crate) fn page() -> Rendered {
    let kinds = ["call", "score", "incident", "campaign", "alert", "registration", "loss"];
    let body = html! {
        h1 { "Live" }
        noscript { p.note { "This page needs its script. " a href="/calls" { "The newest calls" } " are there without one." } }
        div.feed-bar {
            span #feed-state class="badge plain" role="status" { "connecting" }
            button #feed-pause type="button" aria-pressed="false" { "Pause" }
            label { "Kind " select #feed-kinds {
                option value="" { "all" }
                @for kind in kinds { option value=(kind) { (kind) } }
            } }
        }
        div.scroll role="region" tabindex="0" aria-label="Events" {
            table {
                caption { "Events, the newest first; 500 at most" }
                thead { tr {
                    @for name in ["Time", "Kind", "Level"] { th scope="col" { (name) } }
                    th.n scope="col" { "Score" }
                    @for name in ["Subject", "Message"] { th scope="col" { (name) } }
                } }
                tbody #feed {}
            }
        }
    };
    Rendered::Page(Page { title: "Live".to_owned(), place: "/live", body, script: Some("/assets/live.js") })
}
