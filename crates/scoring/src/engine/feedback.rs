//! The operator's feedback in the judgement of senders: labels of calls and campaigns, and own lists.
//!
//! A label of a call speaks about the party of the call, and a label of fraud also about the strangers on its
//! platform family. A label of a campaign speaks about the clusters whose campaign it is. No label speaks about a
//! platform as a whole: lines on a copied platform are in no such cluster. An entry of the allow list is worth a label
//! of honest use of each of its calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bellwether_base::{CallId, CampaignId, IncidentId, RecordingId, Timestamp};
use bellwether_senders::{ACCUSED_FROM, Change, Cluster, OF_UNKNOWN, Verdict, log_odds, probability};

use super::{Outcome, ScoringEngine};
use crate::Finding;
use crate::history::History;
use crate::open::{Listing, Membership};
use crate::operator_list::{ListedCall, OperatorEntry, OperatorList, OperatorLists, OperatorSubject};
use crate::signals::{Group, OPERATOR_ALLOWED, OPERATOR_BLOCKED, group, of_listing, of_sender};

/// Log odds of a label. Several labels of one cluster concern one party: they add their logarithm.
const OF_FRAUD: f64 = 7.0;

/// The same of a label of honest use. It has to outweigh what made the sender look like a campaign.
const OF_HONEST_USE: f64 = -10.0;

/// A label of one stranger weighs less by this about the other strangers.
const OF_OTHERS: f64 = 4.0;

/// Points of a stored finding that differ by less are the same.
const SAME_POINTS: f64 = 3.0;

/// Labels of calls and of what their senders are known by: `true` for fraud.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SenderLabels {
    /// Calls, those of labelled campaigns and recordings among them.
    pub calls: Vec<(CallId, bool)>,
    /// Campaigns.
    pub campaigns: Vec<(CampaignId, bool)>,
    /// Recordings.
    pub recordings: Vec<(RecordingId, bool)>,
    /// Incidents.
    pub incidents: Vec<(IncidentId, bool)>,
}

/// Feedback about senders.
#[derive(Default)]
pub(super) struct Feedback {
    calls: BTreeMap<CallId, bool>,
    campaigns: BTreeMap<CampaignId, bool>,
    /// Labelled recordings.
    recordings: BTreeMap<RecordingId, bool>,
    /// Labelled calls by cluster: of fraud, and of honest use.
    clusters: BTreeMap<Cluster, (u32, u32)>,
    lists: OperatorLists,
}

/// The feedback that concerns one call.
struct Concerned {
    /// True if the allow list vouches for the call.
    is_allowed: bool,
    /// The label of the call, or of the recording that it plays: true for fraud.
    label: Option<bool>,
    /// The cluster of its party.
    party: Option<Cluster>,
}

/// Weight of the judgement about the share of a cluster's calls that are fraud, in labels.
const SHARE_IS_WORTH: f64 = 4.0;

impl Feedback {
    /// The label of a call.
    pub(super) fn label(&self, call: CallId) -> Option<bool> {
        self.calls.get(&call).copied()
    }

    /// True if the operator says that a call or its campaign is honest.
    fn pardons(&self, call: CallId, campaign: CampaignId) -> bool {
        self.label(call).or_else(|| self.campaigns.get(&campaign).copied()) == Some(false)
    }

    /// The labels of fraud and of honest use of a cluster's calls.
    fn labels(&self, cluster: Cluster) -> (u32, u32) {
        self.clusters.get(&cluster).copied().unwrap_or_default()
    }

    fn has_no_labels(&self) -> bool {
        self.calls.is_empty() && self.campaigns.is_empty() && self.recordings.is_empty()
    }

    /// The label of a recording.
    pub(super) fn label_of_recording(&self, recording: RecordingId) -> Option<bool> {
        self.recordings.get(&recording).copied()
    }
}

impl ScoringEngine {
    /// Replaces the operator's labels and lists. The verdicts about senders change at once.
    pub fn set_feedback(
        &mut self,
        labels: SenderLabels,
        entries: Vec<OperatorEntry>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        self.set_incident_labels(labels.incidents, memory, out);
        let keys = &self.keys;
        let lists = OperatorLists::new(entries, |token| keys.user(token), |print| keys.print(print));
        let now = Feedback {
            calls: labels.calls.into_iter().collect(),
            campaigns: labels.campaigns.into_iter().collect(),
            recordings: labels.recordings.into_iter().collect(),
            clusters: BTreeMap::new(),
            lists,
        };
        self.feedback_before = std::mem::replace(&mut self.feedback, now);
        self.count_labelled_clusters();
        self.pardon_members(out);
        for change in self.changed_by_feedback() {
            let entry = self.listed(&self.feedback, change.call).cloned();
            if self.listed(&self.feedback_before, change.call) != entry.as_ref() {
                self.tell_listing(change.call, entry.as_ref(), out);
            }
            self.apply(vec![change], memory, out);
        }
    }

