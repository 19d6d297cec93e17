use bellwether_base::Loss;

use crate::layer::{Layer, be16, ether_type};
use crate::{record, wireless};

/// The link-layer header type of a capture (the LINKTYPE registry of tcpdump.org).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkType {
    /// 1: Ethernet.
    Ethernet,
    /// 12, 14 or 101: the packet starts with its IP header.
    RawIp,
    /// 228 or 229: raw IPv4 or IPv6.
    RawIpVersion,
    /// 0 or 108: BSD loopback, a four-octet address family in either byte order.
    Null,
    /// 9 or 50: PPP with or without HDLC framing, or Cisco HDLC.
    Ppp,
    /// 51: a PPPoE session.
    Pppoe,
    /// 10: FDDI.
    Fddi,
    /// 104: Cisco's HDLC.
    CiscoHdlc,
    /// 105: IEEE 802.11.
    Wireless,
    /// 127: IEEE 802.11 behind a radiotap header.
    Radiotap,
    /// 192: another link type behind a per-packet information header.
    Ppi,
    /// 197: an ERF record of Endace's cards.
    Erf,
    /// 239: a packet of the netfilter log.
    Nflog,
    /// 113: Linux cooked capture.
    LinuxSll,
    /// 219: a stack of MPLS labels.
    Mpls,
    /// 276: Linux cooked capture, version 2.
    LinuxSll2,
    /// Any other.
    Unsupported(u32),
}

impl LinkType {
    /// The link type for a LINKTYPE number of a capture file or of libpcap.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 | 108 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            10 => Self::Fddi,
            12 | 14 | 101 => Self::RawIp,
            51 => Self::Pppoe,
            228 | 229 => Self::RawIpVersion,
            104 => Self::CiscoHdlc,
            105 => Self::Wireless,
            113 => Self::LinuxSll,
            127 => Self::Radiotap,
            192 => Self::Ppi,
            197 => Self::Erf,
            219 => Self::Mpls,
            239 => Self::Nflog,
            276 => Self::LinuxSll2,
            other => Self::Unsupported(other),
        }
    }

    /// A LINKTYPE number under which frames of this type are read alike.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Null => 0,
            Self::Ethernet => 1,
            Self::Ppp => 9,
            Self::Fddi => 10,
            Self::Pppoe => 51,
            // The packets name their version themselves.
            Self::RawIp | Self::RawIpVersion => 101,
            Self::CiscoHdlc => 104,
            Self::Wireless => 105,
            Self::LinuxSll => 113,
            Self::Radiotap => 127,
            Self::Ppi => 192,
            Self::Erf => 197,
            Self::Mpls => 219,
            Self::Nflog => 239,
            Self::LinuxSll2 => 276,
            Self::Unsupported(number) => number,
        }
    }

    /// The outermost layer of a frame of this type.
    pub(crate) fn layer(self, frame: &[u8]) -> Result<Layer<'_>, Loss> {
        match self {
            Self::Ethernet => Ok(Layer::Ethernet(frame)),
            Self::RawIp | Self::RawIpVersion => Ok(Layer::Ip(frame)),
            Self::Null => null(frame),
            Self::Ppp => record::hdlc(frame),
            Self::Pppoe => Ok(Layer::Pppoe(frame)),
            Self::LinuxSll => ether_type(be16(frame, 14)?, frame.get(16..).ok_or(Loss::LinkMalformed)?),
            Self::Mpls => Ok(Layer::Mpls(frame)),
            Self::LinuxSll2 => ether_type(be16(frame, 0)?, frame.get(20..).ok_or(Loss::LinkMalformed)?),
            // One octet of frame control and two addresses.
            Self::Fddi => wireless::llc(frame.get(13..).ok_or(Loss::LinkMalformed)?),
            Self::CiscoHdlc => record::cisco_hdlc(frame),
            Self::Wireless => wireless::data(frame, false),
            Self::Radiotap => wireless::radiotap(frame),
            Self::Ppi => record::ppi(frame),
            Self::Erf => record::erf(frame),
            Self::Nflog => record::nflog(frame),
            Self::Unsupported(_) => Err(Loss::LinkUnsupported),
        }
    }
}

/// The address family gives IP version and byte order at once; each BSD has another number for IPv6.
fn null(frame: &[u8]) -> Result<Layer<'_>, Loss> {
    let (family, rest) = frame.split_first_chunk::<4>().ok_or(Loss::LinkMalformed)?;
    let family = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(Layer::Ip(rest)),
        _ => Ok(Layer::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_read_by_its_own_number_stays_the_same() {
        for number in 0..400 {
            let link = LinkType::from_number(number);
            let again = LinkType::from_number(link.number());
            let is_version = link == LinkType::RawIpVersion;
            assert_eq!(again, if is_version { LinkType::RawIp } else { link }, "{number}");
        }
    }

    #[test]
    fn loopback_headers_read_in_either_byte_order() {
        assert_eq!(LinkType::Null.layer(&[2, 0, 0, 0, 0x45]), Ok(Layer::Ip(&[0x45])));
        assert_eq!(LinkType::Null.layer(&[0, 0, 0, 30, 0x60]), Ok(Layer::Ip(&[0x60])));
        assert_eq!(LinkType::Null.layer(&[0, 0, 0, 7, 0x60]), Ok(Layer::Other));
        assert_eq!(LinkType::Null.layer(&[0, 0]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn ciscos_form_of_serial_lines_is_told_from_ppp_by_its_first_octet() {
        assert_eq!(LinkType::Ppp.layer(&[0x0f, 0, 8, 0, 0x45]), Ok(Layer::Ip(&[0x45])));
        assert_eq!(
            LinkType::Ppp.layer(&[0xff, 3, 0, 0x21, 0x45]).and_then(Layer::inner),
            Ok(Layer::Ip(&[0x45]))
        );
    }

    #[test]
    fn cooked_headers_of_both_versions_are_peeled() {
        let mut sll = vec![0; 14];
        sll.extend([0x08, 0x00, 0x45]);
        assert_eq!(LinkType::LinuxSll.layer(&sll), Ok(Layer::Ip(&[0x45])));
        let mut sll2 = vec![0x86, 0xdd];
        sll2.extend([0; 18]);
        sll2.push(0x60);
        assert_eq!(LinkType::LinuxSll2.layer(&sll2), Ok(Layer::Ip(&[0x60])));
    }
}
