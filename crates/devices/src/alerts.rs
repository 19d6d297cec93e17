//! Findings about devices for the operator.

use std::collections::BTreeSet;

use bellwether_base::{Alert, AlertKind, CallId, Severity, Timestamp};
use bellwether_enrich::AccessSide;

use crate::{CallVerdict, DeviceRecord, DeviceVerdict, Step};

/// The finding about a sensitive call that comes from a trunk.
pub const PORTAL_FROM_TRUNK: &str = "a call from a trunk dials a number that only subscribers may";

impl CallVerdict {
    /// The alert about a call whose verdict came to a new step; none unless the device is unauthorised.
    #[must_use]
    pub fn alert(&self, aor: &str, call: CallId, step: &Step) -> Option<Alert> {
        (step.verdict == DeviceVerdict::Unauthorised).then(|| Alert {
            at: step.at,
            kind: AlertKind::DeviceUnauthorised,
            severity: if self.is_sensitive { Severity::Critical } else { Severity::Warning },
            subject: aor.to_owned(),
            message: step.reasons(),
            call: Some(call),
            campaign: None,
            incident: None,
        })
    }
}

impl DeviceRecord {
    /// The alert about a device that registers several subscribers; none where it registers one. All of the subscribers show the same, and
    /// the first one represents all.
    #[must_use]
    pub fn alert(&self, aor: &str) -> Option<Alert> {
        let first = self.other_owners.first()?;
        let all: BTreeSet<&str> = self.other_owners.iter().map(String::as_str).chain([aor]).collect();
        Some(Alert {
            at: self.first_seen,
            kind: AlertKind::DeviceShared,
            severity: Severity::Warning,
            subject: first.as_str().min(aor).to_owned(),
            message: format!(
                "one device behind several accounts: {}",
                all.into_iter().collect::<Vec<_>>().join(", ")
            ),
            call: None,
            campaign: None,
            incident: None,
        })
    }
}

/// A call that dials a sensitive number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensitiveCall {
    /// The identity of the call.
    pub call: CallId,
    /// The time of the INVITE.
    pub started_at: Timestamp,
    /// The caller's user.
    pub caller: String,
    /// The caller's host.
    pub caller_host: Option<String>,
    /// The side of the site that it comes from.
    pub access_side: AccessSide,
}

impl SensitiveCall {
    /// True if a call from a trunk dials a sensitive number.
    #[must_use]
    pub const fn is_portal_from_trunk(is_sensitive: bool, access_side: AccessSide) -> bool {
        is_sensitive && matches!(access_side, AccessSide::Inbound)
    }

    /// The alert about the call if it comes from a trunk.
    #[must_use]
    pub fn alert(&self) -> Option<Alert> {
        Self::is_portal_from_trunk(true, self.access_side).then(|| Alert {
            at: self.started_at,
            kind: AlertKind::PortalFromTrunk,
            severity: Severity::Critical,
            subject: format!("sip:{}@{}", self.caller, self.caller_host.as_deref().unwrap_or_default()),
            message: PORTAL_FROM_TRUNK.to_owned(),
            call: Some(self.call),
            campaign: None,
            incident: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::RegistrationId;

    use super::*;
    use crate::{Evidence, EvidenceKind};

    #[test]
    fn an_unauthorised_call_is_an_alert_with_the_evidence_against_it_and_critical_if_sensitive() {
        let step = |verdict| Step {
            at: Timestamp::from_nanos(5),
            verdict,
            evidence: vec![
                Evidence::new(EvidenceKind::Class, "sounds like it".to_owned(), 0.5),
                Evidence::new(EvidenceKind::Structure, "another stack".to_owned(), -3.0),
            ],
        };
        let ordinary = CallVerdict::default();
        let found = ordinary.alert("sip:200@a", CallId::new(9), &step(DeviceVerdict::Unauthorised)).unwrap();
        assert_eq!((found.message.as_str(), found.severity), ("another stack", Severity::Warning));
        let sensitive = CallVerdict { is_sensitive: true, ..CallVerdict::default() };
        let urgent =
            sensitive.alert("sip:200@a", CallId::new(9), &step(DeviceVerdict::Unauthorised)).unwrap();
        assert_eq!(urgent.severity, Severity::Critical);
        assert_eq!(ordinary.alert("sip:200@a", CallId::new(9), &step(DeviceVerdict::Unknown)), None);
    }

    #[test]
    fn a_sensitive_call_is_an_alert_if_it_comes_from_a_trunk() {
        let call = SensitiveCall {
            call: CallId::new(3),
            started_at: Timestamp::from_nanos(1),
            caller: "200".to_owned(),
            caller_host: Some("a".to_owned()),
            access_side: AccessSide::Inbound,
        };
        let found = call.alert().unwrap();
        assert_eq!((found.subject.as_str(), found.severity), ("sip:200@a", Severity::Critical));
        assert!(!SensitiveCall::is_portal_from_trunk(false, AccessSide::Inbound), "any caller may dial it");
        for access_side in [AccessSide::Outbound, AccessSide::Internal, AccessSide::Unknown] {
            assert_eq!(SensitiveCall { access_side, ..call.clone() }.alert(), None);
        }
    }

    #[test]
    fn the_subscribers_of_one_device_share_one_alert() {
        let record = |others: &[&str]| DeviceRecord {
            name: "d-1".to_owned(),
            registrations: vec![RegistrationId::new(1)],
            steadiest: None,
            sources: Vec::new(),
            calls: 0,
            first_seen: Timestamp::from_nanos(2),
            last_seen: Timestamp::from_nanos(3),
            class: None,
            class_mode: None,
            expected_class: None,
            step: Step {
                at: Timestamp::from_nanos(3),
                verdict: DeviceVerdict::NotEnrolled,
                evidence: Vec::new(),
            },
            other_owners: others.iter().map(|aor| (*aor).to_owned()).collect(),
            is_enrolled: false,
        };
        let one = record(&["sip:201@a", "sip:202@a"]).alert("sip:200@a");
        let other = record(&["sip:200@a", "sip:202@a"]).alert("sip:201@a");
        assert_eq!(one, other);
        assert!(one.unwrap().message.ends_with(": sip:200@a, sip:201@a, sip:202@a"));
        assert_eq!(record(&[]).alert("sip:200@a"), None);
    }
}
