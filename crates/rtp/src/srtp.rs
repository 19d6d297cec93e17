//! Decryption of SRTP (RFC 3711) with keys from session descriptions in clear text (RFC 4568): AES in counter
//! mode with HMAC-SHA1, or in Galois/Counter Mode (RFC 7714).
//!
//! Packets are decrypted in memory only, and only if the authentication tag proves the key.

use aes::cipher::{KeyIvInit, StreamCipher};
use base64::Engine;
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Octets of a master salt, and of a session authentication key.
const SALT: usize = 14;
const GCM_SALT: usize = 12;
const AUTH_KEY: usize = 20;

/// Octets of an authentication tag in Galois/Counter Mode.
const GCM_TAG: usize = 16;

/// Key derivation labels (RFC 3711 section 4.3.1).
const ENCRYPTION: u8 = 0;
const AUTHENTICATION: u8 = 1;
const SALTING: u8 = 2;

/// Counter blocks of Galois/Counter Mode: the block for the tag, and the first block for the payload.
const TAG: u8 = 1;
const PAYLOAD: u8 = 2;

/// One packet of this many is authenticated after the first one: a proven key stays valid.
const PROVE_ONE_OF: u32 = 64;

/// Size limit of a decrypted payload; media packets are smaller.
const LONGEST: usize = 2048;

/// A master key from a session description.
#[derive(Clone, PartialEq, Eq)]
pub struct SrtpKey {
    key: [u8; 32],
    /// 16 or 32.
    key_len: usize,
    /// A shorter salt is padded with zeros (RFC 7714 section 11).
    salt: [u8; SALT],
    proof: Proof,
    mki_len: usize,
}

/// The authentication of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// HMAC-SHA1, truncated to this many octets, behind the master key identifier.
    Hmac(usize),
    /// Tag of Galois/Counter Mode, before the master key identifier (RFC 7714 section 13.1).
    Gcm,
}

impl Proof {
    const fn tag_len(self) -> usize {
        match self {
            Self::Hmac(len) => len,
            Self::Gcm => GCM_TAG,
        }
    }

    const fn salt_len(self) -> usize {
        match self {
            Self::Hmac(_) => SALT,
            Self::Gcm => GCM_SALT,
        }
    }
}

impl std::fmt::Debug for SrtpKey {
    /// Omits the key, so that it reaches no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SrtpKey({} bits, {:?})", self.key_len * 8, self.proof)
    }
}

impl SrtpKey {
    /// Parses the value of an `a=crypto` line (RFC 4568 section 9.1): tag, suite, `inline:` key. Returns
    /// `None` for unsupported suites, and for session parameters that disable encryption or authentication.
    #[must_use]
    pub fn parse(crypto: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(crypto).ok()?;
        let mut words = text.split_ascii_whitespace().skip(1);
        let (key_len, proof) = match words.next()? {
            "AES_CM_128_HMAC_SHA1_80" => (16, Proof::Hmac(10)),
            "AES_CM_128_HMAC_SHA1_32" => (16, Proof::Hmac(4)),
            "AES_256_CM_HMAC_SHA1_80" => (32, Proof::Hmac(10)),
            "AES_256_CM_HMAC_SHA1_32" => (32, Proof::Hmac(4)),
            "AEAD_AES_128_GCM" => (16, Proof::Gcm),
            "AEAD_AES_256_GCM" => (32, Proof::Gcm),
            _ => return None,
        };
        let inline = words.next()?.strip_prefix("inline:")?;
        if words.any(|word| word.starts_with("UNENCRYPTED") || word.starts_with("UNAUTHENTICATED")) {
            return None;
        }
        let mut parts = inline.split('|');
        let octets = base64::engine::general_purpose::STANDARD.decode(parts.next()?).ok()?;
        // The lifetime has no colon; the key identifier has its length behind a colon.
        let mki_len = parts.find_map(|part| part.split_once(':')?.1.parse().ok()).unwrap_or(0);
        let (key_part, salt_part) = octets.split_at_checked(key_len)?;
        let (mut key, mut salt) = ([0; 32], [0; SALT]);
        key.get_mut(..key_len)?.copy_from_slice(key_part);
        (mki_len <= 128 && salt_part.len() == proof.salt_len()).then_some(())?;
        salt.get_mut(..proof.salt_len())?.copy_from_slice(salt_part);
        Some(Self { key, key_len, salt, proof, mki_len })
    }

