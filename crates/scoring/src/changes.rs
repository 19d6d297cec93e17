use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{Alert, CallId, CampaignId, IncidentId, RecordingId, Timestamp};

use crate::{
    CampaignRow, Finding, Incident, ListChange, MemberRow, Outcome, RecordingRow, ReputationRecord, ScoreRow,
    Stage, Subject,
};

/// Results of scoring that wait for the next commit. A later result about the same thing replaces an earlier one.
///
/// The engine hands out [`Outcome`]s one by one; the database takes them together. In between, the component that answers the engine's
/// questions about history has to look here first.
#[derive(Debug, Default)]
pub struct Changes {
    /// Scores by call.
    pub scores: BTreeMap<CallId, ScoreRow>,
    /// Calls whose stored score becomes final, with the time.
    pub closed: BTreeMap<CallId, Timestamp>,
    /// Signals that calls get or lose after they were closed, in order.
    pub amendments: Vec<Amendment>,
    /// Campaigns by identity.
    pub campaigns: BTreeMap<CampaignId, Box<CampaignRow>>,
    /// Changes of membership, in order.
    pub memberships: Vec<MembershipChange>,
    /// Campaign by key.
    pub keys: BTreeMap<i64, CampaignId>,
    /// Reputation records by subject.
    pub reputations: BTreeMap<Subject, Box<ReputationRecord>>,
    /// Changes of the allow list and the block list, in order.
    pub lists: Vec<ListChange>,
    /// Alerts, in order.
    pub alerts: Vec<Alert>,
    /// Recordings that several calls play.
    pub recordings: BTreeMap<RecordingId, Box<RecordingRow>>,
    /// The campaigns of recordings.
    pub recordings_of: BTreeMap<RecordingId, CampaignId>,
    /// Incidents by identity.
    pub incidents: BTreeMap<IncidentId, Box<Incident>>,
    /// Changes of the members of incidents, in order.
    pub incident_changes: Vec<IncidentChange>,
    /// Campaigns that another campaign absorbed.
    pub merged: BTreeSet<CampaignId>,
}

/// A signal that a closed call gets or loses.
#[derive(Clone, PartialEq, Debug)]
pub struct Amendment {
    /// The call.
    pub call: CallId,
    /// Index of the signal in [`crate::SIGNALS`].
    pub signal: usize,
    /// Its points and evidence; `None` removes it.
    pub finding: Option<Finding>,
    /// The call's campaign from now on.
    pub campaign: Option<CampaignId>,
}

/// A change of the members of a campaign.
#[derive(Clone, PartialEq, Debug)]
pub enum MembershipChange {
    /// A call joined.
    Joined(MemberRow),
    /// A call left.
    Left {
        /// The campaign.
        campaign: CampaignId,
        /// The call.
        call: CallId,
        /// The reason; empty where another change gives it.
        why: String,
    },
    /// One campaign absorbed another.
    Merged {
        /// The campaign that ends.
        from: CampaignId,
        /// The campaign that goes on.
        into: CampaignId,
        /// When.
        at: Timestamp,
        /// The common property of both.
        why: String,
    },
    /// Some calls of a campaign became a campaign of their own.
    Split {
        /// The campaign that they were in.
        from: CampaignId,
        /// Their own.
        into: CampaignId,
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
}

/// A change of an incident beside its row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IncidentChange {
    /// A call became a member.
    Joined {
        /// The incident.
        incident: IncidentId,
        /// The call.
        call: CallId,
    },
    /// One incident took the members of another one in.
    Merged {
        /// The incident that ends.
        from: IncidentId,
        /// The incident that goes on.
        into: IncidentId,
    },
    /// The operator gave it a label, or took it back.
    Labelled {
        /// The incident.
        incident: IncidentId,
        /// True if it is honest, which ends it.
        is_honest: bool,
    },
}

