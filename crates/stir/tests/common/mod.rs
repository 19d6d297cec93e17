//! Certificates and tokens made for one test: X.509 version 3 (RFC 5280 section 4.1) by hand, so that anything can be wrong in it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bellwether_stir::Passport;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair,
};

/// Object identifiers, as the octets behind tag and length.
pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
pub(crate) const TN_AUTH_LIST: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 26];
/// `id-pe-JWTClaimConstraints` (RFC 8226 section 8), which nothing here reads.
pub(crate) const CLAIM_CONSTRAINTS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 27];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];

/// A tag, the length and the value.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut all = vec![tag];
    match length {
        0..128 => all.push(length as u8),
        128..256 => all.extend([0x81, length as u8]),
        _ => all.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    all.extend(value);
    all
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(octets: &[u8]) -> Vec<u8> {
    tlv(6, octets)
}

/// An extension, critical or not.
pub(crate) fn extension(id: &[u8], is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical { tlv(1, &[0xff]) } else { Vec::new() };
    sequence(&[oid(id), critical, tlv(4, value)])
}

/// Basic constraints of an authority, with a most of authorities below it.
pub(crate) fn authority(path_length: Option<u8>) -> Vec<u8> {
    let most = path_length.map(|most| tlv(2, &[most])).unwrap_or_default();
    extension(BASIC_CONSTRAINTS, true, &sequence(&[tlv(1, &[0xff]), most]))
}

/// Key usage by its first octet: 0x80 signs texts, 0x04 signs certificates.
pub(crate) fn key_usage(bits: u8) -> Vec<u8> {
    extension(KEY_USAGE, true, &tlv(3, &[bits.trailing_zeros() as u8, bits]))
}

/// A TN authorization list of one provider.
pub(crate) fn provider(code: &str) -> Vec<u8> {
    sequence(&[tlv(0xa0, &tlv(0x16, code.as_bytes()))])
}

/// A TN authorization list of one number.
pub(crate) fn one_number(digits: &str) -> Vec<u8> {
    sequence(&[tlv(0xa2, &tlv(0x16, digits.as_bytes()))])
}

/// One who has a key and a name.
pub(crate) struct Party {
    name: &'static str,
    /// With which the party signs certificates.
    algorithm: &'static EcdsaSigningAlgorithm,
    pkcs8: Vec<u8>,
}

/// First and last second of the years that certificates mostly hold: 2020 to 2049.
pub(crate) const LONG: (&str, &str) = ("200101000000Z", "491231235959Z");
/// The year 2025.
pub(crate) const SHORT: (&str, &str) = ("250101000000Z", "251231235959Z");

impl Party {
    pub(crate) fn new(name: &'static str) -> Self {
        Self::with(name, &ECDSA_P256_SHA256_ASN1_SIGNING)
    }

    /// An authority whose key is of P-384.
    pub(crate) fn with_p384(name: &'static str) -> Self {
        Self::with(name, &ECDSA_P384_SHA384_ASN1_SIGNING)
    }

    fn with(name: &'static str, algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self { name, algorithm, pkcs8: pkcs8.as_ref().to_vec() }
    }

    fn is_p384(&self) -> bool {
        self.algorithm == &ECDSA_P384_SHA384_ASN1_SIGNING
    }

    fn sign(&self, algorithm: &'static EcdsaSigningAlgorithm, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8, &random).unwrap();
        pair.sign(&random, text).unwrap().as_ref().to_vec()
    }

    fn named(&self) -> Vec<u8> {
        sequence(&[tlv(0x31, &sequence(&[oid(COMMON_NAME), tlv(0x0c, self.name.as_bytes())]))])
    }

    /// A certificate of another, in DER.
    pub(crate) fn issues(&self, subject: &Self, validity: (&str, &str), extensions: &[Vec<u8>]) -> Vec<u8> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(subject.algorithm, &subject.pkcs8, &random).unwrap();
        let point = [&[0], pair.public_key().as_ref()].concat();
        let algorithm = sequence(&[oid(if self.is_p384() { ECDSA_WITH_SHA384 } else { ECDSA_WITH_SHA256 })]);
        let curve = if subject.is_p384() { P384 } else { P256 };
        let time = |text: &str| tlv(0x17, text.as_bytes());
        let mut parts = vec![
            tlv(0xa0, &tlv(2, &[2])),
            tlv(2, &[1]),
            algorithm.clone(),
            self.named(),
            sequence(&[time(validity.0), time(validity.1)]),
            subject.named(),
            sequence(&[sequence(&[oid(EC_PUBLIC_KEY), oid(curve)]), tlv(3, &point)]),
        ];
        if !extensions.is_empty() {
            parts.push(tlv(0xa3, &sequence(extensions)));
        }
        let signed = sequence(&parts);
        let signature = self.sign(self.algorithm, &signed);
        sequence(&[signed, algorithm, tlv(3, &[vec![0], signature].concat())])
    }

    /// A token of a caller, whose certificate is said to be the file `x5u`.
    pub(crate) fn token(&self, x5u: &str, orig: &str) -> Passport {
        self.token_of("shaken", x5u, &format!(r#""orig":{{"tn":"{orig}"}}"#))
    }

    /// A token of an extension with these claims.
    pub(crate) fn token_of(&self, ppt: &str, x5u: &str, claims: &str) -> Passport {
        let header =
            format!(r#"{{"alg":"ES256","ppt":"{ppt}","typ":"passport","x5u":"https://c.example/{x5u}"}}"#);
        let payload =
            format!(r#"{{"attest":"A","dest":{{"tn":["12155551213"]}},"iat":1790000000,{claims}}}"#);
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.sign(&ECDSA_P256_SHA256_FIXED_SIGNING, signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        Passport::read(token.as_bytes()).remove(0)
    }
}

/// Certificates as a PEM file.
pub(crate) fn pem(certificates: &[&[u8]]) -> Vec<u8> {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in STANDARD.encode(certificate).as_bytes().chunks(64) {
            text.push_str(std::str::from_utf8(line).unwrap());
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text.into_bytes()
}
