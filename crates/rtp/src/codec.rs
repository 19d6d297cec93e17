use crate::g711::Law;

/// What a payload type means for analysis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// G.711 of one law.
    G711(Law),
    /// G.722.
    G722,
    /// Comfort noise (RFC 3389).
    ComfortNoise,
    /// Named telephone events (RFC 4733).
    TelephoneEvent,
    /// Anything else.
    Other,
}

impl Codec {
    /// From an encoding name of SDP, without the rate; case does not matter (RFC 8866 section 6.6).
    #[must_use]
    pub fn from_encoding(name: &str) -> Self {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("PCMU") {
            Self::G711(Law::Mu)
        } else if is("PCMA") {
            Self::G711(Law::A)
        } else if is("G722") {
            Self::G722
        } else if is("CN") {
            Self::ComfortNoise
        } else if is("telephone-event") {
            Self::TelephoneEvent
        } else {
            Self::Other
        }
    }
}

/// The encoding name of a static payload type (RFC 3551 tables 4 and 5; 19 is its older comfort noise).
#[must_use]
pub const fn static_codec(payload_type: u8) -> Option<&'static str> {
    Some(match payload_type {
        0 => "PCMU",
        3 => "GSM",
        4 => "G723",
        5 | 6 | 16 | 17 => "DVI4",
        7 => "LPC",
        8 => "PCMA",
        9 => "G722",
        10 | 11 => "L16",
        12 => "QCELP",
        13 | 19 => "CN",
        14 => "MPA",
        15 => "G728",
        18 => "G729",
        25 => "CelB",
        26 => "JPEG",
        28 => "nv",
        31 => "H261",
        32 => "MPV",
        33 => "MP2T",
        34 => "H263",
        _ => return None,
    })
}
