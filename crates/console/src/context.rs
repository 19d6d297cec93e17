//! One request with everything that a page may read.

use bellwether_base::Timestamp;
use bellwether_report::{Reports, parse_time};

use crate::{Lookup, PageRequest, Session};

/// A request with the reports and the key.
pub(crate) struct Context<'a> {
    pub(crate) reports: Reports<'a>,
    pub(crate) lookup: &'a dyn Lookup,
    pub(crate) request: &'a PageRequest<'a>,
}

impl<'a> Context<'a> {
    /// The last value of the query under a name, without space around it. None for an empty one.
    pub(crate) fn query(&self, name: &str) -> Option<&'a str> {
        let mut values = self.request.query.iter().rev().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// A number of the query.
    pub(crate) fn number(&self, name: &str) -> usize {
        self.query(name).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// A moment of the query.
    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        self.query(name).and_then(parse_time)
    }

    pub(crate) const fn session(&self) -> &'a Session {
        self.request.session
    }

    /// The path with its query but for `fragment`, to come back to.
    pub(crate) fn here(&self) -> String {
        let query: Vec<(&str, &str)> = self
            .request
            .query
            .iter()
            .filter(|(name, _)| name != "fragment" && name != "q")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        crate::link::with_query(self.request.path, &query)
    }
}