    /// True if the operator says that a call or its campaign is honest.
    pub(super) fn is_pardoned(&self, call: CallId, campaign: CampaignId) -> bool {
        self.feedback.pardons(call, campaign)
    }

    /// Counts or pardons the members of campaigns as the operator says now.
    fn pardon_members(&mut self, out: &mut Vec<Outcome>) {
        let mut changed = Vec::new();
        self.members.for_each(|key, membership| {
            let call = CallId::from_key(*key);
            if membership.is_pardoned != self.is_pardoned(call, membership.campaign) {
                changed.push(call);
            }
        });
        changed.sort_unstable();
        for call in changed {
            self.pardon(call, out);
        }
    }

    /// Takes over what the operator says of a member.
    fn pardon(&mut self, call: CallId, out: &mut Vec<Outcome>) {
        let Some(membership) = self.membership(call) else { return };
        let is_pardoned = self.is_pardoned(call, membership.campaign);
        let membership = Membership { is_pardoned, ..membership };
        if let Some(of) = self.members.value_mut(call.key()) {
            *of = membership.clone();
        }
        match self.opened(call) {
            Some(opened) => {
                opened.membership = Some(membership);
                opened.is_news = true;
                self.tell(call, out);
            }
            None => self.amend_membership(call, &membership, out),
        }
    }

    /// The present verdicts of the calls in memory about which the operator says something else than before.
    fn changed_by_feedback(&self) -> Vec<Change> {
        let (before, now) = (&self.feedback_before, &self.feedback);
        let mut calls: BTreeSet<CallId> = before.calls.keys().chain(now.calls.keys()).copied().collect();
        if !before.lists.is_empty() || !now.lists.is_empty() {
            let all = self.senders.all().into_iter().map(|change| change.call);
            calls.extend(all.filter(|call| self.listed(before, *call) != self.listed(now, *call)));
        }
        if !before.has_no_labels() || !now.has_no_labels() {
            let is_changed = |cluster: &Cluster| {
                let campaign = self.campaign_of_cluster(*cluster);
                before.clusters.get(cluster) != now.clusters.get(cluster)
                    || campaign.is_some_and(|of| before.campaigns.get(&of) != now.campaigns.get(&of))
            };
            let clusters = self.senders.clusters().into_iter().filter(is_changed);
            calls.extend(clusters.flat_map(|of| self.senders.members(of)).map(|change| change.call));
        }
        calls.into_iter().filter_map(|call| self.senders.present(call)).collect()
    }

    /// Applies a change of feedback to the calls of the last days in the database. A process that only gives feedback
    /// has seen no calls.
    pub fn apply_feedback_to_past(&mut self, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        if self.is_warm {
            return;
        }
        self.recall_campaigns(Timestamp::MIN, self.now, memory);
        let members = self.read_senders(Timestamp::MIN, Timestamp::MAX, memory);
        let mut changes = Vec::new();
        let all = self.senders.all();
        // What follows from the feedback happens at the time of the latest call.
        self.now = all.iter().map(|change| change.at).fold(self.now, Timestamp::max);
        for change in all {
            let Change { call, at, verdict } = change;
            let is_said_otherwise =
                self.with(&self.feedback_before, call, verdict) != self.with_feedback(call, verdict);
            let is_listed_otherwise =
                self.listed(&self.feedback_before, call) != self.listed(&self.feedback, call);
            let is_pardoned_otherwise = members.get(&call).is_some_and(|campaign| {
                self.feedback_before.pardons(call, *campaign) != self.feedback.pardons(call, *campaign)
            });
            if !is_said_otherwise && !is_listed_otherwise && !is_pardoned_otherwise {
                continue;
            }
            let Some(judged) = memory.judged(call, at) else { continue };
            if let Some(member) = judged.member {
                self.recall_member(call, member, memory, out);
            }
            if is_pardoned_otherwise {
                self.pardon(call, out);
            }
            if is_listed_otherwise {
                let entry = self.listed(&self.feedback, call).cloned();
                self.tell_listing(call, entry.as_ref(), out);
            }
            if is_same(&judged.findings, &self.with_feedback(call, verdict).0) {
                continue;
            }
            changes.push(change);
        }
        self.apply(changes, memory, out);
    }

