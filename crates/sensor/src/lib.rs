//! Threads, queues, merge order and shutdown: from inputs to a filled database.
//!
//! One thread reads and dispatches, N workers own the virtual shards, one merges their facts into the single
//! order and judges them, one writes the database. `docs/architecture.md` says why it is cut this way.
//!
//! This crate must never know what a message means: that is the worker's, or what a row says: the judge's.
#![expect(
    clippy::disallowed_types,
    reason = "above L4: the clock paces commits and measures latency, no result"
)]

mod batch;
mod clock;
mod dispatcher;
mod epochs;
mod error;
mod events;
mod feed;
mod frames;
mod keyed;
mod links;
mod listen;
mod live;
mod merge;
mod pipeline;
mod queues;
mod rehearsal;
mod replay;
mod room;
mod seats;
mod session;
mod sources;
mod streams;
mod writing;

pub use bellwether_store::{LockNews, LockPatience, Retention};
pub use error::SensorError;
pub use events::{Damage, Event, EventHandler, Progress, Unread};
pub use listen::HepAddress;
pub use live::{LiveInputs, LiveOutcome, sense};
pub use pipeline::{Config, Finished, Latency, Settings};
pub use rehearsal::{Rehearsal, rehearse};
pub use replay::{Outcome, replay};
pub use room::Patience;
