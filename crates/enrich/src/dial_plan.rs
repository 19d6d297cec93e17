//! The ways in which a site's subscribers write and dial numbers.

use crate::number::country_code;
use crate::numbering::{Validity, look_up};

/// The site's rules for writing and dialling numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialPlan {
    /// Country calling code of numbers without one; empty if that is not known, and such numbers are not judged then.
    pub country_code: String,
    /// Prefixes that are dialled before a country code.
    pub international: Vec<String>,
    /// The prefix that is dialled before a national number.
    pub national: String,
    /// Numbers of those who help, in place of those of the country: calls to them are not judged.
    pub emergency: Vec<String>,
}

impl Default for DialPlan {
    fn default() -> Self {
        Self {
            country_code: String::new(),
            international: vec!["00".into(), "011".into()],
            national: String::new(),
            emergency: Vec::new(),
        }
    }
}

impl DialPlan {
    /// The digits of a canonical number from its country code on; none where it is no number or its country is not known.
    #[must_use]
    pub fn international(&self, canonical: &str) -> Option<String> {
        if let Some(digits) = canonical.strip_prefix('+') {
            return is_digits(digits).then(|| digits.to_owned());
        }
        if !is_digits(canonical) || canonical.len() < 7 {
            return None;
        }
        for prefix in &self.international {
            if let Some(rest) = canonical.strip_prefix(prefix.as_str()).filter(|rest| rest.len() >= 7) {
                return Some(rest.to_owned());
            }
        }
        if self.country_code.is_empty() {
            return None;
        }
        let own = canonical.strip_prefix(self.country_code.as_str());
        // In the North American plan country code and trunk prefix are the same.
        if let Some(rest) = own.filter(|rest| self.country_code == "1" && rest.len() == 10) {
            return Some(format!("1{rest}"));
        }
        let national = canonical.strip_prefix(self.national.as_str()).unwrap_or(canonical);
        Some(format!("{}{national}", self.country_code))
    }
}

impl DialPlan {
    /// The digits behind an international prefix. A digit for an outside line may stand before it, and further zeros
    /// behind it, where callers try prefixes.
    #[must_use]
    pub(crate) fn behind_prefix<'a>(&self, digits: &'a str) -> Option<&'a str> {
        let after = |digits: &'a str| {
            self.international.iter().find_map(|prefix| digits.strip_prefix(prefix.as_str()))
        };
        let found = after(digits).or_else(|| {
            // Behind a digit for an outside line only a number that can exist is one abroad.
            let inside =
                ["9", "8", "0"].into_iter().find_map(|outside| after(digits.strip_prefix(outside)?))?;
            (look_up(inside.trim_start_matches('0')).1 == Validity::Possible).then_some(inside)
        });
        found.map(|rest| rest.trim_start_matches('0'))
    }
}

/// The fewest digits of a number abroad, country code included.
const MIN_ABROAD: usize = 9;

impl DialPlan {
    /// The country code of a number abroad, dialled behind an international prefix. Callers who do not know the prefix here try
    /// more zeros, or a digit for an outside line first: both are read. Networks write numbers with a plus to each other, so that
    /// such a number is abroad only if its country is another than the site's.
    #[must_use]
    pub(crate) fn dialled_abroad(&self, dialled: &str) -> Option<u32> {
        let digits: String = dialled.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
        let is_other = |rest: &&str| self.country_code.is_empty() || !rest.starts_with(&self.country_code);
        if let Some(rest) = digits.strip_prefix('+') {
            return Some(rest)
                .filter(|_| !self.country_code.is_empty())
                .filter(is_other)
                .and_then(country_abroad);
        }
        let inside = ["9", "8", "0"].iter().filter_map(|outside| digits.strip_prefix(outside));
        let starts = std::iter::once(digits.as_str()).chain(inside);
        let of = |rest: &str| {
            let known = self.international.iter().filter_map(|prefix| rest.strip_prefix(prefix.as_str()));
            known.filter(is_other).filter_map(|rest| country_abroad(rest.trim_start_matches('0'))).next()
        };
        starts.filter_map(of).next()
    }
}

/// The country code of a number that can be dialled. Nobody needs to have its range: calls that earn money end in such ranges.
fn country_abroad(digits: &str) -> Option<u32> {
    let code = country_code(digits);
    let is_dialled = is_digits(digits)
        && digits.len() >= MIN_ABROAD
        && match look_up(digits) {
            (_, Validity::Possible) => true,
            (Some(_), Validity::Unallocated) => code != "1",
            _ => false,
        };
    is_dialled.then(|| code.parse().ok()).flatten()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_abroad_is_known_by_whatever_prefix_it_is_dialled_with() {
        let german = DialPlan { country_code: "49".into(), national: "0".into(), ..DialPlan::default() };
        for (dialled, found) in [
            ("0048422032120", Some(48)),
            ("000048422032120", Some(48)),
            ("0000048422032120", Some(48)),
            ("9011442079460123", Some(44)),
            ("900442079460123", Some(44)),
            ("0049301234567", None),
            ("+442079460123", Some(44)),
            ("+49301234567", None),
            ("030123456789", None),
            ("00123", None),
            ("alice", None),
        ] {
            assert_eq!(german.dialled_abroad(dialled), found, "{dialled}");
        }
        // Between networks numbers have a plus, and whose they are is not known without a country.
        assert_eq!(DialPlan::default().dialled_abroad("+442079460123"), None);
        assert_eq!(DialPlan::default().dialled_abroad("00442079460123"), Some(44));
    }

    #[test]
    fn what_is_dialled_is_completed_by_the_dial_plan() {
        let german = DialPlan { country_code: "49".into(), national: "0".into(), ..DialPlan::default() };
        assert_eq!(german.international("030123456").as_deref(), Some("4930123456"));
        assert_eq!(german.international("+12125550188").as_deref(), Some("12125550188"));
        let american = DialPlan { country_code: "1".into(), national: "1".into(), ..DialPlan::default() };
        assert_eq!(american.international("2125550188").as_deref(), Some("12125550188"));
        assert_eq!(american.international("12125550188").as_deref(), Some("12125550188"));
        assert_eq!(american.international("0114930123456").as_deref(), Some("4930123456"));
        assert_eq!(DialPlan::default().international("2125550188"), None);
        assert_eq!(german.international("alice"), None);
    }
}
