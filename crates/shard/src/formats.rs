use std::sync::Arc;

use bellwether_base::{HashKey, LruTable, Timestamp};
use bellwether_sip::sdp::Media;

use crate::party::text;

/// Payload types and their encodings (`name/rate`), as a description maps them.
#[derive(Debug, Default, PartialEq)]
pub struct Formats(Vec<(u8, Box<str>)>);

impl Formats {
    /// Encoding name and clock rate of a payload type.
    pub(crate) fn of(&self, payload_type: u8) -> Option<(&str, Option<u32>)> {
        let (_, encoding) = self.0.iter().find(|(number, _)| *number == payload_type)?;
        let (name, rest) = encoding.split_once('/').unwrap_or((encoding, ""));
        Some((name, rest.split('/').next().and_then(|rate| rate.parse().ok())))
    }

    /// These with what only `older` ones say of payload types in use; none if that is nothing.
    pub(crate) fn with_older(&self, older: &Self, is_used: impl Fn(u8) -> bool) -> Option<Self> {
        let mut kept = older.0.iter().filter(|(n, _)| is_used(*n) && self.of(*n).is_none()).peekable();
        kept.peek()?;
        Some(Self(kept.chain(&self.0).cloned().collect()))
    }
}

/// The payload types of descriptions, each list once: a site's calls share a few.
pub(crate) struct FormatLists {
    table: LruTable<u64, Arc<Formats>, 1>,
    hash_key: HashKey,
}

impl FormatLists {
    /// Lists remembered per shard.
    const REMEMBERED: usize = 256;

    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { table: LruTable::new(Self::REMEMBERED), hash_key }
    }

    pub(crate) fn of(&mut self, media: &Media<'_>, at: Timestamp) -> Arc<Formats> {
        let key = media.rtpmaps.iter().fold(0, |key: u64, (pt, encoding)| {
            key.rotate_left(7) ^ self.hash_key.parts(&[&[*pt], encoding])
        });
        if let Some(slot) = self.table.find(key, &key) {
            self.table.touch(slot, 0, at);
            if let Some((_, formats)) = self.table.get(slot) {
                return Arc::clone(formats);
            }
        }
        let list = media.rtpmaps.iter().map(|(pt, encoding)| (*pt, text(encoding).into_boxed_str()));
        let formats = Arc::new(Formats(list.collect()));
        self.table.insert(key, key, Arc::clone(&formats), 0, at);
        formats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(list: &[(u8, &str)]) -> Formats {
        Formats(list.iter().map(|(number, encoding)| (*number, Box::from(*encoding))).collect())
    }

    #[test]
    fn an_encoding_splits_into_name_and_rate() {
        let f = formats(&[(0, "PCMU/8000"), (111, "opus/48000/2"), (99, "odd"), (98, "worse/x")]);
        assert_eq!(f.of(0), Some(("PCMU", Some(8000))));
        assert_eq!(f.of(111), Some(("opus", Some(48000))));
        assert_eq!((f.of(99), f.of(98), f.of(1)), (Some(("odd", None)), Some(("worse", None)), None));
    }

    #[test]
    fn a_later_description_wins_and_hides_nothing_in_use() {
        let older = formats(&[(96, "iLBC/8000"), (97, "speex/8000"), (111, "opus/48000/2")]);
        let newer = formats(&[(96, "L16/8000")]);
        let both = newer.with_older(&older, |n| n != 97).unwrap();
        assert_eq!(
            [96, 111, 97].map(|n| both.of(n).map(|(name, _)| name)),
            [Some("L16"), Some("opus"), None]
        );
        assert_eq!(newer.with_older(&older, |n| n == 96), None);
    }
}
