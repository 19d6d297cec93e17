use std::ops::{Index, IndexMut};

use hashbrown::HashTable;

use crate::Timestamp;

const NIL: u32 = u32::MAX;

/// A handle to an occupied slot, valid until the entry is removed or evicted. The default is a handle to no
/// slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotId(u32);

impl SlotId {
    /// From its number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number, which is below the capacity of the table.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl Default for SlotId {
    fn default() -> Self {
        Self(NIL)
    }
}

/// The entry that was evicted from a full table.
#[derive(Debug)]
pub struct Evicted<K, V> {
    /// The evicted key.
    pub key: K,
    /// The evicted value.
    pub value: V,
}

/// A hash table with a fixed capacity, whose entries stand in `CLASSES` queues ordered by their last touch.
///
/// The queues serve two purposes. A uniform timeout per class expires entries from the front in O(1), without
/// a timer per entry. A full table evicts the oldest entry of the lowest non-empty class in O(1). Entries
/// that a flood can create for free belong in class 0, so that they cannot evict entries that took a real
/// call to create.
///
/// The caller provides the hash (keyed, see [`crate::HashKey`]), because it often has the hash already.
pub struct LruTable<K, V, const CLASSES: usize> {
    index: HashTable<Place>,
    slots: Slab<K, V>,
    free: u32,
    queues: [Queue; CLASSES],
    capacity: usize,
    evicted: u64,
}

/// Index entry of a table entry.
#[derive(Clone, Copy)]
struct Place {
    /// Part of the key's hash, enough to index fewer than 2^32 entries. With it the index grows without
    /// access to the slots, and a probe accesses only the slot of the entry.
    hash: u32,
    slot: u32,
}

struct Slot<K, V> {
    entry: Option<(K, V)>,
    touched: Timestamp,
    /// See [`Place::hash`].
    hash: u32,
    prev: u32,
    next: u32,
    class: u8,
    /// True if the entry was used since it was queued: see [`LruTable::mark_used`].
    is_used: bool,
}

/// Number of entries that [`LruTable::gather`] looks up at once.
pub const GATHERED: usize = 32;

/// Limit of used entries that one eviction spares in a row.
const MAX_SPARED: usize = 32;

/// Copies the hash into both halves, because the index uses both ends of it.
const fn spread(hash: u32) -> u64 {
    (hash as u64) << 32 | hash as u64
}

/// Slots in chunks that never move. A vector would hold twice its entries while it grows, and every table of
/// every shard grows at once when a busy hour begins. Each chunk is twice as large as the previous one, so
/// the chunk directory stays in the processor's cache. Only the used part of the last chunk takes memory.
struct Slab<K, V> {
    chunks: Vec<Vec<Slot<K, V>>>,
    len: u32,
}

impl<K, V> Slab<K, V> {
    /// Slots of the first chunk.
    const FIRST: u32 = 32;

    const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    /// Chunk and position of a slot.
    const fn place(id: u32) -> (usize, usize) {
        let chunk = (id / Self::FIRST + 1).ilog2();
        (chunk as usize, (id - Self::FIRST * ((1 << chunk) - 1)) as usize)
    }

