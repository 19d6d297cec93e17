use bellwether_base::{Loss, Losses, Timestamp};

use super::TcpLimits;
use crate::decode::Segment;

/// Limit of segments held behind a gap in one flow.
const MAX_AHEAD: usize = 64;

/// Overhead in octets of each segment held behind a gap.
const SEGMENT_COST: usize = 64;

/// Sequence distance beyond reordering: another connection reuses the ports, the segment is forged, or the
/// mirror lost a large part of the flow.
const FAR: i32 = 1 << 20;

/// Consumed octets stay in the buffer until they reach this number and half of the buffer.
const COMPACT_FROM: usize = 4096;

/// Octets missing before the unread ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Torn {
    /// This many octets lie between the last consumed one and the first unread one.
    Octets(u64),
    /// The number is unknown: the capture joined the flow midway, or the sequence jumped.
    Unknown,
}

/// Per-flow state of the reader.
pub trait Held {
    /// Heap octets of the state, beside its own size.
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
    /// The reader's state for this flow.
    pub state: S,
    buffer: Vec<u8>,
    read: usize,
    next: Option<u32>,
    /// First sequence number of the connection, if its SYN was captured.
    start: Option<u32>,
    ahead: Vec<(u32, Vec<u8>)>,
    /// Octets and overhead of the segments in `ahead`.
    ahead_held: usize,
    /// Time since which the octet at `next` has been missing.
    missing_since: Timestamp,
    /// A segment far from the expected sequence number. Reading moves there if the next segments follow it.
    elsewhere: Option<Elsewhere>,
    torn: Option<Torn>,
    /// The skipped range: the expected sequence number, and the one at which reading continued.
    given_up: Option<(u32, u32)>,
    is_ignored: bool,
    /// True if the flow ended. It is kept so that duplicates of its segments are recognised.
    is_ended: bool,
    /// True if the flow carried payload.
    has_spoken: bool,
    is_answered: bool,
}

struct Elsewhere {
    seq: u32,
    payload: Vec<u8>,
    /// True if a connection starts there (SYN).
    is_new: bool,
    /// Number of consecutive segments still needed before reading moves there.
    wanted: u8,
}

/// Consecutive segments that make reading return to a skipped range. Segments of a real gap arrive late too,
/// but one or two at a time.
const TO_COME_BACK: u8 = 4;

impl Elsewhere {
    const fn next(&self) -> u32 {
        self.seq.wrapping_add(self.payload.len() as u32)
    }
}

/// The loss for repeated octets: same content, or different content.
const fn repetition(is_same: bool) -> Loss {
    if is_same { Loss::TcpOverlap } else { Loss::TcpConflict }
}

impl<S: Default + Held> TcpStream<S> {
    /// The octets in order that were not consumed yet.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.read..).unwrap_or_default()
    }

    /// Sequence number of the first unread octet; 0 before the first segment.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.next.unwrap_or_default().wrapping_sub(self.unread().len() as u32)
    }

    /// The octets missing before [`Self::unread`], if any. The value is returned once.
    pub fn take_torn(&mut self) -> Option<Torn> {
        self.torn.take()
    }

    /// Removes `n` octets from the front.
    pub fn consume(&mut self, n: usize) {
        self.read = (self.read + n).min(self.buffer.len());
        if self.read == self.buffer.len() {
            // There are many flows, and most of them have nothing unread, so the memory is freed.
            self.buffer = Vec::new();
            self.read = 0;
        } else if self.read >= COMPACT_FROM && self.read * 2 >= self.buffer.len() {
            // Amortised cost: at most one octet moves per octet consumed.
            self.buffer.drain(..self.read);
            self.read = 0;
            self.buffer.shrink_to((2 * self.buffer.len()).max(COMPACT_FROM));
        }
    }

    /// Marks the flow as of no interest: its octets are dropped from now on.
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

    /// Marks the flow as ended. Late duplicates of its segments do not open a new flow.
    pub(super) fn end(&mut self) {
        *self = Self { next: self.next, is_ended: true, is_answered: self.is_answered, ..Self::default() };
    }

    /// Records that the other direction of the connection carried payload.
    pub(super) const fn answer(&mut self) {
        self.is_answered = true;
    }

    /// Octets held for this flow.
    pub(super) fn held(&self) -> usize {
        let elsewhere = self.elsewhere.as_ref().map_or(0, |there| there.payload.len());
        // Unused capacity counts as held.
        self.buffer.capacity() + self.ahead_held + elsewhere + self.state.held()
    }

    /// True if an ending segment lies at the current position of the flow. Other FIN and RST segments are
    /// late, or forged (RFC 5961 section 3.2).
    pub(super) fn is_at_end(&self, segment: &Segment<'_>) -> bool {
        let end = segment.seq.wrapping_add(u32::from(segment.syn)).wrapping_add(segment.payload.len() as u32);
        self.ahead.is_empty() && self.next.is_none_or(|next| next == end)
    }

    pub(super) fn drop_unread(&mut self) {
        let dropped = self.unread().len();
        self.consume(dropped);
        self.tear(Torn::Octets(dropped as u64));
    }

    /// Records octets missing before the next unread one.
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
            // The flow continues after all, or another connection reuses its ports.
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
            // An empty segment only ends the flow or starts it again.
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

    /// True if all octets of a segment lie in the skipped range.
    fn was_given_up(&self, seq: u32, len: usize) -> bool {
        self.given_up.is_some_and(|(from, to)| {
            let missing = to.wrapping_sub(from) as usize;
            len > 0 && seq.wrapping_sub(from) as usize + len <= missing
        })
    }

    /// Handles the first segment of a flow, or the first one behind a cut.
    fn begin(&mut self, segment: &Segment<'_>, seq: u32, losses: &mut Losses) {
        if segment.syn {
            *self = Self { is_answered: self.is_answered, start: Some(seq), ..Self::default() };
        } else {
            self.tear(Torn::Unknown);
        }
        self.next = Some(seq);
        self.append(seq, segment.payload, losses);
    }

    /// Moves reading to `elsewhere`, after enough segments followed there.
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

    /// Handles a last segment that the capture cut: no later segment fills the gap.
    pub(super) fn cut(&mut self, losses: &mut Losses) {
        losses.count(Loss::TcpGap);
        self.drop_unread();
        self.next = None;
    }

    /// Adds octets at `seq`, which is at or before the next expected sequence number.
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

    /// True if a segment that starts `before` octets before the next expected one repeats the octets that are
    /// still held. Octets that were consumed and freed cannot be compared and count as equal.
    fn agrees(&self, before: usize, payload: &[u8]) -> bool {
        let (held, came) = match self.buffer.len().checked_sub(before) {
            Some(start) => (self.buffer.get(start..).unwrap_or_default(), payload),
            None => (self.buffer.as_slice(), payload.get(before - self.buffer.len()..).unwrap_or_default()),
        };
        held.iter().zip(came).all(|(held, came)| held == came)
    }

    /// Appends segments that became contiguous, or skips a gap that timed out. Returns true if there is
    /// something new to read.
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

    /// Appends all segments of `ahead` that have become contiguous. Returns true if they held new octets.
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

    /// Continues behind the missing octets. Returns true if there is something to read.
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
