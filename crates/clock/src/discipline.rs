//! How a device's timer is armed: by what the refreshes themselves say.

use crate::line::{Offsets, select};

/// How a timer is armed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discipline {
    /// On a schedule, or again when a refresh is sent: delays do not add up.
    Periodic,
    /// Again when the answer arrives: each round trip adds to the period, and the offsets are a random walk.
    Restart,
    /// Each interval is drawn.
    Randomised,
    /// The refreshes do not tell.
    Undetermined,
}

impl Discipline {
    /// The name in reports.
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

/// Logarithms of the odds beyond which a discipline is said, so that at most one answer in fifty is wrong (measured,
/// `docs/clocks.md`). A line bends itself to a short random walk, so more is asked for a schedule.
const ODDS_FOR_RESTART: f64 = 2.0;
const ODDS_FOR_PERIODIC: f64 = 6.0;

/// Points below which nothing is said.
const FEWEST: usize = 8;

/// Compares two models of the same points by their likelihood, each with residuals that are Laplace distributed (delays have
/// heavy tails): offsets around a line (periodic), and steps between neighbours around their middle (restart). Where the time
/// from answer to refresh is known it stands for the step: it does not hold what the answer took. Residuals and waits are those
/// of all points in order.
///
/// `prior` is the logarithm of the odds for restart that is known before. `forgiven` of the walk's steps, the oddest, do not
/// count: as many as steps of the path were taken out of the line. Answers the discipline and the odds.
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
    // The two must stand on the same footing. A wait is known for most refreshes, or steps are taken; and a late refresh whose
    // wait is not known, since the one before was lost, must not speak against the line alone. A first refresh has no wait, but
    // the second's shows how late it was.
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

/// Mean distance from the middle, for as many parameters as were fitted, the furthest left out.
fn spread(values: &[f64], parameters: f64, furthest: usize) -> f64 {
    let middle = select(&mut values.to_vec(), 0.5);
    let mut distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    distances.truncate(values.len().saturating_sub(furthest));
    let sum: f64 = distances.iter().sum();
    // A nanosecond, so that simulated clocks without jitter have a logarithm.
    (sum / (distances.len() as f64 - parameters).max(1.0)).max(1e-9)
}
