//! Findings about devices for the operator.

use std::collections::BTreeSet;

use bellwether_base::{CallId, Timestamp};
use bellwether_enrich::AccessSide;

use crate::{CallVerdict, DeviceRecord, DeviceVerdict, Step};

/// The finding about a sensitive call that comes from a trunk.
pub const PORTAL_FROM_TRUNK: &str = "a call from a trunk dials a number that only subscribers may";

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAlertKind {
    /// A call came from a device that its subscriber may not use.
    Unauthorised,
    /// One device registers several subscribers.
    Shared,
    /// A trunk dials a number that only subscribers may dial.
    PortalFromTrunk,
}

impl DeviceAlertKind {
    /// True if a subject has at most one alert of the kind, whenever it is found again.
    #[must_use]
    pub const fn is_once_per_subject(self) -> bool {
        matches!(self, Self::Shared)
    }
}

/// A finding that an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAlert {
    /// The time of the finding.
    pub at: Timestamp,
    /// Its kind.
    pub kind: DeviceAlertKind,
    /// True if money may be lost now: severity critical, else warning.
    pub is_critical: bool,
    /// The address of record.
    pub subject: String,
    /// The finding in words.
    pub message: String,
    /// The call, by its identity.
    pub call: Option<CallId>,
}

impl CallVerdict {
    /// The alert about a call whose verdict came to a new step; none unless the device is unauthorised.
    #[must_use]
    pub fn alert(&self, aor: &str, call: CallId, step: &Step) -> Option<DeviceAlert> {
        (step.verdict == DeviceVerdict::Unauthorised).then(|| DeviceAlert {
            at: step.at,
            kind: DeviceAlertKind::Unauthorised,
            is_critical: self.is_sensitive,
            subject: aor.to_owned(),
            message: step.reasons(),
            call: Some(call),
        })
    }
}

impl DeviceRecord {
    /// The alert about a device that registers several subscribers; none where it registers one. All of the subscribers show the
    /// same, and the first one stands for them.
    #[must_use]
    pub fn alert(&self, aor: &str) -> Option<DeviceAlert> {
        let first = self.other_owners.first()?;
        let all: BTreeSet<&str> = self.other_owners.iter().map(String::as_str).chain([aor]).collect();
        Some(DeviceAlert {
            at: self.first_seen,
            kind: DeviceAlertKind::Shared,
            is_critical: false,
            subject: first.as_str().min(aor).to_owned(),
            message: format!(
                "one device behind several accounts: {}",
                all.into_iter().collect::<Vec<_>>().join(", ")
            ),
            call: None,
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
    pub fn alert(&self) -> Option<DeviceAlert> {
        Self::is_portal_from_trunk(true, self.access_side).then(|| DeviceAlert {
            at: self.started_at,
            kind: DeviceAlertKind::PortalFromTrunk,
            is_critical: true,
            subject: format!("sip:{}@{}", self.caller, self.caller_host.as_deref().unwrap_or_default()),
            message: PORTAL_FROM_TRUNK.to_owned(),
            call: Some(self.call),
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
        assert_eq!(
            (found.message.as_str(), found.call, found.is_critical),
            ("another stack", Some(CallId::new(9)), false)
        );
        let sensitive = CallVerdict { is_sensitive: true, ..CallVerdict::default() };
        assert!(
            sensitive
                .alert("sip:200@a", CallId::new(9), &step(DeviceVerdict::Unauthorised))
                .unwrap()
                .is_critical
        );
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
        assert_eq!((found.subject.as_str(), found.is_critical), ("sip:200@a", true));
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
