//! The list of all kinds of fraud and of honest twins.

use crate::world::World;
use crate::{fraud, twins};

/// A kind of fraud or of honest activity.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    /// Adds the calls of one such party to a site.
    pub(crate) add: fn(&mut World),
}

/// The part of a kind in a measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Class {
    /// Frauds with the campaigns that are to be found.
    Fraud(&'static [Goal]),
    /// Frauds that look like something honest on the wire.
    Undecidable(&'static [Goal]),
    /// An honest party that resembles a fraud.
    Twin,
}

/// A campaign that is to be found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) campaign: &'static str,
    /// The share of its calls that may pass before the incident, and a number that may pass in any case.
    pub(crate) share: f64,
    pub(crate) least: u64,
}

impl Goal {
    pub(crate) const fn new(campaign: &'static str, share: f64, least: u64) -> Self {
        Self { campaign, share, least }
    }
}

impl Kind {
    pub(crate) const fn fraud(name: &'static str, goals: &'static [Goal], add: fn(&mut World)) -> Self {
        Self { name, class: Class::Fraud(goals), add }
    }

    pub(crate) const fn undecidable(name: &'static str, goals: &'static [Goal], add: fn(&mut World)) -> Self {
        Self { name, class: Class::Undecidable(goals), add }
    }

    pub(crate) const fn twin(name: &'static str, add: fn(&mut World)) -> Self {
        Self { name, class: Class::Twin, add }
    }

    /// The kind as a JSON object.
    pub(crate) fn described(&self) -> serde_json::Value {
        let (class, goals) = match self.class {
            Class::Fraud(goals) => ("fraud", goals),
            Class::Undecidable(goals) => ("undecidable", goals),
            Class::Twin => ("twin", [].as_slice()),
        };
        let goals: Vec<_> = goals
            .iter()
            .map(|goal| serde_json::json!({"campaign": goal.campaign, "share": goal.share, "least": goal.least}))
            .collect();
        serde_json::json!({"kind": self.name, "class": class, "campaigns": goals})
    }
}

/// All kinds.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    fraud::KINDS.iter().chain(twins::KINDS).copied().flatten()
}
