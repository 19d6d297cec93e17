use bellwether_base::{Endpoint, FlowKey, Loss};
use etherparse::TcpSlice;

use crate::fragment::Reassembled;
use crate::ip::{Fragment, Ip, Packet};
use crate::layer::Layer;
use crate::link::LinkType;
use crate::tunnel::{self, Carried, Tunnel, TunnelPorts};

/// One TCP segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment<'a> {
    /// Sequence number of the first octet.
    pub seq: u32,
    /// True if the segment starts its flow (SYN).
    pub syn: bool,
    /// True if the segment ends its flow, by FIN or RST.
    pub ends: bool,
    /// The payload.
    pub payload: &'a [u8],
    /// True if the capture holds fewer octets than were sent.
    pub is_cut: bool,
}

/// The result of decoding a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded<'a> {
    /// A UDP datagram.
    Udp {
        /// Source and destination.
        flow: FlowKey,
        /// The IPv4 identification, 0 for IPv6. It distinguishes a mirrored duplicate from a retransmission.
        ip_id: u16,
        /// The payload, as far as captured.
        payload: &'a [u8],
        /// True if the capture holds fewer octets than were sent.
        is_cut: bool,
    },
    /// A TCP segment.
    Tcp {
        /// Source and destination.
        flow: FlowKey,
        /// The segment.
        segment: Segment<'a>,
    },
    /// A fragment of an IP datagram.
    Fragment(Fragment<'a>),
    /// A complete frame that holds neither UDP nor TCP over IP.
    Other,
    /// An unreadable frame, with the reason.
    Lost(Loss),
}

/// Limit of headers removed from one packet: more than any network nests, few enough to bound a nesting bomb.
const MAX_LAYERS: usize = 24;

/// A frame, decoded down to its transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// The outermost tunnel around the packet.
    pub tunnel: Option<Tunnel>,
    /// The decoded content.
    pub what: Decoded<'a>,
}

/// Decodes a frame, through any tunnels, down to its transport.
#[must_use]
#[inline]
pub fn decode<'a>(link: LinkType, frame: &'a [u8], ports: &TunnelPorts) -> Frame<'a> {
    if link == LinkType::Ethernet
        && let Some(what) = plain_datagram(frame, ports)
    {
        return Frame { tunnel: None, what };
    }
    decode_any(link, frame, ports)
}

/// Fast path for nearly every frame: an unfragmented UDP datagram in IPv4 in untagged Ethernet, outside
/// tunnels. It avoids the loop in [`descend`]; a property test compares both paths.
#[inline]
fn plain_datagram<'a>(frame: &'a [u8], ports: &TunnelPorts) -> Option<Decoded<'a>> {
    let [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, packet @ ..] = frame else { return None };
    let packet = crate::ip::plain_ipv4(packet).filter(|packet| packet.protocol == 17)?;
    let [_, _, p0, p1, ..] = *packet.payload else { return None };
    if tunnel::is_tunnels(u16::from_be_bytes([p0, p1]), ports) {
        return None;
    }
    Some(udp(FlowKey { src: packet.src, dst: packet.dst }, packet.id, packet.payload, packet.is_cut))
}

fn decode_any<'a>(link: LinkType, frame: &'a [u8], ports: &TunnelPorts) -> Frame<'a> {
    match link.layer(frame) {
        Ok(layer) => descend(layer, None, ports),
        Err(loss) => Frame { tunnel: None, what: Decoded::Lost(loss) },
    }
}

/// Decodes a reassembled IP packet whose last fragment arrived through `tunnel`.
#[must_use]
pub fn decode_reassembled<'a>(
    whole: &'a Reassembled,
    tunnel: Option<Tunnel>,
    ports: &TunnelPorts,
) -> Frame<'a> {
    let FlowKey { src, dst } = whole.hosts;
    let (protocol, id, payload) = (whole.protocol, whole.id, whole.payload.as_slice());
    let packet = Packet { src, dst, protocol, id, payload, is_cut: false };
    match crate::ip::reassembled(packet).and_then(|packet| transport(&packet, ports)) {
        Ok(Reached::End(what)) => Frame { tunnel, what },
        Ok(Reached::Tunnel(carried)) => descend(carried.layer, tunnel.or(Some(mirror(&carried, src))), ports),
        Err(loss) => Frame { tunnel, what: Decoded::Lost(loss) },
    }
}

