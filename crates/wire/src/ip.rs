use bellwether_base::{Endpoint, Loss};
use etherparse::Ipv4HeaderSlice;

use crate::extension::{self, Behind, Version};

/// One fragment of an IP datagram, identified as in RFC 791 and RFC 8200 section 4.5.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fragment<'a> {
    /// Source address, port 0.
    pub src: Endpoint,
    /// Destination address, port 0.
    pub dst: Endpoint,
    /// Protocol number of the whole datagram's payload.
    pub protocol: u8,
    /// The datagram's identification.
    pub id: u32,
    /// Position of the payload in the datagram, in octets.
    pub offset: u32,
    /// True if more fragments follow (MF bit).
    pub more: bool,
    /// The fragment's payload.
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
    /// True if the capture holds less than the header's length field.
    pub(crate) is_cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ip<'a> {
    Whole(Packet<'a>),
    Fragment(Fragment<'a>),
}

/// Reads an IP header of either version.
///
/// Nearly every packet at a mirror port is IPv4 without options or fragments. [`plain_ipv4`] reads that form
/// in a few instructions; [`general`] reads all other forms. A property test compares both.
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
    // More-fragments or an offset; the authentication header is left to the general path.
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
    match bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(bytes),
        Some(6) => ipv6(bytes),
        _ => Err(Loss::IpMalformed),
    }
}

fn ipv4(bytes: &[u8]) -> Result<Ip<'_>, Loss> {
    let header = Ipv4HeaderSlice::from_slice(bytes).map_err(|_| Loss::IpMalformed)?;
    let body = bytes.get(header.slice().len()..).unwrap_or_default();
    // Segmentation offload writes a total length below the header length: the packet is then as long as the
    // frame.
    let said = usize::from(header.total_len()).checked_sub(header.slice().len()).unwrap_or(body.len());
    let (body, is_cut) = (body.get(..said).unwrap_or(body), said > body.len());
    let [src, dst] = [header.source(), header.destination()].map(|octets| Endpoint::v4(octets, 0));
    let (protocol, id) = (header.protocol().0, header.identification());
    if header.is_fragmenting_payload() {
        let offset = u32::from(header.fragments_offset().value()) * 8;
        let (id, more) = (u32::from(id), header.more_fragments());
        return fragment(Fragment { src, dst, protocol, id, offset, more, payload: body }, is_cut);
    }
    behind(Version::V4, Packet { src, dst, protocol, id, payload: body, is_cut })
}

/// RFC 8200 section 3.
fn ipv6(bytes: &[u8]) -> Result<Ip<'_>, Loss> {
    let (header, body) = bytes.split_first_chunk::<40>().ok_or(Loss::IpMalformed)?;
    let [_, _, _, _, l0, l1, protocol, _, hosts @ ..] = header;
    let (src, dst) = hosts.split_first_chunk::<16>().ok_or(Loss::IpMalformed)?;
    let dst = dst.first_chunk::<16>().ok_or(Loss::IpMalformed)?;
    // Jumbograms (RFC 2675) and segmentation offload write length 0.
    let said =
        Some(usize::from(u16::from_be_bytes([*l0, *l1]))).filter(|said| *said > 0).unwrap_or(body.len());
    let (payload, is_cut) = (body.get(..said).unwrap_or(body), said > body.len());
    let (src, dst) = (Endpoint::v6(*src, 0), Endpoint::v6(*dst, 0));
    behind(Version::V6, Packet { src, dst, protocol: *protocol, id: 0, payload, is_cut })
}

/// Removes the extension headers of a packet.
fn behind(version: Version, packet: Packet<'_>) -> Result<Ip<'_>, Loss> {
    let Packet { src, dst, is_cut, .. } = packet;
    match extension::follow(version, packet.protocol, packet.payload) {
        Ok(Behind::Upper { protocol, payload }) => Ok(Ip::Whole(Packet { protocol, payload, ..packet })),
        Ok(Behind::Fragment { protocol, id, offset, more, payload }) => {
            fragment(Fragment { src, dst, protocol, id, offset, more, payload }, is_cut)
        }
        Err(loss) => Err(if is_cut { Loss::SnapLength } else { loss }),
    }
}

/// A fragment cut by the capture is refused, because it would leave a gap in its datagram.
fn fragment(fragment: Fragment<'_>, is_cut: bool) -> Result<Ip<'_>, Loss> {
    if is_cut { Err(Loss::SnapLength) } else { Ok(Ip::Fragment(fragment)) }
}

/// Removes the extension headers of a datagram that was reassembled from fragments.
///
/// # Errors
/// [`Loss::IpMalformed`] if those headers do not fit, or if one of them is a Fragment header again.
pub(crate) fn reassembled(packet: Packet<'_>) -> Result<Packet<'_>, Loss> {
    let version = if packet.src.is_v4() { Version::V4 } else { Version::V6 };
    match behind(version, packet)? {
        Ip::Whole(packet) => Ok(packet),
        Ip::Fragment(_) => Err(Loss::IpMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The fast path agrees with the general path wherever the fast path returns a result.
        #[test]
        fn the_short_way_agrees_with_the_general_one(
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
