//! Parties as an operator names them: a number or an address in clear text, a token, or a token as tables shorten it.
//!
//! Clear text is made into tokens with the installation's key. It goes nowhere else.

use bellwether_enrich::{Privacy, Tokeniser};
use bellwether_report::Reports;
use bellwether_tracker::Party;

use crate::calls::CallIds;
use crate::outcome::Failure;

/// Digits of a token.
const TOKEN: usize = 32;

/// The fewest digits of a shortened token.
const FEWEST_DIGITS: usize = 4;

/// Digits of a name that messages do not repeat.
const FEWEST_REPEATED: usize = 3;

/// The fewest digits of a number that may have lost its `+`.
const FEWEST_OF_GLOBAL: usize = 7;

/// A name without its scheme.
pub(crate) struct Named<'t> {
    user: &'t str,
    /// In small letters; none for a number alone.
    host: Option<String>,
}

impl<'t> Named<'t> {
    /// Reads a number, a token, or an address with or without its scheme. None if the text can be neither.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let text = text.trim();
        let bare =
            ["sip:", "sips:", "tel:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
        let (user, host) = match bare.rsplit_once('@') {
            Some((user, host)) => (user, Some(host)),
            None => (bare, None),
        };
        let is_host = |host: &str| !host.is_empty() && !host.contains(['<', '>', ' ']);
        (!user.is_empty() && host.is_none_or(is_host))
            .then(|| Self { user, host: host.map(str::to_ascii_lowercase) })
    }
}

/// Parties by name.
pub(crate) struct Names<'a, 'c> {
    ids: &'c CallIds<'a>,
}

impl<'a, 'c> Names<'a, 'c> {
    pub(crate) const fn new(ids: &'c CallIds<'a>) -> Self {
        Self { ids }
    }

    fn reports(&self) -> Reports<'a> {
        Reports::of(self.ids.reader())
    }

    /// The tokens that a party may have in the database: one as a rule. An extension has one in each domain, and a number one with its
    /// `+` and one without.
    pub(crate) fn users(&self, text: &str) -> Result<Vec<String>, Failure> {
        let Some(named) = Named::read(text) else { return Ok(Vec::new()) };
        if is_token(named.user) {
            return Ok(vec![named.user.to_owned()]);
        }
        if let Some(digits) = shortened(named.user) {
            return Ok(vec![self.whole_token(digits)?]);
        }
        let tokeniser = self.ids.tokeniser_of_database()?;
        let hosts = if named.host.is_none() { self.reports().hosts()? } else { Vec::new() };
        Ok(tokens_of(tokeniser, &named, &hosts))
    }

    /// The one token that begins with these digits.
    fn whole_token(&self, digits: &str) -> Result<String, Failure> {
        let found = self.reports().tokens_beginning(digits)?;
        match found.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Failure::Work(format!("no token begins with {digits}"))),
            several => Err(ambiguous(&format!("{digits}.."), several)),
        }
    }

    /// The address of record or contact in the form of the database. A name that fits none stays as it is.
    pub(crate) fn device(&self, text: &str) -> Result<String, Failure> {
        let Some(named) = Named::read(text) else { return Ok(text.to_owned()) };
        if self.reports().has_device(text)? {
            return Ok(text.to_owned());
        }
        let mut found = Vec::new();
        for user in self.users(text)? {
            found.extend(self.reports().addresses_of_user(&user)?);
        }
        if let Some(host) = &named.host {
            found.retain(|address| address.rsplit_once('@').is_some_and(|(_, of)| of == host));
        }
        match found.as_slice() {
            [] => Ok(text.to_owned()),
            [one] => Ok(one.clone()),
            several => Err(ambiguous(repeatable(text), several)),
        }
    }
}

/// The tokens that a text in clear may have: none if it is no name.
pub(crate) fn tokens_in(tokeniser: &Tokeniser, text: &str, hosts: &[String]) -> Vec<String> {
    Named::read(text).map_or_else(Vec::new, |named| tokens_of(tokeniser, &named, hosts))
}

