//! Refreshes read as a schedule: a line through the offsets.

use bellwether_base::Ppm;

use crate::discipline::{Discipline, classify};
use crate::line::{Offsets, Slope, least_squares, residuals, robust_slope};
use crate::steps::{evidence, parted_at_step};
use crate::{Skew, SkewFit};

/// Steps of the path that are taken out of one timeline.
const MAX_STEPS: u32 = 3;

/// A step must be so many times likelier than none (natural logarithm): its place and its height were chosen.
const STEP_ODDS: f64 = 20.0;

/// A reading of the points as a schedule.
pub(crate) struct Schedule {
    points: Vec<Offsets>,
    residuals: Vec<f64>,
    /// The line; none where least squares over everything is as good.
    fitted: Option<Slope>,
    /// Its slope.
    pub(crate) line: f64,
    /// How the timer is armed, as this reading and that of a timer armed by answers stand against each other.
    pub(crate) discipline: Discipline,
    /// Natural logarithm of the odds for the latter.
    pub(crate) odds: f64,
    /// Steps of the path that were taken out.
    pub(crate) path_steps: u32,
}

impl Schedule {
    /// Reads points, with the steps of the path taken out that are likely; `squares` is the slope by least squares over everything,
    /// `prior` says the odds that are known beforehand for a slope.
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

    /// The clock's skew, if it is a schedule.
    pub(crate) fn skew(&self, squares: &SkewFit) -> Skew {
        let around = |slope: f64, half: f64, method| Skew {
            skew: Ppm(slope),
            ci95: (Ppm(slope - half), Ppm(slope + half)),
            method,
        };
        if let Some(line) = self.fitted {
            return around(line.slope * 1e6, line.half * 1e6, line.method);
        }
        // Refreshes that look like a schedule by chance also look more regular than they are.
        let n = f64::from(squares.refreshes);
        let half = (squares.ci95.1.0 - squares.skew.0) * (1.0 + 165.0 / (n * n));
        around(squares.skew.0, half, "least_squares")
    }

    /// The line that `fit` gives, or one of slope `otherwise`, and how it stands against timers that answers arm.
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
