//! The edge where packets come in: capture files, folders of them, and standard input.
//!
//! Plain pcap and pcapng are read here, block by block, because that is nearly twice as fast as libpcap,
//! reads from any stream, knows where in the file it is when something is wrong, and reads the pcapng files
//! that libpcap refuses (interfaces that differ in link type or snap length). Any other format is libpcap's;
//! a test holds the two to each other.
//!
//! This crate must never know what is inside a frame.

mod blocks;
mod buffer;
mod error;
mod inputs;
mod reader;

pub use error::{OpenError, ReadError};
pub use inputs::{Input, expand};
pub use reader::{CaptureReader, Record};
