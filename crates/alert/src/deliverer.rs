use std::collections::VecDeque;

use bellwether_base::{Span, Timestamp};

use crate::backoff::Backoff;
use crate::{Emitted, Failure, Notice, Receiver, Severity, Throttle};

/// Where notices are kept, with each receiver's place in them.
///
/// Numbers must never be given again, not even when all notices were forgotten (`AUTOINCREMENT` in SQLite): what lies
/// below a cursor counts as sent.
pub trait Spool {
    /// Why it cannot be read or written.
    type Error;

    /// The notices above a number, in order of their numbers, `limit` of them at most.
    ///
    /// # Errors
    /// If it cannot be read.
    fn after(&mut self, id: i64, limit: usize) -> Result<Vec<Notice>, Self::Error>;

    /// The highest number.
    ///
    /// # Errors
    /// If it cannot be read.
    fn newest(&mut self) -> Result<i64, Self::Error>;

    /// The number up to which a receiver has everything. Where it begins the first time is the spool's choice.
    ///
    /// # Errors
    /// If it cannot be read.
    fn cursor(&mut self, receiver: &str) -> Result<i64, Self::Error>;

    /// A receiver has everything up to a number.
    ///
    /// # Errors
    /// If it cannot be written.
    fn sent(&mut self, receiver: &str, id: i64) -> Result<(), Self::Error>;
}

/// When a [`Deliverer`] wants its next turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// At once: there is more.
    Again,
    /// Then. Something new in the spool need not wake it if its receiver is away ([`Deliverer::away`]).
    Until(Timestamp),
    /// When something new is in the spool.
    News,
}

/// What a [`Deliverer`] keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// So many notices wait at most for a receiver; the oldest beyond that are skipped.
    pub backlog: u32,
    /// The first wait for a receiver that is away.
    pub shortest_wait: Span,
    /// The longest.
    pub longest_wait: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self { backlog: 100_000, shortest_wait: Span::from_secs(1), longest_wait: Span::from_secs(300) }
    }
}

/// What a [`Deliverer`] did since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Notices that arrived, as far as the transport can tell.
    pub sent: u64,
    /// Lost: the receiver answered that it will not take them.
    pub refused: u64,
    /// Lost: too many waited for a receiver that was away.
    pub skipped: u64,
    /// Held back by the throttle, to be counted in others.
    pub held: u64,
    /// Tries that failed; what they had sent is sent again.
    pub failures: u64,
}

/// Carries the notices of a spool to one receiver, in order, each at least once.
///
/// The cursor in the spool moves when a portion has arrived, and stays below what the throttle holds: after a crash things come twice
/// rather than not at all.
pub struct Deliverer<R> {
    name: String,
    receiver: R,
    throttle: Option<Throttle>,
    limits: Limits,
    backoff: Backoff,
    /// The number up to which the spool was read.
    read: Option<i64>,
    /// The number that the spool was told last.
    told: i64,
    /// What was read and is to be sent.
    outbox: VecDeque<Emitted>,
    away: Option<(Timestamp, String)>,
    refusal: Option<String>,
    counts: Counts,
}

