use std::fmt;

use crate::Packet;

/// Initial values of a source: flags for each value that RFC 3550 requires to be random (sections 5.1 and
/// 8.1) and that was not. One octet, because every stream holds one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Beginning(u8);

const SEQ_ZERO: u8 = 1;
const SEQ_ONE: u8 = 1 << 1;
const SEQ_HALF: u8 = 1 << 2;
const TICKS_ZERO: u8 = 1 << 3;
const TICKS_SMALL: u8 = 1 << 4;
const SSRC_SMALL: u8 = 1 << 5;
const MARKER: u8 = 1 << 6;

/// Upper limit for the first timestamp of a clock that starts at zero: one second of telephony.
const SMALL_TICKS: u32 = 8000;

/// Every flag with its name in reports.
const NAMES: [(u8, &str); 7] = [
    (SEQ_ZERO, "seq 0"),
    (SEQ_ONE, "seq 1"),
    (SEQ_HALF, "seq below 2^15"),
    (TICKS_ZERO, "ticks 0"),
    (TICKS_SMALL, "ticks small"),
    (SSRC_SMALL, "ssrc below 2^16"),
    (MARKER, "marker"),
];

impl Beginning {
    /// The flags of a source's first packet.
    #[must_use]
    pub const fn of(packet: &Packet<'_>) -> Self {
        let seq = match packet.seq {
            0 => SEQ_ZERO,
            1 => SEQ_ONE,
            2..=0x7fff => SEQ_HALF,
            _ => 0,
        };
        let ticks = match packet.ticks {
            0 => TICKS_ZERO,
            1..=SMALL_TICKS => TICKS_SMALL,
            _ => 0,
        };
        let ssrc = if packet.ssrc <= 0xffff { SSRC_SMALL } else { 0 };
        let marker = if packet.marker { MARKER } else { 0 };
        Self(seq | ticks | ssrc | marker)
    }
}

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (flag, name) in NAMES {
            if self.0 & flag != 0 {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() { f.write_str("random") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_random_is_named() {
        let packet =
            |seq, ticks, ssrc, marker| Packet { marker, payload_type: 0, seq, ticks, ssrc, payload: &[] };
        let said = |packet: Packet<'_>| Beginning::of(&packet).to_string();
        assert_eq!(said(packet(40_000, 123_456, 0x1234_5678, false)), "random");
        assert_eq!(said(packet(0, 0, 1, true)), "seq 0, ticks 0, ssrc below 2^16, marker");
        assert_eq!(said(packet(1, 160, 0x1_0000, false)), "seq 1, ticks small");
        assert_eq!(said(packet(2, 8001, 0x1_0000, false)), "seq below 2^15");
    }
}
