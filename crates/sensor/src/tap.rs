//! A second reader of frames that may hold signalling. The sensor never waits for it.

use std::time::Duration;

use bellwether_base::{Loss, Losses, Span, Timestamp};
use bellwether_capture::{Frames, Record};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

/// Batches that wait for the reader: some 4 MiB of signalling.
const QUEUE: usize = 64;

/// Frames of a batch.
const BATCH: usize = 64;

/// Time after which an incomplete batch is sent.
const PATIENCE: Span = Span::from_millis(200);

/// The end of the tap that a run holds.
#[derive(Clone)]
pub struct SignallingTap {
    to: Sender<Frames>,
}

/// The end that reads.
pub struct TappedFrames {
    from: Receiver<Frames>,
}

/// What the reader gets.
pub enum Tapped {
    /// Frames in order: SIP over UDP, and everything that may hold SIP (TCP segments, fragments, envelopes of agents). No media.
    Frames(Frames),
    /// Nothing for a while.
    Quiet,
    /// The run is over.
    End,
}

/// Makes a tap.
#[must_use]
pub fn signalling_tap() -> (SignallingTap, TappedFrames) {
    let (to, from) = bounded(QUEUE);
    (SignallingTap { to }, TappedFrames { from })
}

impl TappedFrames {
    /// Waits for the next frames.
    #[must_use]
    pub fn wait(&self, at_most: Duration) -> Tapped {
        match self.from.recv_timeout(at_most) {
            Ok(frames) => Tapped::Frames(frames),
            Err(RecvTimeoutError::Timeout) => Tapped::Quiet,
            Err(RecvTimeoutError::Disconnected) => Tapped::End,
        }
    }
}

/// The dispatcher's side of a tap: collects frames into batches.
pub(crate) struct TapWriter {
    tap: SignallingTap,
    batch: Frames,
    begun_at: Timestamp,
}

impl TapWriter {
    pub(crate) fn new(tap: SignallingTap) -> Self {
        Self { tap, batch: Frames::default(), begun_at: Timestamp::MIN }
    }

    /// Adds a frame.
    pub(crate) fn push(&mut self, record: &Record<'_>, losses: &mut Losses) {
        if self.batch.is_empty() {
            self.begun_at = record.at;
        }
        self.batch.push(record);
        if self.batch.len() >= BATCH {
            self.send(losses);
        }
    }

    /// Sends a batch that has waited long enough.
    pub(crate) fn tick(&mut self, now: Timestamp, losses: &mut Losses) {
        if !self.batch.is_empty() && now.since(self.begun_at) > PATIENCE {
            self.send(losses);
        }
    }

    /// Sends the batch, or drops it if the reader is behind.
    pub(crate) fn send(&mut self, losses: &mut Losses) {
        if self.batch.is_empty() {
            return;
        }
        match self.tap.to.try_send(std::mem::take(&mut self.batch)) {
            Ok(()) => {}
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                losses.add(Loss::PacketNotKept, batch.len() as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_wire::LinkType;

    use super::*;

    fn record(nanos: i64) -> Record<'static> {
        Record { at: Timestamp::from_nanos(nanos), link: LinkType::RawIp, original_len: 1, frame: b"x" }
    }

    #[test]
    fn a_reader_that_is_behind_costs_counted_frames_and_no_wait() {
        let (tap, frames) = signalling_tap();
        let (mut writer, mut losses) = (TapWriter::new(tap), Losses::default());
        for i in 0..(QUEUE + 3) * BATCH {
            writer.push(&record(i as i64), &mut losses);
        }
        assert_eq!(losses.get(Loss::PacketNotKept), 3 * BATCH as u64);
        let Tapped::Frames(first) = frames.wait(Duration::ZERO) else { panic!("a batch") };
        assert_eq!((first.len(), first.newest()), (BATCH, Some(Timestamp::from_nanos(BATCH as i64 - 1))));
    }

    #[test]
    fn a_few_frames_are_sent_after_a_moment_and_the_reader_sees_the_end() {
        let (tap, frames) = signalling_tap();
        let (mut writer, mut losses) = (TapWriter::new(tap), Losses::default());
        writer.push(&record(0), &mut losses);
        writer.tick(Timestamp::from_nanos(1000), &mut losses);
        assert!(matches!(frames.wait(Duration::ZERO), Tapped::Quiet));
        writer.tick(Timestamp::from_nanos(1_000_000_000), &mut losses);
        assert!(matches!(frames.wait(Duration::ZERO), Tapped::Frames(batch) if batch.len() == 1));
        drop(writer);
        assert!(matches!(frames.wait(Duration::ZERO), Tapped::End));
    }
}
