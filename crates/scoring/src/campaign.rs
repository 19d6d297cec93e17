use crate::candidate_group::GroupKind;

/// The kind of evidence that links the calls of a campaign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LinkKind {
    /// A shared platform fingerprint.
    Fingerprint,
    /// A shared deployment of a platform.
    Deployment,
    /// A shared process or device, by its identifiers.
    Instance,
    /// A shared origin identifier (`origid`) in the signer's tokens.
    OriginId,
    /// Callers in one number block.
    CallerBlock,
    /// Called numbers in one number block.
    DialledBlock,
    /// The same recording.
    Prompt,
    /// Throwaway numbers: each makes a few calls.
    Numbers,
    /// Serial rotation: each number makes a few consecutive calls and never returns.
    Rotation,
    /// Changing source addresses.
    Addresses,
    /// Changing User-Agents.
    Agents,
    /// Numbers that are lines elsewhere.
    BorrowedNumbers,
    /// Neighbour spoofing: callers' numbers are near the called ones.
    Neighbours,
    /// Callers' numbers that cannot exist.
    ImpossibleNumbers,
    /// Malformed, replayed or mismatched tokens.
    Tokens,
    /// Sequential dialling.
    Sequence,
    /// Short calls: callees hang up soon.
    ShortCalls,
    /// Low answer ratio.
    Unanswered,
    /// Even gaps between calls, as a machine makes them.
    Pace,
    /// One media clock behind several addresses.
    Clock,
    /// A label.
    Label,
    /// Another leg of a member call.
    Leg,
}

impl LinkKind {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fingerprint => "fingerprint",
            Self::Deployment => "deployment",
            Self::Instance => "instance",
            Self::OriginId => "origid",
            Self::CallerBlock => "caller_block",
            Self::DialledBlock => "dialled_block",
            Self::Prompt => "prompt",
            Self::Numbers => "numbers",
            Self::Rotation => "rotation",
            Self::Addresses => "addresses",
            Self::Agents => "agents",
            Self::BorrowedNumbers => "borrowed_numbers",
            Self::Neighbours => "neighbours",
            Self::ImpossibleNumbers => "impossible_numbers",
            Self::Tokens => "tokens",
            Self::Sequence => "sequence",
            Self::ShortCalls => "short_calls",
            Self::Unanswered => "unanswered",
            Self::Pace => "pace",
            Self::Clock => "clock",
            Self::Label => "label",
            Self::Leg => "leg",
        }
    }

    /// Finds a kind by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const ALL: [Self; 22] = [
        Self::Fingerprint,
        Self::Deployment,
        Self::Instance,
        Self::OriginId,
        Self::CallerBlock,
        Self::DialledBlock,
        Self::Prompt,
        Self::Numbers,
        Self::Rotation,
        Self::Addresses,
        Self::Agents,
        Self::BorrowedNumbers,
        Self::Neighbours,
        Self::ImpossibleNumbers,
        Self::Tokens,
        Self::Sequence,
        Self::ShortCalls,
        Self::Unanswered,
        Self::Pace,
        Self::Clock,
        Self::Label,
        Self::Leg,
    ];
}

impl From<GroupKind> for LinkKind {
    fn from(kind: GroupKind) -> Self {
        match kind {
            GroupKind::Fingerprint => Self::Fingerprint,
            GroupKind::Deployment => Self::Deployment,
            GroupKind::Instance => Self::Instance,
            GroupKind::OriginId => Self::OriginId,
            GroupKind::CallerBlock => Self::CallerBlock,
            GroupKind::DialledBlock => Self::DialledBlock,
        }
    }
}
