/// Protocol of a datagram that is not SIP. The first octet distinguishes the protocols that share a media
/// port (RFC 7983).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// RTP by its header. Other protocols can look the same: only a run of packets is proof.
    Rtp,
    /// RTCP: version, packet type and length agree.
    Rtcp,
    /// STUN with the magic cookie (RFC 8489).
    Stun,
    /// A DTLS record (RFC 9147, RFC 6347): the media will be encrypted.
    Dtls,
    /// Any other protocol.
    Other,
}

/// Classifies a datagram by its first octets.
#[must_use]
pub fn classify(bytes: &[u8]) -> Kind {
    match bytes {
        // Packet types 192 to 223 are RTCP's (RFC 5761 section 4).
        [0x80..=0xbf, 192..=223, l0, l1, ..] => {
            let words = usize::from(u16::from_be_bytes([*l0, *l1]));
            if bytes.len() >= 8 && (words + 1) * 4 <= bytes.len() { Kind::Rtcp } else { Kind::Other }
        }
        [0x80..=0xbf, ..] if Packet::parse(bytes).is_some() => Kind::Rtp,
        [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] if bytes.len() >= 20 => Kind::Stun,
        [20..=63, 0xfe, 0xff | 0xfd, ..] if bytes.len() >= 13 => Kind::Dtls,
        _ => Kind::Other,
    }
}

/// One RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// The marker bit.
    pub marker: bool,
    /// The payload type.
    pub payload_type: u8,
    /// The sequence number.
    pub seq: u16,
    /// The timestamp, in ticks of the media clock.
    pub ticks: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The payload without padding. If the padding length is invalid, the padding stays, because SRTP
    /// encrypts the padding too (RFC 3711 section 3.1).
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet (RFC 3550 section 5.1); none if its lengths contradict each other.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<12>()?;
        let [flags, kind, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3] = *header;
        if flags >> 6 != 2 {
            return None;
        }
        let mut payload = rest.get(usize::from(flags & 0x0f) * 4..)?;
        if flags & 0x10 != 0 {
            let (extension, after) = payload.split_first_chunk::<4>()?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            payload = after.get(usize::from(words) * 4..)?;
        }
        if flags & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            let without = payload.len().checked_sub(padding).filter(|_| padding > 0);
            payload = without.and_then(|len| payload.get(..len)).unwrap_or(payload);
        }
        Some(Self {
            marker: kind & 0x80 != 0,
            payload_type: kind & 0x7f,
            seq: u16::from_be_bytes([q0, q1]),
            ticks: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            payload,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 16] = [0x80, 0x88, 0, 9, 0, 0, 0, 160, 1, 2, 3, 4, 9, 8, 7, 6];

    #[test]
    fn header_fields_and_payload_are_read() {
        let p = Packet::parse(&PLAIN).unwrap();
        assert_eq!((p.marker, p.payload_type, p.seq, p.ticks, p.ssrc), (true, 8, 9, 160, 0x0102_0304));
        assert_eq!(p.payload, [9, 8, 7, 6]);
    }

    #[test]
    fn sources_extension_and_padding_are_left_out_of_the_payload() {
        let mut bytes = PLAIN[..12].to_vec();
        bytes[0] = 0x80 | 0x20 | 0x10 | 1;
        bytes.extend([0; 4]);
        bytes.extend([0xbe, 0xde, 0, 1, 5, 5, 5, 5]);
        bytes.extend([42, 0, 0, 3]);
        assert_eq!(Packet::parse(&bytes).unwrap().payload, [42]);
        // An encrypted padding length can have any value, and the packet is still valid.
        for length in [0, 200] {
            *bytes.last_mut().unwrap() = length;
            assert_eq!(Packet::parse(&bytes).unwrap().payload, [42, 0, 0, length]);
        }
    }

    #[test]
    fn neighbours_on_a_media_port_are_told_apart() {
        assert_eq!(classify(&PLAIN), Kind::Rtp);
        assert_eq!(classify(&[0x80, 200, 0, 1, 0, 0, 0, 1]), Kind::Rtcp);
        assert_eq!(classify(&[0x80, 200, 0, 9, 0, 0, 0, 1]), Kind::Other);
        let mut stun = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        stun.extend([0; 12]);
        assert_eq!(classify(&stun), Kind::Stun);
        assert_eq!(classify(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Kind::Dtls);
        assert_eq!(classify(b"INVITE sip:a@b SIP/2.0"), Kind::Other);
        assert_eq!(classify(&[]), Kind::Other);
    }
}
