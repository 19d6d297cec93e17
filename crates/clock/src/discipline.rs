//! Determines from the refreshes how a device arms its timer.

use crate::line::{Offsets, select};

/// The event from which a timer counts its next interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discipline {
    /// A schedule, or the sending of a refresh: delays do not add up.
    Periodic,
    /// The arrival of the answer: each round trip adds to the period, and the offsets are a random walk.
    Restart,
    /// Each interval is random.
    Randomised,
    /// The refreshes do not show which.
    Undetermined,
}

impl Discipline {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Periodic => "periodic",
            Self::Restart => "restart",
            Self::Randomised => "randomised",
            Self::Undetermined => "undetermined",
        }
    }
}

/// Log odds needed to report a discipline, so that at most one result in fifty is wrong (measured,
/// `docs/clocks.md`). A line can fit a short random walk, so a schedule needs higher odds.
const ODDS_FOR_RESTART: f64 = 2.0;
const ODDS_FOR_PERIODIC: f64 = 6.0;

/// Fewest points for a result.
const FEWEST: usize = 8;

/// Compares two models of the same points by likelihood. Residuals are Laplace distributed in both, because
/// delays have heavy tails. The periodic model has offsets around a line, the restart model has steps between
/// neighbours around their median.
///
/// If the wait from answer to refresh is known, it replaces the step, because it excludes the time to the
/// answer. Residuals and waits cover all points in order.
///
/// `prior` is the prior log odds for restart. The `forgiven` largest outliers among the walk's steps are
/// ignored: as many as path steps were removed from the line. Returns the discipline and the log odds.
pub(crate) fn classify(
    line_residuals: &[f64],
    segments: &[Offsets],
    waits: &[Option<f64>],
    prior: f64,
    forgiven: usize,
) -> (Discipline, f64) {
    let mut steps: Vec<f64> = Vec::new();
    for points in segments {
        steps.extend(points.windows(2).map(|w| w[1].1 - w[0].1));
    }
    let known: Vec<f64> = waits.iter().flatten().copied().collect();
    // Both models must use the same refreshes. Waits are used if they are known for most refreshes, and steps
    // otherwise. The wait of a refresh is unknown if the one before was lost; such a late refresh must not
    // count against the line alone. A first refresh has no wait, but the second one's wait shows its delay.
    let mut is_counted: Vec<bool> = waits.iter().map(Option::is_some).collect();
    let mut first = 0;
    for points in segments {
        if let Some(&[before, second]) = is_counted.get(first..first + 2) {
            let is_shown = points.len() > 1 && second;
            is_counted.splice(first..=first, [before || is_shown]);
        }
        first += points.len();
    }
    let answered = line_residuals.iter().zip(&is_counted).filter_map(|(r, is)| is.then_some(*r)).collect();
    let (walk, line): (_, Vec<f64>) = if known.len() * 10 >= steps.len() * 6 {
        (known, answered)
    } else {
        (steps, line_residuals.to_vec())
    };
    if line.len() < FEWEST || walk.len() < FEWEST {
        return (Discipline::Undetermined, prior);
    }
    let n = walk.len().min(line.len()) as f64;
    let odds = prior + n * (spread(&line, 2.0, 0) / spread(&walk, 1.0, forgiven)).ln();
    let discipline = match odds {
        odds if odds > ODDS_FOR_RESTART => Discipline::Restart,
        odds if odds < -ODDS_FOR_PERIODIC => Discipline::Periodic,
        _ => Discipline::Undetermined,
    };
    (discipline, odds)
}

/// Mean distance from the median, corrected for the number of fitted parameters, without the `furthest`
/// largest distances.
fn spread(values: &[f64], parameters: f64, furthest: usize) -> f64 {
    let middle = select(&mut values.to_vec(), 0.5);
    let mut distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    distances.truncate(values.len().saturating_sub(furthest));
    let sum: f64 = distances.iter().sum();
    // At least a nanosecond, so that simulated clocks without jitter have a finite logarithm.
    (sum / (distances.len() as f64 - parameters).max(1.0)).max(1e-9)
}
