//! Identifies devices by the background noise in the pauses of their G.711 or G.722 streams.
//!
//! The method is from section 4 of H. Sengar, "VoIP Fraud: Identifying a Wolf in Sheep's Clothing" (ACM CCS
//! 2014), called "the paper" in this crate. The energy of each packet of the first 30 s is put into bins, and
//! the silence is the paper's bin with the most packets. The paper's profile ([`SilenceProfile`]) is the
//! energy, DC offset and distribution of code words of this silence. A second profile ([`Pauses`]) has a
//! better choice of packets and more features. Device classes ([`Classes`]) are learned and recognised from
//! the second one.
//!
//! No sample is stored, only sums and counts. This crate must never know the subscriber, call or address of a
//! stream.

mod classes;
mod coding;
mod features;
mod histogram;
mod levels;
mod matrix;
mod opening;
mod pauses;
mod silence;

pub use classes::{Classes, Comparison, MIN_PACKETS, Mode, NoClass, Recognised};
pub use coding::Coding;
pub use features::{FEATURES, feature_name, features};
pub use histogram::CodeHistogram;
pub use opening::{Opening, OpeningPrint};
pub use pauses::Pauses;
pub use silence::{SilenceAnalysis, SilenceProfile};
