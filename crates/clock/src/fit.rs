use std::fmt;

use bellwether_base::Ppm;
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::SegmentStats;

/// Refreshes that a fit needs: three intervals, so that at least one degree of freedom is left beside
/// slope, offset and the choice of the period.
const MIN_REFRESHES: u32 = 4;

/// A clock's rate against the sensor's, with its uncertainty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SkewFit {
    /// Slope of the offsets: positive, the device refreshes early, its clock runs fast.
    pub skew: Ppm,
    /// 95 % interval of the slope.
    pub ci95: (Ppm, Ppm),
    /// Standard deviation of the offsets around the line, in seconds.
    pub residual_s: f64,
    /// Refreshes that went in.
    pub refreshes: u32,
}

/// Why there is no skew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoFit {
    /// Fewer than four refreshes in a row.
    TooFewRefreshes,
    /// The intervals follow no period: the device draws them, or registers by hand.
    IrregularIntervals,
}

impl NoFit {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooFewRefreshes => "too_few_refreshes",
            Self::IrregularIntervals => "irregular_intervals",
        }
    }
}

impl fmt::Display for NoFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The paper's method (section 5): the slope of a least-squares line through the offset points, here common
/// to all segments, each with an offset of its own.
///
/// The interval takes the residuals to be independent; for timers that restart on each answer they are not,
/// and the slope then contains the path. Use it only on segments of one period: others are left out.
///
/// # Errors
/// The reason why no slope can be given.
pub fn pooled_fit(segments: &[SegmentStats]) -> Result<SkewFit, NoFit> {
    let regular: Vec<_> = segments.iter().filter(|s| s.refreshes >= 2 && s.period_s > 0.0).collect();
    // The period that most refreshes stand for; of equals the shorter.
    let Some(longest) = regular.iter().max_by(|a, b| {
        (a.refreshes, -a.period_s)
            .partial_cmp(&(b.refreshes, -b.period_s))
            .unwrap_or(std::cmp::Ordering::Equal)
    }) else {
        return Err(NoFit::TooFewRefreshes);
    };
    let (mut n, mut groups, mut sxx, mut sxy, mut syy) = (0_u32, 0_u32, 0.0, 0.0, 0.0);
    for segment in regular.iter().filter(|s| (s.period_s - longest.period_s).abs() < 1e-9) {
        n += segment.refreshes;
        groups += 1;
        sxx += segment.sxx;
        sxy += segment.sxy;
        syy += segment.syy;
    }
    let all: u32 = segments.iter().map(|s| s.refreshes + s.off_grid).sum();
    let off_grid: u32 = segments.iter().map(|s| s.off_grid).sum();
    if off_grid * 3 > all {
        return Err(NoFit::IrregularIntervals);
    }
    let freedom = n.saturating_sub(groups + 1);
    if n < MIN_REFRESHES || freedom == 0 || sxx <= 0.0 {
        return Err(NoFit::TooFewRefreshes);
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

/// The 0.975 quantile of Student's t. statrs is wrong for very many degrees of freedom (and hangs beyond
/// 3e7), where the normal quantile is exact to six digits anyway.
fn student_t_975(freedom: u32) -> f64 {
    const NORMAL_FROM: u32 = 10_000;
    if freedom < NORMAL_FROM
        && let Ok(t) = StudentsT::new(0.0, 1.0, f64::from(freedom))
    {
        return t.inverse_cdf(0.975);
    }
    Normal::standard().inverse_cdf(0.975)
}
