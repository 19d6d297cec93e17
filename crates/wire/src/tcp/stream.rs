use bellwether_base::{Loss, Losses, Timestamp};

use super::TcpLimits;
use crate::decode::Segment;

/// Segments of one flow that wait for a missing one.
const MAX_AHEAD: usize = 64;

/// What a segment that waits costs beside its octets.
const SEGMENT_COST: usize = 64;

/// A jump in sequence this far is no reordering: another connection has the flow's ports, somebody forged the segment, or
/// the mirror lost much of the flow.
const FAR: i32 = 1 << 20;

/// Octets that were read stay in the buffer until they are this many and half of it.
const COMPACT_FROM: usize = 4096;

/// Octets that are missing before the unread ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Torn {
    /// This many lie between the last one consumed and the first unread one.
    Octets(u64),
    /// Nobody knows how many: the flow was joined midway, or goes on elsewhere.
    Unknown,
}

/// A reader's memory of a flow.
pub trait Held {
    /// Octets that it keeps, beside its own size.
    fn held(&self) -> usize;
}

impl Held for () {
    fn held(&self) -> usize {
        0
    }
}

/// One direction of a TCP connection: the octets that were not yet read, in order.
#[derive(Default)]
pub struct TcpStream<S> {
    /// The reader's own memory of this flow.
    pub state: S,
    buffer: Vec<u8>,
    read: usize,
    next: Option<u32>,
    /// Where the connection began, if that was seen.
    start: Option<u32>,
    ahead: Vec<(u32, Vec<u8>)>,
    /// Octets and costs of the segments ahead.
    ahead_held: usize,
    /// Since when the octet at `next` has been missing.
    missing_since: Timestamp,
    /// A segment far from what is expected: the flow goes on there if the next one follows it.
    elsewhere: Option<Elsewhere>,
    torn: Option<Torn>,
    /// Where octets were given up on: from the one that was expected to the one that reading went on at.
    given_up: Option<(u32, u32)>,
    is_ignored: bool,
    /// The flow ended, and is remembered for copies of what it held.
    is_ended: bool,
    /// Whether octets came.
    has_spoken: bool,
    is_answered: bool,
}

struct Elsewhere {
    seq: u32,
    payload: Vec<u8>,
    /// Whether a connection begins there.
    is_new: bool,
    /// Segments that must still follow before the flow goes on there.
    wanted: u8,
}

/// Segments in a row by which a flow comes back to octets that were given up on: those of a real gap come late, but one or
/// two at a time.
const TO_COME_BACK: u8 = 4;

impl Elsewhere {
    const fn next(&self) -> u32 {
        self.seq.wrapping_add(self.payload.len() as u32)
    }
}

/// The name of a segment that repeats octets: with the same ones, or with others.
const fn repetition(is_same: bool) -> Loss {
    if is_same { Loss::TcpOverlap } else { Loss::TcpConflict }
}