    fn derive<const N: usize>(&self, label: u8) -> [u8; N] {
        let mut iv = [0; 16];
        let (salted, _) = iv.split_at_mut(SALT);
        salted.copy_from_slice(&self.salt);
        if let Some(octet) = iv.get_mut(7) {
            *octet ^= label;
        }
        let mut out = [0; N];
        self.stream(&self.key, &iv, &mut out);
        out
    }

    /// XORs the key stream into the octets.
    fn stream(&self, key: &[u8; 32], iv: &[u8; 16], octets: &mut [u8]) {
        if self.key_len == 16 {
            let (short, _) = key.split_at(16);
            if let Ok(mut cipher) = ctr::Ctr128BE::<aes::Aes128>::new_from_slices(short, iv) {
                cipher.apply_keystream(octets);
            }
        } else if let Ok(mut cipher) = ctr::Ctr128BE::<aes::Aes256>::new_from_slices(key, iv) {
            cipher.apply_keystream(octets);
        }
    }
}

/// Decryption state of one source under one key.
pub struct SrtpSession {
    master: SrtpKey,
    key: [u8; 32],
    salt: [u8; SALT],
    auth: [u8; AUTH_KEY],
    /// Rollover counter of the sequence number, and the highest sequence number.
    rollovers: u32,
    highest: Option<u16>,
    opened: u32,
    payload: Vec<u8>,
}

impl SrtpSession {
    /// Derives the session keys from a master key.
    #[must_use]
    pub fn new(master: &SrtpKey) -> Self {
        let mut key = [0; 32];
        let derived: [u8; 32] = master.derive(ENCRYPTION);
        let (used, _) = key.split_at_mut(master.key_len);
        used.copy_from_slice(derived.get(..master.key_len).unwrap_or_default());
        let mut salt: [u8; SALT] = master.derive(SALTING);
        salt.iter_mut().skip(master.proof.salt_len()).for_each(|octet| *octet = 0);
        Self {
            key,
            salt,
            auth: master.derive(AUTHENTICATION),
            master: master.clone(),
            rollovers: 0,
            highest: None,
            opened: 0,
            payload: Vec::new(),
        }
    }

    /// True if a packet was authenticated with this key.
    #[must_use]
    pub const fn is_proved(&self) -> bool {
        self.opened > 0
    }

    /// Payload of the packet decrypted last.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Decrypts a packet and returns its payload; none if authentication fails or the packet is malformed.
    pub fn open(&mut self, packet: &[u8]) -> Option<&[u8]> {
        let header_len = header_len(packet)?;
        let tag_len = self.master.proof.tag_len();
        let end = packet.len().checked_sub(tag_len + self.master.mki_len)?;
        let (sent, trailer) = packet.split_at_checked(end)?;
        let (header, sealed) = sent.split_at_checked(header_len)?;
        let seq = u16::from_be_bytes([*header.get(2)?, *header.get(3)?]);
        let ssrc: [u8; 4] = header.get(8..12)?.try_into().ok()?;
        let rollovers = self.rollovers_of(seq);
        if self.opened.is_multiple_of(PROVE_ONE_OF) {
            let tag = match self.master.proof {
                Proof::Hmac(_) => trailer.get(self.master.mki_len..)?,
                Proof::Gcm => trailer.get(..tag_len)?,
            };
            let proof = self.proof(header, sealed, ssrc, rollovers, seq)?;
            if proof.get(..tag_len)? != tag {
                return None;
            }
        }
        if sealed.len() > LONGEST {
            return None;
        }
        self.opened = self.opened.saturating_add(1);
        if self.highest.is_none_or(|highest| rollovers > self.rollovers || seq > highest) {
            (self.rollovers, self.highest) = (rollovers, Some(seq));
        }
        self.payload.clear();
        self.payload.extend_from_slice(sealed);
        let iv = self.iv(ssrc, rollovers, seq, PAYLOAD);
        self.master.stream(&self.key, &iv, &mut self.payload);
        Some(&self.payload)
    }

    /// Encrypts a packet like a sender: the inverse of [`Self::open`], for tests with known content. None if
    /// the packet is malformed.
    #[must_use]
    pub fn seal(&self, packet: &[u8], rollovers: u32) -> Option<Vec<u8>> {
        let (header, payload) = packet.split_at_checked(header_len(packet)?)?;
        let seq = u16::from_be_bytes([*header.get(2)?, *header.get(3)?]);
        let ssrc = header.get(8..12)?.try_into().ok()?;
        let iv = self.iv(ssrc, rollovers, seq, PAYLOAD);
        let mut sealed = payload.to_vec();
        self.master.stream(&self.key, &iv, &mut sealed);
        let proof = self.proof(header, &sealed, ssrc, rollovers, seq)?;
        Some([header, &sealed, proof.get(..self.master.proof.tag_len())?].concat())
    }

