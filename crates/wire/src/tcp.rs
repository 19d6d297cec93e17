use bellwether_base::{FlowKey, HashKey, Loss, Losses, LruTable, SlotId, Span, Timestamp};

use crate::decode::Segment;

mod stream;

pub use stream::{Held, TcpStream, Torn};

/// Limits of the reassembly.
#[derive(Clone, Copy, Debug)]
pub struct TcpLimits {
    /// One-way flows held at once.
    pub flows: usize,
    /// Unread octets of all flows together.
    pub bytes: usize,
    /// Unread octets of one flow, in order or behind a gap.
    pub flow_bytes: usize,
    /// Time that a gap stays open once later segments have arrived.
    pub patience: Span,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self { flows: 65_536, bytes: 64 << 20, flow_bytes: 128 << 10, patience: Span::from_secs(2) }
    }
}

/// Orders the segments of every flow in bounded memory.
///
/// The reassembler does not interpret the octets: the caller reads [`TcpStream::unread`], consumes the octets
/// that were used, and calls [`TcpStream::ignore`] for flows of other protocols.
///
/// A full table evicts flows without a reply first, and among them the flow that holds the least. An attacker
/// who opens many flows therefore cannot evict an established connection. If memory is short, the flow that
/// holds the most is evicted.
pub struct TcpReassembler<S> {
    table: LruTable<FlowKey, TcpStream<S>, CLASSES>,
    hash_key: HashKey,
    limits: TcpLimits,
    bytes: usize,
}

/// Upper bounds of the size classes in held octets; a larger flow is in one more class.
const SIZES: [usize; 5] = [0, 1 << 10, 4 << 10, 16 << 10, 64 << 10];
/// Eviction class of flows that are ignored or ended: they cost little and are evicted first.
const IGNORED: usize = 0;
/// First eviction class of flows without payload in the other direction; one class per size.
const UNANSWERED: usize = 1;
/// First eviction class of flows with payload in both directions.
const ANSWERED: usize = UNANSWERED + SIZES.len() + 1;
const CLASSES: usize = ANSWERED + SIZES.len() + 1;
/// Size classes added to a flow without a reply when memory is short.
const HANDICAP: usize = 2;

