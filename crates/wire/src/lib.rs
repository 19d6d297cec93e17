//! Decodes captured frames down to UDP datagrams and TCP stream bytes.
//!
//! Layers: link types, VLAN tags, MPLS labels, tunnels, IP, fragments, UDP, TCP, WebSocket frames, and the
//! envelopes of the Homer Encapsulation Protocol.
//!
//! This crate must never know the content of a datagram: no SIP, no RTP, no ports except those of tunnels.
//! Unreadable input becomes a named [`Loss`](bellwether_base::Loss); memory is bounded.
//!
//! ```
//! use bellwether_wire::{Decoded, LinkType, TunnelPorts, decode};
//!
//! // An IPv4 header (RFC 791), a UDP header (RFC 768) and two octets.
//! let packet = [
//!     0x45, 0, 0, 30, 0, 7, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, //
//!     0x13, 0xc4, 0x13, 0xc4, 0, 10, 0, 0, b'h', b'i',
//! ];
//! let frame = decode(LinkType::RawIp, &packet, &TunnelPorts::default());
//! assert!(frame.tunnel.is_none());
//! assert!(matches!(frame.what, Decoded::Udp { payload: b"hi", .. }));
//! ```
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
