//! Reads packets from capture files, folders of capture files, standard input, and network interfaces.
//!
//! Plain pcap and pcapng are parsed here. This is nearly twice as fast as libpcap, works on any stream, and
//! reports the file offset of an error. It also reads pcapng files that libpcap refuses (interfaces with
//! different link types or snap lengths). Other formats are left to libpcap; a test compares both readers.
//! Interfaces are captured by libpcap: its ring (`TPACKET_V3`) delivers blocks of packets, and several
//! sockets can share one interface.
//!
//! This crate must never know the content of a frame.

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
