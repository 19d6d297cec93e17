//! From a path to a page.

use bellwether_store::StoreError;

use crate::context::Context;
use crate::layout::{Page, document, error};
use crate::{Answer, link, pages};

/// The result of a page.
pub(crate) enum Rendered {
    Page(Page),
    Picture(String),
    /// There is no such thing: its kind.
    Missing(&'static str),
}

/// Renders the page of a request.
pub(crate) fn answer(context: &Context<'_>) -> Result<Answer, StoreError> {
    let rendered = rendered(context)?;
    // A promise that nobody writes may have been broken meanwhile.
    context.reports.reader().is_whole()?;
    let session = context.session();
    let is_fragment = context.value("fragment", "1", |text| (text == "1").then_some(())).is_some();
    let misread = match rendered {
        Rendered::Page(_) if context.query("picture").is_some() => {
            Some("This page has no picture of that name.".to_owned())
        }
        Rendered::Page(_) | Rendered::Picture(_) => context.misread(),
        Rendered::Missing(_) => None,
    };
    if let Some(why) = misread {
        return Ok(Answer::BadRequest(document(session, &error("Bad request", &why))));
    }
    Ok(match rendered {
        Rendered::Page(page) if is_fragment => Answer::Html(page.body.into_string()),
        Rendered::Page(page) => Answer::Html(document(session, &page)),
        Rendered::Picture(svg) => Answer::Svg(svg),
        Rendered::Missing(kind) => {
            let words = format!("There is no such {kind}. Its rows may have left the database by age.");
            Answer::NotFound(document(session, &error("Not found", &words)))
        }
    })
}

fn rendered(context: &Context<'_>) -> Result<Rendered, StoreError> {
    let path = context.request.path;
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (kind, id) = rest.split_once('/').unwrap_or((rest, ""));
    let id = if id.is_empty() { context.query("id").map(str::to_owned) } else { Some(link::decode(id)) };
    match (kind, id.as_deref()) {
        ("", None) => pages::inbox::page(context),
        ("calls", None) => pages::calls::page(context),
        ("call", Some(id)) => pages::call::page(context, id),
        ("incidents", None) => pages::incidents::list(context),
        ("incident", Some(id)) => pages::incidents::one(context, id),
        ("campaigns", None) => pages::campaigns::list(context),
        ("campaign", Some(id)) => pages::campaigns::one(context, id),
        ("fingerprints", None) => pages::fingerprints::list(context),
        ("fingerprint", Some(id)) => pages::fingerprint::page(context, id),
        ("diff", None) => pages::diff::page(context),
        ("devices", None) => pages::devices::list(context),
        ("device", Some(id)) => pages::device::page(context, id),
        ("recordings", None) => pages::recordings::list(context),
        ("recording", Some(id)) => pages::recordings::one(context, id),
        ("live", None) => Ok(pages::live::page()),
        ("places", None) => pages::places::page(context),
        ("losses", None) => pages::losses::page(context),
        ("lists", None) => pages::lists::page(context),
        ("audit", None) => pages::audit::page(context),
        ("search", None) => pages::search::page(context),
        ("login", None) => Ok(pages::login::page(context)),
        _ => Ok(Rendered::Missing("page")),
    }
}
