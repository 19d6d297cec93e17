//! The sound of silence: what the pauses of a G.711 stream tell about the device that sends it.
//!
//! The method is that of the device-authorisation paper, section 4: the energy of each packet of the first
//! 30 s is put into 21 bins; the silence is what lies in the bin that most packets fall into; its energy, DC
//! offset and distribution of code words are the device's profile.
//!
//! No sample is kept: only sums and counts. This crate must never know whose stream it is.

mod histogram;
mod silence;

pub use histogram::CodeHistogram;
pub use silence::{SilenceAnalysis, SilenceProfile};
