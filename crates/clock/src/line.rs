//! Lines through offset points under delay that is not Gaussian.
//!
//! Delay is one-sided and heavy-tailed: a packet may be late, never early, and least squares follows the late
//! ones. A quantile line follows a level of the offsets that delay seldom affects (Koenker and Bassett 1978).
//! The best level depends on the delays, so it is chosen by the variance estimated from the residuals.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::gamma::gamma_slope;

/// Offset points of one segment: seconds since its first refresh, and offsets in seconds.
pub(crate) type Offsets = Vec<(f64, f64)>;

/// A slope with its uncertainty.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Slope {
    pub(crate) slope: f64,
    /// Half-width of the 95 % interval.
    pub(crate) half: f64,
    /// Name of the estimator in reports.
    pub(crate) method: &'static str,
}

/// Quantile levels that are tried. An offset is nominal minus observed time, so the least delayed points are
/// highest.
const LEVELS: [(f64, &str); 4] =
    [(0.5, "median"), (0.7, "quantile_70"), (0.85, "quantile_85"), (0.93, "quantile_93")];

/// Factor by which another estimator must be better than least squares, because its variance is estimated
/// less accurately.
const PREFERENCE: f64 = 1.35;

/// Correction for the variance from maximum likelihood, which is too small because the shape is estimated
/// (measured, `docs/clocks.md`).
const GAMMA_WIDENING: f64 = 1.2;

/// Fewest points for a combination of several quantiles: with fewer, the weights are too inaccurate.
const MIN_TOGETHER: usize = 20;

/// Fewest points for an estimate of the residuals' shape.
const FEWEST: usize = 8;

/// The slope common to all segments, each with its own offset, by the best estimator for the residuals. None
/// if least squares is as good, or if there are too few points.
pub(crate) fn robust_slope(segments: &[Offsets]) -> Option<Slope> {
    let n: usize = segments.iter().map(Vec::len).sum();
    if n < FEWEST {
        return None;
    }
    let Fitted { sums: start, freedom, variance } = fitted(segments)?;
    let squares = start.slope();
    // Late packets may have pulled the least-squares line, so the search covers the range of their possible
    // effect.
    let reach = 8.0 * (variance / start.sxx).sqrt();
    let middle = quantile_slope(segments, 0.5, squares, reach);
    let mut residuals = residuals(segments, middle, 0.5);
    residuals.sort_unstable_by(f64::total_cmp);
    let at_level =
        |level: f64| if level == 0.5 { middle } else { quantile_slope(segments, level, middle, reach) };
    let densities = LEVELS.map(|(level, _)| density(&residuals, level));
    let best = LEVELS
        .iter()
        .zip(densities)
        .map(|((level, method), density)| (level * (1.0 - level) / (density * density), *level, *method))
        .min_by(|a, b| a.0.total_cmp(&b.0))?;
    let together = Together::of(&densities);
    let by_likelihood = gamma_slope(segments, middle).filter(|(_, one)| {
        one * preference_together(n) < best.0.min(variance).min(together.variance * preference_together(n))
    });
    let (variance_of, slope, method) = if let Some((slope, one)) = by_likelihood {
        (one * GAMMA_WIDENING, slope, "gamma")
    } else if n >= MIN_TOGETHER && together.variance * preference_together(n) < best.0.min(variance) {
        let slope =
            LEVELS.iter().zip(together.weights).map(|((level, _), weight)| weight * at_level(*level)).sum();
        (together.variance, slope, "quantiles")
    } else if best.0 * PREFERENCE < variance {
        (best.0, at_level(best.1), best.2)
    } else {
        return None;
    };
    let half = student_t_975(freedom as u32) * widening(n) * (variance_of / start.sxx).sqrt();
    Some(Slope { slope, half, method })
}

/// Lines at all levels, weighted for the smallest variance of their mean. The weights are those for
/// estimating a location from several order statistics (Ogawa 1951). They depend on the densities at the
/// levels, because slopes of quantile lines vary together like order statistics.
struct Together {
    weights: [f64; LEVELS.len()],
    /// Variance per point.
    variance: f64,
}

impl Together {
    fn of(densities: &[f64; LEVELS.len()]) -> Self {
        let ends = |i: usize| match i.checked_sub(1).and_then(|i| LEVELS.get(i).zip(densities.get(i))) {
            Some(((level, _), density)) => (*level, *density),
            None => (if i == 0 { 0.0 } else { 1.0 }, 0.0),
        };
        // Change of the density between neighbouring levels.
        let steepness = |i: usize| {
            let ((low, f_low), (high, f_high)) = (ends(i), ends(i + 1));
            (f_high - f_low) / (high - low)
        };
        let mut weights = [0.0; LEVELS.len()];
        for (i, (weight, density)) in weights.iter_mut().zip(densities).enumerate() {
            *weight = (density * (steepness(i) - steepness(i + 1))).max(0.0);
        }
        let information: f64 = weights.iter().sum();
        Self { weights: weights.map(|w| w / information), variance: 1.0 / information }
    }
}

/// The least-squares slope common to all segments.
pub(crate) fn least_squares(segments: &[Offsets]) -> Option<Slope> {
    let Fitted { sums, freedom, variance } = fitted(segments)?;
    let half = student_t_975(freedom as u32) * (variance / sums.sxx).sqrt();
    Some(Slope { slope: sums.slope(), half, method: "least_squares" })
}

/// Sums, degrees of freedom, and variance around the line.
struct Fitted {
    sums: Sums,
    freedom: usize,
    variance: f64,
}