impl<S: Default + Held> TcpReassembler<S> {
    /// Creates a reassembler without flows.
    #[must_use]
    pub fn new(limits: TcpLimits, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(limits.flows), hash_key, limits, bytes: 0 }
    }

    /// Octets held for all flows.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.bytes
    }

    /// Adds a segment. Calls `read` if the flow has new octets.
    pub fn push(
        &mut self,
        flow: FlowKey,
        segment: Segment<'_>,
        now: Timestamp,
        losses: &mut Losses,
        mut read: impl FnMut(&mut TcpStream<S>, &mut Losses),
    ) {
        let is_bare = segment.payload.is_empty() && !segment.syn;
        if is_bare && !segment.ends {
            return;
        }
        let hash = self.hash(flow);
        let slot = match self.table.find(hash, &flow) {
            Some(slot) => slot,
            // The end of an unknown flow.
            None if is_bare => return,
            None => self.open(hash, flow, now, losses),
        };
        let Some((_, stream)) = self.table.get_mut(slot) else { return };
        let (before, had_spoken) = (stream.held(), stream.has_spoken());
        stream.accept(&segment, now, &self.limits, losses);
        while !stream.is_ignored() {
            if !stream.unread().is_empty() {
                read(stream, losses);
            }
            if stream.unread().len() > self.limits.flow_bytes {
                losses.count(Loss::TcpBufferFull);
                stream.drop_unread();
            }
            // Reading may have freed memory, or a gap may have timed out.
            if !stream.advance(now, &self.limits, losses) {
                break;
            }
        }
        if segment.is_cut {
            stream.cut(losses);
        }
        if segment.ends && stream.is_at_end(&segment) {
            stream.end();
        }
        let (after, class, has_spoken) = (stream.held(), class(stream), stream.has_spoken());
        self.bytes = self.bytes + after - before;
        self.table.touch(slot, class, now);
        if has_spoken && !had_spoken {
            self.answer(slot, flow, now);
        }
        self.shrink(losses);
    }

    /// True if the reader of a flow ignores it: no octet of the flow is read any more.
    #[must_use]
    pub fn ignores(&self, flow: FlowKey) -> bool {
        let slot = self.table.find(self.hash(flow), &flow);
        slot.and_then(|slot| self.table.get(slot)).is_some_and(|(_, stream)| stream.is_ignored())
    }

    /// Closes all gaps at the end of the input and reads the octets behind the gaps.
    pub fn finish(
        &mut self,
        losses: &mut Losses,
        mut read: impl FnMut(FlowKey, &mut TcpStream<S>, &mut Losses),
    ) {
        for class in UNANSWERED..CLASSES {
            while let Some(slot) = self.table.oldest(class) {
                let Some((flow, mut stream)) = self.table.remove(slot) else { break };
                self.bytes -= stream.held();
                while !stream.is_ignored() && stream.skip_gap(losses) {
                    read(flow, &mut stream, losses);
                }
            }
        }
    }

    fn hash(&self, flow: FlowKey) -> u64 {
        self.hash_key.flow(flow)
    }

    /// Handles the first payload of a flow. If the other direction has sent payload too, both flows count as
    /// answered. A handshake alone does not count, because any server completes one.
    fn answer(&mut self, slot: SlotId, flow: FlowKey, now: Timestamp) {
        let back = FlowKey { src: flow.dst, dst: flow.src };
        let Some(other) = self.table.find(self.hash(back), &back) else { return };
        if !self.table.get(other).is_some_and(|(_, stream)| stream.has_spoken()) {
            return;
        }
        for slot in [slot, other] {
            if let Some((_, stream)) = self.table.get_mut(slot) {
                stream.answer();
                let class = class(stream);
                self.table.touch(slot, class, now);
            }
        }
    }

    /// Inserts a flow, which may evict another one.
    fn open(&mut self, hash: u64, flow: FlowKey, now: Timestamp, losses: &mut Losses) -> SlotId {
        let stream = TcpStream::default();
        let class = class(&stream);
        let (slot, evicted) = self.table.insert(hash, flow, stream, class, now);
        if let Some(evicted) = evicted {
            self.gone(&evicted.value, losses);
        }
        slot
    }

    fn shrink(&mut self, losses: &mut Losses) {
        while self.bytes > self.limits.bytes
            && let Some(slot) = self.largest()
            && let Some((_, stream)) = self.table.remove(slot)
        {
            self.gone(&stream, losses);
        }
    }

    fn gone(&mut self, stream: &TcpStream<S>, losses: &mut Losses) {
        self.bytes -= stream.held();
        if !stream.is_ignored() && !stream.is_ended() {
            losses.count(Loss::TcpFlowEvicted);
        }
    }

    /// The oldest flow in the largest size class.
    fn largest(&self) -> Option<SlotId> {
        let of_size = |first: usize, size: usize| self.table.oldest(first + size);
        (1..=SIZES.len() + HANDICAP).rev().find_map(|size| {
            let unanswered = size.checked_sub(HANDICAP).filter(|size| *size > 0);
            let unanswered = unanswered.and_then(|size| of_size(UNANSWERED, size));
            unanswered.or_else(|| of_size(ANSWERED, size).filter(|_| size <= SIZES.len()))
        })
    }
}

