//! Decodes captured frames down to UDP datagrams and TCP stream bytes.
//!
//! Layers: link types, VLAN tags, MPLS labels, tunnels, IP, fragments, UDP, TCP, WebSocket frames, and the
//! envelopes of the Homer Encapsulation Protocol.
//!
//! This crate must never know the content of a datagram: no SIP, no RTP, no ports except those of tunnels.
//! Unreadable input becomes a named [`Loss`](bellwether_base::Loss); memory is bounded.
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
