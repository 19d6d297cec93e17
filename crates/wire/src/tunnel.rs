//! Tunnels: packets inside packets, with the headers of each tunnel's own specification.

use bellwether_base::{Endpoint, Loss};

use crate::layer::{Layer, ether_type};
use crate::wireless;

/// A kind of tunnel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TunnelKind {
    /// IPv4 or IPv6 in either (RFC 2003, RFC 2473, RFC 4213).
    IpInIp,
    /// GRE and NVGRE (RFC 2784, RFC 2890, RFC 7637), PPTP (RFC 2637).
    Gre,
    /// ERSPAN types I to III (draft-foschiano-erspan).
    Erspan,
    /// MPLS in IP or UDP (RFC 4023, RFC 7510).
    Mpls,
    /// Ethernet in IP (RFC 3378).
    EtherIp,
    /// VXLAN and its generic protocol extension (RFC 7348, draft-ietf-nvo3-vxlan-gpe).
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// GTP-U version 1 (3GPP TS 29.281).
    GtpU,
    /// L2TP versions 2 and 3 (RFC 2661, RFC 3931).
    L2tp,
    /// TaZmen Sniffer Protocol.
    Tzsp,
    /// Homer Encapsulation Protocol; the session is the agent's number.
    Hep,
}

impl TunnelKind {
    /// Lower-case name as printed in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpInIp => "ipip",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Mpls => "mpls",
            Self::EtherIp => "etherip",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::GtpU => "gtp-u",
            Self::L2tp => "l2tp",
            Self::Tzsp => "tzsp",
            Self::Hep => "hep",
        }
    }
}

/// The outermost tunnel around a packet. It identifies the mirror source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tunnel {
    /// The kind of tunnel.
    pub kind: TunnelKind,
    /// Source address of the tunnel packets, port 0.
    pub source: Endpoint,
    /// Session, key or network identifier; 0 if the tunnel has none.
    pub session: u32,
}

/// UDP destination ports at which tunnels are expected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TunnelPorts {
    /// VXLAN: its registered port, the port of its generic protocol extension, and Linux's older default;
    /// configurable.
    pub vxlan: Vec<u16>,
}

impl Default for TunnelPorts {
    fn default() -> Self {
        Self { vxlan: vec![4789, 4790, 8472] }
    }
}

const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const L2TP: u16 = 1701;
const MPLS_IN_UDP: u16 = 6635;
const TZSP: u16 = 37008;

/// The content of a tunnel packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Carried<'a> {
    pub(crate) kind: TunnelKind,
    pub(crate) session: u32,
    pub(crate) layer: Layer<'a>,
}

/// Result of every reader in this file; `None` if the octets do not match the tunnel's header.
type Found<'a> = Result<Option<Carried<'a>>, Loss>;

const CUT: Loss = Loss::TunnelMalformed;

/// Reads a tunnel with an IP protocol number of its own.
pub(crate) fn by_protocol(protocol: u8, bytes: &[u8]) -> Found<'_> {
    let found = |kind, layer| Ok(Some(Carried { kind, session: 0, layer }));
    match protocol {
        4 | 41 => found(TunnelKind::IpInIp, Layer::Ip(bytes)),
        47 => gre(bytes),
        97 => found(TunnelKind::EtherIp, Layer::Ethernet(bytes.get(2..).ok_or(CUT)?)),
        115 => l2tp_v3(bytes),
        137 => found(TunnelKind::Mpls, Layer::Mpls(bytes)),
        _ => Ok(None),
    }
}

/// True if a destination port belongs to a tunnel.
#[inline]
pub(crate) fn is_tunnels(port: u16, ports: &TunnelPorts) -> bool {
    // Called for every datagram: a loop over three numbers is inlined, `contains` is a call.
    #[expect(clippy::manual_contains, reason = "the loop is inlined")]
    let is_vxlan = ports.vxlan.iter().any(|vxlan| *vxlan == port);
    is_vxlan || matches!(port, GENEVE | GTP_U | L2TP | TZSP | MPLS_IN_UDP)
}

/// Reads a tunnel over UDP. The port is only a hint, because media may use any of these ports; the header
/// must fit too.
pub(crate) fn by_port<'a>(port: u16, payload: &'a [u8], ports: &TunnelPorts) -> Found<'a> {
    match port {
        GENEVE => geneve(payload),
        GTP_U => gtp_u(payload),
        L2TP => l2tp(payload),
        TZSP => tzsp(payload),
        MPLS_IN_UDP => mpls_in_udp(payload),
        port if ports.vxlan.contains(&port) => vxlan(payload),
        _ => Ok(None),
    }
}

