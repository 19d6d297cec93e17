//! Types shared by all crates of Bellwether: time, flows, losses, bounded tables, and harmless display of
//! foreign text.
//!
//! This crate must never do I/O, read a clock or know a protocol.
//!
//! Losses are counted by name, and hostile text is shown without effect on a terminal:
//!
//! ```
//! use bellwether_base::{Loss, Losses, Shown};
//!
//! let mut losses = Losses::default();
//! losses.count(Loss::SnapLength);
//! assert_eq!(losses.get(Loss::SnapLength), 1);
//! assert_eq!(Loss::SnapLength.name(), "snap_length");
//! assert!(!Shown::of("\x1b[2Jalice").as_str().contains('\x1b'));
//! ```

mod alert;
mod count;
mod counters;
mod escape;
mod flow;
mod hash;
mod host;
mod identity;
mod loss;
mod path;
mod public;
mod shown;
mod side;
mod table;
mod time;

pub use alert::{
    Alert, AlertKind, IncidentMention, IncidentState, OutgoingAlert, RepeatRule, Severity, UnknownSeverity,
};
pub use count::several;
pub use counters::Counters;
pub use escape::percent_decoded;
pub use flow::{Endpoint, FlowKey, PackedFlow, Transport};
pub use hash::{ContentHasher, HashKey};
pub use host::host_address;
pub use identity::{
    CallId, CampaignId, IncidentId, RecordingId, RegistrationId, StreamId, SubjectId, TimerId,
};
pub use loss::{Loss, LossKind, Losses};
pub use path::with_ending;
pub use public::is_public;
pub use shown::{Piece, Pieces, Shown, is_plain};
pub use side::Side;
pub use table::{Evicted, GATHERED, LruTable, SlotId};
pub use time::{Ppm, Span, Timestamp};
