//! The recordings of the last weeks, and which one a call plays.

use bellwether_base::{LruTable, RecordingId, Side, SlotId, Span, Timestamp};

use super::index::{Index, MAX_RECORDINGS};
use super::matching::{Match, best};
use super::print::Print;
use super::stock::Stock;

/// A recording of one call is kept for a day, of several calls for 30 days after the last one.
const OF_ONE_CALL: Span = Span::from_secs(86_400);
const OF_SEVERAL: Span = Span::from_secs(30 * 86_400);

/// Eviction classes: recordings of one call leave first. An attacker can make any number of them.
const ONE_CALL: usize = 0;
const SEVERAL: usize = 1;

/// Words of a recording. Fewer could be spoken by anybody.
const FEWEST_WORDS: usize = 4;

/// Words below which a recording takes those of a later call that has more.
const FEW_WORDS: usize = 24;

/// Share of the room that one source may take in an hour with new recordings. Junk beyond it is compared and not kept. A
/// server that relays the media of many callers is one source.
const QUOTA: usize = 64;
const LEAST_QUOTA: usize = 64;

/// Sources whose new recordings are counted.
const SOURCES: usize = 16_384;

/// Words that a call plays.
#[derive(Clone, Debug)]
pub struct Played<'a> {
    /// The words.
    pub print: &'a Print,
    /// The side that plays it. A callee plays announcements and greetings.
    pub player: Side,
    /// Name for the recording, if it is a new one.
    pub name: RecordingId,
    /// Keyed hash of the source, which may add so many recordings only.
    pub source: u64,
    /// Time of the last packet.
    pub at: Timestamp,
}

/// A recording, known or new.
#[derive(Clone, PartialEq, Debug)]
pub struct Found {
    /// The recording.
    pub recording: RecordingId,
    /// The match with the recording; none for a new one.
    pub known_by: Option<Match>,
    /// The recording's words, if it is known: what several calls play may be stored.
    pub print: Option<Print>,
    /// True for a piece of the stock.
    pub is_stock: bool,
}

/// Recordings by their words. Which ones it knows depends on the order of calls only.
pub struct Recordings {
    capacity: usize,
    stock: Option<Stock>,
    known: LruTable<u64, Entry, 2>,
    index: Index,
    quotas: LruTable<u64, (i64, u32), 1>,
    /// The latest time. Calls may come a little out of order.
    now: Timestamp,
}

struct Entry {
    print: Print,
    player: Side,
}

impl Recordings {
    /// Room for so many recordings, at most a million.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_RECORDINGS);
        Self {
            capacity,
            stock: None,
            known: LruTable::new(capacity),
            index: Index::new(capacity),
            quotas: LruTable::new(SOURCES),
            now: Timestamp::MIN,
        }
    }

    /// Recognises the stock before other recordings.
    #[must_use]
    pub fn with_stock(mut self, stock: Stock) -> Self {
        self.stock = Some(stock);
        self
    }

    /// Number of recordings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// True without recordings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Restores a recording that several calls of an earlier run played.
    pub fn restore(&mut self, recording: RecordingId, print: Print, player: Side, at: Timestamp) {
        if self.known.slot(recording.key()).is_none() {
            self.now = self.now.max(at);
            self.insert(recording, Entry { print, player }, SEVERAL);
        }
    }

    /// Finds the recording that a call plays, or makes it known. None if its words are too few, or its source made
    /// too many known.
    pub fn identify(&mut self, played: &Played<'_>) -> Option<Found> {
        self.now = self.now.max(played.at);
        self.expire();
        if played.print.len() < FEWEST_WORDS {
            return None;
        }
        if let Some((number, known_by)) = self.stock.as_ref().and_then(|stock| stock.find(played.print)) {
            // Pieces are named by their numbers; other recordings have keyed hashes.
            let recording = RecordingId::new(i64::from(number) + 1);
            let print = Some(played.print.clone());
            return Some(Found { recording, known_by: Some(known_by), print, is_stock: true });
        }
        if let Some((slot, known_by)) = self.find(played.print, played.player) {
            return self.renew(slot, known_by, played);
        }
        // A stream that is heard again is its own recording.
        if let Some(slot) = self.known.slot(played.name.key()) {
            self.known.touch(slot, ONE_CALL, self.now);
        } else if self.has_quota(played) {
            let entry = Entry { print: played.print.clone(), player: played.player };
            self.insert(played.name, entry, ONE_CALL);
        } else {
            return None;
        }
        Some(Found { recording: played.name, known_by: None, print: None, is_stock: false })
    }

    /// The recording whose words match best. The second half of the words is looked up only if the first one finds nothing.
    fn find(&self, print: &Print, player: Side) -> Option<(SlotId, Match)> {
        let of_player = |number: u32| {
            let (_, entry) = self.known.get(SlotId::new(number))?;
            (entry.player == player).then_some(&entry.print)
        };
        let found = (0..2).find_map(|half| best(self.index.candidates(print, half), of_player, print));
        found.map(|(number, known_by)| (SlotId::new(number), known_by))
    }

    fn renew(&mut self, slot: SlotId, known_by: Match, played: &Played<'_>) -> Option<Found> {
        let was_shared = self.known.class(slot)? == SEVERAL;
        let (key, entry) = self.known.get_mut(slot)?;
        let recording = RecordingId::from_key(*key);
        let is_shared = was_shared || recording != played.name;
        let gains_words = entry.print.len() < FEW_WORDS && played.print.len() > entry.print.len();
        if gains_words {
            self.index.remove(&entry.print, slot.number());
            entry.print = played.print.clone();
        }
        let print = entry.print.clone();
        if gains_words || is_shared != was_shared {
            self.index.enter(&print, slot.number(), is_shared);
        }
        self.known.touch(slot, if is_shared { SEVERAL } else { ONE_CALL }, self.now);
        Some(Found { recording, known_by: Some(known_by), print: Some(print), is_stock: false })
    }

    fn insert(&mut self, recording: RecordingId, entry: Entry, class: usize) {
        if self.known.len() >= self.capacity
            && let Some(oldest) = self.known.oldest(ONE_CALL).or_else(|| self.known.oldest(SEVERAL))
        {
            self.remove(oldest);
        }
        let (slot, _) = self.known.insert(recording.key(), recording.key(), entry, class, self.now);
        if let Some((_, entry)) = self.known.get(slot) {
            self.index.enter(&entry.print, slot.number(), class == SEVERAL);
        }
    }

    fn remove(&mut self, slot: SlotId) {
        if let Some((_, entry)) = self.known.remove(slot) {
            self.index.remove(&entry.print, slot.number());
        }
    }

    fn has_quota(&mut self, played: &Played<'_>) -> bool {
        let hour = played.at.as_nanos() / Span::from_secs(3600).as_nanos();
        let (slot, _) = self.quotas.find_or_insert(played.source, played.source, self.now);
        let Some((_, quota)) = self.quotas.get_mut(slot) else { return false };
        if quota.0 != hour {
            *quota = (hour, 0);
        }
        quota.1 = quota.1.saturating_add(1);
        let has_quota = quota.1 as usize <= (self.capacity / QUOTA).max(LEAST_QUOTA);
        self.quotas.touch(slot, 0, self.now);
        has_quota
    }

    fn expire(&mut self) {
        for (class, span) in [(ONE_CALL, OF_ONE_CALL), (SEVERAL, OF_SEVERAL)] {
            while let Some((slot, _)) = self.known.oldest_before(class, self.now - span) {
                self.remove(slot);
            }
        }
    }
}
