//! Platform fingerprints: what a SIP message tells about the program that wrote it.
//!
//! Three parts, because one message may have three authors: the SIP author (who wrote the headers), the SDP
//! author (who wrote the session description) and the path (who forwarded it). Each has a readable form whose
//! fields can be compared one by one, and a short hash. `docs/fingerprint.md` specifies both.
//!
//! What every message of a platform shows alike is hashed. What only some show is a habit beside it ([`write_habits`]), and what
//! takes many messages to know (the alphabet and length of identifiers) is learned as a [`Grammar`].
//!
//! This crate must never know an address, a number or a time: nothing of one call may enter a fingerprint.

mod compare;
mod habits;
mod hash;
mod path;
mod platform;
mod readable;
mod sdp;
mod signature;
mod sip;
mod text;
mod token;
mod traits;

pub use compare::{Comparison, Relaxation, compare, fields};
pub use habits::{Identifiers, write_habits};
pub use hash::{Part, PrintHash, VERSION, combined};
pub use path::path;
pub use platform::{Explained, Platform, specificity};
pub use readable::Readable;
pub use sdp::{sdp_author, write_sdp_author};
pub use signature::{Claim, Known, Seen, Signature, SignatureError, Signatures};
pub use sip::{sip_author, write_sip_author};
pub use token::{Grammar, Rule};
pub use traits::{Level, TRAITS, Trait};