    /// The untruncated tag over header and encrypted payload.
    fn proof(
        &self,
        header: &[u8],
        sealed: &[u8],
        ssrc: [u8; 4],
        rollovers: u32,
        seq: u16,
    ) -> Option<[u8; 20]> {
        match self.master.proof {
            Proof::Hmac(_) => {
                let mut mac = Hmac::<Sha1>::new_from_slice(&self.auth).ok()?;
                mac.update(header);
                mac.update(sealed);
                mac.update(&rollovers.to_be_bytes());
                Some(mac.finalize().into_bytes().into())
            }
            Proof::Gcm => {
                let (mut subkey, mut mask) = ([0; 16], [0; GCM_TAG]);
                self.master.stream(&self.key, &[0; 16], &mut subkey);
                self.master.stream(&self.key, &self.iv(ssrc, rollovers, seq, TAG), &mut mask);
                let mut hash = GHash::new(&subkey.into());
                hash.update_padded(header);
                hash.update_padded(sealed);
                let bits = |octets: &[u8]| (octets.len() as u64 * 8).to_be_bytes();
                hash.update_padded(&[bits(header), bits(sealed)].concat());
                let mut proof = [0; 20];
                for ((octet, sum), mask) in proof.iter_mut().zip(hash.finalize()).zip(mask) {
                    *octet = sum ^ mask;
                }
                Some(proof)
            }
        }
    }

    /// Initialisation vector by RFC 3711 section 4.1.1, or by RFC 7714 section 8.1, in which block 1 makes
    /// the tag and the later blocks the key stream.
    fn iv(&self, ssrc: [u8; 4], rollovers: u32, seq: u16, block: u8) -> [u8; 16] {
        let mut iv = [0; 16];
        let (salted, _) = iv.split_at_mut(SALT);
        salted.copy_from_slice(&self.salt);
        let mut mix = |from: usize, octets: &[u8]| {
            for (octet, other) in iv.iter_mut().skip(from).zip(octets) {
                *octet ^= other;
            }
        };
        let at = match self.master.proof {
            Proof::Hmac(_) => 4,
            Proof::Gcm => 2,
        };
        mix(at, &ssrc);
        mix(at + 4, &rollovers.to_be_bytes());
        mix(at + 8, &seq.to_be_bytes());
        if self.master.proof == Proof::Gcm {
            mix(15, &[block]);
        }
        iv
    }

    /// Rollover counter for this sequence number (RFC 3711 section 3.3.1).
    fn rollovers_of(&self, seq: u16) -> u32 {
        let Some(highest) = self.highest else { return self.rollovers };
        let ahead = i32::from(seq) - i32::from(highest);
        if ahead < -0x8000 {
            self.rollovers.wrapping_add(1)
        } else if ahead > 0x8000 {
            self.rollovers.wrapping_sub(1)
        } else {
            self.rollovers
        }
    }
}

impl std::fmt::Debug for SrtpSession {
    /// Omits the keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SrtpSession({:?}, {} opened)", self.master, self.opened)
    }
}

