//! The list of all kinds of senders.

use crate::site::Site;
use crate::{beginnings, fraud, lines, services, shared};

/// A kind of sender.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) is_fraud: bool,
    /// The shortest recording in which the kind makes sense.
    pub(crate) least_hours: f64,
    /// Adds the calls of one such sender to a site.
    pub(crate) add: fn(&mut Site),
}

impl Kind {
    pub(crate) const fn honest(name: &'static str, add: fn(&mut Site)) -> Self {
        Self { name, is_fraud: false, least_hours: 0.0, add }
    }

    pub(crate) const fn fraud(name: &'static str, add: fn(&mut Site)) -> Self {
        Self { name, is_fraud: true, least_hours: 0.0, add }
    }

    /// The same kind in recordings of at least so many hours.
    pub(crate) const fn for_hours(self, least_hours: f64) -> Self {
        Self { least_hours, ..self }
    }
}

/// All kinds.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    [lines::KINDS, services::KINDS, fraud::KINDS, shared::KINDS, beginnings::KINDS].into_iter().flatten()
}
