//! A subscriber with its verdicts.

use bellwether_base::RegistrationId;
use bellwether_devices::SubscriberVerdict;

use crate::registration::Registration;

/// A subscriber's verdicts, and the registrations that they are about.
#[derive(Debug)]
pub struct Subscriber {
    /// The verdicts about its devices and calls.
    pub verdict: SubscriberVerdict,
    /// Its registrations, in the order in which they began.
    pub registrations: Vec<Registration>,
}

impl Subscriber {
    /// A registration by its identity.
    #[must_use]
    pub fn registration(&self, registration: RegistrationId) -> Option<&Registration> {
        self.registrations.iter().find(|known| known.registration == registration)
    }
}
