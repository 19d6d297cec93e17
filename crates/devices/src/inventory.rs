//! The inventory: which classes of device an address of record may use, and which devices the operator approved.

use std::collections::BTreeMap;

/// The policy by which a subscriber's devices are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// By the inventory: only devices of its classes.
    Strict,
    /// Bring your own phone: by the devices that the operator approved.
    Learn,
    /// As `Strict`, but only to be looked at.
    Watch,
}

impl Policy {
    /// The name in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Learn => "learn",
            Self::Watch => "watch",
        }
    }

    /// By its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Strict, Self::Learn, Self::Watch].into_iter().find(|policy| policy.name() == name)
    }
}

/// The inventory's entry for one address of record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InventoryEntry {
    /// The classes of device that it may use.
    pub classes: Vec<String>,
    /// The number of devices that it may use at once.
    pub max_devices: Option<u32>,
    /// The policy of its last row.
    pub policy: Option<Policy>,
    /// Devices that the operator approved, by their names.
    pub approved: Vec<String>,
}

impl InventoryEntry {
    /// Adds a row of the inventory. Several rows of one address of record are shared call appearance: their devices add up.
    pub fn add(&mut self, class: String, max_devices: Option<u32>, policy: Option<Policy>) {
        self.classes.extend(Some(class).filter(|class| !class.is_empty()));
        self.max_devices = match (self.max_devices, max_devices) {
            (Some(a), Some(b)) => Some(a.saturating_add(b)),
            (a, b) => a.or(b),
        };
        self.policy = policy;
    }
}

/// All entries of the inventory, by address of record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(BTreeMap<String, InventoryEntry>);

impl Inventory {
    /// The entry of an address of record.
    #[must_use]
    pub fn get(&self, aor: &str) -> Option<&InventoryEntry> {
        self.0.get(aor)
    }

    /// The entry of an address of record, an empty one if there was none.
    pub fn entry(&mut self, aor: String) -> &mut InventoryEntry {
        self.0.entry(aor).or_default()
    }

    /// True if it has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if it has an entry of an address of record.
    #[must_use]
    pub fn contains(&self, aor: &str) -> bool {
        self.0.contains_key(aor)
    }

    /// All addresses of record, in order.
    pub fn aors(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The address of record of a caller: by user and host, or by user where only one entry has the user.
    #[must_use]
    pub fn aor_of(&self, caller: &str, host: Option<&str>) -> Option<&str> {
        let whole = format!("sip:{caller}@{}", host.unwrap_or_default());
        if let Some((aor, _)) = self.0.get_key_value(&whole) {
            return Some(aor);
        }
        let begin = format!("sip:{caller}@");
        let mut alike = self.0.range(begin.clone()..).take_while(|(aor, _)| aor.starts_with(&begin));
        match (alike.next(), alike.next()) {
            (Some((aor, _)), None) => Some(aor),
            _ => None,
        }
    }

    /// The class of device of a caller: none where the entry has several, or where there is no entry.
    #[must_use]
    pub fn class_of(&self, caller: &str, host: Option<&str>) -> Option<&str> {
        match self.get(self.aor_of(caller, host)?)?.classes.as_slice() {
            [class] => Some(class),
            _ => None,
        }
    }
}

/// The user and the host of an address of record as reports print it. The host of a `tel:` address is empty.
#[must_use]
pub fn user_and_host(aor: &str) -> Option<(&str, &str)> {
    match aor.strip_prefix("tel:") {
        Some(number) => Some((number, "")),
        None => aor.strip_prefix("sip:")?.rsplit_once('@'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inventory(rows: &[(&str, &str)]) -> Inventory {
        let mut inventory = Inventory::default();
        for (aor, class) in rows {
            inventory.entry((*aor).to_owned()).add((*class).to_owned(), Some(1), Some(Policy::Strict));
        }
        inventory
    }

    #[test]
    fn a_caller_is_found_by_user_and_host_or_by_a_user_that_one_entry_has() {
        let known = inventory(&[("sip:200@a", "Phone"), ("sip:200@b", "Phone"), ("sip:201@a", "Phone")]);
        assert_eq!(known.aor_of("200", Some("b")), Some("sip:200@b"));
        assert_eq!(known.aor_of("200", Some("c")), None, "two entries have the user");
        assert_eq!(known.aor_of("201", None), Some("sip:201@a"));
        assert_eq!(known.aor_of("20", Some("a")), None, "a beginning of a user is another user");
    }

    #[test]
    fn a_caller_with_two_classes_has_none_to_learn_from() {
        let known = inventory(&[("sip:200@a", "Phone"), ("sip:200@a", "Headset"), ("sip:201@a", "Phone")]);
        assert_eq!(known.class_of("200", Some("a")), None);
        assert_eq!(known.class_of("201", Some("a")), Some("Phone"));
    }

    #[test]
    fn rows_of_one_address_of_record_add_up_their_devices() {
        let known = inventory(&[("sip:200@a", "Phone"), ("sip:200@a", "")]);
        let entry = known.get("sip:200@a").unwrap();
        assert_eq!(entry.max_devices, Some(2));
        assert_eq!(entry.classes, ["Phone"], "a row without a class allows any, and names none");
    }

    #[test]
    fn an_address_of_record_falls_into_user_and_host() {
        assert_eq!(user_and_host("sip:200@example.org"), Some(("200", "example.org")));
        assert_eq!(user_and_host("tel:+4930123"), Some(("+4930123", "")));
        assert_eq!(user_and_host("200"), None);
    }
}
