//! Alerts: findings that an operator should look at.
//!
//! Every layer uses these types: scoring makes alerts, the store keeps them, delivery sends them. All names are parsed and formatted here.

use crate::{CallId, IncidentId};
use std::fmt;
use std::str::FromStr;

use crate::{Span, Timestamp};

/// A finding that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The time of the finding.
    pub at: Timestamp,
    /// The kind of finding.
    pub kind: AlertKind,
    /// The urgency.
    pub severity: Severity,
    /// The subscriber, address, platform or interface that the alert is about.
    pub subject: String,
    /// The finding in words.
    pub message: String,
    /// The identity of the call in which it was found.
    pub call: Option<CallId>,
    /// The name of the campaign that it belongs to.
    pub campaign: Option<String>,
    /// The incident that it tells of.
    pub incident: Option<IncidentMention>,
}

/// What an alert tells of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncidentMention {
    /// The incident.
    pub incident: IncidentId,
    /// What happened to it.
    pub state: IncidentState,
}

/// The state of an incident, as its last alert told it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IncidentState {
    /// It was found.
    Opened,
    /// It grew.
    Updated,
    /// It is over.
    Closed,
}

impl IncidentState {
    /// The name in reports, alerts and the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Closed => "closed",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Opened, Self::Updated, Self::Closed].into_iter().find(|state| state.name() == name)
    }
}

/// An alert on its way to a receiver. It is complete: a sender looks nothing up.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingAlert {
    /// The number in the spool. Later alerts have higher numbers.
    pub id: i64,
    /// The alert.
    pub alert: Alert,
    /// The Call-ID of the alert's call (RFC 3261 section 20.8).
    pub call_id: Option<String>,
    /// The platform fingerprint of that call.
    pub fingerprint: Option<String>,
    /// The score of that call, from 0 (worst) to 100.
    pub score: Option<f64>,
    /// The number of other alerts that this one stands for because a throttle suppressed them; 0 in the spool.
    pub more: u64,
}

/// The urgency of an alert, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Look when there is time.
    Notice,
    /// Look today.
    Warning,
    /// Look now: money may be lost.
    Critical,
}

impl Severity {
    /// All of them, in ascending order.
    pub const ALL: [Self; 3] = [Self::Notice, Self::Warning, Self::Critical];

    /// The name in reports, in the database and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(name: &str) -> Result<Self, UnknownSeverity> {
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| UnknownSeverity(name.to_owned()))
    }
}

/// A name that is none of [`Severity::ALL`]. A newer version of the program may have written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownSeverity(pub String);

impl fmt::Display for UnknownSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the severity is notice, warning or critical, not \"{}\"", self.0)
    }
}

impl std::error::Error for UnknownSeverity {}

/// The kind of an [`Alert`]. Each kind has one MSGID of syslog; `docs/alerts.md` explains them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertKind {
    /// A call came from a device that its subscriber may not use.
    DeviceUnauthorised,
    /// One device registers several subscribers.
    DeviceShared,
    /// A trunk dials a number that only subscribers may dial.
    PortalFromTrunk,
    /// The provisioning system gave no inventory.
    ProvisioningFailed,
    /// Fraud that is no robocall campaign was found, grew or ended.
    FraudIncident,
    /// Calls belong to one campaign.
    CampaignFound,
    /// A call that belongs to no campaign is quarantined.
    CallQuarantined,
    /// One address tries many accounts, or many passwords of one.
    RegistrationAttack,
    /// A PASSporT was used for another call before.
    PassportReplay,
    /// A platform, deployment or other subject came on the block list, or left it.
    BlockListChanged,
    /// A captured interface brings nothing, or brings packets again.
    InterfaceAway,
    /// A receiver's backlog grew too long. Delivery says so to that receiver; no database holds it.
    AlertsSkipped,
    /// Stands for kinds beyond those that a throttle sums up one by one. No database holds it.
    OtherKinds,
    /// A kind that this version does not know, by its name: a newer version wrote it.
    Unknown(Box<str>),
}

/// The rule by which a new alert counts as a repetition of a stored one. A repetition is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepeatRule {
    /// The same kind, subject, time and call: the same finding, made again.
    SameFinding,
    /// The same kind and subject less than this long before.
    QuietFor(Span),
    /// The same kind and subject, at any time.
    SameSubject,
}

impl AlertKind {
    /// All kinds that the database holds.
    pub const STORED: [Self; 11] = [
        Self::FraudIncident,
        Self::CampaignFound,
        Self::CallQuarantined,
        Self::PassportReplay,
        Self::RegistrationAttack,
        Self::BlockListChanged,
        Self::DeviceUnauthorised,
        Self::DeviceShared,
        Self::PortalFromTrunk,
        Self::ProvisioningFailed,
        Self::InterfaceAway,
    ];