fn class<S: Default + Held>(stream: &TcpStream<S>) -> usize {
    if stream.is_ignored() || stream.is_ended() {
        return IGNORED;
    }
    let held = stream.held();
    let size = SIZES.iter().position(|most| held <= *most).unwrap_or(SIZES.len());
    if stream.is_answered() { ANSWERED + size } else { UNANSWERED + size }
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
                *torn += usize::from(stream.take_torn().is_some());
                got.extend_from_slice(stream.unread());
                stream.consume(stream.unread().len());
            });
        }
    }

    proptest! {
        /// Octets come out in order, for any segmentation, repetition and reordering within a window.
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
            prop_assert_eq!((reader.losses.get(Loss::TcpGap), reader.losses.get(Loss::TcpConflict)), (0, 0));
        }
    }

    #[test]
    fn a_segment_with_other_octets_for_a_place_that_is_held_is_named_and_the_first_are_kept() {
        let mut tcp = TcpReassembler::<()>::new(TcpLimits::default(), HashKey::new([1; 16]));
        let (mut losses, mut got) = (Losses::default(), Vec::new());
        let ahead = [data(106, b"ghi"), data(106, b"GH"), data(106, b"gh")];
        let behind = [data(103, b"def"), data(101, b"bcd"), data(98, b"..abX")];
        for segment in std::iter::once(data(100, b"abc")).chain(ahead).chain(behind) {
            tcp.push(flow(), segment, NOW, &mut losses, |stream, _| got = stream.unread().to_vec());
        }
        assert_eq!(got.as_slice(), b"abcdefghi");
        assert_eq!((losses.get(Loss::TcpConflict), losses.get(Loss::TcpOverlap)), (2, 2));
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

    fn messages(tcp: &mut TcpReassembler<()>, flow: FlowKey, seq: u32, losses: &mut Losses) -> usize {
        let mut whole = 0;
        // Each segment ends in the middle of a message, so some octets stay unread.
        let segment = data(seq, &[b'm'; 1400]);
        tcp.push(flow, segment, NOW, losses, |stream, _| {
            while stream.unread().len() >= 900 {
                stream.consume(900);
                whole += 1;
            }
        });
        whole
    }

    #[test]
    fn a_flow_that_is_read_holds_what_is_unread_however_much_was_read() {
        let mut tcp = TcpReassembler::<()>::new(TcpLimits::default(), HashKey::new([1; 16]));
        let mut losses = Losses::default();
        let mut whole = 0;
        for i in 0..50_000_u32 {
            whole += messages(&mut tcp, flow(), i * 1400, &mut losses);
            assert!(tcp.bytes < 4 * (900 + 1400));
        }
        assert_eq!((whole, losses), (50_000 * 1400 / 900, Losses::default()));
    }

    #[test]
    fn two_segments_that_change_places_cost_nothing_however_much_was_read() {
        let mut tcp = TcpReassembler::<()>::new(TcpLimits::default(), HashKey::new([1; 16]));
        let mut losses = Losses::default();
        let mut whole = 0;
        for i in 0..20_000_u32 {
            let at = match i % 50 {
                10 => i + 1,
                11 => i - 1,
                _ => i,
            };
            whole += messages(&mut tcp, flow(), at * 1400, &mut losses);
        }
        assert_eq!((whole, losses), (20_000 * 1400 / 900, Losses::default()));
    }

    #[test]
    fn where_memory_is_short_the_flow_that_holds_most_leaves() {
        let limits = TcpLimits { bytes: 100_000, ..TcpLimits::default() };
        let mut tcp = TcpReassembler::<()>::new(limits, HashKey::new([1; 16]));
        let mut losses = Losses::default();
        let from = |port| FlowKey { src: flow().src.with_port(port), ..flow() };
        for port in 0..50 {
            tcp.push(from(port), data(1, b"half a message"), NOW, &mut losses, |_, _| {});
        }
        for i in 0..100_u32 {
            tcp.push(from(9999), data(i * 1400, &[b'x'; 1400]), NOW, &mut losses, |_, _| {});
        }
        let mut kept = 0;
        for port in 0..50 {
            tcp.push(from(port), data(15, b" and its end"), NOW, &mut losses, |stream, _| {
                kept += usize::from(stream.unread() == b"half a message and its end");
            });
        }
        assert_eq!((kept, losses.get(Loss::TcpFlowEvicted)), (50, 1));
    }

    #[test]
    fn answered_flows_outlive_those_that_nobody_answered() {
        let limits = TcpLimits { flows: 100, ..TcpLimits::default() };
        let mut tcp = TcpReassembler::<()>::new(limits, HashKey::new([1; 16]));
        let mut losses = Losses::default();
        let from = |port| FlowKey { src: flow().src.with_port(port), ..flow() };
        let back = |flow: FlowKey| FlowKey { src: flow.dst, dst: flow.src };
        tcp.push(from(7), data(1, b"half"), NOW, &mut losses, |_, _| {});
        tcp.push(back(from(7)), data(1, b"answer"), NOW, &mut losses, |_, _| {});
        for port in 1000..3000 {
            let syn = Segment { syn: true, ..data(1, b"never answered") };
            tcp.push(from(port), syn, NOW, &mut losses, |_, _| {});
            // A reset is no reply.
            let reset = Segment { ends: true, ..data(0, b"") };
            tcp.push(back(from(port)), reset, NOW, &mut losses, |_, _| {});
        }
        let mut got = Vec::new();
        tcp.push(from(7), data(5, b" and half"), NOW, &mut losses, |stream, _| {
            got = stream.unread().to_vec();
        });
        assert_eq!(got, b"half and half");
    }

    #[test]
    fn one_forged_segment_does_not_turn_a_flow_aside_and_two_in_a_row_do() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        reader.push(data(900_000_000, b"forged"), NOW);
        reader.push(Segment { syn: true, ..data(700_000_000, b"") }, NOW);
        reader.push(Segment { ends: true, ..data(800_000_000, b"") }, NOW);
        reader.push(data(103, b"def"), NOW);
        reader.push(data(900_000_006, b"forged"), NOW);
        reader.push(data(106, b"ghi"), NOW);
        assert_eq!((reader.got.as_slice(), reader.torn), (&b"abcdefghi"[..], 1));
        reader.push(data(900_000_000, b"now"), NOW);
        reader.push(data(900_000_003, b" here"), NOW);
        assert_eq!((reader.got.as_slice(), reader.torn), (&b"abcdefghinow here"[..], 2));
        assert_eq!(reader.losses.get(Loss::TcpGap), 1);
    }

    #[test]
    fn a_connection_that_takes_over_the_ports_of_another_is_read_from_its_beginning() {
        let mut reader = Reader::new();
        reader.push(Segment { syn: true, ..data(99, b"") }, NOW);
        reader.push(data(100, b"abc"), NOW);
        // A duplicate of the SYN is not another connection.
        reader.push(Segment { syn: true, ..data(99, b"") }, NOW);
        reader.push(data(100, b"abc"), NOW);
        reader.push(Segment { syn: true, ..data(5_000, b"") }, NOW);
        reader.push(data(5_001, b"new"), NOW);
        assert_eq!((reader.got.as_slice(), reader.torn), (&b"abcnew"[..], 0));
    }

    #[test]
    fn a_flow_comes_back_to_octets_that_forged_ones_made_it_give_up_on() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        for i in 0..66 {
            reader.push(data(500_000 + i, b"!"), NOW);
        }
        assert_eq!(reader.losses.get(Loss::TcpGap), 1);
        let before = reader.got.len();
        for i in 0..10_u32 {
            reader.push(data(103 + i * 2, b"de"), NOW);
        }
        assert_eq!(&reader.got[before..], b"dededededededededede");
    }

    #[test]
    fn segments_that_come_late_one_by_one_turn_no_flow_back() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        for i in 0..66_u32 {
            reader.push(data(200 + i * 2, b"xy"), NOW);
        }
        reader.push(data(103, b"late"), NOW);
        reader.push(data(107, b"too"), NOW);
        reader.push(data(200 + 132, b"on"), NOW);
        assert!(reader.got.ends_with(b"xyon"));
    }

    #[test]
    fn a_copy_of_the_last_segment_is_no_new_flow_and_what_comes_behind_it_is_one() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        let last = Segment { ends: true, ..data(103, b"def") };
        reader.push(last, NOW);
        reader.push(last, NOW);
        assert_eq!((reader.got.as_slice(), reader.torn), (&b"abcdef"[..], 1));
        reader.push(data(106, b"ghi"), NOW);
        assert_eq!((reader.got.as_slice(), reader.torn), (&b"abcdefghi"[..], 2));
    }

    #[test]
    fn octets_before_a_cut_are_read_and_the_cut_is_counted() {
        let mut reader = Reader::new();
        reader.push(Segment { is_cut: true, ..data(100, b"abc") }, NOW);
        reader.push(data(200, b"xyz"), NOW);
        assert_eq!((reader.got.as_slice(), reader.losses.get(Loss::TcpGap)), (&b"abcxyz"[..], 1));
    }

    #[test]
    fn room_that_octets_gave_up_counts_as_held() {
        let mut tcp = TcpReassembler::<()>::new(TcpLimits::default(), HashKey::new([1; 16]));
        let mut losses = Losses::default();
        let long = vec![b'x'; 60_000];
        tcp.push(flow(), data(0, &long), NOW, &mut losses, |stream, _| {
            stream.consume(stream.unread().len().saturating_sub(1));
        });
        assert!(tcp.bytes < 16_384, "{}", tcp.bytes);
    }

    #[test]
    fn segments_far_ahead_do_not_outrun_a_flow_that_goes_on() {
        let mut reader = Reader::new();
        reader.push(data(100, b"abc"), NOW);
        reader.push(data(5_000, b"forged"), NOW);
        for i in 0..10_u32 {
            reader.push(data(103 + i, b"."), NOW + Span::from_secs(3 * i64::from(i)));
        }
        assert_eq!((reader.got.as_slice(), reader.losses.get(Loss::TcpGap)), (&b"abc.........."[..], 0));
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
