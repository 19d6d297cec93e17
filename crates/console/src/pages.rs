//! The pages.

pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod calls;
pub(crate) mod campaigns;
pub(crate) mod device;
pub(crate) mod devices;
pub(crate) mod diff;
pub(crate) mod fingerprint;
pub(crate) mod fingerprints;
pub(crate) mod forms;
pub(crate) mod inbox;
pub(crate) mod incidents;
pub(crate) mod lists;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod losses;
pub(crate) mod places;
pub(crate) mod recordings;
pub(crate) mod search;

use maud::Markup;

use crate::layout::Page;
use crate::route::Rendered;

/// A page without a script.
fn plain(title: impl Into<String>, place: &'static str, body: Markup) -> Rendered {
    Rendered::Page(Page { title: title.into(), place, body, script: None })
}
