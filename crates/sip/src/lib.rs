//! SIP (RFC 3261) and SDP (RFC 8866) as they stand on the wire.
//!
//! The parser is total: any bytes that begin like SIP give a [`Message`] and the [`Defects`] found in them.
//! It keeps what a fingerprint needs and other parsers throw away: the order of headers, their spelling,
//! compact forms, folding, the white space around colons and the line ends. Everything borrows from the
//! input; nothing is copied or normalised until a caller asks for a meaning.
//!
//! This crate must never know an address, a time or what came before a message.
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
