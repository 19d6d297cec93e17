use std::time::Duration;

use bellwether_base::Timestamp;

use crate::outcome::Failure;

/// Parses a time: RFC 3339, a date (midnight UTC), or an age before `now`.
pub(crate) fn moment(text: &str, now: jiff::Timestamp) -> Result<Timestamp, Failure> {
    let stamp = text
        .parse::<jiff::Timestamp>()
        .ok()
        .or_else(|| format!("{text}T00:00:00Z").parse().ok())
        .or_else(|| format!("{}Z", text.replace(' ', "T")).parse().ok())
        .map(jiff::Timestamp::as_nanosecond)
        .or_else(|| (text == "now").then(|| now.as_nanosecond()))
        .or_else(|| age(text.strip_prefix('-').unwrap_or(text)).map(|nanos| now.as_nanosecond() - nanos));
    stamp.and_then(|nanos| i64::try_from(nanos).ok()).map(Timestamp::from_nanos).ok_or_else(|| {
        Failure::Usage(format!(
            "\"{text}\" is not a time: give RFC 3339 (UTC without a zone), a date, now, or an age like 90s, 15m, 1h30m, 7d, 2w"
        ))
    })
}

/// Parses a time to come: RFC 3339, a date (midnight UTC), or a duration from `now`.
pub(crate) fn until(text: &str, now: jiff::Timestamp) -> Result<Timestamp, Failure> {
    if let Some(nanos) = age(text) {
        let nanos = i64::try_from(now.as_nanosecond() + nanos).unwrap_or(i64::MAX);
        return Ok(Timestamp::from_nanos(nanos));
    }
    moment(text, now)
}

/// A moment of the machine's clock.
pub(crate) fn now(now: jiff::Timestamp) -> Timestamp {
    Timestamp::from_nanos(i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX))
}

/// Parses a duration, such as 90s, 15m, 24h or 7d.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    age(text)
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(Duration::from_nanos)
        .ok_or_else(|| "give a duration like 90s, 15m, 24h or 7d".to_owned())
}

/// The nanoseconds of a duration: numbers with their units, such as 90s, 1h30m or 2w.
fn age(text: &str) -> Option<i128> {
    let mut rest = text;
    let mut sum: i128 = 0;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let seconds: i128 = match behind.chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            _ => return None,
        };
        sum += i128::from(number.parse::<u32>().ok()?) * seconds * 1_000_000_000;
        rest = behind.get(1..)?;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_dates_and_ages_are_read() {
        let now: jiff::Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let read = |text| moment(text, now).map(Timestamp::as_nanos).ok();
        let noon = now.as_nanosecond() as i64;
        assert_eq!(read("2026-11-21T13:00:00+01:00"), Some(noon));
        assert_eq!(read("2026-11-21"), Some(noon - 12 * 3_600_000_000_000));
        assert_eq!(read("2026-11-21 12:00:00"), Some(noon));
        assert_eq!(read("90s"), Some(noon - 90_000_000_000));
        assert_eq!(read("2d"), Some(noon - 2 * 86_400_000_000_000));
        assert_eq!(read("-1h30m"), Some(noon - 5400 * 1_000_000_000));
        assert_eq!((read("now"), read("1w")), (Some(noon), Some(noon - 7 * 86_400_000_000_000)));
        assert_eq!((read("yesterday"), read("h"), read("1h30"), read("1é")), (None, None, None, None));
        assert_eq!(read(""), None);
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert!(duration("15").is_err());
    }
}