fn descend<'a>(mut layer: Layer<'a>, mut tunnel: Option<Tunnel>, ports: &TunnelPorts) -> Frame<'a> {
    for _ in 0..MAX_LAYERS {
        let next = match layer {
            Layer::Other => return Frame { tunnel, what: Decoded::Other },
            Layer::Ip(bytes) => match crate::ip::read(bytes) {
                Ok(Ip::Whole(packet)) => match transport(&packet, ports) {
                    Ok(Reached::End(what)) => return Frame { tunnel, what },
                    Ok(Reached::Tunnel(carried)) => {
                        tunnel = tunnel.or(Some(mirror(&carried, packet.src)));
                        Ok(carried.layer)
                    }
                    Err(loss) => Err(loss),
                },
                Ok(Ip::Fragment(fragment)) => return Frame { tunnel, what: Decoded::Fragment(fragment) },
                Err(loss) => Err(loss),
            },
            Layer::Ethernet(_) | Layer::Mpls(_) | Layer::Pppoe(_) | Layer::Ppp(_) => layer.inner(),
        };
        match next {
            Ok(inner) => layer = inner,
            Err(loss) => return Frame { tunnel, what: Decoded::Lost(loss) },
        }
    }
    Frame { tunnel, what: Decoded::Lost(Loss::TunnelTooDeep) }
}

const fn mirror(carried: &Carried<'_>, source: Endpoint) -> Tunnel {
    Tunnel { kind: carried.kind, source, session: carried.session }
}

enum Reached<'a> {
    End(Decoded<'a>),
    Tunnel(Carried<'a>),
}

fn transport<'a>(packet: &Packet<'a>, ports: &TunnelPorts) -> Result<Reached<'a>, Loss> {
    let hosts = FlowKey { src: packet.src, dst: packet.dst };
    let decoded = match packet.protocol {
        17 => udp(hosts, packet.id, packet.payload, packet.is_cut),
        6 => tcp(hosts, packet.payload, packet.is_cut),
        other => {
            let found = tunnel::by_protocol(other, packet.payload)?;
            return Ok(found.map_or(Reached::End(Decoded::Other), Reached::Tunnel));
        }
    };
    if let Decoded::Udp { flow, payload, .. } = decoded
        && let Some(carried) = tunnel::by_port(flow.dst.port(), payload, ports)?
    {
        return Ok(Reached::Tunnel(carried));
    }
    Ok(Reached::End(decoded))
}