fn gre(bytes: &[u8]) -> Found<'_> {
    let (header, mut rest) = bytes.split_first_chunk::<4>().ok_or(CUT)?;
    let [flags, version, high, low] = *header;
    let kind = u16::from_be_bytes([high, low]);
    let is_pptp = version & 0x07 == 1;
    // RFC 2784 dropped the source routing of RFC 1701, and no header field gives its length.
    if flags & 0x40 != 0 || version & 0x07 > 1 {
        return Err(Loss::EncapsulationUnsupported);
    }
    if flags & 0x80 != 0 {
        rest = rest.get(4..).ok_or(CUT)?;
    }
    let mut session = 0;
    if flags & 0x20 != 0 {
        let (key, behind) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        (session, rest) = (u32::from_be_bytes(*key), behind);
    }
    let has_sequence = flags & 0x10 != 0;
    if has_sequence {
        rest = rest.get(4..).ok_or(CUT)?;
    }
    if is_pptp && version & 0x80 != 0 {
        rest = rest.get(4..).ok_or(CUT)?;
    }
    match kind {
        // Type I has neither a sequence number nor an ERSPAN header.
        0x88be if !has_sequence => erspan(rest, session, 0),
        0x88be => erspan_with_header(rest, 8),
        0x22eb => erspan_with_header(rest, 12),
        // A keep-alive has no payload.
        _ if rest.is_empty() => Ok(Some(Carried { kind: TunnelKind::Gre, session, layer: Layer::Other })),
        _ => Ok(Some(Carried { kind: TunnelKind::Gre, session, layer: ether_type(kind, rest)? })),
    }
}

/// Reads types II and III. The session is in the low ten bits of the first word. Type III also names its
/// frame type and says if an eight-octet platform header follows.
fn erspan_with_header(bytes: &[u8], len: usize) -> Found<'_> {
    let (word, _) = bytes.split_first_chunk::<4>().ok_or(CUT)?;
    let session = u32::from_be_bytes(*word) & 0x3ff;
    let last = bytes.get(..len).and_then(<[u8]>::last).ok_or(CUT)?;
    if len == 8 {
        return erspan(bytes.get(len..).ok_or(CUT)?, session, 0);
    }
    let frame_type = bytes.get(10).map_or(0, |b| (b >> 2) & 0x1f);
    let has_more = last & 1 == 1;
    erspan(bytes.get(if has_more { len + 8 } else { len }..).ok_or(CUT)?, session, frame_type)
}

fn erspan(frame: &[u8], session: u32, frame_type: u8) -> Found<'_> {
    let layer = if frame_type == 2 { Layer::Ip(frame) } else { Layer::Ethernet(frame) };
    Ok(Some(Carried { kind: TunnelKind::Erspan, session, layer }))
}

fn vxlan(payload: &[u8]) -> Found<'_> {
    let Some((header, rest)) = payload.split_first_chunk::<8>() else { return Ok(None) };
    let [flags, _, _, protocol, v0, v1, v2, reserved] = *header;
    // The identifier flag (0x08) must be set; group policy (0x80) and next protocol (0x04) are allowed.
    if flags & 0x08 == 0 || flags & 0x73 != 0 || reserved != 0 {
        return Ok(None);
    }
    let layer = match (flags & 0x04, protocol) {
        (0, _) | (_, 3) => Layer::Ethernet(rest),
        (_, 1 | 2) => Layer::Ip(rest),
        _ => return Err(Loss::EncapsulationUnsupported),
    };
    Ok(Some(Carried { kind: TunnelKind::Vxlan, session: u32::from_be_bytes([0, v0, v1, v2]), layer }))
}

fn geneve(payload: &[u8]) -> Found<'_> {
    let Some((header, rest)) = payload.split_first_chunk::<8>() else { return Ok(None) };
    let [version_len, flags, high, low, v0, v1, v2, reserved] = *header;
    if version_len >> 6 != 0 || flags & 0x3f != 0 || reserved != 0 {
        return Ok(None);
    }
    let rest = rest.get(usize::from(version_len) * 4..).ok_or(CUT)?;
    let layer = ether_type(u16::from_be_bytes([high, low]), rest)?;
    Ok(Some(Carried { kind: TunnelKind::Geneve, session: u32::from_be_bytes([0, v0, v1, v2]), layer }))
}

fn gtp_u(payload: &[u8]) -> Found<'_> {
    let Some((header, mut rest)) = payload.split_first_chunk::<8>() else { return Ok(None) };
    let [flags, message, _, _, t0, t1, t2, t3] = *header;
    // Version 1, protocol type GTP.
    if flags & 0xf8 != 0x30 {
        return Ok(None);
    }
    let found = |layer| {
        let session = u32::from_be_bytes([t0, t1, t2, t3]);
        Ok(Some(Carried { kind: TunnelKind::GtpU, session, layer }))
    };
    // Only G-PDUs carry a user's packet; other messages are signalling of the tunnel.
    if message != 0xff {
        return found(Layer::Other);
    }
    if flags & 0x07 != 0 {
        let (options, behind) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        rest = behind;
        let mut next = if flags & 0x04 != 0 { options[3] } else { 0 };
        while next != 0 {
            let len = usize::from(*rest.first().ok_or(CUT)?) * 4;
            if len == 0 {
                return Err(CUT);
            }
            next = *rest.get(len - 1).ok_or(CUT)?;
            rest = rest.get(len..).ok_or(CUT)?;
        }
    }
    match rest.first().map(|first| first >> 4) {
        Some(4 | 6) => found(Layer::Ip(rest)),
        _ => found(Layer::Other),
    }
}

