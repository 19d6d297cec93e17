use bellwether_base::{FlowKey, HashKey, Loss, Losses, LruTable, SlotId, Span, Timestamp};

use crate::decode::Segment;

/// Bounds of the reassembly.
#[derive(Clone, Copy, Debug)]
pub struct TcpLimits {
    /// One-way flows remembered at once.
    pub flows: usize,
    /// Unread octets of all flows together.
    pub bytes: usize,
    /// Unread octets of one flow, in order or waiting for a missing piece.
    pub flow_bytes: usize,
    /// How long a missing segment is waited for once later ones are there.
    pub patience: Span,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self { flows: 65_536, bytes: 64 << 20, flow_bytes: 128 << 10, patience: Span::from_secs(2) }
    }
}

/// Segments of one flow that wait for a missing one.
const MAX_AHEAD: usize = 64;

/// A jump in sequence this far is no reordering: the flow was taken over or the mirror lost much of it.
const FAR: i32 = 1 << 20;

/// One direction of a TCP connection: the octets that were not yet read, in order.
#[derive(Default)]
pub struct TcpStream<S> {
    /// The reader's own memory of this flow.
    pub state: S,
    buffer: Vec<u8>,
    read: usize,
    next: Option<u32>,
    ahead: Vec<(u32, Vec<u8>)>,
    ahead_since: Timestamp,
    is_torn: bool,
    is_ignored: bool,
}

/// Puts the segments of every flow in order, in bounded memory.
///
/// It knows nothing of what the octets mean: the caller reads [`TcpStream::unread`], consumes what it could
/// use, and calls [`TcpStream::ignore`] for flows that are not its business.
pub struct TcpReassembler<S> {
    table: LruTable<FlowKey, TcpStream<S>, 2>,
    hash_key: HashKey,
    limits: TcpLimits,
    bytes: usize,
}

/// Queue of the table for flows that are ignored: they cost little and leave first.
const IGNORED: usize = 0;
/// Queue for flows that are read.
const READ: usize = 1;

impl<S: Default> TcpReassembler<S> {
    /// Without flows.
    #[must_use]
    pub fn new(limits: TcpLimits, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(limits.flows), hash_key, limits, bytes: 0 }
    }

    /// Takes a segment, and hands the flow to `read` if there is something new to read in it.
    pub fn push(
        &mut self,
        flow: FlowKey,
        segment: Segment<'_>,
        now: Timestamp,
        losses: &mut Losses,
        mut read: impl FnMut(&mut TcpStream<S>, &mut Losses),
    ) {
        if segment.payload.is_empty() && !segment.syn && !segment.ends {
            return;
        }
        let slot = self.slot(flow, now, losses);
        let Some((_, stream)) = self.table.get_mut(slot) else { return };
        let before = stream.held();
        stream.accept(&segment, now, &self.limits, losses);
        while !stream.is_ignored {
            let unread = stream.unread().len();
            if unread > 0 {
                read(stream, losses);
            }
            if stream.unread().len() > self.limits.flow_bytes {
                losses.count(Loss::TcpBufferFull);
                stream.drop_unread();
            }
            // Reading may have freed room, and patience may have run out on a gap.
            if !stream.advance(now, &self.limits, losses) {
                break;
            }
        }
        let class = if stream.is_ignored { IGNORED } else { READ };
        let is_over = segment.ends && stream.ahead.is_empty();
        let after = stream.held();
        self.bytes = self.bytes + after - before;
        if is_over {
            self.table.remove(slot);
            self.bytes -= after;
        } else {
            self.table.touch(slot, class, now);
            self.shrink(losses);
        }
    }

    /// At the end of the input: gives up on all gaps and reads what lies behind them.
    pub fn finish(
        &mut self,
        losses: &mut Losses,
        mut read: impl FnMut(FlowKey, &mut TcpStream<S>, &mut Losses),
    ) {
        while let Some(slot) = self.table.oldest(READ) {
            let Some((flow, mut stream)) = self.table.remove(slot) else { break };
            self.bytes -= stream.held();
            while !stream.is_ignored && stream.skip_gap(losses) {
                read(flow, &mut stream, losses);
            }
        }
    }

    fn slot(&mut self, flow: FlowKey, now: Timestamp, losses: &mut Losses) -> SlotId {
        let ports = [flow.src.port().to_be_bytes(), flow.dst.port().to_be_bytes()];
        let hash = self.hash_key.parts(&[&flow.src.octets(), &flow.dst.octets(), ports.as_flattened()]);
        let (slot, evicted) = self.table.find_or_insert(hash, flow, now);
        if let Some(evicted) = evicted {
            self.bytes -= evicted.value.held();
            if !evicted.value.is_ignored {
                losses.count(Loss::TcpFlowEvicted);
            }
        }
        slot
    }

    fn shrink(&mut self, losses: &mut Losses) {
        while self.bytes > self.limits.bytes
            && let Some(slot) = self.table.oldest(READ)
            && let Some((_, stream)) = self.table.remove(slot)
        {
            self.bytes -= stream.held();
            losses.count(Loss::TcpFlowEvicted);
        }
    }
}

