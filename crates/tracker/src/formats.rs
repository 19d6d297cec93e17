use std::borrow::Cow;
use std::sync::Arc;

use bellwether_base::{HashKey, LruTable, Timestamp};
use bellwether_rtp::{encoding_name, static_format};
use bellwether_sip::sdp::Media;

use crate::party::text;

/// Payload types and their encodings, as a description maps them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Formats(Vec<Format>);

/// The encoding of a payload type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Format {
    number: u8,
    /// The encoding's name in canonical spelling.
    pub(crate) name: Cow<'static, str>,
    /// The clock rate in Hz; 0 if the description omits it.
    pub(crate) rate: u32,
}

impl Formats {
    /// Parses `a=rtpmap` values: payload type and `name/rate`, with optional channels.
    pub(crate) fn new<'a>(maps: impl Iterator<Item = (u8, &'a str)>) -> Self {
        let format = |(number, encoding): (u8, &str)| {
            let mut parts = encoding.split('/');
            let name = encoding_name(parts.next().unwrap_or_default());
            let rate = parts.next().and_then(|rate| rate.parse().ok()).unwrap_or(0);
            Format { number, name, rate }
        };
        Self(maps.map(format).collect())
    }

    /// The encoding of a payload type.
    pub(crate) fn of(&self, payload_type: u8) -> Option<&Format> {
        self.0.iter().find(|format| format.number == payload_type)
    }

    /// Returns true if both lists map a payload type to different encodings.
    fn contradicts(&self, other: &Self) -> bool {
        self.0.iter().any(|format| other.of(format.number).is_some_and(|theirs| theirs != format))
    }

    /// The union of both lists; `self` takes precedence.
    fn with(&self, other: &Self) -> Self {
        let more = other.0.iter().filter(|format| self.of(format.number).is_none());
        Self(self.0.iter().chain(more).cloned().collect())
    }
}

/// The successive payload type mappings of one side. A packet is read by the mapping in force at its arrival,
/// even if the lookup happens later.
#[derive(Clone, Debug)]
pub(crate) struct FormatLog {
    latest: Arc<Formats>,
    changes: Option<Box<Changes>>,
}

/// Earlier and offered mappings. Few calls have any.
#[derive(Clone, Debug, Default)]
struct Changes {
    /// Mappings before the latest, oldest first, each with the time of its replacement.
    earlier: Vec<(Timestamp, Arc<Formats>)>,
    /// The mapping in a re-INVITE, with its CSeq. The session is unchanged until the offer is accepted (RFC
    /// 3261 section 14.1).
    offered: Option<(u32, Arc<Formats>)>,
}

/// Maximum number of earlier mappings per side. No real call changes its payload types more often.
const MAX_EARLIER: usize = 8;

impl FormatLog {
    pub(crate) const fn new(formats: Arc<Formats>) -> Self {
        Self { latest: formats, changes: None }
    }

    /// The latest mapping.
    pub(crate) const fn latest(&self) -> &Arc<Formats> {
        &self.latest
    }

    /// Adds a later mapping; the first one is of time `first`. Two media sections of one description that
    /// share an endpoint (RFC 8843) are merged. Returns true if a payload type changed its encoding.
    pub(crate) fn add(&mut self, newer: &Arc<Formats>, first: Timestamp, at: Timestamp) -> bool {
        if Arc::ptr_eq(&self.latest, newer) || self.latest == *newer {
            return false;
        }
        if self.earlier().last().map_or(first, |(until, _)| *until) == at {
            self.latest = Arc::new(newer.with(&self.latest));
            return false;
        }
        let is_remapped = newer.contradicts(&self.latest);
        let replaced = std::mem::replace(&mut self.latest, Arc::clone(newer));
        let earlier = &mut self.changes.get_or_insert_default().earlier;
        if earlier.len() == MAX_EARLIER {
            earlier.remove(0);
        }
        earlier.push((at, replaced));
        is_remapped
    }

