//! The Homer Encapsulation Protocol (HEP). SBCs, proxies and PBXs send captured messages in it where no
//! mirror port exists.
//!
//! Sources: HEP version 3 specification, revision 12; versions 1 and 2 as written by Kamailio's siptrace.

use std::borrow::Cow;
use std::io::Read;

use bellwether_base::{Endpoint, FlowKey, Loss, Span, Timestamp, Transport};

/// Limit of a decompressed message; a UDP datagram is never larger.
const MAX_INFLATED: u64 = 65_536;

/// One captured message with the metadata of the capture agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hep<'a> {
    /// Source and destination of the message.
    pub flow: FlowKey,
    /// Transport that carried the message.
    pub transport: Transport,
    /// Capture time by the agent's clock; none in version 1.
    pub at: Option<Timestamp>,
    /// The agent's number, 0 if it has none.
    pub agent: u32,
    /// The message.
    pub payload: Cow<'a, [u8]>,
}

/// True if the octets start like HEP of any version.
#[must_use]
pub fn looks_like_hep(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HEP3")
        || matches!(bytes, [1 | 2, 16 | 28 | 40 | 52, 2 | 10 | 23 | 24 | 28 | 30, 6 | 17 | 132, ..])
}

/// Length of the version 3 message at the start of the octets; none while its header is incomplete.
///
/// # Errors
/// [`Loss::HepMalformed`] if the octets do not start with a version 3 header, or its length is below 6.
pub fn hep3_len(bytes: &[u8]) -> Result<Option<usize>, Loss> {
    let magic = bytes.get(..4).unwrap_or(bytes);
    if !b"HEP3".starts_with(magic) {
        return Err(Loss::HepMalformed);
    }
    let Some(len) = be16(bytes, 4) else { return Ok(None) };
    if len < 6 { Err(Loss::HepMalformed) } else { Ok(Some(usize::from(len))) }
}

/// Reads one message of any version.
///
/// Version 2 senders write the capture time in the byte order of their processor. The reader takes the byte
/// order whose result is closer to `arrival`.
///
/// # Errors
/// [`Loss::HepMalformed`] if the octets match no version, lengths contradict each other, or an address is
/// missing.
pub fn read_hep(bytes: &[u8], arrival: Timestamp) -> Result<Hep<'_>, Loss> {
    if !looks_like_hep(bytes) {
        return Err(Loss::HepMalformed);
    }
    if bytes.starts_with(b"HEP3") { version_3(bytes) } else { version_1_or_2(bytes, arrival) }
}

fn version_3(bytes: &[u8]) -> Result<Hep<'_>, Loss> {
    let len = hep3_len(bytes)?.ok_or(Loss::HepMalformed)?;
    let mut chunks = bytes.get(6..len).ok_or(Loss::HepMalformed)?;
    let (mut src, mut dst) = (None, None);
    let (mut src_port, mut dst_port, mut protocol, mut agent) = (0, 0, 17, 0);
    let (mut secs, mut micros) = (None, 0);
    let mut payload = None;
    while !chunks.is_empty() {
        let (Some(vendor), Some(kind), Some(len)) = (be16(chunks, 0), be16(chunks, 2), be16(chunks, 4))
        else {
            return Err(Loss::HepMalformed);
        };
        let value = chunks.get(6..usize::from(len)).ok_or(Loss::HepMalformed)?;
        chunks = chunks.get(usize::from(len)..).unwrap_or_default();
        // Chunks of other vendors hold nothing that is needed here.
        if vendor != 0 {
            continue;
        }
        match (kind, value) {
            (2, [number]) => protocol = *number,
            (3, value) => src = value.first_chunk().map(|ip| Endpoint::v4(*ip, 0)),
            (4, value) => dst = value.first_chunk().map(|ip| Endpoint::v4(*ip, 0)),
            (5, value) => src = value.first_chunk().map(|ip| Endpoint::v6(*ip, 0)),
            (6, value) => dst = value.first_chunk().map(|ip| Endpoint::v6(*ip, 0)),
            (7, value) => src_port = be16(value, 0).ok_or(Loss::HepMalformed)?,
            (8, value) => dst_port = be16(value, 0).ok_or(Loss::HepMalformed)?,
            (9, value) => secs = be32(value, 0),
            (10, value) => micros = be32(value, 0).ok_or(Loss::HepMalformed)?,
            (12, value) => agent = be32(value, 0).ok_or(Loss::HepMalformed)?,
            (15, value) => payload = Some(Cow::Borrowed(value)),
            (16, value) => payload = Some(Cow::Owned(inflate(value)?)),
            _ => {}
        }
    }
    let (Some(src), Some(dst)) = (src, dst) else { return Err(Loss::HepMalformed) };
    Ok(Hep {
        flow: FlowKey { src: src.with_port(src_port), dst: dst.with_port(dst_port) },
        transport: transport(protocol),
        at: secs.map(|secs| time(secs, micros)),
        agent,
        // A keep-alive has no payload.
        payload: payload.unwrap_or_default(),
    })
}