impl<S: Default> TcpStream<S> {
    /// The octets in order that were not yet consumed.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.read..).unwrap_or_default()
    }

    /// Whether octets are missing before [`Self::unread`]: after a gap, or because the flow was joined
    /// midway. Answers once.
    pub fn take_torn(&mut self) -> bool {
        std::mem::take(&mut self.is_torn)
    }

    /// Marks the front of the unread octets as torn again, when no way back in was found yet.
    pub fn tear(&mut self) {
        self.is_torn = true;
    }

    /// Takes `n` octets off the front.
    pub fn consume(&mut self, n: usize) {
        self.read = (self.read + n).min(self.buffer.len());
        if self.read == self.buffer.len() {
            self.buffer.clear();
            self.read = 0;
            if self.buffer.capacity() > 4096 {
                self.buffer = Vec::new();
            }
        }
    }

    /// Declares the flow none of the reader's business: its octets are passed over from now on.
    pub fn ignore(&mut self) {
        self.is_ignored = true;
        self.buffer = Vec::new();
        self.ahead = Vec::new();
        self.read = 0;
    }

    fn held(&self) -> usize {
        self.buffer.len() + self.ahead.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    fn drop_unread(&mut self) {
        self.consume(self.buffer.len());
        self.is_torn = true;
    }

    fn accept(&mut self, segment: &Segment<'_>, now: Timestamp, limits: &TcpLimits, losses: &mut Losses) {
        if segment.syn {
            *self = Self { next: Some(segment.seq.wrapping_add(1)), ..Self::default() };
        }
        if segment.payload.is_empty() || self.is_ignored {
            return;
        }
        let seq = if segment.syn { segment.seq.wrapping_add(1) } else { segment.seq };
        let Some(next) = self.next else {
            self.is_torn = true;
            self.next = Some(seq);
            self.append(seq, segment.payload, losses);
            return self.after_cut(segment);
        };
        let distance = seq.wrapping_sub(next).cast_signed();
        if !(-FAR..=FAR).contains(&distance) {
            losses.count(Loss::TcpGap);
            self.drop_unread();
            self.ahead.clear();
            self.next = Some(seq);
            self.append(seq, segment.payload, losses);
        } else if distance <= 0 {
            self.append(seq, segment.payload, losses);
        } else {
            if self.ahead.is_empty() {
                self.ahead_since = now;
            }
            let at = self.ahead.partition_point(|(s, _)| s.wrapping_sub(next) <= seq.wrapping_sub(next));
            self.ahead.insert(at, (seq, segment.payload.to_vec()));
            if self.ahead.len() > MAX_AHEAD || self.held() > limits.flow_bytes {
                self.skip_gap(losses);
            }
        }
        self.after_cut(segment);
    }

    /// A segment cut by the snap length leaves a hole that nothing will fill.
    fn after_cut(&mut self, segment: &Segment<'_>) {
        if segment.is_cut {
            self.drop_unread();
            self.next = None;
        }
    }

    /// Adds octets at `seq`, which is at or before the next expected one.
    fn append(&mut self, seq: u32, payload: &[u8], losses: &mut Losses) {
        let next = self.next.unwrap_or(seq);
        let repeated = next.wrapping_sub(seq) as usize;
        if repeated > 0 {
            losses.count(Loss::TcpOverlap);
        }
        let Some(new) = payload.get(repeated..) else { return };
        self.buffer.extend_from_slice(new);
        self.next = Some(next.wrapping_add(new.len() as u32));
    }

    /// Takes in what has become contiguous, or gives up on a gap that lasts too long. Answers whether there
    /// is something new to read.
    fn advance(&mut self, now: Timestamp, limits: &TcpLimits, losses: &mut Losses) -> bool {
        let before = self.buffer.len();
        self.join_ahead(losses);
        if self.buffer.len() > before {
            self.ahead_since = now;
            return true;
        }
        if !self.ahead.is_empty() && now.since(self.ahead_since) > limits.patience {
            self.ahead_since = now;
            return self.skip_gap(losses);
        }
        false
    }

    fn join_ahead(&mut self, losses: &mut Losses) {
        while let (Some(next), Some((seq, _))) = (self.next, self.ahead.first())
            && seq.wrapping_sub(next).cast_signed() <= 0
        {
            let (seq, bytes) = self.ahead.remove(0);
            self.append(seq, &bytes, losses);
        }
    }

    /// Goes on behind the missing octets; answers whether there was anything.
    fn skip_gap(&mut self, losses: &mut Losses) -> bool {
        let Some((seq, _)) = self.ahead.first() else { return false };
        losses.count(Loss::TcpGap);
        self.next = Some(*seq);
        self.drop_unread();
        self.join_ahead(losses);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_base::Endpoint;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

    fn flow() -> FlowKey {
        FlowKey { src: Endpoint::v4([1, 1, 1, 1], 5060), dst: Endpoint::v4([2, 2, 2, 2], 5060) }
    }

    fn data(seq: u32, payload: &[u8]) -> Segment<'_> {
        Segment { seq, syn: false, ends: false, payload, is_cut: false }
    }

    struct Reader {
        tcp: TcpReassembler<()>,
        losses: Losses,
        got: Vec<u8>,
        torn: usize,
    }

    impl Reader {
        fn new() -> Self {
            let tcp = TcpReassembler::new(TcpLimits::default(), HashKey::new([1; 16]));
            Self { tcp, losses: Losses::default(), got: Vec::new(), torn: 0 }
        }

        fn push(&mut self, segment: Segment<'_>, now: Timestamp) {
            let (got, torn) = (&mut self.got, &mut self.torn);
            self.tcp.push(flow(), segment, now, &mut self.losses, |stream, _| {
                *torn += usize::from(stream.take_torn());
                got.extend_from_slice(stream.unread());
                stream.consume(stream.unread().len());
            });
        }
    }

    proptest! {
        /// However a stream is cut, repeated and shuffled within a window, its octets come out in order.
        #[test]
        fn any_cutting_gives_the_stream(
            octets in prop::collection::vec(any::<u8>(), 1..500),
            sizes in prop::collection::vec(1_usize..40, 1..60),
            start in any::<u32>(),
            swap in any::<u64>(),
        ) {
            let mut reader = Reader::new();
            reader.push(Segment { syn: true, ..data(start.wrapping_sub(1), b"") }, NOW);
            let mut segments = Vec::new();
            let (mut at, mut sizes) = (0, sizes.into_iter().cycle());
            while at < octets.len() {
                let end = (at + sizes.next().unwrap()).min(octets.len());
                segments.push((start.wrapping_add(at as u32), octets[at..end].to_vec()));
                at = end;
            }
            for i in 1..segments.len() {
                if (swap >> (i % 64)) & 1 == 1 {
                    segments.swap(i - 1, i);
                }
            }
            for (i, (seq, bytes)) in segments.iter().enumerate() {
                reader.push(data(*seq, bytes), NOW);
                if (swap >> (i % 61)) & 1 == 0 {
                    reader.push(data(*seq, bytes), NOW);
                }
            }
            prop_assert_eq!(&reader.got, &octets);
            prop_assert_eq!((reader.torn, reader.tcp.bytes), (0, 0));
            prop_assert_eq!(reader.losses.get(Loss::TcpGap), 0);
        }
    }

    #[test]
    fn a_gap_is_waited_for_and_then_named() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        reader.push(data(110, b"xyz"), NOW);
        assert_eq!(reader.got, b"abc");
        reader.push(data(113, b"!"), NOW + Span::from_secs(3));
        assert_eq!(reader.got, b"abcxyz!");
        assert_eq!((reader.losses.get(Loss::TcpGap), reader.torn), (1, 2));
    }

    #[test]
    fn what_lies_behind_a_gap_is_read_at_the_end() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        reader.push(data(110, b"xyz"), NOW);
        let mut rest = Vec::new();
        reader.tcp.finish(&mut reader.losses, |_, stream, _| {
            rest.extend_from_slice(stream.unread());
            stream.consume(stream.unread().len());
        });
        assert_eq!((rest.as_slice(), reader.losses.get(Loss::TcpGap)), (&b"xyz"[..], 1));
    }

    #[test]
    fn ignored_flows_hold_nothing() {
        let limits = TcpLimits::default();
        let mut tcp = TcpReassembler::<()>::new(limits, HashKey::new([1; 16]));
        let mut losses = Losses::default();
        for i in 0..100_u32 {
            tcp.push(flow(), data(i * 10, b"0123456789"), NOW, &mut losses, |s, _| s.ignore());
        }
        assert_eq!((tcp.bytes, tcp.table.len()), (0, 1));
    }

    #[test]
    fn unread_octets_stay_within_the_limits() {
        let limits = TcpLimits { bytes: 10_000, flow_bytes: 4_000, ..TcpLimits::default() };
        let mut tcp = TcpReassembler::<()>::new(limits, HashKey::new([1; 16]));
        let mut losses = Losses::default();
        for i in 0..2_000_u32 {
            let mut flow = flow();
            flow.src = flow.src.with_port((i % 50) as u16);
            tcp.push(flow, data((i / 50) * 100, &[b'x'; 100]), NOW, &mut losses, |_, _| {});
            assert!(tcp.bytes <= 10_000);
        }
        assert!(losses.get(Loss::TcpFlowEvicted) > 0);
    }
}
