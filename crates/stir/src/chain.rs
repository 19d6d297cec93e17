//! Paths from a signer's certificate to an authority at a time. webpki finds and verifies them (RFC 5280 section 6). Three checks that
//! webpki does not make are here: key usage, path length of the authority itself, dates of the authority.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::ring::{ECDSA_P256_SHA256, ECDSA_P384_SHA384};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};

use crate::as_issued::AsIssued;
use crate::link::Link;

/// Signature algorithms of certificates. Signers have P-256 (ATIS-1000080); authorities may have P-384 as well.
pub(crate) const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 2] =
    [ECDSA_P256_SHA256, ECDSA_P384_SHA384];

/// `anyExtendedKeyUsage` (RFC 5280 section 4.2.1.12): there is no purpose of its own for PASSporTs.
const ANY_PURPOSE: KeyUsage = KeyUsage::required_if_present(&[0x55, 0x1d, 0x25, 0x00]);

/// Why a certificate is not trusted although its key made the signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Distrust {
    /// No trusted authority issued the certificate, directly or through others.
    UnknownIssuer,
    /// An issuer's certificate was not valid at the time.
    IssuerExpired,
    /// The chain has more authorities than one of them allows (RFC 5280 section 4.2.1.9).
    PathLength,
    /// The issuer is no authority, or the signer's certificate is an authority's.
    Role,
    /// The key, or an issuer's, is not for signing (RFC 5280 section 4.2.1.3).
    KeyUsage,
    /// The certificate is for other purposes only (RFC 5280 section 4.2.1.12).
    Purpose,
    /// The certificate, or an issuer's, has an unknown critical extension (RFC 5280 section 4.2).
    CriticalExtension,
    /// The certificate violates RFC 5280, or has a signature algorithm without use in STIR.
    Form,
}

impl Distrust {
    /// The reason as text.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::UnknownIssuer => "no trusted authority vouches for the certificate",
            Self::IssuerExpired => "an issuer's certificate was not valid at the time of the call",
            Self::PathLength => "the certificate's chain is longer than its authorities allow",
            Self::Role => "the certificate's chain mixes up authorities and signers",
            Self::KeyUsage => "a key of the certificate's chain is not for signing",
            Self::Purpose => "the certificate is for other purposes",
            Self::CriticalExtension => "the certificate's chain has an unknown critical extension",
            Self::Form => "the certificate's chain is not of the form that RFC 5280 asks for",
        }
    }
}

impl From<Error> for Distrust {
    fn from(error: Error) -> Self {
        match error {
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => {
                Self::IssuerExpired
            }
            Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => Self::PathLength,
            Error::CaUsedAsEndEntity | Error::EndEntityUsedAsCa => Self::Role,
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Self::Purpose,
            Error::UnsupportedCriticalExtension => Self::CriticalExtension,
            Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => Self::UnknownIssuer,
            _ => Self::Form,
        }
    }
}

/// The operator's trusted authorities, and intermediate certificates.
#[derive(Default)]
pub(crate) struct Authorities {
    trusted: Vec<Link>,
    /// Authorities' certificates that need an issuer themselves.
    intermediate: Vec<Link>,
    /// Signed parts as issued, by those of their copies without the critical flag.
    issued: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Authorities {
    /// Takes the certificates of one file. Only a file that begins with a trust anchor brings trust anchors: a signer's bundle
    /// comes from the signer, who could vouch for himself.
    pub(crate) fn add(&mut self, links: &[Link]) {
        let brings_anchors = links.first().is_some_and(Link::is_anchor);
        for link in links {
            self.issued.extend(link.copied.clone());
            let list =
                if brings_anchors && link.is_anchor() { &mut self.trusted } else { &mut self.intermediate };
            if link.is_authority && !list.iter().any(|known| known.issued == link.issued) {
                list.push(link.clone());
            }
        }
    }

    /// True if no authority is trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// Finds a path from a signer's certificate to a trusted authority at a time, in seconds since 1970.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn vouch_for(&self, signer: &Link, seconds: i64) -> Result<(), Distrust> {
        if !signer.may_sign_tokens() {
            return Err(Distrust::KeyUsage);
        }
        if self.trusted.iter().any(|known| known.issued == signer.issued) {
            return Ok(());
        }
        let trusted: Vec<&Link> = self.trusted.iter().filter(|link| link.is_valid_at(seconds)).collect();
        let anchors: Vec<TrustAnchor<'_>> =
            trusted.iter().filter_map(|link| webpki::anchor_from_trusted_cert(&link.der).ok()).collect();
        let intermediates: Vec<CertificateDer<'_>> =
            self.intermediate.iter().map(|link| CertificateDer::from(link.der.as_ref())).collect();
        let algorithms = ALGORITHMS.map(|algorithm| AsIssued { algorithm, issued: &self.issued });
        let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
            algorithms.iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        let refused = Cell::new(None);
        let check = |path: &VerifiedPath<'_>| {
            self.check(path, &trusted).map_err(|distrust| {
                refused.set(Some(distrust));
                Error::UnknownIssuer
            })
        };
        let found = EndEntityCert::try_from(&signer.der).and_then(|leaf| {
            leaf.verify_for_usage(
                &algorithms,
                &anchors,
                &intermediates,
                time,
                ANY_PURPOSE,
                None,
                Some(&check),
            )
            .map(|_| ())
        });
        found.map_err(|error| refused.get().unwrap_or_else(|| error.into()))
    }

    /// The checks of a path that webpki leaves out.
    fn check(&self, path: &VerifiedPath<'_>, trusted: &[&Link]) -> Result<(), Distrust> {
        let mut between = 0;
        for certificate in path.intermediate_certificates() {
            between += 1;
            let der = certificate.der();
            let link = self.intermediate.iter().find(|link| link.der.as_ref() == der.as_ref());
            if !link.is_some_and(Link::may_sign_certificates) {
                return Err(Distrust::KeyUsage);
            }
        }
        let is_anchor = |link: &&&Link| {
            webpki::anchor_from_trusted_cert(&link.der).is_ok_and(|anchor| anchor == *path.anchor())
        };
        let Some(anchor) = trusted.iter().find(is_anchor) else { return Err(Distrust::UnknownIssuer) };
        if !anchor.may_sign_certificates() {
            return Err(Distrust::KeyUsage);
        }
        let is_short = anchor.path_length.is_none_or(|most| between <= usize::from(most));
        is_short.then_some(()).ok_or(Distrust::PathLength)
    }
}
