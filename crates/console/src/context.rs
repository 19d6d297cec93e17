//! One request with everything that a page may read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use bellwether_base::Timestamp;
use bellwether_report::{Reports, parse_time};

use crate::{Lookup, PageRequest, Session};

/// A request with the reports and the key.
pub(crate) struct Context<'a> {
    pub(crate) reports: Reports<'a>,
    pub(crate) lookup: &'a dyn Lookup,
    pub(crate) request: &'a PageRequest<'a>,
    /// Names of the query that the page asked for.
    asked: RefCell<BTreeSet<String>>,
    /// The first value of the query that is none.
    wrong: RefCell<Option<String>>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(reports: Reports<'a>, lookup: &'a dyn Lookup, request: &'a PageRequest<'a>) -> Self {
        Self { reports, lookup, request, asked: RefCell::default(), wrong: RefCell::default() }
    }

    /// The last value of the query under a name, without space around it. None for an empty one.
    pub(crate) fn query(&self, name: &str) -> Option<&'a str> {
        self.asked.borrow_mut().insert(name.to_owned());
        let mut values = self.request.query.iter().rev().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// A number of the query.
    pub(crate) fn number(&self, name: &str) -> usize {
        let read = |text: &str| text.parse().ok();
        self.value(name, "a number", read).unwrap_or(0)
    }

    /// A moment of the query.
    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        self.value(name, "a day or a moment in RFC 3339, as 2026-11-21T08:00:00Z", parse_time)
    }

    /// One of two words of the query.
    pub(crate) fn yes_or_no(&self, name: &str) -> Option<bool> {
        let read = |text: &str| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        self.value(name, "yes or no", read)
    }

    /// A value of the query that `read` understands; `kind` says what it shall be.
    pub(crate) fn value<T>(
        &self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let text = self.query(name)?;
        let value = read(text);
        if value.is_none() {
            self.wrong.borrow_mut().get_or_insert_with(|| format!("\"{name}\" is not {kind}."));
        }
        value
    }

    /// Why the page that was rendered is not the one that was asked for: a value of the query is none, or the page has
    /// no use for a name. A filter that is misspelt must not show all rows as if they had passed it.
    pub(crate) fn misread(&self) -> Option<String> {
        let asked = self.asked.borrow();
        let unknown = self.request.query.iter().map(|(name, _)| name).find(|name| !asked.contains(*name));
        let unknown = unknown.map(|name| format!("This page has no field \"{name}\"."));
        self.wrong.borrow().clone().or(unknown)
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