impl Changes {
    /// True if nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pending_scores() == 0
            && self.campaigns.is_empty()
            && self.keys.is_empty()
            && self.reputations.is_empty()
            && self.lists.is_empty()
            && self.alerts.is_empty()
            && self.incidents.is_empty()
            && self.recordings.is_empty()
            && self.recordings_of.is_empty()
    }

    /// Scores, amendments and memberships that wait: the bulk of what a commit writes.
    #[must_use]
    pub fn pending_scores(&self) -> usize {
        self.scores.len()
            + self.closed.len()
            + self.amendments.len()
            + self.memberships.len()
            + self.incident_changes.len()
    }

    /// Adds what the engine found.
    pub fn record(&mut self, outcomes: impl IntoIterator<Item = Outcome>) {
        for outcome in outcomes {
            self.add(outcome);
        }
    }

    fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Score(row) => {
                self.scores.insert(row.call, row);
            }
            Outcome::Closed { call, at } => match self.scores.get_mut(&call) {
                Some(row) => (row.stage, row.at) = (Stage::Closed, at),
                None => {
                    self.closed.insert(call, at);
                }
            },
            Outcome::Amend { call, signal, finding, campaign } => {
                self.amendments.push(Amendment { call, signal, finding, campaign });
            }
            Outcome::Campaign(row) => {
                self.campaigns.insert(row.campaign, row);
            }
            Outcome::Member(row) => self.memberships.push(MembershipChange::Joined(row)),
            Outcome::Left { campaign, call, why } => {
                self.memberships.push(MembershipChange::Left { campaign, call, why });
            }
            Outcome::Merged { from, into, at, why } => {
                let keys = self.keys.values_mut();
                let campaigns = keys.chain(self.recordings_of.values_mut());
                campaigns.filter(|campaign| **campaign == from).for_each(|campaign| *campaign = into);
                self.merged.insert(from);
                self.memberships.push(MembershipChange::Merged { from, into, at, why });
            }
            Outcome::Parted { from, into, at, why } => {
                self.memberships.push(MembershipChange::Split { from, into, at, why });
            }
            Outcome::Key { key, campaign } => {
                self.keys.insert(key, campaign);
            }
            Outcome::Recording(row) => {
                self.recordings.insert(row.recording, row);
            }
            Outcome::RecordingOf { recording, campaign } => {
                self.recordings_of.insert(recording, campaign);
            }
            Outcome::Incident(row) => {
                self.incidents.insert(row.id, row);
            }
            Outcome::IncidentMember { incident, call } => {
                self.incident_changes.push(IncidentChange::Joined { incident, call });
            }
            Outcome::IncidentMerged { from, into } => {
                self.incident_changes.push(IncidentChange::Merged { from, into });
            }
            Outcome::IncidentLabelled { incident, is_honest } => {
                self.incident_changes.push(IncidentChange::Labelled { incident, is_honest });
            }
            Outcome::Reputation(subject, record) => {
                self.reputations.insert(subject, record);
            }
            Outcome::List(change) => self.lists.push(change),
            Outcome::Alert(row) => self.alerts.push(*row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanos(seconds * 1_000_000_000)
    }

    fn score(call: i64, score: f64) -> Outcome {
        Outcome::Score(ScoreRow {
            call: CallId::new(call),
            stage: Stage::Provisional,
            at: at(1),
            score,
            disposition: crate::Disposition::Monitor,
            fraud_probability: None,
            confidence: crate::Confidence::None,
            sender: crate::SenderMarks::default(),
            findings: Vec::new(),
            campaign: None,
        })
    }

    #[test]
    fn a_later_score_of_a_call_replaces_the_earlier_one_and_closing_keeps_it() {
        let mut changes = Changes::default();
        changes.record([
            score(1, 40.0),
            score(1, 60.0),
            score(2, 50.0),
            Outcome::Closed { call: CallId::new(1), at: at(9) },
        ]);
        assert_eq!((changes.scores.len(), changes.scores[&CallId::new(1)].score), (2, 60.0));
        assert_eq!(
            (changes.scores[&CallId::new(1)].stage, changes.scores[&CallId::new(1)].at),
            (Stage::Closed, at(9))
        );
        // The score of a call that an earlier commit wrote is closed in the database.
        changes.record([Outcome::Closed { call: CallId::new(3), at: at(9) }]);
        assert_eq!((changes.closed.len(), changes.pending_scores()), (1, 3));
    }

    #[test]
    fn keys_of_an_absorbed_campaign_lead_to_the_one_that_absorbed_it() {
        let mut changes = Changes::default();
        let merged = Outcome::Merged {
            from: CampaignId::new(7),
            into: CampaignId::new(8),
            at: at(1),
            why: String::new(),
        };
        changes.record([
            Outcome::Key { key: 1, campaign: CampaignId::new(7) },
            Outcome::Key { key: 2, campaign: CampaignId::new(9) },
            merged,
        ]);
        assert_eq!((changes.keys[&1], changes.keys[&2]), (CampaignId::new(8), CampaignId::new(9)));
        assert!(changes.merged.contains(&CampaignId::new(7)) && !changes.is_empty());
    }
}
