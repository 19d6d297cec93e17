use bellwether_base::{ContentHasher, HashKey, LruTable, Timestamp};
use bellwether_fingerprint::{Identifiers, PrintHash, fields};

use crate::fact::{AuthorSeen, Fact, Outbox};
use crate::named::Named;

/// Authors remembered per shard.
const REMEMBERED: usize = 128;

/// Forms that one author showed last: most messages show one of them again.
const FORMS: usize = 8;

/// Habits told of one author; what comes after that is an attacker's, and not told.
const MOST_TOLD: usize = 256;

/// What was told of SIP authors beside their fingerprints: no single message shows it whole, so it is learned, and each
/// piece of it is told once.
pub(crate) struct Authors {
    table: LruTable<u64, Author, 1>,
    content: ContentHasher,
}

struct Author {
    identifiers: Identifiers,
    /// Hashes of the forms seen last, the oldest overwritten first.
    forms: [u64; FORMS],
    next: usize,
    /// Hashes of the habits told.
    told: Vec<u32>,
}

impl Authors {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { table: LruTable::new(REMEMBERED), content: hash_key.content_hasher() }
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
            let author = Author { identifiers: *identifiers, forms: [0; FORMS], next: 0, told: Vec::new() };
            self.table.insert(key, key, author, 0, at).0
        });
        self.table.touch(slot, 0, at);
        let Some((_, author)) = self.table.get_mut(slot) else { return };
        let mut is_news = author.identifiers.learn(identifiers) || known.is_none();
        let mut fresh = Vec::new();
        if !author.forms.contains(&form) {
            if let Some(oldest) = author.forms.get_mut(author.next) {
                *oldest = form;
            }
            author.next = (author.next + 1) % FORMS;
            for (habit, value) in fields(habits).skip(1) {
                let hash = self.content.parts(&[habit.as_bytes(), value.as_bytes()], 0) as u32;
                if author.told.len() < MOST_TOLD && !author.told.contains(&hash) {
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