/// Layout: version, length, address family, protocol, ports, addresses; version 2 adds time and agent.
fn version_1_or_2(bytes: &[u8], arrival: Timestamp) -> Result<Hep<'_>, Loss> {
    let [version, _, family, protocol, rest @ ..] = bytes else { return Err(Loss::HepMalformed) };
    let (src_port, dst_port) =
        (be16(rest, 0).ok_or(Loss::HepMalformed)?, be16(rest, 2).ok_or(Loss::HepMalformed)?);
    let addresses = rest.get(4..).ok_or(Loss::HepMalformed)?;
    let (src, dst, rest) = if *family == 2 {
        let (src, rest) = addresses.split_first_chunk::<4>().ok_or(Loss::HepMalformed)?;
        let (dst, rest) = rest.split_first_chunk::<4>().ok_or(Loss::HepMalformed)?;
        (Endpoint::v4(*src, src_port), Endpoint::v4(*dst, dst_port), rest)
    } else {
        let (src, rest) = addresses.split_first_chunk::<16>().ok_or(Loss::HepMalformed)?;
        let (dst, rest) = rest.split_first_chunk::<16>().ok_or(Loss::HepMalformed)?;
        (Endpoint::v6(*src, src_port), Endpoint::v6(*dst, dst_port), rest)
    };
    let (at, agent, payload) = if *version == 2 {
        let ([s0, s1, s2, s3, u0, u1, u2, u3, a0, a1, _, _], payload) =
            rest.split_first_chunk::<12>().ok_or(Loss::HepMalformed)?;
        let little = time(u32::from_le_bytes([*s0, *s1, *s2, *s3]), u32::from_le_bytes([*u0, *u1, *u2, *u3]));
        let big = time(u32::from_be_bytes([*s0, *s1, *s2, *s3]), u32::from_be_bytes([*u0, *u1, *u2, *u3]));
        let is_little = distance(little, arrival) <= distance(big, arrival);
        let agent = if is_little { u16::from_le_bytes([*a0, *a1]) } else { u16::from_be_bytes([*a0, *a1]) };
        (Some(if is_little { little } else { big }), u32::from(agent), payload)
    } else {
        (None, 0, rest)
    };
    let flow = FlowKey { src, dst };
    Ok(Hep { flow, transport: transport(*protocol), at, agent, payload: Cow::Borrowed(payload) })
}

/// Absolute difference of two times.
fn distance(a: Timestamp, b: Timestamp) -> Span {
    a.since(b).max(b.since(a))
}

fn time(secs: u32, micros: u32) -> Timestamp {
    Timestamp::from_nanos(i64::from(secs) * 1_000_000_000 + i64::from(micros.min(999_999)) * 1000)
}

const fn transport(protocol: u8) -> Transport {
    if protocol == 6 { Transport::Tcp } else { Transport::Udp }
}

