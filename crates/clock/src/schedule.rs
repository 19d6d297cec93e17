//! Reads refreshes as a schedule: a line through the offsets.

use bellwether_base::Ppm;

use crate::discipline::{Discipline, classify};
use crate::line::{Offsets, Slope, least_squares, residuals, robust_slope};
use crate::steps::{evidence, parted_at_step};
use crate::{Skew, SkewFit};

/// Limit of path steps removed from one timeline.
const MAX_STEPS: u32 = 3;

/// Natural log odds needed for a step, because its position and height were fitted.
const STEP_ODDS: f64 = 20.0;

/// A reading of the points as a schedule.
pub(crate) struct Schedule {
    points: Vec<Offsets>,
    residuals: Vec<f64>,
    /// The fitted line; none if least squares over everything is as good.
    fitted: Option<Slope>,
    /// Slope of the line.
    pub(crate) line: f64,
    /// Discipline by the comparison of this reading with that of a restart timer.
    pub(crate) discipline: Discipline,
    /// Natural log odds for restart.
    pub(crate) odds: f64,
    /// Number of path steps removed.
    pub(crate) path_steps: u32,
}

impl Schedule {
    /// Fits a schedule to the points and removes likely path steps. `squares` is the least-squares slope over
    /// everything; `prior` gives the prior log odds for a slope.
    pub(crate) fn of(
        points: Vec<Offsets>,
        squares: SkewFit,
        waits: &[Option<f64>],
        prior: impl Fn(f64) -> f64,
    ) -> Self {
        let mut schedule = Self::over(points, robust_slope, squares.skew.0 * 1e-6, waits, &prior, 0);
        let fit = |points: &[Offsets]| robust_slope(points).or_else(|| least_squares(points));
        while schedule.path_steps < MAX_STEPS {
            let Some(parts) = parted_at_step(&schedule.points, schedule.line) else { break };
            let steps = schedule.path_steps + 1;
            let stepped = Self::over(parts, fit, schedule.line, waits, &prior, steps);
            let is_likely = evidence(&schedule.residuals, &stepped.residuals) >= STEP_ODDS;
            if !is_likely || stepped.discipline != Discipline::Periodic {
                break;
            }
            schedule = stepped;
        }
        schedule
    }

    /// Skew of the clock, under the assumption of a schedule.
    pub(crate) fn skew(&self, squares: &SkewFit) -> Skew {
        let around = |slope: f64, half: f64, method| Skew {
            skew: Ppm(slope),
            ci95: (Ppm(slope - half), Ppm(slope + half)),
            method,
        };
        if let Some(line) = self.fitted {
            return around(line.slope * 1e6, line.half * 1e6, line.method);
        }
        // Refreshes that fit a schedule by chance also look more regular than they are, so the interval is
        // widened.
        let n = f64::from(squares.refreshes);
        let half = (squares.ci95.1.0 - squares.skew.0) * (1.0 + 165.0 / (n * n));
        around(squares.skew.0, half, "least_squares")
    }

    /// Fits a line with `fit`, or takes the slope `otherwise`, and compares it with a restart timer.
    fn over(
        points: Vec<Offsets>,
        fit: impl FnOnce(&[Offsets]) -> Option<Slope>,
        otherwise: f64,
        waits: &[Option<f64>],
        prior: impl FnOnce(f64) -> f64,
        path_steps: u32,
    ) -> Self {
        let fitted = fit(&points);
        let line = fitted.map_or(otherwise, |r| r.slope);
        let residuals = residuals(&points, line, 0.5);
        let (discipline, odds) = classify(&residuals, &points, waits, prior(line), path_steps as usize);
        Self { points, residuals, fitted, line, discipline, odds, path_steps }
    }
}
