macro_rules! names {
    ($($variant:ident $long:literal $compact:literal;)*) => {
        /// A known header name; [`Name::Other`] is any other name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each variant is the header of its name")]
        pub enum Name { $($variant,)* Other }

        impl Name {
            /// Every known header, in order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The spelling in the defining RFC; empty for [`Name::Other`].
            #[must_use]
            pub const fn canonical(self) -> &'static str {
                match self { $(Self::$variant => $long,)* Self::Other => "" }
            }

            /// The compact form, if the header has one (RFC 3261 section 7.3.3 and later RFCs).
            #[must_use]
            pub const fn compact(self) -> Option<u8> {
                let form = match self { $(Self::$variant => $compact,)* Self::Other => b' ' };
                if form == b' ' { None } else { Some(form) }
            }
        }
    };
}

names! {
    Via "Via" b'v';
    From "From" b'f';
    To "To" b't';
    CallId "Call-ID" b'i';
    CSeq "CSeq" b' ';
    Contact "Contact" b'm';
    MaxForwards "Max-Forwards" b' ';
    ContentLength "Content-Length" b'l';
    ContentType "Content-Type" b'c';
    UserAgent "User-Agent" b' ';
    Server "Server" b' ';
    Allow "Allow" b' ';
    Supported "Supported" b'k';
    Require "Require" b' ';
    ProxyRequire "Proxy-Require" b' ';
    Unsupported "Unsupported" b' ';
    Expires "Expires" b' ';
    MinExpires "Min-Expires" b' ';
    Route "Route" b' ';
    RecordRoute "Record-Route" b' ';
    Path "Path" b' ';
    ServiceRoute "Service-Route" b' ';
    Authorization "Authorization" b' ';
    ProxyAuthorization "Proxy-Authorization" b' ';
    WwwAuthenticate "WWW-Authenticate" b' ';
    ProxyAuthenticate "Proxy-Authenticate" b' ';
    AuthenticationInfo "Authentication-Info" b' ';
    Date "Date" b' ';
    Timestamp "Timestamp" b' ';
    Subject "Subject" b's';
    Organization "Organization" b' ';
    Accept "Accept" b' ';
    AcceptEncoding "Accept-Encoding" b' ';
    AcceptLanguage "Accept-Language" b' ';
    AcceptContact "Accept-Contact" b'a';
    RejectContact "Reject-Contact" b'j';
    AllowEvents "Allow-Events" b'u';
    Event "Event" b'o';
    ContentDisposition "Content-Disposition" b' ';
    ContentEncoding "Content-Encoding" b'e';
    SessionExpires "Session-Expires" b'x';
    MinSe "Min-SE" b' ';
    ReferTo "Refer-To" b'r';
    ReferredBy "Referred-By" b'b';
    Replaces "Replaces" b' ';
    Reason "Reason" b' ';
    Warning "Warning" b' ';
    Privacy "Privacy" b' ';
    Identity "Identity" b'y';
    Diversion "Diversion" b' ';
    HistoryInfo "History-Info" b' ';
    PAssertedIdentity "P-Asserted-Identity" b' ';
    PPreferredIdentity "P-Preferred-Identity" b' ';
    RemotePartyId "Remote-Party-ID" b' ';
    SessionId "Session-ID" b' ';
    RSeq "RSeq" b' ';
    RAck "RAck" b' ';
    SubscriptionState "Subscription-State" b' ';
    MimeVersion "MIME-Version" b' ';
    UserToUser "User-to-User" b' ';
    CallInfo "Call-Info" b' ';
    RetryAfter "Retry-After" b' ';
    RequestDisposition "Request-Disposition" b'd';
}

