use bellwether_base::HashKey;
use bellwether_tracker::Party;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::Masked;
use crate::mask::{Mask, is_address};
use crate::number::canonical;

/// The form of stored personal data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Privacy {
    /// Keyed tokens.
    #[default]
    Tokens,
    /// Clear text, at the operator's request.
    Clear,
}

/// Distinguishes equal local numbers of different parties. A global number (`+` and digits) or a name is one
/// party with any host, because user agents write many hosts into the address of one person.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LocalNumbers {
    /// Local numbers differ by phone-context (RFC 3966), and extensions by domain: each customer of a
    /// provider has a 101.
    #[default]
    ByDomain,
    /// Local numbers differ by phone-context only. All domains of the site share one set of extensions.
    ByContext,
    /// Equal local numbers are one party.
    Alike,
}

/// Replaces numbers, user parts and display names by tokens: HMAC-SHA-256 under the installation's key. User
/// tokens have 128 bits, tokens of shared properties 64. Phone numbers are few, so only the secrecy of the
/// key protects them.
#[derive(Clone)]
pub struct Tokeniser {
    mac: Hmac<Sha256>,
    privacy: Privacy,
    local_numbers: LocalNumbers,
    /// Key for Call-IDs as seen on the wire.
    wire_key: HashKey,
}

impl Tokeniser {
    /// Creates a tokeniser with the installation's key.
    #[must_use]
    pub fn new(key: &[u8; 32], privacy: Privacy) -> Self {
        // RFC 2104 pads short keys with zeros to the block size. A key of block size is never refused.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        let mac = Hmac::<Sha256>::new(&block.into());
        let mut of_wire = mac.clone();
        of_wire.update(b"call id");
        let of_wire: [u8; 32] = of_wire.finalize().into_bytes().into();
        let wire_key = HashKey::new(of_wire.first_chunk().copied().unwrap_or_default());
        Self { mac, privacy, local_numbers: LocalNumbers::default(), wire_key }
    }

    /// Sets the distinction of local numbers.
    #[must_use]
    pub fn telling_apart(self, local_numbers: LocalNumbers) -> Self {
        Self { local_numbers, ..self }
    }

    /// Public identifier of the key. It names the key of a database without revealing the key.
    #[must_use]
    pub fn key_id(&self) -> String {
        hexadecimal(&self.digest(b"key id", b"")[..16])
    }

    /// Token of a user part.
    #[must_use]
    pub fn user(&self, user: &str) -> Masked {
        match self.privacy {
            Privacy::Clear => Masked::new(user.to_owned()),
            Privacy::Tokens if user.is_empty() => Masked::default(),
            Privacy::Tokens => self.token(b"user", canonical(user).as_bytes()),
        }
    }

    /// Token of a party: of its user part, and of the domain or context if the user part is local.
    #[must_use]
    pub fn party(&self, party: &Party) -> Masked {
        match (self.privacy, self.local_numbers.place_of(party)) {
            (Privacy::Tokens, Some(place)) => {
                self.token(b"user", [&canonical(&party.user), "\0", &place].concat().as_bytes())
            }
            _ => self.user(&party.user),
        }
    }

    /// The host of an address. Only the address's own user part is masked in it, so that equal addresses give
    /// equal text in all messages.
    #[must_use]
    pub fn host_of(&self, party: &Party) -> Masked {
        if is_address(&party.host) {
            return Masked::new(party.host.clone());
        }
        Mask::new(self, &std::iter::once(party.user.clone()).collect()).host(&party.host)
    }

    /// A host without a user part. A host without a dot may be a user whose host is missing.
    pub(crate) fn lone_host(&self, party: &Party) -> Masked {
        let is_name = !party.host.contains(['.', ':']) && !party.host.is_empty();
        if is_name { self.user(&party.host) } else { self.host_of(party) }
    }

    /// An address with its user part as a token.
    #[must_use]
    pub fn address(&self, party: &Party) -> Masked {
        if party.user.is_empty() {
            return Masked::new(["sip:", &self.lone_host(party)].concat());
        }
        if party.host.is_empty() {
            // A number in a tel URI (RFC 3966), or a text that is no URI.
            let is_number = party.user.starts_with(|c: char| c.is_ascii_digit() || "+*#".contains(c));
            return Masked::new([if is_number { "tel:" } else { "" }, &self.party(party)].concat());
        }
        // One concatenation saves allocations: each call has several addresses.
        Masked::new(["sip:", &self.party(party), "@", &self.host_of(party)].concat())
    }

