//! Clock readings in the headers Date and Timestamp.

use bellwether_base::{Span, Timestamp};
use bellwether_sip::{Message, Name};

use crate::{Evidence, number, reading, unix_seconds};

pub(crate) fn read(message: &Message<'_>, at: Timestamp, found: &mut Vec<Evidence>) {
    let date = message
        .get(Name::Date)
        .and_then(seconds)
        .and_then(|seconds| reading(seconds.checked_mul(1_000_000_000)?, Span::from_secs(1), at));
    found.extend(date.map(|clock| Evidence::clock("date", clock)));
    // RFC 3261 section 20.38 does not define the epoch; Cisco's gateways write seconds since 1970.
    let timestamp = message.get(Name::Timestamp).and_then(|value| {
        let whole = value.split(|b| matches!(b, b'.' | b' ')).next()?;
        unix_seconds(number(whole, 10)?, at)
    });
    found.extend(timestamp.map(|clock| Evidence::clock("timestamp", clock)));
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Converts a date like `Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 section 20.17) to seconds since 1970.
fn seconds(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?;
    let mut words = text.split([' ', ',']).filter(|w| !w.is_empty()).skip(1);
    let day: i64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))? as i64 + 1;
    let year: i64 = words.next()?.parse().ok().filter(|year| (1970..=2200).contains(year))?;
    let mut clock = words.next()?.split(':').map(|n| n.parse::<i64>().ok().filter(|n| (0..=60).contains(n)));
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Days since 1970 in the Gregorian calendar, with years that start in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_to_the_second() {
        assert_eq!(seconds(b"Sat, 13 Nov 2010 23:29:00 GMT"), Some(1_289_690_940));
        assert_eq!(seconds(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds(b"Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
        for wrong in ["", "now", "Sat, 13 Nov", "Sat, 13 Xxx 2010 23:29:00 GMT", "Sat, 99 Nov 2010 1:2:3 GMT"]
        {
            assert_eq!(seconds(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn only_clocks_near_the_capture_count() {
        let message =
            "INVITE sip:a@b SIP/2.0\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\nTimestamp: 1289690941\r\n\r\n";
        let kinds = |seconds: i64| {
            let mut found = Vec::new();
            let at = Timestamp::from_nanos(seconds * 1_000_000_000);
            read(&Message::parse(message.as_bytes()), at, &mut found);
            found.into_iter().map(|e| e.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(1_289_690_950), ["date", "timestamp"]);
        assert!(kinds(1_389_690_950).is_empty());
    }
}
