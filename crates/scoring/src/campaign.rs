use crate::candidate_group::GroupKind;

/// What links the calls of a campaign.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LinkKind {
    /// One platform fingerprint.
    Fingerprint,
    /// One deployment of a platform.
    Deployment,
    /// One process or device, by its identifiers.
    Instance,
    /// One origin, as the signer of their tokens names it.
    OriginId,
    /// Callers of one block of numbers.
    CallerBlock,
    /// Numbers of one block are called.
    DialledBlock,
    /// The same recording is played.
    Prompt,
    /// Numbers are used for a few calls and thrown away.
    Numbers,
    /// A machine walks through numbers: each for a few calls in a row, and never again.
    Rotation,
    /// Addresses change.
    Addresses,
    /// User-Agents change.
    Agents,
    /// Callers' numbers are near the called ones.
    Neighbours,
    /// Callers' numbers cannot exist.
    ImpossibleNumbers,
    /// Tokens are malformed, replayed or another's.
    Tokens,
    /// Numbers are dialled one after the other.
    Sequence,
    /// Who answers hangs up soon.
    ShortCalls,
    /// Hardly anybody answers.
    Unanswered,
    /// Gaps between calls are a machine's.
    Pace,
    /// One media clock paces calls from several addresses.
    Clock,
    /// A label.
    Label,
    /// Legs of one call.
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

    /// By its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const ALL: [Self; 21] = [
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
