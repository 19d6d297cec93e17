use std::collections::BTreeSet;
use std::sync::LazyLock;

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
pub(super) struct Words(Vec<String>);

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

    /// Marks the octets of those words.
    pub(super) fn find(&self, text: &str, places: &mut [bool]) {
        if self.0.is_empty() {
            return;
        }
        let lower = text.to_ascii_lowercase();
        for word in &self.0 {
            for (at, found) in lower.match_indices(word.as_str()) {
                let end = at + found.len();
                let stands_alone = || {
                    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
                    let before = lower.get(..at).and_then(|text| text.chars().next_back());
                    let after = lower.get(end..).and_then(|text| text.chars().next());
                    !is_letter(before) && !is_letter(after)
                };
                if (word.chars().count() >= WITHIN || stands_alone())
                    && let Some(place) = places.get_mut(at..end)
                {
                    place.fill(true);
                }
            }
        }
    }
}
