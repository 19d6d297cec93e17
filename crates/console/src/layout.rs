//! The frame of all pages: head, navigation, foot.

use maud::{DOCTYPE, Markup, html};

use crate::assets::versioned;
use crate::format::t;
use crate::{Session, link};

/// A rendered page, before the frame.
pub(crate) struct Page {
    pub(crate) title: String,
    /// The path in the navigation that the page belongs to.
    pub(crate) place: &'static str,
    pub(crate) body: Markup,
    /// A script of the assets that the page needs.
    pub(crate) script: Option<&'static str>,
}

/// The pages in groups.
const NAVIGATION: [(&str, &[(&str, &str)]); 3] = [
    (
        "Decide",
        &[("/", "Inbox"), ("/incidents", "Incidents"), ("/campaigns", "Campaigns"), ("/lists", "Lists")],
    ),
    (
        "Look",
        &[
            ("/calls", "Calls"),
            ("/fingerprints", "Fingerprints"),
            ("/devices", "Devices"),
            ("/recordings", "Recordings"),
            ("/places", "Places"),
        ],
    ),
    ("Watch", &[("/live", "Live"), ("/losses", "Losses"), ("/audit", "Audit")]),
];

/// The whole document.
pub(crate) fn document(session: &Session, page: &Page) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (t(&page.title)) " \u{b7} Bellwether" }
                link rel="icon" href=(versioned("/assets/icon.svg")) type="image/svg+xml";
                link rel="stylesheet" href=(versioned("/assets/console.css"));
                @if let Some(script) = page.script { script src=(versioned(script)) defer {} }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (head(session))
                div.columns {
                    @if is_inside(session) { (navigation(page.place)) }
                    main #main tabindex="-1" { (page.body) }
                }
            }
        }
    }
    .into_string()
}

/// True if the pages are open to the session.
const fn is_inside(session: &Session) -> bool {
    session.user.is_some() || !session.is_login_on
}

fn head(session: &Session) -> Markup {
    html! {
        header.top {
            a.brand href="/" {
                svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" {
                    path d="M12 3a6 6 0 0 0-6 6v4l-2 4h16l-2-4V9a6 6 0 0 0-6-6zM10 19a2 2 0 0 0 4 0" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round" {}
                }
                span { "Bellwether" }
            }
            @if is_inside(session) { search {
                form.find method="get" action="/search" {
                    label.away for="q" { "Search" }
                    input #q type="search" name="q" placeholder="Number, token, address, Call-ID" autocomplete="off" spellcheck="false";
                    button type="submit" { "Search" }
                }
            } }
            div.who {
                @if let Some(user) = &session.user {
                    span { (t(user)) }
                    form method="post" action="/act/logout" {
                        input type="hidden" name="csrf" value=(session.csrf);
                        button.quiet type="submit" { "Log out" }
                    }
                } @else if session.is_login_on {
                    a href="/login" { "Log in" }
                }
            }
        }
    }
}

fn navigation(place: &str) -> Markup {
    html! {
        nav.side aria-label="Pages" {
            @for (group, pages) in NAVIGATION {
                p.group { (group) }
                ul { @for (href, name) in pages {
                    li { a href=(href) aria-current=[(*href == place).then_some("page")] { (name) } }
                } }
            }
        }
    }
}

/// A page about an error, for the server: 401, 403, 413, 429, 500 and others. `words` says what went wrong, and what helps.
#[must_use]
pub fn error_page(session: &Session, title: &str, words: &str) -> String {
    document(session, &error(title, words))
}

/// The page about an error.
pub(crate) fn error(title: &str, words: &str) -> Page {
    Page {
        title: title.to_owned(),
        place: "",
        body: html! {
            h1 { (t(title)) }
            p { (t(words)) }
            p { a href="/" { "To the inbox" } }
        },
        script: None,
    }
}

/// The hidden fields of a form: the secret, and the page to return to.
pub(crate) fn hidden(session: &Session, return_to: &str) -> Markup {
    html! {
        input type="hidden" name="csrf" value=(session.csrf);
        input type="hidden" name="return_to" value=(link::local(return_to));
    }
}
