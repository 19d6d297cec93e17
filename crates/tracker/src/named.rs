use bellwether_base::percent_decoded;
use bellwether_sip::{Address, Message, Name, StartLine, Uri, addresses, comma_values};
use bellwether_stir::Passport;

use crate::party::text;

/// Maximum number of parties per message. No real call names more.
const MOST: usize = 64;

/// Maximum number of addresses read per header.
const MAX_ADDRESSES: usize = 64;

/// Maximum number of headers read per message.
const MAX_HEADERS: usize = 32;

/// The headers beside From and To that name parties (RFC 3261, 3325, 3515, 3892, 5806, 7044 and
/// draft-ietf-sip-privacy).
const NAMING: [Name; 9] = [
    Name::Contact,
    Name::PAssertedIdentity,
    Name::PPreferredIdentity,
    Name::RemotePartyId,
    Name::Diversion,
    Name::HistoryInfo,
    Name::ReferTo,
    Name::ReferredBy,
    Name::Replaces,
];

/// The headers with credentials.
const CREDENTIALS: [Name; 2] = [Name::Authorization, Name::ProxyAuthorization];

/// All numbers, user parts and display names in a message that denote a party.
///
/// Text that the message's sender chose leaves the sensor only after these names are masked in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named(Vec<String>);

impl Named {
    /// Collects the names of a message.
    pub(crate) fn of(message: &Message<'_>) -> Self {
        Self::with(message, [message.from(), message.to()], &[])
    }

    /// Collects the names of a message whose From, To and PASSporTs are already parsed.
    pub(crate) fn with(
        message: &Message<'_>,
        ends: [Option<Address<'_>>; 2],
        passports: &[Passport],
    ) -> Self {
        let mut named = Self(Vec::with_capacity(4));
        ends.iter().flatten().for_each(|end| named.address(end));
        if let StartLine::Request { uri, .. } = message.start() {
            named.uri(Uri::parse(uri));
        }
        let is_naming = |name| NAMING.contains(&name) || CREDENTIALS.contains(&name);
        for header in message.headers().iter().filter(|h| is_naming(h.name)).take(MAX_HEADERS) {
            if NAMING.contains(&header.name) {
                named.list(header.value);
            } else {
                named.credentials(header.value);
            }
        }
        for passport in passports {
            let claimed = passport.orig.iter().chain(&passport.dest).chain(&passport.div);
            for identity in claimed {
                named.add(&percent_decoded(identity.user().as_bytes()));
            }
        }
        named
    }

    /// The names, each once.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Returns true if the maximum number of parties is reached.
    const fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    fn list(&mut self, value: &[u8]) {
        for address in addresses(value).take(MAX_ADDRESSES) {
            self.address(&address);
        }
    }

    fn address(&mut self, address: &Address<'_>) {
        let display = address.display;
        self.add(display.strip_prefix(b"\"").and_then(|d| d.strip_suffix(b"\"")).unwrap_or(display));
        match address.uri {
            Some(uri) => self.uri(Some(uri)),
            None => self.add(address.target),
        }
    }

    fn uri(&mut self, uri: Option<Uri<'_>>) {
        let Some(uri) = uri else { return };
        self.add(&percent_decoded(uri.user));
        // A ported number stands beside the dialled one (RFC 4694).
        if let Some(routing) = uri.params.get("rn").and_then(|rn| rn.value) {
            self.add(routing);
        }
    }

    /// The user name of a Digest (RFC 7616 section 3.4), without its realm.
    fn credentials(&mut self, value: &[u8]) {
        for part in comma_values(value) {
            let Some((name, value)) =
                part.iter().position(|b| *b == b'=').and_then(|at| part.split_at_checked(at))
            else {
                continue;
            };
            // The scheme precedes the first parameter.
            if name.rsplit(|b| *b == b' ').next().is_some_and(|n| n.eq_ignore_ascii_case(b"username")) {
                let value = value.get(1..).unwrap_or_default().trim_ascii();
                let user = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
                self.add(&percent_decoded(user.split(|b| *b == b'@').next().unwrap_or_default()));
                return;
            }
        }
    }

    fn add(&mut self, name: &[u8]) {
        let name = name.trim_ascii();
        if !name.is_empty() && !self.is_full() && !self.0.iter().any(|known| known.as_bytes() == name) {
            self.0.push(text(name));
        }
    }
}

impl FromIterator<String> for Named {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let mut named = Self::default();
        for name in names {
            named.add(name.as_bytes());
        }
        named
    }
}
