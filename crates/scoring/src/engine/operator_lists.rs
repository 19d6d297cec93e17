//! The operator's own lists in scores.

use std::sync::Arc;

use bellwether_base::CallId;

use super::{Outcome, ScoringEngine};
use crate::Finding;
use crate::history::History;
use crate::open::Listing;
use crate::operator_list::{OperatorEntry, OperatorList, OperatorLists};
use crate::signals::{OPERATOR_ALLOWED, OPERATOR_BLOCKED, of_listing};

impl ScoringEngine {
    /// Replaces the operator's lists. Calls whose entry changed change their scores at once.
    pub fn set_operator_lists(
        &mut self,
        entries: Vec<OperatorEntry>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let keys = &self.keys;
        let lists = OperatorLists::new(entries, |token| keys.user(token));
        let before = std::mem::replace(&mut self.operator_lists, lists);
        if before.is_empty() && self.operator_lists.is_empty() {
            return;
        }
        let mut changes = Vec::new();
        for change in self.senders.all() {
            let Some((number, source, print, at)) = self.compared(change.call) else { continue };
            let was = before.find(number, source, print, at).cloned();
            let is = self.operator_lists.find(number, source, print, at).cloned();
            if was == is {
                continue;
            }
            self.tell_listing(change.call, is.as_ref(), out);
            changes.push(change);
        }
        self.apply(changes, memory, out);
    }

    /// The entry of the operator's lists that applies to a call.
    pub(super) fn listed(&self, call: CallId) -> Option<&Arc<OperatorEntry>> {
        if self.operator_lists.is_empty() {
            return None;
        }
        let (number, source, print, at) = self.compared(call)?;
        self.operator_lists.find(number, source, print, at)
    }

    /// True for a call that the allow list vouches for.
    pub(super) fn is_allowed(&self, call: CallId) -> bool {
        self.listed(call).is_some_and(|entry| entry.list == OperatorList::Allow)
    }

    /// Puts the entry into the score of a closed call, if the stored findings differ.
    pub(super) fn tell_listing_if_changed(
        &mut self,
        call: CallId,
        stored: &[Finding],
        out: &mut Vec<Outcome>,
    ) {
        let entry = self.listed(call).cloned();
        let has = |signal: usize| stored.iter().any(|of| of.signal == signal);
        let is = |list| entry.as_ref().is_some_and(|entry| entry.list == list);
        let is_same = has(OPERATOR_BLOCKED) == is(OperatorList::Block)
            && has(OPERATOR_ALLOWED) == is(OperatorList::Allow);
        if !is_same {
            self.tell_listing(call, entry.as_ref(), out);
        }
    }

    /// Puts the entry into the score of a call, open or closed.
    pub(super) fn tell_listing(
        &mut self,
        call: CallId,
        entry: Option<&Arc<OperatorEntry>>,
        out: &mut Vec<Outcome>,
    ) {
        let listing = entry.map(Listing::from);
        if let Some(opened) = self.opened(call)
            && !opened.is_known
        {
            opened.listing = listing;
            opened.is_news = true;
            return;
        }
        let campaign = self.member(call).map(|(campaign, _)| campaign);
        for signal in [OPERATOR_BLOCKED, OPERATOR_ALLOWED] {
            let found = listing.as_ref().and_then(|listing| of_listing(listing, signal));
            let finding = found.and_then(|found| self.finding(signal, found));
            out.push(Outcome::Amend { call, signal, finding, campaign });
        }
    }
}
