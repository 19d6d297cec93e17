//! Masks names and numbers of people in texts that a sender chose: Call-IDs, tags, User-Agents, hosts and
//! header text.

mod digits;
mod words;

use std::cell::OnceCell;

use bellwether_rtp::known_encoding;
use bellwether_tracker::{Clear, Named, Party};

use crate::Masked;
use crate::privacy::{Privacy, Tokeniser, hexadecimal};
use digits::Numbers;
use smallvec::SmallVec;
use words::Words;

/// Byte ranges of a text that are masked.
type Ranges = SmallVec<[std::ops::Range<usize>; 16]>;

/// Removes the parties of one message from its texts.
///
/// All text from senders passes this type on its way into rows. It masks
/// - digits of a party's number, recognised by its last seven digits, with any separators, escapes or prefixes;
/// - other runs of seven or more digits, which may be a number, and numbers that are spelled in groups;
/// - words of a party's name, except words of telephony.
///
/// Masked characters become `x`, so that lengths stay.
pub(crate) struct Mask<'a> {
    tokens: &'a Tokeniser,
    /// The parties. `None` if the message's parties are unknown.
    named: Option<&'a Named>,
    /// Numbers and words of the parties, computed only for a text that may contain one. Most texts do not.
    numbers: OnceCell<Numbers>,
    words: OnceCell<Words>,
}

impl<'a> Mask<'a> {
    /// Creates a mask for the texts of a message with these parties.
    pub(crate) const fn new(tokens: &'a Tokeniser, named: &'a Named) -> Self {
        Self { tokens, named: Some(named), numbers: OnceCell::new(), words: OnceCell::new() }
    }

    /// Creates a mask for texts of a message with unknown parties.
    pub(crate) const fn unnamed(tokens: &'a Tokeniser) -> Self {
        Self { tokens, named: None, numbers: OnceCell::new(), words: OnceCell::new() }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.named.into_iter().flat_map(Named::iter)
    }

    /// Masks natural text: a User-Agent, a header name, a description.
    pub(crate) fn text(&self, text: &str) -> Masked {
        self.masked(text, false)
    }

    /// Masks a User-Agent. Its first word is the product name and stays, even if a party has the same name.
    pub(crate) fn agent(&self, text: &str) -> Masked {
        let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        Masked::new([name, &self.text(rest)].concat())
    }

    /// Masks a generated identifier: a Call-ID or a tag. Digits within a hexadecimal word stay, unless they
    /// are a party's.
    pub(crate) fn identifier(&self, text: &str) -> Masked {
        self.masked(text, true)
    }

    /// The part of a prefix without names. The prefix was cut off a longer text.
    pub(crate) fn unnamed_beginning<'t>(&self, beginning: &'t str) -> &'t str {
        if self.tokens.privacy() == Privacy::Clear {
            return beginning;
        }
        let mut found = Ranges::new();
        self.numbers.get_or_init(|| self.names().collect()).find(beginning, true, &mut found);
        self.words.get_or_init(|| self.names().collect()).find(beginning, true, &mut found);
        let end = found.iter().map(|range| range.start).min().unwrap_or(beginning.len());
        beginning.get(..end).unwrap_or_default()
    }

    /// The name of a codec. An unknown name is replaced by its token.
    pub(crate) fn codec(&self, name: &Clear) -> Masked {
        let text = name.expose();
        if known_encoding(text).is_some() || self.tokens.privacy() == Privacy::Clear {
            return Masked::new(text.to_owned());
        }
        Masked::new(["unknown~", &hexadecimal(&(self.tokens.wire_id(text) as u32).to_be_bytes())].concat())
    }

    /// Masks an identifier of a device or process. If something is masked, a token follows, so that
    /// identifiers stay distinct.
    pub(crate) fn distinct(&self, text: &str) -> Masked {
        self.told_apart(text).0
    }

    /// Masks a Call-ID. If something is masked, the token of the original is returned too.
    pub(crate) fn call_id(&self, text: &str) -> (Masked, Option<i64>) {
        self.told_apart(text)
    }

    fn told_apart(&self, text: &str) -> (Masked, Option<i64>) {
        let masked = self.identifier(text);
        if masked == text {
            return (masked, None);
        }
        let token = self.tokens.wire_id(text);
        let told_apart = [&masked, "~", &hexadecimal(&(token as u32).to_be_bytes())].concat();
        (Masked::new(told_apart), Some(token))
    }

    /// Masks a host. A number in place of a host is replaced by its token.
    pub(crate) fn host(&self, host: &str) -> Masked {
        let digits = host.strip_prefix('+').unwrap_or(host);
        if digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return self.tokens.user(host);
        }
        if is_address(host) { Masked::new(host.to_owned()) } else { self.text(host) }
    }

    /// The token of a user part or number; the host if there is none.
    pub(crate) fn party(&self, party: &Party) -> Masked {
        if party.user.is_empty() { self.tokens.lone_host(party) } else { self.tokens.party(party) }
    }

    /// The token of a private text.
    pub(crate) fn token(&self, text: &str) -> Masked {
        self.tokens.user(text)
    }

    /// Masks an optional text.
    pub(crate) fn optional(&self, text: Option<&Clear>) -> Option<Masked> {
        text.map(|text| self.text(text.expose()))
    }

    /// Masks an optional User-Agent.
    pub(crate) fn optional_agent(&self, text: Option<&Clear>) -> Option<Masked> {
        text.map(|text| self.agent(text.expose()))
    }

    fn masked(&self, text: &str, is_identifier: bool) -> Masked {
        if self.tokens.privacy() == Privacy::Clear {
            return Masked::new(text.to_owned());
        }
        let mut found = Ranges::new();
        if digits::may_hold_a_number(text) {
            self.numbers.get_or_init(|| self.names().collect()).find(text, is_identifier, &mut found);
        }
        self.words.get_or_init(|| self.names().collect()).find(text, false, &mut found);
        if found.is_empty() {
            return Masked::new(text.to_owned());
        }
        found.sort_unstable_by_key(|range| range.start);
        let (mut ranges, mut end) = (found.iter().peekable(), 0);
        let masked = text.char_indices().map(|(at, c)| {
            while let Some(range) = ranges.next_if(|range| range.start <= at) {
                end = end.max(range.end);
            }
            if at < end { 'x' } else { c }
        });
        Masked::new(masked.collect())
    }
}

/// Returns true if the host is an IP address. Its digits are no phone number.
pub(crate) fn is_address(host: &str) -> bool {
    bellwether_base::host_address(host).is_some()
}

#[cfg(test)]
mod tests;
