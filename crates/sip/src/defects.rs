use std::fmt;

macro_rules! defects {
    ($($variant:ident $name:literal $text:literal;)*) => {
        /// One deviation of a message from RFC 3261, or one missing part.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Defect {
            $(#[doc = $text] $variant,)*
        }

        impl Defect {
            /// Every defect, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name in reports and fingerprints.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Description for a person.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

defects! {
    LeadingEmptyLines "leading-empty-lines" "Empty lines stand before the start line (allowed, RFC 3261 section 7.5).";
    StartLineSpacing "start-line-spacing" "The start line's parts are not separated by exactly one space.";
    StartLineTrailing "start-line-trailing" "Something follows the SIP version on the request line.";
    StartLineMalformed "start-line-malformed" "The start line has no recognisable form.";
    UnsupportedVersion "unsupported-version" "The SIP version is not 2.0.";
    BadStatusCode "bad-status-code" "The status code is not within 100 to 699.";
    RequestUriBracketed "request-uri-bracketed" "The Request-URI stands in angle brackets.";
    RequestUriSpace "request-uri-space" "White space inside the Request-URI.";
    RequestUriHeaders "request-uri-headers" "The Request-URI carries headers (after '?').";
    RequestUriScheme "request-uri-scheme" "The Request-URI's scheme is neither sip, sips nor tel.";
    BareLineFeed "bare-line-feed" "A line ends in LF without CR.";
    MissingBlankLine "missing-blank-line" "No empty line ends the headers.";
    LineWithoutColon "line-without-colon" "A header line has no colon.";
    BadHeaderName "bad-header-name" "A header's name is not a token.";
    OrphanFold "orphan-fold" "A continuation line with no header to continue.";
    TooManyHeaders "too-many-headers" "More header lines than the limit; the rest was skipped.";
    TooManyValues "too-many-values" "A header has more values or parameters than the limit.";
    NulByte "nul-byte" "A zero octet among the headers.";
    BadContentLength "bad-content-length" "Content-Length is not a number.";
    ConflictingContentLength "conflicting-content-length" "Several Content-Length headers that differ.";
    BodyShort "body-short" "The body is shorter than Content-Length says.";
    TrailingOctets "trailing-octets" "Octets follow the body.";
    MissingVia "missing-via" "No Via header.";
    MissingFrom "missing-from" "No From header.";
    MissingTo "missing-to" "No To header.";
    MissingCallId "missing-call-id" "No Call-ID header.";
    MissingCSeq "missing-cseq" "No CSeq header.";
    MissingMaxForwards "missing-max-forwards" "A request without Max-Forwards.";
    MissingFromTag "missing-from-tag" "From has no tag (RFC 2543 style).";
    MissingContact "missing-contact" "An INVITE without Contact.";
    RepeatedHeader "repeated-header" "A header that may stand once stands several times.";
    BadVia "bad-via" "A Via value does not parse.";
    MissingBranch "missing-branch" "The top Via has no branch (RFC 2543 style).";
    EmptyBranch "empty-branch" "The branch is the magic cookie and nothing else.";
    BadFrom "bad-from" "From does not parse.";
    BadTo "bad-to" "To does not parse.";
    BadContact "bad-contact" "A Contact value does not parse.";
    UnterminatedQuote "unterminated-quote" "A quoted string does not end.";
    BadDisplayName "bad-display-name" "A display name without quotes holds characters that need them.";
    SpaceInAddress "space-in-address" "White space inside the angle brackets of an address.";
    UnbracketedUri "unbracketed-uri" "A URI with ',' or '?' or ';' parameters of its own is not in angle brackets.";
    AddressScheme "address-scheme" "From or To has a scheme that is neither sip, sips nor tel.";
    EmptyParameter "empty-parameter" "Separators with nothing between them.";
    BadCSeq "bad-cseq" "CSeq is not a number below 2^31 and a method.";
    CSeqMismatch "cseq-mismatch" "CSeq names another method than the request line.";
    BadMaxForwards "bad-max-forwards" "Max-Forwards is not a number from 0 to 255.";
    BadExpires "bad-expires" "An expiry (Expires header or Contact parameter) is not a number below 2^32.";
    BadDate "bad-date" "Date is not in GMT.";
    BadWarning "bad-warning" "A Warning code is not three digits.";
    BadCallId "bad-call-id" "Call-ID is empty or holds white space.";
    BroadcastVia "broadcast-via" "A Via names a broadcast address.";
    StrayCarriageReturn "stray-carriage-return" "A line ends in several CRs and LF.";
}

/// The set of defects of one message.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Defects(u64);

const _: () = assert!(Defect::ALL.len() <= 64, "Defects is one machine word");

impl Defects {
    /// No defect.
    pub const NONE: Self = Self(0);

    /// Adds a defect.
    pub fn add(&mut self, defect: Defect) {
        self.0 |= 1 << (defect as u8);
    }

    /// True if the set holds the defect.
    #[must_use]
    pub const fn has(self, defect: Defect) -> bool {
        self.0 & (1 << (defect as u8)) != 0
    }

    /// True if the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The union of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The defects, in order.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::ALL.iter().copied().filter(move |d| self.has(*d))
    }
}

impl fmt::Debug for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Defect::name)).finish()
    }
}
