use crate::g711::Law;

/// The codec of a payload type, as far as the analysis distinguishes codecs.
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
    /// Any other codec.
    Other,
}

impl Codec {
    /// The codec of an SDP encoding name without its clock rate; case is ignored (RFC 8866 section 6.6).
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

/// Encoding name and clock rate of a static payload type (RFC 3551 tables 4 and 5; 19 is the older number of
/// comfort noise).
#[must_use]
pub const fn static_format(payload_type: u8) -> Option<(&'static str, u32)> {
    Some(match payload_type {
        0 => ("PCMU", 8000),
        3 => ("GSM", 8000),
        4 => ("G723", 8000),
        5 => ("DVI4", 8000),
        6 => ("DVI4", 16_000),
        7 => ("LPC", 8000),
        8 => ("PCMA", 8000),
        // G.722 samples at 16 kHz, but its timestamps count at 8 kHz (RFC 3551 section 4.5.2).
        9 => ("G722", 8000),
        10 | 11 => ("L16", 44_100),
        12 => ("QCELP", 8000),
        13 | 19 => ("CN", 8000),
        14 => ("MPA", 90_000),
        15 => ("G728", 8000),
        16 => ("DVI4", 11_025),
        17 => ("DVI4", 22_050),
        18 => ("G729", 8000),
        25 => ("CelB", 90_000),
        26 => ("JPEG", 90_000),
        28 => ("nv", 90_000),
        31 => ("H261", 90_000),
        32 => ("MPV", 90_000),
        33 => ("MP2T", 90_000),
        34 => ("H263", 90_000),
        _ => return None,
    })
}
