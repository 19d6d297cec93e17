//! The readings of a number: which country it is in depends on the numbering plan of those who wrote it.

use std::fmt::{self, Write};
use std::str::FromStr;

use crate::number::country_code;
use crate::numbering::{Validity, look_up};
use crate::{DialPlan, NumberClass, RiskyDestinations, class_of};

/// The fewest digits of a number abroad, country code included.
const MIN_TOLD: usize = 7;

/// Digits that name a range.
const RANGE: usize = 7;

/// The readings of a number, derived before a token takes the number's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NumberReadings {
    /// The number says its country: behind a plus or an international prefix, or by the operator's plan.
    pub told: Option<Reading>,
    /// True if an international prefix was dialled, as subscribers dial.
    pub is_dialled: bool,
    /// The digits read as a number that begins with its country code, without any prefix.
    pub bare: Option<Reading>,
    /// True for a number of at least seven digits.
    pub is_number: bool,
}

/// One reading of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The country calling code. An area of the North American plan outside the United States and Canada stands
    /// behind the 1: 1242 is the Bahamas.
    pub country: u16,
    /// What the range costs.
    pub class: NumberClass,
    /// True for a destination that is dialled for fraud.
    pub is_risky: bool,
    /// Keyed hash of the first seven digits.
    pub range: i64,
}

impl NumberReadings {
    /// Of a user part. `range` hashes the beginning of a number.
    #[must_use]
    pub fn of(user: &str, plan: &DialPlan, risky: &RiskyDestinations, range: impl Fn(&str) -> i64) -> Self {
        let user = user.split(';').next().unwrap_or(user);
        let number: String =
            user.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ' | ',')).take(32).collect();
        let number = without_codes(&number);
        let digits = number.strip_prefix('+').unwrap_or(number);
        if digits.len() < MIN_TOLD || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Self::default();
        }
        let read = |digits: &str| Reading::of(digits, risky, &range);
        if number.starts_with('+') {
            return Self { told: Some(read(digits)), is_number: true, ..Self::default() };
        }
        if let Some(abroad) = plan.behind_prefix(digits).filter(|rest| rest.len() >= MIN_TOLD) {
            return Self { told: Some(read(abroad)), is_dialled: true, is_number: true, bare: None };
        }
        let by_plan = plan.international(number).map(|digits| read(&digits));
        Self {
            told: by_plan,
            is_dialled: false,
            bare: with_country_code(digits).map(|digits| read(&digits)),
            is_number: true,
        }
    }
}

impl Reading {
    fn of(digits: &str, risky: &RiskyDestinations, range: impl Fn(&str) -> i64) -> Self {
        let code = country_code(digits);
        let (place, _) = look_up(digits);
        let is_risky = risky.reason(digits).is_some();
        let is_apart =
            code == "1" && (is_risky || place.is_some_and(|place| !matches!(place, "US" | "CA" | "NANP")));
        let class = class_of(digits);
        let area = digits.get(..4).filter(|_| is_apart && class == NumberClass::Ordinary).unwrap_or(code);
        Self {
            country: area.parse().unwrap_or_default(),
            class,
            is_risky,
            range: range(digits.get(..RANGE).unwrap_or(digits)),
        }
    }
}

/// The number behind a feature code (`*67`, `#31#`) and a carrier code (101 and four digits), and without a final `#`. Both are dialled
/// before numbers abroad, too.
fn without_codes(number: &str) -> &str {
    let mut rest = number.trim_end_matches('#');
    if let Some(code) = rest.strip_prefix(['*', '#']) {
        let digits = code.bytes().take_while(u8::is_ascii_digit).count();
        // A code of service ends with a sign of its own, or has two digits.
        rest = match code.get(digits..) {
            Some(behind) if behind.starts_with(['*', '#']) => behind.trim_start_matches(['*', '#']),
            _ => code.get(2..).unwrap_or_default(),
        };
    }
    let behind_carrier = rest.strip_prefix("101").and_then(|rest| rest.get(4..));
    behind_carrier.filter(|rest| rest.starts_with("011") || rest.starts_with("00")).unwrap_or(rest)
}

/// The digits with a country code, if they can be read so: a number of the North American plan with or without its 1,
/// and any possible number.
fn with_country_code(digits: &str) -> Option<String> {
    let is_american = |national: &str| {
        let digit = |place: usize| national.as_bytes().get(place).copied().unwrap_or_default();
        national.len() == 10 && digit(0) >= b'2' && digit(3) >= b'2'
    };
    if is_american(digits) {
        return Some(format!("1{digits}"));
    }
    if digits.strip_prefix('1').is_some_and(is_american) {
        return Some(digits.to_owned());
    }
    let is_possible =
        digits.len() >= 9 && !digits.starts_with('0') && look_up(digits).1 == Validity::Possible;
    is_possible.then(|| digits.to_owned())
}

