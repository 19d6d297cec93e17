//! Frames to datagrams and stream bytes: link layers, VLAN tags, IP, fragments, UDP and TCP.
//!
//! This crate must never know what a datagram means: no SIP, no RTP, no ports.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod decode;
mod fragment;
mod ip;
mod link;
mod tcp;

pub use decode::{Decoded, Segment, decode, decode_transport};
pub use fragment::{FragmentLimits, FragmentPool, Pushed, Reassembled};
pub use ip::Fragment;
pub use link::LinkType;
pub use tcp::{TcpLimits, TcpReassembler, TcpStream};