    /// A verdict after the feedback about the call, its party, its cluster and the cluster's campaign; and true if the
    /// feedback declares the call honest. Reputation then says nothing against it.
    pub(super) fn with_feedback(&self, call: CallId, verdict: Verdict) -> (Verdict, bool) {
        self.with(&self.feedback, call, verdict)
    }

    fn with(&self, feedback: &Feedback, call: CallId, verdict: Verdict) -> (Verdict, bool) {
        let concerned = || Concerned {
            is_allowed: self.is_allowed(feedback, call),
            label: self.label_of(feedback, call),
            party: self.senders.party_of(call),
        };
        self.weighed(feedback, concerned, verdict)
    }

    /// A verdict after the feedback about what a call is concerned by.
    fn weighed(
        &self,
        feedback: &Feedback,
        concerned: impl FnOnce() -> Concerned,
        verdict: Verdict,
    ) -> (Verdict, bool) {
        if feedback.has_no_labels() && feedback.lists.is_empty() {
            return (verdict, false);
        }
        let of = concerned();
        let said = self.said(feedback, &of, &verdict);
        if said == 0.0 {
            return (verdict, false);
        }
        let is_judged = !matches!(verdict.cluster, Cluster::Nothing | Cluster::Line(_) | Cluster::Trunk);
        let is_of_others = !matches!(verdict.cluster, Cluster::Address { .. } | Cluster::Guests { .. });
        let is_labelled = of.label.is_some();
        let is_own = is_labelled || of.is_allowed;
        let probability = if is_judged && is_own && is_of_others && said < 0.0 {
            // What others on the platform do says nothing against a caller that somebody vouches for.
            probability(log_odds(OF_UNKNOWN) + said)
        } else if is_judged && !is_labelled {
            // The label speaks about the cluster. The call may still be of somebody else.
            probability(verdict.terms.sum() + said) * labelled_share(feedback, &verdict)
        } else {
            probability(log_odds(verdict.probability) + said)
        };
        let is_accused = probability >= ACCUSED_FROM && (verdict.is_accused || said > 0.0);
        (Verdict { probability, is_accused, ..verdict }, said < 0.0)
    }

