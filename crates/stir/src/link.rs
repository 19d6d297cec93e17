//! One parsed certificate of a file.

use std::fmt;

use rustls_pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::as_issued::{signed_part, uncritical};
use crate::chain::ALGORITHMS;
use crate::tn_auth_list::{self, TnAuthList};

/// `id-ce-keyUsage` and `id-ce-basicConstraints` (RFC 5280 sections 4.2.1.3 and 4.2.1.9).
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");

/// Why a certificate could not be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateError(pub(crate) String);

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

/// A certificate.
#[derive(Clone)]
pub(crate) struct Link {
    /// The octets as issued.
    pub(crate) issued: CertificateDer<'static>,
    /// The octets that webpki reads: those as issued, or the copy without a critical TN authorization list.
    pub(crate) der: CertificateDer<'static>,
    /// Signed parts of the copy and of the certificate, if there is a copy.
    pub(crate) copied: Option<(Vec<u8>, Vec<u8>)>,
    /// True if basic constraints say so.
    pub(crate) is_authority: bool,
    /// Most authorities between this one and a signer.
    pub(crate) path_length: Option<u8>,
    pub(crate) tn_auth_list: Option<TnAuthList>,
    /// First and last second of validity, since 1970.
    validity: (i64, i64),
    key_usage: Option<KeyUsage>,
    is_self_signed: bool,
    key: SubjectPublicKeyInfoOwned,
}

impl Link {
    /// Reads a certificate.
    pub(crate) fn read(der: CertificateDer<'static>) -> Result<Self, CertificateError> {
        let certificate =
            Certificate::from_der(der.as_ref()).map_err(|error| CertificateError(error.to_string()))?;
        let part = certificate.tbs_certificate();
        let value = |id: ObjectIdentifier| {
            let mut all = part.extensions().into_iter().flatten().filter(move |e| e.extn_id == id);
            // RFC 5280 section 4.2 allows an extension once.
            all.next().filter(|_| all.next().is_none()).map(|extension| extension.extn_value.as_bytes())
        };
        let basic = value(BASIC_CONSTRAINTS).and_then(|value| BasicConstraints::from_der(value).ok());
        let tn_auth_list = value(tn_auth_list::OID).and_then(TnAuthList::read);
        // A critical list that cannot be read is not processed, and webpki refuses it.
        let copy = tn_auth_list.as_ref().and_then(|_| uncritical(der.as_ref()));
        let second = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let mut link = Self {
            der: copy.as_ref().map_or_else(|| der.clone(), |(copy, _)| copy.clone()),
            copied: copy.and_then(|(_, copied)| Some((copied, signed_part(der.as_ref())?))),
            issued: der,
            is_authority: basic.as_ref().is_some_and(|basic| basic.ca),
            path_length: basic.and_then(|basic| basic.path_len_constraint),
            tn_auth_list,
            validity: (second(part.validity().not_before), second(part.validity().not_after)),
            // A usage that cannot be read allows nothing.
            key_usage: value(KEY_USAGE)
                .map(|value| KeyUsage::from_der(value).unwrap_or(KeyUsage(Default::default()))),
            is_self_signed: false,
            key: part.subject_public_key_info().clone(),
        };
        link.is_self_signed =
            part.issuer() == part.subject() && link.made(certificate.signature().raw_bytes());
        Ok(link)
    }

    /// True if the certificate's key made a signature over its signed part.
    fn made(&self, signature: &[u8]) -> bool {
        let key = self.key.subject_public_key.raw_bytes();
        signed_part(self.issued.as_ref()).is_some_and(|part| {
            ALGORITHMS.iter().any(|algorithm| algorithm.verify_signature(key, &part, signature).is_ok())
        })
    }

    /// True if it is an authority's certificate that needs no issuer.
    pub(crate) fn is_anchor(&self) -> bool {
        self.is_authority && self.is_self_signed
    }

    /// True if it is valid at a time, in seconds since 1970.
    pub(crate) fn is_valid_at(&self, seconds: i64) -> bool {
        (self.validity.0..=self.validity.1).contains(&seconds)
    }

    /// True if its key may sign PASSporTs: without the extension a key may sign anything.
    pub(crate) fn may_sign_tokens(&self) -> bool {
        self.key_usage.as_ref().is_none_or(KeyUsage::digital_signature)
    }

    /// True if its key may sign certificates.
    pub(crate) fn may_sign_certificates(&self) -> bool {
        self.key_usage.as_ref().is_none_or(KeyUsage::key_cert_sign)
    }

    /// The key as a point of P-256, uncompressed.
    pub(crate) fn point(&self) -> Result<Vec<u8>, CertificateError> {
        point(&self.key)
    }
}

/// The key of a signer (RFC 8226 section 3; ATIS-1000080): a point of P-256, uncompressed.
pub(crate) fn point(key: &SubjectPublicKeyInfoOwned) -> Result<Vec<u8>, CertificateError> {
    let octets = key.subject_public_key.raw_bytes();
    let is_p256 = octets.len() == 65 && octets.first() == Some(&4);
    is_p256.then(|| octets.to_vec()).ok_or_else(|| CertificateError("its key is not of P-256".into()))
}
