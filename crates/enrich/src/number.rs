use crate::DialPlan;
use crate::emergency::is_service;
use crate::numbering::{Validity, look_up};

/// The kind of a user part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberKind {
    /// `+` and digits, or `00` and digits.
    International,
    /// Seven to fifteen digits.
    Subscriber,
    /// Up to six digits.
    Short,
    /// Starts with `*` or `#`: a feature code.
    Service,
    /// An emergency number at the site.
    Emergency,
    /// `anonymous`, `unknown` and their like, or nothing.
    Anonymous,
    /// A name.
    Name,
}

impl NumberKind {
    /// Name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::International => "international",
            Self::Subscriber => "subscriber",
            Self::Short => "short",
            Self::Service => "service",
            Self::Emergency => "emergency",
            Self::Anonymous => "anonymous",
            Self::Name => "name",
        }
    }
}

/// Facts of a number that judging needs, derived before a token takes the number's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberFacts {
    /// Its kind.
    pub kind: NumberKind,
    /// Digits in it.
    pub digits: u8,
    /// Country calling code, for international numbers.
    pub country: Option<String>,
    /// The country or service of the country code, if the code is known.
    pub place: Option<&'static str>,
    /// Validity; none for numbers whose country code is not known.
    pub validity: Option<Validity>,
}

impl NumberFacts {
    /// Of a user part.
    #[must_use]
    pub fn of(user: &str, plan: &DialPlan) -> Self {
        let number = canonical(user);
        let digits = number.strip_prefix('+').unwrap_or(&number);
        let is_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let kind = match number.as_str() {
            "" | "anonymous" | "unknown" | "restricted" | "unavailable" | "private" => NumberKind::Anonymous,
            n if plan.is_emergency(n) || is_service(n) => NumberKind::Emergency,
            n if n.starts_with(['*', '#']) => NumberKind::Service,
            n if is_digits && n.starts_with('+') => NumberKind::International,
            _ if is_digits && digits.len() <= 6 => NumberKind::Short,
            _ if is_digits => NumberKind::Subscriber,
            _ => NumberKind::Name,
        };
        let country = (kind == NumberKind::International).then(|| country_code(digits).to_owned());
        let is_number = matches!(kind, NumberKind::International | NumberKind::Subscriber);
        let found = is_number.then(|| plan.international(&number)).flatten().map(|digits| look_up(&digits));
        Self {
            kind,
            digits: u8::try_from(digits.len()).unwrap_or(u8::MAX),
            country,
            place: found.and_then(|(place, _)| place),
            validity: found.map(|(_, validity)| validity),
        }
    }
}

/// One spelling per number: visual separators (RFC 3966 section 3) out, `00` to `+`, names in lower case.
pub(crate) fn canonical(user: &str) -> String {
    let looks_dialled =
        user.starts_with(['+', '*', '#', '(']) || user.starts_with(|c: char| c.is_ascii_digit());
    if !looks_dialled {
        return user.to_ascii_lowercase();
    }
    // Parameters of the user part (RFC 4904 and others) are no part of the number.
    let number = user.split(';').next().unwrap_or(user);
    let mut bare = String::with_capacity(number.len());
    bare.extend(number.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')));
    if bare.len() >= 9 && bare.starts_with("00") {
        bare.replace_range(..2, "+");
    }
    bare
}

/// The country calling code at the front (ITU-T E.164 list of assigned codes): 1 and 7 have one digit, those
/// listed have two, all others three.
pub(crate) fn country_code(digits: &str) -> &str {
    let len = match digits.as_bytes() {
        [b'1' | b'7', ..] => 1,
        [b'2', b'0' | b'7', ..] => 2,
        [b'3', b'0'..=b'4' | b'6' | b'9', ..] => 2,
        [b'4', b'0' | b'1' | b'3'..=b'9', ..] => 2,
        [b'5', b'1'..=b'8', ..] => 2,
        [b'6', b'0'..=b'6', ..] => 2,
        [b'8', b'1' | b'2' | b'4' | b'6', ..] => 2,
        [b'9', b'0'..=b'5' | b'8', ..] => 2,
        _ => 3,
    };
    digits.get(..len).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_by_kind_and_country() {
        let facts = |user| {
            let f = NumberFacts::of(user, &DialPlan::default());
            (f.kind, f.country)
        };
        assert_eq!(facts("+1 (212) 555-0188"), (NumberKind::International, Some("1".into())));
        assert_eq!(facts("0049301234567"), (NumberKind::International, Some("49".into())));
        assert_eq!(facts("+35312345678"), (NumberKind::International, Some("353".into())));
        assert_eq!(facts("101"), (NumberKind::Short, None));
        assert_eq!(facts("*72"), (NumberKind::Service, None));
        assert_eq!(facts("urn:service:sos.police"), (NumberKind::Emergency, None));
        assert_eq!(facts("911"), (NumberKind::Emergency, None));
        assert_eq!(facts("Anonymous"), (NumberKind::Anonymous, None));
        assert_eq!(facts("alice"), (NumberKind::Name, None));
        assert_eq!(facts("2125550188;npdi"), (NumberKind::Subscriber, None));
    }
}
