use std::collections::BTreeMap;

use bellwether_base::Counters;

/// Limit of separate keys; further keys are counted together, because senders of traffic choose the keys.
const MAX_KEYS: usize = 256;

/// Counters per key, with keys from the traffic.
pub(crate) struct KeyedCounts<K> {
    counts: BTreeMap<K, u64>,
    others: u64,
}

impl<K> Default for KeyedCounts<K> {
    fn default() -> Self {
        Self { counts: BTreeMap::new(), others: 0 }
    }
}

impl<K: Ord> KeyedCounts<K> {
    pub(crate) fn count(&mut self, key: K) {
        if let Some(count) = self.counts.get_mut(&key) {
            *count += 1;
        } else if self.counts.len() < MAX_KEYS {
            self.counts.insert(key, 1);
        } else {
            self.others += 1;
        }
    }

    /// Adds the counts to the group `kind`, named by `name`.
    pub(crate) fn report(&self, kind: &'static str, name: impl Fn(&K) -> String, counters: &mut Counters) {
        for (key, count) in &self.counts {
            counters.add(kind, name(key), *count);
        }
        counters.add(kind, "other", self.others);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_keys_is_counted_together() {
        let mut counts = KeyedCounts::default();
        for key in (0..1000).chain([7]) {
            counts.count(key);
        }
        let mut counters = Counters::default();
        counts.report("mirror", |key| format!("key {key}"), &mut counters);
        assert_eq!(counters.get("mirror", "key 7"), 2);
        assert_eq!(counters.get("mirror", "other"), 1000 - MAX_KEYS as u64);
    }
}
