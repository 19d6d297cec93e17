//! PASSporTs (RFC 8225) in Identity headers (RFC 8224): what they claim, what is wrong with their form, and whether their
//! signature holds under a certificate that the operator gave.
//!
//! Reading is total: every token gives a [`Passport`], with its [`Defect`]s. Nothing is ever fetched from where a token points:
//! that would tell its sender that somebody listens.
//!
//! This crate must never know a call, an address, or a file.

mod certificates;
mod passport;
mod slip;

pub use certificates::{CertificateError, Certificates, Signature};
pub use passport::{Attestation, Identity, Passport};
pub use slip::Defect;
