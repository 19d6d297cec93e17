//! Parses SIP (RFC 3261) and SDP (RFC 8866) as written on the wire.
//!
//! The parser is total: any bytes that start like SIP give a [`Message`] and the [`Defects`] found in it. It
//! keeps the properties that a fingerprint needs: order and spelling of headers, compact forms, folding,
//! white space around colons, and line ends. All results borrow from the input; values are copied or
//! normalised only on request.
//!
//! This crate must never know an address, a time or an earlier message.
//!
//! ```
//! use bellwether_sip::{Defect, Message, Method};
//!
//! let message = Message::parse(b"OPTIONS sip:example.org SIP/2.0\r\ni: 7@192.0.2.1\nMax-Forwards: 70\r\n\r\n");
//! assert_eq!(message.method(), Some(Method::Options));
//! assert_eq!(message.call_id(), Some(&b"7@192.0.2.1"[..]));
//! assert!(message.defects().has(Defect::BareLineFeed));
//! ```
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod address;
mod defects;
mod examine;
mod framer;
mod header;
pub mod ice;
mod lex;
mod message;
mod method;
mod probe;
mod route;
pub mod sdp;
mod uri;
mod via;

pub use address::{Address, Addresses, addresses, tag_of};
pub use defects::{Defect, Defects};
pub use framer::{Framed, Framer, MAX_MESSAGE};
pub use header::{Header, LineEnd, Name};
pub use lex::{Param, Params, comma_values};
pub use message::{CSeq, Message, Parts, StartLine};
pub use method::Method;
pub use probe::{Verdict, probe};
pub use route::{RouteKey, route_key};
pub use uri::Uri;
pub use via::Via;
