use bellwether_base::Loss;

/// VLAN tags followed in one frame; QinQ needs two, some carriers three.
const MAX_VLAN_TAGS: usize = 4;

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
    /// 113: Linux cooked capture.
    LinuxSll,
    /// 276: Linux cooked capture, version 2.
    LinuxSll2,
    /// Any other.
    Unsupported(u32),
}

impl LinkType {
    /// From the number in a capture file or from libpcap.
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match number {
            0 | 108 => Self::Null,
            1 => Self::Ethernet,
            12 | 14 | 101 => Self::RawIp,
            228 | 229 => Self::RawIpVersion,
            113 => Self::LinuxSll,
            276 => Self::LinuxSll2,
            other => Self::Unsupported(other),
        }
    }
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carried<'a> {
    /// An IP packet.
    Ip(&'a [u8]),
    /// Something else that is complete and not ours: ARP, LLDP, spanning tree.
    Other,
}

/// Takes the link layer off.
pub(crate) fn peel(link: LinkType, frame: &[u8]) -> Result<Carried<'_>, Loss> {
    let (kind, rest) = match link {
        LinkType::Ethernet => (be16(frame, 12)?, frame.get(14..)),
        LinkType::RawIp | LinkType::RawIpVersion => return Ok(Carried::Ip(frame)),
        LinkType::Null => return null(frame),
        LinkType::LinuxSll => (be16(frame, 14)?, frame.get(16..)),
        LinkType::LinuxSll2 => (be16(frame, 0)?, frame.get(20..)),
        LinkType::Unsupported(_) => return Err(Loss::LinkUnsupported),
    };
    by_ether_type(kind, rest.ok_or(Loss::LinkMalformed)?)
}

/// Follows VLAN tags to what they carry. Tunnels get their own arm here when they are read.
fn by_ether_type(mut kind: u16, mut rest: &[u8]) -> Result<Carried<'_>, Loss> {
    for _ in 0..=MAX_VLAN_TAGS {
        match kind {
            0x0800 | 0x86dd => return Ok(Carried::Ip(rest)),
            // 802.1Q, 802.1ad and the QinQ values in use before it was standardised.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                kind = be16(rest, 2)?;
                rest = rest.get(4..).ok_or(Loss::LinkMalformed)?;
            }
            // MPLS unicast and multicast, PPPoE session, Cisco VN-Tag, provider backbone bridges.
            0x8847 | 0x8848 | 0x8864 | 0x8926 | 0x88e7 => return Err(Loss::EncapsulationUnsupported),
            _ => return Ok(Carried::Other),
        }
    }
    Err(Loss::LinkMalformed)
}

/// The address family tells IP version and byte order at once; IPv6 has a number per BSD.
fn null(frame: &[u8]) -> Result<Carried<'_>, Loss> {
    let (family, rest) = frame.split_first_chunk::<4>().ok_or(Loss::LinkMalformed)?;
    let family = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(Carried::Ip(rest)),
        _ => Ok(Carried::Other),
    }
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Loss> {
    let two = bytes.get(at..).and_then(|b| b.first_chunk::<2>()).ok_or(Loss::LinkMalformed)?;
    Ok(u16::from_be_bytes(*two))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethernet(tags: &[u16], kind: u16) -> Vec<u8> {
        let mut frame = vec![0; 12];
        for tag in tags {
            frame.extend(tag.to_be_bytes());
            frame.extend([0, 7]);
        }
        frame.extend(kind.to_be_bytes());
        frame.extend([0x45, 1, 2, 3]);
        frame
    }

    #[test]
    fn vlan_tags_are_followed_to_a_limit() {
        let payload: &[u8] = &[0x45, 1, 2, 3];
        for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100], &[0x9100, 0x8100, 0x8100]] {
            assert_eq!(peel(LinkType::Ethernet, &ethernet(tags, 0x0800)), Ok(Carried::Ip(payload)));
        }
        assert_eq!(peel(LinkType::Ethernet, &ethernet(&[0x8100; 9], 0x0800)), Err(Loss::LinkMalformed));
        assert_eq!(peel(LinkType::Ethernet, &ethernet(&[], 0x0806)), Ok(Carried::Other));
        assert_eq!(peel(LinkType::Ethernet, &ethernet(&[], 0x8847)), Err(Loss::EncapsulationUnsupported));
        assert_eq!(peel(LinkType::Ethernet, &[0; 13]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn loopback_headers_read_in_either_byte_order() {
        assert_eq!(peel(LinkType::Null, &[2, 0, 0, 0, 0x45]), Ok(Carried::Ip(&[0x45])));
        assert_eq!(peel(LinkType::Null, &[0, 0, 0, 30, 0x60]), Ok(Carried::Ip(&[0x60])));
        assert_eq!(peel(LinkType::Null, &[0, 0, 0, 7, 0x60]), Ok(Carried::Other));
        assert_eq!(peel(LinkType::Null, &[0, 0]), Err(Loss::LinkMalformed));
    }

    #[test]
    fn cooked_headers_of_both_versions_are_peeled() {
        let mut sll = vec![0; 14];
        sll.extend([0x08, 0x00, 0x45]);
        assert_eq!(peel(LinkType::LinuxSll, &sll), Ok(Carried::Ip(&[0x45])));
        let mut sll2 = vec![0x86, 0xdd];
        sll2.extend([0; 18]);
        sll2.push(0x60);
        assert_eq!(peel(LinkType::LinuxSll2, &sll2), Ok(Carried::Ip(&[0x60])));
    }
}
