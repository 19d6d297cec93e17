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

/// Names of banks, offices and companies that callers borrow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brands(Vec<String>);

impl Default for Brands {
    fn default() -> Self {
        Self(
            lines(include_str!("data/brands.tsv"))
                .filter_map(|mut c| c.next().map(str::to_lowercase))
                .collect(),
        )
    }
}

impl Brands {
    /// Of a file with a name on each line; `#` begins a comment.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let names =
            text.lines().map(|line| line.split('\t').next().unwrap_or_default().trim().to_lowercase());
        Self(names.filter(|name| !name.is_empty() && !name.starts_with('#')).collect())
    }

    /// The name that stands in a display name, as whole words.
    #[must_use]
    pub fn find(&self, display: &str) -> Option<&str> {
        if display.is_empty() {
            return None;
        }
        let words: String =
            display.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
        let padded = format!(" {} ", words.split_whitespace().collect::<Vec<_>>().join(" "));
        self.0.iter().map(String::as_str).find(|brand| padded.contains(&format!(" {brand} ")))
    }
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
        assert_eq!(Brands::default().find("Anna Weber"), None);
    }
}
