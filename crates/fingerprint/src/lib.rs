//! Platform fingerprints: identify the program that wrote a SIP message.
//!
//! One message may have three authors, so a fingerprint has three parts. The SIP author wrote the headers,
//! the SDP author wrote the session description, and the path is the list of proxies. Each part has a
//! readable form with comparable fields, and a short hash. `docs/fingerprint.md` specifies both.
//!
//! Only traits that every message of a platform shows are hashed. Traits of some messages are habits
//! ([`write_habits`]). Traits that need many messages (alphabet and length of identifiers) are learned as a
//! [`Grammar`].
//!
//! This crate must never know an address, a phone number or a time: no value of a single call may enter a
//! fingerprint.
//!
//! Two requests of one platform have one hash, whatever they say:
//!
//! ```
//! use bellwether_fingerprint::{Part, PrintHash, sip_author};
//! use bellwether_sip::Message;
//!
//! let hash_of = |caller: &str, method: &str| {
//!     let request = format!(
//!         "{method} sip:200@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{caller}\r\n\
//!          Max-Forwards: 70\r\nFrom: <sip:{caller}@example.org>;tag={caller}\r\nTo: <sip:200@example.org>\r\n\
//!          Call-ID: {caller}\r\nCSeq: 1 {method}\r\n\r\n"
//!     );
//!     sip_author(&Message::parse(request.as_bytes())).map(|readable| PrintHash::of(Part::Sip, &readable))
//! };
//! assert!(hash_of("100", "INVITE").is_some());
//! assert_eq!(hash_of("100", "INVITE"), hash_of("101", "INVITE"));
//! assert_ne!(hash_of("100", "INVITE"), hash_of("100", "OPTIONS"));
//! ```

mod compare;
mod family;
mod habits;
mod hash;
mod path;
mod platform;
mod readable;
mod sdp;
mod signature;
mod sip;
mod text;
mod token;
mod traits;

pub use compare::{Comparison, Relaxation, compare, fields};
pub use family::{family, readable_family};
pub use habits::{Identifiers, write_habits};
pub use hash::{Part, PrintHash, VERSION, combined};
pub use path::path;
pub use platform::{Explained, Platform, specificity};
pub use readable::Readable;
pub use sdp::{sdp_author, write_sdp_author};
pub use signature::{Claim, Known, Seen, Signature, SignatureError, Signatures};
pub use sip::{sip_author, write_sip_author};
pub use token::{Grammar, Rule};
pub use traits::{Level, TRAITS, Trait};
