use std::hash::{BuildHasher, Hasher};

use siphasher::sip::SipHasher13;

use crate::{Endpoint, FlowKey};

/// The installation's key for every hash of data that an attacker can choose.
///
/// `SipHash` replaces the standard library's hasher for two reasons. Some results reach the database (row
/// identities) or decide an eviction (the virtual shard of a call): these must be equal in every run and with
/// every compiler. All results must be unpredictable to the sender of the traffic.
#[derive(Clone, Copy)]
pub struct HashKey {
    k0: u64,
    k1: u64,
}

impl HashKey {
    /// Size of the buffer that collects parts before they are hashed.
    const SHORT: usize = 192;

    /// From sixteen bytes of key material.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        let (low, high) = bytes.split_at(8);
        let word = |half: &[u8]| half.iter().rev().fold(0_u64, |acc, byte| (acc << 8) | u64::from(*byte));
        Self { k0: word(low), k1: word(high) }
    }

    /// Hash of several byte strings. The length of each is hashed too, so that the boundaries between parts
    /// matter.
    #[must_use]
    pub fn parts(&self, parts: &[&[u8]]) -> u64 {
        let hasher = SipHasher13::new_with_keys(self.k0, self.k1);
        // The input is nearly always short, and one hash call costs half as much as one per part.
        let mut whole = [0; Self::SHORT];
        let mut len = 0;
        for part in parts {
            let end = len + 8 + part.len();
            let Some(place) = whole.get_mut(len..end) else { return hash_long(hasher, parts) };
            let (length, content) = place.split_at_mut(8);
            length.copy_from_slice(&(part.len() as u64).to_le_bytes());
            content.copy_from_slice(part);
            len = end;
        }
        hasher.hash(whole.get(..len).unwrap_or_default())
    }

    /// Like [`Self::parts`] with 128 bits, in one pass: enough to replace the parts as a key.
    #[must_use]
    pub fn wide_parts(&self, parts: &[&[u8]]) -> (u64, u64) {
        let mut hasher = siphasher::sip128::SipHasher13::new_with_keys(self.k0, self.k1);
        for part in parts {
            hasher.write_u64(part.len() as u64);
            hasher.write(part);
        }
        let wide = siphasher::sip128::Hasher128::finish128(&hasher);
        (wide.h1, wide.h2)
    }

    /// A row identity: the same hash as a positive number, the form of SQLite's integer key.
    #[must_use]
    pub fn identity(&self, parts: &[&[u8]]) -> i64 {
        (self.parts(parts) >> 1).cast_signed()
    }

    /// Hash of a flow in its direction.
    #[must_use]
    pub fn flow(&self, flow: FlowKey) -> u64 {
        let ports = [flow.src.port().to_be_bytes(), flow.dst.port().to_be_bytes()];
        self.parts(&[&flow.src.octets(), &flow.dst.octets(), ports.as_flattened()])
    }

    /// Hash of an endpoint pair, equal for both directions, and equal for RTP and the RTCP on the next port
    /// (RFC 3550 section 11). One worker therefore receives all media of a call leg.
    #[must_use]
    pub fn media_pair(&self, flow: FlowKey) -> u64 {
        // Each endpoint is mixed with the key before both are ordered: an unkeyed mix could be made to
        // collide.
        let end = |e: Endpoint| {
            let address = u128::from_be_bytes(e.octets());
            let high = (address >> 64) as u64 ^ self.k0;
            let low = address as u64 ^ self.k1 ^ (u64::from(e.port() >> 1) << 48);
            let product = u128::from(high) * u128::from(low);
            (product as u64) ^ (product >> 64) as u64
        };
        let (a, b) = (end(flow.src), end(flow.dst));
        let mut hasher = SipHasher13::new_with_keys(self.k0, self.k1);
        hasher.write_u64(a.min(b));
        hasher.write_u64(a.max(b));
        hasher.finish()
    }

    /// Derives a key for another purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self { k0: self.parts(&[purpose.as_bytes(), b"0"]), k1: self.parts(&[purpose.as_bytes(), b"1"]) }
    }

    /// A fast hasher for message contents, derived from this key. Its values are not stored.
    #[must_use]
    pub fn content_hasher(&self) -> ContentHasher {
        ContentHasher(foldhash::quality::FixedState::with_seed(self.k0 ^ self.k1.rotate_left(17)))
    }
}

#[cold]
fn hash_long(mut hasher: SipHasher13, parts: &[&[u8]]) -> u64 {
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    hasher.finish()
}

/// Hashes whole messages at memory speed, to recognise duplicate datagrams.
#[derive(Clone)]
pub struct ContentHasher(foldhash::quality::FixedState);

impl ContentHasher {
    /// Hash of several byte strings and a number.
    #[must_use]
    pub fn parts(&self, parts: &[&[u8]], number: u32) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u32(number);
        for part in parts {
            hasher.write_u32(part.len() as u32);
            hasher.write(part);
        }
        hasher.finish()
    }

    /// Hash of the bytes.
    #[must_use]
    pub fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hash_alike_in_one_piece_and_in_many() {
        let key = HashKey::new([7; 16]);
        for len in [0, 1, 7, 8, 9, 63, 150, 167, 168, 169, 400] {
            let long = vec![3; len];
            let parts: [&[u8]; 3] = [b"user", &long, b""];
            let in_parts = hash_long(SipHasher13::new_with_keys(key.k0, key.k1), &parts);
            assert_eq!(key.parts(&parts), in_parts, "{len}");
        }
    }

    #[test]
    fn media_pair_is_symmetric_and_joins_rtcp() {
        let key = HashKey::new([7; 16]);
        let rtp = FlowKey { src: Endpoint::v4([10, 0, 0, 1], 4000), dst: Endpoint::v4([10, 0, 0, 2], 6000) };
        let rtcp = FlowKey { src: rtp.src.with_port(4001), dst: rtp.dst.with_port(6001) };
        assert_eq!(key.media_pair(rtp), key.media_pair(rtp.reversed()));
        assert_eq!(key.media_pair(rtp), key.media_pair(rtcp));
        let other = FlowKey { src: rtp.src.with_port(4002), dst: rtp.dst };
        assert_ne!(key.media_pair(rtp), key.media_pair(other));
    }

    #[test]
    fn identity_depends_on_key_and_on_boundaries() {
        let key = HashKey::new([1; 16]);
        assert_ne!(key.identity(&[b"ab", b"c"]), key.identity(&[b"a", b"bc"]));
        assert_ne!(key.identity(&[b"ab"]), HashKey::new([2; 16]).identity(&[b"ab"]));
        assert!(key.identity(&[b"ab"]) >= 0);
    }
}
