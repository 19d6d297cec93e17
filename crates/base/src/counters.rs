use std::borrow::Cow;
use std::collections::BTreeMap;

/// Named counters that only increase; iterated in name order, so that the output is the same in every run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<(&'static str, Cow<'static, str>), u64>);

impl Counters {
    /// Adds `n` to the counter `name` of the group `kind`.
    pub fn add(&mut self, kind: &'static str, name: impl Into<Cow<'static, str>>, n: u64) {
        if n > 0 {
            *self.0.entry((kind, name.into())).or_default() += n;
        }
    }

    /// Adds every counter of `other`.
    pub fn merge(&mut self, other: &Self) {
        for ((kind, name), n) in &other.0 {
            self.add(kind, name.clone(), *n);
        }
    }

    /// Increments since `earlier`, which is a former copy of these counters.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut delta = Self::default();
        for (key, &n) in &self.0 {
            let before = earlier.0.get(key).copied().unwrap_or(0);
            delta.add(key.0, key.1.clone(), n.saturating_sub(before));
        }
        delta
    }

    /// The value of one counter.
    #[must_use]
    pub fn get(&self, kind: &str, name: &str) -> u64 {
        self.0.iter().find(|((k, n), _)| *k == kind && *n == name).map_or(0, |(_, count)| *count)
    }

    /// All counters as (kind, name, count), in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str, u64)> {
        self.0.iter().map(|((kind, name), n)| (*kind, name.as_ref(), *n))
    }
}
