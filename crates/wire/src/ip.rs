use bellwether_base::{Endpoint, Loss};
use etherparse::{Ipv6ExtensionSlice, LaxIpSlice};

/// One fragment of an IP datagram, identified as RFC 791 and RFC 8200 section 4.5 say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment<'a> {
    /// Sender, port 0.
    pub src: Endpoint,
    /// Receiver, port 0.
    pub dst: Endpoint,
    /// The protocol that the whole datagram carries.
    pub protocol: u8,
    /// The datagram's identification.
    pub id: u32,
    /// Where these bytes belong, in octets.
    pub offset: u32,
    /// Whether more follow.
    pub more: bool,
    /// The bytes.
    pub payload: &'a [u8],
}

/// An IP packet that is not fragmented.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) src: Endpoint,
    pub(crate) dst: Endpoint,
    pub(crate) protocol: u8,
    /// The IPv4 identification; 0 for IPv6.
    pub(crate) id: u16,
    pub(crate) payload: &'a [u8],
    /// Whether the capture holds less than the header says.
    pub(crate) is_cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ip<'a> {
    Whole(Packet<'a>),
    Fragment(Fragment<'a>),
}

/// Reads an IP header of either version.
///
/// Nearly every packet at a mirror port is IPv4 without options or fragments, so that form is read here in
/// a few instructions; everything else goes through etherparse, which a test holds this to.
pub(crate) fn read(bytes: &[u8]) -> Result<Ip<'_>, Loss> {
    match plain_ipv4(bytes) {
        Some(packet) => Ok(Ip::Whole(packet)),
        None => general(bytes),
    }
}

#[inline]
pub(crate) fn plain_ipv4(bytes: &[u8]) -> Option<Packet<'_>> {
    let header = bytes.first_chunk::<20>()?;
    let [0x45, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header else {
        return None;
    };
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    // More-fragments or an offset; IPsec headers are left to the general path.
    if (f0 & 0x3f) != 0 || f1 != 0 || total < 20 || protocol == 51 {
        return None;
    }
    Some(Packet {
        src: Endpoint::v4([s0, s1, s2, s3], 0),
        dst: Endpoint::v4([d0, d1, d2, d3], 0),
        protocol,
        id: u16::from_be_bytes([i0, i1]),
        payload: bytes.get(20..total.min(bytes.len()))?,
        is_cut: total > bytes.len(),
    })
}

fn general(bytes: &[u8]) -> Result<Ip<'_>, Loss> {
    let (slice, stop) = LaxIpSlice::from_slice(bytes).map_err(|_| Loss::IpMalformed)?;
    let payload = match &slice {
        LaxIpSlice::Ipv4(ip) => ip.payload().clone(),
        LaxIpSlice::Ipv6(ip) => ip.payload().clone(),
    };
    let src = Endpoint::new(slice.source_addr(), 0);
    let dst = Endpoint::new(slice.destination_addr(), 0);
    let protocol = payload.ip_number.0;
    let (id, fragment) = match &slice {
        LaxIpSlice::Ipv4(ip) => {
            let header = ip.header();
            let offset = u32::from(header.fragments_offset().value()) * 8;
            (
                header.identification(),
                Some((u32::from(header.identification()), offset, header.more_fragments())),
            )
        }
        LaxIpSlice::Ipv6(ip) => {
            let found = ip.extensions().clone().into_iter().find_map(|ext| match ext {
                Ipv6ExtensionSlice::Fragment(f) => {
                    let offset = u32::from(f.fragment_offset().value()) * 8;
                    Some((f.identification(), offset, f.more_fragments()))
                }
                _ => None,
            });
            (0, found)
        }
    };
    if payload.fragmented {
        let (id, offset, more) = fragment.ok_or(Loss::IpMalformed)?;
        if payload.incomplete {
            return Err(Loss::SnapLength);
        }
        return Ok(Ip::Fragment(Fragment { src, dst, protocol, id, offset, more, payload: payload.payload }));
    }
    if stop.is_some() {
        return Err(if payload.incomplete { Loss::SnapLength } else { Loss::IpMalformed });
    }
    let is_cut = payload.incomplete;
    Ok(Ip::Whole(Packet { src, dst, protocol, id, payload: payload.payload, is_cut }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The short way and etherparse agree wherever the short way answers.
        #[test]
        fn the_short_way_agrees_with_etherparse(
            mut bytes in prop::collection::vec(any::<u8>(), 20..80),
            total in 20_u16..90,
            protocol in prop_oneof![Just(17_u8), Just(6), Just(1), Just(50), any::<u8>()],
        ) {
            bytes[0] = 0x45;
            bytes[2..4].copy_from_slice(&total.to_be_bytes());
            bytes[6] &= 0x40;
            bytes[7] = 0;
            bytes[9] = protocol;
            if let Some(packet) = plain_ipv4(&bytes) {
                prop_assert_eq!(general(&bytes), Ok(Ip::Whole(packet)));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = read(&bytes);
        }
    }
}