fn l2tp(payload: &[u8]) -> Found<'_> {
    let Some((header, mut rest)) = payload.split_first_chunk::<2>() else { return Ok(None) };
    let [flags, version] = *header;
    let is_control = flags & 0x80 != 0;
    match version & 0x0f {
        _ if is_control => Ok(None),
        3 if flags == 0 && version == 3 => l2tp_v3(rest.get(2..).ok_or(CUT)?),
        2 if flags & 0x34 == 0 && version == 2 => {
            if flags & 0x40 != 0 {
                rest = rest.get(2..).ok_or(CUT)?;
            }
            let (ids, behind) = rest.split_first_chunk::<4>().ok_or(CUT)?;
            rest = behind;
            if flags & 0x08 != 0 {
                rest = rest.get(4..).ok_or(CUT)?;
            }
            if flags & 0x02 != 0 {
                let (offset, behind) = rest.split_first_chunk::<2>().ok_or(CUT)?;
                rest = behind.get(usize::from(u16::from_be_bytes(*offset))..).ok_or(CUT)?;
            }
            let session = u32::from_be_bytes(*ids);
            Ok(Some(Carried { kind: TunnelKind::L2tp, session, layer: Layer::Ppp(rest) }))
        }
        _ => Ok(None),
    }
}

/// Reads L2TP version 3. Its header gives neither the cookie length (0, 4 or 8 octets), nor a sublayer, nor
/// the payload type: both ends agreed on these by signalling. The first offset with a plausible frame or
/// packet is used.
fn l2tp_v3(bytes: &[u8]) -> Found<'_> {
    let (session, rest) = bytes.split_first_chunk::<4>().ok_or(CUT)?;
    let session = u32::from_be_bytes(*session);
    let found = |layer| Ok(Some(Carried { kind: TunnelKind::L2tp, session, layer }));
    if session == 0 {
        return found(Layer::Other);
    }
    for skipped in [0, 4, 8, 12] {
        let Some(frame) = rest.get(skipped..) else { break };
        if let [_, _, _, _, _, _, _, _, _, _, _, _, 0x08, 0x00, 0x45..=0x4f, ..]
        | [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, 0x60..=0x6f, ..]
        | [_, _, _, _, _, _, _, _, _, _, _, _, 0x81, 0x00, ..]
        | [_, _, _, _, _, _, _, _, _, _, _, _, 0x88, 0xa8, ..] = frame
        {
            return found(Layer::Ethernet(frame));
        }
        if let [0xff, 0x03, 0x00, 0x21 | 0x57, ..] | [0x00, 0x21 | 0x57, 0x45..=0x6f, ..] = frame {
            return found(Layer::Ppp(frame));
        }
    }
    found(Layer::Other)
}

fn mpls_in_udp(payload: &[u8]) -> Found<'_> {
    // MPLS in UDP has no recognisable header, so the label stack must lead to IP.
    let fits = matches!(Layer::Mpls(payload).inner(), Ok(Layer::Ip(_)));
    Ok(fits.then_some(Carried { kind: TunnelKind::Mpls, session: 0, layer: Layer::Mpls(payload) }))
}

fn tzsp(payload: &[u8]) -> Found<'_> {
    let Some((header, mut rest)) = payload.split_first_chunk::<4>() else { return Ok(None) };
    // Version 1, a received packet or a packet to transmit.
    let [1, 0 | 1, high, low] = *header else { return Ok(None) };
    loop {
        let (tag, behind) = rest.split_first().ok_or(CUT)?;
        rest = behind;
        match tag {
            0 => {}
            1 => break,
            _ => {
                let (len, behind) = rest.split_first().ok_or(CUT)?;
                rest = behind.get(usize::from(*len)..).ok_or(CUT)?;
            }
        }
    }
    let layer = match u16::from_be_bytes([high, low]) {
        1 => Layer::Ethernet(rest),
        18 => wireless::data(rest, false)
            .map_err(|loss| if loss == Loss::LinkMalformed { CUT } else { loss })?,
        _ => return Err(Loss::EncapsulationUnsupported),
    };
    Ok(Some(Carried { kind: TunnelKind::Tzsp, session: 0, layer }))
}
