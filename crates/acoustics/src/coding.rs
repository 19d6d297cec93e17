use bellwether_rtp::g711::Law;

/// How samples are coded: noise of different codings does not compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Coding {
    /// G.711 of one law.
    G711(Law),
    /// G.722, its lower band.
    G722,
}

impl Coding {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::G711(Law::Mu), Self::G711(Law::A), Self::G722];

    /// The name in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::G711(Law::Mu) => "mu",
            Self::G711(Law::A) => "a",
            Self::G722 => "g722",
        }
    }

    /// By its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coding| coding.name() == name)
    }

    /// The law whose code words samples are counted by: of G.722, which has none, mu-law's, whose steps are the finest.
    #[must_use]
    pub const fn law(self) -> Law {
        match self {
            Self::G711(law) => law,
            Self::G722 => Law::Mu,
        }
    }
}

impl From<Law> for Coding {
    fn from(law: Law) -> Self {
        Self::G711(law)
    }
}
