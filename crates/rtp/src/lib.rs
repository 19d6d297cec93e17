//! RTP and RTCP (RFC 3550), G.711, and the unwrapping of sequence numbers.
//!
//! This crate must never know a call, an address or what a payload sounds like.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod beginning;
mod codec;
mod dtls;
mod encoding;
pub mod g711;
pub mod g722;
mod jitter;
mod packet;
mod reception;
mod rtcp;
mod srtp;
mod stun;

pub use beginning::Beginning;
pub use codec::{Codec, static_format};
pub use dtls::DtlsStep;
pub use encoding::{encoding_name, known_encoding};
pub use jitter::Jitter;
pub use packet::{Kind, Packet, classify};
pub use reception::{Arrival, Reception};
pub use rtcp::{Rtcp, SenderReport};
pub use srtp::{SrtpKey, SrtpSession};
pub use stun::IceCheck;
