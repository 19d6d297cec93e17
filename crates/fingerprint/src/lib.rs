//! Platform fingerprints: what a SIP message tells about the program that wrote it.
//!
//! Three parts, because one message may have three authors: the SIP author (who wrote the headers), the SDP
//! author (who wrote the session description) and the path (who forwarded it). Each has a readable form whose
//! fields can be compared one by one, and a short hash. `docs/fingerprint.md` specifies both.
//!
//! This crate must never know an address, a number or a time: nothing of one call may enter a fingerprint.

mod path;
mod sdp;
mod sip;

pub use path::path;
pub use sdp::sdp_author;
pub use sip::sip_author;

use sha2::{Digest, Sha256};

/// The version of the fingerprints' construction. It is part of every readable form, and so of every hash.
pub const VERSION: u32 = 1;

/// A fingerprint: its readable form and the hash of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Print {
    /// The readable form.
    pub readable: String,
    /// The hash: a letter for the part, the version, and 64 bits in hexadecimal.
    pub hash: String,
}

impl Print {
    pub(crate) fn new(letter: char, readable: String) -> Self {
        let hash = hash(letter, &[&readable]);
        Self { readable, hash }
    }
}

/// The fingerprint of a whole message: of its SIP author and, where it carries an offer, its SDP author.
#[must_use]
pub fn combined(sip: &Print, sdp: Option<&Print>) -> Print {
    let readable = match sdp {
        Some(sdp) => format!("{} {}", sip.readable, sdp.readable),
        None => sip.readable.clone(),
    };
    Print::new('f', readable)
}

fn hash(letter: char, parts: &[&str]) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part.as_bytes());
    }
    let digest = sha.finalize();
    let mut out = format!("{letter}{VERSION}-");
    for byte in digest.iter().take(8) {
        out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
        out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
    }
    out
}

/// Text of a fingerprint: printable ASCII without the separators of the readable form, and not endless.
pub(crate) fn push_text(out: &mut String, bytes: &[u8]) {
    const LONGEST: usize = 64;
    for byte in bytes.iter().take(LONGEST) {
        match byte {
            b'|' | b' ' | b',' | b';' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            0x21..=0x7e => out.push(char::from(*byte)),
            _ => out.push('?'),
        }
    }
    if bytes.len() > LONGEST {
        out.push('~');
    }
}
