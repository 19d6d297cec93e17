use std::collections::BTreeMap;
use std::fmt::Display;

use bellwether_base::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::der::DecodePem;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::chain::{Authorities, Distrust};
use crate::link::{CertificateError, Link, point};
use crate::tn_auth_list::Coverage;
use crate::{Identity, Passport};

/// The verdict on a signature.
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
    Untrusted(Distrust),
}

/// A key with its certificate. A bare key has no certificate, and the operator vouches for the key.
struct Entry {
    /// Uncompressed point of P-256; none for authorities with another key.
    point: Option<Vec<u8>>,
    certificate: Option<Link>,
}

/// The signers' certificates that the operator gave, by the name of their file.
///
/// If there is an authority's certificate among them, each signer's must lead to one of those; if there is none, the operator
/// vouches for each file. Nothing is revoked: lists of revoked certificates are not read.
///
/// ```
/// use bellwether_base::Timestamp;
/// use bellwether_stir::{Certificates, Passport, Signature};
///
/// let certificates = Certificates::default();
/// let now = Timestamp::from_nanos(1_800_000_000_000_000_000);
/// for token in Passport::read(b"eyJ9.e30.c2ln;info=<https://c.example/a.pem>") {
///     assert_eq!(certificates.verify(&token, now), Signature::NoCertificate);
/// }
/// ```
#[derive(Default)]
pub struct Certificates {
    by_name: BTreeMap<String, Entry>,
    authorities: Authorities,
}

impl Certificates {
    /// Adds one PEM file: a certificate with its chain, a bare public key, or certificates of authorities.
    ///
    /// # Errors If the file holds nothing of this kind, or a signer's key on another curve than P-256 (RFC 8226
    /// section 3; ATIS-1000080).
    pub fn add(&mut self, name: &str, pem: &[u8]) -> Result<(), CertificateError> {
        let text = std::str::from_utf8(pem).map_err(|_| CertificateError("it is not text".into()))?;
        let wrong = |error: &dyn Display| CertificateError(error.to_string());
        if text.contains("BEGIN PUBLIC KEY") {
            let key = SubjectPublicKeyInfoOwned::from_pem(text).map_err(|e| wrong(&e))?;
            let entry = Entry { point: Some(point(&key)?), certificate: None };
            self.by_name.insert(name.to_owned(), entry);
            return Ok(());
        }
        let mut links = Vec::new();
        for der in CertificateDer::pem_slice_iter(pem) {
            links.push(Link::read(der.map_err(|e| wrong(&e))?)?);
        }
        let Some(first) = links.first() else {
            return Err(CertificateError("it holds no certificate and no public key".into()));
        };
        let point = if first.is_authority { first.point().ok() } else { Some(first.point()?) };
        self.authorities.add(&links);
        self.by_name.insert(name.to_owned(), Entry { point, certificate: links.into_iter().next() });
        Ok(())
    }

    /// True if there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Verifies a token's signature at a time (RFC 8224 section 6.2 steps 3 and 4). Costs some 0.1 ms for each
    /// certificate of the chain, and as much for the token.
    #[must_use]
    pub fn verify(&self, passport: &Passport, at: Timestamp) -> Signature {
        let Some(entry) = self.by_name.get(passport.certificate_name()) else {
            return Signature::NoCertificate;
        };
        let Some(point) = entry.point.as_ref().filter(|_| !passport.signed.is_empty()) else {
            return Signature::NoCertificate;
        };
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        if key.verify(&passport.signed, &passport.signature).is_err() {
            return Signature::Wrong;
        }
        let Some(certificate) = &entry.certificate else { return Signature::Valid };
        let seconds = at.as_nanos().div_euclid(1_000_000_000);
        if !certificate.is_valid_at(seconds) {
            return Signature::Expired;
        }
        if self.authorities.is_empty() {
            return Signature::Valid;
        }
        self.authorities
            .vouch_for(certificate, seconds)
            .map_or_else(Signature::Untrusted, |()| Signature::Valid)
    }

    /// Looks up the number that a token is signed for in the TN authorization list of the token's certificate. The number is the
    /// diverting one for a div token (RFC 8946 section 4), and the caller's for any other (RFC 8226 section 9).
    #[must_use]
    pub fn coverage(&self, passport: &Passport) -> Coverage {
        let certificate = self.by_name.get(passport.certificate_name()).and_then(|e| e.certificate.as_ref());
        let Some(list) = certificate.and_then(|certificate| certificate.tn_auth_list.as_ref()) else {
            return Coverage::NoList;
        };
        let who = if passport.ppt.starts_with("div") { &passport.div } else { &passport.orig };
        list.coverage(who.as_ref().map(Identity::user).unwrap_or_default().trim_start_matches('+'))
    }

    /// True if the operator trusts authorities, so that certificates are not vouched for one by one.
    #[must_use]
    pub fn has_authorities(&self) -> bool {
        !self.authorities.is_empty()
    }
}
