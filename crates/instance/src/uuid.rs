//! UUIDs of version 1 (RFC 9562 section 5.1): a node and a clock, including the errors of two stacks.

use bellwether_base::{Span, Timestamp};

use crate::{Evidence, NTP_TO_UNIX, reading};

/// 100 ns intervals from the start of the Gregorian calendar to 1970.
const GREGORIAN_TO_UNIX: i128 = 122_192_928_000_000_000;

/// Generators with the error of their clock in seconds. Sofia-SIP takes seconds since 1900 for seconds since
/// 1970; Cisco's gateways are one day behind.
const VARIANTS: [(&str, i128); 3] =
    [("uuid1", 0), ("uuid1-sofia", NTP_TO_UNIX as i128), ("uuid1-cisco", -86_400)];

/// Reads a UUID from its 32 hexadecimal digits, if it has version 1 and its clock is near the capture time.
pub(crate) fn read(digits: u128, at: Timestamp) -> Option<Evidence> {
    let time_low = (digits >> 96) as i128;
    let time_mid = (digits >> 80 & 0xffff) as i128;
    let time_high = (digits >> 64 & 0xfff) as i128;
    if digits >> 76 & 0xf != 1 {
        return None;
    }
    let intervals = (time_high << 48 | time_mid << 32 | time_low) - GREGORIAN_TO_UNIX;
    let node = digits & 0xffff_ffff_ffff;
    VARIANTS.iter().find_map(|(kind, seconds)| {
        let nanos = i64::try_from((intervals - seconds * 10_000_000) * 100).ok()?;
        let clock = reading(nanos, Span::from_nanos(100), at)?;
        Some(Evidence { clock: Some(clock), ..Evidence::new(kind, format!("{node:012x}")) })
    })
}

/// Parses hexadecimal digits in groups of the given lengths between dashes, 32 digits in total.
pub(crate) fn digits(text: &[u8], groups: &[usize]) -> Option<u128> {
    let mut number = 0_u128;
    let mut parts = text.split(|b| *b == b'-');
    for length in groups {
        let part = parts.next().filter(|part| part.len() == *length)?;
        for digit in part {
            number = number << 4 | u128::from(char::from(*digit).to_digit(16)?);
        }
    }
    parts.next().is_none().then_some(number)
}

/// The form of RFC 9562.
pub(crate) const STANDARD: [usize; 5] = [8, 4, 4, 4, 12];

/// The form of Cisco's gateways.
pub(crate) const WORDS: [usize; 4] = [8, 8, 8, 8];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sofias_clock_is_seventy_years_ahead() {
        let at = Timestamp::from_nanos(1_358_834_013_000_000_000);
        let digits = digits(b"e5f1a8f1-defa-1230-b29f-001b7843d1c0", &STANDARD).unwrap();
        let found = read(digits, at).unwrap();
        assert_eq!((found.kind, found.instance.as_ref()), ("uuid1-sofia", "001b7843d1c0"));
        let clock = found.clock.unwrap().at;
        assert!(clock.since(at).max(at.since(clock)) < Span::from_secs(2), "{clock:?}");
    }

    #[test]
    fn the_right_time_is_read_and_other_versions_and_far_clocks_are_not() {
        // RFC 9562, appendix A.1: 2022-02-22 19:22:22.
        let at = Timestamp::from_nanos(1_645_557_742_000_000_000);
        let standard = digits(b"C232AB00-9414-11EC-B3C8-9F6BDECED846", &STANDARD).unwrap();
        let found = read(standard, at).unwrap();
        assert_eq!((found.kind, found.clock.unwrap().at), ("uuid1", at));
        let words = digits(b"C232AB00-941411EC-B3C89F6B-DECED846", &WORDS).unwrap();
        assert_eq!(words, standard);
        let cisco = read(words, at + Span::from_secs(86_400)).unwrap();
        assert_eq!(cisco.kind, "uuid1");
        assert_eq!(read(standard, at + Span::from_secs(2 * 86_400)).map(|e| e.kind), Some("uuid1-cisco"));
        assert_eq!(read(standard, at + Span::from_secs(9 * 86_400)), None);
        assert_eq!(read(digits(b"919108f7-52d1-4320-9bac-f847db4148a8", &STANDARD).unwrap(), at), None);
    }
}
