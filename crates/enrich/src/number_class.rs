//! Classes of international numbers by what a call to them costs: the national ranges that libphonenumber tells apart, and the
//! country codes of international services.

use crate::number::country_code;
use crate::numbering_plan::split;

/// What a call to a number costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum NumberClass {
    /// All other numbers, mobile numbers among them, and numbers in ranges that nobody has.
    #[default]
    Ordinary,
    /// Premium rate: the called party has a share of what the caller pays. +979, and national ranges.
    Premium,
    /// Caller and called party share the cost. +808, and national ranges.
    SharedCost,
    /// The called party pays. +800, and national ranges.
    TollFree,
    /// Satellite systems (+870, +881), and the international networks of +882 and +883, which are priced alike. Some of
    /// these networks serve satellite telephones, ships and aircraft.
    Satellite,
}

impl NumberClass {
    const ALL: [Self; 5] = [Self::Ordinary, Self::Premium, Self::SharedCost, Self::TollFree, Self::Satellite];

    /// Name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Premium => "premium",
            Self::SharedCost => "shared_cost",
            Self::TollFree => "toll_free",
            Self::Satellite => "satellite",
        }
    }

    /// The class with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// The class of an international number, digits from the country code on, without plus.
///
/// The class of an international service follows from its country code alone, even if the number is too short or nobody has
/// its range. Every other number must lie in a range that somebody has, and is ordinary otherwise. Text with anything but digits
/// in it is ordinary, too.
///
/// ```
/// use bellwether_enrich::{NumberClass, class_of};
///
/// assert_eq!(class_of("19002123456"), NumberClass::Premium);
/// assert_eq!(class_of("12125550188"), NumberClass::Ordinary);
/// ```
#[must_use]
pub fn class_of(digits: &str) -> NumberClass {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return NumberClass::Ordinary;
    }
    if let Some(class) = service(country_code(digits)) {
        return class;
    }
    let Some((code, national)) = split(digits) else { return NumberClass::Ordinary };
    code.class(code.without_prefix(national))
}

/// The class of all numbers of a country code (ITU-T E.164 annex; ITU list of assigned country codes).
fn service(country_code: &str) -> Option<NumberClass> {
    match country_code {
        "800" => Some(NumberClass::TollFree),
        "808" => Some(NumberClass::SharedCost),
        "870" | "881" | "882" | "883" => Some(NumberClass::Satellite),
        "979" => Some(NumberClass::Premium),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::NumberClass::{Ordinary, Premium, Satellite, SharedCost, TollFree};
    use super::*;

    #[test]
    fn national_ranges_have_classes() {
        for (digits, class) in [
            // Germany: 0900, 0180, 0800, and Berlin.
            ("499001234567", Premium),
            ("4918012345", SharedCost),
            ("498001234567", TollFree),
            ("4930123456", Ordinary),
            ("4915123456789", Ordinary),
            // Britain: 09, 0871, 0800, and London.
            ("449012345678", Premium),
            ("448712345678", Premium),
            ("448001234567", TollFree),
            ("442079460123", Ordinary),
            // France: 0899, 081, 080, and Paris.
            ("33899123456", Premium),
            ("33810123456", SharedCost),
            ("33801234567", TollFree),
            ("33123456789", Ordinary),
            // North America.
            ("19002123456", Premium),
            ("18002123456", TollFree),
            ("18882123456", TollFree),
            ("12125550188", Ordinary),
            // Italy writes the zero of its fixed lines, and no zero here.
            ("39899123456", Premium),
            ("39800123456", TollFree),
            ("390612345678", Ordinary),
        ] {
            assert_eq!(class_of(digits), class, "{digits}");
        }
    }

    #[test]
    fn a_national_prefix_behind_the_country_code_changes_no_class() {
        assert_eq!(class_of("4909001234567"), Premium);
        assert_eq!(class_of("4409012345678"), Premium);
        assert_eq!(class_of("4408001234567"), TollFree);
    }

    #[test]
    fn international_services_have_the_class_of_their_country_code() {
        for (digits, class) in [
            ("80012345678", TollFree),
            ("80812345678", SharedCost),
            ("979123456789", Premium),
            ("870773111632", Satellite),
            ("881612345678", Satellite),
            ("8821612345678", Satellite),
            ("883510000012345", Satellite),
            ("878101234567890", Ordinary),
            // Too short, too long, or in a range that nobody has.
            ("800", TollFree),
            ("8081", SharedCost),
            ("979000", Premium),
            ("881", Satellite),
            ("8829999", Satellite),
            ("8700000000000000000000", Satellite),
        ] {
            assert_eq!(class_of(digits), class, "{digits}");
        }
    }

    #[test]
    fn numbers_that_nobody_has_and_other_texts_are_ordinary() {
        for text in ["", "4", "49", "49900", "4990012345678901234", "1900212345", "999", "88", "2101234567"] {
            assert_eq!(class_of(text), Ordinary, "{text}");
        }
        for text in ["+19002123456", "1900212345x", "881 alice", "49ü", "8٨1", "anonymous"] {
            assert_eq!(class_of(text), Ordinary, "{text}");
        }
    }

    #[test]
    fn every_class_has_a_name_of_its_own() {
        for class in NumberClass::ALL {
            assert_eq!(NumberClass::named(class.name()), Some(class));
        }
        assert_eq!(NumberClass::named("mobile"), None);
        assert_eq!(NumberClass::default(), Ordinary);
    }

    proptest! {
        #[test]
        fn any_text_has_a_class(text in any::<String>(), digits in "[0-9]{0,20}") {
            prop_assert!(NumberClass::ALL.contains(&class_of(&text)));
            prop_assert!(NumberClass::ALL.contains(&class_of(&digits)));
        }
    }
}
