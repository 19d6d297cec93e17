use bellwether_base::{Endpoint, FlowKey, Loss};
use etherparse::{TcpSlice, UdpSlice};

use crate::ip::{Fragment, Ip};
use crate::link::{Carried, LinkType, peel};

/// One TCP segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// Sequence number of the first octet.
    pub seq: u32,
    /// The flow starts here.
    pub syn: bool,
    /// The flow ends behind this, orderly or not.
    pub ends: bool,
    /// The octets.
    pub payload: &'a [u8],
    /// Whether the capture holds fewer octets than were sent.
    pub is_cut: bool,
}

/// What a frame turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded<'a> {
    /// A UDP datagram.
    Udp {
        /// From where to where.
        flow: FlowKey,
        /// The IPv4 identification, which tells a mirrored duplicate from a retransmission; 0 for none.
        ip_id: u16,
        /// Its payload, as far as captured.
        payload: &'a [u8],
        /// Whether the capture holds less than was sent.
        is_cut: bool,
    },
    /// A TCP segment.
    Tcp {
        /// From where to where.
        flow: FlowKey,
        /// The segment.
        segment: Segment<'a>,
    },
    /// A piece of a datagram.
    Fragment(Fragment<'a>),
    /// Complete, but neither UDP nor TCP over IP.
    Other,
    /// Not readable, and why.
    Lost(Loss),
}

/// Decodes one frame down to its transport.
#[must_use]
pub fn decode(link: LinkType, frame: &[u8]) -> Decoded<'_> {
    let carried = match peel(link, frame) {
        Ok(Carried::Ip(bytes)) => bytes,
        Ok(Carried::Other) => return Decoded::Other,
        Err(loss) => return Decoded::Lost(loss),
    };
    match crate::ip::read(carried) {
        Ok(Ip::Whole(p)) => {
            decode_transport(FlowKey { src: p.src, dst: p.dst }, p.protocol, p.id, p.payload, p.is_cut)
        }
        Ok(Ip::Fragment(fragment)) => Decoded::Fragment(fragment),
        Err(loss) => Decoded::Lost(loss),
    }
}

/// Decodes what an IP packet carries: straight from a frame, or reassembled. `hosts` has no ports yet.
#[must_use]
pub fn decode_transport(
    hosts: FlowKey,
    protocol: u8,
    ip_id: u16,
    payload: &[u8],
    is_cut: bool,
) -> Decoded<'_> {
    match protocol {
        17 => udp(hosts, ip_id, payload, is_cut),
        6 => tcp(hosts, payload, is_cut),
        // IP-in-IP, 6in4, GRE, L2TPv3: their place is here once tunnels are read.
        4 | 41 | 47 | 115 => Decoded::Lost(Loss::EncapsulationUnsupported),
        _ => Decoded::Other,
    }
}

fn udp(hosts: FlowKey, ip_id: u16, bytes: &[u8], is_cut: bool) -> Decoded<'_> {
    let malformed = Decoded::Lost(if is_cut { Loss::SnapLength } else { Loss::TransportMalformed });
    let Ok(slice) = UdpSlice::from_slice_lax(bytes) else { return malformed };
    let said = usize::from(slice.length());
    // Length 0 means "as long as the packet" (jumbograms, and offloaded segmentation).
    if said != 0 && (said < 8 || (said > bytes.len() && !is_cut)) {
        return malformed;
    }
    Decoded::Udp {
        flow: with_ports(hosts, slice.source_port(), slice.destination_port()),
        ip_id,
        payload: slice.payload(),
        is_cut,
    }
}

fn tcp(hosts: FlowKey, bytes: &[u8], is_cut: bool) -> Decoded<'_> {
    let Ok(slice) = TcpSlice::from_slice(bytes) else {
        return Decoded::Lost(if is_cut { Loss::SnapLength } else { Loss::TransportMalformed });
    };
    Decoded::Tcp {
        flow: with_ports(hosts, slice.source_port(), slice.destination_port()),
        segment: Segment {
            seq: slice.sequence_number(),
            syn: slice.syn(),
            ends: slice.fin() || slice.rst(),
            payload: slice.payload(),
            is_cut,
        },
    }
}

fn with_ports(hosts: FlowKey, src: u16, dst: u16) -> FlowKey {
    let at = |host: Endpoint, port| host.with_port(port);
    FlowKey { src: at(hosts.src, src), dst: at(hosts.dst, dst) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn udp_frame(said_len: u16, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0_u8; 12];
        frame.extend([0x08, 0]);
        let total = (28 + payload.len()) as u16;
        frame.extend([0x45, 0]);
        frame.extend(total.to_be_bytes());
        frame.extend([0x12, 0x34, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([0x13, 0xc4, 0x13, 0xc5]);
        frame.extend(said_len.to_be_bytes());
        frame.extend([0, 0]);
        frame.extend(payload);
        frame
    }

    #[test]
    fn padding_behind_the_datagram_is_left_out() {
        let mut frame = udp_frame(11, b"abc");
        frame.extend([0; 20]);
        let Decoded::Udp { flow, ip_id, payload, is_cut } = decode(LinkType::Ethernet, &frame) else {
            panic!("a datagram")
        };
        assert_eq!((payload, is_cut, ip_id), (&b"abc"[..], false, 0x1234));
        assert_eq!(format!("{flow:?}"), "10.0.0.1:5060 > 10.0.0.2:5061");
    }

    #[test]
    fn lengths_that_contradict_the_packet_are_malformed_and_cut_ones_are_said_so() {
        assert_eq!(
            decode(LinkType::Ethernet, &udp_frame(200, b"abc")),
            Decoded::Lost(Loss::TransportMalformed)
        );
        assert_eq!(
            decode(LinkType::Ethernet, &udp_frame(3, b"abc")),
            Decoded::Lost(Loss::TransportMalformed)
        );
        let frame = udp_frame(11, b"abc");
        let Decoded::Udp { payload, is_cut: true, .. } =
            decode(LinkType::Ethernet, &frame[..frame.len() - 1])
        else {
            panic!("a cut datagram")
        };
        assert_eq!(payload, b"ab");
        assert_eq!(decode(LinkType::Ethernet, &frame[..14 + 20 + 5]), Decoded::Lost(Loss::SnapLength));
    }

    proptest! {
        #[test]
        fn any_frame_is_decoded_or_named(link in 0_u32..300, frame in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(LinkType::from_number(link), &frame);
        }
    }
}
