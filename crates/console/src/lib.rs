//! Pages of the web console, rendered on the server as HTML and SVG over the reports.
//!
//! [`page`] answers a [`PageRequest`] with a whole document, or with the main part of one if the query has `fragment=1`. Forms of the
//! pages go to `/act/...`; [`Form::read`] reads their fields, and [`preview()`] shows the effects of an act before it is done. [`assets()`]
//! has the style sheet and the script. Pages have no inline script, no inline style and no foreign address, so they work under
//! `Content-Security-Policy: default-src 'self'`. All pages but `/live` work without script.
//!
//! This crate must never know HTTP, a session's secrets, a clock, a clear number, or a change of the database.
//!
//! The page of an empty database:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bellwether_base::Timestamp;
//! use bellwether_console::{Answer, Lookup, PageRequest, Session, page};
//! use bellwether_report::Reports;
//! use bellwether_store::Writer;
//!
//! struct NoKey;
//! impl Lookup for NoKey {
//!     fn tokens_of(&self, _: &str) -> Vec<String> {
//!         Vec::new()
//!     }
//! }
//!
//! # let room = tempfile::tempdir()?;
//! # let path = room.path().join("x.db");
//! let reader = Writer::open(&path, "key")?.close()?;
//! let session = Session::default();
//! let now = Timestamp::from_nanos(0);
//! let request = PageRequest { path: "/", query: &[], session: &session, now };
//! let answer = page(&Reports::of(&reader), &NoKey, &request)?;
//! assert!(matches!(answer, Answer::Html(text) if text.contains("Nothing to decide")));
//! # Ok(())
//! # }
//! ```

mod action;
mod assets;
mod context;
mod countries;
mod fields;
mod figures;
mod form;
mod format;
mod layout;
mod link;
mod pages;
mod parts;
mod preview;
mod route;
mod svg;
mod words;

use bellwether_base::Timestamp;
use bellwether_report::Reports;
use bellwether_store::StoreError;

pub use action::Action;
pub use assets::{Asset, assets};
pub use form::{Form, FormError};
pub use layout::error_page;
pub use preview::preview;

/// A request for a page, as the server understood it.
#[derive(Clone, Copy)]
pub struct PageRequest<'a> {
    /// The path as the browser sent it, with its percent-encoding.
    pub path: &'a str,
    /// The decoded names and values of the query, in order.
    pub query: &'a [(String, String)],
    /// The session of the browser.
    pub session: &'a Session,
    /// The time of the request. Ages are counted up to it.
    pub now: Timestamp,
}

/// The session of a browser: the rights of its user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Session {
    /// The name of the user; none without login.
    pub user: Option<String>,
    /// True if the user may label, acknowledge, comment, and change lists. Pages for others have no forms.
    pub may_label: bool,
    /// The secret that each form sends back.
    pub csrf: String,
    /// True if the server asks for a login.
    pub is_login_on: bool,
}

/// The answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A page.
    Html(String),
    /// A picture alone.
    Svg(String),
    /// A page that says that there is no such thing.
    NotFound(String),
    /// A page that says why the request is wrong.
    BadRequest(String),
}

/// The installation's key, in the hands of the server.
pub trait Lookup {
    /// The tokens of a clear number or user part. Neither is stored or printed.
    fn tokens_of(&self, clear: &str) -> Vec<String>;

    /// The keyed hash of a Call-ID as it was on the wire, for [`bellwether_store::Reader::call_on_the_wire`].
    fn wire_id_of(&self, _call_id: &str) -> Option<i64> {
        None
    }
}

/// Renders a page.
///
/// # Errors
/// If the database fails.
pub fn page(
    reports: &Reports<'_>,
    lookup: &dyn Lookup,
    request: &PageRequest<'_>,
) -> Result<Answer, StoreError> {
    route::answer(&context::Context::new(*reports, lookup, request))
}
