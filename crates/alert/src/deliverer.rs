use std::collections::VecDeque;

use bellwether_base::{Alert, AlertKind, OutgoingAlert, Severity, Span, Timestamp};

use crate::backoff::Backoff;
use crate::{Emitted, Failure, Receiver, Throttle};

/// Alerts that wait for delivery, with a cursor for each receiver.
///
/// A number must never be used twice, not even after all alerts were removed (`AUTOINCREMENT` in SQLite): an alert below a cursor counts as
/// sent.
pub trait Spool {
    /// Why it cannot be read or written.
    type Error;

    /// The alerts with higher numbers, in ascending order, `limit` of them at most.
    ///
    /// # Errors
    /// If it cannot be read.
    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<OutgoingAlert>, Self::Error>;

    /// The highest number.
    ///
    /// # Errors
    /// If it cannot be read.
    fn newest(&mut self) -> Result<i64, Self::Error>;

    /// The number up to which a receiver has all alerts. The spool chooses the first one.
    ///
    /// # Errors
    /// If it cannot be read.
    fn cursor(&mut self, receiver: &str) -> Result<i64, Self::Error>;

    /// Moves a receiver's cursor: it has all alerts up to a number.
    ///
    /// # Errors
    /// If it cannot be written.
    fn sent(&mut self, receiver: &str, id: i64) -> Result<(), Self::Error>;
}

/// When to call [`Deliverer::poll`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At once: more alerts wait.
    Again,
    /// At this time. A new alert need not wake it before, if its receiver is unreachable ([`Deliverer::outage`]).
    Until(Timestamp),
    /// When the spool has a new alert.
    NewAlert,
}

/// The limits of a [`Deliverer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most alerts that wait for a receiver. Beyond it the oldest are skipped.
    pub backlog: u32,
    /// The first wait for an unreachable receiver.
    pub shortest_wait: Span,
    /// The longest wait for it.
    pub longest_wait: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self { backlog: 100_000, shortest_wait: Span::from_secs(1), longest_wait: Span::from_secs(300) }
    }
}

/// The counts of a [`Deliverer`] since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Alerts that arrived, as far as the transport can tell.
    pub sent: u64,
    /// Lost: the receiver refused them.
    pub refused: u64,
    /// Lost: the backlog of an unreachable receiver was full.
    pub skipped: u64,
    /// Suppressed by the throttle, and counted in others.
    pub suppressed: u64,
    /// Failed attempts. Their alerts are sent again.
    pub failures: u64,
}

/// Delivers the alerts of a spool to one receiver, in order, each at least once.
///
/// The cursor in the spool moves when a batch has arrived, and stays below suppressed alerts. So an alert may come twice after a crash, but it
/// is never lost.
pub struct Deliverer<R> {
    name: String,
    receiver: R,
    throttle: Option<Throttle>,
    limits: Limits,
    backoff: Backoff,
    /// The number up to which the spool was read.
    read: Option<i64>,
    /// The cursor in the spool.
    cursor: i64,
    /// Alerts that were read and wait to be sent.
    outbox: VecDeque<Emitted>,
    /// The start of the present outage, and its reason.
    outage: Option<(Timestamp, String)>,
    refusal: Option<String>,
    counts: Counts,
}

