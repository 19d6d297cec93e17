use bellwether_rtp::g711::Law;

/// Coding of the samples; noise of different codings is not comparable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Coding {
    /// G.711 of one law.
    G711(Law),
    /// G.722, its lower band.
    G722,
}

impl Coding {
    /// All codings.
    pub const ALL: [Self; 3] = [Self::G711(Law::Mu), Self::G711(Law::A), Self::G722];

    /// Name in reports and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::G711(Law::Mu) => "mu",
            Self::G711(Law::A) => "a",
            Self::G722 => "g722",
        }
    }

    /// The coding with this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|coding| coding.name() == name)
    }

    /// The companding law for the code word histogram. G.722 has no code words and uses those of mu-law,
    /// whose steps are the finest.
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
