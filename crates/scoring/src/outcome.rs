use std::sync::Arc;

use bellwether_acoustics::recordings::Print;
use bellwether_base::{Alert, CallId, CampaignId, IncidentId, RecordingId, Side, Timestamp};
use bellwether_incidents::Incident;

use crate::MembershipKind;
use crate::{Finding, LinkKind, ReputationRecord, Stage, Subject};

/// A result of scoring that must be stored.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// The score of a call. It replaces an earlier one.
    Score(ScoreRow),
    /// A call is closed. Its last score stands.
    Closed {
        /// The call.
        call: CallId,
        /// Time of closing.
        at: Timestamp,
    },
    /// A closed call gets a signal or loses it (`None`). Its other signals stay.
    Amend {
        /// The call.
        call: CallId,
        /// Index of the signal in [`crate::SIGNALS`].
        signal: usize,
        /// The new points and evidence.
        finding: Option<Finding>,
        /// The present campaign of the call.
        campaign: Option<CampaignId>,
    },
    /// A campaign, new or changed.
    Campaign(Box<CampaignRow>),
    /// A call joined a campaign.
    Member(MemberRow),
    /// A call left a campaign.
    Left {
        /// The campaign.
        campaign: CampaignId,
        /// The call.
        call: CallId,
        /// The reason; empty if another outcome gives it.
        why: String,
    },
    /// Two campaigns were merged.
    Merged {
        /// The campaign that ends.
        from: CampaignId,
        /// The campaign that continues.
        into: CampaignId,
        /// Time of the merge.
        at: Timestamp,
        /// The evidence that both share.
        why: String,
    },
    /// A campaign was split. Some of its calls move to another campaign.
    Parted {
        /// The original campaign.
        from: CampaignId,
        /// The new campaign.
        into: CampaignId,
        /// Time of the split.
        at: Timestamp,
        /// The reason.
        why: String,
    },
    /// The key of a candidate group now leads to a campaign.
    Key {
        /// The key.
        key: i64,
        /// The campaign.
        campaign: CampaignId,
    },
    /// A recording that several calls play.
    Recording(Box<RecordingRow>),
    /// A recording belongs to a campaign.
    RecordingOf {
        /// The recording.
        recording: RecordingId,
        /// The campaign.
        campaign: CampaignId,
    },
    /// An incident, new or changed.
    Incident(Box<Incident>),
    /// A call became a member of an incident.
    IncidentMember {
        /// The incident.
        incident: IncidentId,
        /// The call.
        call: CallId,
    },
    /// An incident took the members of another one in.
    IncidentMerged {
        /// The incident that ends.
        from: IncidentId,
        /// The incident that continues.
        into: IncidentId,
    },
    /// The operator gave an incident a label, or took it back.
    IncidentLabelled {
        /// The incident.
        incident: IncidentId,
        /// True if it is honest, which ends it.
        is_honest: bool,
    },
    /// A changed reputation record.
    Reputation(Subject, Box<ReputationRecord>),
    /// A subject was added to a list, or removed from one.
    List(ListChange),
    /// An alert.
    Alert(Box<Alert>),
}

/// A recording that several calls play. What one call played is not stored.
#[derive(Clone, PartialEq, Debug)]
pub struct RecordingRow {
    /// The recording.
    pub recording: RecordingId,
    /// The side that plays it.
    pub player: Side,
    /// The first call that played it, of those in memory.
    pub first_call: CallId,
    /// Its words, which only the owner of the key can read.
    pub print: Print,
    /// Time of its last call, to the hour.
    pub last_seen: Timestamp,
    /// True if several established callers play it, so that it links nobody.
    pub is_commonplace: bool,
    /// True for a piece that PBX packages ship.
    pub is_stock: bool,
}

/// The score of a call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct ScoreRow {
    pub call: CallId,
    pub stage: Stage,
    pub at: Timestamp,
    pub score: f64,
    pub disposition: crate::Disposition,
    pub fraud_probability: Option<f64>,
    pub confidence: crate::Confidence,
    pub findings: Vec<Finding>,
    pub campaign: Option<CampaignId>,
    pub sender: crate::SenderMarks,
}

/// Calls of one originator, under any numbers and addresses.
#[derive(Clone, PartialEq, Debug)]
pub struct CampaignRow {
    /// Identity.
    pub campaign: CampaignId,
    /// Its name, which never changes.
    pub name: Arc<str>,
    /// Time of discovery, later than the first call. For a split campaign, the time at which its calls first
    /// joined a campaign.
    pub found_at: Timestamp,
    /// Time of its first and latest call.
    pub first_seen: Timestamp,
    /// See `first_seen`.
    pub last_seen: Timestamp,
    /// Number of member calls.
    pub calls: u32,
    /// True if a label confirms it.
    pub is_confirmed: bool,
    /// Alerts raised so far: none (0), found (1), confirmed (2).
    pub told: u8,
    /// Its kind.
    pub kind: crate::CampaignKind,
    /// The campaign that it was split from.
    pub parted_from: Option<CampaignId>,
    /// The evidence that links its calls.
    pub links: Vec<LinkRow>,
}

/// One link between calls.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkRow {
    /// Its kind.
    pub kind: LinkKind,
    /// The evidence as text.
    pub evidence: String,
}

/// The membership of a call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns")]
pub struct MemberRow {
    pub campaign: CampaignId,
    pub call: CallId,
    pub at: Timestamp,
    pub kind: MembershipKind,
    /// Log odds of the membership.
    pub strength: f64,
    pub why: Arc<str>,
}

/// The list that a subject is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Listed {
    /// No list.
    #[default]
    No,
    /// Block list: calls should be refused.
    Blocked,
    /// Allow list: calls need no inspection.
    Allowed,
}

impl Listed {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "none",
            Self::Blocked => "block",
            Self::Allowed => "allow",
        }
    }

    /// Finds a list by its name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        [Self::Blocked, Self::Allowed].into_iter().find(|l| l.name() == name).unwrap_or_default()
    }
}

/// A change of a list entry, with its reason.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns")]
pub struct ListChange {
    pub at: Timestamp,
    pub subject: Subject,
    pub from: Listed,
    pub to: Listed,
    pub standing: f64,
    pub why: String,
}