/// The tokens of a name: one as a rule. A name without a host has one in each of the hosts, and a number one in its other spelling.
fn tokens_of(tokeniser: &Tokeniser, named: &Named<'_>, hosts: &[String]) -> Vec<String> {
    let mut tokens = vec![token(tokeniser, named.user, named.host.as_deref().unwrap_or_default())];
    if named.host.is_none() && tokeniser.privacy() == Privacy::Tokens {
        tokens.extend(other_spelling(named.user).map(|user| token(tokeniser, &user, "")));
        for host in hosts {
            let of_host = token(tokeniser, named.user, host);
            if !tokens.contains(&of_host) {
                tokens.push(of_host);
            }
        }
    }
    tokens
}

fn token(tokeniser: &Tokeniser, user: &str, host: &str) -> String {
    let party = Party { user: user.to_owned(), host: host.to_owned(), display: String::new() };
    tokeniser.party(&party).to_string()
}

/// A long number with its `+`, or without.
fn other_spelling(user: &str) -> Option<String> {
    let digits = user.strip_prefix('+').unwrap_or(user);
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    let is_number = digits.chars().all(|c| c.is_ascii_digit() || " -()./".contains(c));
    if !is_number || count < FEWEST_OF_GLOBAL || digits.starts_with("00") {
        return None;
    }
    Some(if user.starts_with('+') { digits.to_owned() } else { format!("+{digits}") })
}

/// A name as messages may repeat it: the log holds no number in clear text.
pub(crate) fn repeatable(text: &str) -> &str {
    let Some(named) = Named::read(text) else { return text };
    let is_number = named.user.bytes().filter(u8::is_ascii_digit).count() >= FEWEST_REPEATED;
    let is_masked = is_token(named.user) || shortened(named.user).is_some();
    if is_number && !is_masked { "that name" } else { text }
}

/// True for a whole token.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == TOKEN && is_hexadecimal(text)
}

/// The digits of a token as tables shorten it: some digits and two dots.
pub(crate) fn shortened(text: &str) -> Option<&str> {
    let digits = text.strip_suffix("..").or_else(|| text.strip_suffix('…'))?;
    ((FEWEST_DIGITS..=TOKEN).contains(&digits.len()) && is_hexadecimal(digits)).then_some(digits)
}

fn is_hexadecimal(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn ambiguous(text: &str, candidates: &[String]) -> Failure {
    Failure::Usage(format!("{text} may be any of: {}", candidates.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_tokens_and_addresses_are_told_apart() {
        let read = |text| Named::read(text).map(|named| (named.user, named.host));
        assert_eq!(read("+49 30 123"), Some(("+49 30 123", None)));
        assert_eq!(read("tel:+4930"), Some(("+4930", None)));
        assert_eq!(read("sip:101@Lab.Example"), Some(("101", Some("lab.example".to_owned()))));
        assert_eq!(read("@x").map(|_| ()), None);
        assert_eq!(shortened("8d78bd61.."), Some("8d78bd61"));
        assert_eq!((shortened("8d7.."), shortened("8d78bd6x.."), shortened("8d78bd61")), (None, None, None));
        assert!(is_token(&"0f".repeat(16)) && !is_token("0f"));
    }

    #[test]
    fn messages_repeat_no_number_in_clear_text() {
        assert_eq!((repeatable("sip:+12125550188@h"), repeatable("101")), ("that name", "that name"));
        for text in ["nobody", "8d78bd61..", "sip:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f@lab.example"] {
            assert_eq!(repeatable(text), text);
        }
    }

    #[test]
    fn a_long_number_is_looked_for_with_its_plus_and_without() {
        assert_eq!(other_spelling("4930123456"), Some("+4930123456".to_owned()));
        assert_eq!(other_spelling("+4930123456"), Some("4930123456".to_owned()));
        assert_eq!((other_spelling("101"), other_spelling("alice1234567")), (None, None));
        assert_eq!(other_spelling("004930123456"), None, "00 and + are one spelling already");
    }
}
