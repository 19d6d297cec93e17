//! The operator's labels in the judgement of senders.
//!
//! A label of a call speaks about the address of the call, and a label of fraud also about the strangers on its
//! platform family. A label of a campaign speaks about the clusters whose campaign it is. No label speaks about a
//! platform as a whole: lines on a copied platform are in no such cluster.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{CallId, CampaignId, Timestamp};
use bellwether_senders::{Change, Cluster, Verdict, log_odds, probability};

use super::{Outcome, ScoringEngine};
use crate::Finding;
use crate::history::History;
use crate::signals::{Group, group, of_sender};

/// Log odds of a label. Several labels of one cluster concern one party: they add their logarithm.
const OF_FRAUD: f64 = 7.0;

/// The same of a label of honest use. It has to outweigh what made the sender look like a campaign.
const OF_HONEST_USE: f64 = -10.0;

/// A label of one stranger weighs less by this about the other strangers.
const OF_OTHERS: f64 = 4.0;

/// Probability of fraud of a stranger's call without a cluster.
const OF_STRANGER: f64 = 0.01;

/// Probability from which on a labelled call is accused.
const ACCUSED_FROM: f64 = 0.8;

impl ScoringEngine {
    /// Replaces the labels of calls and campaigns (`true` for fraud). The verdicts about their senders change at
    /// once.
    pub fn set_sender_labels(
        &mut self,
        calls: Vec<(CallId, bool)>,
        campaigns: Vec<(CampaignId, bool)>,
        memory: &mut dyn History,
        out: &mut Vec<Outcome>,
    ) {
        let before: BTreeSet<CallId> = std::mem::take(&mut self.labelled).into_keys().collect();
        self.labelled = calls.into_iter().collect();
        let labelled_before =
            std::mem::replace(&mut self.labelled_campaigns, campaigns.into_iter().collect());
        let clusters_before = self.count_labelled_clusters();
        let is_changed = |cluster: &Cluster| {
            clusters_before.get(cluster) != self.labelled_clusters.get(cluster)
                || self.campaign_of_cluster(*cluster).is_some_and(|campaign| {
                    labelled_before.get(&campaign) != self.labelled_campaigns.get(&campaign)
                })
        };
        let clusters: Vec<Cluster> = self.senders.clusters().into_iter().filter(is_changed).collect();
        let mut changes: Vec<Change> =
            clusters.into_iter().flat_map(|cluster| self.senders.members(cluster)).collect();
        let calls: BTreeSet<CallId> = self.labelled.keys().copied().chain(before).collect();
        changes.extend(calls.into_iter().filter_map(|call| self.senders.present(call)));
        self.apply(changes, memory, out);
    }

    /// Applies the labels to the calls of the last days in the database. A process that only labels has seen no
    /// calls.
    pub fn apply_labels_to_past(&mut self, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        if self.is_warm {
            return;
        }
        self.recall_campaigns(Timestamp::MIN, self.now, memory);
        self.read_senders(Timestamp::MIN, Timestamp::MAX, memory);
        let mut changes = Vec::new();
        for change in self.senders.all() {
            let Some(judged) = memory.judged(change.call, change.at) else { continue };
            self.tell_listing_if_changed(change.call, &judged.findings, out);
            let labelled = self.labelled(change.call, change.verdict);
            if is_same(&judged.findings, &labelled) {
                continue;
            }
            if let Some(member) = judged.member {
                self.recall_member(change.call, member, memory, out);
            }
            changes.push(change);
        }
        self.apply(changes, memory, out);
    }

    /// True for a call that a label of its sender declares honest. Reputation then says nothing against it.
    pub(super) fn is_vouched_for(&self, call: CallId, verdict: &Verdict) -> bool {
        self.said_by_labels(call, verdict) < 0.0
    }

    /// A verdict after the labels of the call, of its cluster and of the cluster's campaign.
    pub(super) fn labelled(&self, call: CallId, verdict: Verdict) -> Verdict {
        let said = self.said_by_labels(call, &verdict);
        if said == 0.0 {
            return verdict;
        }
        let is_judged = !matches!(verdict.cluster, Cluster::Nothing | Cluster::Line(_) | Cluster::Trunk);
        let is_of_others = !matches!(verdict.cluster, Cluster::Address { .. } | Cluster::Guests { .. });
        let is_own = self.labelled.contains_key(&call) || self.is_allowed(call);
        let probability = if is_judged && is_own && is_of_others && said < 0.0 {
            // What others on the platform do says nothing against a caller that somebody vouches for.
            probability(log_odds(OF_STRANGER) + said)
        } else if is_judged && !self.labelled.contains_key(&call) {
            // The label speaks about the cluster. The call may still be of somebody else.
            probability(verdict.terms.sum() + said) * verdict.share
        } else {
            probability(log_odds(verdict.probability) + said)
        };
        let is_accused = probability >= ACCUSED_FROM && (verdict.is_accused || said > 0.0);
        Verdict { probability, is_accused, ..verdict }
    }

    fn said_by_labels(&self, call: CallId, verdict: &Verdict) -> f64 {
        if self.is_allowed(call) {
            return OF_HONEST_USE;
        }
        if self.labelled.is_empty() && self.labelled_campaigns.is_empty() {
            return 0.0;
        }
        let own =
            self.labelled.get(&call).map_or(0.0, |is_fraud| if *is_fraud { OF_FRAUD } else { OF_HONEST_USE });
        let by_cluster = |cluster: Cluster| {
            let weight = self.labelled_clusters.get(&cluster).map_or(0.0, |counts| weight(*counts));
            // One stranger says less of the others than a call says of its own address.
            let is_of_others = weight > 0.0 && matches!(cluster, Cluster::Strangers { .. });
            if is_of_others { weight - OF_OTHERS } else { weight }
        };
        let is_line = matches!(verdict.cluster, Cluster::Line(_) | Cluster::Trunk);
        let of_cluster = by_cluster(verdict.cluster);
        let of_party = self.senders.party_of(call).filter(|_| !is_line).map_or(0.0, by_cluster);
        let campaign = self.campaign_of_cluster(verdict.cluster);
        let of_campaign = campaign
            .and_then(|campaign| self.labelled_campaigns.get(&campaign))
            .map_or(0.0, |is_fraud| weight(if *is_fraud { (1, 0) } else { (0, 1) }));
        // Labels about one call concern one party: the one that says most counts.
        let all = [own, of_party, of_cluster, of_campaign];
        all.into_iter().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a })
    }

    /// Counts the labelled calls by cluster. Returns the counts of before.
    pub(super) fn count_labelled_clusters(&mut self) -> BTreeMap<Cluster, (u32, u32)> {
        let mut counts: BTreeMap<Cluster, (u32, u32)> = BTreeMap::new();
        for (call, is_fraud) in &self.labelled {
            for cluster in self.senders.labelled_by(*call, *is_fraud) {
                let (fraud, legit) = counts.entry(cluster).or_default();
                *(if *is_fraud { fraud } else { legit }) += 1;
            }
        }
        std::mem::replace(&mut self.labelled_clusters, counts)
    }
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
    (stored - points.clamp(-against, towards)).abs() < 3.0
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
