use bellwether_base::{ContentHasher, HashKey, LruTable, Timestamp};
use bellwether_fingerprint::{Identifiers, PrintHash, fields};

use crate::fact::{AuthorSeen, Fact, Outbox};
use crate::named::Named;
use crate::newcomers::Newcomers;
use crate::prints::TOLD_FOR;

/// Maximum number of SIP authors per shard.
const REMEMBERED: usize = 128;

/// Recent header forms remembered per author. Most messages of an author repeat one of them.
const FORMS: usize = 8;

/// Maximum number of habits reported per author. Further habits come from an attacker and are dropped.
const MAX_TOLD: usize = 256;

/// Habits and identifiers of SIP authors beyond the fingerprint. No single message shows all of them, so they
/// accumulate over messages. Each habit is reported once.
pub(crate) struct Authors {
    table: LruTable<u64, Author, 2>,
    content: ContentHasher,
    newcomers: Newcomers,
}

/// Eviction class of authors with a single message. A flood of invented authors evicts only its own entries.
const ONCE: usize = 0;
/// Eviction class of authors with several messages.
const AGAIN: usize = 1;

struct Author {
    identifiers: Identifiers,
    /// Time of the first report. `None` if nothing was reported yet.
    told_at: Option<Timestamp>,
    /// Hashes of the most recent header forms; a ring buffer.
    forms: [u64; FORMS],
    next: usize,
    /// Hashes of the habits already reported.
    told: Vec<u32>,
}

impl Authors {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        let newcomers = Newcomers::default();
        Self { table: LruTable::new(REMEMBERED), content: hash_key.content_hasher(), newcomers }
    }

    /// Number of authors whose first message was not reported, since the previous call of this method.
    pub(crate) const fn take_deferred(&mut self) -> u64 {
        self.newcomers.take_deferred()
    }

    /// Learns from one message of an author. `key` is the author's key in this table, `sip` the author's
    /// fingerprint. New knowledge leaves as a fact.
    pub(crate) fn learn(
        &mut self,
        (key, sip): (u64, PrintHash),
        habits: &str,
        identifiers: &Identifiers,
        named: impl FnOnce() -> Named,
        at: Timestamp,
        out: &mut Outbox,
    ) {
        let form = self.content.hash(habits.as_bytes());
        let known = self.table.find(key, &key);
        let slot = known.unwrap_or_else(|| {
            let (forms, told) = ([0; FORMS], Vec::new());
            let author = Author { identifiers: *identifiers, told_at: None, forms, next: 0, told };
            self.table.insert(key, key, author, ONCE, at).0
        });
        if known.is_some() {
            self.table.touch(slot, AGAIN, at);
        } else if !self.newcomers.admit(at) {
            return;
        }
        let Some((_, author)) = self.table.get_mut(slot) else { return };
        if author.told_at.is_some_and(|told_at| at.since(told_at) >= TOLD_FOR) {
            // The database may have expired the author, so the habits are reported again.
            (author.told_at, author.forms) = (None, [0; FORMS]);
            author.told.clear();
        }
        let mut is_news = author.identifiers.learn(identifiers) || author.told_at.is_none();
        author.told_at = author.told_at.or(Some(at));
        let mut fresh = Vec::new();
        if !author.forms.contains(&form) {
            if let Some(oldest) = author.forms.get_mut(author.next) {
                *oldest = form;
            }
            author.next = (author.next + 1) % FORMS;
            for (habit, value) in fields(habits).skip(1) {
                let hash = self.content.parts(&[habit.as_bytes(), value.as_bytes()], 0) as u32;
                if author.told.len() < MAX_TOLD && !author.told.contains(&hash) {
                    author.told.push(hash);
                    fresh.push((habit.to_owned(), value.to_owned().into()));
                }
            }
            is_news |= !fresh.is_empty();
        }
        if is_news {
            let seen = AuthorSeen { sip, habits: fresh, identifiers: author.identifiers, named: named() };
            out.fact(Fact::Author(Box::new(seen)));
        }
    }
}