impl Name {
    /// The name for a spelling; case is ignored (RFC 3261 section 7.3.1).
    #[must_use]
    pub fn from_spelling(spelling: &[u8]) -> Self {
        if let [letter] = spelling {
            let letter = letter.to_ascii_lowercase();
            return BY_COMPACT.get(usize::from(letter)).copied().unwrap_or(Self::Other);
        }
        // The length separates most names; the first letter separates most names of the same length.
        let Some(first) = spelling.first().map(|b| b | 0x20) else { return Self::Other };
        let (start, end) = BY_LENGTH.ranges.get(spelling.len()).copied().unwrap_or((0, 0));
        let candidates = BY_LENGTH.names.get(usize::from(start)..usize::from(end)).unwrap_or_default();
        candidates
            .iter()
            .find(|c| c.first == first && c.spelling.eq_ignore_ascii_case(spelling))
            .map_or(Self::Other, |c| c.name)
    }
}

const COUNT: usize = Name::ALL.len();
const LONGEST: usize = 24;

#[derive(Clone, Copy)]
struct Candidate {
    name: Name,
    /// The first letter in lower case.
    first: u8,
    spelling: &'static [u8],
}

struct ByLength {
    names: [Candidate; COUNT],
    ranges: [(u8, u8); LONGEST],
}

static BY_LENGTH: ByLength = by_length();
static BY_COMPACT: [Name; 128] = by_compact();

#[expect(clippy::indexing_slicing, reason = "evaluated when compiling: out of bounds would not build")]
const fn by_length() -> ByLength {
    let mut names = [Candidate { name: Name::Other, first: 0, spelling: &[] }; COUNT];
    let mut ranges = [(0, 0); LONGEST];
    let (mut length, mut filled) = (0, 0);
    while length < LONGEST {
        let start = filled;
        let mut i = 0;
        while i < COUNT {
            if Name::ALL[i].canonical().len() == length {
                let spelling = Name::ALL[i].canonical().as_bytes();
                names[filled] = Candidate { name: Name::ALL[i], first: spelling[0] | 0x20, spelling };
                filled += 1;
            }
            i += 1;
        }
        ranges[length] = (start as u8, filled as u8);
        length += 1;
    }
    assert!(filled == COUNT, "LONGEST must exceed every name");
    ByLength { names, ranges }
}

#[expect(clippy::indexing_slicing, reason = "evaluated when compiling: out of bounds would not build")]
const fn by_compact() -> [Name; 128] {
    let mut table = [Name::Other; 128];
    let mut i = 0;
    while i < COUNT {
        if let Some(letter) = Name::ALL[i].compact() {
            table[letter as usize] = Name::ALL[i];
        }
        i += 1;
    }
    table
}

/// The end of a header line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnd {
    /// CR LF, as RFC 3261 requires.
    CrLf,
    /// Several CRs before LF.
    CrCrLf,
    /// LF alone.
    Lf,
    /// The message ended before a line end.
    None,
}

/// One header in its form on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The known name.
    pub name: Name,
    /// The name as spelled.
    pub spelling: &'a [u8],
    /// The value without surrounding white space. Continuation lines are part of it, line ends included.
    pub value: &'a [u8],
    /// Octets of white space before the colon (saturating).
    pub space_before_colon: u8,
    /// Octets of white space between colon and value (saturating).
    pub space_after_colon: u8,
    /// True if the value has continuation lines.
    pub folded: bool,
    /// The end of its last line.
    pub line_end: LineEnd,
}

impl Header<'_> {
    /// True if the compact form was used.
    #[must_use]
    pub const fn is_compact(&self) -> bool {
        self.spelling.len() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_by_either_form_in_any_case() {
        for name in Name::ALL {
            assert_eq!(Name::from_spelling(name.canonical().as_bytes()), *name);
            assert_eq!(Name::from_spelling(name.canonical().to_uppercase().as_bytes()), *name);
            if let Some(letter) = name.compact() {
                assert_eq!(Name::from_spelling(&[letter]), *name);
                assert_eq!(Name::from_spelling(&[letter.to_ascii_uppercase()]), *name);
            }
        }
        assert_eq!(Name::from_spelling(b"X-Anything"), Name::Other);
        assert_eq!(Name::from_spelling(b""), Name::Other);
        assert_eq!(Name::from_spelling(b"z"), Name::Other);
    }
}