    /// Stores the mapping that a re-INVITE offers. Several media sections of one offer are merged.
    pub(crate) fn offer(&mut self, cseq: u32, offered: &Arc<Formats>) {
        if self.changes.is_none() && (Arc::ptr_eq(&self.latest, offered) || self.latest == *offered) {
            return;
        }
        let changes = self.changes.get_or_insert_default();
        changes.offered = Some(match changes.offered.take() {
            Some((known, before)) if known == cseq => (cseq, Arc::new(offered.with(&before))),
            _ => (cseq, Arc::clone(offered)),
        });
    }

    /// Applies the final response to a re-INVITE. Returns true if a payload type changed its encoding.
    pub(crate) fn settle(&mut self, cseq: u32, is_accepted: bool, first: Timestamp, at: Timestamp) -> bool {
        let Some(changes) = &mut self.changes else { return false };
        let Some((_, offered)) = changes.offered.take_if(|(offered, _)| *offered == cseq) else {
            return false;
        };
        is_accepted && self.add(&offered, first, at)
    }

    fn earlier(&self) -> &[(Timestamp, Arc<Formats>)] {
        self.changes.as_ref().map_or(&[], |changes| &changes.earlier)
    }

    /// The mapping for a payload type at a moment, and its start: the one in force, else an earlier one, else
    /// a later one.
    fn of(&self, payload_type: u8, at: Timestamp) -> Option<(&Arc<Formats>, Timestamp)> {
        let earlier = self.earlier();
        let in_force = earlier.iter().take_while(|(until, _)| *until <= at).count();
        let all = |place: usize| earlier.get(place).map_or(&self.latest, |(_, formats)| formats);
        let found = (0..=in_force)
            .rev()
            .chain(in_force + 1..=earlier.len())
            .find(|place| all(*place).of(payload_type).is_some())
            .map(|place| {
                let since = place.checked_sub(1).and_then(|before| earlier.get(before));
                (all(place), since.map_or(Timestamp::MIN, |(until, _)| *until))
            });
        let offered = || self.changes.as_ref().and_then(|changes| changes.offered.as_ref());
        found.or_else(|| offered().map(|(_, formats)| (formats, Timestamp::MIN)))
    }
}

/// The payload type mappings of both ends of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Described<'a> {
    /// The receiver's mapping, which assigns the numbers (RFC 3264 section 5.1).
    pub(crate) receiver: Option<&'a FormatLog>,
    /// The sender's mapping. Some senders use their own numbers.
    pub(crate) sender: Option<&'a FormatLog>,
}

impl<'a> Described<'a> {
    /// Returns true if either end has a mapping.
    pub(crate) const fn says_something(&self) -> bool {
        self.receiver.is_some() || self.sender.is_some()
    }

    /// The mapping for a payload type at a moment, and its start. `None` if no description has the payload
    /// type.
    pub(crate) fn of(&self, payload_type: u8, at: Timestamp) -> Option<(&'a Arc<Formats>, Timestamp)> {
        let by = |log: Option<&'a FormatLog>| log.and_then(|log| log.of(payload_type, at));
        let of_sender = || if static_format(payload_type).is_none() { by(self.sender) } else { None };
        by(self.receiver).or_else(of_sender)
    }
}

