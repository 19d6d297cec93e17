//! The edge where notices go out: syslog (RFC 5424) over UDP, TCP, TLS and the local socket, CEF in its place,
//! and webhooks.
//!
//! A [`Deliverer`] takes notices from a [`Spool`] in order of their numbers, lets a [`Throttle`] hold back what
//! comes too often, and hands the rest to its [`Receiver`]. Its cursor moves only when the receiver has them, as far as the
//! transport can tell: at least once, in order, and what is not delivered is counted under a name
//! (`docs/alerts.md`).
//!
//! This crate must never know where notices are kept, what a call is, or what an alert means. Time is told to
//! everything but sockets, whose patience is the process's own.

mod backoff;
mod cef;
mod deadline;
mod deliverer;
mod dial;
mod local;
mod names;
mod notice;
mod open;
mod receiver;
mod rfc5424;
mod sender;
mod stream;
mod target;
mod text;
mod throttle;
mod tls;
mod udp;
mod unix;
mod webhook;

pub use deliverer::{Counts, Deliverer, Limits, Spool, Wait};
pub use names::agent;
pub use notice::{Notice, Severity};
pub use open::{Delivery, Format, OpenError, Timeouts, TlsFiles};
pub use receiver::{Failure, Receiver};
pub use sender::{Facility, Sender};
pub use target::{HostPort, Target, TargetError};
pub use throttle::{Emitted, Throttle, ThrottleLimits};
pub use webhook::signature;
