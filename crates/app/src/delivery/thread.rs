use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellwether_alert::Wait;
use bellwether_base::{Span, Timestamp};
use bellwether_store::AlertSignal;

use super::Generation;
use super::options::AnyDeliverer;
use super::spool::SevereSpool;
use crate::clock::now;

/// The time for the rest after the end of the run. Alerts that do not go out in it wait in the database for the next run.
const LEAVE_WITHIN: Span = Span::from_secs(10);

/// The wait after a failure of the spool.
const SPOOL_RETRY: Span = Span::from_secs(5);

/// The events that end a thread's wait.
#[derive(Clone, Copy)]
pub(super) struct Wakes<'a> {
    /// Raised for new alerts, at the end of the run and at an exchange.
    pub(super) signal: &'a AlertSignal,
    /// True after the end of the run.
    pub(super) is_over: &'a AtomicBool,
    /// The longest wait.
    pub(super) look_every: Duration,
}

impl Wakes<'_> {
    /// Waits for a signal after a count, until a time, or until the next look into the spool.
    fn wait(&self, seen: u64, due: Option<Timestamp>) {
        let left = due.map(|at| Duration::from_nanos(at.since(now()).as_nanos().max(0).cast_unsigned()));
        let _ = self.signal.wait(seen, left.map_or(self.look_every, |left| left.min(self.look_every)));
    }
}

/// Delivers alerts to one receiver.
pub(super) struct DeliveryThread<'a> {
    deliverer: AnyDeliverer,
    spool: SevereSpool,
    wakes: Wakes<'a>,
    tell: &'a (dyn Fn(&str) + Sync),
    /// The end of this thread, once the run is over.
    leaves_at: Option<Timestamp>,
    reported: Reported,
}

/// The state of the receiver at the last message about it.
#[derive(Default)]
struct Reported {
    is_unreachable: bool,
    /// The last failure of the spool. It repeats while another program holds the database locked.
    failure: String,
    skipped: u64,
    refused: u64,
}

impl<'a> DeliveryThread<'a> {
    pub(super) fn new(
        deliverer: AnyDeliverer,
        spool: SevereSpool,
        wakes: Wakes<'a>,
        tell: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        Self { deliverer, spool, wakes, tell, leaves_at: None, reported: Reported::default() }
    }

    pub(super) fn name(&self) -> &str {
        self.deliverer.name()
    }

    /// Delivers until the run is over and the rest was sent, or until an exchange replaces this generation.
    pub(super) fn run(mut self, before: &Generation, generation: &Generation) {
        self.wait_for_end_of(before);
        loop {
            // The count is read before the spool, so that an alert that is committed in between ends the wait below.
            let seen = self.wakes.signal.count();
            if generation.is_replaced.load(Ordering::Relaxed) {
                return;
            }
            if self.wakes.is_over.load(Ordering::Relaxed) && self.leaves_at.is_none() {
                self.leaves_at = Some(now() + LEAVE_WITHIN);
            }
            let wait = self.poll();
            self.report_changes();
            let due = match wait {
                Wait::Again => continue,
                Wait::Until(at) => Some(at),
                Wait::NewAlert => None,
            };
            // After the end of the run no new alert comes.
            if self.leaves_at.is_some_and(|end| now() >= end || due.is_none_or(|due| due >= end)) {
                return;
            }
            self.wakes.wait(seen, due);
        }
    }

    /// Two threads for one receiver would send everything twice.
    fn wait_for_end_of(&self, before: &Generation) {
        loop {
            let seen = self.wakes.signal.count();
            if before.running.load(Ordering::Acquire) == 0 {
                return;
            }
            self.wakes.wait(seen, None);
        }
    }

    fn poll(&mut self) -> Wait {
        match self.deliverer.poll(&mut self.spool, now()) {
            Ok(wait) => {
                self.reported.failure.clear();
                wait
            }
            Err(e) => {
                let failure = e.to_string();
                if failure != self.reported.failure {
                    (self.tell)(&format!("alerts for {} wait: {failure}", self.name()));
                }
                self.reported.failure = failure;
                Wait::Until(now() + SPOOL_RETRY)
            }
        }
    }

    /// Reports changes of the receiver, and counts its losses in the database.
    fn report_changes(&mut self) {
        let name = self.deliverer.name();
        match self.deliverer.outage() {
            Some((_, why)) if !self.reported.is_unreachable => {
                (self.tell)(&format!("alerts for {name} wait: {why}"));
                self.reported.is_unreachable = true;
            }
            None if self.reported.is_unreachable => {
                (self.tell)(&format!("{name} accepts alerts again"));
                self.reported.is_unreachable = false;
            }
            _ => {}
        }
        let counts = self.deliverer.counts();
        let (skipped, refused) =
            (counts.skipped - self.reported.skipped, counts.refused - self.reported.refused);
        if (skipped, refused) == (0, 0) {
            return;
        }
        (self.tell)(&format!("alerts for {name}: {} skipped, {} refused", counts.skipped, counts.refused));
        if let Err(e) = self.spool.spool.lost(name, skipped, refused) {
            (self.tell)(&format!("alerts for {name}: {e}"));
        }
        (self.reported.skipped, self.reported.refused) = (counts.skipped, counts.refused);
    }
}