    /// Log odds of what the operator says about a call. A label of the call itself precedes all others.
    fn said(&self, feedback: &Feedback, of: &Concerned, verdict: &Verdict) -> f64 {
        if of.is_allowed {
            return OF_HONEST_USE;
        }
        if feedback.has_no_labels() {
            return 0.0;
        }
        if let Some(is_fraud) = of.label {
            return if is_fraud { OF_FRAUD } else { OF_HONEST_USE };
        }
        let by_cluster = |cluster: Cluster| match (feedback.labels(cluster), cluster) {
            // One stranger says less of the others than a call says of its own party. A label of honest use says only
            // how many of them are honest.
            ((0, _), Cluster::Strangers { .. }) => 0.0,
            ((fraud, _), Cluster::Strangers { .. }) => weight((fraud, 0)) - OF_OTHERS,
            (counts, _) => weight(counts),
        };
        let is_line = matches!(verdict.cluster, Cluster::Line(_) | Cluster::Trunk);
        let of_cluster = by_cluster(verdict.cluster);
        let of_party = of.party.filter(|_| !is_line).map_or(0.0, by_cluster);
        let campaign = self.campaign_of_cluster(verdict.cluster);
        let of_campaign = campaign
            .and_then(|campaign| feedback.campaigns.get(&campaign))
            .map_or(0.0, |is_fraud| weight(if *is_fraud { (1, 0) } else { (0, 1) }));
        // Labels about one call concern one party: the one that says most counts.
        let all = [of_party, of_cluster, of_campaign];
        all.into_iter().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a })
    }

    /// The entry of the operator's lists about a call that has not come, and its verdict after the feedback.
    pub(super) fn forecast_feedback(
        &self,
        call: &ListedCall,
        party: Cluster,
        verdict: Verdict,
    ) -> (Option<Listing>, Verdict, bool) {
        let entry = self.feedback.lists.find(call);
        let is_allowed = entry.is_some_and(|entry| entry.list == OperatorList::Allow);
        let concerned = || Concerned { is_allowed, label: None, party: Some(party) };
        let (verdict, is_vouched_for) = self.weighed(&self.feedback, concerned, verdict);
        (entry.map(Listing::from), verdict, is_vouched_for)
    }

    /// What the operator's lists say about a call.
    pub(super) fn listed_findings(&self, call: &ListedCall) -> Vec<Finding> {
        let Some(listing) = self.feedback.lists.find(call).map(Listing::from) else { return Vec::new() };
        let found = |signal| Some((signal, of_listing(&listing, signal)?));
        let found = [OPERATOR_BLOCKED, OPERATOR_ALLOWED].into_iter().filter_map(found);
        found.filter_map(|(signal, found)| self.finding(signal, found)).collect()
    }

    /// True if the operator labelled a campaign as honest.
    pub(super) fn is_honest(&self, campaign: CampaignId) -> bool {
        self.feedback.campaigns.get(&campaign) == Some(&false)
    }

    /// The label of a call, or of the recording that it plays.
    fn label_of(&self, feedback: &Feedback, call: CallId) -> Option<bool> {
        let of_recording = || feedback.label_of_recording(self.recordings.of_call(call)?);
        feedback.label(call).or_else(of_recording)
    }

    /// Applies what the operator says of the recording that a call plays.
    pub(super) fn apply_word_about_recording(
        &mut self,
        call: CallId,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let Some(recording) = self.recordings.of_call(call) else { return };
        let entry = self.listed(&self.feedback, call).cloned();
        let is_listed = entry.as_ref().is_some_and(|of| of.subject == OperatorSubject::Recording(recording));
        if is_listed {
            self.tell_listing(call, entry.as_ref(), out);
        }
        if is_listed || self.feedback.label_of_recording(recording).is_some() {
            let change = self.senders.present(call);
            self.apply(change.into_iter().collect(), memory, out);
        }
    }

    /// Counts the labelled calls by cluster, as the clusters are now.
    pub(super) fn count_labelled_clusters(&mut self) {
        let count = |calls: &BTreeMap<CallId, bool>| {
            let mut counts: BTreeMap<Cluster, (u32, u32)> = BTreeMap::new();
            for (call, is_fraud) in calls {
                for cluster in self.senders.labelled_by(*call) {
                    let (fraud, legit) = counts.entry(cluster).or_default();
                    *(if *is_fraud { fraud } else { legit }) += 1;
                }
            }
            counts
        };
        let (before, now) = (count(&self.feedback_before.calls), count(&self.feedback.calls));
        (self.feedback_before.clusters, self.feedback.clusters) = (before, now);
    }

    /// The entry of the operator's lists that applies to a call.
    pub(super) fn listed<'f>(&self, feedback: &'f Feedback, call: CallId) -> Option<&'f Arc<OperatorEntry>> {
        if feedback.lists.is_empty() { None } else { feedback.lists.find(&self.compared(call)?) }
    }

    /// True for a call that the allow list vouches for.
    fn is_allowed(&self, feedback: &Feedback, call: CallId) -> bool {
        self.listed(feedback, call).is_some_and(|entry| entry.list == OperatorList::Allow)
    }

    /// Puts the entry into the score of a call, open or closed.
    fn tell_listing(&mut self, call: CallId, entry: Option<&Arc<OperatorEntry>>, out: &mut Vec<Outcome>) {
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

/// The share of a cluster's calls that are fraud, if it is a campaign's: by the judgement and by labelled calls.
fn labelled_share(feedback: &Feedback, verdict: &Verdict) -> f64 {
    // Only the strangers of a family are of several parties.
    if !matches!(verdict.cluster, Cluster::Strangers { .. }) {
        return verdict.share;
    }
    let (fraud, legit) = feedback.labels(verdict.cluster);
    let (fraud, legit) = (f64::from(fraud), f64::from(legit));
    (SHARE_IS_WORTH * verdict.share + fraud) / (SHARE_IS_WORTH + fraud + legit)
}

/// Log odds of labels. Contradicting ones cancel.
fn weight((fraud, legit): (u32, u32)) -> f64 {
    let more = f64::from(fraud) - f64::from(legit);
    match more {
        0.0 => 0.0,
        more if more > 0.0 => OF_FRAUD + more.ln(),
        more => OF_HONEST_USE - more.abs().ln(),
    }
}

/// True if stored findings say the same of the sender as a verdict.
fn is_same(stored: &[Finding], verdict: &Verdict) -> bool {
    let stored = stored.iter().find(|of| group(of.signal) == Group::Sender).map_or(0.0, |of| of.points);
    let points = of_sender(verdict).map_or(0.0, |(signal, found)| {
        crate::SIGNALS.get(signal).map_or(0.0, |signal| signal.points * found.share)
    });
    let (against, towards) = Group::Sender.limits();
    (stored - points.clamp(-against, towards)).abs() < SAME_POINTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_labels_of_one_cluster_weigh_little_more_than_one_and_contradicting_ones_cancel() {
        assert_eq!(weight((1, 0)), 7.0);
        assert!(weight((100, 0)) < 12.0 && weight((0, 5)) < -11.0);
        assert_eq!(weight((3, 3)), 0.0);
        assert!(weight((9, 1)) > 8.0, "a tenth of the labels is wrong");
    }
}