#[inline]
fn udp(hosts: FlowKey, ip_id: u16, bytes: &[u8], is_cut: bool) -> Decoded<'_> {
    let malformed = Decoded::Lost(if is_cut { Loss::SnapLength } else { Loss::TransportMalformed });
    let Some((header, rest)) = bytes.split_first_chunk::<8>() else { return malformed };
    let [s0, s1, d0, d1, l0, l1, _, _] = *header;
    // Length 0 means "up to the end of the packet" (jumbograms, and segmentation offload).
    let payload = match usize::from(u16::from_be_bytes([l0, l1])) {
        0 => rest,
        1..8 => return malformed,
        said => match rest.get(..said - 8) {
            Some(payload) => payload,
            None if is_cut => rest,
            None => return malformed,
        },
    };
    let (src, dst) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
    Decoded::Udp { flow: with_ports(hosts, src, dst), ip_id, payload, is_cut }
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
    use crate::TunnelKind;
    use proptest::prelude::*;

    const OUTER: [u8; 4] = [192, 0, 2, 9];

    fn ip(protocol: u8, src: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x45, 0];
        out.extend(((20 + payload.len()) as u16).to_be_bytes());
        out.extend([0x12, 0x34, 0x40, 0, 64, protocol, 0, 0]);
        out.extend(src);
        out.extend([10, 0, 0, 2]);
        out.extend(payload);
        out
    }

    fn udp(said_len: usize, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let words = [ports.0, ports.1, said_len as u16, 0];
        let mut out: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        out.extend(payload);
        out
    }

    fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
        [&[0; 12], &kind.to_be_bytes()[..], payload].concat()
    }

    fn udp_frame(said_len: usize, payload: &[u8]) -> Vec<u8> {
        ethernet(0x0800, &ip(17, [10, 0, 0, 1], &udp(said_len, (5060, 5061), payload)))
    }

    fn decoded(frame: &[u8]) -> Decoded<'_> {
        decode(LinkType::Ethernet, frame, &TunnelPorts::default()).what
    }

    #[test]
    fn padding_behind_the_datagram_is_left_out() {
        let mut frame = udp_frame(11, b"abc");
        frame.extend([0; 20]);
        let Decoded::Udp { flow, ip_id, payload, is_cut } = decoded(&frame) else { panic!("a datagram") };
        assert_eq!((payload, is_cut, ip_id), (&b"abc"[..], false, 0x1234));
        assert_eq!(format!("{flow:?}"), "10.0.0.1:5060 > 10.0.0.2:5061");
    }

    #[test]
    fn lengths_that_contradict_the_packet_are_malformed_and_cut_ones_are_said_so() {
        assert_eq!(decoded(&udp_frame(200, b"abc")), Decoded::Lost(Loss::TransportMalformed));
        assert_eq!(decoded(&udp_frame(3, b"abc")), Decoded::Lost(Loss::TransportMalformed));
        let frame = udp_frame(11, b"abc");
        let Decoded::Udp { payload, is_cut: true, .. } = decoded(&frame[..frame.len() - 1]) else {
            panic!("a cut datagram")
        };
        assert_eq!(payload, b"ab");
        assert_eq!(decoded(&frame[..14 + 20 + 5]), Decoded::Lost(Loss::SnapLength));
    }

    /// The innermost packet: SIP between two phones.
    fn call() -> Vec<u8> {
        ip(17, [10, 0, 0, 1], &udp(11, (5060, 5061), b"abc"))
    }

    fn over_udp(port: u16, header: &[u8], inner: &[u8]) -> Vec<u8> {
        let payload = [header, inner].concat();
        ip(17, OUTER, &udp(payload.len() + 8, (49152, port), &payload))
    }

    fn over_ip(protocol: u8, header: &[u8], inner: &[u8]) -> Vec<u8> {
        ip(protocol, OUTER, &[header, inner].concat())
    }

    /// Every tunnel kind with its session identifier, around the same call; each as an IP packet.
    fn tunnels() -> Vec<(TunnelKind, u32, Vec<u8>)> {
        use TunnelKind::{Erspan, EtherIp, Geneve, Gre, GtpU, IpInIp, L2tp, Mpls, Tzsp, Vxlan};
        let (call, frame) = (call(), ethernet(0x0800, &call()));
        let radio = [&[0x08, 1][..], &[0; 22], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &call].concat();
        let erspan3 = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 0, 0, 0x2a, 0, 0, 0, 0, 0, 0];
        let gtp_with_extension =
            [0x34, 0xff, 0, 0, 0, 0, 0, 77, 0, 0, 0, 0x85, 1, 0, 9, 0x85, 2, 0, 0, 0, 0, 0, 0, 0];
        let l2tp_with_all = [0x4b, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 2, 0xaa, 0xaa, 0xff, 3, 0, 0x21];
        vec![
            (IpInIp, 0, over_ip(4, &[], &call)),
            (Gre, 0, over_ip(47, &[0, 0, 8, 0], &call)),
            (Gre, 7, over_ip(47, &[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1], &call)),
            (Gre, 0x0001_0203, over_ip(47, &[0x20, 0, 0x65, 0x58, 0, 1, 2, 3], &frame)),
            (Gre, 5, over_ip(47, &[0x30, 0x81, 0x88, 0x0b, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, 0x21], &call)),
            (Erspan, 0, over_ip(47, &[0, 0, 0x88, 0xbe], &frame)),
            (
                Erspan,
                0x155,
                over_ip(47, &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0x01, 0x55, 0, 0, 0, 3], &frame),
            ),
            (Erspan, 42, over_ip(47, &[&erspan3[..], &[0, 0]].concat(), &frame)),
            (Erspan, 42, over_ip(47, &[&erspan3[..], &[0, 1], &[9; 8]].concat(), &frame)),
            (Erspan, 42, over_ip(47, &[&erspan3[..], &[8, 0]].concat(), &call)),
            (EtherIp, 0, over_ip(97, &[0x30, 0], &frame)),
            (Mpls, 0, over_ip(137, &[0, 0, 0x11, 64], &call)),
            (Mpls, 0, over_udp(6635, &[0, 0, 0x11, 64], &call)),
            (Vxlan, 0x0001_0203, over_udp(4789, &[8, 0, 0, 0, 1, 2, 3, 0], &frame)),
            (Vxlan, 9, over_udp(4790, &[0x0c, 0, 0, 1, 0, 0, 9, 0], &call)),
            (Geneve, 5, over_udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 1, 1, 1], &frame)),
            (GtpU, 77, over_udp(2152, &[0x30, 0xff, 0, 0, 0, 0, 0, 77], &call)),
            (GtpU, 77, over_udp(2152, &gtp_with_extension, &call)),
            (L2tp, 0x0001_0002, over_udp(1701, &[0, 2, 0, 1, 0, 2, 0, 0x21], &call)),
            (L2tp, 0x0001_0002, over_udp(1701, &l2tp_with_all, &call)),
            (L2tp, 3, over_udp(1701, &[0, 3, 0, 0, 0, 0, 0, 3, 0xde, 0xad, 0xbe, 0xef], &frame)),
            (L2tp, 3, over_ip(115, &[0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8], &frame)),
            (Tzsp, 0, over_udp(37008, &[1, 0, 0, 1, 0, 10, 2, 7, 7, 1], &frame)),
            (Tzsp, 0, over_udp(37008, &[1, 0, 0, 18, 1], &radio)),
        ]
    }

    #[test]
    fn the_call_is_found_in_every_tunnel_and_the_tunnel_is_told() {
        for (kind, session, packet) in tunnels() {
            let frame = ethernet(0x0800, &packet);
            let Frame { tunnel, what } = decode(LinkType::Ethernet, &frame, &TunnelPorts::default());
            let source = Endpoint::v4(OUTER, 0);
            assert_eq!(tunnel, Some(Tunnel { kind, source, session }), "{frame:02x?}");
            let Decoded::Udp { flow, payload: b"abc", is_cut: false, .. } = what else {
                panic!("{kind:?}: {what:?}")
            };
            assert_eq!(format!("{flow:?}"), "10.0.0.1:5060 > 10.0.0.2:5061");
        }
    }

    #[test]
    fn each_kind_of_tunnel_has_a_packet_here() {
        // HEP is no layer of a frame: `hep.rs` tests it. It stands last in the list of kinds.
        let mut found: Vec<usize> = tunnels().into_iter().map(|(kind, ..)| kind as usize).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found, (0..TunnelKind::Hep as usize).collect::<Vec<_>>());
    }

    #[test]
    fn tunnels_nest_in_any_order_and_the_outermost_is_told() {
        for (outer, session, packet) in tunnels() {
            for (inner, _, within) in tunnels() {
                // Each outer header stands directly before the call, so another tunnel's packet can replace
                // the call.
                let call = call();
                let at = packet.len() - call.len();
                let mut nested = [&packet[..at], &within].concat();
                let grown = (within.len() - call.len()) as u16;
                let mut grow = |at: usize| {
                    let len = u16::from_be_bytes([nested[at], nested[at + 1]]) + grown;
                    nested[at..at + 2].copy_from_slice(&len.to_be_bytes());
                };
                grow(2);
                if packet[9] == 17 {
                    grow(24);
                }
                let Frame { tunnel, what } = decode(LinkType::RawIp, &nested, &TunnelPorts::default());
                assert!(
                    matches!(what, Decoded::Udp { payload: b"abc", .. }),
                    "{outer:?} {inner:?}: {what:?}"
                );
                assert_eq!(tunnel.map(|t| (t.kind, t.session)), Some((outer, session)));
            }
        }
    }

    #[test]
    fn what_only_uses_a_tunnels_port_stays_what_it_is() {
        let rtp = [0x80, 0x00, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff];
        for port in [4789, 4790, 8472, 6081, 2152, 1701, 37008, 6635] {
            for payload in
                [&rtp[..], b"OPTIONS sip:a@b SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"\r\n\r\n"]
            {
                let packet = over_udp(port, &[], payload);
                let Frame { tunnel, what } = decode(LinkType::RawIp, &packet, &TunnelPorts::default());
                assert!(
                    tunnel.is_none() && matches!(what, Decoded::Udp { .. }),
                    "{port} {payload:02x?}: {what:?}"
                );
            }
        }
    }

    #[test]
    fn a_tunnel_cut_short_is_named_and_so_is_one_too_deep() {
        for (kind, _, packet) in tunnels() {
            let header = packet.len() - call().len();
            for len in 21..header {
                let mut cut = packet[..len].to_vec();
                cut[2..4].copy_from_slice(&(len as u16).to_be_bytes());
                let what = decode(LinkType::RawIp, &cut, &TunnelPorts::default()).what;
                assert!(!matches!(what, Decoded::Udp { payload: b"abc", .. }), "{kind:?} {len}: {what:?}");
            }
        }
        let bomb = (0..40).fold(call(), |inner, _| over_ip(4, &[], &inner));
        let what = decode(LinkType::RawIp, &bomb, &TunnelPorts::default()).what;
        assert_eq!(what, Decoded::Lost(Loss::TunnelTooDeep));
        let cut = over_ip(47, &[0x20, 0, 8, 0, 0], &[]);
        let what = decode(LinkType::RawIp, &cut, &TunnelPorts::default()).what;
        assert_eq!(what, Decoded::Lost(Loss::TunnelMalformed));
    }

    proptest! {
        /// The fast path agrees with the loop wherever the fast path returns a result.
        #[test]
        fn the_short_way_agrees_with_the_loop(
            said_len in 0_usize..60,
            ports in (any::<u16>(), prop_oneof![any::<u16>(), Just(4789), Just(2152), Just(1701)]),
            payload in prop::collection::vec(any::<u8>(), 0..60),
            at in 0_usize..60,
            octet: u8,
            cut in 20_usize..120,
        ) {
            let mut frame = ethernet(0x0800, &ip(17, [10, 0, 0, 1], &udp(said_len, ports, &payload)));
            let len = frame.len();
            frame[at % len] = octet;
            frame.truncate(cut);
            let known = TunnelPorts::default();
            if let Some(what) = plain_datagram(&frame, &known) {
                prop_assert_eq!(Frame { tunnel: None, what }, decode_any(LinkType::Ethernet, &frame, &known));
            }
        }

        #[test]
        fn any_frame_is_decoded_or_named(link in 0_u32..300, frame in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(LinkType::from_number(link), &frame, &TunnelPorts::default());
        }

        #[test]
        fn any_damage_to_a_tunnel_is_survived(which in 0_usize..24, at in 0_usize..120, octet: u8, cut in 0_usize..140) {
            let (_, _, mut packet) = tunnels().swap_remove(which);
            let len = packet.len();
            packet[at % len] = octet;
            packet.truncate(len.min(cut.max(20)));
            let _ = decode(LinkType::RawIp, &packet, &TunnelPorts::default());
        }
    }
}
