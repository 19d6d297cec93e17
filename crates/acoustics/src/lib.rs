//! The sound of silence: what the pauses of a G.711 stream tell about the device that sends it.
//!
//! The method is that of the device-authorisation paper, section 4: the energy of each packet of the first
//! 30 s is put into bins; the silence is what lies in the paper's bin that most packets fall into; its energy, DC
//! offset and distribution of code words are the paper's profile. Beside it stand [`Pauses`], a better choice of packets with more
//! features, by which device classes are learned and recognised ([`Classes`]).
//!
//! No sample is kept: only sums and counts. This crate must never know whose stream it is.

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
