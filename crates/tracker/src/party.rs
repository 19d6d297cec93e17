use std::borrow::Cow;

use bellwether_base::percent_decoded;
use bellwether_sip::{Address, Uri};

use crate::Party;

/// Maximum length of text whose content an attacker chooses.
const LONGEST: usize = 256;

/// Text of a message as its sender wrote it. It may name any person.
///
/// The type prevents accidental output: it has no `Display`, its `Debug` shows the length, and only
/// [`Self::expose`] returns the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Clear(String);

impl Clear {
    /// The text, for masking or for a computation that does not reveal it.
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

/// Text for a fact: lossy conversion to UTF-8, limited in length.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes)).into_owned()
}

/// The user of a URI, with escapes decoded. A local number of a `tel` URI keeps its phone context, as in the
/// user part of a SIP URI (RFC 3966 section 5.1.5, RFC 3261 section 19.1.6). Without the context it
/// identifies no subscriber.
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

/// A user part with escapes decoded. Decoding happens only here (RFC 3261 section 19.1.4), so that one number
/// has one spelling from here on.
pub(crate) fn user_text(spelled: &[u8]) -> String {
    text(&percent_decoded(spelled))
}

impl Party {
    /// Builds the party from an address header.
    pub(crate) fn from_address(address: &Address<'_>) -> Self {
        let display = address.display;
        let display = display.strip_prefix(b"\"").and_then(|d| d.strip_suffix(b"\"")).unwrap_or(display);
        let user = address.uri.map_or_else(|| percent_decoded(address.target), |uri| user_of(&uri));
        let host = address.uri.map_or(&[][..], |uri| uri.host);
        Self { user: text(&user), host: text(&host.to_ascii_lowercase()), display: text(display) }
    }
}
