use std::collections::BTreeMap;

use bellwether_base::{Endpoint, Evicted, FlowKey, HashKey, Loss, Losses, LruTable, Span, Timestamp};

use crate::ip::Fragment;

/// Limits of the pool.
#[derive(Clone, Copy, Debug)]
pub struct FragmentLimits {
    /// Number of held datagrams, incomplete and recently completed.
    pub datagrams: usize,
    /// Octets of all held fragments, including a fixed overhead per fragment.
    pub bytes: usize,
    /// Time that an incomplete datagram is held, counted from its first fragment.
    pub timeout: Span,
}

impl Default for FragmentLimits {
    fn default() -> Self {
        // RFC 791 suggests 15 s and RFC 8200 60 s; Linux uses 30 s.
        Self { datagrams: 65_536, bytes: 32 << 20, timeout: Span::from_secs(30) }
    }
}

/// The result of [`FragmentPool::push`].
#[derive(Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The fragment is held until the datagram is complete.
    Held,
    /// A duplicate of a fragment whose datagram is complete already.
    Copy,
    /// The fragment was dropped and counted as a loss.
    Refused,
    /// The fragment completed its datagram.
    Whole(Reassembled),
}

/// A datagram reassembled from its fragments.
#[derive(Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// Number of frames that held its fragments.
    pub frames: u64,
    /// Source and destination; ports are 0.
    pub hosts: FlowKey,
    /// The IP protocol number of the payload.
    pub protocol: u8,
    /// Low 16 bits of the identification.
    pub id: u16,
    /// The payload, from the transport header on.
    pub payload: Vec<u8>,
}

/// Reassembles fragmented IP datagrams in bounded memory.
///
/// Signed INVITEs are larger than an Ethernet frame: a sensor that drops fragments misses exactly those
/// calls. If fragments overlap with different bytes, the first one is kept and the other is counted, because
/// no regular IP stack sends overlaps.
pub struct FragmentPool {
    table: LruTable<Key, Held, 2>,
    hash_key: HashKey,
    limits: FragmentLimits,
    bytes: usize,
}

/// Eviction class of completed datagrams. They stay for [`DONE_FOR`] so that a doubled mirror's late
/// duplicates are recognised, and a full table evicts them first.
const DONE: usize = 0;
/// Eviction class of incomplete datagrams.
const WAITING: usize = 1;
/// Time during which duplicates of a completed datagram are recognised. It is short because senders reuse
/// identifications.
const DONE_FOR: Span = Span::from_secs(1);

#[derive(PartialEq, Eq, Clone, Copy)]
struct Key {
    src: Endpoint,
    dst: Endpoint,
    protocol: u8,
    id: u32,
}

/// Overhead in octets of each held piece.
const PIECE_COST: usize = 96;

#[derive(Default)]
struct Held {
    /// Payload pieces by offset. Pieces neither overlap nor are empty.
    pieces: BTreeMap<u32, Vec<u8>>,
    /// Sum of the lengths of all pieces.
    octets: usize,
    /// Length of the datagram, known once its last fragment arrived.
    total: Option<u32>,
    /// Frames that contributed a piece.
    frames: u64,
    /// Protocol number from the fragment at offset 0.
    protocol: u8,
    is_done: bool,
}

