use std::collections::BTreeSet;
use std::sync::LazyLock;

use smallvec::SmallVec;

use super::Ranges;
use crate::numbering::lines;

/// Letters from which on a word is looked for within others; shorter ones have to stand alone.
const WITHIN: usize = 5;

/// Letters of the shortest word that is looked for.
const SHORTEST: usize = 3;

/// Words of telephony, which are nobody's name wherever they stand.
static COMMON: LazyLock<BTreeSet<&'static str>> =
    LazyLock::new(|| lines(include_str!("../data/common-words.txt")).flatten().collect());

/// The words of parties' names, in lower case.
#[derive(Default)]
pub(super) struct Words(SmallVec<[String; 4]>);

impl Words {
    pub(super) fn add(&mut self, name: &str) {
        for word in name.split(|c: char| !c.is_alphabetic()) {
            let word = word.to_ascii_lowercase();
            let is_long = word.chars().count() >= SHORTEST;
            if is_long && !COMMON.contains(word.as_str()) && !self.0.contains(&word) {
                self.0.push(word);
            }
        }
    }

    /// Tells the octets of those words.
    pub(super) fn find(&self, text: &str, found: &mut Ranges) {
        for word in &self.0 {
            let Some(first) = word.bytes().next() else { continue };
            let mut from = 0;
            while let Some(at) = text
                .as_bytes()
                .get(from..)
                .and_then(|rest| memchr::memchr2(first, first.to_ascii_uppercase(), rest))
                .map(|at| from + at)
            {
                from = at + 1;
                let end = at + word.len();
                if text.get(at..end).is_some_and(|here| here.eq_ignore_ascii_case(word))
                    && (word.chars().count() >= WITHIN || stands_alone(text, at, end))
                {
                    found.push(at..end);
                }
            }
        }
    }
}

/// Whether no letter stands beside a part of a text.
fn stands_alone(text: &str, at: usize, end: usize) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let after = text.get(end..).and_then(|text| text.chars().next());
    !is_letter(before) && !is_letter(after)
}
