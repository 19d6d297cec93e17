//! Plausibility of a media clock's slope. No crystal is off by more than some hundred ppm. A larger deviation
//! means another clock rate, a sender that does not keep up, or no clock.

use std::fmt;

use bellwether_base::Ppm;

/// Largest clock error in ppm. Registrations allow half of this; crystals of sound cards are cheaper.
const MOST: f64 = 1000.0;

/// A slower sender does not keep up. Sound cards off by 2.5 % have been observed.
const STARVED: f64 = -30_000.0;

/// Clock rates of codecs in Hz (RFC 3551 table 4, RFC 7587, and the rates of sound cards).
const RATES: [u32; 10] = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 90_000];

/// Largest tolerance in ppm that the interval of a clock adds when it is matched to one of those rates.
const WIDEST: f64 = 5000.0;

/// The reason for a missing rate of a media clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRate {
    /// The nominal clock rate is unknown.
    RateUnknown,
    /// Too few seconds of media, or too few reports.
    TooShort,
    /// The sender sent no sender reports.
    NoReports,
    /// The timestamps count at another rate than the codec's, in Hz.
    WrongRate(u32),
    /// The sender sends too slowly: a busy machine, not a clock.
    Starved,
    /// The deviation is too large for a crystal.
    Implausible,
    /// The interval is wider than the differences between clocks.
    IntervalTooWide,
}

impl NoRate {
    /// Name in reports.
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

/// Returns the slope and its 95 % interval if they are plausible for a clock with this nominal rate in Hz.
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

/// The codec rate that matches the ticks per second within a tolerance in ppm.
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
        // Observed slopes with their known causes.
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