impl FragmentPool {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: FragmentLimits, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(limits.datagrams), hash_key, limits, bytes: 0 }
    }

    /// Adds a fragment.
    ///
    /// A frame whose content is lost is counted in `losses` once, as soon as the loss is certain.
    pub fn push(&mut self, fragment: Fragment<'_>, now: Timestamp, losses: &mut Losses) -> Pushed {
        self.expire(now, losses);
        let end = fragment.offset as usize + fragment.payload.len();
        // Every fragment but the last carries a multiple of 8 octets, and no datagram is longer than 65,535
        // octets.
        if end > 65_535
            || (fragment.more && !fragment.payload.len().is_multiple_of(8))
            || fragment.payload.is_empty()
        {
            losses.count(Loss::FragmentMalformed);
            return Pushed::Refused;
        }
        // In IPv6 only the first fragment names the upper-layer protocol (RFC 8200 section 4.5).
        let protocol = if fragment.src.is_v4() { fragment.protocol } else { 0 };
        let key = Key { src: fragment.src, dst: fragment.dst, protocol, id: fragment.id };
        let hash = self.hash(&key);
        let slot = self.table.find(hash, &key).unwrap_or_else(|| {
            let (slot, evicted) = self.table.insert(hash, key, Held::default(), WAITING, now);
            self.count_evicted(evicted, losses);
            slot
        });
        let Some((_, held)) = self.table.get_mut(slot) else { return Pushed::Refused };
        if held.is_done {
            return Pushed::Copy;
        }
        let before = held.cost();
        let taken = held.put(&fragment);
        self.bytes = self.bytes + held.cost() - before;
        match taken {
            Ok(false) => {
                self.shrink(losses);
                Pushed::Held
            }
            Err(loss) => {
                losses.count(loss);
                Pushed::Refused
            }
            Ok(true) => {
                self.bytes -= held.cost();
                let (frames, protocol, payload) = (held.frames, held.protocol, held.join());
                *held = Held { is_done: true, ..Held::default() };
                self.table.touch(slot, DONE, now);
                let hosts = FlowKey { src: key.src, dst: key.dst };
                Pushed::Whole(Reassembled { frames, hosts, protocol, id: key.id as u16, payload })
            }
        }
    }

    /// Drops datagrams that stayed incomplete longer than the timeout.
    pub fn expire(&mut self, now: Timestamp, losses: &mut Losses) {
        while let Some((slot, _)) = self.table.oldest_before(WAITING, now - self.limits.timeout) {
            if let Some((_, held)) = self.table.remove(slot) {
                self.bytes -= held.cost();
                losses.add(Loss::FragmentTimeout, held.frames);
            }
        }
        while let Some((slot, _)) = self.table.oldest_before(DONE, now - DONE_FOR) {
            self.table.remove(slot);
        }
    }

    /// Drops all incomplete datagrams at the end of the input and counts their frames.
    pub fn finish(&mut self, losses: &mut Losses) {
        while let Some(slot) = self.table.oldest(WAITING)
            && let Some((_, held)) = self.table.remove(slot)
        {
            self.bytes -= held.cost();
            losses.add(Loss::FragmentTimeout, held.frames);
        }
    }

    /// Frames of incomplete datagrams.
    #[must_use]
    pub fn held_frames(&self) -> u64 {
        // Called for reports only, so a walk over the queue is cheaper than a counter.
        let mut frames = 0;
        let mut at = self.table.oldest(WAITING);
        let mut seen = 0;
        while let (Some(slot), true) = (at, seen < self.table.len()) {
            frames += self.table.get(slot).map_or(0, |(_, held)| held.frames);
            at = self.table.after(slot);
            seen += 1;
        }
        frames
    }

    fn shrink(&mut self, losses: &mut Losses) {
        while self.bytes > self.limits.bytes
            && let Some(slot) = self.table.oldest(WAITING)
            && let Some((key, value)) = self.table.remove(slot)
        {
            self.count_evicted(Some(Evicted { key, value }), losses);
        }
    }

    fn count_evicted(&mut self, evicted: Option<Evicted<Key, Held>>, losses: &mut Losses) {
        if let Some(Evicted { value, .. }) = evicted
            && !value.is_done
        {
            self.bytes -= value.cost();
            losses.add(Loss::FragmentTableFull, value.frames);
        }
    }

    fn hash(&self, key: &Key) -> u64 {
        self.hash_key.parts(&[&key.src.octets(), &key.dst.octets(), &[key.protocol], &key.id.to_le_bytes()])
    }
}

impl Held {
    /// Octets charged against the memory limit.
    fn cost(&self) -> usize {
        self.octets + self.pieces.len() * PIECE_COST
    }

    /// Stores a fragment. Returns true if the datagram is complete.
    fn put(&mut self, fragment: &Fragment<'_>) -> Result<bool, Loss> {
        let (start, new) = (fragment.offset, fragment.payload);
        let end = start + new.len() as u32;
        if self.total.is_some_and(|total| end > total || (!fragment.more && end != total))
            || (!fragment.more && self.end() > end)
        {
            return Err(Loss::FragmentMalformed);
        }
        let gaps = self.gaps(start, new).ok_or(Loss::FragmentOverlap)?;
        for (from, to) in gaps {
            if let Some(piece) = new.get((from - start) as usize..(to - start) as usize) {
                self.octets += piece.len();
                self.pieces.insert(from, piece.to_vec());
            }
        }
        if !fragment.more {
            self.total = Some(end);
        }
        self.frames += 1;
        if start == 0 {
            self.protocol = fragment.protocol;
        }
        Ok(self.total.is_some_and(|total| self.octets == total as usize))
    }

    /// End of the last piece.
    fn end(&self) -> u32 {
        self.pieces.last_key_value().map_or(0, |(at, piece)| at + piece.len() as u32)
    }