impl<S: Default + Held> TcpStream<S> {
    /// The octets in order that were not yet consumed.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.read..).unwrap_or_default()
    }

    /// The octets that are missing before [`Self::unread`], if any. Answers once.
    pub fn take_torn(&mut self) -> Option<Torn> {
        self.torn.take()
    }

    /// Takes `n` octets off the front.
    pub fn consume(&mut self, n: usize) {
        self.read = (self.read + n).min(self.buffer.len());
        if self.read == self.buffer.len() {
            // There are many flows, and most wait with nothing unread.
            self.buffer = Vec::new();
            self.read = 0;
        } else if self.read >= COMPACT_FROM && self.read * 2 >= self.buffer.len() {
            // Each octet is moved once for each that was read before it, at most.
            self.buffer.drain(..self.read);
            self.read = 0;
            self.buffer.shrink_to((2 * self.buffer.len()).max(COMPACT_FROM));
        }
    }

    /// Declares the flow none of the reader's business: its octets are passed over from now on.
    pub fn ignore(&mut self) {
        *self = Self { next: self.next, is_ignored: true, is_answered: self.is_answered, ..Self::default() };
    }

    pub(super) const fn is_ignored(&self) -> bool {
        self.is_ignored
    }

    pub(super) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    pub(super) const fn has_spoken(&self) -> bool {
        self.has_spoken
    }

    pub(super) const fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// The flow is over. Copies of its segments may still come, and are no new flow.
    pub(super) fn end(&mut self) {
        *self = Self { next: self.next, is_ended: true, is_answered: self.is_answered, ..Self::default() };
    }

    /// The other direction of the connection was seen.
    pub(super) const fn answer(&mut self) {
        self.is_answered = true;
    }

    /// Octets that are kept for this flow.
    pub(super) fn held(&self) -> usize {
        let elsewhere = self.elsewhere.as_ref().map_or(0, |there| there.payload.len());
        // Room that octets gave up is still taken.
        self.buffer.capacity() + self.ahead_held + elsewhere + self.state.held()
    }

    /// Whether a segment that ends the flow does so where the flow is: others are late, or forged (RFC 5961 section 3.2).
    pub(super) fn is_at_end(&self, segment: &Segment<'_>) -> bool {
        let end = segment.seq.wrapping_add(u32::from(segment.syn)).wrapping_add(segment.payload.len() as u32);
        self.ahead.is_empty() && self.next.is_none_or(|next| next == end)
    }

    pub(super) fn drop_unread(&mut self) {
        let dropped = self.unread().len();
        self.consume(dropped);
        self.tear(Torn::Octets(dropped as u64));
    }

    /// Octets are missing before the next one that is read.
    fn tear(&mut self, torn: Torn) {
        self.torn = match (self.torn, torn) {
            (None, torn) => Some(torn),
            (Some(Torn::Octets(before)), Torn::Octets(more)) => Some(Torn::Octets(before + more)),
            _ => Some(Torn::Unknown),
        };
    }

    pub(super) fn accept(
        &mut self,
        segment: &Segment<'_>,
        now: Timestamp,
        limits: &TcpLimits,
        losses: &mut Losses,
    ) {
        let seq = if segment.syn { segment.seq.wrapping_add(1) } else { segment.seq };
        self.has_spoken |= !segment.payload.is_empty();
        let is_closed = self.is_ignored || self.is_ended;
        let Some(next) = self.next.filter(|_| !(is_closed && segment.syn)) else {
            return self.begin(segment, seq, losses);
        };
        let distance = seq.wrapping_sub(next).cast_signed();
        if self.is_ignored || (self.is_ended && distance < 0) {
            return;
        }
        if self.is_ended {
            // It goes on after all, or somebody else has its ports.
            self.is_ended = false;
            self.next = None;
            return self.begin(segment, seq, losses);
        }
        let is_new = segment.syn && distance != 0 && self.start != Some(seq);
        let follows = |there: &&mut Elsewhere| !segment.syn && seq == there.next() && distance != 0;
        if let Some(there) = self.elsewhere.as_mut().filter(follows) {
            there.payload.extend_from_slice(segment.payload);
            there.wanted = there.wanted.saturating_sub(1);
            if there.wanted == 0 {
                self.go_elsewhere(losses);
            }
        } else if is_new || !(-FAR..=FAR).contains(&distance) {
            self.elsewhere = Some(Elsewhere { seq, payload: segment.payload.to_vec(), is_new, wanted: 1 });
        } else if self.was_given_up(seq, segment.payload.len()) {
            let payload = segment.payload.to_vec();
            self.elsewhere = Some(Elsewhere { seq, payload, is_new: false, wanted: TO_COME_BACK - 1 });
        } else if segment.payload.is_empty() {
            // It ends the flow, or begins it again.
        } else if distance <= 0 {
            self.elsewhere = None;
            self.missing_since = now;
            self.append(seq, segment.payload, losses);
        } else {
            self.put_ahead(seq, next, segment.payload, now, losses);
            if self.ahead.len() > MAX_AHEAD || self.unread().len() + self.ahead_held > limits.flow_bytes {
                self.skip_gap(losses);
            }
        }
    }

    /// Whether all octets of a segment are among those that were given up on.
    fn was_given_up(&self, seq: u32, len: usize) -> bool {
        self.given_up.is_some_and(|(from, to)| {
            let missing = to.wrapping_sub(from) as usize;
            len > 0 && seq.wrapping_sub(from) as usize + len <= missing
        })
    }

    /// The first segment of a flow, or the first one behind a cut.
    fn begin(&mut self, segment: &Segment<'_>, seq: u32, losses: &mut Losses) {
        if segment.syn {
            *self = Self { is_answered: self.is_answered, start: Some(seq), ..Self::default() };
        } else {
            self.tear(Torn::Unknown);
        }
        self.next = Some(seq);
        self.append(seq, segment.payload, losses);
    }

    /// A second segment follows one that was far from what was expected: the flow goes on there.
    fn go_elsewhere(&mut self, losses: &mut Losses) {
        let Some(there) = self.elsewhere.take() else { return };
        if there.is_new {
            *self = Self { is_answered: self.is_answered, start: Some(there.seq), ..Self::default() };
        } else {
            losses.count(Loss::TcpGap);
            self.drop_unread();
            self.tear(Torn::Unknown);
            self.ahead.clear();
            self.ahead_held = 0;
            self.given_up = None;
        }
        self.next = Some(there.seq);
        self.append(there.seq, &there.payload, losses);
    }

    fn put_ahead(&mut self, seq: u32, next: u32, payload: &[u8], now: Timestamp, losses: &mut Losses) {
        if self.ahead.is_empty() {
            self.missing_since = now;
        }
        if let Some((_, held)) =
            self.ahead.iter().find(|(known, held)| *known == seq && held.len() >= payload.len())
        {
            return losses.count(repetition(held.starts_with(payload)));
        }
        let at = self.ahead.partition_point(|(s, _)| s.wrapping_sub(next) <= seq.wrapping_sub(next));
        self.ahead.insert(at, (seq, payload.to_vec()));
        self.ahead_held += payload.len() + SEGMENT_COST;
    }

    /// The capture kept only the beginning of the last segment: it leaves a hole that nothing will fill.
    pub(super) fn cut(&mut self, losses: &mut Losses) {
        losses.count(Loss::TcpGap);
        self.drop_unread();
        self.next = None;
    }

    /// Adds octets at `seq`, which is at or before the next expected one.
    fn append(&mut self, seq: u32, payload: &[u8], losses: &mut Losses) {
        let next = self.next.unwrap_or(seq);
        let repeated = next.wrapping_sub(seq) as usize;
        if repeated > 0 && !payload.is_empty() {
            losses.count(repetition(self.agrees(repeated, payload)));
        }
        let Some(new) = payload.get(repeated..) else { return };
        self.buffer.extend_from_slice(new);
        self.next = Some(next.wrapping_add(new.len() as u32));
    }

    /// Whether a segment that begins `before` octets before the next expected one has the octets that are still held there. Octets that
    /// were read and given up agree with everything.
    fn agrees(&self, before: usize, payload: &[u8]) -> bool {
        let (held, came) = match self.buffer.len().checked_sub(before) {
            Some(start) => (self.buffer.get(start..).unwrap_or_default(), payload),
            None => (self.buffer.as_slice(), payload.get(before - self.buffer.len()..).unwrap_or_default()),
        };
        held.iter().zip(came).all(|(held, came)| held == came)
    }

    /// Takes in what has become contiguous, or gives up on a gap that lasts too long. Answers whether there
    /// is something new to read.
    pub(super) fn advance(&mut self, now: Timestamp, limits: &TcpLimits, losses: &mut Losses) -> bool {
        if self.join_ahead(losses) {
            self.missing_since = now;
            return true;
        }
        if !self.ahead.is_empty() && now.since(self.missing_since) > limits.patience {
            self.missing_since = now;
            return self.skip_gap(losses);
        }
        false
    }

    /// Takes in the segments ahead that nothing is missing before; answers whether they held anything new.
    fn join_ahead(&mut self, losses: &mut Losses) -> bool {
        let before = self.next;
        while let (Some(next), Some((seq, _))) = (self.next, self.ahead.first())
            && seq.wrapping_sub(next).cast_signed() <= 0
        {
            let (seq, bytes) = self.ahead.remove(0);
            self.ahead_held -= bytes.len() + SEGMENT_COST;
            self.append(seq, &bytes, losses);
        }
        self.next != before
    }

    /// Goes on behind the missing octets; answers whether there was anything.
    pub(super) fn skip_gap(&mut self, losses: &mut Losses) -> bool {
        let Some((seq, _)) = self.ahead.first() else {
            if self.elsewhere.is_some() {
                self.go_elsewhere(losses);
                return !self.unread().is_empty();
            }
            return false;
        };
        losses.count(Loss::TcpGap);
        let from = self.next.unwrap_or(*seq);
        let missing = seq.wrapping_sub(from);
        self.given_up = Some((from, *seq));
        self.next = Some(*seq);
        self.drop_unread();
        self.tear(Torn::Octets(u64::from(missing)));
        self.join_ahead(losses);
        true
    }
}
