//! Critical TN authorization lists before a library that does not know them.
//!
//! A verifier must refuse a certificate with a critical extension that it does not process (RFC 5280 section 4.2). This crate processes
//! the TN authorization list, webpki does not, and webpki has no option for this. So webpki gets a copy of the certificate in which that
//! one flag is off, and each signature is verified over the octets as they were issued. Nothing else differs between copy and
//! certificate, and any other unknown critical extension still makes webpki refuse.

use std::collections::BTreeMap;

use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm,
};
use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Tag, TagNumber};

use crate::tn_auth_list;

/// Tag of the extensions within the signed part (RFC 5280 section 4.1).
const EXTENSIONS: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(3) };

/// The signed part of a certificate, the octets as issued.
pub(crate) fn signed_part(der: &[u8]) -> Option<Vec<u8>> {
    Vec::<Any>::from_der(der).ok()?.first()?.to_der().ok()
}

/// The copy of a certificate with an uncritical TN authorization list, and the copy's signed part. Returns none if the list is
/// not critical, or there is none.
pub(crate) fn uncritical(der: &[u8]) -> Option<(CertificateDer<'static>, Vec<u8>)> {
    let mut certificate = Vec::<Any>::from_der(der).ok()?;
    let mut signed: Vec<Any> = certificate.first()?.decode_as().ok()?;
    let wrapper = signed.iter_mut().find(|part| part.header().tag() == EXTENSIONS)?;
    let mut extensions = Vec::<Any>::from_der(wrapper.value()).ok()?;
    let mut is_changed = false;
    for extension in &mut extensions {
        let mut fields: Vec<Any> = extension.decode_as().ok()?;
        let is_list = fields.first()?.decode_as::<ObjectIdentifier>().is_ok_and(|id| id == tn_auth_list::OID);
        let is_critical = fields.get(1)?.decode_as::<bool>().is_ok_and(|critical| critical);
        if is_list && is_critical {
            fields.remove(1);
            *extension = sequence(&fields)?;
            is_changed = true;
        }
    }
    if !is_changed {
        return None;
    }
    *wrapper = Any::new(EXTENSIONS, sequence(&extensions)?.to_der().ok()?).ok()?;
    let part = sequence(&signed)?;
    let octets = part.to_der().ok()?;
    *certificate.first_mut()? = part;
    Some((CertificateDer::from(certificate.to_der().ok()?), octets))
}

fn sequence(parts: &Vec<Any>) -> Option<Any> {
    Any::encode_from(parts).ok()
}

/// An algorithm that verifies copies over the octets of their certificates.
#[derive(Debug)]
pub(crate) struct AsIssued<'a> {
    pub(crate) algorithm: &'static dyn SignatureVerificationAlgorithm,
    /// Signed parts as issued, by those of their copies.
    pub(crate) issued: &'a BTreeMap<Vec<u8>, Vec<u8>>,
}

impl SignatureVerificationAlgorithm for AsIssued<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        // A certificate may have been issued just as another's copy looks: either text may be the signed one.
        self.algorithm.verify_signature(key, message, signature).or_else(|error| {
            let issued = self.issued.get(message).ok_or(error)?;
            self.algorithm.verify_signature(key, issued, signature)
        })
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}
