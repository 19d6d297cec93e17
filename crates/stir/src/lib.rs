//! PASSporTs (RFC 8225) in Identity headers (RFC 8224): claims, defects of form, and verification of the signature under a
//! certificate of the operator.
//!
//! Reading is total: every token gives a [`Passport`], with its [`Defect`]s. The URL of a certificate is never fetched, because the
//! request would reveal the sensor to the sender.
//!
//! This crate must never know a call, an address, or a file.
//!
//! A value that is no token is evidence, too:
//!
//! ```
//! use bellwether_stir::Passport;
//!
//! let passports = Passport::read(b"no-token;info=<https://certificates.example.org/a.cer>;alg=ES256");
//! assert_eq!(passports.len(), 1);
//! assert!(passports[0].is_malformed());
//! assert_eq!(passports[0].signer(), "certificates.example.org");
//! ```

mod as_issued;
mod certificates;
mod chain;
mod link;
mod passport;
mod slip;
mod tn_auth_list;

pub use certificates::{Certificates, Signature};
pub use chain::Distrust;
pub use link::CertificateError;
pub use passport::{Attestation, Identity, Passport};
pub use slip::Defect;
pub use tn_auth_list::Coverage;
