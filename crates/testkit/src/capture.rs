use std::net::SocketAddrV4;

use bellwether_base::{Span, Timestamp};

/// An Ethernet frame with its capture time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// The capture time.
    pub at: Timestamp,
    /// The octets.
    pub bytes: Vec<u8>,
}

/// The timestamp resolution of a capture file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PcapFormat {
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// A UDP datagram from one socket to another.
#[must_use]
pub fn udp_frame(at: Timestamp, src: SocketAddrV4, dst: SocketAddrV4, id: u16, payload: &[u8]) -> Frame {
    let mut udp = Vec::with_capacity(8 + payload.len());
    udp.extend(src.port().to_be_bytes());
    udp.extend(dst.port().to_be_bytes());
    udp.extend(((8 + payload.len()) as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    Frame { at, bytes: ethernet(&ipv4(src, dst, 17, id, 0x4000, &udp)) }
}

/// A TCP segment from one socket to another.
#[must_use]
pub fn tcp_frame(
    at: Timestamp,
    src: SocketAddrV4,
    dst: SocketAddrV4,
    seq: u32,
    flags: u8,
    payload: &[u8],
) -> Frame {
    let mut tcp = Vec::with_capacity(20 + payload.len());
    tcp.extend(src.port().to_be_bytes());
    tcp.extend(dst.port().to_be_bytes());
    tcp.extend(seq.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(payload);
    Frame { at, bytes: ethernet(&ipv4(src, dst, 6, 0, 0x4000, &tcp)) }
}

/// Splits a frame's IP datagram into fragments of at most `size` octets (rounded down to a multiple of 8), a
/// microsecond apart.
#[must_use]
pub fn fragment(frame: &Frame, size: usize) -> Vec<Frame> {
    let (header, payload) = frame.bytes[14..].split_at(20);
    let size = (size / 8).max(1) * 8;
    let count = payload.len().div_ceil(size);
    payload
        .chunks(size)
        .enumerate()
        .map(|(i, piece)| {
            let offset = (i * size / 8) as u16;
            let more = if i + 1 < count { 0x2000 } else { 0 };
            let mut packet = header.to_vec();
            packet[2..4].copy_from_slice(&((20 + piece.len()) as u16).to_be_bytes());
            packet[6..8].copy_from_slice(&(offset | more).to_be_bytes());
            packet.extend(piece);
            Frame { at: frame.at + Span::from_nanos(1000 * i as i64), bytes: ethernet(&packet) }
        })
        .collect()
}

/// Adds a VLAN tag to a frame.
#[must_use]
pub fn with_vlan(frame: &Frame, vlan: u16) -> Frame {
    let mut bytes = frame.bytes[..12].to_vec();
    bytes.extend([0x81, 0]);
    bytes.extend(vlan.to_be_bytes());
    bytes.extend(&frame.bytes[12..]);
    Frame { at: frame.at, bytes }
}

/// Wraps a frame in VXLAN (RFC 7348), as a mirror sends it to the sensor.
#[must_use]
pub fn in_vxlan(frame: &Frame, src: SocketAddrV4, dst: SocketAddrV4, network: u32) -> Frame {
    let mut payload = vec![8, 0, 0, 0];
    payload.extend((network << 8).to_be_bytes());
    payload.extend(&frame.bytes);
    udp_frame(frame.at, src, dst, 0, &payload)
}

/// Wraps a frame in ERSPAN type II (draft-foschiano-erspan section 4.2), as a switch sends it.
#[must_use]
pub fn in_erspan(frame: &Frame, src: SocketAddrV4, dst: SocketAddrV4, session: u16) -> Frame {
    let mut gre = vec![0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0];
    gre.extend((session & 0x3ff).to_be_bytes());
    gre.extend([0; 4]);
    gre.extend(&frame.bytes);
    Frame { at: frame.at, bytes: ethernet(&ipv4(src, dst, 47, 0, 0x4000, &gre)) }
}

/// A message in WebSocket frames of at most `size` octets each (RFC 6455 section 5.2), masked as a client must.
#[must_use]
pub fn as_web_socket(message: &[u8], size: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
    let key = mask.unwrap_or_default();
    let count = message.len().div_ceil(size);
    let mut out = Vec::new();
    for (i, piece) in message.chunks(size).enumerate() {
        out.push(if i + 1 == count { 0x80 } else { 0 } | u8::from(i == 0));
        let flag = if mask.is_some() { 0x80 } else { 0 };
        if piece.len() < 126 {
            out.push(flag | piece.len() as u8);
        } else {
            out.push(flag | 126);
            out.extend((piece.len() as u16).to_be_bytes());
        }
        out.extend(mask.into_iter().flatten());
        out.extend(piece.iter().zip(key.iter().cycle()).map(|(octet, key)| octet ^ key));
    }
    out
}

/// Wraps the datagram of a frame in a HEP version 3 message with the frame's time, as an agent sends it.
#[must_use]
pub fn as_hep(frame: &Frame, agent: u32) -> Vec<u8> {
    let (ip, micros) = (&frame.bytes[14..], frame.at.as_nanos() / 1000);
    let (secs, micros) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
    let chunks: [(u16, &[u8]); 11] = [
        (1, &[2]),
        (2, &ip[9..10]),
        (3, &ip[12..16]),
        (4, &ip[16..20]),
        (7, &ip[20..22]),
        (8, &ip[22..24]),
        (9, &secs.to_be_bytes()),
        (10, &micros.to_be_bytes()),
        (11, &[1]),
        (12, &agent.to_be_bytes()),
        (15, &ip[28..]),
    ];
    let mut body = Vec::new();
    for (kind, value) in chunks {
        body.extend([0, 0]);
        body.extend(kind.to_be_bytes());
        body.extend((value.len() as u16 + 6).to_be_bytes());
        body.extend(value);
    }
    [&b"HEP3"[..], &(body.len() as u16 + 6).to_be_bytes(), &body].concat()
}

/// A capture file (little-endian, Ethernet) with these frames.
#[must_use]
pub fn write_pcap(frames: &[Frame], format: PcapFormat) -> Vec<u8> {
    let mut out = pcap_header(format);
    frames.iter().for_each(|frame| pcap_record(frame.at, &frame.bytes, format, &mut out));
    out
}

/// The header of a capture file.
pub(crate) fn pcap_header(format: PcapFormat) -> Vec<u8> {
    let magic = match format {
        PcapFormat::Micro => 0xa1b2_c3d4_u32,
        PcapFormat::Nano => 0xa1b2_3c4d,
    };
    [magic, 0x0004_0002, 0, 0, 262_144, 1].into_iter().flat_map(u32::to_le_bytes).collect()
}

/// Appends one record of a capture file.
pub(crate) fn pcap_record(at: Timestamp, bytes: &[u8], format: PcapFormat, out: &mut Vec<u8>) {
    let tick = match format {
        PcapFormat::Micro => 1000,
        PcapFormat::Nano => 1,
    };
    let nanos = at.as_nanos();
    let (secs, fraction) =
        (nanos.div_euclid(1_000_000_000) as u32, (nanos.rem_euclid(1_000_000_000) / tick) as u32);
    let len = bytes.len() as u32;
    for word in [secs, fraction, len, len] {
        out.extend(word.to_le_bytes());
    }
    out.extend(bytes);
}

fn ethernet(packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    frame.extend(packet);
    frame
}

fn ipv4(src: SocketAddrV4, dst: SocketAddrV4, protocol: u8, id: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend(((20 + payload.len()) as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(flags.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(src.ip().octets());
    packet.extend(dst.ip().octets());
    packet.extend(payload);
    packet
}
