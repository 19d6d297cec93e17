//! IEEE 802.11 data frames, with and without a radiotap header.

use bellwether_base::Loss;

use crate::layer::{Layer, be16, ether_type};

/// Bits of the frame control field's second octet (IEEE 802.11-2020 section 9.2.4.1).
const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const MORE_FRAGMENTS: u8 = 0x04;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

/// Bits of a data frame's subtype.
const NO_DATA: u8 = 0x40;
const QOS: u8 = 0x80;

/// The radiotap fields that are read: the flags, and the time, which shifts the flags.
const HAS_TIME: u32 = 1;
const HAS_FLAGS: u32 = 1 << 1;
const MORE_WORDS: u32 = 1 << 31;

/// Radiotap flag: the radio padded the 802.11 header to a multiple of four octets.
const DATA_PAD: u8 = 0x20;

/// Limit of words in the radiotap header's field list.
const MAX_WORDS: usize = 16;

/// Reads a frame behind a radiotap header (radiotap.org), whose numbers are little-endian.
pub(crate) fn radiotap(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let header = frame.first_chunk::<8>().ok_or(Loss::LinkMalformed)?;
    let [0, _, l0, l1, p0, p1, p2, p3] = *header else { return Err(Loss::LinkMalformed) };
    let len = usize::from(u16::from_le_bytes([l0, l1]));
    let fields = frame.get(..len).ok_or(Loss::LinkMalformed)?;
    let first = u32::from_le_bytes([p0, p1, p2, p3]);
    let (mut word, mut at) = (first, 8);
    for _ in 0..MAX_WORDS {
        if word & MORE_WORDS == 0 {
            break;
        }
        let next = fields.get(at..).and_then(|b| b.first_chunk::<4>()).ok_or(Loss::LinkMalformed)?;
        (word, at) = (u32::from_le_bytes(*next), at + 4);
    }
    if first & HAS_TIME != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    let flags = if first & HAS_FLAGS == 0 { 0 } else { fields.get(at).copied().unwrap_or(0) };
    data(frame.get(len..).unwrap_or_default(), flags & DATA_PAD != 0)
}

/// Reads a frame; `is_padded` if its header is padded to a multiple of four octets.
pub(crate) fn data(frame: &[u8], is_padded: bool) -> Result<Layer<'_>, Loss> {
    let [control, flags] = *frame.first_chunk::<2>().ok_or(Loss::LinkMalformed)?;
    // Version 0, type data; management and control frames carry no packets.
    if control & 0x0f != 0x08 || control & NO_DATA != 0 {
        return Ok(Layer::Other);
    }
    let fragment = frame.get(22).ok_or(Loss::LinkMalformed)? & 0x0f;
    if flags & (PROTECTED | MORE_FRAGMENTS) != 0 || fragment != 0 {
        return Err(Loss::EncapsulationUnsupported);
    }
    let mut len = if flags & (TO_DS | FROM_DS) == TO_DS | FROM_DS { 30 } else { 24 };
    let mut is_aggregate = false;
    if control & QOS != 0 {
        is_aggregate = frame.get(len).ok_or(Loss::LinkMalformed)? & 0x80 != 0;
        len += if flags & ORDER == 0 { 2 } else { 6 };
    }
    if is_padded {
        len = len.next_multiple_of(4);
    }
    let body = frame.get(len..).ok_or(Loss::LinkMalformed)?;
    if is_aggregate { aggregate(body) } else { llc(body) }
}

/// Reads an A-MSDU (several frames in one) that holds exactly one frame.
fn aggregate(body: &[u8]) -> Result<Layer<'_>, Loss> {
    let len = usize::from(be16(body, 12)?);
    let body = body.get(14..).ok_or(Loss::LinkMalformed)?;
    // Only padding and the checksum may follow the last one.
    if body.len() > len + 3 + 4 { Err(Loss::EncapsulationUnsupported) } else { llc(body) }
}

