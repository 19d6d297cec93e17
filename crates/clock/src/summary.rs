//! A device's clock in one piece: what its segments and its reading say together.

use crate::{Discipline, NoFit, Rate, Reading, SegmentStats, Skew, SkewFit, policy};

/// The clock of one timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockSummary {
    /// Unbroken runs of refreshes.
    pub segments: usize,
    /// The nominal period in seconds; none where the intervals are drawn, whatever grid they lie on.
    pub period_s: Option<f64>,
    /// The mean interval of the longest run, in seconds.
    pub period_observed_s: Option<f64>,
    /// How the timer is armed.
    pub discipline: Discipline,
    /// The paper's slope: least squares over all refreshes.
    pub slope: Option<SkewFit>,
    /// The clock's own skew.
    pub skew: Option<Skew>,
    /// The reason why there is no skew.
    pub no_fit: Option<NoFit>,
    /// How much later than its period after the answer the next refresh was sent, in seconds.
    pub lateness_s: Option<f64>,
    /// The rate of the refreshes with the path taken out.
    pub rate: Option<Rate>,
}

impl ClockSummary {
    /// Of a timeline's segments, and the reading of all of them together.
    #[must_use]
    pub fn of(segments: &[SegmentStats], reading: &Result<Reading, NoFit>) -> Self {
        let is_drawn = segments.iter().any(SegmentStats::is_drawn);
        let longest = segments.iter().filter(|_| !is_drawn).max_by_key(|s| s.refreshes);
        let read = reading.as_ref().ok();
        let period_s = read.filter(|_| !is_drawn).map(|r| r.period_s).or(longest.map(|s| s.period_s));
        Self {
            segments: segments.len(),
            period_s: period_s.filter(|p| *p > 0.0),
            period_observed_s: longest.map(|s| s.period_observed_s).filter(|p| *p > 0.0),
            discipline: match reading {
                Ok(reading) => reading.discipline,
                Err(NoFit::IrregularIntervals) => Discipline::Randomised,
                Err(_) => Discipline::Undetermined,
            },
            slope: read.map(|r| r.slope),
            skew: read.and_then(|r| r.skew.ok()),
            no_fit: match reading {
                Ok(reading) => reading.skew.err(),
                Err(reason) => Some(*reason),
            },
            lateness_s: read.and_then(|r| r.lateness_s),
            rate: read.and_then(|r| r.rate),
        }
    }

    /// The rule by which the period follows from an expiry that was granted, see [`policy`].
    #[must_use]
    pub fn policy(&self, expires_s: Option<i64>) -> Option<String> {
        policy(self.period_s?, u32::try_from(expires_s?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use bellwether_base::{Span, Timestamp};

    use super::*;
    use crate::{RegisterTimeline, read_clock};

    fn summary(intervals_s: impl Iterator<Item = i64>) -> ClockSummary {
        let mut timeline = RegisterTimeline::default();
        let mut at = Timestamp::from_nanos(0);
        for interval in std::iter::once(0).chain(intervals_s) {
            at = at + Span::from_secs(interval);
            timeline.refresh(at, None);
        }
        let segments = timeline.segments();
        ClockSummary::of(&segments, &read_clock(&segments, None))
    }

    #[test]
    fn a_schedule_has_a_period_and_the_rule_that_gives_it() {
        let clock = summary([30; 40].into_iter());
        assert_eq!((clock.segments, clock.period_s, clock.period_observed_s), (1, Some(30.0), Some(30.0)));
        assert_eq!(clock.policy(Some(60)).as_deref(), Some("expires - 30 s or expires x 0.5"));
        assert_eq!(clock.policy(None), None);
        assert_eq!(clock.policy(Some(-60)), None, "an expiry that makes no sense");
    }

    #[test]
    fn drawn_intervals_have_no_period() {
        let clock = summary((0..60).map(|i| 25 + i * i % 11));
        assert_eq!((clock.period_s, clock.period_observed_s), (None, None));
        assert_eq!(clock.discipline, Discipline::Randomised);
        assert_eq!(clock.policy(Some(60)), None);
    }

    #[test]
    fn a_few_refreshes_say_why_there_is_no_clock() {
        let clock = summary([30].into_iter());
        assert_eq!((clock.slope, clock.skew, clock.rate), (None, None, None));
        assert_eq!(clock.no_fit, Some(NoFit::TooFewRefreshes));
        assert_eq!(clock.discipline, Discipline::Undetermined);
    }
}