/// The form of a reading in the database: how the country was told, country, class, risk, range.
impl fmt::Display for NumberReadings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_number {
            return Ok(());
        }
        let told = if self.is_dialled { "dialled" } else { "told" };
        let all = [(told, self.told), ("bare", self.bare)];
        f.write_str("number")?;
        for (how, reading) in all.into_iter().filter_map(|(how, reading)| Some((how, reading?))) {
            let risk = if reading.is_risky { "risky" } else { "-" };
            write!(f, ";{how} {} {} {risk} {:x}", reading.country, reading.class.name(), reading.range)?;
        }
        Ok(())
    }
}

/// A text that is no [`NumberReadings`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no readings of a number")]
pub struct NoReadings;

impl FromStr for NumberReadings {
    type Err = NoReadings;

    fn from_str(text: &str) -> Result<Self, NoReadings> {
        let mut all = text.split(';');
        let mut readings = match all.next() {
            Some("") | None => return Ok(Self::default()),
            Some("number") => Self { is_number: true, ..Self::default() },
            Some(_) => return Err(NoReadings),
        };
        for part in all {
            let words: Vec<&str> = part.split(' ').collect();
            let [how, country, class, risk, range] = words.as_slice() else { return Err(NoReadings) };
            let reading = Reading {
                country: country.parse().map_err(|_| NoReadings)?,
                class: NumberClass::named(class).ok_or(NoReadings)?,
                is_risky: *risk == "risky",
                range: i64::from_str_radix(range, 16).map_err(|_| NoReadings)?,
            };
            match *how {
                "bare" => readings.bare = Some(reading),
                how => {
                    readings.told = Some(reading);
                    readings.is_dialled = how == "dialled";
                }
            }
        }
        Ok(readings)
    }
}

impl NumberReadings {
    /// The text that the database holds; empty for no number.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(64);
        let _ = write!(text, "{self}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(user: &str, plan: &DialPlan) -> NumberReadings {
        NumberReadings::of(user, plan, &RiskyDestinations::default(), |range| range.parse().unwrap_or(7))
    }

    #[test]
    fn a_number_is_read_by_the_prefix_that_it_has() {
        let plan = DialPlan::default();
        let country = |user: &str| {
            let found = readings(user, &plan);
            (found.told.map(|of| of.country), found.is_dialled, found.bare.map(|of| of.country))
        };
        assert_eq!(country("0025261234567"), (Some(252), true, None));
        assert_eq!(country("01144207946012"), (Some(44), true, None));
        assert_eq!(country("+49301234567"), (Some(49), false, None));
        assert_eq!(country("13055550188"), (None, false, Some(1)));
        assert_eq!(country("3055550188"), (None, false, Some(1)));
        assert_eq!(country("12425550188"), (None, false, Some(1242)));
        assert_eq!(country("4930123456"), (None, false, Some(49)));
        assert_eq!(country("030123456"), (None, false, None));
        assert_eq!(country("00999123456789"), (Some(999), true, None));
        for spelled in [
            "*67+252612345678",
            "*82011252612345678",
            "#31#00252612345678",
            "1010288011252612345678",
            "9,011252612345678",
            "011252612345678#",
        ] {
            assert_eq!(country(spelled).0, Some(252), "{spelled}");
        }
        for none in ["101", "alice", "", "*72", "+", "00"] {
            assert_eq!(readings(none, &plan), NumberReadings::default(), "{none}");
        }
    }

    #[test]
    fn the_operators_plan_says_where_a_national_number_is() {
        let plan = DialPlan { country_code: "49".into(), national: "0".into(), ..DialPlan::default() };
        assert_eq!(readings("030123456", &plan).told.map(|of| of.country), Some(49));
        assert_eq!(readings("09001234567", &plan).told.map(|of| of.class), Some(NumberClass::Premium));
    }

    #[test]
    fn readings_survive_the_database() {
        let plan = DialPlan::default();
        for user in ["0025261234567", "+49301234567", "13055550188", "030123456", "alice", "008821612345"] {
            let found = readings(user, &plan);
            assert_eq!(found.text().parse(), Ok(found), "{user}");
        }
        assert_eq!("number;bare 1".parse::<NumberReadings>(), Err(NoReadings));
        assert_eq!("what".parse::<NumberReadings>(), Err(NoReadings));
    }
}
