//! Fuzz targets: plain functions over arbitrary octets. Each runs one parser, or the whole pipeline of a frame, and
//! asserts the laws that must hold. `docs/fuzzing.md` explains their use.
//!
//! A failing target panics. This crate must never repair or silently skip an input: a violated law is a finding, and
//! its input becomes a file in `findings/` that every test run reads.

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
