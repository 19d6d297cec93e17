//! Many accounts with few calls abroad each.

use crate::detector::{LogM, ln_mean, mixed, of};

/// Shares of fraud among the accounts of a pool.
const SHARES: [f64; 4] = [0.02, 0.1, 0.4, 0.9];

/// Statistics of a pool: one for each share, and one for ranges.
pub(crate) const LOGS: usize = SHARES.len() + 1;

/// Probability that an account which begins to call a country calls a range of which another account called another
/// number: under the fraud, and by chance.
const RANGE: (f64, f64) = (0.6, 0.05);

/// Calls abroad that one account gives to a pool.
pub(crate) const CALLS: u8 = 3;

/// Accounts that an incident needs.
pub(crate) const ACCOUNTS: usize = 4;

/// The largest e-value of one call, so that no single account makes a pool.
const LARGEST: f64 = 60.0;

/// Earlier calls of other accounts of the pool to the range of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Range {
    /// Nothing was called before, or the number has no range.
    Unknown,
    /// Another range.
    Other,
    /// The same number.
    Same,
    /// Another number of the range. People of one place call one number, and a fraud uses a range.
    Neighbour,
}

impl Range {
    /// The probabilities under the fraud and by chance.
    const fn of(self) -> (f64, f64) {
        match self {
            Self::Unknown => (1.0, 1.0),
            Self::Other => (0.30, 0.70),
            Self::Same => (0.20, 0.25),
            Self::Neighbour => (0.50, 0.05),
        }
    }
}

/// Takes one call in: ln e of its kind of destination, and what others called of its range.
pub(crate) fn step(logs: &mut [LogM], ln_e: f64, range: Range) {
    let (fraud, honest) = range.of();
    let ln_e = (ln_e + (fraud / honest).ln()).min(LARGEST.ln());
    for (log, share) in logs.iter_mut().zip(SHARES) {
        log.step(mixed(share, ln_e));
    }
}

/// Takes the range in that an account calls first in a country. Only such calls count here, however many others there
/// are.
pub(crate) fn step_range(logs: &mut [LogM], range: Range) {
    let is_neighbour = match range {
        Range::Neighbour => true,
        Range::Other => false,
        Range::Unknown | Range::Same => return,
    };
    if let Some(log) = logs.get_mut(SHARES.len()) {
        log.step((of(is_neighbour, RANGE.0) / of(is_neighbour, RANGE.1)).ln());
    }
}

/// ln M of a pool.
pub(crate) fn ln_m(logs: &[LogM]) -> f64 {
    ln_mean(logs.iter().copied())
}
