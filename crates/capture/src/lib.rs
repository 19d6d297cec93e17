//! Reads packets from capture files, folders of capture files, standard input, and network interfaces; writes capture files.
//!
//! Plain pcap and pcapng are parsed here. This is nearly twice as fast as libpcap, works on any stream, and
//! reports the file offset of an error. It also reads pcapng files that libpcap refuses (interfaces with
//! different link types or snap lengths). Other formats are left to libpcap; a test compares both readers.
//! Interfaces are captured by libpcap: its ring (`TPACKET_V3`) delivers blocks of packets, and several
//! sockets can share one interface.
//!
//! This crate must never know the content of a frame.
//!
//! ```
//! use bellwether_capture::CaptureReader;
//!
//! // A pcap file: the header (version 2.4, link type Ethernet), then one frame of two octets at second 1.
//! let mut octets = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
//! octets.extend([2, 0, 4, 0]);
//! octets.extend([0, 0, 65_535, 1].map(u32::to_le_bytes).concat());
//! octets.extend([1, 0, 2, 2].map(u32::to_le_bytes).concat());
//! octets.extend([0xab, 0xcd]);
//! let mut reader = CaptureReader::in_memory(octets, "example.pcap".as_ref())?;
//! let record = reader.next()?.ok_or("no frame")?;
//! assert_eq!((record.at.as_nanos(), record.frame), (1_000_000_000, &[0xab, 0xcd][..]));
//! assert!(reader.next()?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod writer;

pub use error::{OpenError, ReadError};
pub use inputs::{GrowingFolder, Input, expand};
pub use live::{Frames, HOLD_MS, LiveCapture, LiveCounts, LiveError, LiveOptions, Stamps, Waker, up};
pub use nic::stamps_all;
pub use reader::{CaptureReader, Record};
pub use stamping::{ClockEvent, ClockEventKind, StampingClock};
pub use writer::{CaptureFormat, CaptureWriter};