    fn get(&self, id: u32) -> Option<&Slot<K, V>> {
        let (chunk, at) = Self::place(id);
        self.chunks.get(chunk)?.get(at)
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Slot<K, V>> {
        let (chunk, at) = Self::place(id);
        self.chunks.get_mut(chunk)?.get_mut(at)
    }

    /// Adds a slot; `most` is the capacity of the table.
    fn push(&mut self, slot: Slot<K, V>, most: usize) -> u32 {
        let (chunk, at) = Self::place(self.len);
        if at == 0 {
            let rest = most.saturating_sub(self.len as usize).max(1);
            self.chunks.push(Vec::with_capacity(((Self::FIRST as usize) << chunk).min(rest)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(slot);
        }
        self.len += 1;
        self.len - 1
    }
}

impl<K, V> Index<u32> for Slab<K, V> {
    type Output = Slot<K, V>;

    fn index(&self, id: u32) -> &Slot<K, V> {
        let (chunk, at) = Self::place(id);
        &self.chunks[chunk][at]
    }
}

impl<K, V> IndexMut<u32> for Slab<K, V> {
    fn index_mut(&mut self, id: u32) -> &mut Slot<K, V> {
        let (chunk, at) = Self::place(id);
        &mut self.chunks[chunk][at]
    }
}

#[derive(Clone, Copy)]
struct Queue {
    head: u32,
    tail: u32,
    len: u32,
}

impl<K: Eq, V, const CLASSES: usize> LruTable<K, V, CLASSES> {
    /// An empty table for at most `capacity` entries (at least one). Memory is allocated as entries arrive.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            index: HashTable::new(),
            slots: Slab::new(),
            free: NIL,
            queues: [Queue { head: NIL, tail: NIL, len: 0 }; CLASSES],
            capacity: capacity.clamp(1, NIL as usize - 1),
            evicted: 0,
        }
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// True if the table is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Number of entries evicted since the table was created.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// The slot of `key`.
    #[must_use]
    pub fn find(&self, hash: u64, key: &K) -> Option<SlotId> {
        self.find_by(hash, |k| k == key)
    }

    /// The slot with this hash whose key satisfies `is_key`: for lookups by borrowed data.
    #[must_use]
    #[inline]
    pub fn find_by(&self, hash: u64, is_key: impl Fn(&K) -> bool) -> Option<SlotId> {
        let hash = hash as u32;
        let is_it = |slot: u32| {
            let entry = self.slots.get(slot).and_then(|s| s.entry.as_ref());
            entry.is_some_and(|(key, _)| is_key(key))
        };
        // Different keys with equal hashes are rare, so the first equal hash is nearly always the right one.
        // A probe without further checks is short enough to be inlined.
        let first = self.index.find(spread(hash), |place| place.hash == hash)?.slot;
        if is_it(first) {
            return Some(SlotId(first));
        }
        self.find_among_equals(hash, &is_it)
    }

    #[cold]
    fn find_among_equals(&self, hash: u32, is_it: &dyn Fn(u32) -> bool) -> Option<SlotId> {
        let found = self.index.find(spread(hash), |place| place.hash == hash && is_it(place.slot));
        found.map(|place| SlotId(place.slot))
    }

    /// The values of the first [`GATHERED`] hashes. If another key has the same hash, the value may be that
    /// key's.
    ///
    /// A lookup is a chain of dependent memory loads: index, slot, value. The processor overlaps the loads of
    /// different entries if few instructions stand between them. A caller that knows the next keys gathers
    /// them in advance and touches the data that it will need, which is then in the cache.
    #[must_use]
    pub fn gather(&self, hashes: &[u64]) -> [Option<&V>; GATHERED] {
        let mut places = [NIL; GATHERED];
        for (slot, hash) in places.iter_mut().zip(hashes) {
            let hash = *hash as u32;
            let found = self.index.find(spread(hash), |place| place.hash == hash);
            *slot = found.map_or(NIL, |place| place.slot);
        }
        places.map(|slot| self.in_slot(slot).map(|(_, value)| value))
    }

    /// Like [`Self::gather`], for known slots.
    #[must_use]
    pub fn gather_slots(&self, slots: &[SlotId]) -> [Option<&V>; GATHERED] {
        std::array::from_fn(|at| self.in_slot(slots.get(at)?.0).map(|(_, value)| value))
    }

    fn in_slot(&self, slot: u32) -> Option<&(K, V)> {
        self.slots.get(slot)?.entry.as_ref()
    }

    /// The value in a slot.
    #[must_use]
    pub fn get(&self, id: SlotId) -> Option<(&K, &V)> {
        self.in_slot(id.0).map(|(k, v)| (k, v))
    }

    /// The value in a slot, mutable.
    pub fn get_mut(&mut self, id: SlotId) -> Option<(&K, &mut V)> {
        self.slots.get_mut(id.0)?.entry.as_mut().map(|(k, v)| (&*k, v))
    }

    /// The class of a slot.
    #[must_use]
    pub fn class(&self, id: SlotId) -> Option<usize> {
        self.slots.get(id.0).filter(|slot| slot.entry.is_some()).map(|slot| usize::from(slot.class))
    }

    /// Number of entries of a class.
    #[must_use]
    pub fn len_of(&self, class: usize) -> usize {
        self.queues.get(class).map_or(0, |queue| queue.len as usize)
    }

    /// Time of the last touch of a slot.
    #[must_use]
    pub fn touched(&self, id: SlotId) -> Option<Timestamp> {
        self.slots.get(id.0).map(|slot| slot.touched)
    }

    /// Adds an entry to the back of `class`. A full table first evicts the oldest entry of the lowest
    /// non-empty class and returns it. `key` must not be in the table.
    pub fn insert(
        &mut self,
        hash: u64,
        key: K,
        value: V,
        class: usize,
        now: Timestamp,
    ) -> (SlotId, Option<Evicted<K, V>>) {
        let evicted = if self.index.len() >= self.capacity { self.evict() } else { None };
        let hash = hash as u32;
        let slot = Slot {
            entry: Some((key, value)),
            touched: now,
            hash,
            prev: NIL,
            next: NIL,
            class: 0,
            is_used: false,
        };
        let id = if self.free == NIL {
            self.slots.push(slot, self.capacity)
        } else {
            let id = self.free;
            self.free = self.slots[id].next;
            self.slots[id] = slot;
            id
        };
        self.index.insert_unique(spread(hash), Place { hash, slot: id }, |place| spread(place.hash));
        self.push_back(id, class);
        (SlotId(id), evicted)
    }

    /// Marks a slot as touched at `now` and moves it to the back of `class`. Times must not run backwards.
    pub fn touch(&mut self, id: SlotId, class: usize, now: Timestamp) {
        if self.slots.get(id.0).is_none_or(|slot| slot.entry.is_none()) {
            return;
        }
        let at_back = self.queues[class.min(CLASSES - 1)].tail == id.0;
        self.slots[id.0].touched = now;
        if !at_back {
            self.unlink(id.0);
            self.push_back(id.0, class);
        }
    }

    /// Protects an entry from its next eviction. Unlike [`Self::touch`] this writes only to the slot itself;
    /// moving an entry in its queue writes to two more slots, which lie anywhere in memory. The queue is then
    /// in order of arrival, with a second chance for used entries (Corbato 1968). This order is suitable for
    /// eviction, not for timeouts.
    pub fn mark_used(&mut self, id: SlotId) {
        if let Some(slot) = self.slots.get_mut(id.0) {
            slot.is_used = true;
        }
    }

    /// Removes an entry and returns it.
    pub fn remove(&mut self, id: SlotId) -> Option<(K, V)> {
        let entry = self.slots.get_mut(id.0)?.entry.take()?;
        self.vacate(id);
        Some(entry)
    }

    /// Removes an entry without returning it. This avoids a move, which pays off for large entries.
    pub fn discard(&mut self, id: SlotId) {
        let Some(slot) = self.slots.get_mut(id.0).filter(|slot| slot.entry.is_some()) else { return };
        slot.entry = None;
        self.vacate(id);
    }

    /// Frees the slot of a removed entry.
    fn vacate(&mut self, id: SlotId) {
        let hash = self.slots[id.0].hash;
        if let Ok(found) = self.index.find_entry(spread(hash), |place| place.slot == id.0) {
            found.remove();
        }
        self.unlink(id.0);
        self.slots[id.0].next = self.free;
        self.free = id.0;
    }

    /// The slot at the front of `class` if its last touch was before `limit`, with the time of that touch.
    #[must_use]
    pub fn oldest_before(&self, class: usize, limit: Timestamp) -> Option<(SlotId, Timestamp)> {
        let head = self.queues.get(class)?.head;
        let slot = self.slots.get(head)?;
        (slot.touched < limit).then_some((SlotId(head), slot.touched))
    }

    /// The slot at the front of `class`.
    #[must_use]
    pub fn oldest(&self, class: usize) -> Option<SlotId> {
        let head = self.queues.get(class)?.head;
        (head != NIL).then_some(SlotId(head))
    }

    /// Time of the last touch of the slot at the front of `class`.
    #[must_use]
    pub fn oldest_touched(&self, class: usize) -> Option<Timestamp> {
        self.touched(self.oldest(class)?)
    }

    /// The slot behind `id` in its queue.
    #[must_use]
    pub fn after(&self, id: SlotId) -> Option<SlotId> {
        let next = self.slots.get(id.0)?.next;
        (next != NIL).then_some(SlotId(next))
    }

    /// Visits every value, from the lowest class and the oldest entry on.
    pub fn for_each(&self, mut show: impl FnMut(&K, &V)) {
        for class in 0..CLASSES {
            let mut next = self.oldest(class);
            while let Some(id) = next {
                next = self.after(id);
                if let Some((key, value)) = self.get(id) {
                    show(key, value);
                }
            }
        }
    }

    /// Visits every value for modification, from the lowest class and the oldest entry on.
    pub fn for_each_mut(&mut self, mut change: impl FnMut(&K, &mut V)) {
        for class in 0..CLASSES {
            let mut next = self.oldest(class);
            while let Some(id) = next {
                next = self.after(id);
                if let Some((key, value)) = self.get_mut(id) {
                    change(key, value);
                }
            }
        }
    }

    fn evict(&mut self) -> Option<Evicted<K, V>> {
        let class = self.queues.iter().position(|queue| queue.head != NIL)?;
        for _ in 0..MAX_SPARED {
            let head = self.queues[class].head;
            if !std::mem::replace(&mut self.slots[head].is_used, false) {
                break;
            }
            self.unlink(head);
            self.push_back(head, class);
        }
        let head = self.queues[class].head;
        let (key, value) = self.remove(SlotId(head))?;
        self.evicted += 1;
        Some(Evicted { key, value })
    }

    fn push_back(&mut self, id: u32, class: usize) {
        let class = class.min(CLASSES - 1);
        let tail = self.queues[class].tail;
        {
            let slot = &mut self.slots[id];
            slot.class = class as u8;
            slot.prev = tail;
            slot.next = NIL;
        }
        if tail == NIL {
            self.queues[class].head = id;
        } else {
            self.slots[tail].next = id;
        }
        self.queues[class].tail = id;
        self.queues[class].len += 1;
    }

    fn unlink(&mut self, id: u32) {
        let (prev, next, class) = {
            let slot = &self.slots[id];
            (slot.prev, slot.next, usize::from(slot.class))
        };
        self.queues[class].len -= 1;
        match prev {
            NIL => self.queues[class].head = next,
            _ => self.slots[prev].next = next,
        }
        match next {
            NIL => self.queues[class].tail = prev,
            _ => self.slots[next].prev = prev,
        }
    }
}

/// Tables whose keys are hashes already.
impl<V, const CLASSES: usize> LruTable<u64, V, CLASSES> {
    /// The slot of a key.
    #[must_use]
    pub fn slot(&self, key: u64) -> Option<SlotId> {
        self.find(key, &key)
    }

    /// The value of a key.
    #[must_use]
    pub fn value(&self, key: u64) -> Option<&V> {
        self.in_slot(self.slot(key)?.0).map(|(_, value)| value)
    }

    /// The value of a key, mutable.
    pub fn value_mut(&mut self, key: u64) -> Option<&mut V> {
        let slot = self.slot(key)?;
        self.get_mut(slot).map(|(_, value)| value)
    }

    /// The slot of a key that was last seen in `last`. The key is looked up only if it is not there any more.
    #[must_use]
    pub fn slot_from(&self, last: SlotId, key: u64) -> Option<SlotId> {
        if self.in_slot(last.0).is_some_and(|(there, _)| *there == key) { Some(last) } else { self.slot(key) }
    }

    /// The value of a key that was last seen in slot `last`.
    #[must_use]
    pub fn value_from(&self, last: SlotId, key: u64) -> Option<&V> {
        self.in_slot(self.slot_from(last, key)?.0).map(|(_, value)| value)
    }

    /// The value of a key that was last seen in slot `last`, mutable.
    pub fn value_from_mut(&mut self, last: SlotId, key: u64) -> Option<&mut V> {
        let slot = self.slot_from(last, key)?;
        self.get_mut(slot).map(|(_, value)| value)
    }
}

impl<K: Eq, V: Default, const CLASSES: usize> LruTable<K, V, CLASSES> {
    /// The slot of `key`; inserts a default value into class 0 if the key is missing.
    pub fn find_or_insert(&mut self, hash: u64, key: K, now: Timestamp) -> (SlotId, Option<Evicted<K, V>>) {
        match self.find(hash, &key) {
            Some(slot) => (slot, None),
            None => self.insert(hash, key, V::default(), 0, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(t: i64) -> Timestamp {
        Timestamp::from_nanos(t)
    }

    #[test]
    fn full_table_evicts_the_oldest_of_the_lowest_class() {
        let mut table: LruTable<u32, &str, 2> = LruTable::new(3);
        table.insert(1, 1, "established", 1, at(0));
        table.insert(2, 2, "flood", 0, at(1));
        table.insert(3, 3, "flood", 0, at(2));
        let (_, evicted) = table.insert(4, 4, "flood", 0, at(3));
        assert_eq!(evicted.map(|e| e.key), Some(2));
        assert!(table.find(1, &1).is_some());
        assert_eq!((table.len(), table.evicted()), (3, 1));
        assert_eq!([0, 1, 2].map(|class| table.len_of(class)), [2, 1, 0]);
        let four = table.find(4, &4).unwrap();
        table.touch(four, 1, at(4));
        assert_eq!((table.class(four), table.len_of(0), table.len_of(1)), (Some(1), 1, 2));
        table.discard(four);
        assert_eq!((table.class(four), table.len_of(1)), (None, 1));
    }

    #[test]
    fn touching_postpones_expiry() {
        let mut table: LruTable<u32, (), 1> = LruTable::new(8);
        let (one, _) = table.insert(1, 1, (), 0, at(0));
        table.insert(2, 2, (), 0, at(1));
        table.touch(one, 0, at(5));
        let (oldest, touched) = table.oldest_before(0, at(5)).unwrap();
        assert_eq!((table.remove(oldest).unwrap().0, touched), (2, at(1)));
        assert!(table.oldest_before(0, at(5)).is_none());
    }

    #[test]
    fn what_was_used_has_a_second_chance() {
        let mut table: LruTable<u32, (), 1> = LruTable::new(3);
        let ids = [1, 2, 3].map(|key| table.insert(u64::from(key), key, (), 0, at(0)).0);
        table.mark_used(ids[0]);
        let leaves = |table: &mut LruTable<u32, (), 1>, key: u32| {
            table.insert(u64::from(key), key, (), 0, at(1)).1.map(|gone| gone.key)
        };
        assert_eq!(leaves(&mut table, 4), Some(2));
        assert_eq!(leaves(&mut table, 5), Some(3));
        // One second chance per use.
        assert_eq!(leaves(&mut table, 6), Some(1));
    }

    #[test]
    fn what_is_gathered_is_what_is_found() {
        let mut table: LruTable<u64, u64, 1> = LruTable::new(1000);
        for key in 0..700 {
            table.insert(key * 7, key, key + 1, 0, at(0));
        }
        let keys: Vec<u64> = (0..40).map(|n| n * 30).collect();
        let hashes: Vec<u64> = keys.iter().map(|key| key * 7).collect();
        let gathered = table.gather(&hashes).map(|value| value.copied());
        let found =
            |key: &u64| table.find(key * 7, key).and_then(|id| table.get(id)).map(|(_, value)| *value);
        let expected: Vec<Option<u64>> = keys.iter().map(found).take(GATHERED).collect();
        assert_eq!(gathered.as_slice(), expected);
        assert!(expected.contains(&None) && expected.contains(&Some(1)));
        assert_eq!(table.gather(&[]), [None; GATHERED]);
    }

    #[test]
    fn what_moved_since_it_was_last_seen_is_found() {
        let mut table: LruTable<u64, u64, 1> = LruTable::new(2);
        let (one, _) = table.insert(1, 1, 10, 0, at(0));
        assert_eq!((table.slot_from(one, 1), table.value_from(one, 1)), (Some(one), Some(&10)));
        assert_eq!(table.gather_slots(&[one, SlotId::default()])[..3], [Some(&10), None, None]);
        // Another entry takes the slot, and the first one returns in another slot.
        table.remove(one);
        let (two, _) = table.insert(2, 2, 20, 0, at(1));
        table.insert(1, 1, 11, 0, at(2));
        assert_eq!(two, one);
        assert_eq!(table.value_from(one, 1), Some(&11));
        assert_eq!(table.value_from_mut(one, 1), Some(&mut 11));
        assert_eq!(table.value_from(SlotId::default(), 2), Some(&20));
        assert_eq!((table.slot_from(one, 3), table.value_from_mut(one, 3)), (None, None));
    }

    #[test]
    fn an_eviction_ends_though_everything_was_used() {
        let mut table: LruTable<u32, (), 1> = LruTable::new(1000);
        for key in 0..1000 {
            let (id, _) = table.insert(u64::from(key), key, (), 0, at(0));
            table.mark_used(id);
        }
        assert_eq!(table.insert(7, 5000, (), 0, at(1)).1.map(|gone| gone.key), Some(MAX_SPARED as u32));
        assert_eq!(table.len(), 1000);
    }

    proptest! {
        /// Against a plain vector: same members, same order of age, never over capacity.
        #[test]
        fn behaves_like_a_vector_ordered_by_age(ops in prop::collection::vec((0_u8..4, 0_u32..12), 1..200)) {
            let mut table: LruTable<u32, u32, 1> = LruTable::new(5);
            let mut model: Vec<u32> = Vec::new();
            for (step, (op, key)) in ops.into_iter().enumerate() {
                let now = at(step as i64);
                // Few distinct hashes, so that collisions are common.
                let hash = u64::from(key % 3);
                let found = table.find(hash, &key);
                prop_assert_eq!(found.is_some(), model.contains(&key));
                match (op, found) {
                    (0, None) => {
                        let (_, evicted) = table.insert(hash, key, key, 0, now);
                        if model.len() == 5 {
                            prop_assert_eq!(evicted.map(|e| e.key), Some(model.remove(0)));
                        }
                        model.push(key);
                    }
                    (1, Some(id)) => {
                        table.touch(id, 0, now);
                        model.retain(|k| *k != key);
                        model.push(key);
                    }
                    (2, Some(id)) => {
                        prop_assert_eq!(table.remove(id), Some((key, key)));
                        model.retain(|k| *k != key);
                    }
                    (3, Some(id)) => {
                        table.discard(id);
                        // The second discard has no effect.
                        table.discard(id);
                        model.retain(|k| *k != key);
                    }
                    _ => {}
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.oldest(0).and_then(|id| table.get(id)).map(|(k, _)| *k), model.first().copied());
            }
        }
    }
}
