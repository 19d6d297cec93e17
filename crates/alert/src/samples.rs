//! A sample alert for tests.

use bellwether_base::{Alert, AlertKind, OutgoingAlert, Severity, Timestamp};

/// 2026-03-01 12:34:56.789012345 UTC.
pub(crate) const MOMENT: i64 = 1_772_368_496_789_012_345;

/// A critical alert with a number.
pub(crate) fn sample(id: i64) -> OutgoingAlert {
    OutgoingAlert {
        id,
        alert: Alert {
            at: Timestamp::from_nanos(MOMENT),
            kind: AlertKind::DeviceUnauthorised,
            severity: Severity::Critical,
            subject: "sip:t-5f2c@example.net".into(),
            message: "call from a device that is none of the subscriber's".into(),
            call: None,
            campaign: None,
            incident: None,
        },
        call_id: Some("a84b4c76e66710@pc33".into()),
        fingerprint: Some("2:9ac1".into()),
        score: Some(0.9375),
        more: 0,
    }
}

/// The sample with another alert, derived from its own.
pub(crate) fn sample_with(id: i64, change: impl FnOnce(&mut Alert)) -> OutgoingAlert {
    let mut outgoing = sample(id);
    change(&mut outgoing.alert);
    outgoing
}
