use bellwether_base::Loss;

use crate::wireless::llc;

/// Limit of VLAN tags in a row; QinQ needs two, some carriers use three.
const MAX_VLAN_TAGS: usize = 4;

/// Limit of MPLS labels in a row; carriers push five.
const MAX_LABELS: usize = 16;

/// Largest IEEE 802.3 length: a larger value in the same field is an `EtherType`.
const MAX_OCTETS: u16 = 1500;

/// Octets of a known layer, on the way from the link header to IP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Layer<'a> {
    Ethernet(&'a [u8]),
    /// An IP packet of either version.
    Ip(&'a [u8]),
    /// A stack of MPLS labels (RFC 3032).
    Mpls(&'a [u8]),
    /// A PPPoE session's header (RFC 2516).
    Pppoe(&'a [u8]),
    /// A PPP frame (RFC 1661), with or without HDLC address and control.
    Ppp(&'a [u8]),
    /// A complete frame of another protocol: ARP, LLDP, spanning tree.
    Other,
}

impl<'a> Layer<'a> {
    /// The layer inside this one. `Ip` and `Other` are returned unchanged.
    #[inline]
    pub(crate) fn inner(self) -> Result<Self, Loss> {
        match self {
            Self::Ethernet(frame) => {
                let (kind, rest) = (be16(frame, 12)?, frame.get(14..).ok_or(Loss::LinkMalformed)?);
                // Values up to 1500 are a length (IEEE 802.3 section 3.2.6), and an LLC header follows.
                if kind <= MAX_OCTETS { Ok(llc(rest).unwrap_or(Self::Other)) } else { ether_type(kind, rest) }
            }
            Self::Mpls(labels) => mpls(labels),
            Self::Pppoe(frame) => pppoe(frame),
            Self::Ppp(frame) => ppp(frame),
            Self::Ip(_) | Self::Other => Ok(self),
        }
    }
}

/// The layer that an `EtherType` names, after removal of VLAN tags and VN-Tags.
#[inline]
pub(crate) fn ether_type(mut kind: u16, mut rest: &[u8]) -> Result<Layer<'_>, Loss> {
    for _ in 0..=MAX_VLAN_TAGS {
        let tag = match kind {
            0x0800 | 0x86dd => return Ok(Layer::Ip(rest)),
            // 802.1Q, 802.1ad and the QinQ values from before the standard.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => 4,
            // Cisco VN-Tag (802.1BR's predecessor): direction, destination, source.
            0x8926 => 6,
            // 802.1BR E-Tag.
            0x893f => 8,
            0x8847 | 0x8848 => return Ok(Layer::Mpls(rest)),
            0x8864 => return Ok(Layer::Pppoe(rest)),
            0x6558 => return Ok(Layer::Ethernet(rest)),
            0x880b => return Ok(Layer::Ppp(rest)),
            // Provider backbone bridges (802.1ah): a service tag precedes a whole frame.
            0x88e7 => return Ok(Layer::Ethernet(rest.get(4..).ok_or(Loss::LinkMalformed)?)),
            // MACsec, and network service headers (RFC 8300).
            0x88e5 | 0x894f => return Err(Loss::EncapsulationUnsupported),
            _ => return Ok(Layer::Other),
        };
        kind = be16(rest, tag - 2)?;
        rest = rest.get(tag..).ok_or(Loss::LinkMalformed)?;
    }
    Err(Loss::LinkMalformed)
}

/// Reads the label stack. IP or Ethernet follows the last label, Ethernet with or without a control word (RFC
/// 4448). The first four bits distinguish them, as routers guess too (RFC 4928 section 3).
fn mpls(mut labels: &[u8]) -> Result<Layer<'_>, Loss> {
    for _ in 0..MAX_LABELS {
        let (label, rest) = labels.split_first_chunk::<4>().ok_or(Loss::LinkMalformed)?;
        let is_last = label[2] & 1 == 1;
        if is_last {
            return match rest.first().map(|first| first >> 4) {
                Some(4 | 6) => Ok(Layer::Ip(rest)),
                Some(0) => Ok(Layer::Ethernet(rest.get(4..).ok_or(Loss::LinkMalformed)?)),
                Some(_) => Ok(Layer::Ethernet(rest)),
                None => Err(Loss::LinkMalformed),
            };
        }
        labels = rest;
    }
    Err(Loss::LinkMalformed)
}

fn pppoe(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let (header, rest) = frame.split_first_chunk::<6>().ok_or(Loss::LinkMalformed)?;
    let [0x11, code, _, _, high, low] = *header else { return Err(Loss::LinkMalformed) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    // Ethernet padding may follow the PPPoE length; a frame cut by the capture is shorter.
    if code == 0 { Ok(Layer::Ppp(rest.get(..len).unwrap_or(rest))) } else { Ok(Layer::Other) }
}

fn ppp(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let frame = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    // The last octet of a protocol number is odd and all others are even: an odd first octet is the
    // compressed form.
    let (protocol, rest) = match frame {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(Loss::LinkMalformed),
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Layer::Ip(rest)),
        0x0281 | 0x0283 => Ok(Layer::Mpls(rest)),
        // Multilink PPP, compressed and encrypted datagrams.
        0x003d | 0x00fb | 0x00fd | 0x0053 | 0x0055 => Err(Loss::EncapsulationUnsupported),
        _ => Ok(Layer::Other),
    }
}

#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Result<u16, Loss> {
    let two = bytes.get(at..).and_then(|b| b.first_chunk::<2>()).ok_or(Loss::LinkMalformed)?;
    Ok(u16::from_be_bytes(*two))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IP: &[u8] = &[0x45, 1, 2, 3];

    fn ethernet(tags: &[&[u8]], kind: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for tag in tags {
            frame.extend(*tag);
        }
        frame.extend(kind.to_be_bytes());
        frame.extend(IP);
        frame
    }

    fn inner(frame: &[u8]) -> Result<Layer<'_>, Loss> {
        Layer::Ethernet(frame).inner()
    }

    #[test]
    fn tags_are_followed_to_a_limit() {
        let q: &[u8] = &[0x81, 0, 0, 7];
        let ad: &[u8] = &[0x88, 0xa8, 0, 7];
        let vn_tag: &[u8] = &[0x89, 0x26, 0x80, 1, 0, 2];
        let e_tag: &[u8] = &[0x89, 0x3f, 0, 0, 0, 1, 0, 0];
        for tags in [&[][..], &[q], &[ad, q], &[q, q, q], &[vn_tag], &[vn_tag, q], &[e_tag, q]] {
            assert_eq!(inner(&ethernet(tags, 0x0800)), Ok(Layer::Ip(IP)), "{tags:?}");
        }
        assert_eq!(inner(&ethernet(&[q; 9], 0x0800)), Err(Loss::LinkMalformed));
        assert_eq!(inner(&ethernet(&[], 0x0806)), Ok(Layer::Other));
        for link in [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &[6, 6, 3]] {
            let length = u8::try_from(link.len() + IP.len()).unwrap();
            let frame = [&[0; 13][..], &[length], link, IP].concat();
            assert_eq!(inner(&frame), Ok(Layer::Ip(IP)), "{link:?}");
        }
        assert_eq!(inner(&ethernet(&[&[0, 38, 0x42, 0x42, 3, 0]], 0)), Ok(Layer::Other), "spanning tree");
        assert_eq!(inner(&ethernet(&[], 0x88e5)), Err(Loss::EncapsulationUnsupported));
        assert_eq!(inner(&[0; 13]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn labels_end_at_the_bottom_of_the_stack() {
        let mpls = |bytes: &[u8]| Layer::Mpls(bytes).inner().map(|l| format!("{l:?}"));
        assert_eq!(mpls(&[0, 0, 0, 64, 0, 1, 1, 64, 0x45]), Ok("Ip([69])".into()));
        assert_eq!(mpls(&[0, 0, 1, 64, 0x60]), Ok("Ip([96])".into()));
        // With a control word, and without one.
        assert_eq!(mpls(&[0, 0, 1, 64, 0, 0, 0, 1, 0x45]), Ok("Ethernet([69])".into()));
        assert_eq!(mpls(&[0, 0, 1, 64, 0x1e, 2]), Ok("Ethernet([30, 2])".into()));
        assert_eq!(mpls(&[0, 0, 0, 64]), Err(Loss::LinkMalformed));
        assert_eq!(mpls(&[0; 4 * (MAX_LABELS + 1)]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn ppp_is_read_with_and_without_framing_and_compression() {
        for frame in [&[0xff, 0x03, 0x00, 0x21, 0x45][..], &[0x00, 0x21, 0x45], &[0x21, 0x45]] {
            assert_eq!(Layer::Ppp(frame).inner(), Ok(Layer::Ip(&[0x45])));
        }
        assert_eq!(Layer::Ppp(&[0xc0, 0x21, 1]).inner(), Ok(Layer::Other));
        let session = [0x11, 0, 0, 9, 0, 3, 0x00, 0x57, 0x60, 0, 0];
        assert_eq!(Layer::Pppoe(&session).inner(), Ok(Layer::Ppp(&[0x00, 0x57, 0x60])));
        assert_eq!(Layer::Pppoe(&[0x21, 0, 0, 9, 0, 3]).inner(), Err(Loss::LinkMalformed));
    }
}
