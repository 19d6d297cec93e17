//! Validity of international numbers: the numbering plans of the world, the rules of the North American plan, and the numbers
//! that plans set aside for fiction.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::numbering_plan::{MAX_DIGITS, split};

/// Ranges for fiction that the plans do not hold: what they begin with, and how many digits follow.
static FICTION: LazyLock<Vec<(&'static str, usize)>> = LazyLock::new(|| {
    lines(include_str!("data/fiction.tsv"))
        .filter_map(|mut columns| Some((columns.next()?, columns.next()?.parse().ok()?)))
        .collect()
});

/// Area codes of the North American plan that are assigned, and in which the plans hold no number yet; with their places.
static AREAS: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    lines(include_str!("data/nanp-areas.tsv"))
        .filter_map(|mut columns| Some((columns.next()?, columns.next()?)))
        .collect()
});

/// The columns of the lines of a table that is built in.
pub(crate) fn lines(text: &'static str) -> impl Iterator<Item = std::str::Split<'static, char>> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t'))
}

/// Validity of an international number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// It lies in a range that somebody has, or in one for fiction.
    Possible,
    /// No number of that country has so many digits, or such digits.
    Impossible,
    /// Nobody has its country code, area or range.
    Unallocated,
}

/// Looks up the place and the validity of an international number, digits without plus.
///
/// Numbers for fiction count as possible: examples, laboratories and training are full of them, and a caller who lies gains
/// nothing by them.
#[must_use]
pub(crate) fn look_up(digits: &str) -> (Option<&'static str>, Validity) {
    let Some((code, national)) = split(digits) else { return (None, Validity::Unallocated) };
    let national = code.without_prefix(national);
    if digits.len() > MAX_DIGITS || !code.has_length(national.len()) {
        return (Some(code.place), Validity::Impossible);
    }
    if digits.starts_with('1') && breaks_the_north_american_plan(national) {
        return (None, Validity::Impossible);
    }
    let area = || AREAS.get(national.get(..3)?).copied().filter(|_| digits.starts_with('1'));
    match code.region(national).or_else(area) {
        Some(region) => (Some(if region == "001" { code.place } else { region }), Validity::Possible),
        None if is_fiction(digits) => (Some(code.place), Validity::Possible),
        None => (Some(code.place), Validity::Unallocated),
    }
}

/// NPA and NXX begin with 2 to 9, and NXX is not N11 (NANPA, ATIS-0300119). The library allows N11, which no exchange is.
fn breaks_the_north_american_plan(national: &str) -> bool {
    let digit = |i: usize| national.as_bytes().get(i).copied().unwrap_or_default();
    let is_toll_free = national.starts_with('8') && digit(1) == digit(2);
    let is_service = digit(4) == b'1' && digit(5) == b'1' && !is_toll_free;
    digit(0) < b'2' || digit(3) < b'2' || is_service
}

fn is_fiction(digits: &str) -> bool {
    FICTION
        .iter()
        .any(|(prefix, behind)| digits.strip_prefix(prefix).is_some_and(|rest| rest.len() == *behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_cannot_exist_are_told_from_those_that_can() {
        use Validity::{Impossible, Possible, Unallocated};
        for (digits, place, validity) in [
            ("12125550188", Some("US"), Possible),
            ("16135550188", Some("CA"), Possible),
            ("18095551234", Some("DO"), Possible),
            ("18005551234", Some("US"), Possible),
            ("11125550188", None, Impossible),
            ("12121110188", None, Impossible),
            ("12129110188", None, Impossible),
            ("1212555018", Some("NANP"), Impossible),
            ("12115550188", Some("NANP"), Unallocated),
            ("4930123456", Some("DE"), Possible),
            ("491", Some("DE"), Impossible),
            ("8610123456781234", Some("CN"), Impossible),
            ("2101234567", None, Unallocated),
            ("33123456789", Some("FR"), Possible),
            ("80012345678", Some("freephone"), Possible),
            ("390612345678", Some("IT"), Possible),
            ("39612345678", Some("IT"), Unallocated),
            ("", None, Unallocated),
            ("1", Some("NANP"), Impossible),
            ("999", None, Unallocated),
        ] {
            assert_eq!(look_up(digits), (place, validity), "{digits}");
        }
    }

    #[test]
    fn a_national_prefix_behind_the_country_code_is_no_mistake_in_the_number() {
        for digits in ["4402079460123", "442079460123", "49030123456"] {
            assert_eq!(look_up(digits).1, Validity::Possible, "{digits}");
        }
        assert_eq!(look_up("440020794601").1, Validity::Unallocated);
    }

    #[test]
    fn an_area_that_is_assigned_is_not_nobodys() {
        assert_eq!(look_up("14362345678"), (Some("US"), Validity::Possible));
        assert_eq!(look_up("14361345678").1, Validity::Impossible);
        assert_eq!(look_up("12112345678").1, Validity::Unallocated);
        assert!(AREAS.len() > 40, "{}", AREAS.len());
        for area in AREAS.keys() {
            let number = format!("1{area}2345678");
            let (code, national) = split(&number).unwrap();
            assert!(area.len() == 3 && code.region(national).is_none(), "{area} needs no line");
        }
    }

    #[test]
    fn numbers_for_fiction_can_exist() {
        for digits in
            ["12125550123", "441632960123", "447700900123", "442079460999", "33639981234", "353209112345"]
        {
            assert_eq!(look_up(digits).1, Validity::Possible, "{digits}");
        }
        assert_eq!(look_up("441632961123").1, Validity::Unallocated);
        for (prefix, behind) in FICTION.iter() {
            let number = format!("{prefix}{:0behind$}", 1);
            let (code, national) = split(&number).unwrap();
            assert!(
                code.has_length(national.len()) && code.region(national).is_none(),
                "{number} needs no line"
            );
        }
    }

    /// Digits that end early, go on too long, or are none.
    #[test]
    fn any_text_is_looked_up() {
        for text in ["+", "1x", "49ü", "441632960", "1212555018812345678901234567890"] {
            assert_ne!(look_up(text).1, Validity::Possible, "{text}");
        }
    }
}
