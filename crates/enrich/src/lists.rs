//! Lists that an operator may replace: destinations that are dialled for fraud, and names that callers borrow.

use std::collections::BTreeMap;

use crate::numbering::lines;

/// Longest prefix of a destination that is looked up.
const LONGEST_PREFIX: usize = 15;

/// Destinations that share a call's revenue with its organiser, by prefix from the country code on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RiskyDestinations(BTreeMap<String, String>);

impl Default for RiskyDestinations {
    /// Those that are well known.
    fn default() -> Self {
        let pairs = lines(include_str!("data/high-risk.tsv"))
            .filter_map(|mut columns| Some((columns.next()?.to_owned(), columns.next()?.to_owned())));
        Self(pairs.collect())
    }
}

impl RiskyDestinations {
    /// Of a file: on each line a prefix, and behind a tab why; `#` begins a comment.
    ///
    /// # Errors
    /// The line that is wrong, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pairs = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (prefix, reason) = line.split_once('\t').unwrap_or((line, "listed by the operator"));
            let prefix = prefix.trim().trim_start_matches('+');
            if prefix.is_empty()
                || prefix.len() > LONGEST_PREFIX
                || !prefix.bytes().all(|b| b.is_ascii_digit())
            {
                return Err(format!("line {number}: {prefix:?} is no prefix of digits"));
            }
            pairs.insert(prefix.to_owned(), reason.trim().to_owned());
        }
        Ok(Self(pairs))
    }

    /// The reason if an international number (digits from the country code on) is one.
    #[must_use]
    pub fn reason(&self, digits: &str) -> Option<&str> {
        let longest = digits.len().min(LONGEST_PREFIX);
        (1..=longest)
            .rev()
            .find_map(|length| digits.get(..length).and_then(|prefix| self.0.get(prefix)))
            .map(String::as_str)
    }
}

/// Names of banks, offices and companies that callers borrow, in the order of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brands {
    names: Vec<Brand>,
    /// Places in `names` by the first word.
    by_first_word: BTreeMap<String, Vec<usize>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Brand {
    /// The name in lower case.
    name: String,
    /// See [`in_words`].
    words: String,
}

impl Default for Brands {
    fn default() -> Self {
        Self::of(lines(include_str!("data/brands.tsv")).filter_map(|mut columns| columns.next()))
    }
}

impl Brands {
    /// Of a file with a name on each line; `#` begins a comment.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let names = text.lines().map(|line| line.split('\t').next().unwrap_or_default().trim());
        Self::of(names.filter(|name| !name.starts_with('#')))
    }

    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names = names.map(|name| Brand { name: name.to_lowercase(), words: in_words(name) });
        let names: Vec<Brand> = names.filter(|brand| !brand.words.is_empty()).collect();
        let mut by_first_word: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, brand) in names.iter().enumerate() {
            let first = brand.words.split(' ').next().unwrap_or_default();
            by_first_word.entry(first.to_owned()).or_default().push(place);
        }
        Self { names, by_first_word }
    }

    /// The name that stands in a display name, as whole words. Of several the first in the list.
    #[must_use]
    pub fn find(&self, display: &str) -> Option<&str> {
        if display.is_empty() {
            return None;
        }
        let words = in_words(display);
        let mut best: Option<usize> = None;
        let mut rest = words.as_str();
        while !rest.is_empty() {
            let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            let stands_here = |place: &&usize| {
                let behind =
                    self.names.get(**place).and_then(|brand| rest.strip_prefix(brand.words.as_str()));
                behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(' '))
            };
            let found = self.by_first_word.get(first).and_then(|places| places.iter().find(stands_here));
            best = best.into_iter().chain(found.copied()).min();
            rest = behind;
        }
        best.and_then(|place| self.names.get(place)).map(|brand| brand.name.as_str())
    }
}

/// The words of a text in lower case, with one space between them.
fn in_words(text: &str) -> String {
    let mut words = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            words.push(c);
        } else if !words.is_empty() && !words.ends_with(' ') {
            words.push(' ');
        }
    }
    words.truncate(words.trim_end().len());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_tells_why() {
        let list = RiskyDestinations::parse("# own\n881\tsatellite\n+8816\tIridium\n53\n").unwrap();
        assert_eq!(list.reason("8816123"), Some("Iridium"));
        assert_eq!(list.reason("8811"), Some("satellite"));
        assert_eq!(list.reason("531234567"), Some("listed by the operator"));
        assert_eq!(list.reason("4930"), None);
        assert!(RiskyDestinations::parse("12\nx\tno").unwrap_err().contains("line 2"));
        assert!(RiskyDestinations::default().reason("88213123456").is_some());
    }

    #[test]
    fn names_are_found_as_whole_words() {
        let brands = Brands::parse("IRS\nacme bank\tbank\n");
        assert_eq!(brands.find("\"IRS - Tax\""), Some("irs"));
        assert_eq!(brands.find("First stop"), None);
        assert_eq!(brands.find("ACME  Bank, fraud"), Some("acme bank"));
        assert_eq!(brands.find("your acme banker"), None);
        assert_eq!(brands.find("acme irs acme bank"), Some("irs"), "the first of the list");
        assert_eq!(Brands::parse("AT&T\n\n # \n").find("at&t support"), Some("at&t"));
        assert_eq!(Brands::default().find("Anna Weber"), None);
    }
}
