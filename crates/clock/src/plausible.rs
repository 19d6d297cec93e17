//! What a media clock's slope may be: no crystal is off by more than some hundred ppm, so what is far from its nominal rate is
//! another rate, a sender that does not keep up, or no clock at all.

use std::fmt;

use bellwether_base::Ppm;

/// A clock that is further off is none. Registrations have half of this; a sound card's crystal is a cheaper one.
const MOST: f64 = 1000.0;

/// A sender that is slower than this does not keep up. Sound cards off by 2.5 % have been seen.
const STARVED: f64 = -30_000.0;

/// The clock rates of codecs, in Hz (RFC 3551 table 4, RFC 7587, and the rates of sound cards).
const RATES: [u32; 10] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000];

/// How far the interval of a clock may widen what counts as one of those rates, in ppm.
const WIDEST: f64 = 5000.0;

/// Why the clock of a media stream has no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRate {
    /// Nobody said how many ticks make a second.
    RateUnknown,
    /// Too few seconds, or reports, were seen.
    TooShort,
    /// The sender reported no clock.
    NoReports,
    /// The time stamps count at another rate than the codec's, in Hz.
    WrongRate(u32),
    /// The sender sends less than it should: a busy machine, not a clock.
    Starved,
    /// No crystal is so far off.
    Implausible,
    /// The interval is wider than what clocks differ by.
    IntervalTooWide,
}

impl NoRate {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateUnknown => "rate_unknown",
            Self::TooShort => "too_short",
            Self::NoReports => "no_reports",
            Self::WrongRate(_) => "wrong_rate",
            Self::Starved => "starved",
            Self::Implausible => "implausible",
            Self::IntervalTooWide => "interval_too_wide",
        }
    }
}

impl fmt::Display for NoRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A slope and its 95 % interval, if a clock of that nominal rate (Hz) can have it.
pub(crate) fn plausible(read: Option<(Ppm, (Ppm, Ppm))>, nominal: u32) -> Result<(Ppm, (Ppm, Ppm)), NoRate> {
    if nominal == 0 {
        return Err(NoRate::RateUnknown);
    }
    let (rate, (low, high)) = read.ok_or(NoRate::TooShort)?;
    let (ppm, half) = (rate.0, (high.0 - low.0) / 2.0);
    if half > MOST.max(ppm.abs() / 2.0) {
        return Err(NoRate::IntervalTooWide);
    }
    if ppm.abs() <= MOST {
        return Ok((rate, (low, high)));
    }
    let shown = f64::from(nominal) * (1.0 + ppm / 1e6);
    if let Some(actual) = codec_rate(shown, MOST + half.min(WIDEST)).filter(|actual| *actual != nominal) {
        return Err(NoRate::WrongRate(actual));
    }
    Err(match ppm {
        _ if ppm.abs() - half <= MOST => NoRate::IntervalTooWide,
        ..STARVED => NoRate::Starved,
        _ => NoRate::Implausible,
    })
}

/// The codec's rate that so many ticks in a second are, up to some ppm.
pub(crate) fn codec_rate(ticks_per_s: f64, within: f64) -> Option<u32> {
    RATES.into_iter().find(|rate| (ticks_per_s / f64::from(*rate) - 1.0).abs() * 1e6 <= within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(ppm: f64, half: f64, nominal: u32) -> Result<f64, &'static str> {
        let read = Some((Ppm(ppm), (Ppm(ppm - half), Ppm(ppm + half))));
        plausible(read, nominal).map(|(rate, _)| rate.0).map_err(NoRate::name)
    }

    #[test]
    fn a_crystal_has_a_rate_and_what_is_none_has_a_reason() {
        assert_eq!(judged(-85.0, 20.0, 8000), Ok(-85.0));
        assert_eq!(judged(900.0, 900.0, 8000), Ok(900.0));
        // Slopes that were seen, and what they were.
        for (ppm, half, nominal, reason) in [
            (-274_375.0, 95.0, 11_025, "wrong_rate"),
            (1_000_020.0, 30.0, 8000, "wrong_rate"),
            (-351_562.0, 840.0, 48_000, "starved"),
            (-359_916.0, 140_000.0, 8000, "starved"),
            (-90_072.0, 21_000.0, 8000, "starved"),
            (-25_071.0, 390.0, 16_000, "implausible"),
            (12_890.0, 900.0, 8000, "implausible"),
            (3328.0, 200.0, 8000, "implausible"),
            (-103_579.0, 75_000.0, 8000, "interval_too_wide"),
            (40.0, 1001.0, 8000, "interval_too_wide"),
            (1500.0, 900.0, 8000, "interval_too_wide"),
            (40.0, 1.0, 0, "rate_unknown"),
        ] {
            assert_eq!(judged(ppm, half, nominal), Err(reason), "{ppm} +- {half} of {nominal}");
        }
        assert_eq!(plausible(None, 8000), Err(NoRate::TooShort));
    }

    #[test]
    fn the_rate_that_the_stamps_count_at_is_named() {
        let read = Some((Ppm(-274_375.0), (Ppm(-274_470.0), Ppm(-274_280.0))));
        assert_eq!(plausible(read, 11_025), Err(NoRate::WrongRate(8000)));
    }
}
