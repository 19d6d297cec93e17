//! Tracks calls, registrations and media streams: packets in, [`Fact`]s out. The crate is sans-I/O.
//!
//! A [`Worker`] owns some of the virtual shards. Each shard owns the calls, registrations and media streams
//! that hash to it. Limits, evictions and results therefore do not depend on the number of workers. Time
//! comes with the packets. Knowledge for other shards leaves as [`Control`]. The sensor returns each control
//! to every worker at one barrier.
//!
//! This crate must never know threads, files or the database. It hands out owned facts only.

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