impl<R: Receiver> Deliverer<R> {
    /// For the receiver that the spool knows by a name. `seed` spreads the waits of sensors and receivers.
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
            told: i64::MIN,
            outbox: VecDeque::new(),
            away: None,
            refusal: None,
            counts: Counts::default(),
        }
    }

    /// Sends one portion at most. It may take as long as the receiver's patience lasts, so each courier has a thread of its own.
    ///
    /// # Errors
    /// If the spool cannot be read or written. The next turn goes on where it was.
    pub fn turn<S: Spool>(&mut self, spool: &mut S, now: Timestamp) -> Result<Wait, S::Error> {
        if let Some(until) = self.backoff.waits(now) {
            return Ok(Wait::Until(until));
        }
        let drained = if self.outbox.is_empty() { self.fill(spool, now)? } else { false };
        if self.outbox.is_empty() {
            self.tell(spool)?;
            let due = self.throttle.as_ref().and_then(Throttle::next_due);
            return Ok(match due {
                _ if !drained => Wait::Again,
                Some(due) => Wait::Until(due),
                None => Wait::News,
            });
        }
        match self.deliver(now) {
            Ok(()) => {
                self.backoff.worked();
                self.away = None;
                self.tell(spool)?;
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
                    "alerts held: the receiver is away"
                );
                let since = self.away.take().map_or(now, |(since, _)| since);
                self.away = Some((since, why));
                Ok(Wait::Until(self.backoff.failed(now)))
            }
        }
    }

    /// The receiver's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was done since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { held: self.throttle.as_ref().map_or(0, Throttle::held), ..self.counts }
    }

    /// Since when the receiver has been away, and why, if it is.
    #[must_use]
    pub fn away(&self) -> Option<(Timestamp, &str)> {
        self.away.as_ref().map(|(since, why)| (*since, why.as_str()))
    }

    /// Why the receiver refused a notice the last time, if it ever did.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Reads a portion; returns whether that was all.
    fn fill<S: Spool>(&mut self, spool: &mut S, now: Timestamp) -> Result<bool, S::Error> {
        let held = self.counts().held;
        let mut read = match self.read {
            Some(read) => read,
            None => {
                self.told = spool.cursor(&self.name)?;
                self.told
            }
        };
        if let Some(cut) = self.beyond_backlog(spool, read)? {
            self.skip(read, cut, now);
            read = cut.last;
            // Now, so that it is not counted again if the spool fails below.
            self.read = Some(read);
        }
        let portion = self.receiver.portion().max(1);
        let notices = spool.after(read, portion)?;
        let drained = notices.len() < portion;
        for notice in notices {
            if notice.id <= read {
                continue;
            }
            read = notice.id;
            match &mut self.throttle {
                None => self.outbox.push_back(Emitted { first: notice.id, notice }),
                // By when it came about: what waited for an absent receiver did not come too fast.
                Some(throttle) => {
                    let at = notice.at.min(now);
                    self.outbox.extend(throttle.admit(notice, at));
                }
            }
        }
        if drained && let Some(throttle) = &mut self.throttle {
            self.outbox.extend(throttle.due(now));
        }
        let held = self.counts().held - held;
        if held > 0 {
            tracing::debug!(receiver = self.name, held, "alerts held back, to be counted in others");
        }
        self.read = Some(read);
        Ok(drained)
    }

    /// What has to be skipped, if too much waits.
    fn beyond_backlog<S: Spool>(&self, spool: &mut S, read: i64) -> Result<Option<Cut>, S::Error> {
        let backlog = i64::from(self.limits.backlog);
        let newest = spool.newest()?;
        if newest.saturating_sub(read) <= backlog {
            return Ok(None);
        }
        // What the spool itself forgot, before a receiver's first turn for instance, is none of ours.
        let Some(first) = spool.after(read, 1)?.first().map(|notice| notice.id) else { return Ok(None) };
        let last = newest - backlog;
        Ok((first <= last).then_some(Cut { last, count: last.abs_diff(first) + 1 }))
    }

    /// Counts it, and tells the receiver.
    fn skip(&mut self, read: i64, cut: Cut, now: Timestamp) {
        self.counts.skipped += cut.count;
        let notice = Notice {
            id: cut.last,
            at: now,
            kind: "notices_skipped".into(),
            severity: Severity::Warning,
            subject: self.name.clone(),
            message: format!(
                "{} notices were never sent, since more than {} waited while the receiver was away",
                cut.count, self.limits.backlog
            ),
            call_id: None,
            campaign: None,
            fingerprint: None,
            score: None,
            more: 0,
        };
        self.outbox.push_back(Emitted { notice, first: read.saturating_add(1) });
    }

    /// Sends a portion and settles it, or says why not.
    fn deliver(&mut self, now: Timestamp) -> Result<(), String> {
        let portion = self.outbox.len().min(self.receiver.portion().max(1));
        let mut refused = 0;
        for released in self.outbox.iter().take(portion) {
            match self.receiver.send(&released.notice, now) {
                Ok(()) => {}
                Err(Failure::Refused(why)) => {
                    refused += 1;
                    self.refusal = Some(why);
                }
                Err(Failure::Away(why)) => return Err(why),
            }
        }
        self.receiver.settle().map_err(|failure| failure.to_string())?;
        self.outbox.drain(..portion);
        self.counts.refused += refused;
        self.counts.sent += portion as u64 - refused;
        tracing::debug!(receiver = self.name, sent = portion as u64 - refused, refused, "alerts delivered");
        Ok(())
    }

    /// Moves the cursor as far as everything has arrived.
    fn tell<S: Spool>(&mut self, spool: &mut S) -> Result<(), S::Error> {
        let Some(read) = self.read else { return Ok(()) };
        let waiting = self.outbox.iter().map(|released| released.first);
        let held = self.throttle.as_ref().and_then(Throttle::oldest_held);
        let arrived = waiting.chain(held).min().map_or(read, |first| read.min(first - 1));
        if arrived > self.told {
            spool.sent(&self.name, arrived)?;
            self.told = arrived;
        }
        Ok(())
    }
}

/// The beginning of a backlog that is cut off.
#[derive(Clone, Copy)]
struct Cut {
    /// Up to this number.
    last: i64,
    /// So many, if their numbers have no gaps.
    count: u64,
}

#[cfg(test)]
mod tests;
