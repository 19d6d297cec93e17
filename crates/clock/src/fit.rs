use std::fmt;

use bellwether_base::Ppm;

use crate::SegmentStats;
use crate::line::student_t_975;

/// Fewest refreshes for a fit: three intervals leave at least one degree of freedom beside slope, offset and
/// the choice of the period.
const MIN_REFRESHES: u32 = 4;

/// A clock's rate against the sensor's clock, with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkewFit {
    /// Slope of the offsets. Positive: the device refreshes early, and its clock runs fast.
    pub skew: Ppm,
    /// 95 % interval of the slope.
    pub ci95: (Ppm, Ppm),
    /// Standard deviation of the offsets around the line, in seconds.
    pub residual_s: f64,
    /// Number of refreshes in the fit.
    pub refreshes: u32,
}

/// The reason for a missing skew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFit {
    /// Fewer than four refreshes.
    TooFewRefreshes,
    /// There are four refreshes or more, but restarts, refusals or changed expiries split the timeline into
    /// segments that are too short.
    Restarts,
    /// The intervals follow no period: they are random, or the user registers by hand.
    IrregularIntervals,
    /// The refreshes do not show if the timer is periodic or restarts with each answer, and each case needs
    /// another estimator.
    DisciplineUndetermined,
    /// The timer restarts with each answer, and no round trip was captured.
    PathUnknown,
}

impl NoFit {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooFewRefreshes => "too_few_refreshes",
            Self::Restarts => "restarts",
            Self::IrregularIntervals => "irregular_intervals",
            Self::DisciplineUndetermined => "discipline_undetermined",
            Self::PathUnknown => "path_unknown",
        }
    }
}

impl fmt::Display for NoFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn regular(segments: &[SegmentStats]) -> impl Iterator<Item = &SegmentStats> {
    segments.iter().filter(|s| s.refreshes >= 2 && s.period_s > 0.0)
}

/// The nominal period with the most refreshes; of equals the shorter. 0 if there is none.
pub(crate) fn main_period(segments: &[SegmentStats]) -> f64 {
    regular(segments)
        .max_by(|a, b| a.refreshes.cmp(&b.refreshes).then(b.period_s.total_cmp(&a.period_s)))
        .map_or(0.0, |s| s.period_s)
}

pub(crate) fn is_of_period(segment: &SegmentStats, period_s: f64) -> bool {
    segment.refreshes >= 2 && (segment.period_s - period_s).abs() < 1e-9
}

/// The paper's method (Sengar 2014, section 5): a least-squares line through the offset points, with one
/// slope common to all segments and one offset per segment.
///
/// The interval assumes independent residuals. For restart timers the residuals are dependent, and the slope
/// includes the path. Only segments of the main period are used.
///
/// # Errors
/// The reason for a missing slope.
pub fn pooled_fit(segments: &[SegmentStats]) -> Result<SkewFit, NoFit> {
    let period_s = main_period(segments);
    let all: u32 = segments.iter().map(|s| s.refreshes + s.off_grid).sum();
    let too_few =
        if all >= MIN_REFRESHES && segments.len() > 1 { NoFit::Restarts } else { NoFit::TooFewRefreshes };
    if period_s <= 0.0 {
        return Err(too_few);
    }
    let (mut n, mut groups, mut sxx, mut sxy, mut syy) = (0_u32, 0_u32, 0.0, 0.0, 0.0);
    for segment in segments.iter().filter(|s| is_of_period(s, period_s)) {
        n += segment.refreshes;
        groups += 1;
        sxx += segment.sxx;
        sxy += segment.sxy;
        syy += segment.syy;
    }
    let off_grid: u32 = segments.iter().map(|s| s.off_grid).sum();
    if off_grid * 3 > all {
        return Err(NoFit::IrregularIntervals);
    }
    let freedom = n.saturating_sub(groups + 1);
    if n < MIN_REFRESHES || freedom == 0 || sxx <= 0.0 {
        return Err(too_few);
    }
    let slope = sxy / sxx;
    let variance = ((syy - slope * sxy) / f64::from(freedom)).max(0.0);
    let half = student_t_975(freedom) * (variance / sxx).sqrt();
    Ok(SkewFit {
        skew: Ppm(slope * 1e6),
        ci95: (Ppm((slope - half) * 1e6), Ppm((slope + half) * 1e6)),
        residual_s: variance.sqrt(),
        refreshes: n,
    })
}
