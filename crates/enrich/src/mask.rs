//! Names and numbers of people in texts that a sender chose: Call-IDs, tags, agents, hosts, and the words of headers.

mod digits;
mod words;

use std::cell::OnceCell;

use bellwether_rtp::known_encoding;
use bellwether_tracker::{Clear, Named, Party};

use crate::privacy::{Privacy, Tokeniser, hexadecimal};
use digits::Numbers;
use smallvec::SmallVec;
use words::Words;

/// Octets of a text that are masked.
type Ranges = SmallVec<[std::ops::Range<usize>; 16]>;

/// Takes the parties of one message out of its texts.
///
/// This is the one way from a sender's text to a row. It masks
/// - digits of a party's number, however they are separated, escaped or prefixed, from the last seven on;
/// - other runs of seven digits and more, as each may be somebody's number, and numbers that are spelled in groups;
/// - words of a party's name, but those of telephony itself.
///
/// Masked characters become `x`, so that lengths stay.
pub(crate) struct Mask<'a> {
    tokens: &'a Tokeniser,
    /// The parties; none where nobody knows whom the message named.
    named: Option<&'a Named>,
    /// Their numbers and words, once a text is seen that may hold one: most do not.
    numbers: OnceCell<Numbers>,
    words: OnceCell<Words>,
}

impl<'a> Mask<'a> {
    /// For the texts of a message that names these.
    pub(crate) const fn new(tokens: &'a Tokeniser, named: &'a Named) -> Self {
        Self { tokens, named: Some(named), numbers: OnceCell::new(), words: OnceCell::new() }
    }

    /// For texts of which nobody knows whom their message named.
    pub(crate) const fn unnamed(tokens: &'a Tokeniser) -> Self {
        Self { tokens, named: None, numbers: OnceCell::new(), words: OnceCell::new() }
    }

    fn names(&self) -> impl Iterator<Item = &'a str> {
        self.named.into_iter().flat_map(Named::iter)
    }

    /// A text in words: an agent, a header's name, a description.
    pub(crate) fn text(&self, text: &str) -> String {
        self.masked(text, false)
    }

    /// What a program calls itself. The word that it begins with is the program's name, whoever is called alike.
    pub(crate) fn agent(&self, text: &str) -> String {
        let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        [name, &self.text(rest)].concat()
    }

    /// A made-up identifier: a Call-ID, a tag. Digits within a hexadecimal word of it are nobody's, unless a party has them.
    pub(crate) fn identifier(&self, text: &str) -> String {
        self.masked(text, true)
    }

    /// The part of a beginning that nobody is named in. The beginning was cut off a longer text.
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

    /// The name of a codec: one that is none is told by its token.
    pub(crate) fn codec(&self, name: &Clear) -> String {
        let text = name.expose();
        if known_encoding(text).is_some() || self.tokens.privacy() == Privacy::Clear {
            return text.to_owned();
        }
        ["unknown~", &hexadecimal(&(self.tokens.wire_id(text) as u32).to_be_bytes())].concat()
    }

    /// The same of a text that tells devices or processes apart: if something is masked in it, its token stands behind it.
    pub(crate) fn distinct(&self, text: &str) -> String {
        self.told_apart(text).0
    }

    /// A Call-ID; with its token on the wire if something is masked in it.
    pub(crate) fn call_id(&self, text: &str) -> (String, Option<i64>) {
        self.told_apart(text)
    }

    fn told_apart(&self, text: &str) -> (String, Option<i64>) {
        let masked = self.identifier(text);
        if masked == text {
            return (masked, None);
        }
        let token = self.tokens.wire_id(text);
        ([&masked, "~", &hexadecimal(&(token as u32).to_be_bytes())].concat(), Some(token))
    }

    /// A host: a number in its place is a number.
    pub(crate) fn host(&self, host: &str) -> String {
        let digits = host.strip_prefix('+').unwrap_or(host);
        if digits.len() >= 3 && digits.bytes().all(|b| b.is_ascii_digit()) {
            return self.tokens.user(host);
        }
        if is_address(host) { host.to_owned() } else { self.text(host) }
    }

    /// The token of a user part or number; the host where there is none.
    pub(crate) fn party(&self, party: &Party) -> String {
        if party.user.is_empty() { self.tokens.lone_host(party) } else { self.tokens.party(party) }
    }

    /// The token of a text that is nobody's business.
    pub(crate) fn token(&self, text: &str) -> String {
        self.tokens.user(text)
    }

    /// A text that may be missing.
    pub(crate) fn optional(&self, text: Option<&Clear>) -> Option<String> {
        text.map(|text| self.text(text.expose()))
    }

    /// An agent that may be missing.
    pub(crate) fn optional_agent(&self, text: Option<&Clear>) -> Option<String> {
        text.map(|text| self.agent(text.expose()))
    }

    fn masked(&self, text: &str, is_identifier: bool) -> String {
        if self.tokens.privacy() == Privacy::Clear {
            return text.to_owned();
        }
        let mut found = Ranges::new();
        if digits::may_hold_a_number(text) {
            self.numbers.get_or_init(|| self.names().collect()).find(text, is_identifier, &mut found);
        }
        self.words.get_or_init(|| self.names().collect()).find(text, false, &mut found);
        if found.is_empty() {
            return text.to_owned();
        }
        found.sort_unstable_by_key(|range| range.start);
        let (mut ranges, mut end) = (found.iter().peekable(), 0);
        let masked = text.char_indices().map(|(at, c)| {
            while let Some(range) = ranges.next_if(|range| range.start <= at) {
                end = end.max(range.end);
            }
            if at < end { 'x' } else { c }
        });
        masked.collect()
    }
}

/// Whether a host is an address: it holds digits, and is nobody's number.
pub(crate) fn is_address(host: &str) -> bool {
    bellwether_base::host_address(host).is_some()
}

#[cfg(test)]
mod tests;
