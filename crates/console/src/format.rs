//! Numbers with units, times and texts as pages show them.

use bellwether_base::{Shown, Timestamp};
use bellwether_report::{parse_time, rfc3339};
use maud::{Markup, html};

/// Text of traffic: controls and directions are shown as pictures. Maud escapes the rest.
pub(crate) fn t(text: &str) -> Shown {
    Shown::of(text)
}

/// The beginning of a text of traffic.
pub(crate) fn cut(text: &str, columns: usize) -> Shown {
    Shown::within(text, columns)
}

/// No value.
pub(crate) const NONE: &str = "\u{2013}";

/// A whole number with thin groups of three digits.
pub(crate) fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::new();
    if n < 0 {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: the noun takes an s but for one.
pub(crate) fn several(n: i64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A number with a fixed number of decimals, or a dash.
pub(crate) fn decimal(n: Option<f64>, digits: usize) -> String {
    n.map_or_else(|| NONE.to_owned(), |n| fixed(n, digits))
}

/// A number with a fixed number of decimals and groups of three digits. There is no negative zero.
pub(crate) fn fixed(n: f64, digits: usize) -> String {
    let text = format!("{n:.digits$}");
    let text = if text.trim_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text };
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(w, r)| (w, Some(r)));
    let grouped = match whole.parse::<i64>() {
        Ok(n) if whole.starts_with('-') && n == 0 => format!("-{}", count(n)),
        Ok(n) => count(n),
        Err(_) => whole.to_owned(),
    };
    rest.map_or_else(|| grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

/// A number with a sign.
pub(crate) fn signed(n: f64, digits: usize) -> String {
    let text = fixed(n, digits);
    if n > 0.0 && text.bytes().any(|b| matches!(b, b'1'..=b'9')) { format!("+{text}") } else { text }
}

/// A share in percent.
pub(crate) fn percent(part: u64, of: u64) -> String {
    if of == 0 { NONE.to_owned() } else { format!("{} %", fixed(part as f64 / of as f64 * 100.0, 1)) }
}

/// A probability in percent, never rounded to certainty.
pub(crate) fn probability(p: Option<f64>) -> String {
    match p {
        None => NONE.to_owned(),
        Some(p) if p > 0.999 => "> 99.9 %".to_owned(),
        Some(p) if p < 0.001 => "< 0.1 %".to_owned(),
        Some(p) => format!("{} %", fixed(p * 100.0, 1)),
    }
}

/// A span in the two largest units.
pub(crate) fn span(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as i64;
    match whole {
        0 if seconds > 0.0 => format!("{} ms", fixed(seconds * 1000.0, 0)),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {:02} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// An age: one unit.
pub(crate) fn age(from: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(from).as_secs_f64().max(0.0) as i64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Octets in the largest unit.
pub(crate) fn octets(n: i64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1024.0 {
            return format!("{} {unit}", fixed(value, if unit == "B" { 0 } else { 1 }));
        }
        value /= 1024.0;
    }
    format!("{} GiB", fixed(value, 1))
}

/// A moment to the second; the element holds the whole one.
pub(crate) fn time(at: Timestamp) -> Markup {
    moment(&rfc3339(at))
}

/// The same of a moment that is RFC 3339 already.
pub(crate) fn moment(text: &str) -> Markup {
    html! { time datetime=(text) { (to_second(text)) } }
}

/// The same of a moment that may be missing.
pub(crate) fn maybe_moment(text: Option<&str>) -> Markup {
    text.map_or_else(|| html! { (NONE) }, moment)
}

/// A moment without its fraction, with a space between day and time (RFC 3339 section 5.6 allows one).
pub(crate) fn to_second(text: &str) -> String {
    let day = text.get(..10).unwrap_or(text);
    text.get(11..19).map_or_else(|| day.to_owned(), |time| format!("{day} {time}Z"))
}

/// A moment in nanoseconds of an RFC 3339 text.
pub(crate) fn nanos(text: &str) -> Option<i64> {
    parse_time(text).map(Timestamp::as_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_groups_and_no_negative_zero() {
        assert_eq!(
            (count(1_234_567).as_str(), count(-1000).as_str(), count(999).as_str()),
            ("1,234,567", "-1,000", "999")
        );
        assert_eq!(
            (fixed(-0.04, 1).as_str(), fixed(-0.5, 1).as_str(), fixed(1234.5, 2).as_str()),
            ("0.0", "-0.5", "1,234.50")
        );
        assert_eq!((signed(0.01, 1).as_str(), signed(2.0, 1).as_str()), ("0.0", "+2.0"));
    }

    #[test]
    fn spans_and_moments_are_short() {
        assert_eq!(
            (span(0.25).as_str(), span(61.0).as_str(), span(90_000.0).as_str()),
            ("250 ms", "1 min 01 s", "1 d 01 h")
        );
        assert_eq!(to_second("2026-11-21T03:43:51.821508000Z"), "2026-11-21 03:43:51Z");
        assert_eq!(
            (probability(Some(0.99999)).as_str(), probability(Some(0.5)).as_str()),
            ("> 99.9 %", "50.0 %")
        );
    }
}
