use std::collections::BTreeMap;
use std::fmt;

use bellwether_base::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use x509_cert::Certificate;
use x509_cert::der::{Decode, DecodePem, Encode};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::Passport;

/// Longest chain that is followed.
const LONGEST_CHAIN: usize = 8;

/// Whether a signature holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signature {
    /// It does, under a certificate that was valid then.
    Valid,
    /// There is no certificate for it.
    NoCertificate,
    /// It does not fit the token.
    Wrong,
    /// The certificate was not valid yet, or not any more.
    Expired,
    /// No authority that the operator trusts vouches for the certificate.
    Untrusted,
}

/// Why a certificate could not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateError(String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

/// A key, and the certificate that it stands in; a bare key has none and is trusted as it is.
struct Entry {
    /// Uncompressed point of P-256.
    point: Vec<u8>,
    chain: Vec<Certificate>,
}

/// The signers' certificates that the operator gave, by the name of their file.
///
/// If there is an authority's certificate among them, each signer's must lead to one of those; if there is none, the operator
/// vouches for each file.
#[derive(Default)]
pub struct Certificates {
    by_name: BTreeMap<String, Entry>,
    authorities: Vec<Certificate>,
}

impl Certificates {
    /// Takes one PEM file: a certificate, with those that lead to its authority behind it, or a bare public key.
    ///
    /// # Errors
    /// If it holds neither, or a key that is not of P-256 (RFC 8226 section 3; ATIS-1000080).
    pub fn add(&mut self, name: &str, pem: &[u8]) -> Result<(), CertificateError> {
        let text = std::str::from_utf8(pem).map_err(|_| CertificateError("it is not text".into()))?;
        let wrong = |e: &dyn fmt::Display| CertificateError(e.to_string());
        if text.contains("BEGIN PUBLIC KEY") {
            let key = SubjectPublicKeyInfoOwned::from_pem(text).map_err(|e| wrong(&e))?;
            let entry = Entry { point: point(&key)?, chain: Vec::new() };
            self.by_name.insert(name.to_owned(), entry);
            return Ok(());
        }
        let chain = Certificate::load_pem_chain(pem).map_err(|e| wrong(&e))?;
        let Some(first) = chain.first() else {
            return Err(CertificateError("it holds no certificate and no public key".into()));
        };
        self.authorities.extend(chain.iter().filter(|c| is_authority(c) && is_signed_by(c, c)).cloned());
        let point = point(first.tbs_certificate().subject_public_key_info())?;
        self.by_name.insert(name.to_owned(), Entry { point, chain });
        Ok(())
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Whether a token's signature holds at a time (RFC 8224 section 6.2 steps 3 and 4). Costs some 0.1 ms.
    #[must_use]
    pub fn verify(&self, passport: &Passport, at: Timestamp) -> Signature {
        let Some(entry) = self.by_name.get(passport.certificate_name()) else {
            return Signature::NoCertificate;
        };
        if passport.signed.is_empty() {
            return Signature::NoCertificate;
        }
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &entry.point);
        if key.verify(&passport.signed, &passport.signature).is_err() {
            return Signature::Wrong;
        }
        let seconds = at.as_nanos().div_euclid(1_000_000_000);
        if !entry.chain.iter().take(1).all(|c| is_valid_at(c, seconds)) {
            return Signature::Expired;
        }
        if entry.chain.is_empty() || self.authorities.is_empty() || self.leads_to_authority(entry, seconds) {
            Signature::Valid
        } else {
            Signature::Untrusted
        }
    }

    /// Follows issuers, those in the signer's own file first.
    fn leads_to_authority(&self, entry: &Entry, seconds: i64) -> bool {
        let Some(mut current) = entry.chain.first() else { return false };
        for _ in 0..LONGEST_CHAIN {
            if self.authorities.iter().any(|a| is_valid_at(a, seconds) && is_signed_by(current, a)) {
                return true;
            }
            let others = self.by_name.values().flat_map(|e| &e.chain);
            let mut issuers = entry.chain.iter().chain(others);
            let next = issuers.find(|c| {
                *c != current && is_authority(c) && is_valid_at(c, seconds) && is_signed_by(current, c)
            });
            match next {
                Some(next) => current = next,
                None => return false,
            }
        }
        false
    }
}

fn point(key: &SubjectPublicKeyInfoOwned) -> Result<Vec<u8>, CertificateError> {
    let octets = key.subject_public_key.raw_bytes();
    let is_p256 = octets.len() == 65 && octets.first() == Some(&4);
    is_p256.then(|| octets.to_vec()).ok_or_else(|| CertificateError("its key is not of P-256".into()))
}

fn is_authority(certificate: &Certificate) -> bool {
    let extensions = certificate.tbs_certificate().extensions().into_iter().flatten();
    extensions
        .filter(|e| e.extn_id.to_string() == "2.5.29.19")
        .any(|e| BasicConstraints::from_der(e.extn_value.as_bytes()).is_ok_and(|basic| basic.ca))
}

fn is_valid_at(certificate: &Certificate, seconds: i64) -> bool {
    let validity = certificate.tbs_certificate().validity();
    let at =
        |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    (at(validity.not_before)..=at(validity.not_after)).contains(&seconds)
}

fn is_signed_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    let (tbs, by) = (certificate.tbs_certificate(), issuer.tbs_certificate());
    if tbs.issuer() != by.subject() {
        return false;
    }
    let Ok(point) = point(by.subject_public_key_info()) else { return false };
    let Ok(octets) = tbs.to_der() else { return false };
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    key.verify(&octets, certificate.signature().raw_bytes()).is_ok()
}
