//! Device authorisation: evidence for and against each device and call of a subscriber, and the verdict.

mod assessment;
mod evidence;
mod steps;

pub use assessment::{Rules, evaluate};
pub use evidence::{DeviceVerdict, Evidence, EvidenceKind, Strictness, weigh};
pub use steps::{MAX_STEPS, Recorded, Step, new_steps};
