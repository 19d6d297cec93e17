//! Threads, queues, merge order and shutdown of the pipeline from inputs to database.
//!
//! One thread reads and dispatches, N workers own the virtual shards, one thread merges and enriches their
//! facts in a single order, and one writes the database. `docs/decisions/` gives the reasons.
//!
//! This crate must never know the meaning of a message, which belongs to the tracker, or of a row, which
//! belongs to enrich and scoring.
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
