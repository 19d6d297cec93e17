//! A registration as the database holds it.

use bellwether_base::{RegistrationId, Timestamp};
use bellwether_clock::{ClockSummary, NoFit, Reading, SegmentStats};
use bellwether_devices::{RegistrationClock, RegistrationView};

/// One registration with its clock.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct Registration {
    /// The key of its row.
    pub id: i64,
    pub registration: RegistrationId,
    pub aor: String,
    pub contact: String,
    pub instance_id: Option<String>,
    pub source: String,
    pub registrar: String,
    pub transport: String,
    pub user_agent: Option<String>,
    pub fingerprint: String,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub refreshes: i64,
    pub duplicates: i64,
    pub challenges: i64,
    pub rtt_ms: Option<f64>,
    pub hep_agent: Option<i64>,
    pub mirror: Option<String>,
    pub latest: LatestObservation,
    pub clock: ClockSummary,
    pub reading: Result<Reading, NoFit>,
}

/// The state of a registration by its latest observation.
#[derive(Clone, Debug, Default)]
#[expect(missing_docs, reason = "plain columns, named as in the reports")]
pub struct LatestObservation {
    pub status: Option<i64>,
    pub expires_s: Option<i64>,
    pub registered_by: Option<String>,
    pub ended_at: Option<i64>,
}

/// A registration with the segments of its clock, oldest first.
pub type RegistrationTimeline = (Registration, Vec<SegmentStats>);

impl Registration {
    /// Its part in an assessment.
    pub(crate) fn view(&self, other_owners: Vec<String>) -> RegistrationView {
        RegistrationView {
            registration: self.registration,
            instance_id: self.instance_id.clone(),
            fingerprint: self.fingerprint.clone(),
            source: self.source.clone(),
            refreshes: u64::try_from(self.refreshes).unwrap_or(0),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            reading: self.reading.clone(),
            other_owners,
        }
    }

    /// Its clock, for a comparison with others.
    #[must_use]
    pub const fn timer(&self) -> RegistrationClock<'_> {
        RegistrationClock { registration: self.registration, reading: &self.reading }
    }
}
