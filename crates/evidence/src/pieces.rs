//! Frames of the fragments of datagrams.

use bellwether_base::{Endpoint, HashKey, LruTable, Span, Timestamp};
use bellwether_wire::{Fragment, FragmentLimits, Pushed};

use crate::scanner::Carriers;

/// Frames remembered of one datagram: more than its fragments of eight octets can be.
const MAX_FRAMES: usize = 8192;

/// Frames that carry fragments, by datagram, beside the pool that holds their octets.
pub(crate) struct Pieces {
    table: LruTable<Key, Datagram, 1>,
    hash_key: HashKey,
    timeout: Span,
}

#[derive(PartialEq, Eq)]
struct Key {
    src: Endpoint,
    dst: Endpoint,
    protocol: u8,
    id: u32,
}

#[derive(Default)]
struct Datagram {
    frames: Carriers,
    is_whole: bool,
    /// True if the whole datagram was wanted, so that late duplicates of its fragments are too.
    is_wanted: bool,
}

impl Pieces {
    pub(crate) fn new(limits: &FragmentLimits, hash_key: HashKey) -> Self {
        Self { table: LruTable::new(limits.datagrams), hash_key, timeout: limits.timeout }
    }

    /// Adds the frames of a fragment that the pool answered so. The result has the frames of the whole datagram, of which this
    /// fragment was the last. A duplicate of a wanted datagram has its own.
    pub(crate) fn push(
        &mut self,
        fragment: &Fragment<'_>,
        pushed: &Pushed,
        frames: &Carriers,
        now: Timestamp,
    ) -> Carriers {
        let key = Key::of(fragment);
        let (slot, _) = self.table.find_or_insert(key.hash(&self.hash_key), key, now);
        let is_old = self.table.touched(slot).is_some_and(|at| now.since(at) > self.timeout);
        let Some((_, datagram)) = self.table.get_mut(slot) else { return Carriers::new() };
        let is_copy = matches!(pushed, Pushed::Copy);
        if is_old || (datagram.is_whole && !is_copy) {
            *datagram = Datagram::default();
        }
        let answer = match pushed {
            Pushed::Copy if datagram.is_wanted => frames.clone(),
            Pushed::Copy => Carriers::new(),
            Pushed::Held | Pushed::Refused | Pushed::Whole(_) => {
                if datagram.frames.len() < MAX_FRAMES {
                    datagram.frames.extend_from_slice(frames);
                }
                datagram.is_whole = matches!(pushed, Pushed::Whole(_));
                if datagram.is_whole { std::mem::take(&mut datagram.frames) } else { Carriers::new() }
            }
        };
        self.table.touch(slot, 0, now);
        answer
    }

    /// Records that the whole datagram of a fragment was wanted.
    pub(crate) fn want(&mut self, fragment: &Fragment<'_>) {
        let key = Key::of(fragment);
        if let Some(slot) = self.table.find(key.hash(&self.hash_key), &key)
            && let Some((_, datagram)) = self.table.get_mut(slot)
        {
            datagram.is_wanted = true;
        }
    }
}

impl Key {
    const fn of(fragment: &Fragment<'_>) -> Self {
        // In IPv6 only the first fragment names the upper-layer protocol (RFC 8200 section 4.5).
        let protocol = if fragment.src.is_v4() { fragment.protocol } else { 0 };
        Self { src: fragment.src, dst: fragment.dst, protocol, id: fragment.id }
    }

    fn hash(&self, key: &HashKey) -> u64 {
        key.parts(&[&self.src.octets(), &self.dst.octets(), &[self.protocol], &self.id.to_le_bytes()])
    }
}
