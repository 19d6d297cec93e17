//! The result of an assessment: verdicts about the devices and calls of a subscriber.

use std::collections::BTreeMap;

use bellwether_base::{CallId, RegistrationId, Timestamp};

use crate::{DeviceVerdict, Evidence, Step};

/// The verdicts about one subscriber.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscriberVerdict {
    /// The address of record.
    pub aor: String,
    /// The physical devices, in the order in which they registered first.
    pub devices: Vec<DeviceRecord>,
    /// The calls, by their identities.
    pub calls: BTreeMap<CallId, CallVerdict>,
}

impl SubscriberVerdict {
    /// The verdict about a call; that of a subscriber without an inventory entry if the call is not known.
    #[must_use]
    pub fn of_call(&self, call: CallId) -> CallVerdict {
        self.calls.get(&call).cloned().unwrap_or_default()
    }

    /// True if the device that made a call registers other subscribers too.
    #[must_use]
    pub fn is_shared(&self, call: CallId) -> bool {
        let device = self.calls.get(&call).and_then(|of_call| of_call.device.as_deref());
        device.is_some()
            && self.devices.iter().any(|d| !d.other_owners.is_empty() && Some(d.name.as_str()) == device)
    }

    /// The device that registered from an address and port.
    #[must_use]
    pub fn device_at(&self, source: &str) -> Option<&DeviceRecord> {
        self.devices.iter().find(|device| device.sources.iter().any(|known| known == source))
    }
}

/// The verdict about one call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallVerdict {
    /// The verdict.
    pub verdict: DeviceVerdict,
    /// All evidence.
    pub evidence: Vec<Evidence>,
    /// Further findings, as text.
    pub findings: Vec<String>,
    /// The name of the calling device. `None` if no registration came from its address.
    pub device: Option<String>,
    /// The verdict as evidence arrived: structure at the INVITE, the noise within its window, the clock at the end. Empty where
    /// the subscriber's devices are not judged.
    pub steps: Vec<Step>,
    /// True if the call dials a sensitive number.
    pub is_sensitive: bool,
}

impl Default for CallVerdict {
    fn default() -> Self {
        Self {
            verdict: DeviceVerdict::NotEnrolled,
            evidence: Vec::new(),
            findings: Vec::new(),
            device: None,
            steps: Vec::new(),
            is_sensitive: false,
        }
    }
}

/// One physical device of a subscriber, and the verdict about it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRecord {
    /// The name in reports and approvals.
    pub name: String,
    /// The identities of its registrations, the first one first.
    pub registrations: Vec<RegistrationId>,
    /// The registration with the most refreshes: its clock is known best.
    pub steadiest: Option<RegistrationId>,
    /// The addresses and ports that its registrations came from, in order.
    pub sources: Vec<String>,
    /// The number of its calls.
    pub calls: usize,
    /// The time of its first REGISTER.
    pub first_seen: Timestamp,
    /// The time of its last REGISTER.
    pub last_seen: Timestamp,
    /// The class that most of its calls sound like.
    pub class: Option<String>,
    /// The mode of that class; none if the class has but one.
    pub class_mode: Option<String>,
    /// The classes that the inventory allows, joined by "or".
    pub expected_class: Option<String>,
    /// The verdict with all its evidence.
    pub step: Step,
    /// Other subscribers that it registers, in order.
    pub other_owners: Vec<String>,
    /// True if other devices are compared with it.
    pub is_enrolled: bool,
}

impl DeviceRecord {
    /// The identity of the device in stored verdicts: its first registration.
    #[must_use]
    pub fn subject(&self) -> RegistrationId {
        self.registrations.first().copied().unwrap_or_default()
    }

    /// The steps of its verdict; none where the subscriber's devices are not judged.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        if self.step.verdict == DeviceVerdict::NotEnrolled { &[] } else { std::slice::from_ref(&self.step) }
    }
}