    /// Token of a number block: the number without its last three digits. Sequentially dialled numbers share
    /// it.
    #[must_use]
    pub fn neighbourhood(&self, user: &str) -> Option<Masked> {
        let number = canonical(user);
        let is_long = number.len() >= 7 && number.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit());
        is_long.then(|| self.group(b"neighbourhood", &number.as_bytes()[..number.len() - 3]))
    }

    /// Token of the claimed caller together with the first hop.
    #[must_use]
    pub fn origin(&self, user: &str, host: &str, first_via: &str) -> Masked {
        self.group(b"origin", [&canonical(user), "\0", host, "\0", first_via].concat().as_bytes())
    }

    /// Token of the properties that calls of one installation share.
    #[must_use]
    pub fn deployment(&self, parts: &[&str]) -> Masked {
        self.group(b"deployment", parts.join("\0").as_bytes())
    }

    /// The form of personal data.
    #[must_use]
    pub const fn privacy(&self) -> Privacy {
        self.privacy
    }

    /// Token of a Call-ID as seen on the wire. It finds a call whose Call-ID was masked, without revealing
    /// the Call-ID.
    #[must_use]
    pub fn wire_id(&self, call_id: &str) -> i64 {
        self.wire_key.identity(&[call_id.as_bytes()])
    }

    /// Keyed hash of the first digits of a number.
    #[must_use]
    pub fn range(&self, digits: &str) -> i64 {
        self.wire_key.identity(&[b"range", digits.as_bytes()])
    }

    fn digest(&self, domain: &[u8], text: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(domain);
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// A token of 128 bits for users. There may be hundreds of millions of them.
    fn token(&self, domain: &[u8], text: &[u8]) -> Masked {
        Masked::new(hexadecimal(&self.digest(domain, text)[..16]))
    }

    /// A token of 64 bits for shared properties, like fingerprints. Each call has four of them.
    fn group(&self, domain: &[u8], text: &[u8]) -> Masked {
        Masked::new(hexadecimal(&self.digest(domain, text)[..8]))
    }
}

pub(crate) fn hexadecimal(octets: &[u8]) -> String {
    let mut out = String::with_capacity(2 * octets.len());
    for octet in octets {
        out.push(char::from(b"0123456789abcdef"[usize::from(octet >> 4)]));
        out.push(char::from(b"0123456789abcdef"[usize::from(octet & 15)]));
    }
    out
}

/// Maximum length of an extension. A longer number may be a subscriber's, which is the same in each domain.
const LONGEST_EXTENSION: usize = 6;

impl LocalNumbers {
    /// The scope of a party's local number: its phone-context, else the domain of an extension. An IP address
    /// is no domain, so an extension at an address has no scope.
    fn place_of(self, party: &Party) -> Option<String> {
        let number = canonical(&party.user);
        if self == Self::Alike || number.starts_with('+') {
            return None;
        }
        let is_dialled = |number: &str| {
            number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#')) && !number.is_empty()
        };
        if !is_dialled(&number) {
            return None;
        }
        let context = party.user.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.eq_ignore_ascii_case("phone-context").then_some(value)
        });
        let place = match context {
            Some(context) => canonical(context),
            None if self == Self::ByContext || number.len() > LONGEST_EXTENSION => return None,
            None if is_address(&party.host) || !party.host.contains('.') => return None,
            None => party.host.clone(),
        };
        let place = place.trim_end_matches('.').to_ascii_lowercase();
        (!place.is_empty()).then_some(place)
    }
}

