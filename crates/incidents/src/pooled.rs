//! Many accounts with few calls abroad each.

use crate::detector::{LogM, ln_mean, mixed};

/// Shares of fraud among the accounts of a pool.
const SHARES: [f64; 4] = [0.02, 0.1, 0.4, 0.9];

/// Statistics of a pool.
pub(crate) const LOGS: usize = SHARES.len();

/// Calls abroad that one account gives to a pool.
pub(crate) const CALLS: u8 = 3;

/// Accounts that an incident needs.
pub(crate) const ACCOUNTS: usize = 4;

/// The largest e-value of one call, so that no single account makes a pool.
const LARGEST: f64 = 60.0;

/// Probability that another account called the same range before: under the fraud, and by chance.
const SAME_RANGE: (f64, f64) = (0.5, 0.25);

/// Takes one call in: ln e of its kind of destination, and whether another account of the pool called this range.
pub(crate) fn step(logs: &mut [LogM], ln_e: f64, is_same_range: Option<bool>) {
    let range = match is_same_range {
        Some(true) => SAME_RANGE.0 / SAME_RANGE.1,
        Some(false) => (1.0 - SAME_RANGE.0) / (1.0 - SAME_RANGE.1),
        None => 1.0,
    };
    let ln_e = (ln_e + range.ln()).min(LARGEST.ln());
    for (log, share) in logs.iter_mut().zip(SHARES) {
        log.step(mixed(share, ln_e));
    }
}

/// ln M of a pool.
pub(crate) fn ln_m(logs: &[LogM]) -> f64 {
    ln_mean(logs.iter().copied())
}
