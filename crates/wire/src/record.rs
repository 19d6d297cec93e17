//! Frames inside the record formats of capture devices and the kernel: Endace's ERF, the netfilter log, PPI.

use bellwether_base::Loss;

use crate::layer::{Layer, be16, ether_type};
use crate::link::LinkType;

/// Limit of extension headers in an ERF record.
const MAX_EXTENSIONS: usize = 16;

/// Reads an ERF record of Endace's cards (LINKTYPE_ERF; the "ERF types" of Endace and Wireshark).
pub(crate) fn erf(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let (header, mut rest) = frame.split_first_chunk::<16>().ok_or(Loss::LinkMalformed)?;
    let mut more = header[8] & 0x80 != 0;
    for _ in 0..MAX_EXTENSIONS {
        if !more {
            break;
        }
        let (extension, after) = rest.split_first_chunk::<8>().ok_or(Loss::LinkMalformed)?;
        more = extension[0] & 0x80 != 0;
        rest = after;
    }
    let behind = |octets: usize| rest.get(octets..).ok_or(Loss::LinkMalformed);
    match header[8] & 0x7f {
        // Ethernet, plain, coloured and hashed: an offset octet and a pad octet precede the frame.
        2 | 11 | 16 | 20 => Ok(Layer::Ethernet(behind(2)?)),
        // HDLC of a line, and of one channel of a line.
        1 | 10 | 15 | 19 => hdlc(rest),
        5 | 17 => hdlc(behind(4)?),
        22 | 23 => Ok(Layer::Ip(rest)),
        // Counters, metadata of the device, padding.
        13 | 14 | 27 | 48 => Ok(Layer::Other),
        // ATM, raw links, Infiniband.
        _ => Err(Loss::EncapsulationUnsupported),
    }
}

/// Reads PPP in HDLC framing, or Cisco HDLC.
pub(crate) fn hdlc(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    match frame {
        [0x0f | 0x8f, 0, ..] => cisco_hdlc(frame),
        _ => Ok(Layer::Ppp(frame)),
    }
}

/// Reads Cisco HDLC: address, control, `EtherType`.
pub(crate) fn cisco_hdlc(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    ether_type(be16(frame, 2)?, frame.get(4..).ok_or(Loss::LinkMalformed)?)
}

/// The netfilter log attribute that holds the packet (`NFULA_PAYLOAD`), and the largest attribute number.
const PAYLOAD: u16 = 9;
const LAST_ATTRIBUTE: u16 = 32;

/// Flag bits of the attribute number (NLA_F_NESTED, NLA_F_NET_BYTEORDER). Attributes of connection tracking
/// and VLANs are nested.
const FLAGS: u16 = 0xc000;

/// Limit of attributes read before the packet.
const MAX_ATTRIBUTES: usize = 32;

/// Reads a packet of the netfilter log (LINKTYPE_NFLOG). Its numbers have the byte order of the capturing
/// host. The record does not state that order, so both are tried.
pub(crate) fn nflog(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let [_, 0, _, _, attributes @ ..] = frame else { return Err(Loss::LinkMalformed) };
    let payload =
        payload_of(attributes, u16::from_le_bytes).or_else(|| payload_of(attributes, u16::from_be_bytes));
    match payload {
        Some(packet) if matches!(packet.first(), Some(0x40..=0x6f)) => Ok(Layer::Ip(packet)),
        Some(_) => Ok(Layer::Other),
        None => Err(Loss::LinkMalformed),
    }
}

fn payload_of(mut attributes: &[u8], number: impl Fn([u8; 2]) -> u16) -> Option<&[u8]> {
    for _ in 0..MAX_ATTRIBUTES {
        let [l0, l1, k0, k1] = *attributes.first_chunk::<4>()?;
        let (len, kind) = (usize::from(number([l0, l1])), number([k0, k1]) & !FLAGS);
        if len < 4 || kind > LAST_ATTRIBUTE {
            return None;
        }
        if kind == PAYLOAD {
            // The capture may have cut the packet.
            return attributes.get(4..len).or_else(|| attributes.get(4..));
        }
        attributes = attributes.get(len.next_multiple_of(4)..)?;
    }
    None
}

