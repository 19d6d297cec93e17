//! The input of an assessment.

use bellwether_acoustics::Comparison;
use bellwether_base::{CallId, RegistrationId, Timestamp};
use bellwether_clock::{NoFit, Reading};

use crate::InventoryEntry;

/// One subscriber as the database holds it.
#[derive(Clone, Debug, Default)]
pub struct SubscriberView {
    /// The address of record as reports print it.
    pub aor: String,
    /// The inventory's entry; none where the inventory does not name the subscriber.
    pub entry: Option<InventoryEntry>,
    /// The calls that the subscriber made, oldest first.
    pub calls: Vec<CallView>,
    /// The registrations of the address of record, in the order in which they began.
    pub registrations: Vec<RegistrationView>,
}

impl SubscriberView {
    /// True if an assessment compares the subscriber's calls with those of other subscribers.
    #[must_use]
    pub const fn needs_population(&self) -> bool {
        self.entry.is_some() && !self.calls.is_empty()
    }
}

/// One call of a subscriber.
#[derive(Clone, Debug)]
pub struct CallView {
    /// The identity of the call.
    pub call: CallId,
    /// The time of the INVITE.
    pub started_at: Timestamp,
    /// The time at which the caller's noise was known.
    pub noise_known_at: Option<Timestamp>,
    /// The address and port that the INVITE came from.
    pub source: String,
    /// The hash of the SIP author.
    pub author: String,
    /// The User-Agent header.
    pub user_agent: Option<String>,
    /// True if the call dials a sensitive number.
    pub is_sensitive: bool,
    /// The caller's noise against all device classes.
    pub comparison: Option<Comparison>,
}

/// One registration of a subscriber.
#[derive(Clone, Debug)]
pub struct RegistrationView {
    /// The identity of the registration.
    pub registration: RegistrationId,
    /// The instance that the device names itself (RFC 5626 section 4.1).
    pub instance_id: Option<String>,
    /// The fingerprint of the REGISTER.
    pub fingerprint: String,
    /// The address and port that the first REGISTER came from.
    pub source: String,
    /// REGISTER refreshes that were seen.
    pub refreshes: u64,
    /// The time of the first REGISTER.
    pub first_seen: Timestamp,
    /// The time of the last REGISTER.
    pub last_seen: Timestamp,
    /// The clock of its refresh timer, or the reason why there is none.
    pub reading: Result<Reading, NoFit>,
    /// Other addresses of record that the same instance registers.
    pub other_owners: Vec<String>,
}
