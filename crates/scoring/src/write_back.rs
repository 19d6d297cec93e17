//! Write-back cache: each changed entry is emitted once per commit, however often it changes.

use bellwether_base::{LruTable, SlotId, Timestamp};

struct Entry<V> {
    value: V,
    is_news: bool,
}

/// A table of entries that are also stored elsewhere.
pub(crate) struct WriteBackTable<V> {
    table: LruTable<u64, Entry<V>, 1>,
    /// Keys of entries that changed since the last flush.
    news: Vec<u64>,
}

impl<V> WriteBackTable<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { table: LruTable::new(capacity), news: Vec::new() }
    }

    pub(crate) fn find(&self, key: u64) -> Option<SlotId> {
        self.table.slot(key)
    }

    pub(crate) fn get(&self, slot: SlotId) -> Option<&V> {
        self.table.get(slot).map(|(_, entry)| &entry.value)
    }

    /// Access without marking the entry as changed.
    pub(crate) fn get_mut(&mut self, slot: SlotId) -> Option<&mut V> {
        self.table.get_mut(slot).map(|(_, entry)| &mut entry.value)
    }

    pub(crate) fn mark_used(&mut self, slot: SlotId) {
        self.table.mark_used(slot);
    }

    /// Adds an entry as stored. Returns the evicted entry if its change was not emitted yet.
    pub(crate) fn insert(&mut self, key: u64, value: V, now: Timestamp) -> (SlotId, Option<V>) {
        let (slot, evicted) = self.table.insert(key, key, Entry { value, is_news: false }, 0, now);
        (slot, evicted.filter(|gone| gone.value.is_news).map(|gone| gone.value.value))
    }

    /// Marks an entry as changed.
    pub(crate) fn is_news(&mut self, slot: SlotId) {
        if let Some((key, entry)) = self.table.get_mut(slot)
            && !std::mem::replace(&mut entry.is_news, true)
        {
            self.news.push(*key);
        }
    }

    /// Removes an entry. Returns it if its change was not emitted yet.
    pub(crate) fn remove(&mut self, slot: SlotId) -> Option<V> {
        self.table.remove(slot).map(|(_, entry)| entry).filter(|entry| entry.is_news).map(|entry| entry.value)
    }

    /// Calls `change` for each entry, and marks those for which it returns true.
    pub(crate) fn change_each(&mut self, mut change: impl FnMut(&mut V) -> bool) {
        let news = &mut self.news;
        self.table.for_each_mut(|key, entry| {
            if change(&mut entry.value) && !std::mem::replace(&mut entry.is_news, true) {
                news.push(*key);
            }
        });
    }

    /// Emits all changed entries, in the order of their first change.
    pub(crate) fn settle(&mut self, mut tell: impl FnMut(&V)) {
        for key in self.news.drain(..) {
            if let Some(entry) = self.table.value_mut(key)
                && std::mem::replace(&mut entry.is_news, false)
            {
                tell(&entry.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_changed_is_lost_and_nothing_is_told_twice() {
        let at = Timestamp::from_nanos(0);
        let mut kept: WriteBackTable<&str> = WriteBackTable::new(2);
        let (a, _) = kept.insert(1, "a", at);
        kept.is_news(a);
        kept.is_news(a);
        let (b, none) = kept.insert(2, "b", at);
        assert_eq!(none, None);
        // The evicted oldest entry is emitted by the caller of `insert`.
        let (c, gone) = kept.insert(3, "c", at);
        assert_eq!(gone, Some("a"));
        kept.is_news(b);
        kept.is_news(c);
        if let Some(c) = kept.get_mut(c) {
            *c = "c2";
        }
        let mut told = Vec::new();
        kept.settle(|v| told.push(*v));
        kept.settle(|v| told.push(*v));
        assert_eq!(told, ["b", "c2"]);
        let slot = kept.find(2).unwrap();
        assert_eq!(kept.remove(slot), None);
    }
}
