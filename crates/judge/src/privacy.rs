use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use bellwether_shard::Party;

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

/// Digits of a number that must stand in an identifier before they are masked: shorter runs occur by chance.
const MASKED_FROM: usize = 5;

/// Digits in a row that may be somebody's number, wherever they stand.
const NUMBER_FROM: usize = 7;

/// Octets of a Call-ID beyond which nobody looks for what it may have become: the number of forms grows with the square.
const LONGEST_MASKED: usize = 128;

/// A Call-ID in which a party's number was masked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MaskedId {
    /// As it stands in the database.
    pub call_id: String,
    /// Caller or called is one of these: other numbers of the same length look alike when masked.
    pub parties: [String; 2],
}

/// Replaces numbers, user parts and display names by tokens: HMAC-SHA-256 under the installation's key, cut
/// to 128 bits. The space of phone numbers is small, so only the key's secrecy protects them.
#[derive(Clone)]
pub struct Tokeniser {
    mac: Hmac<Sha256>,
    privacy: Privacy,
}

impl Tokeniser {
    /// With the installation's key.
    #[must_use]
    pub fn new(key: &[u8; 32], privacy: Privacy) -> Self {
        // RFC 2104 pads short keys with zeros to the block, which makes the length one that cannot be refused.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        let mac = Hmac::<Sha256>::new(&block.into());
        Self { mac, privacy }
    }

    /// The key's public name: which key a database belongs to, without telling the key.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.token(b"key id", b"")
    }

    /// What stands in a report for a user part or number; the host where there is none.
    #[must_use]
    pub fn party(&self, party: &Party) -> String {
        if party.user.is_empty() { self.host(&party.host) } else { self.user(&party.user) }
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

    /// An address with its user part tokenised and its host readable.
    #[must_use]
    pub fn address(&self, party: &Party) -> String {
        if party.user.is_empty() {
            return format!("sip:{}", self.host(&party.host));
        }
        format!("sip:{}@{}", self.user(&party.user), self.host(&party.host))
    }

    /// What stands in a report for a host: a number in a host's place is a number.
    #[must_use]
    pub fn host(&self, host: &str) -> String {
        let digits = host.strip_prefix('+').unwrap_or(host);
        if self.privacy == Privacy::Tokens && digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit())
        {
            return self.user(host);
        }
        self.opaque(host)
    }

    /// Text that somebody else made up, with every run of digits masked that may be somebody's number.
    #[must_use]
    pub fn opaque(&self, text: &str) -> String {
        if self.privacy == Privacy::Clear {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut run = String::new();
        for c in text.chars().chain(std::iter::once('\0')) {
            if c.is_ascii_digit() {
                run.push(c);
                continue;
            }
            let is_number = run.len() >= NUMBER_FROM;
            out.extend(run.chars().map(|digit| if is_number { 'x' } else { digit }));
            run.clear();
            if c != '\0' {
                out.push(c);
            }
        }
        out
    }

    /// Token of a number without its last three digits: numbers dialled one after the other share it.
    #[must_use]
    pub fn neighbourhood(&self, user: &str) -> Option<String> {
        let number = canonical(user);
        let is_long = number.len() >= 7 && number.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit());
        is_long.then(|| self.token(b"neighbourhood", &number.as_bytes()[..number.len() - 3]))
    }

    /// Token of who claims to call and from which first hop.
    #[must_use]
    pub fn origin(&self, user: &str, host: &str, first_via: &str) -> String {
        self.token(b"origin", format!("{}\0{host}\0{first_via}", canonical(user)).as_bytes())
    }

    /// Token of what one installation's calls share.
    #[must_use]
    pub fn deployment(&self, parts: &[&str]) -> String {
        self.token(b"deployment", parts.join("\0").as_bytes())
    }

    /// A Call-ID or tag, with the digits that repeat a party's number masked.
    #[must_use]
    pub fn identifier(&self, identifier: &str, users: &[&str]) -> String {
        let mut out = identifier.to_owned();
        if self.privacy == Privacy::Clear {
            return out;
        }
        for user in users {
            let digits: String = user.chars().filter(char::is_ascii_digit).collect();
            if digits.len() >= MASKED_FROM && out.contains(&digits) {
                out = out.replace(&digits, &"x".repeat(digits.len()));
            }
        }
        out
    }

    /// What a Call-ID may have become by [`Self::identifier`]: each run of digits in it, or part of one, may have been a party's number. Each
    /// form comes with the tokens of which its call's parties then have one.
    #[must_use]
    pub fn masked_forms(&self, identifier: &str) -> Vec<MaskedId> {
        let mut forms: BTreeMap<String, [String; 2]> = BTreeMap::new();
        if self.privacy == Privacy::Clear || identifier.len() > LONGEST_MASKED {
            return Vec::new();
        }
        for run in identifier.split(|c: char| !c.is_ascii_digit()) {
            for from in 0..run.len() {
                for digits in (from + MASKED_FROM..=run.len()).filter_map(|to| run.get(from..to)) {
                    let masked = identifier.replace(digits, &"x".repeat(digits.len()));
                    forms.insert(masked, [self.user(digits), self.user(&format!("+{digits}"))]);
                }
            }
        }
        forms.into_iter().map(|(call_id, parties)| MaskedId { call_id, parties }).collect()
    }

    fn token(&self, domain: &[u8], text: &[u8]) -> String {
        let mut mac = self.mac.clone();
        mac.update(domain);
        mac.update(&[0]);
        mac.update(text);
        let mut out = String::with_capacity(32);
        for byte in mac.finalize().into_bytes().iter().take(16) {
            out.push(char::from(b"0123456789abcdef"[usize::from(byte >> 4)]));
            out.push(char::from(b"0123456789abcdef"[usize::from(byte & 15)]));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(privacy: Privacy) -> Tokeniser {
        Tokeniser::new(&[9; 32], privacy)
    }

    #[test]
    fn what_a_call_id_has_become_is_found_again() {
        let t = tokens(Privacy::Tokens);
        for (clear, user) in [
            ("a84b4930123456@10.0.0.1", "+4930123456"),
            ("17900000004930123456-1@host", "4930123456"),
            ("12345@host", "12345"),
        ] {
            let masked = t.identifier(clear, &[user]);
            assert_ne!(masked, clear);
            let forms = t.masked_forms(clear);
            let form = forms.iter().find(|form| form.call_id == masked);
            assert!(form.is_some_and(|form| form.parties.contains(&t.user(user))), "{clear}: {forms:?}");
        }
        assert!(t.masked_forms("abc1234@host").is_empty());
        assert!(tokens(Privacy::Clear).masked_forms("12345@host").is_empty());
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
    fn numbers_in_identifiers_are_masked_and_everything_else_is_kept() {
        let t = tokens(Privacy::Tokens);
        assert_eq!(t.identifier("call-+4930123456-9@h", &["+4930123456"]), "call-+xxxxxxxxxx-9@h");
        assert_eq!(t.host("+12125550188"), t.user("+12125550188"));
        assert_eq!(t.host("12125550188.pbx.example"), "xxxxxxxxxxx.pbx.example");
        assert_eq!(t.host("192.0.2.115"), "192.0.2.115");
        assert_eq!(t.opaque("gw-12125550188"), "gw-xxxxxxxxxxx");
        assert_eq!(t.identifier("a101b@h", &["101"]), "a101b@h");
        assert_eq!(tokens(Privacy::Clear).identifier("4930123456@h", &["4930123456"]), "4930123456@h");
    }
}