impl<R: Receiver> Deliverer<R> {
    /// Delivers to the receiver that the spool knows by a name. `seed` spreads the waits of sensors and receivers.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        receiver: R,
        throttle: Option<Throttle>,
        limits: Limits,
        seed: u64,
    ) -> Self {
        Self {
            name: name.into(),
            receiver,
            throttle,
            limits,
            backoff: Backoff::new(limits.shortest_wait, limits.longest_wait, seed),
            read: None,
            cursor: i64::MIN,
            outbox: VecDeque::new(),
            outage: None,
            refusal: None,
            counts: Counts::default(),
        }
    }

    /// Sends one batch at most. It may take as long as the receiver's timeouts allow, so each deliverer has a thread of its own.
    ///
    /// # Errors
    /// If the spool cannot be read or written. The next call continues at the same place.
    pub fn poll<S: Spool>(&mut self, spool: &mut S, now: Timestamp) -> Result<Wait, S::Error> {
        if let Some(until) = self.backoff.waits(now) {
            return Ok(Wait::Until(until));
        }
        let drained = if self.outbox.is_empty() { self.fill(spool, now)? } else { false };
        if self.outbox.is_empty() {
            self.move_cursor(spool)?;
            let due = self.throttle.as_ref().and_then(Throttle::next_due);
            return Ok(match due {
                _ if !drained => Wait::Again,
                Some(due) => Wait::Until(due),
                None => Wait::NewAlert,
            });
        }
        match self.deliver(now) {
            Ok(()) => {
                self.backoff.worked();
                self.outage = None;
                self.move_cursor(spool)?;
                Ok(Wait::Again)
            }
            Err(why) => {
                self.counts.failures += 1;
                let (receiver, waiting) = (self.name.as_str(), self.outbox.len());
                tracing::debug!(
                    receiver,
                    waiting,
                    failures = self.counts.failures,
                    why,
                    "alerts held: the receiver is unreachable"
                );
                let since = self.outage.take().map_or(now, |(since, _)| since);
                self.outage = Some((since, why));
                Ok(Wait::Until(self.backoff.failed(now)))
            }
        }
    }

    /// The receiver's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The counts since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let suppressed = self.throttle.as_ref().map_or(0, Throttle::suppressed);
        Counts { suppressed, ..self.counts }
    }

    /// The start of the receiver's outage and the last reason, if it is unreachable.
    #[must_use]
    pub fn outage(&self) -> Option<(Timestamp, &str)> {
        self.outage.as_ref().map(|(since, why)| (*since, why.as_str()))
    }

    /// The reason of the last refusal, if there was one.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Reads a batch; returns true if the spool has no more.
    fn fill<S: Spool>(&mut self, spool: &mut S, now: Timestamp) -> Result<bool, S::Error> {
        let before = self.counts().suppressed;
        let mut read = match self.read {
            Some(read) => read,
            None => {
                self.cursor = spool.cursor(&self.name)?;
                self.cursor
            }
        };
        if let Some(cut) = self.beyond_backlog(spool, read)? {
            self.skip(read, cut, now);
            read = cut.last;
            // It is set here, so that a failure of the spool below does not count them again.
            self.read = Some(read);
        }
        let batch_size = self.receiver.batch_size().max(1);
        let alerts = spool.after(read, batch_size)?;
        let drained = alerts.len() < batch_size;
        for outgoing in alerts {
            if outgoing.id <= read {
                continue;
            }
            read = outgoing.id;
            match &mut self.throttle {
                None => self.outbox.push_back(Emitted { first: outgoing.id, outgoing }),
                // The throttle goes by the time of the finding: alerts that waited for an unreachable receiver did not come too fast.
                Some(throttle) => {
                    let at = outgoing.alert.at.min(now);
                    self.outbox.extend(throttle.admit(outgoing, at));
                }
            }
        }
        if drained && let Some(throttle) = &mut self.throttle {
            self.outbox.extend(throttle.due(now));
        }
        let suppressed = self.counts().suppressed - before;
        if suppressed > 0 {
            tracing::debug!(receiver = self.name, suppressed, "alerts suppressed, to be counted in others");
        }
        self.read = Some(read);
        Ok(drained)
    }

    /// The beginning of the backlog that is too long, if it is.
    fn beyond_backlog<S: Spool>(&self, spool: &mut S, read: i64) -> Result<Option<Cut>, S::Error> {
        let backlog = i64::from(self.limits.backlog);
        let newest = spool.newest()?;
        if newest.saturating_sub(read) <= backlog {
            return Ok(None);
        }
        // Alerts that the spool itself removed, for instance before a receiver's first poll, do not count.
        let Some(first) = spool.after(read, 1)?.first().map(|outgoing| outgoing.id) else { return Ok(None) };
        let last = newest - backlog;
        Ok((first <= last).then_some(Cut { last, count: last.abs_diff(first) + 1 }))
    }

    /// Counts skipped alerts, and queues an alert about them for the receiver.
    fn skip(&mut self, read: i64, cut: Cut, now: Timestamp) {
        self.counts.skipped += cut.count;
        let alert = Alert {
            at: now,
            kind: AlertKind::AlertsSkipped,
            severity: Severity::Warning,
            subject: self.name.clone(),
            message: format!(
                "{} alerts were never sent, since more than {} waited while the receiver was away",
                cut.count, self.limits.backlog
            ),
            call: None,
            campaign: None,
            incident: None,
        };
        let outgoing =
            OutgoingAlert { id: cut.last, alert, call_id: None, fingerprint: None, score: None, more: 0 };
        self.outbox.push_back(Emitted { outgoing, first: read.saturating_add(1) });
    }

    /// Sends a batch and flushes it, or says why not.
    fn deliver(&mut self, now: Timestamp) -> Result<(), String> {
        let batch_size = self.outbox.len().min(self.receiver.batch_size().max(1));
        let mut refused = 0;
        for emitted in self.outbox.iter().take(batch_size) {
            match self.receiver.send(&emitted.outgoing, now) {
                Ok(()) => {}
                Err(Failure::Refused(why)) => {
                    refused += 1;
                    self.refusal = Some(why);
                }
                Err(Failure::Unreachable(why)) => return Err(why),
            }
        }
        self.receiver.flush().map_err(|failure| failure.to_string())?;
        self.outbox.drain(..batch_size);
        self.counts.refused += refused;
        self.counts.sent += batch_size as u64 - refused;
        tracing::debug!(
            receiver = self.name,
            sent = batch_size as u64 - refused,
            refused,
            "alerts delivered"
        );
        Ok(())
    }

    /// Moves the cursor as far as all alerts have arrived.
    fn move_cursor<S: Spool>(&mut self, spool: &mut S) -> Result<(), S::Error> {
        let Some(read) = self.read else { return Ok(()) };
        let waiting = self.outbox.iter().map(|emitted| emitted.first);
        let suppressed = self.throttle.as_ref().and_then(Throttle::oldest_suppressed);
        let arrived = waiting.chain(suppressed).min().map_or(read, |first| read.min(first - 1));
        if arrived > self.cursor {
            spool.sent(&self.name, arrived)?;
            self.cursor = arrived;
        }
        Ok(())
    }
}

/// The beginning of a backlog that is cut off.
#[derive(Clone, Copy)]
struct Cut {
    /// The last number of it.
    last: i64,
    /// The count, if the numbers have no gaps.
    count: u64,
}

#[cfg(test)]
mod tests;
