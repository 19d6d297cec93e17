//! Parses RTP and RTCP (RFC 3550), with the protocols that share media ports: STUN checks, DTLS records, and
//! SRTP whose keys are in the signalling. Also decodes G.711 and G.722, and computes loss, order and jitter.
//!
//! This crate must never know a call, an address or the audio content of a payload.
//!
//! ```
//! use bellwether_rtp::{Kind, Packet, classify};
//!
//! // Version 2, PCMU, sequence number 1, timestamp 160, and one octet of payload.
//! let datagram = [0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7, 0xff];
//! assert_eq!(classify(&datagram), Kind::Rtp);
//! let packet = Packet::parse(&datagram).ok_or("not RTP")?;
//! assert_eq!((packet.payload_type, packet.seq, packet.ticks, packet.ssrc), (0, 1, 160, 7));
//! # Ok::<(), &str>(())
//! ```
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod beginning;
mod bursts;
mod codec;
mod dtls;
pub mod emodel;
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
pub use bursts::Bursts;
pub use codec::{Codec, static_format};
pub use dtls::DtlsStep;
pub use encoding::{encoding_name, known_encoding};
pub use jitter::Jitter;
pub use packet::{Kind, Packet, classify};
pub use reception::{Arrival, Reception};
pub use rtcp::{ReceptionReport, Rtcp, SenderReport, VoipMetrics};
pub use srtp::{SrtpKey, SrtpSession};
pub use stun::IceCheck;
