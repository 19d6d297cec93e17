//! Keys that were renamed or removed: the old name is accepted, with a notice.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};

use super::explained;

/// Old key and new key, from the root of the file. A key may be a whole section.
const RENAMED: [(&str, &str); 3] = [
    ("verdict", "dispositions"),
    ("campaigns.fewest_calls", "campaigns.min_calls"),
    ("alerts.least", "alerts.min_severity"),
];

/// Keys without an effect any more, each with the key that has its place.
const REMOVED: [(&str, &str); 3] = [
    ("signals.established", "signals.registered"),
    ("signals.platform_rare", "signals.sender"),
    ("signals.number_rotation", "signals.sender"),
];

/// A file that uses an old key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Notice {
    old: &'static str,
    new: &'static str,
    is_removed: bool,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { old, new, is_removed } = self;
        if *is_removed {
            return write!(f, "`{old}` has no effect any more: `{new}` has its place");
        }
        write!(f, "`{old}` was renamed to `{new}`; the old name still works")
    }
}

/// Parses a text and moves values of old keys to the new keys.
///
/// # Errors If the text is not TOML, or if an old and a new key have different values.
pub(super) fn read(text: &str) -> Result<(Deserializer<'_>, Vec<Notice>), String> {
    let mut file = DeTable::parse(text).map_err(|e| explained(e, text))?;
    let mut notices = Vec::new();
    for (old, new) in RENAMED {
        let Some(value) = take(file.get_mut(), old) else { continue };
        put(file.get_mut(), new, value).map_err(|clash| clash.told(old, new, text))?;
        notices.push(Notice { old, new, is_removed: false });
    }
    for (old, new) in REMOVED {
        if take(file.get_mut(), old).is_some() {
            notices.push(Notice { old, new, is_removed: true });
        }
    }
    Ok((Deserializer::from(file), notices))
}

/// Removes the value of a dotted key.
fn take<'i>(table: &mut DeTable<'i>, key: &str) -> Option<Spanned<DeValue<'i>>> {
    match key.split_once('.') {
        None => table.remove(key),
        Some((section, rest)) => match table.get_mut(section)?.get_mut() {
            DeValue::Table(inner) => take(inner, rest),
            _ => None,
        },
    }
}

/// Two values of one setting, with their positions.
struct Clash {
    /// The key below the renamed one, with its dot, if a whole section was renamed.
    below: String,
    places: [usize; 2],
}

impl Clash {
    fn told(&self, old: &str, new: &str, text: &str) -> String {
        let line = |at: usize| text.bytes().take(at).filter(|octet| *octet == b'\n').count() + 1;
        let ([a, b], below) = (self.places.map(line), &self.below);
        format!(
            "`{old}{below}` (line {a}) was renamed to `{new}{below}` (line {b}), and their values differ: remove the old name"
        )
    }
}

/// Stores a value under a dotted key. A section is merged with an existing section.
fn put<'i>(table: &mut DeTable<'i>, key: &'static str, value: Spanned<DeValue<'i>>) -> Result<(), Clash> {
    let span = value.span();
    match key.split_once('.') {
        None => match table.get_mut(key) {
            None => {
                table.insert(Spanned::new(span, key.into()), value);
                Ok(())
            }
            Some(there) => join(there, value),
        },
        Some((section, rest)) => {
            if table.get(section).is_none() {
                let empty = Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
                table.insert(Spanned::new(span, section.into()), empty);
            }
            match table.get_mut(section).map(Spanned::get_mut) {
                Some(DeValue::Table(inner)) => put(inner, rest, value),
                // The value is not a section, and deserialisation reports the error.
                _ => Ok(()),
            }
        }
    }
}

/// Joins the value of an old key with that of the new one.
fn join<'i>(there: &mut Spanned<DeValue<'i>>, old: Spanned<DeValue<'i>>) -> Result<(), Clash> {
    let places = [old.span().start, there.span().start];
    let is_same = plain(there.clone()) == plain(old.clone());
    match (there.get_mut(), old.into_inner()) {
        (DeValue::Table(there), DeValue::Table(old)) => {
            for (key, value) in old {
                match there.get_mut(key.get_ref().as_ref()) {
                    Some(there) => join(there, value).map_err(|clash| Clash {
                        below: format!(".{}{}", key.get_ref(), clash.below),
                        ..clash
                    })?,
                    None => {
                        there.insert(key, value);
                    }
                }
            }
            Ok(())
        }
        _ if is_same => Ok(()),
        _ => Err(Clash { below: String::new(), places }),
    }
}

/// A value without its spelling: `1_000` equals `1000`.
fn plain(value: Spanned<DeValue<'_>>) -> Option<toml::Value> {
    toml::Value::deserialize(ValueDeserializer::from(value)).ok()
}