/// An address of record in the form of the database. Text in this form stays unchanged. None if the text is no address of
/// record.
#[must_use]
pub fn stored_aor(aor: &str, tokeniser: &Tokeniser) -> Option<String> {
    let rest = ["sip:", "sips:"].iter().find_map(|scheme| aor.strip_prefix(scheme)).unwrap_or(aor);
    let number = aor.strip_prefix("tel:");
    let (user, host) = number.map_or_else(|| rest.rsplit_once('@'), |number| Some((number, "")))?;
    if user.is_empty() || (host.is_empty() && number.is_none()) || host.contains(['<', '>', ' ']) {
        return None;
    }
    let is_token = user.len() == 32 && user.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let host = host.to_ascii_lowercase();
    if is_token {
        return Some(if number.is_some() { format!("tel:{user}") } else { format!("sip:{user}@{host}") });
    }
    Some(tokeniser.address(&Party { user: user.to_owned(), host, display: String::new() }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(user: &str, host: &str) -> Party {
        Party { user: user.to_owned(), host: host.to_owned(), display: String::new() }
    }

    #[test]
    fn extensions_of_two_domains_and_local_numbers_of_two_contexts_are_two_parties() {
        let by_domain = tokens(Privacy::Tokens);
        let by_context = tokens(Privacy::Tokens).telling_apart(LocalNumbers::ByContext);
        let alike = tokens(Privacy::Tokens).telling_apart(LocalNumbers::Alike);
        let is_one = |t: &Tokeniser, a: &Party, b: &Party| t.party(a) == t.party(b);
        let domains = (party("101", "a.example.net"), party("101", "b.example.net"));
        let contexts = (party("7042;phone-context=+1212", "gw"), party("7042;phone-context=+1415", "gw"));
        let long = (
            party("5550188;phone-context=a.example.net", ""),
            party("5550188;phone-context=b.example.net", ""),
        );
        for (t, by) in
            [(&by_domain, [false, false, false]), (&by_context, [true, false, false]), (&alike, [true; 3])]
        {
            let [domain, context, longer] = by;
            assert_eq!(is_one(t, &domains.0, &domains.1), domain);
            assert_eq!(is_one(t, &contexts.0, &contexts.1), context);
            assert_eq!(is_one(t, &long.0, &long.1), longer);
            // Equal parties in different notation have one token.
            assert!(is_one(t, &party("101", "A.example.net."), &party("101", "a.example.net")));
            assert!(is_one(t, &party("7042;phone-context=+1-212", "x"), &contexts.0));
            assert!(is_one(
                t,
                &party("101;phone-context=a.example.net", ""),
                &party("101;phone-context=A.EXAMPLE.net", "h")
            ));
            for user in ["+12125550188", "2125550188", "alice", "anonymous", ""] {
                assert!(is_one(t, &party(user, "a.example.net"), &party(user, "b.example.net")), "{user}");
                assert_eq!(t.party(&party(user, "a.example.net")), t.user(user), "{user}");
            }
            for host in ["10.0.0.1", "[2001:db8::1]", "pbx", ""] {
                assert_eq!(t.party(&party("101", host)), t.user("101"), "{host}");
            }
        }
        let (one, other) = (by_domain.address(&domains.0), by_domain.address(&domains.1));
        assert_eq!(one.as_str(), format!("sip:{}@a.example.net", by_domain.party(&domains.0)));
        assert_ne!(one.split('@').next(), other.split('@').next());
        assert_eq!(
            by_domain.party(&party("101;phone-context=a.example.net", "")),
            by_domain.party(&domains.0)
        );
    }

    fn tokens(privacy: Privacy) -> Tokeniser {
        Tokeniser::new(&[9; 32], privacy)
    }

    #[test]
    fn one_number_has_one_token_however_it_is_written() {
        let t = tokens(Privacy::Tokens);
        assert_eq!(t.user("+49 (30) 123-456"), t.user("+4930123456"));
        assert_eq!(t.user("004930123456"), t.user("+4930123456"));
        assert_ne!(t.user("+4930123456"), t.user("+4930123457"));
        assert_ne!(t.user("+4930123456"), Tokeniser::new(&[8; 32], Privacy::Tokens).user("+4930123456"));
        assert_eq!(t.neighbourhood("+4930123456"), t.neighbourhood("+4930123999"));
        assert_eq!(t.user("alice").len(), 32);
    }

    #[test]
    fn an_address_without_a_host_is_a_number_or_a_text() {
        let t = tokens(Privacy::Clear);
        let of = |user: &str, host: &str| {
            t.address(&Party { user: user.into(), host: host.into(), display: String::new() })
        };
        assert_eq!((of("263734", "").as_str(), of("+4930", "").as_str()), ("tel:263734", "tel:+4930"));
        assert_eq!((of("None", "").as_str(), of("200", "a.example").as_str()), ("None", "sip:200@a.example"));
    }

    #[test]
    fn a_call_id_is_told_by_its_wire_form_alone() {
        let t = tokens(Privacy::Tokens);
        assert_eq!(t.wire_id("4930123456@h"), t.wire_id("4930123456@h"));
        assert_ne!(t.wire_id("4930123456@h"), t.wire_id("4930123457@h"));
        assert!(t.wire_id("a") >= 0);
    }
}
