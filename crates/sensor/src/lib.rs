//! Threads, queues, merge order and shutdown of the pipeline from inputs to database.
//!
//! One thread reads and dispatches, N workers own the virtual shards, one thread merges and enriches their
//! facts in a single order, and one writes the database. `docs/decisions/` gives the reasons.
//!
//! This crate must never know the meaning of a message, which belongs to the tracker, or of a row, which
//! belongs to enrich and scoring.
//!
//! ```
//! use bellwether_base::HashKey;
//! use bellwether_capture::expand;
//! use bellwether_enrich::{Privacy, SensitiveNumbers, Tokeniser, Topology};
//! use bellwether_recorder::Recorder;
//! use bellwether_sensor::{Config, Patience, replay};
//! use bellwether_store::Writer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config {
//!     workers: 2,
//!     limits: Default::default(),
//!     fragments: Default::default(),
//!     tcp: Default::default(),
//!     tunnels: Default::default(),
//!     key: HashKey::new([7; 16]),
//!     tokeniser: Tokeniser::new(&[7; 32], Privacy::Tokens),
//!     site: Topology::default(),
//!     sensitive: SensitiveNumbers::default(),
//!     knowledge: Default::default(),
//!     retention: None,
//!     recordings: 1000,
//!     patience: Patience::without_database(),
//!     tap: None,
//! };
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("x.db");
//! let recorder = Recorder::new(Writer::open(&path, "key")?);
//! let inputs = expand(&["../../pcaps/lab-register.pcap".into()])?;
//! let outcome = replay(&inputs, &config, recorder, &mut |_| {})?;
//! assert!(outcome.packets > 0 && outcome.damaged.is_empty());
//! # Ok(())
//! # }
//! ```
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
mod recognition;
mod rehearsal;
mod replay;
mod room;
mod seats;
mod session;
mod sources;
mod streams;
mod tap;
mod writing;

pub use bellwether_store::{LockNews, LockPatience, Retention};
pub use dispatcher::{MAX_REASSEMBLIES, believable};
pub use error::SensorError;
pub use events::{Damage, Event, EventHandler, Progress, Unread};
pub use listen::HepAddress;
pub use live::{LiveInputs, LiveOutcome, sense};
pub use pipeline::{Config, Finished, Latency, Settings};
pub use rehearsal::{Rehearsal, rehearse};
pub use replay::{Outcome, replay};
pub use room::Patience;
pub use streams::{InStream, SipFlow, Taken, read_messages};
pub use tap::{SignallingTap, Tapped, TappedFrames, signalling_tap};
