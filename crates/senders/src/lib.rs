//! Judges senders of calls by whether their identities come back.
//!
//! Fraud at scale needs identities that are thrown away, and honest senders have identities that come back. Both
//! can be counted without media, labels or lists. Freshness alone is no evidence, because everything is fresh in
//! the first hours. Evidence is that parties fail to come back when lines of this site would have come back by now.
//!
//! A sender is judged as a whole: its calls are compared with what lines, devices, roaming callers and campaigns
//! do, with the unknown rates integrated out. The probability that a call is fraud follows from its sender, and
//! changes when more is seen of the sender.
//!
//! This crate must never know the text of a number, a packet, a stored row or the points of a score. Time comes
//! with the calls.
//!
//! ```
//! use bellwether_base::{CallId, Timestamp};
//! use bellwether_senders::{CallStart, Senders, CallerAccess};
//!
//! let mut senders = Senders::new();
//! let mut changes = Vec::new();
//! let call = CallStart {
//!     call: CallId::new(1),
//!     at: Timestamp::from_nanos(0),
//!     number: 200,
//!     address: 7,
//!     block: 2,
//!     family: 1,
//!     print: 1,
//!     product: 1,
//!     agent: 1,
//!     callee: 300,
//!     access: CallerAccess::Registered,
//! };
//! senders.begin(&call, &mut changes);
//! let verdict = senders.verdict(CallId::new(1)).expect("the call is known");
//! assert!(verdict.probability < 0.01, "a registered caller is no stranger");
//! ```

mod census;
mod conduct;
mod likelihood;
mod model;
mod parties;
mod senders;
mod site;

pub use likelihood::{log_odds, probability};
pub use model::{SenderKind, Terms};
pub use senders::{
    ACCUSED_FROM, CallEnd, CallStart, CallerAccess, CallerAudio, Change, Cluster, LineKind, OF_UNKNOWN,
    Senders, Verdict,
};