/// Interned payload type lists. The calls of a site share a few.
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
        let maps: Vec<(u8, String)> =
            media.rtpmaps.iter().map(|(pt, encoding)| (*pt, text(encoding))).collect();
        let formats = Arc::new(Formats::new(maps.iter().map(|(pt, encoding)| (*pt, encoding.as_str()))));
        self.table.insert(key, key, Arc::clone(&formats), 0, at);
        formats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(list: &[(u8, &str)]) -> Arc<Formats> {
        Arc::new(Formats::new(list.iter().copied()))
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_nanos(s * 1_000_000_000)
    }

    fn named(log: &FormatLog, number: u8, when: i64) -> Option<String> {
        log.of(number, at(when)).and_then(|(formats, _)| formats.of(number)).map(|f| f.name.to_string())
    }

    #[test]
    fn an_encoding_is_a_name_in_one_spelling_and_a_rate() {
        let f = formats(&[(0, "pcmu/8000"), (111, "OPUS/48000/2"), (99, "odd"), (98, "Worse/x")]);
        let of = |number| f.of(number).map(|f| (f.name.as_ref(), f.rate));
        assert_eq!((of(0), of(111)), (Some(("PCMU", 8000)), Some(("opus", 48_000))));
        assert_eq!((of(99), of(98), of(1)), (Some(("odd", 0)), Some(("worse", 0)), None));
    }

    #[test]
    fn a_packet_is_what_the_description_in_force_says() {
        let mut log = FormatLog::new(formats(&[(96, "iLBC/8000"), (97, "speex/8000")]));
        assert!(
            !log.add(&formats(&[(96, "iLBC/8000"), (97, "speex/8000")]), at(0), at(5)),
            "the same mapping"
        );
        assert!(log.add(&formats(&[(96, "L16/8000")]), at(0), at(10)));
        assert!(!log.add(&formats(&[(98, "opus/48000/2")]), at(0), at(20)));
        assert_eq!(named(&log, 96, 9).as_deref(), Some("iLBC"));
        assert_eq!(named(&log, 96, 10).as_deref(), Some("L16"));
        // Payload types absent from a newer mapping keep their encoding. A later mapping also covers earlier
        // packets.
        assert_eq!(named(&log, 96, 30).as_deref(), Some("L16"));
        assert_eq!(named(&log, 97, 30).as_deref(), Some("speex"));
        assert_eq!(named(&log, 98, 1).as_deref(), Some("opus"));
        assert_eq!(named(&log, 99, 1), None);
    }

    #[test]
    fn what_is_offered_counts_when_it_is_accepted_and_before_only_where_nothing_else_does() {
        let mut log = FormatLog::new(formats(&[(96, "opus/48000/2")]));
        log.offer(7, &formats(&[(96, "AMR/8000")]));
        log.offer(7, &formats(&[(97, "VP8/90000")]));
        assert_eq!(
            (named(&log, 96, 5).as_deref(), named(&log, 97, 5).as_deref()),
            (Some("opus"), Some("VP8"))
        );
        assert!(!log.settle(6, true, at(0), at(6)), "the response to another re-INVITE");
        assert!(!log.settle(7, false, at(0), at(6)));
        assert_eq!((named(&log, 96, 9).as_deref(), named(&log, 97, 9)), (Some("opus"), None));
        log.offer(8, &formats(&[(96, "AMR/8000")]));
        assert!(log.settle(8, true, at(0), at(9)));
        assert_eq!(
            (named(&log, 96, 8).as_deref(), named(&log, 96, 9).as_deref()),
            (Some("opus"), Some("AMR"))
        );
    }

    #[test]
    fn sections_of_one_description_at_one_endpoint_count_together() {
        let mut log = FormatLog::new(formats(&[(111, "opus/48000/2")]));
        assert!(!log.add(&formats(&[(96, "VP8/90000")]), at(3), at(3)));
        assert_eq!(
            (named(&log, 111, 4).as_deref(), named(&log, 96, 4).as_deref()),
            (Some("opus"), Some("VP8"))
        );
    }

    #[test]
    fn changes_without_end_are_bounded() {
        let mut log = FormatLog::new(formats(&[(96, "a/1")]));
        for i in 1..1000 {
            log.add(&formats(&[(96, &format!("a/{}", i + 1))]), at(0), at(i));
        }
        assert_eq!(log.earlier().len(), MAX_EARLIER);
        assert_eq!(log.of(96, at(999)).and_then(|(f, _)| f.of(96)).map(|f| f.rate), Some(1000));
    }

    #[test]
    fn the_receivers_numbers_count_and_the_senders_where_it_has_none() {
        let receiver = FormatLog::new(formats(&[(97, "opus/48000/2")]));
        let sender = FormatLog::new(formats(&[(96, "opus/48000/2"), (97, "AMR/8000"), (0, "L16/8000")]));
        let described = Described { receiver: Some(&receiver), sender: Some(&sender) };
        let of = |n| described.of(n, at(0)).and_then(|(f, _)| f.of(n)).map(|f| f.name.as_ref());
        assert_eq!((of(97), of(96), of(0)), (Some("opus"), Some("opus"), None));
    }
}
