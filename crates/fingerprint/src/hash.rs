//! The short form of a fingerprint.

use std::fmt;

use sha2::{Digest, Sha256};

/// Version of the fingerprint construction. It is part of every readable form, and therefore of every hash.
pub const VERSION: u32 = 2;

/// The part of a platform that a fingerprint covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The author of the headers.
    Sip,
    /// The author of the session description.
    Sdp,
    /// Both together.
    Combined,
    /// The family of a SIP author.
    Family,
}

/// The short form of a fingerprint: a letter for the part, the version, `-`, and 64 bits of SHA-256 over the
/// readable form in hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PrintHash([u8; PrintHash::LEN]);

impl PrintHash {
    const LEN: usize = 19;

    /// The hash of a readable form.
    #[must_use]
    pub fn of(part: Part, readable: &str) -> Self {
        let letter = match part {
            Part::Sip => b's',
            Part::Sdp => b'd',
            Part::Combined => b'f',
            Part::Family => b'k',
        };
        let mut out = [0; Self::LEN];
        out[0] = letter;
        // One digit: a tenth version would need a longer form, and a decision.
        out[1] = b'0' + VERSION as u8;
        out[2] = b'-';
        let digest = Sha256::digest(readable.as_bytes());
        for (pair, byte) in out[3..].chunks_exact_mut(2).zip(digest) {
            pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
            pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
        }
        Self(out)
    }

    /// Parses stored text; none if it does not have this form.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        let octets: [u8; Self::LEN] = text.as_bytes().try_into().ok()?;
        octets.is_ascii().then_some(Self(octets))
    }

    /// The hash as a number.
    #[must_use]
    pub fn key(&self) -> u64 {
        let digit = |octet: &u8| u64::from(char::from(*octet).to_digit(16).unwrap_or(0));
        self.0.iter().skip(3).fold(0, |key, octet| key << 4 | digit(octet))
    }

    /// The hash as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for PrintHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The readable form of a whole message: the SIP author's form and, if there is an offer, the SDP author's
/// form.
#[must_use]
pub fn combined(sip: &str, sdp: Option<&str>) -> String {
    match sdp {
        Some(sdp) => format!("{sip} {sdp}"),
        None => sip.to_owned(),
    }
}
