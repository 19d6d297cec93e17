use bellwether_base::{ContentHasher, HashKey, LruTable, Span, Timestamp};
use bellwether_fingerprint::{self as fingerprint, Identifiers, Part, PrintHash, Readable};
use bellwether_sip::Message;

use crate::fact::{AuthorSeen, Fact, FingerprintSeen, Outbox, Prints};

/// Platforms remembered per shard.
const REMEMBERED: usize = 256;

/// Habits of one author that are remembered as told.
const TOLD: usize = 16;

/// The hashes of platforms seen lately, by what their readable forms hash to quickly: a platform makes many
/// messages, and its readable form need travel, and be hashed for good, only once in a while.
pub(crate) struct PrintCache {
    table: LruTable<u64, Hashes, 1>,
    authors: LruTable<u64, Author, 1>,
    content: ContentHasher,
    /// The readable forms being made: buffers used again for every message.
    sip: Readable,
    sdp: Readable,
    habits: Readable,
}

#[derive(Clone, Copy)]
struct Hashes {
    combined: PrintHash,
    sip: PrintHash,
    sdp: Option<PrintHash>,
}

/// Steps in which waiting times are told apart, in nanoseconds.
const TIMER_STEP: i64 = 100_000_000;

/// What was told of one SIP author beside its fingerprint.
struct Author {
    identifiers: Identifiers,
    /// Hashes of the habits told last, the oldest overwritten first.
    told: [u64; TOLD],
    next: usize,
}

impl PrintCache {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            table: LruTable::new(REMEMBERED),
            authors: LruTable::new(REMEMBERED),
            content: hash_key.content_hasher(),
            sip: Readable::default(),
            sdp: Readable::default(),
            habits: Readable::default(),
        }
    }

    /// The fingerprints of a message; `body` is its session description. What is new goes out as a fact. None if nothing in
    /// the message tells its author.
    pub(crate) fn prints(
        &mut self,
        message: &Message<'_>,
        body: Option<&[u8]>,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Option<Prints> {
        let (sip, sdp) = (&mut self.sip, &mut self.sdp);
        sip.clear();
        sdp.clear();
        if !fingerprint::write_sip_author(message, sip) {
            return None;
        }
        let has_sdp = body.is_some_and(|body| fingerprint::write_sdp_author(body, sdp));
        let sip = sip.as_str();
        let sdp = has_sdp.then(|| sdp.as_str());
        let sip_content = self.content.hash(sip.as_bytes());
        let sdp_content = sdp.map_or(0, |sdp| self.content.hash(sdp.as_bytes()));
        let key = sip_content ^ sdp_content.rotate_left(1);
        let known = self.table.find(key, &key);
        let hashes = match known.and_then(|slot| self.table.get(slot)) {
            Some((_, hashes)) => *hashes,
            None => {
                let readable = fingerprint::combined(sip, sdp);
                let hashes = Hashes {
                    combined: PrintHash::of(Part::Combined, &readable),
                    sip: PrintHash::of(Part::Sip, sip),
                    sdp: sdp.map(|sdp| PrintHash::of(Part::Sdp, sdp)),
                };
                let method = fingerprint::fields(sip).find(|(key, _)| *key == "m").map_or("", |(_, m)| m);
                let Hashes { combined, sip, sdp } = hashes;
                let method = method.to_owned();
                let seen = FingerprintSeen { combined, readable, method, sip, sdp };
                out.fact(Fact::Fingerprint(Box::new(seen)));
                self.table.insert(key, key, hashes, 0, at);
                hashes
            }
        };
        if let Some(slot) = known {
            self.table.touch(slot, 0, at);
        }
        let Hashes { combined, sip, sdp } = hashes;
        self.learn(sip_content, sip, message, body, at, out);
        Some(Prints { combined, sip, sdp, path: fingerprint::path(message) })
    }

    /// Learns how long an author waits before it sends a request again.
    pub(crate) fn repeated(&mut self, message: &Message<'_>, after: Span, at: Timestamp, out: &mut Outbox) {
        self.sip.clear();
        if !fingerprint::write_sip_author(message, &mut self.sip) {
            return;
        }
        let key = self.content.hash(self.sip.as_bytes());
        // Timers are late by what their loops take.
        let millis = (after.as_nanos() + TIMER_STEP / 2) / TIMER_STEP * (TIMER_STEP / 1_000_000);
        self.habits.clear();
        self.habits.push_str(&format!("habits2|rt={millis}"));
        let sip = PrintHash::of(Part::Sip, self.sip.as_str());
        self.tell(key, sip, Identifiers::of(message), at, out);
    }

    /// Learns what no single message shows whole: habits, and the grammar of identifiers. News goes out as a fact.
    fn learn(
        &mut self,
        key: u64,
        sip: PrintHash,
        message: &Message<'_>,
        body: Option<&[u8]>,
        at: Timestamp,
        out: &mut Outbox,
    ) {
        self.habits.clear();
        fingerprint::write_habits(message, body, &mut self.habits);
        self.tell(key, sip, Identifiers::of(message), at, out);
    }

    /// Tells of an author what is in `habits` and of its identifiers, if either is news.
    fn tell(&mut self, key: u64, sip: PrintHash, identifiers: Identifiers, at: Timestamp, out: &mut Outbox) {
        let habits = self.content.hash(self.habits.as_bytes());
        let slot = match self.authors.find(key, &key) {
            Some(slot) => slot,
            None => {
                let author = Author { identifiers, told: [habits; TOLD], next: 0 };
                self.authors.insert(key, key, author, 0, at);
                let habits = self.habits.to_string();
                return out.fact(Fact::Author(Box::new(AuthorSeen { sip, habits, identifiers })));
            }
        };
        self.authors.touch(slot, 0, at);
        let Some((_, author)) = self.authors.get_mut(slot) else { return };
        let is_told = author.told.contains(&habits);
        let is_news = author.identifiers.learn(&identifiers);
        if is_told && !is_news {
            return;
        }
        if !is_told {
            if let Some(oldest) = author.told.get_mut(author.next) {
                *oldest = habits;
            }
            author.next = (author.next + 1) % TOLD;
        }
        let seen = AuthorSeen { sip, habits: self.habits.to_string(), identifiers: author.identifiers };
        out.fact(Fact::Author(Box::new(seen)));
    }
}
