//! The edge where alerts go out: syslog (RFC 5424) over UDP, TCP, TLS and the local socket, CEF in its place, and webhooks.
//!
//! A [`Deliverer`] takes alerts from a [`Spool`] in order of their numbers. A [`Throttle`] suppresses those that come too often, and the
//! [`Receiver`] gets the rest. The cursor in the spool moves only when the receiver has them, as far as the transport can tell: at least
//! once, in order. Each alert that is not delivered is counted under a name (`docs/alerts.md`).
//!
//! This crate must never know where alerts are stored, what a call is, or what an alert means. Callers pass the time to everything but
//! sockets, whose deadlines follow the process's own time.
//!
//! ```
//! use bellwether_alert::{Delivery, Sender, Target};
//!
//! let target: Target = "udp://192.0.2.1:514".parse()?;
//! let receiver = target.open(&Delivery::new(Sender::new("sensor.example.net", "0.1.0")))?;
//! assert!(receiver.batch_size() > 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backoff;
mod cef;
mod connection;
mod deadline;
mod deliverer;
mod dial;
mod error;
mod format;
mod local;
mod names;
mod open;
mod options;
mod receiver;
mod rfc5424;
#[cfg(test)]
mod samples;
mod sender;
mod stream;
mod target;
mod tcp;
mod text;
mod throttle;
mod timeouts;
mod tls;
mod udp;
mod unix;
mod webhook;

pub use deliverer::{Counts, Deliverer, Limits, Spool, Wait};
pub use error::OpenError;
pub use format::Format;
pub use names::agent;
pub use options::{Delivery, TlsFiles};
pub use receiver::{Failure, Receiver};
pub use sender::{Facility, Sender};
pub use target::{HostPort, Target, TargetError};
pub use throttle::{Emitted, Throttle, ThrottleLimits};
pub use timeouts::Timeouts;
pub use webhook::signature;
