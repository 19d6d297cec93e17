//! The signal by which a commit wakes the delivery of alerts.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Wakes threads that wait for new alerts. Clones are the same signal.
///
/// The signal only announces a possible change; the table of alerts stays the source. Each waiter remembers the last count, so no signal
/// between two waits is lost.
#[derive(Clone, Debug, Default)]
pub struct AlertSignal(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    count: Mutex<u64>,
    raised: Condvar,
}

impl AlertSignal {
    /// Wakes all waiters.
    pub fn raise(&self) {
        let mut count = self.locked();
        *count = count.wrapping_add(1);
        drop(count);
        self.0.raised.notify_all();
    }

    /// The number of signals so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        *self.locked()
    }

    /// Waits until the count differs from `seen`, at most for a time; returns the count.
    #[must_use]
    pub fn wait(&self, seen: u64, at_most: Duration) -> u64 {
        let waited = self.0.raised.wait_timeout_while(self.locked(), at_most, |count| *count == seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// A thread that panicked left a whole number.
    fn locked(&self) -> MutexGuard<'_, u64> {
        self.0.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any of these tests.
    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_signal_before_the_wait_is_not_missed() {
        let signal = AlertSignal::default();
        let seen = signal.count();
        signal.raise();
        assert_eq!(signal.wait(seen, LONG), seen + 1);
    }

    #[test]
    fn one_signal_wakes_all_waiters() {
        let signal = AlertSignal::default();
        let seen = signal.count();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let signal = signal.clone();
                std::thread::spawn(move || signal.wait(seen, LONG))
            })
            .collect();
        signal.raise();
        assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == seen + 1));
    }

    #[test]
    fn a_wait_without_a_signal_ends() {
        let signal = AlertSignal::default();
        assert_eq!(signal.wait(signal.count(), Duration::from_millis(1)), 0);
    }
}
