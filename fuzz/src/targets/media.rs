//! RTP, RTCP and other protocols on their ports; SRTP with known keys.

use bellwether_rtp::g711::Law;
use bellwether_rtp::{
    Beginning, Codec, DtlsStep, IceCheck, Jitter, Kind, Packet, Reception, Rtcp, SrtpKey, SrtpSession,
    classify, encoding_name, g722::LowerBand, static_format,
};

use super::wire::is_within;
use crate::input::Input;

/// Laws: a classified packet parses as its kind. Payloads lie within their packets. Reception counters add up. G.711
/// survives a round trip.
pub(super) fn packets(octets: &[u8]) {
    let mut input = Input::new(octets);
    let (mut reception, mut jitter) = (Reception::default(), Jitter::default());
    let mut arrived = 0_u64;
    while !input.is_empty() {
        let bytes = input.piece();
        match classify(bytes) {
            Kind::Rtp => {
                let packet = Packet::parse(bytes);
                assert!(packet.is_some(), "a packet classified as RTP parses as RTP");
                let Some(packet) = packet else { return };
                assert!(packet.payload.is_empty() || is_within(packet.payload, bytes));
                let beginning = Beginning::of(&packet);
                assert_eq!(beginning, Beginning::of(&packet));
                assert!(!beginning.to_string().contains('\n'));
                arrived += 1;
                reception.arrive(packet.seq);
                jitter.packet(arrived as f64 / 50.0, packet.ticks, packet.ssrc);
            }
            Kind::Rtcp => assert_eq!(Rtcp::parse(bytes), Rtcp::parse(bytes)),
            Kind::Stun => {
                let check = IceCheck::parse(bytes);
                assert!(check.is_none_or(|c| is_within(c.asked, bytes) && is_within(c.asking, bytes)));
            }
            Kind::Dtls => assert_eq!(DtlsStep::parse(bytes), DtlsStep::parse(bytes)),
            Kind::Other => {}
        }
    }
    assert_eq!(reception.packets(), arrived, "each packet counts once");
    let again = u64::from(reception.duplicates()) + u64::from(reception.reordered());
    assert!(again <= arrived, "the first packet is neither late nor a copy");
    assert!(jitter.seconds() >= 0.0, "jitter is not negative");
    let mut band = LowerBand::default();
    for octet in octets {
        for law in [Law::Mu, Law::A] {
            let there = law.linear()[usize::from(*octet)];
            let back = law.linear()[usize::from(law.encode(there))];
            assert_eq!(there, back, "a level survives a round trip");
            assert_eq!(
                law.code(law.magnitude(*octet), octet >> 7),
                *octet,
                "a code word survives a round trip"
            );
        }
        band.sample(*octet);
        assert!(static_format(*octet).is_none_or(|(name, rate)| encoding_name(name) == name && rate > 0));
    }
    let spelled = String::from_utf8_lossy(octets);
    let name = encoding_name(&spelled);
    assert_eq!(encoding_name(&name), name, "a name has one spelling");
    assert_eq!(Codec::from_encoding(&name), Codec::from_encoding(&spelled), "case does not matter");
}

/// Laws: a sealed packet decrypts to the original under its key. Another packet does not decrypt, or decrypts equally
/// each time.
pub(super) fn sealed(octets: &[u8]) {
    let mut input = Input::new(octets);
    let Some(key) = SrtpKey::parse(input.piece()) else { return };
    let mut opener = SrtpSession::new(&key);
    let sender = SrtpSession::new(&key);
    while !input.is_empty() {
        let packet = input.piece();
        let opened = opener.open(packet).map(<[u8]>::to_vec);
        assert!(
            opened.is_none_or(|opened| opened.len() <= packet.len()),
            "the decrypted payload fits in the packet"
        );
        if let (Some(sealed), Some(plain)) = (sender.seal(packet, 0), Packet::parse(packet)) {
            let mut fresh = SrtpSession::new(&key);
            // `seal` writes no master key identifier, so `open` fails for a key with one.
            if let Some(opened) = fresh.open(&sealed) {
                assert!(opened.starts_with(plain.payload), "a sealed packet decrypts to the original");
                assert!(fresh.is_proved());
            }
        }
    }
}