fn fitted(segments: &[Offsets]) -> Option<Fitted> {
    let n: usize = segments.iter().map(Vec::len).sum();
    let sums = sums_of(segments);
    let freedom = n.checked_sub(segments.len() + 1).filter(|f| *f > 0 && sums.sxx > 0.0)?;
    let variance = (sums.left() / freedom as f64).max(0.0);
    Some(Fitted { sums, freedom, variance })
}

/// Factor by which the combination of quantiles must be better, because its weights are estimated from the
/// points too.
fn preference_together(n: usize) -> f64 {
    1.0 + 12.0 / n as f64
}

/// Factor for the interval, because the level was chosen and the variance estimated from few points
/// (measured, `docs/clocks.md`).
fn widening(n: usize) -> f64 {
    let n = n as f64;
    1.0 + 5.0 / n + 190.0 / (n * n)
}

/// Centred sums over all segments.
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) sxx: f64,
    pub(crate) sxy: f64,
    pub(crate) syy: f64,
}

impl Sums {
    fn slope(&self) -> f64 {
        self.sxy / self.sxx
    }

    /// Residual sum of squares around the best line.
    pub(crate) fn left(&self) -> f64 {
        if self.sxx > 0.0 { self.syy - self.slope() * self.sxy } else { self.syy }
    }
}

fn sums_of(segments: &[Offsets]) -> Sums {
    let mut sums = Sums::default();
    for points in segments {
        let n = points.len().max(1) as f64;
        let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        for (x, y) in points {
            sums.sxx += (x - mx) * (x - mx);
            sums.sxy += (x - mx) * (y - my);
            sums.syy += (y - my) * (y - my);
        }
    }
    sums
}

/// The slope that minimises the pinball loss at a level, with the best offset per segment. The loss is convex
/// in the slope.
fn quantile_slope(segments: &[Offsets], level: f64, around: f64, reach: f64) -> f64 {
    const STEPS: usize = 36;
    // A golden section keeps one of its two inner points, so each step needs one evaluation.
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut low, mut high) = (around - reach, around + reach);
    let mut scratch = Vec::new();
    let mut loss = |slope: f64| pinball(segments, slope, level, &mut scratch);
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut loss_a, mut loss_b) = (loss(a), loss(b));
    for _ in 0..STEPS {
        if loss_a <= loss_b {
            high = b;
            (b, loss_b) = (a, loss_a);
            a = high - GOLDEN * (high - low);
            loss_a = loss(a);
        } else {
            low = a;
            (a, loss_a) = (b, loss_b);
            b = low + GOLDEN * (high - low);
            loss_b = loss(b);
        }
    }
    (low + high) / 2.0
}

fn pinball(segments: &[Offsets], slope: f64, level: f64, scratch: &mut Vec<f64>) -> f64 {
    let mut loss = 0.0;
    for points in segments {
        scratch.clear();
        scratch.extend(points.iter().map(|(x, y)| y - slope * x));
        let offset = select(scratch, level);
        loss += scratch
            .iter()
            .map(|r| r - offset)
            .map(|r| if r >= 0.0 { level * r } else { (level - 1.0) * r })
            .sum::<f64>();
    }
    loss
}

/// The quantile at this level; reorders the values.
pub(crate) fn select(values: &mut [f64], level: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = ((values.len() - 1) as f64 * level).round() as usize;
    let (_, value, _) = values.select_nth_unstable_by(at, f64::total_cmp);
    *value
}

/// Ratio of a normal distribution's standard deviation to its median absolute deviation.
pub(crate) const MAD_TO_SD: f64 = 1.4826;

/// Median and median absolute deviation of values.
pub(crate) fn middle_and_deviation(values: &[f64]) -> (f64, f64) {
    let middle = select(&mut values.to_vec(), 0.5);
    let mut off: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    (middle, select(&mut off, 0.5))
}

/// Residuals around lines of one slope, relative to each segment's quantile at this level.
pub(crate) fn residuals(segments: &[Offsets], slope: f64, level: f64) -> Vec<f64> {
    let mut out = Vec::new();
    for points in segments {
        let start = out.len();
        out.extend(points.iter().map(|(x, y)| y - slope * x));
        let mut sorted = out.get(start..).unwrap_or_default().to_vec();
        let offset = select(&mut sorted, level);
        out.iter_mut().skip(start).for_each(|r| *r -= offset);
    }
    out
}

/// Density at a level, from sorted residuals (Siddiqui 1960). The variance of a quantile line is q (1 - q) /
/// f^2 per point.
fn density(sorted: &[f64], level: f64) -> f64 {
    let n = sorted.len() as f64;
    // Bofinger's rule: the window shrinks with the fifth root. Near the edge the window is limited to the
    // range.
    let window = (0.6 * n.powf(-0.2)).min(level.min(1.0 - level) * 0.9).max(1.5 / n);
    let at = |q: f64| {
        let place = (q.clamp(0.0, 1.0) * (n - 1.0)).max(0.0);
        let below = place.floor();
        let (low, high) = (sorted.get(below as usize), sorted.get(place.ceil() as usize));
        match (low, high) {
            (Some(low), Some(high)) => low + (high - low) * (place - below),
            _ => 0.0,
        }
    };
    let spread = at(level + window) - at(level - window);
    2.0 * window / spread.max(1e-9)
}

/// The 0.975 quantile of Student's t distribution. The function of statrs is wrong for very many degrees of
/// freedom and hangs beyond 3e7. There the normal quantile is exact to six digits.
pub(crate) fn student_t_975(freedom: u32) -> f64 {
    const NORMAL_FROM: u32 = 10_000;
    if freedom < NORMAL_FROM
        && let Ok(t) = StudentsT::new(0.0, 1.0, f64::from(freedom))
    {
        return t.inverse_cdf(0.975);
    }
    Normal::standard().inverse_cdf(0.975)
}