/// Reads a frame behind per-packet information (LINKTYPE_PPI); that header names the link type of the frame.
pub(crate) fn ppi(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let header = frame.first_chunk::<8>().ok_or(Loss::LinkMalformed)?;
    let [0, _, l0, l1, link @ ..] = *header else { return Err(Loss::LinkMalformed) };
    let len = usize::from(u16::from_le_bytes([l0, l1]));
    let inner = frame.get(len..).filter(|_| len >= 8).ok_or(Loss::LinkMalformed)?;
    match LinkType::from_number(u32::from_le_bytes(link)) {
        LinkType::Ppi => Err(Loss::LinkMalformed),
        link => link.layer(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, behind: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 16];
        out[8] = kind;
        out.extend(behind);
        out
    }

    #[test]
    fn records_of_endaces_cards_hold_ethernet_hdlc_or_packets() {
        let ethernet = [&[0; 2][..], &[0; 12], &[0x08, 0x00, 0x45]].concat();
        for kind in [2, 11, 16, 20] {
            let found = record(kind, &ethernet);
            assert_eq!(erf(&found), Ok(Layer::Ethernet(&ethernet[2..])));
        }
        let ppp = [0xff, 0x03, 0x00, 0x21, 0x45];
        assert_eq!(erf(&record(1, &ppp)).and_then(Layer::inner), Ok(Layer::Ip(&[0x45])));
        let cisco = [0x0f, 0, 0x86, 0xdd, 0x60];
        assert_eq!(erf(&record(1, &cisco)), Ok(Layer::Ip(&[0x60])));
        assert_eq!(erf(&record(5, &[&[0; 4][..], &cisco].concat())), Ok(Layer::Ip(&[0x60])));
        assert_eq!(erf(&record(22, &[0x45])), Ok(Layer::Ip(&[0x45])));
        assert_eq!((erf(&record(27, &[])), erf(&record(48, &[]))), (Ok(Layer::Other), Ok(Layer::Other)));
        assert_eq!(erf(&record(21, &[])), Err(Loss::EncapsulationUnsupported));
        // Two extension headers before the frame.
        let extended = [&[0x80; 8][..], &[0; 8], &[0x45]].concat();
        assert_eq!(erf(&record(0x80 | 22, &extended)), Ok(Layer::Ip(&[0x45])));
        assert_eq!(erf(&record(0x80 | 22, &[0x80; 20])), Err(Loss::LinkMalformed));
        assert_eq!(erf(&[2; 15]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn netfilters_log_is_read_in_either_byte_order_whatever_stands_before_the_packet() {
        let attribute = |kind: u16, value: &[u8], order: fn(u16) -> [u8; 2]| {
            let mut out = [order(4 + value.len() as u16), order(kind)].concat();
            out.extend(value);
            out.resize(out.len().next_multiple_of(4), 0);
            out
        };
        for order in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let mut frame = vec![2, 0, 0, 5];
            frame.extend(attribute(1, &[8, 0, 1, 0], order));
            frame.extend(attribute(10, b"sip\0", order));
            // Nested attributes of connection tracking and of a VLAN.
            frame.extend(attribute(18 | 0x8000, &[0; 20], order));
            frame.extend(attribute(19 | 0x8000, &[0; 16], order));
            frame.extend(attribute(PAYLOAD, &[0x45, 1, 2], order));
            assert_eq!(nflog(&frame), Ok(Layer::Ip(&[0x45, 1, 2])));
            // Cut within the packet, and before the packet.
            assert_eq!(nflog(&frame[..frame.len() - 3]), Ok(Layer::Ip(&[0x45])));
            assert_eq!(nflog(&frame[..12]), Err(Loss::LinkMalformed));
        }
        assert_eq!(nflog(&[2, 0, 0, 0, 0, 0, 0, 0]), Err(Loss::LinkMalformed));
        assert_eq!(nflog(&[2, 9, 0, 0]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn per_packet_information_names_what_is_behind_it() {
        let of = |link: u32, fields: usize, frame: &[u8]| {
            let mut out = vec![0, 0];
            out.extend((8 + fields as u16).to_le_bytes());
            out.extend(link.to_le_bytes());
            out.resize(out.len() + fields, 7);
            out.extend(frame);
            ppi(&out).map(|layer| format!("{layer:?}"))
        };
        assert_eq!(of(101, 0, &[0x45]), Ok("Ip([69])".into()));
        assert_eq!(of(1, 24, &[1, 2]), Ok("Ethernet([1, 2])".into()));
        assert_eq!(of(192, 0, &[0; 40]), Err(Loss::LinkMalformed), "it does not hold itself");
        assert_eq!(of(147, 0, &[1]), Err(Loss::LinkUnsupported));
        assert_eq!(ppi(&[0, 0, 7, 0, 1, 0, 0, 0, 1]), Err(Loss::LinkMalformed));
        assert_eq!(ppi(&[0, 0, 99, 0, 1, 0, 0, 0, 1]), Err(Loss::LinkMalformed));
    }
}
