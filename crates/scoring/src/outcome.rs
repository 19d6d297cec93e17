use std::sync::Arc;

use bellwether_acoustics::OpeningPrint;
use bellwether_base::Timestamp;

use crate::{AlertKind, Finding, LinkKind, ReputationRecord, Severity, Stage, Subject};

/// Something to be kept.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// A call's score, in place of an earlier one.
    Score(ScoreRow),
    /// Nothing more is expected of a call: its score stays as it was told last.
    Closed {
        /// The call.
        call: i64,
        /// When.
        at: Timestamp,
    },
    /// A call that is closed gets a signal, or loses it (`None`): its other signals stay.
    Amend {
        /// The call.
        call: i64,
        /// The signal's place in [`crate::SIGNALS`].
        signal: usize,
        /// Its new points and evidence.
        finding: Option<Finding>,
        /// The campaign, as it is now.
        campaign: Option<i64>,
    },
    /// A campaign, new or changed.
    Campaign(Box<CampaignRow>),
    /// A call belongs to a campaign.
    Member(MemberRow),
    /// It does not any more: why.
    Left {
        /// The campaign.
        campaign: i64,
        /// The call.
        call: i64,
        /// Why it left; empty where something else tells.
        why: String,
    },
    /// Two campaigns are one.
    Merged {
        /// The one that ends.
        from: i64,
        /// The one that goes on.
        into: i64,
        /// When.
        at: Timestamp,
        /// What they share.
        why: String,
    },
    /// A campaign was two: some of its calls are another's from now on.
    Parted {
        /// The one that it was taken for.
        from: i64,
        /// The one that it is.
        into: i64,
        /// When.
        at: Timestamp,
        /// Why.
        why: String,
    },
    /// A key leads to a campaign.
    Key {
        /// The key.
        key: i64,
        /// The campaign.
        campaign: i64,
    },
    /// A recording of a campaign.
    Prompt {
        /// How it begins.
        print: OpeningPrint,
        /// The campaign.
        campaign: i64,
    },
    /// A reputation record to be stored.
    Reputation(Subject, Box<ReputationRecord>),
    /// A subject came on a list, or left one.
    List(ListChange),
    /// Something that an operator should look at.
    Alert(Box<AlertRow>),
}

/// The score of a call.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct ScoreRow {
    pub call: i64,
    pub stage: Stage,
    pub at: Timestamp,
    pub score: f64,
    pub disposition: crate::Disposition,
    pub findings: Vec<Finding>,
    pub campaign: Option<i64>,
}

/// Calls of one origin, whatever their numbers and addresses are.
#[derive(Clone, PartialEq, Debug)]
pub struct CampaignRow {
    /// Identity.
    pub campaign: i64,
    /// Its name: stays as long as the campaign.
    pub name: Arc<str>,
    /// When it was found, which is later than its first call; of one that was parted, when its calls were first taken for a campaign's.
    pub found_at: Timestamp,
    /// Its first and its latest call.
    pub first_seen: Timestamp,
    /// See `first_seen`.
    pub last_seen: Timestamp,
    /// Calls that joined so far.
    pub calls: u32,
    /// Whether a label confirms it.
    pub is_confirmed: bool,
    /// What an operator was told of it: nothing (0), that it was found (1), that it is confirmed (2).
    pub told: u8,
    /// The campaign that it was taken for at first.
    pub parted_from: Option<i64>,
    /// What holds it together.
    pub links: Vec<LinkRow>,
}

/// What links calls.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkRow {
    /// Its kind.
    pub kind: LinkKind,
    /// Evidence in words.
    pub evidence: String,
}

/// A call of a campaign.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns")]
pub struct MemberRow {
    pub campaign: i64,
    pub call: i64,
    pub at: Timestamp,
    /// Logarithm of the odds that it belongs there.
    pub strength: f64,
    pub why: Arc<str>,
}

/// Which list a subject is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Listed {
    /// None.
    #[default]
    No,
    /// Its calls are to be refused.
    Blocked,
    /// Its calls need no look.
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

    /// By its name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        [Self::Blocked, Self::Allowed].into_iter().find(|l| l.name() == name).unwrap_or_default()
    }
}

/// A change of a list, explained.
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

/// Something that an operator should look at.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct AlertRow {
    pub at: Timestamp,
    pub kind: AlertKind,
    pub severity: Severity,
    pub subject: String,
    pub message: String,
    pub call: Option<i64>,
    pub campaign: Option<String>,
}
