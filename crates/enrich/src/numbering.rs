//! What numbers can exist: ITU-T E.164 country codes with the lengths of numbers behind them, and the areas of the North American
//! plan. Where the plan of a country is not known in detail, every length that may occur is allowed.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One country code, or part of one: `prefix`, who has it, fewest and most digits behind it.
static COUNTRIES: LazyLock<BTreeMap<&'static str, Country>> = LazyLock::new(|| {
    lines(include_str!("data/country-codes.tsv"))
        .filter_map(|mut columns| {
            let (prefix, place) = (columns.next()?, columns.next()?);
            let (fewest, most) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
            Some((prefix, Country { place, fewest, most }))
        })
        .collect()
});

/// Areas of the North American Numbering Plan, and who has them.
static AREAS: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    lines(include_str!("data/nanp-areas.tsv"))
        .filter_map(|mut columns| Some((columns.next()?, columns.next()?)))
        .collect()
});

struct Country {
    place: &'static str,
    fewest: usize,
    most: usize,
}

/// The columns of the lines of a table that is built in.
pub(crate) fn lines(text: &'static str) -> impl Iterator<Item = std::str::Split<'static, char>> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t'))
}

/// Longest country code with what the table parts it by.
const LONGEST_PREFIX: usize = 7;

/// What is known of an international number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// It may exist.
    Possible,
    /// No number of that country has so many digits, or such digits.
    Impossible,
    /// Nobody has its country code or area.
    Unallocated,
}

/// Where an international number belongs, by its digits without plus, and whether it can exist.
#[must_use]
pub(crate) fn look_up(digits: &str) -> (Option<&'static str>, Validity) {
    let longest = digits.len().min(LONGEST_PREFIX);
    let found = (1..=longest)
        .rev()
        .filter_map(|length| digits.split_at_checked(length))
        .find_map(|(prefix, rest)| COUNTRIES.get(prefix).map(|country| (country, rest)));
    let Some((country, rest)) = found else { return (None, Validity::Unallocated) };
    if !(country.fewest..=country.most).contains(&rest.len()) || digits.len() > 15 {
        return (Some(country.place), Validity::Impossible);
    }
    if country.place == "NANP" { nanp(rest) } else { (Some(country.place), Validity::Possible) }
}

/// NPA and NXX begin with 2 to 9, and NXX is not N11 (NANPA, ATIS-0300119).
fn nanp(national: &str) -> (Option<&'static str>, Validity) {
    let digit = |i: usize| national.as_bytes().get(i).copied().unwrap_or_default();
    let is_toll_free = national.starts_with('8') && digit(1) == digit(2);
    let is_service = digit(4) == b'1' && digit(5) == b'1' && !is_toll_free;
    if digit(0) < b'2' || digit(3) < b'2' || is_service {
        return (None, Validity::Impossible);
    }
    match national.get(..3).and_then(|area| AREAS.get(area)) {
        Some(place) => (Some(place), Validity::Possible),
        None => (None, Validity::Unallocated),
    }
}

/// How the site's subscribers write and dial numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DialPlan {
    /// Country calling code of numbers without one; empty if that is not known, and such numbers are not judged then.
    pub country_code: String,
    /// What is dialled before a country code.
    pub international: Vec<String>,
    /// What is dialled before a national number.
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

/// The fewest digits of a number abroad, country code included.
const MIN_ABROAD: usize = 9;

impl DialPlan {
    /// The country code of a number abroad that is dialled as subscribers dial it: behind an international prefix, also such as many try
    /// that do not know which one works here (more zeros, a digit for an outside line). A plus is how networks write numbers to each
    /// other: of such a number only that of another country than the site's is abroad.
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

/// The country code of a number that can exist.
fn country_abroad(digits: &str) -> Option<u32> {
    let is_number = is_digits(digits) && digits.len() >= MIN_ABROAD;
    let is_possible = is_number && look_up(digits).1 == Validity::Possible;
    is_possible.then(|| crate::number::country_code(digits).parse().ok()).flatten()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_whole() {
        assert!(COUNTRIES.len() > 200, "{}", COUNTRIES.len());
        assert!(AREAS.len() > 350, "{}", AREAS.len());
        for (prefix, country) in COUNTRIES.iter() {
            assert!(is_digits(prefix) && prefix.len() <= LONGEST_PREFIX, "{prefix}");
            assert!(country.fewest <= country.most && country.most + prefix.len() <= 15, "{prefix}");
        }
        assert!(AREAS.keys().all(|area| area.len() == 3 && is_digits(area)));
    }

    #[test]
    fn numbers_that_cannot_exist_are_told_from_those_that_can() {
        use Validity::{Impossible, Possible, Unallocated};
        for (digits, place, validity) in [
            ("12125550188", Some("US"), Possible),
            ("18005551234", None, Possible),
            ("11125550188", None, Impossible),
            ("12121110188", None, Impossible),
            ("12129110188", None, Impossible),
            ("1212555018", Some("NANP"), Impossible),
            ("4930123456", Some("DE"), Possible),
            ("491", Some("DE"), Impossible),
            ("8610123456781234", None, Impossible),
            ("2101234567", None, Unallocated),
            ("33123456789", Some("FR"), Possible),
        ] {
            let (found, is) = look_up(digits);
            assert_eq!(is, validity, "{digits}");
            if place.is_some() {
                assert_eq!(found, place, "{digits}");
            }
        }
    }

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
