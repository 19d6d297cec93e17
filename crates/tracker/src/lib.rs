//! Tracks calls, registrations and media streams: packets in, [`Fact`]s out. The crate is sans-I/O.
//!
//! A [`Worker`] owns some of the virtual shards. Each shard owns the calls, registrations and media streams
//! that hash to it. Limits, evictions and results therefore do not depend on the number of workers. Time
//! comes with the packets. Knowledge for other shards leaves as [`Control`]. The sensor returns each control
//! to every worker at one barrier.
//!
//! This crate must never know threads, files or the database. It hands out owned facts only.
//!
//! ```
//! use bellwether_base::{Endpoint, FlowKey, HashKey, Timestamp};
//! use bellwether_tracker::{Content, Fact, Item, Limits, Outbox, Worker};
//!
//! let invite = b"INVITE sip:200@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
//!     Max-Forwards: 70\r\nFrom: <sip:100@example.org>;tag=1\r\nTo: <sip:200@example.org>\r\n\
//!     Call-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:100@192.0.2.1>\r\nContent-Length: 0\r\n\r\n";
//! let at = Timestamp::from_nanos(1_000_000_000);
//! let item = Item {
//!     seq: 1,
//!     at,
//!     stamp: at,
//!     agent: None,
//!     mirror: None,
//!     flow: FlowKey {
//!         src: Endpoint::new([192, 0, 2, 1].into(), 5060),
//!         dst: Endpoint::new([192, 0, 2, 2].into(), 5060),
//!     },
//!     content: Content::SipDatagram,
//!     shard: 0,
//!     pair: 0,
//!     ip_id: 0,
//!     is_cut: false,
//!     bytes: invite,
//! };
//! let mut worker = Worker::new(0, 1, &Limits::default(), HashKey::new([7; 16]));
//! let mut out = Outbox::default();
//! worker.handle(&item, &mut out);
//! let (facts, _controls) = out.drain(Vec::new());
//! assert!(facts.iter().any(|stamped| matches!(stamped.fact, Fact::CallStarted(_))));
//! ```

mod announce;
mod authors;
mod beside;
mod call;
mod calls;
mod claims;
mod control;
mod conversations;
mod fact;
mod feedback;
mod formats;
mod hearing;
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

pub use bellwether_base::Side;
pub use claims::Claims;
pub use control::{Control, Keys, Protection};
pub use fact::{
    AuthorSeen, CallProgress, CallStarted, ClockRate, ClockSeen, Fact, FingerprintSeen, MediaNamed, Move,
    NoRates, Order, OrphanBye, Outbox, Party, Prints, Referral, RegisterAnswered, RegistrationProgress,
    RegistrationStarted, Sighting, Silence, StampedFact, StreamFact, TimerProgress,
};
pub use feedback::StreamQuality;
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