    /// The name in reports and in the database, and the MSGID in syslog.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::DeviceUnauthorised => "device_unauthorised",
            Self::DeviceShared => "device_shared",
            Self::PortalFromTrunk => "portal_from_trunk",
            Self::ProvisioningFailed => "provisioning_failed",
            Self::FraudIncident => "fraud_incident",
            Self::CampaignFound => "campaign_found",
            Self::CallQuarantined => "call_quarantined",
            Self::RegistrationAttack => "registration_attack",
            Self::PassportReplay => "passport_replay",
            Self::BlockListChanged => "block_list_changed",
            Self::InterfaceAway => "interface_away",
            Self::AlertsSkipped => "notices_skipped",
            Self::OtherKinds => "other_kinds",
            Self::Unknown(name) => name,
        }
    }

    /// The kind of a name. A name that this version does not know stays as it is, so that a receiver gets it unchanged.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::STORED
            .into_iter()
            .chain([Self::AlertsSkipped, Self::OtherKinds])
            .find(|kind| kind.name() == name)
            .unwrap_or_else(|| Self::Unknown(name.into()))
    }

    /// The occasion, for the table in `docs/alerts.md`.
    #[must_use]
    pub const fn occasion(&self) -> &'static str {
        match self {
            Self::DeviceUnauthorised => "a call from a device that its subscriber may not use",
            Self::DeviceShared => "one device registers several subscribers",
            Self::PortalFromTrunk => "a trunk dials a number that only subscribers may dial",
            Self::ProvisioningFailed => "the provisioning system gave no inventory",
            Self::FraudIncident => {
                "one toll fraud, one-ring campaign, gateway or the like was found ([judgement.md](judgement.md)), doubled, grew more severe, or ended; `incident` and `state` say which and what"
            }
            Self::CampaignFound => {
                "a campaign was found ([judgement.md](judgement.md)); once more when a label confirms it"
            }
            Self::CallQuarantined => {
                "a call that belongs to no campaign is quarantined; the message names the strongest signals"
            }
            Self::RegistrationAttack => "one address tries many accounts, or many passwords of one",
            Self::PassportReplay => "a PASSporT was used for another call before",
            Self::BlockListChanged => {
                "a platform, deployment or other subject came on the block list, or left it"
            }
            Self::InterfaceAway => {
                "an interface that is captured from was removed, down or without a link; once more when it brings packets again, with the length of its absence"
            }
            Self::AlertsSkipped => "more alerts waited for a receiver than its backlog holds",
            Self::OtherKinds => "a throttle sums up kinds beyond its limit",
            Self::Unknown(_) => "a newer version of the program knows",
        }
    }

    /// The rule for repetitions of this kind.
    #[must_use]
    pub const fn repeat_rule(&self) -> RepeatRule {
        match self {
            // Each of the accounts shows the same device, as often as it registers.
            Self::DeviceShared => RepeatRule::SameSubject,
            // A system that stays away is asked again and again.
            Self::ProvisioningFailed => RepeatRule::QuietFor(Span::from_secs(3600)),
            _ => RepeatRule::SameFinding,
        }
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_is_the_highest_severity() {
        assert!(Severity::Critical > Severity::Warning && Severity::Warning > Severity::Notice);
        assert!(Severity::ALL.is_sorted());
    }

    #[test]
    fn a_severity_is_read_back_from_its_name_and_an_unknown_one_is_an_error() {
        for severity in Severity::ALL {
            assert_eq!(severity.name().parse(), Ok(severity));
        }
        for name in ["", "Critical", "emergency"] {
            assert_eq!(name.parse::<Severity>(), Err(UnknownSeverity(name.to_owned())));
        }
    }

    #[test]
    fn a_kind_is_read_back_from_its_name_and_an_unknown_one_keeps_its_name() {
        for kind in AlertKind::STORED.into_iter().chain([AlertKind::AlertsSkipped, AlertKind::OtherKinds]) {
            assert_eq!(AlertKind::named(kind.name()), kind);
        }
        let newer = AlertKind::named("moon_fraud");
        assert_eq!((newer.name(), &newer), ("moon_fraud", &AlertKind::Unknown("moon_fraud".into())));
    }

    #[test]
    fn no_two_kinds_have_one_name() {
        let mut names: Vec<String> = AlertKind::STORED.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), AlertKind::STORED.len());
    }
}
