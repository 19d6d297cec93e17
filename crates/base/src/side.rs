/// The two sides of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// The sender of the first INVITE.
    Caller,
    /// The party that answers the INVITE.
    Callee,
}

impl Side {
    /// The opposite side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
        }
    }

    /// Finds a side by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Caller, Self::Callee].into_iter().find(|side| side.name() == name)
    }
}
