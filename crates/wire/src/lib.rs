//! Frames to datagrams and stream bytes: link layers, tags and labels, tunnels, IP, fragments, UDP and TCP,
//! WebSocket frames, and the envelopes of the Homer Encapsulation Protocol.
//!
//! This crate must never know what a datagram means: no SIP, no RTP, no ports but those of tunnels.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod decode;
mod extension;
mod fragment;
mod hep;
mod ip;
mod layer;
mod link;
mod record;
mod tcp;
mod tunnel;
mod websocket;
mod wireless;

pub use decode::{Decoded, Frame, Segment, decode, decode_reassembled};
pub use fragment::{FragmentLimits, FragmentPool, Pushed, Reassembled};
pub use hep::{Hep, hep3_len, looks_like_hep, read_hep};
pub use ip::Fragment;
pub use link::LinkType;
pub use tcp::{Held, TcpLimits, TcpReassembler, TcpStream, Torn};
pub use tunnel::{Tunnel, TunnelKind, TunnelPorts};
pub use websocket::{WebSocket, WsFrame, first_octets};
