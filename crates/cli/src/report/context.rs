//! Names in the columns of a report: what an operator writes becomes what the database holds.

use std::net::{IpAddr, SocketAddr};

use bellwether_report::{Column, Report};

use crate::calls::CallIds;
use crate::condition::{Context, Wanted};
use crate::names::{Names, is_token, shortened};
use crate::outcome::Failure;

/// The context of the conditions on a report of the database.
pub(crate) struct ReportContext<'a, 'c> {
    report: Report,
    now: jiff::Timestamp,
    ids: &'c CallIds<'a>,
}

impl<'a, 'c> ReportContext<'a, 'c> {
    pub(crate) const fn new(report: Report, now: jiff::Timestamp, ids: &'c CallIds<'a>) -> Self {
        Self { report, now, ids }
    }
}

impl Context for ReportContext<'_, '_> {
    fn report(&self) -> Report {
        self.report
    }

    fn now(&self) -> jiff::Timestamp {
        self.now
    }

    fn names(&self, column: &Column, text: &str) -> Result<Option<Vec<Wanted>>, Failure> {
        let names = Names::new(self.ids);
        // With `privacy = "clear"` the text itself stands in the database.
        let itself = Wanted::Text(text.to_owned());
        Ok(match content(self.report, column.name) {
            Content::Call => Some(vec![itself, Wanted::Text(self.ids.stored(text)?)]),
            Content::Party => {
                let mut all = vec![itself];
                all.extend(names.users(text)?.into_iter().map(Wanted::Text));
                Some(all)
            }
            Content::Address if is_stored(text) => Some(vec![itself]),
            Content::Address | Content::Subject if is_party(text) => {
                let mut all = vec![itself];
                for user in names.users(text)? {
                    all.push(match text.rsplit_once('@') {
                        Some((_, host)) => Wanted::Text(format!("sip:{user}@{}", host.to_ascii_lowercase())),
                        None => Wanted::User(user),
                    });
                }
                Some(all)
            }
            Content::Address | Content::Subject | Content::Other => None,
        })
    }
}

/// The kind of names in a column.
enum Content {
    /// Call-IDs.
    Call,
    /// Tokens of parties.
    Party,
    /// Addresses of parties.
    Address,
    /// Addresses of parties among other names.
    Subject,
    Other,
}

fn content(report: Report, column: &str) -> Content {
    match (report, column) {
        (_, "call_id" | "linked_call_ids" | "call_ids" | "counted_in") | (Report::Incidents, "members") => {
            Content::Call
        }
        (_, "caller" | "callee" | "dialled") => Content::Party,
        (_, "aor" | "contact" | "other_aors" | "registered_by" | "referred_to") => Content::Address,
        (Report::Alerts | Report::Incidents, "subject") => Content::Subject,
        _ => Content::Other,
    }
}

/// True for an address as reports print it whole.
fn is_stored(text: &str) -> bool {
    let user = text.strip_prefix("sip:").and_then(|rest| rest.rsplit_once('@')).map(|(user, _)| user);
    user.or_else(|| text.strip_prefix("tel:")).is_some_and(is_token)
}

/// True for a number, a token or an address, and not for the name of something else.
fn is_party(text: &str) -> bool {
    let is_address = text.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || "+*# -()./".contains(c));
    !is_address
        && (is_number
            || text.contains('@')
            || text.starts_with("tel:")
            || is_token(text)
            || shortened(text).is_some())
}
