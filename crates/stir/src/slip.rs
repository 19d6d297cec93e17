/// Something wrong, or odd, in the form of a token.
///
/// A defect against RFC 8225 or RFC 8588 makes a token malformed. A departure from the canonical form alone (RFC 8225 section
/// 9) distinguishes programs of signers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Defect {
    /// Not three parts with dots between.
    Parts,
    /// A part is not base64url.
    Encoding,
    /// Header or payload is not a JSON object.
    Json,
    /// `alg` is not ES256 (RFC 8225 section 4.1.2).
    Algorithm,
    /// `typ` is not passport.
    Type,
    /// `ppt` in the token and in the header field differ (RFC 8224 section 4).
    Extension,
    /// Without `x5u` and `info`, the certificate cannot be found.
    NoCertificate,
    /// `iat` is missing or no time.
    IssuedAt,
    /// `orig` is missing or empty.
    Origin,
    /// `dest` is missing or empty.
    Destination,
    /// `attest` of a shaken token is not A, B or C (RFC 8588 section 4).
    Attest,
    /// `origid` of a shaken token is missing (RFC 8588 section 5).
    OriginId,
    /// `div` of a div token is missing (RFC 8946 section 3).
    Diversion,
    /// The signature is not 64 octets (RFC 7518 section 3.4).
    SignatureLength,
    /// `iat` is in quotes, as in the example of RFC 8225.
    IssuedAtAsText,
    /// Keys are not in order, or white space is between (RFC 8225 section 9).
    NotCanonical,
    /// Base64 is padded.
    Padded,
    /// A number has a plus or separators (RFC 8225 section 5.2.1 wants digits).
    NumberForm,
    /// `dest` holds one name where a list is asked for.
    SingleDestination,
    /// `info` and `x5u` differ.
    InfoDiffers,
    /// `origid` is no UUID.
    OriginIdForm,
}

impl Defect {
    /// The name in evidence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parts => "parts",
            Self::Encoding => "encoding",
            Self::Json => "json",
            Self::Algorithm => "alg",
            Self::Type => "typ",
            Self::Extension => "ppt",
            Self::NoCertificate => "no_x5u",
            Self::IssuedAt => "iat",
            Self::Origin => "orig",
            Self::Destination => "dest",
            Self::Attest => "attest",
            Self::OriginId => "origid",
            Self::Diversion => "div",
            Self::SignatureLength => "signature_length",
            Self::IssuedAtAsText => "iat_as_text",
            Self::NotCanonical => "not_canonical",
            Self::Padded => "padded",
            Self::NumberForm => "number_form",
            Self::SingleDestination => "single_dest",
            Self::InfoDiffers => "info_differs",
            Self::OriginIdForm => "origid_form",
        }
    }

    /// True if it breaks the standard, so that a verifier has to refuse the token.
    #[must_use]
    pub const fn is_fatal(self) -> bool {
        !matches!(
            self,
            Self::IssuedAtAsText
                | Self::NotCanonical
                | Self::Padded
                | Self::NumberForm
                | Self::SingleDestination
                | Self::InfoDiffers
                | Self::OriginIdForm
        )
    }
}
