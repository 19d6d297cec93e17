//! Fuzz targets: plain functions that take any octets, lead them through one parser or through the whole way of a
//! frame, and assert the laws that must hold there. `docs/fuzzing.md` says how they are run.
//!
//! A target's failure is a panic. Here nothing is mended and nothing skipped in silence: a law that does not hold is
//! a finding, and its input becomes a file in `findings/` that every test run reads.

mod input;
mod made;
mod mutants;
mod rehearsal;
mod seeds;
mod targets;

pub use made::made;
pub use mutants::{frames, mutant};
pub use seeds::seeds;
pub use targets::{TARGETS, Target, target};
