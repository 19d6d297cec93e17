//! Types shared by all crates of Bellwether: time, flows, losses, bounded tables, and harmless display of
//! foreign text.
//!
//! This crate must never do I/O, read a clock or know a protocol.

mod alert;
mod counters;
mod escape;
mod flow;
mod hash;
mod host;
mod identity;
mod loss;
mod public;
mod shown;
mod table;
mod time;

pub use alert::{Alert, AlertKind, OutgoingAlert, RepeatRule, Severity, UnknownSeverity};
pub use counters::Counters;
pub use escape::percent_decoded;
pub use flow::{Endpoint, FlowKey, PackedFlow, Transport};
pub use hash::{ContentHasher, HashKey};
pub use host::host_address;
pub use identity::{CallId, CampaignId, RegistrationId, StreamId, SubjectId, TimerId};
pub use loss::{Loss, LossKind, Losses};
pub use public::is_public;
pub use shown::{Piece, Pieces, Shown, is_plain};
pub use table::{Evicted, GATHERED, LruTable, SlotId};
pub use time::{Ppm, Span, Timestamp};
