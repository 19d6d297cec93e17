use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_base::{Span, Timestamp};
use bellwether_tracker::{Control, Item, Tally};
use crossbeam_channel::{Receiver, Sender};

use crate::batch::{Batch, Done, Then};

/// Number of epochs in flight. Controls of one epoch take effect this many epochs later, on all workers
/// alike. It is also the lead of the dispatcher over the workers.
pub(crate) const LAG: usize = 8;

/// Items and octets that close an epoch.
const MAX_ITEMS: usize = 2048;
const MAX_BYTES: usize = 256 * 1024;

/// Longest epoch while controls are in flight. A slow capture would take minutes to fill an epoch, and the
/// controls would be late for the media that they describe.
const MAX_SPAN: Span = Span::from_millis(50);

/// Longest delay of controls in capture time after their epoch, independent of the number of packets.
const MAX_DELAY: Span = Span::from_millis(400);

/// A receiver ended: a worker, or the component that it sends to, failed.
#[derive(Debug)]
pub(crate) struct ReceiverGone;

/// Divides the stream of items into epochs and keeps the workers in step.
///
/// The end of an epoch depends on the items alone, so results do not depend on threads or their number.
pub(crate) struct Epochs {
    to: Vec<Sender<Batch>>,
    from: Vec<Receiver<Done>>,
    batches: Vec<Batch>,
    spare: Vec<Batch>,
    /// The latest time of each epoch in flight, oldest first.
    outstanding: VecDeque<Timestamp>,
    items: usize,
    bytes: usize,
    /// Items so far: each has a number of its own, by which its facts are ordered. Several messages may share one frame.
    number: u64,
    first_at: Option<Timestamp>,
    up_to: Timestamp,
    /// Number of epochs since the last one with signalling, including that one.
    since_sip: usize,
    controls: Vec<Control>,
    started: std::time::Instant,
}

impl Epochs {
    pub(crate) fn new(
        to: Vec<Sender<Batch>>,
        from: Vec<Receiver<Done>>,
        started: std::time::Instant,
    ) -> Self {
        let batches = to.iter().map(|_| Batch::default()).collect();
        Self {
            to,
            from,
            batches,
            spare: Vec::new(),
            outstanding: VecDeque::with_capacity(LAG),
            items: 0,
            bytes: 0,
            number: 0,
            first_at: None,
            up_to: Timestamp::MIN,
            since_sip: usize::MAX,
            controls: Vec::new(),
            started,
        }
    }

    /// Adds an item to the open epoch. A full epoch is closed first.
    pub(crate) fn push(&mut self, item: &Item<'_>, is_sip: bool) -> Result<(), ReceiverGone> {
        if self.is_full(item.at) {
            self.close(Then::GoOn)?;
        }
        while self.items == 0
            && self.outstanding.front().is_some_and(|up_to| item.at.since(*up_to) >= MAX_DELAY)
        {
            self.collect(&mut Tally::default())?;
        }
        self.first_at.get_or_insert(item.at);
        self.up_to = self.up_to.max(item.at);
        self.items += 1;
        self.number += 1;
        self.bytes += item.bytes.len();
        if is_sip {
            self.since_sip = 0;
        }
        let worker = usize::from(item.shard) % self.batches.len();
        if let Some(batch) = self.batches.get_mut(worker) {
            batch.push(item, self.number);
        }
        Ok(())
    }

    /// Advances time to `to` without an item: open batches are sent, timers fire, controls arrive.
    pub(crate) fn advance(&mut self, to: Timestamp) -> Result<(), ReceiverGone> {
        if to <= self.up_to {
            return Ok(());
        }
        while self.outstanding.front().is_some_and(|up_to| to.since(*up_to) >= MAX_DELAY) {
            self.collect(&mut Tally::default())?;
        }
        self.up_to = to;
        self.close(Then::GoOn)
    }

    /// Sends open batches and collects controls without advancing time.
    pub(crate) fn flush(&mut self) -> Result<(), ReceiverGone> {
        if self.items > 0 || !self.outstanding.is_empty() {
            self.drain(Then::GoOn)?;
        }
        if self.controls.is_empty() { Ok(()) } else { self.close(Then::GoOn) }
    }

    /// Ends the open epoch and sends it.
    pub(crate) fn close(&mut self, then: Then) -> Result<(), ReceiverGone> {
        if self.outstanding.len() == LAG {
            self.collect(&mut Tally::default())?;
        }
        let controls: Arc<[Control]> = std::mem::take(&mut self.controls).into();
        for (to, batch) in self.to.iter().zip(&mut self.batches) {
            let mut batch = std::mem::replace(batch, self.spare.pop().unwrap_or_default());
            batch.up_to = self.up_to;
            batch.controls = Arc::clone(&controls);
            batch.then = then;
            batch.sent = self.started.elapsed();
            to.send(batch).map_err(|_| ReceiverGone)?;
        }
        self.outstanding.push_back(self.up_to);
        (self.items, self.bytes, self.first_at) = (0, 0, None);
        self.since_sip = self.since_sip.saturating_add(1);
        Ok(())
    }

    /// Ends the open epoch, waits for all epochs in flight, and sums the workers' counters.
    pub(crate) fn drain(&mut self, then: Then) -> Result<Tally, ReceiverGone> {
        self.close(then)?;
        let mut total = Tally::default();
        while !self.outstanding.is_empty() {
            self.collect(&mut total)?;
        }
        Ok(total)
    }

    /// Waits for the oldest epoch in flight; its controls are sent with the next epoch.
    fn collect(&mut self, total: &mut Tally) -> Result<(), ReceiverGone> {
        let mut controls = Vec::new();
        for from in &self.from {
            let mut done = from.recv().map_err(|_| ReceiverGone)?;
            controls.append(&mut done.controls);
            if let Some(tally) = done.tally {
                total.merge(&tally);
            }
            done.batch.clear();
            self.spare.push(done.batch);
        }
        controls.sort_by_key(|(order, _)| *order);
        self.controls.extend(controls.into_iter().map(|(_, control)| control));
        self.outstanding.pop_front();
        Ok(())
    }

    fn is_full(&self, at: Timestamp) -> bool {
        let is_long = self.since_sip <= LAG && self.first_at.is_some_and(|first| at.since(first) >= MAX_SPAN);
        self.items >= MAX_ITEMS || self.bytes >= MAX_BYTES || is_long
    }
}
