use std::borrow::Cow;

use bellwether_base::percent_decoded;
use bellwether_sip::{Address, Uri};

use crate::Party;

/// Longest text kept of anything that an attacker chooses.
const LONGEST: usize = 256;

/// Text that a sender chose, as it stands in a message. It may name anybody.
///
/// Nothing prints or stores it by accident: it can be shown to nobody, and only [`Self::expose`] hands it out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Clear(String);

impl Clear {
    /// The text, for a computation that lets nothing of it out, or for masking.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Clear {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Clear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clear({} octets)", self.0.len())
    }
}

/// Text for a fact, unmasked.
pub(crate) fn clear(bytes: &[u8]) -> Clear {
    Clear(text(bytes))
}

/// Text for a fact: lossy where it is not UTF-8, and not endless.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes)).into_owned()
}

/// Whom a URI names, escapes undone. A local number of a `tel` URI goes with its context, as it stands in the user part of a SIP URI
/// (RFC 3966 section 5.1.5, RFC 3261 section 19.1.6): without it, it is nobody's number.
pub(crate) fn user_of<'a>(uri: &Uri<'a>) -> Cow<'a, [u8]> {
    let user = percent_decoded(uri.user);
    let context = uri.params.get("phone-context").and_then(|p| p.value);
    match context {
        Some(context) if uri.scheme.eq_ignore_ascii_case(b"tel") && !user.starts_with(b"+") => {
            [&user, &b";phone-context="[..], &percent_decoded(context)].concat().into()
        }
        _ => user,
    }
}

/// A user part as it is meant. Its escapes are undone here and nowhere else (RFC 3261 section 19.1.4), so that one
/// number is one text from here on.
pub(crate) fn user_text(spelled: &[u8]) -> String {
    text(&percent_decoded(spelled))
}

impl Party {
    /// From an address header.
    pub(crate) fn from_address(address: &Address<'_>) -> Self {
        let display = address.display;
        let display = display.strip_prefix(b"\"").and_then(|d| d.strip_suffix(b"\"")).unwrap_or(display);
        let user = address.uri.map_or_else(|| percent_decoded(address.target), |uri| user_of(&uri));
        let host = address.uri.map_or(&[][..], |uri| uri.host);
        Self { user: text(&user), host: text(&host.to_ascii_lowercase()), display: text(display) }
    }
}