    /// The ranges that `new` would fill from `start` on. None if its bytes contradict a held piece.
    fn gaps(&self, start: u32, new: &[u8]) -> Option<Vec<(u32, u32)>> {
        let end = start + new.len() as u32;
        let before = self.pieces.range(..start).next_back();
        let (mut gaps, mut at) = (Vec::new(), start);
        for (from, piece) in before.into_iter().chain(self.pieces.range(start..end)) {
            let to = from + piece.len() as u32;
            let (low, high) = (start.max(*from), end.min(to));
            if low >= high {
                continue;
            }
            let known = piece.get((low - from) as usize..(high - from) as usize);
            if known != new.get((low - start) as usize..(high - start) as usize) {
                return None;
            }
            if at < low {
                gaps.push((at, low));
            }
            at = high;
        }
        if at < end {
            gaps.push((at, end));
        }
        Some(gaps)
    }

    /// Joins the pieces, which are contiguous by now.
    fn join(&mut self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.octets);
        for piece in self.pieces.values() {
            payload.extend_from_slice(piece);
        }
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pool(limits: FragmentLimits) -> (FragmentPool, Losses) {
        (FragmentPool::new(limits, HashKey::new([3; 16])), Losses::default())
    }

    fn piece(id: u32, offset: usize, more: bool, payload: &[u8]) -> Fragment<'_> {
        let (src, dst) = (Endpoint::v4([1, 1, 1, 1], 0), Endpoint::v4([2, 2, 2, 2], 0));
        Fragment { src, dst, protocol: 17, id, offset: offset as u32, more, payload }
    }

    const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

    proptest! {
        /// A datagram is completed exactly once, for any fragmentation, any order and any duplicates.
        #[test]
        fn any_cutting_gives_the_datagram(
            data in prop::collection::vec(any::<u8>(), 9..400),
            cuts in prop::collection::btree_set(1_usize..49, 1..6),
            order in any::<u64>(),
            doubled in any::<bool>(),
        ) {
            let (mut pool, mut losses) = pool(FragmentLimits::default());
            let mut edges: Vec<usize> = cuts.into_iter().map(|c| c * 8).filter(|c| *c < data.len()).collect();
            edges.insert(0, 0);
            edges.push(data.len());
            let mut pieces: Vec<_> =
                edges.windows(2).map(|w| piece(7, w[0], w[1] < data.len(), &data[w[0]..w[1]])).collect();
            if doubled {
                pieces = pieces.iter().flat_map(|p| [*p, *p]).collect();
            }
            let n = pieces.len();
            pieces.rotate_left((order % n as u64) as usize);
            if order & 1 == 1 {
                pieces.reverse();
            }
            let out: Vec<_> = pieces.into_iter().map(|p| pool.push(p, NOW, &mut losses)).collect();
            let whole: Vec<_> =
                out.iter().filter_map(|p| if let Pushed::Whole(w) = p { Some(w) } else { None }).collect();
            prop_assert_eq!(whole.len(), 1);
            prop_assert_eq!(&whole[0].payload, &data);
            let copies = out.iter().filter(|p| **p == Pushed::Copy).count();
            prop_assert_eq!(whole[0].frames as usize + copies, n);
            prop_assert_eq!(losses, Losses::default());
            prop_assert_eq!((pool.bytes, pool.held_frames()), (0, 0));
        }
    }

    #[test]
    fn what_never_completes_is_counted_frame_by_frame() {
        let (mut pool, mut losses) = pool(FragmentLimits::default());
        pool.push(piece(1, 0, true, &[0; 16]), NOW, &mut losses);
        pool.push(piece(1, 32, true, &[0; 16]), NOW, &mut losses);
        assert_eq!(pool.held_frames(), 2);
        pool.expire(NOW + Span::from_secs(31), &mut losses);
        assert_eq!((losses.get(Loss::FragmentTimeout), pool.bytes), (2, 0));
    }

    #[test]
    fn finished_datagrams_do_not_push_out_those_that_wait() {
        let limits = FragmentLimits { datagrams: 100, ..FragmentLimits::default() };
        let (mut pool, mut losses) = pool(limits);
        pool.push(piece(9999, 0, true, b"firstone"), NOW, &mut losses);
        for id in 0..1000 {
            pool.push(piece(id, 0, true, &[1; 8]), NOW, &mut losses);
            pool.push(piece(id, 8, false, &[1; 8]), NOW, &mut losses);
        }
        let whole = pool.push(piece(9999, 8, false, b"end"), NOW, &mut losses);
        assert!(matches!(whole, Pushed::Whole(_)) && losses == Losses::default());
    }

    #[test]
    fn of_version_6_the_first_piece_says_what_is_carried() {
        let (mut pool, mut losses) = pool(FragmentLimits::default());
        let (src, dst) = (Endpoint::v6([1; 16], 0), Endpoint::v6([2; 16], 0));
        pool.push(Fragment { src, dst, protocol: 59, ..piece(1, 8, false, b"end") }, NOW, &mut losses);
        let first = Fragment { src, dst, protocol: 17, ..piece(1, 0, true, b"firstone") };
        let Pushed::Whole(whole) = pool.push(first, NOW, &mut losses) else { panic!("it is whole") };
        assert_eq!(whole.protocol, 17);
    }

    #[test]
    fn what_waits_at_the_end_of_the_input_is_counted_whatever_its_time() {
        for at in [Timestamp::MIN, NOW, Timestamp::MAX] {
            let (mut pool, mut losses) = pool(FragmentLimits::default());
            pool.push(piece(1, 0, true, &[0; 16]), at, &mut losses);
            pool.finish(&mut losses);
            assert_eq!((losses.get(Loss::FragmentTimeout), pool.bytes, pool.held_frames()), (1, 0, 0));
        }
    }

    #[test]
    fn small_pieces_far_out_do_not_push_out_those_that_wait() {
        let limits = FragmentLimits { bytes: 1 << 20, ..FragmentLimits::default() };
        let (mut pool, mut losses) = pool(limits);
        pool.push(piece(9999, 0, true, b"firstone"), NOW, &mut losses);
        for id in 0..4000 {
            pool.push(piece(id, 64_800, true, &[1; 8]), NOW, &mut losses);
        }
        let whole = pool.push(piece(9999, 8, false, b"end"), NOW, &mut losses);
        assert!(matches!(whole, Pushed::Whole(_)) && losses == Losses::default());
    }

    #[test]
    fn a_piece_that_spans_others_fills_what_is_missing_between_them() {
        let (mut pool, mut losses) = pool(FragmentLimits::default());
        pool.push(piece(1, 8, true, b"bbbbbbbb"), NOW, &mut losses);
        pool.push(piece(1, 24, true, b"dddddddd"), NOW, &mut losses);
        let all = b"aaaaaaaabbbbbbbbccccccccddddddddeee";
        let Pushed::Whole(whole) = pool.push(piece(1, 0, false, all), NOW, &mut losses) else {
            panic!("it is whole")
        };
        assert_eq!((whole.payload.as_slice(), whole.frames, losses), (&all[..], 3, Losses::default()));
    }

    #[test]
    fn a_contradicting_overlap_is_refused_and_the_first_bytes_kept() {
        let (mut pool, mut losses) = pool(FragmentLimits::default());
        pool.push(piece(1, 0, true, b"firstone"), NOW, &mut losses);
        assert_eq!(pool.push(piece(1, 0, true, b"otherone"), NOW, &mut losses), Pushed::Refused);
        let Pushed::Whole(whole) = pool.push(piece(1, 8, false, b"end"), NOW, &mut losses) else {
            panic!("it is whole")
        };
        assert_eq!((whole.payload.as_slice(), losses.get(Loss::FragmentOverlap)), (&b"firstoneend"[..], 1));
    }

    #[test]
    fn memory_stays_within_both_limits() {
        let limits = FragmentLimits { datagrams: 10, bytes: 4096, ..FragmentLimits::default() };
        let (mut pool, mut losses) = pool(limits);
        for id in 0..1000 {
            pool.push(piece(id, 1024, true, &[1; 1024]), NOW, &mut losses);
            assert!(pool.bytes <= 4096 && pool.table.len() <= 10);
        }
        assert_eq!(losses.get(Loss::FragmentTableFull) + pool.held_frames(), 1000);
    }

    #[test]
    fn impossible_fragments_are_malformed() {
        let (mut pool, mut losses) = pool(FragmentLimits::default());
        pool.push(piece(1, 65_528, false, &[0; 16]), NOW, &mut losses);
        pool.push(piece(2, 0, true, &[0; 13]), NOW, &mut losses);
        pool.push(piece(3, 16, false, &[0; 8]), NOW, &mut losses);
        pool.push(piece(3, 32, true, &[0; 8]), NOW, &mut losses);
        assert_eq!(losses.get(Loss::FragmentMalformed), 3);
    }
}
