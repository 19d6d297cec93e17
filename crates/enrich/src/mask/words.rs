use std::ops::Range;
use std::sync::LazyLock;

use bellwether_base::{ContentHasher, HashKey, percent_decoded};
use bellwether_fingerprint::Signatures;
use smallvec::SmallVec;

use super::Ranges;
use crate::numbering::lines;

/// Minimum length of a word that is also found within other words. A shorter word must stand alone.
const WITHIN: usize = 5;

/// Minimum length of a word; one less for scripts with short words.
const SHORTEST: usize = 3;
const SHORTEST_OF_SHORT: usize = 2;

/// Maximum number of words per message. No real call has more.
const MOST: usize = 128;

/// Hashes of telephony words in ascending order, which are never masked. They include the product names that
/// scoring looks for. Hashes make the lookup fast, because every message needs it.
static COMMON: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let listed = lines(include_str!("../data/common-words.txt")).flatten().map(str::to_owned);
    let known = Signatures::with(None).unwrap_or_default();
    let agents = known.iter().flat_map(|s| s.agents()).flat_map(words);
    let mut common: Vec<u64> = listed.chain(agents).map(|word| hash(&word)).collect();
    common.sort_unstable();
    common
});

/// Hash of the project's own words. An unkeyed hash suffices: a collision would only leave the attacker's own
/// name unmasked.
fn hash(word: &str) -> u64 {
    static HASHER: LazyLock<ContentHasher> = LazyLock::new(|| HashKey::new([0; 16]).content_hasher());
    HASHER.hash(word.as_bytes())
}

/// The words of the parties' names, in lower case.
#[derive(Default)]
pub(super) struct Words(SmallVec<[String; 4]>);

impl Words {
    fn add(&mut self, name: &str) {
        // A number has no words.
        if name.bytes().all(|b| !b.is_ascii_alphabetic() && b.is_ascii()) {
            return;
        }
        for word in words(&plain(name)) {
            let is_known = COMMON.binary_search(&hash(&word)).is_ok() || self.0.contains(&word);
            if !is_known && self.0.len() < MOST {
                self.0.push(word);
            }
        }
    }

    /// Finds the octets of the words. In a text that was cut, the beginning of a word at the end also counts.
    pub(super) fn find(&self, text: &str, is_cut: bool, found: &mut Ranges) {
        if self.0.is_empty() {
            return;
        }
        let is_plain = text.bytes().all(|b| b.is_ascii() && !matches!(b, b'%' | b'\\'));
        if is_plain && !is_cut && self.0.iter().all(|word| word.is_ascii()) {
            self.0.iter().for_each(|word| find_ascii(text, word, found));
            return;
        }
        let letters = letters(text);
        for word in &self.0 {
            let word: Vec<char> = word.chars().collect();
            find_spelled(&letters, &word, is_cut, found);
        }
    }
}

impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut words = Self::default();
        names.into_iter().for_each(|name| words.add(name));
        words
    }
}

/// The sufficiently long words of a text, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    let long = |word: &&str| {
        let count = word.chars().count();
        count >= SHORTEST || (count >= SHORTEST_OF_SHORT && word.chars().all(is_of_short_words))
    };
    text.split(|c: char| !c.is_alphabetic()).filter(long).map(str::to_lowercase)
}

/// True for Chinese, Japanese and Korean characters. Names in these scripts may have two characters and no
/// surrounding spaces.
fn is_of_short_words(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// A name without the escapes of its quotes.
fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '\\').collect()
}

fn find_ascii(text: &str, word: &str, found: &mut Ranges) {
    let Some(first) = word.bytes().next() else { return };
    let mut from = 0;
    while let Some(at) = text
        .as_bytes()
        .get(from..)
        .and_then(|rest| memchr::memchr2(first, first.to_ascii_uppercase(), rest))
        .map(|at| from + at)
    {
        from = at + 1;
        let end = at + word.len();
        let is_letter = |at: Option<usize>| {
            at.and_then(|at| text.as_bytes().get(at)).is_some_and(u8::is_ascii_alphabetic)
        };
        if text.get(at..end).is_some_and(|here| here.eq_ignore_ascii_case(word))
            && (word.len() >= WITHIN || (!is_letter(at.checked_sub(1)) && !is_letter(Some(end))))
        {
            found.push(at..end);
        }
    }
}

/// The characters of a text in lower case, each with its octets. Escapes are decoded.
fn letters(text: &str) -> Vec<(Range<usize>, char)> {
    let mut letters = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let (spelled, end) = escaped(text, at).unwrap_or((c, at + c.len_utf8()));
        if spelled != '\\' {
            letters.extend(spelled.to_lowercase().map(|lower| (at..end, lower)));
        }
        at = end;
    }
    letters
}

/// The character of a sequence of percent escapes, and the end of the sequence.
fn escaped(text: &str, at: usize) -> Option<(char, usize)> {
    let rest = text.get(at..).filter(|rest| rest.starts_with('%'))?;
    // One character has up to four octets.
    (1..=4).find_map(|octets| {
        let spelled =
            rest.get(..3 * octets).filter(|spelled| spelled.bytes().step_by(3).all(|b| b == b'%'))?;
        let decoded = percent_decoded(spelled.as_bytes());
        let text = std::str::from_utf8(&decoded).ok().filter(|_| decoded.len() == octets)?;
        text.chars().next().map(|c| (c, at + 3 * octets))
    })
}

fn find_spelled(letters: &[(Range<usize>, char)], word: &[char], is_cut: bool, found: &mut Ranges) {
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| letters.get(at)).is_some_and(|(_, c)| c.is_alphabetic() && !is_of_short_words(*c))
    };
    let is_within = word.len() >= WITHIN || word.iter().copied().all(is_of_short_words);
    for at in 0..letters.len() {
        let rest = letters.get(at..).unwrap_or_default();
        let same = rest.iter().zip(word).take_while(|((_, c), wanted)| c == *wanted).count();
        let end = at + same;
        let is_whole = same == word.len();
        let is_beginning = is_cut && end == letters.len() && same >= SHORTEST;
        let stands_alone = || !is_letter(at.checked_sub(1)) && !is_letter(Some(end));
        if is_beginning || (is_whole && (is_within || stands_alone())) {
            found.extend(letters.get(at..end).unwrap_or_default().iter().map(|(range, _)| range.clone()));
        }
    }
}
