use bellwether_base::HashKey;
use bellwether_shard::Party;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::mask::{Mask, is_address};
use crate::number::canonical;

/// Whether personal data is stored readable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Privacy {
    /// As keyed tokens.
    #[default]
    Tokens,
    /// As it stands on the wire, because the operator asked for it.
    Clear,
}

/// Replaces numbers, user parts and display names by tokens: HMAC-SHA-256 under the installation's key, cut
/// to 128 bits of a user, and to 64 of what many calls share. The space of phone numbers is small, so only the key's secrecy protects them.
#[derive(Clone)]
pub struct Tokeniser {
    mac: Hmac<Sha256>,
    privacy: Privacy,
    /// Of Call-IDs as they were on the wire.
    wire_key: HashKey,
}

impl Tokeniser {
    /// With the installation's key.
    #[must_use]
    pub fn new(key: &[u8; 32], privacy: Privacy) -> Self {
        // RFC 2104 pads short keys with zeros to the block, which makes the length one that cannot be refused.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        let mac = Hmac::<Sha256>::new(&block.into());
        let mut of_wire = mac.clone();
        of_wire.update(b"call id");
        let of_wire: [u8; 32] = of_wire.finalize().into_bytes().into();
        let wire_key = HashKey::new(of_wire.first_chunk().copied().unwrap_or_default());
        Self { mac, privacy, wire_key }
    }

    /// The key's public name: which key a database belongs to, without telling the key.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.token(b"key id", b"")
    }

    /// Token of a user part.
    #[must_use]
    pub fn user(&self, user: &str) -> String {
        match self.privacy {
            Privacy::Clear => user.to_owned(),
            Privacy::Tokens if user.is_empty() => String::new(),
            Privacy::Tokens => self.token(b"user", canonical(user).as_bytes()),
        }
    }

    /// The host of an address. Only its own user part is masked in it, so that an address is one text in whatever message it
    /// stands.
    #[must_use]
    pub fn host_of(&self, party: &Party) -> String {
        if is_address(&party.host) {
            return party.host.clone();
        }
        Mask::new(self, &std::iter::once(party.user.clone()).collect()).host(&party.host)
    }

    /// A host that stands alone: without a dot it may be a user whose host was left out.
    pub(crate) fn lone_host(&self, party: &Party) -> String {
        let is_name = !party.host.contains(['.', ':']) && !party.host.is_empty();
        if is_name { self.user(&party.host) } else { self.host_of(party) }
    }

    /// An address, its user part a token.
    #[must_use]
    pub fn address(&self, party: &Party) -> String {
        if party.user.is_empty() {
            return format!("sip:{}", self.lone_host(party));
        }
        format!("sip:{}@{}", self.user(&party.user), self.host_of(party))
    }

    /// Token of a number without its last three digits: numbers dialled one after the other share it.
    #[must_use]
    pub fn neighbourhood(&self, user: &str) -> Option<String> {
        let number = canonical(user);
        let is_long = number.len() >= 7 && number.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit());
        is_long.then(|| self.group(b"neighbourhood", &number.as_bytes()[..number.len() - 3]))
    }

    /// Token of who claims to call and from which first hop.
    #[must_use]
    pub fn origin(&self, user: &str, host: &str, first_via: &str) -> String {
        self.group(b"origin", format!("{}\0{host}\0{first_via}", canonical(user)).as_bytes())
    }

    /// Token of what one installation's calls share.
    #[must_use]
    pub fn deployment(&self, parts: &[&str]) -> String {
        self.group(b"deployment", parts.join("\0").as_bytes())
    }

    /// Whether personal data stays readable.
    #[must_use]
    pub const fn privacy(&self) -> Privacy {
        self.privacy
    }

    /// A Call-ID as it was on the wire, as a number that tells nobody what it was: a call whose Call-ID was masked is found
    /// by it.
    #[must_use]
    pub fn wire_id(&self, call_id: &str) -> i64 {
        self.wire_key.identity(&[call_id.as_bytes()])
    }

    fn digest(&self, domain: &[u8], text: &[u8]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(domain);
        mac.update(&[0]);
        mac.update(text);
        mac.finalize().into_bytes().into()
    }

    /// Of one user, of whom there may be hundreds of millions: 128 bits.
    fn token(&self, domain: &[u8], text: &[u8]) -> String {
        hexadecimal(&self.digest(domain, text)[..16])
    }

    /// Of what many calls share, as fingerprints are: 64 bits. Each call has four of them.
    fn group(&self, domain: &[u8], text: &[u8]) -> String {
        hexadecimal(&self.digest(domain, text)[..8])
    }
}

fn hexadecimal(octets: &[u8]) -> String {
    let mut out = String::with_capacity(2 * octets.len());
    for octet in octets {
        out.push(char::from(b"0123456789abcdef"[usize::from(octet >> 4)]));
        out.push(char::from(b"0123456789abcdef"[usize::from(octet & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_call_id_is_told_by_its_wire_form_alone() {
        let t = tokens(Privacy::Tokens);
        assert_eq!(t.wire_id("4930123456@h"), t.wire_id("4930123456@h"));
        assert_ne!(t.wire_id("4930123456@h"), t.wire_id("4930123457@h"));
        assert!(t.wire_id("a") >= 0);
    }
}
