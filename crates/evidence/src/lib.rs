//! Finds the frames of one thing in captures, and copies them.
//!
//! [`search()`] reads captures from the first frame to the last and asks about each SIP message and each media packet, through
//! tunnels, fragments, TCP, WebSockets and HEP. Its answer names all frames that carried the wanted ones. [`copy()`] reads
//! the captures again and writes those frames unchanged. [`ring`] keeps signalling of a live run on disk for both.
//!
//! This crate must never know the database, an argument or a terminal, or change a frame.
//!
//! ```
//! use bellwether_capture::expand;
//! use bellwether_evidence::{Content, Source, search};
//! use bellwether_wire::TunnelPorts;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let inputs = expand(&["../../pcaps/lab-register.pcap".into()])?;
//! let inputs: Vec<Source> = inputs.into_iter().map(Source::Capture).collect();
//! let mut messages = 0;
//! let found = search(&inputs, &TunnelPorts::default(), &mut |packet| {
//!     messages += 1;
//!     matches!(packet.content, Content::Sip(_))
//! });
//! assert!(messages > 0 && found.frames.len() == messages);
//! # Ok(())
//! # }
//! ```

mod copy;
mod coverage;
mod media;
mod message;
mod pieces;
pub mod ring;
mod scanner;
mod search;
mod segments;

pub use copy::{CopyError, copy};
pub use coverage::{Gap, gaps};
pub use media::{MediaFilter, WantedStream};
pub use message::SipHead;
pub use scanner::{Content, Packet};
pub use search::{Found, FoundFrame, SearchedInput, Source, search};