/// Length of the header including sources and extension, which are sent in clear text.
fn header_len(packet: &[u8]) -> Option<usize> {
    let flags = *packet.first()?;
    let fixed = 12 + 4 * usize::from(flags & 0x0f);
    if flags & 0x10 == 0 {
        return (packet.len() >= fixed).then_some(fixed);
    }
    let words = packet.get(fixed + 2..fixed + 4)?;
    let words = u16::from_be_bytes([*words.first()?, *words.get(1)?]);
    Some(fixed + 4 + 4 * usize::from(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    fn line(suite: &str, key: &[u8], more: &str) -> String {
        format!("1 {suite} inline:{}{more}", base64::engine::general_purpose::STANDARD.encode(key))
    }

    /// RFC 3711, appendix B.3.
    #[test]
    fn keys_are_derived_as_in_the_standards_example() {
        let key = hex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6");
        let key = SrtpKey::parse(line("AES_CM_128_HMAC_SHA1_80", &key, "|2^20").as_bytes()).unwrap();
        let session = SrtpSession::new(&key);
        assert_eq!(session.key[..16], hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(session.salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(session.auth[..], hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    /// RFC 3711, appendix B.2.
    #[test]
    fn the_key_stream_is_that_of_the_standards_example() {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&hex("2B7E151628AED2A6ABF7158809CF4F3C"));
        let master = SrtpKey { key, key_len: 16, salt: [0; SALT], proof: Proof::Hmac(10), mki_len: 0 };
        let iv: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut octets = [0; 32];
        master.stream(&key, &iv, &mut octets);
        assert_eq!(octets[..], hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"));
    }

    /// RFC 7714, sections 16.1.1 and 16.2.1: these give session keys, not master keys.
    #[test]
    fn packets_in_galois_counter_mode_are_those_of_the_standards_examples() {
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        let plain = hex(
            "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573",
        );
        for (key_len, expected) in [
            (
                16,
                "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                32,
                "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ] {
            let mut salt = [0; SALT];
            salt[..GCM_SALT].copy_from_slice(&hex("517569642070726f2071756f"));
            let master = SrtpKey { key, key_len, salt, proof: Proof::Gcm, mki_len: 0 };
            let mut session = SrtpSession { key, salt, ..SrtpSession::new(&master) };
            assert_eq!(session.seal(&plain, 0).unwrap(), hex(expected));
            assert_eq!(session.open(&hex(expected)), Some(&plain[12..]));
            let mut forged = hex(expected);
            forged[20] ^= 1;
            let mut session = SrtpSession { key, salt, ..SrtpSession::new(&master) };
            assert_eq!(session.open(&forged), None);
        }
    }

    #[test]
    fn a_keys_identifier_stands_before_a_mac_and_behind_a_tag_of_gcm() {
        for (suite, len, tag_len) in [("AES_CM_128_HMAC_SHA1_80", 30, 10), ("AEAD_AES_128_GCM", 28, 16)] {
            let master = SrtpKey::parse(line(suite, &vec![7; len], "|2^20|1:4").as_bytes()).unwrap();
            let mut packet = sealed(&master, 9, 0, &[5; 160]);
            let at = if suite.starts_with("AEAD") { packet.len() } else { packet.len() - tag_len };
            packet.splice(at..at, [0, 0, 0, 1]);
            assert_eq!(SrtpSession::new(&master).open(&packet), Some(&[5; 160][..]), "{suite}");
        }
    }

    fn sealed(master: &SrtpKey, seq: u16, rollovers: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 0];
        packet.extend(seq.to_be_bytes());
        packet.extend([0, 0, 1, 2, 0xca, 0xfe, 0xba, 0xbe]);
        packet.extend(payload);
        SrtpSession::new(master).seal(&packet, rollovers).unwrap()
    }

    #[test]
    fn packets_are_opened_over_a_rollover_and_foreign_ones_are_not() {
        for (suite, len) in [
            ("AES_CM_128_HMAC_SHA1_32", 30),
            ("AES_256_CM_HMAC_SHA1_80", 46),
            ("AEAD_AES_128_GCM", 28),
            ("AEAD_AES_256_GCM", 44),
        ] {
            let master = SrtpKey::parse(line(suite, &vec![7; len], "").as_bytes()).unwrap();
            let other = SrtpKey::parse(line(suite, &vec![8; len], "").as_bytes()).unwrap();
            let (mut own, mut foreign) = (SrtpSession::new(&master), SrtpSession::new(&other));
            for i in 0..300_u32 {
                let seq = 65_400_u16.wrapping_add(i as u16);
                let packet = sealed(&master, seq, u32::from(i > 135), &[i as u8; 160]);
                assert_eq!(own.open(&packet), Some(&[i as u8; 160][..]), "{suite} {i}");
                assert_eq!(foreign.open(&packet), None);
            }
            assert!(own.is_proved() && !foreign.is_proved());
        }
    }

    #[test]
    fn other_lines_are_no_keys() {
        for wrong in [
            "",
            "1",
            "1 AES_CM_128_HMAC_SHA1_80",
            "1 AES_CM_128_HMAC_SHA1_80 inline:short",
            "1 AEAD_AES_128_GCM inline:AAAA",
            "1 F8_128_HMAC_SHA1_80 inline:AAAA",
        ] {
            assert_eq!(SrtpKey::parse(wrong.as_bytes()), None, "{wrong}");
        }
        let unencrypted = line("AES_CM_128_HMAC_SHA1_80", &[1; 30], " UNENCRYPTED_SRTP");
        assert_eq!(SrtpKey::parse(unencrypted.as_bytes()), None);
        let with_mki = line("AES_CM_128_HMAC_SHA1_80", &[1; 30], "|2^20|1:4");
        assert_eq!(SrtpKey::parse(with_mki.as_bytes()).unwrap().mki_len, 4);
        let session = &mut SrtpSession::new(&SrtpKey::parse(with_mki.as_bytes()).unwrap());
        assert_eq!(session.open(&[]), None);
        assert_eq!(session.open(&[0x9f; 20]), None);
    }
}
