use bellwether_base::{ContentHasher, HashKey, LruTable, Timestamp};
use bellwether_fingerprint::{Identifiers, PrintHash, fields};

use crate::fact::{AuthorSeen, Fact, Outbox};
use crate::named::Named;
use crate::newcomers::Newcomers;
use crate::prints::TOLD_FOR;

/// Authors remembered per shard.
const REMEMBERED: usize = 128;

/// Forms that one author showed last: most messages show one of them again.
const FORMS: usize = 8;

/// Habits told of one author; what comes after that is an attacker's, and not told.
const MAX_TOLD: usize = 256;

/// What was told of SIP authors beside their fingerprints: no single message shows it whole, so it is learned, and each
/// piece of it is told once.
pub(crate) struct Authors {
    table: LruTable<u64, Author, 2>,
    content: ContentHasher,
    newcomers: Newcomers,
}

/// Queue of the table for authors of one message: whoever makes them up does not push out the others.
const ONCE: usize = 0;
/// Queue for authors of several messages.
const AGAIN: usize = 1;

struct Author {
    identifiers: Identifiers,
    /// Since when it has been told of; none if nothing was told.
    told_at: Option<Timestamp>,
    /// Hashes of the forms seen last, the oldest overwritten first.
    forms: [u64; FORMS],
    next: usize,
    /// Hashes of the habits told.
    told: Vec<u32>,
}

impl Authors {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        let newcomers = Newcomers::default();
        Self { table: LruTable::new(REMEMBERED), content: hash_key.content_hasher(), newcomers }
    }

    /// Authors that were not told of with their first message, since this was asked last.
    pub(crate) const fn take_deferred(&mut self) -> u64 {
        self.newcomers.take_deferred()
    }

    /// Takes what one message shows of an author: `key` finds it here, `sip` is its fingerprint. What is news goes out as a
    /// fact.
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
            // The database may have forgotten it.
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
