use bellwether_sip::Address;

use crate::Party;

/// Longest text kept of anything that an attacker chooses.
const LONGEST: usize = 256;

/// Text for a fact: lossy where it is not UTF-8, and not endless.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..LONGEST).unwrap_or(bytes)).into_owned()
}

impl Party {
    /// From an address header.
    pub(crate) fn from_address(address: &Address<'_>) -> Self {
        let display = address.display;
        let display = display.strip_prefix(b"\"").and_then(|d| d.strip_suffix(b"\"")).unwrap_or(display);
        let (user, host) = address.uri.map_or((address.target, &[][..]), |uri| (uri.user, uri.host));
        Self { user: text(user), host: text(&host.to_ascii_lowercase()), display: text(display) }
    }
}
