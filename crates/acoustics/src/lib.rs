//! Identifies devices by the background noise in the pauses of their G.711 or G.722 streams.
//!
//! The method is from section 4 of H. Sengar, "VoIP Fraud: Identifying a Wolf in Sheep's Clothing" (ACM CCS
//! 2014), called "the paper" in this crate. The energy of each packet of the first 30 s is put into bins, and
//! the silence is the paper's bin with the most packets. The paper's profile ([`SilenceProfile`]) is the
//! energy, DC offset and distribution of code words of this silence. A second profile ([`Pauses`]) has a
//! better choice of packets and more features. Device classes ([`Classes`]) are learned and recognised from
//! the second one.
//!
//! [`recordings`] finds out which calls play one recording.
//!
//! No sample is stored, only sums, counts and words. This crate must never know the subscriber, call or address of a
//! stream.
//!
//! ```
//! use bellwether_acoustics::SilenceAnalysis;
//! use bellwether_rtp::g711::Law;
//!
//! let mut analysis = SilenceAnalysis::new(Law::A);
//! for n in 0..100_u8 {
//!     // The two smallest samples of A-law in turn: noise of 20 ms.
//!     let payload: Vec<u8> = (0..160_u8).map(|i| if (i ^ n) & 1 == 0 { 0xd5 } else { 0x55 }).collect();
//!     analysis.packet(&payload);
//! }
//! assert!(analysis.profile().is_some_and(|profile| profile.packets == 100));
//! ```

mod classes;
mod coding;
mod course;
mod features;
mod histogram;
mod levels;
mod matrix;
mod mode;
mod model;
mod pauses;
pub mod recordings;
mod silence;
mod spread;
mod strangers;

pub use classes::{Candidate, Classes, Comparison, MIN_PACKETS, NoClass, Recognised};
pub use coding::Coding;
pub use course::{Steadiness, Unsteady};
pub use features::{FEATURES, feature_name, features};
pub use histogram::CodeHistogram;
pub use mode::Mode;
pub use pauses::Pauses;
pub use silence::{SilenceAnalysis, SilenceProfile};
