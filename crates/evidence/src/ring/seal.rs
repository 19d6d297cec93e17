//! Encryption of segments: AES-256-GCM (NIST SP 800-38D) under a key for each segment.
//!
//! A segment begins with [`MAGIC`] and a random salt. HKDF (RFC 5869) derives its key from the installation's key and the salt. Chunks
//! follow: length, then ciphertext with its tag. The nonce of a chunk is its number, so chunks cannot change places.

use std::io;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// Start of an encrypted segment.
const MAGIC: &[u8; 8] = b"BWRING\x00\x01";

/// Octets before the first chunk.
const HEADER: usize = 8 + 32;

/// The secret of the ring, derived from the installation's key.
pub struct RingKey([u8; 32]);

impl RingKey {
    /// The ring's part of an installation's key.
    #[must_use]
    pub fn new(installation: &[u8; 32]) -> Self {
        let tag =
            ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, installation), b"packet ring");
        let mut key = [0; 32];
        key.iter_mut().zip(tag.as_ref()).for_each(|(octet, from)| *octet = *from);
        Self(key)
    }

    fn of_segment(&self, header: &[u8]) -> io::Result<LessSafeKey> {
        let salt = header.get(MAGIC.len()..).unwrap_or_default();
        let secret = Salt::new(HKDF_SHA256, salt).extract(&self.0);
        let key = secret.expand(&[b"segment"], &AES_256_GCM).map_err(|_| failed())?;
        Ok(LessSafeKey::new(UnboundKey::from(key)))
    }
}

fn failed() -> io::Error {
    io::Error::other("the system's cryptography failed")
}

/// Encrypts the chunks of one segment.
pub(super) struct Sealer {
    key: LessSafeKey,
    chunks: u64,
}

impl Sealer {
    /// A new segment's key, and the octets that begin the segment.
    pub(super) fn new(key: &RingKey) -> io::Result<(Self, Vec<u8>)> {
        let mut header = [0; HEADER];
        let (magic, salt) = header.split_at_mut(MAGIC.len());
        magic.copy_from_slice(MAGIC);
        SystemRandom::new().fill(salt).map_err(|_| failed())?;
        Ok((Self { key: key.of_segment(&header)?, chunks: 0 }, header.to_vec()))
    }

    /// A chunk with its length.
    pub(super) fn seal(&mut self, mut octets: Vec<u8>) -> io::Result<Vec<u8>> {
        self.key
            .seal_in_place_append_tag(nonce(self.chunks), Aad::empty(), &mut octets)
            .map_err(|_| failed())?;
        self.chunks += 1;
        let len = u32::try_from(octets.len()).map_err(io::Error::other)?;
        Ok([&len.to_le_bytes()[..], &octets].concat())
    }
}

/// The content of a segment. A segment in clear text comes back as it is; the last chunk of one that is being written may be
/// incomplete, and is left out.
///
/// # Errors
/// If the segment is encrypted and the key is missing or another one, or if the segment was changed.
pub(super) fn open(octets: Vec<u8>, key: Option<&RingKey>) -> io::Result<Vec<u8>> {
    let Some((header, mut rest)) =
        octets.split_at_checked(HEADER).filter(|(header, _)| header.starts_with(MAGIC))
    else {
        return Ok(octets);
    };
    let key =
        key.ok_or_else(|| io::Error::other("it is encrypted, and the installation's key is not at hand"))?;
    let key = key.of_segment(header)?;
    let mut out = Vec::with_capacity(rest.len());
    let mut chunks = 0;
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        let Some((chunk, after)) = behind.split_at_checked(u32::from_le_bytes(*len) as usize) else { break };
        let mut chunk = chunk.to_vec();
        let opened = key.open_in_place(nonce(chunks), Aad::empty(), &mut chunk);
        let opened = opened.map_err(|_| io::Error::other("it was changed, or is of another installation"))?;
        out.extend_from_slice(opened);
        chunks += 1;
        rest = after;
    }
    Ok(out)
}

/// The nonce of a chunk. A segment's key is used for no other segment.
fn nonce(chunk: u64) -> Nonce {
    let mut octets = [0; 12];
    octets.iter_mut().zip(chunk.to_le_bytes()).for_each(|(octet, from)| *octet = from);
    Nonce::assume_unique_for_key(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(key: &RingKey, chunks: &[&[u8]]) -> Vec<u8> {
        let (mut sealer, mut out) = Sealer::new(key).unwrap();
        for chunk in chunks {
            out.extend(sealer.seal(chunk.to_vec()).unwrap());
        }
        out
    }

    #[test]
    fn chunks_come_back_in_order_and_show_nothing() {
        let key = RingKey::new(&[7; 32]);
        let sealed = segment(&key, &[b"INVITE sip:1", b"", b"BYE"]);
        assert!(!sealed.windows(6).any(|part| part == b"INVITE"));
        assert_eq!(open(sealed.clone(), Some(&key)).unwrap(), b"INVITE sip:1BYE");
        assert_ne!(segment(&key, &[b"x"]), segment(&key, &[b"x"]), "each segment has its own key");
        // The last chunk is being written.
        assert_eq!(open(sealed[..sealed.len() - 1].to_vec(), Some(&key)).unwrap(), b"INVITE sip:1");
        assert_eq!(open(b"plain".to_vec(), None).unwrap(), b"plain");
    }

    #[test]
    fn a_changed_segment_and_another_key_are_refused() {
        let key = RingKey::new(&[7; 32]);
        let sealed = segment(&key, &[b"INVITE sip:1", b"BYE"]);
        assert!(open(sealed.clone(), None).is_err());
        assert!(open(sealed.clone(), Some(&RingKey::new(&[8; 32]))).is_err());
        for place in [HEADER - 1, HEADER + 4, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(open(changed, Some(&key)).is_err(), "octet {place}");
        }
        // The chunks in the other order.
        let (first, second) = sealed[HEADER..].split_at(4 + 12 + 16);
        assert!(open([&sealed[..HEADER], second, first].concat(), Some(&key)).is_err());
    }
}
