//! The edge where packets come in: capture files, folders of them, standard input, and interfaces.
//!
//! Plain pcap and pcapng are read here, block by block, because that is nearly twice as fast as libpcap,
//! reads from any stream, knows where in the file it is when something is wrong, and reads the pcapng files
//! that libpcap refuses (interfaces that differ in link type or snap length). Any other format is libpcap's;
//! a test holds the two to each other. Interfaces are libpcap's too: its ring (`TPACKET_V3`) hands over blocks of
//! packets, and several sockets may share one interface.
//!
//! This crate must never know what is inside a frame.

mod attach;
mod blocks;
mod buffer;
mod error;
mod fanout;
mod filter;
mod inputs;
mod live;
mod nic;
mod reader;
mod stamping;

pub use error::{OpenError, ReadError};
pub use inputs::{GrowingFolder, Input, expand};
pub use live::{Frames, HOLD_MS, LiveCapture, LiveCounts, LiveError, LiveOptions, Stamps, Waker, up};
pub use nic::stamps_all;
pub use reader::{CaptureReader, Record};
pub use stamping::{ClockEvent, ClockEventKind, StampingClock};
