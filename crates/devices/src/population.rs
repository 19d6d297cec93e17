//! The number of subscribers who call with each SIP author: the device of a thief is probably a common one.

use std::collections::BTreeMap;

/// Numbers of subscribers by the SIP author of their calls, in total and by their class in the inventory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Population {
    all: BTreeMap<String, f64>,
    classes: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Population {
    /// Counts a subscriber who calls with a SIP author; `class` is the subscriber's only class in the inventory.
    pub fn add(&mut self, author: &str, class: Option<&str>) {
        *self.all.entry(author.to_owned()).or_default() += 1.0;
        if let Some(class) = class {
            let of_class = self.classes.entry(class.to_owned()).or_default();
            *of_class.entry(author.to_owned()).or_default() += 1.0;
        }
    }

    /// The share of all subscribers who call with an author.
    pub(crate) fn share(&self, author: &str) -> f64 {
        let total: f64 = self.all.values().sum();
        self.all.get(author).copied().unwrap_or(0.0) / total.max(1.0)
    }

    /// The number of authors.
    pub(crate) fn authors(&self) -> usize {
        self.all.len()
    }

    /// Number of subscribers of a class with this author, and of all. `None` if the class has no callers.
    pub(crate) fn of_class(&self, class: &str, author: &str) -> Option<(f64, f64)> {
        let known = self.classes.get(class)?;
        Some((known.get(author).copied().unwrap_or(0.0), known.values().sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribers_are_counted_by_author_and_by_class() {
        let mut population = Population::default();
        population.add("a", Some("Phone"));
        population.add("a", None);
        population.add("b", Some("Phone"));
        population.add("c", Some("Softphone"));
        assert_eq!(population.share("a"), 0.5);
        assert_eq!(population.share("nobody"), 0.0);
        assert_eq!(population.of_class("Phone", "b"), Some((1.0, 2.0)));
        assert_eq!(population.of_class("Phone", "c"), Some((0.0, 2.0)));
        assert_eq!(population.of_class("Headset", "a"), None);
        assert_eq!(Population::default().share("a"), 0.0);
    }
}
