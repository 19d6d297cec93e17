//! The sans-I/O worker: packets in, [`Fact`]s out.
//!
//! A [`Worker`] owns some of the virtual shards. Each shard owns the calls, registrations and media streams
//! that hash to it, so that limits, evictions and results do not depend on how many workers there are. Time
//! comes with the packets. What one shard must tell others goes out as [`Control`] and comes back, to every
//! worker alike, at a barrier that the sensor keeps.
//!
//! This crate must never know a thread, a file or the database, and it hands out owned facts only.

mod announce;
mod authors;
mod beside;
mod call;
mod calls;
mod claims;
mod control;
mod fact;
mod formats;
mod kin;
mod limits;
mod listeners;
mod media;
mod named;
mod negotiation;
mod newcomers;
mod pairs;
mod party;
mod prints;
mod recurring;
mod registrations;
mod secrecy;
mod siblings;
mod sightings;
mod stream;
mod tally;
mod timers;
mod timing;
mod transactions;
mod under_way;
mod worker;

pub use claims::Claims;
pub use control::{Control, Keys, Protection, Side};
pub use fact::{
    AuthorSeen, CallProgress, CallStarted, ClockRate, ClockSeen, Fact, FingerprintSeen, MediaNamed, Move,
    NoRates, Order, OrphanBye, Outbox, Party, Prints, Referral, RegisterAnswered, RegistrationProgress,
    RegistrationStarted, Sighting, Silence, StampedFact, StreamFact, TimerProgress,
};
pub use formats::Formats;
pub use kin::Kin;
pub use limits::{Limits, VIRTUAL_SHARDS};
pub use listeners::Rank;
pub use named::Named;
pub use negotiation::Section;
pub use party::Clear;
pub use recurring::TimerKind;
pub use tally::Tally;
pub use worker::{Content, Item, Mirror, Worker};