/// Reads an LLC header (IEEE 802.2) of IP itself, or one with the SNAP extension that names an `EtherType`
/// (RFC 1042).
pub(crate) fn llc(body: &[u8]) -> Result<Layer<'_>, Loss> {
    match body {
        [0xaa, 0xaa, 0x03, 0, 0, 0 | 0xf8, k0, k1, rest @ ..] => {
            ether_type(u16::from_be_bytes([*k0, *k1]), rest)
        }
        [0x06, 0x06, 0x03, rest @ ..] => Ok(Layer::Ip(rest)),
        [_, _, _, ..] => Ok(Layer::Other),
        _ => Err(Loss::LinkMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNAP: [u8; 9] = [0xaa, 0xaa, 0x03, 0, 0, 0, 0x08, 0x00, 0x45];

    /// A frame with a header of `header` octets.
    fn frame(control: u8, flags: u8, header: usize, body: &[u8]) -> Vec<u8> {
        let mut out = vec![0; header];
        (out[0], out[1]) = (control, flags);
        out.extend(body);
        out
    }

    #[test]
    fn the_packet_is_found_behind_every_form_of_the_header() {
        for (control, flags, header) in [
            (0x08, TO_DS, 24),
            (0x08, FROM_DS, 24),
            (0x08, TO_DS | FROM_DS, 30),
            (0x88, TO_DS, 26),
            (0x88, TO_DS | FROM_DS, 32),
            (0x88, TO_DS | ORDER, 30),
            // With a piggybacked acknowledgement (subtype data + CF-Ack).
            (0x18, TO_DS, 24),
        ] {
            let found = frame(control, flags, header, &SNAP);
            assert_eq!(data(&found, false), Ok(Layer::Ip(&[0x45])), "{control:x} {flags:x}");
        }
        let padded = frame(0x88, TO_DS, 28, &SNAP);
        assert_eq!(data(&padded, true), Ok(Layer::Ip(&[0x45])));
    }

    #[test]
    fn what_is_no_data_is_passed_over_and_what_cannot_be_read_is_named() {
        assert_eq!(data(&frame(0x80, 0, 24, &[1, 2, 3]), false), Ok(Layer::Other), "a beacon");
        assert_eq!(data(&[0xd4, 0], false), Ok(Layer::Other), "an acknowledgement");
        assert_eq!(data(&frame(0x48, TO_DS, 24, &[]), false), Ok(Layer::Other), "no data");
        let unsupported = Err(Loss::EncapsulationUnsupported);
        assert_eq!(data(&frame(0x08, PROTECTED, 24, &SNAP), false), unsupported);
        assert_eq!(data(&frame(0x08, MORE_FRAGMENTS, 24, &SNAP), false), unsupported);
        let mut second = frame(0x08, 0, 24, &SNAP);
        second[22] = 1;
        assert_eq!(data(&second, false), unsupported);
        assert_eq!(data(&frame(0x08, 0, 24, &[0xaa]), false), Err(Loss::LinkMalformed));
        assert_eq!(data(&frame(0x88, 0, 24, &[]), false), Err(Loss::LinkMalformed));
    }

    #[test]
    fn an_aggregate_of_one_is_read_and_one_of_more_is_named() {
        let part = [&[0; 12][..], &[0, 9], &SNAP].concat();
        let of = |parts: &[u8]| {
            let mut out = frame(0x88, TO_DS, 26, parts);
            out[24] = 0x80;
            data(&out, false).map(|layer| format!("{layer:?}"))
        };
        assert_eq!(of(&part), Ok("Ip([69])".into()));
        let padded = [&part[..], &[0; 3]].concat();
        assert_eq!(of(&[&padded[..], &part].concat()), Err(Loss::EncapsulationUnsupported));
    }

    #[test]
    fn a_radios_header_is_taken_off_whatever_it_says() {
        let inner = frame(0x88, TO_DS, 26, &SNAP);
        let padded = frame(0x88, TO_DS, 28, &SNAP);
        // No fields; flags; time and flags behind a second field word, which moves the time to a multiple of
        // 8.
        let plain = [&[0, 0, 8, 0, 0, 0, 0, 0][..], &inner].concat();
        let flags = [&[0, 0, 9, 0, 2, 0, 0, 0, DATA_PAD][..], &padded].concat();
        let all = [
            &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[9; 8],
            &[DATA_PAD | 0x10],
            &padded,
            &[1, 2, 3, 4],
        ]
        .concat();
        assert_eq!(radiotap(&plain), Ok(Layer::Ip(&[0x45])));
        assert_eq!(radiotap(&flags), Ok(Layer::Ip(&[0x45])));
        assert_eq!(radiotap(&all), Ok(Layer::Ip(&[0x45, 1, 2, 3, 4])));
        assert_eq!(radiotap(&plain[..12]), Err(Loss::LinkMalformed));
        assert_eq!(radiotap(&[0, 0, 99, 0, 0, 0, 0, 0]), Err(Loss::LinkMalformed));
    }
}