/// Agents compress with zlib or gzip.
fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Loss> {
    let mut out = Vec::new();
    let read = if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::GzDecoder::new(bytes).take(MAX_INFLATED + 1).read_to_end(&mut out)
    } else {
        flate2::read::ZlibDecoder::new(bytes).take(MAX_INFLATED + 1).read_to_end(&mut out)
    };
    match read {
        Ok(n) if n as u64 <= MAX_INFLATED => Ok(out),
        Ok(_) | Err(_) => Err(Loss::HepMalformed),
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    const SIP: &[u8] = b"OPTIONS sip:a SIP/2.0\r\n\r\n";
    const ARRIVAL: Timestamp = Timestamp::from_nanos(1_750_000_000_000_000_000);

    fn chunk(vendor: u16, kind: u16, value: &[u8]) -> Vec<u8> {
        [&vendor.to_be_bytes()[..], &kind.to_be_bytes(), &(value.len() as u16 + 6).to_be_bytes(), value]
            .concat()
    }

    fn version_3_of(payload: Vec<u8>) -> Vec<u8> {
        let chunks = [
            chunk(0, 1, &[2]),
            chunk(0, 2, &[6]),
            chunk(0, 3, &[10, 0, 0, 1]),
            chunk(0, 4, &[10, 0, 0, 2]),
            chunk(0, 7, &5060_u16.to_be_bytes()),
            chunk(0, 8, &5070_u16.to_be_bytes()),
            chunk(0, 9, &1_750_000_000_u32.to_be_bytes()),
            chunk(0, 10, &250_000_u32.to_be_bytes()),
            chunk(0, 11, &[1]),
            chunk(0, 12, &2001_u32.to_be_bytes()),
            chunk(0x29c8, 15, b"somebody else's"),
            payload,
        ]
        .concat();
        [&b"HEP3"[..], &(chunks.len() as u16 + 6).to_be_bytes(), &chunks].concat()
    }

    fn expected() -> Hep<'static> {
        Hep {
            flow: FlowKey { src: Endpoint::v4([10, 0, 0, 1], 5060), dst: Endpoint::v4([10, 0, 0, 2], 5070) },
            transport: Transport::Tcp,
            at: Some(ARRIVAL + Span::from_millis(250)),
            agent: 2001,
            payload: Cow::Borrowed(SIP),
        }
    }

    #[test]
    fn what_begins_like_no_version_is_no_message_of_any() {
        let octets = [&b"HEP,"[..], &[0; 60]].concat();
        assert!(!looks_like_hep(&octets));
        assert_eq!(read_hep(&octets, Timestamp::default()), Err(Loss::HepMalformed));
    }

    #[test]
    fn version_3_is_read_plain_and_compressed() {
        assert_eq!(read_hep(&version_3_of(chunk(0, 15, SIP)), ARRIVAL), Ok(expected()));
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(SIP).unwrap();
        assert_eq!(read_hep(&version_3_of(chunk(0, 16, &zlib.finish().unwrap())), ARRIVAL), Ok(expected()));
        let mut bomb = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(&vec![0; 1 << 20]).unwrap();
        let bomb = version_3_of(chunk(0, 16, &bomb.finish().unwrap()));
        assert_eq!(read_hep(&bomb, ARRIVAL), Err(Loss::HepMalformed));
    }

    #[test]
    fn chunks_of_every_vendor_and_unknown_types_say_nothing() {
        for vendor in (0..=32).chain([100, 0x29c8, 0x7fff, 0xffff]) {
            for kind in (0..=48).chain([255, 0x1000, 0xffff]).filter(|kind| vendor != 0 || *kind > 16) {
                for value in [&b""[..], b"x", b"four", &[0xff; 40]] {
                    let other = chunk(vendor, kind, value);
                    for payload in [[&other[..], &chunk(0, 15, SIP)], [&chunk(0, 15, SIP), &other]] {
                        assert_eq!(read_hep(&version_3_of(payload.concat()), ARRIVAL), Ok(expected()));
                    }
                }
            }
        }
    }

    #[test]
    fn versions_1_and_2_are_read_in_either_octet_order_of_their_time() {
        let head =
            |version: u8, len: u8| [version, len, 2, 17, 0x13, 0xc4, 0x13, 0xce, 10, 0, 0, 1, 10, 0, 0, 2];
        let first = [&head(1, 16)[..], SIP].concat();
        let wanted = Hep { transport: Transport::Udp, at: None, agent: 0, ..expected() };
        assert!(looks_like_hep(&first));
        assert_eq!(read_hep(&first, ARRIVAL), Ok(wanted.clone()));
        let wanted = Hep { at: Some(ARRIVAL + Span::from_millis(250)), agent: 7, ..wanted };
        let (secs, micros) = (1_750_000_000_u32, 250_000_u32);
        let little = [&secs.to_le_bytes()[..], &micros.to_le_bytes(), &[7, 0, 0, 0]].concat();
        let big = [&secs.to_be_bytes()[..], &micros.to_be_bytes(), &[0, 7, 0, 0]].concat();
        for clock in [little, big] {
            let second = [&head(2, 28)[..], &clock, SIP].concat();
            assert!(looks_like_hep(&second));
            assert_eq!(read_hep(&second, ARRIVAL), Ok(wanted.clone()));
        }
    }

    proptest! {
        #[test]
        fn any_damage_is_named_or_survived(at in 0_usize..160, octet: u8, cut in 0_usize..200, version in 1_u8..4) {
            let mut bytes = match version {
                3 => version_3_of(chunk(0, 15, SIP)),
                n => [&[n, 16, 2, 17, 0x13, 0xc4, 0x13, 0xce, 10, 0, 0, 1, 10, 0, 0, 2][..], &[0; 12], SIP].concat(),
            };
            let len = bytes.len();
            bytes[at % len] = octet;
            bytes.truncate(len.min(cut));
            let _ = (looks_like_hep(&bytes), hep3_len(&bytes), read_hep(&bytes, ARRIVAL));
        }
    }
}
