//! Devices of subscribers: which physical devices an address of record has, and whether each is authorised.
//!
//! The input is a [`SubscriberView`]: the inventory's entry, the calls and the registrations of one address of record.
//! [`evaluate`] groups the registrations into physical devices, weighs the evidence about each call and each device, and
//! answers with a [`SubscriberVerdict`]. [`DirtySubjects`] chooses the subscribers that have to be assessed again.
//! Findings for the operator are alerts ([`SensitiveCall::alert`], [`CallVerdict::alert`], [`DeviceRecord::alert`]).
//! [`Lessons`] learns device classes from calls whose device is known.
//!
//! Evidence is a likelihood ratio. The logarithms of independent observations add up (naive Bayes).
//!
//! This crate must never know SQL, JSON, a report's columns, a packet or a clear number.
//!
//! A subscriber who is not in the inventory has no verdict:
//!
//! ```
//! use bellwether_base::CallId;
//! use bellwether_devices::{DeviceVerdict, Population, Rules, SubscriberView, evaluate};
//!
//! let subscriber = SubscriberView { aor: "sip:200@example.org".to_owned(), ..SubscriberView::default() };
//! let verdict = evaluate(&subscriber, &Population::default(), &Rules::default());
//! assert!(verdict.devices.is_empty());
//! assert_eq!(verdict.of_call(CallId::new(7)).verdict, DeviceVerdict::NotEnrolled);
//! ```

mod alerts;
mod authorisation;
mod candidates;
mod classes;
mod clustering;
mod dirty;
mod inventory;
mod population;
mod stream_class;
mod verdict;
mod view;

pub use alerts::{PORTAL_FROM_TRUNK, SensitiveCall};
pub use authorisation::{
    DeviceVerdict, Evidence, EvidenceKind, MAX_STEPS, Recorded, Rules, Step, Strictness, evaluate, new_steps,
    weigh,
};
pub use candidates::{Candidate, RegistrationClock, candidates};
pub use classes::{Lessons, can_teach, class_of_agent};
pub use dirty::{DirtyRows, DirtySubjects, Sensitive};
pub use inventory::{Inventory, InventoryEntry, Policy, user_and_host};
pub use population::Population;
pub use stream_class::{NoStreamClass, StreamClass, StreamSilence, stream_class};
pub use verdict::{CallVerdict, DeviceRecord, SubscriberVerdict};
pub use view::{CallView, RegistrationView, SubscriberView};
