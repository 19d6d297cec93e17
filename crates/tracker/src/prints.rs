use bellwether_base::{ContentHasher, HashKey, LruTable, Span, Timestamp};
use bellwether_fingerprint::{self as fingerprint, Identifiers, Part, PrintHash, Readable};
use bellwether_sip::Message;

use crate::authors::Authors;
use crate::fact::{Fact, FingerprintSeen, Outbox, Prints};
use crate::named::Named;
use crate::newcomers::Newcomers;

/// Platforms remembered per shard.
const REMEMBERED: usize = 256;

/// Eviction classes of the table. Platforms with one message are evicted first, because an attacker can
/// invent them.
const ONCE: usize = 0;
const AGAIN: usize = 1;

/// A platform or its author is reported again after this time.
pub(crate) const TOLD_FOR: Span = Span::from_secs(600);

/// An author is learned from this many messages after a report of its platform.
const LEARN_ALL: u32 = 4;

/// After these, an author is learned from one message in this number.
const LEARN_EVERY: u32 = 16;

/// Resolution of retransmission intervals, in nanoseconds.
const TIMER_STEP: i64 = 100_000_000;

/// Recent platforms by a fast hash of their readable form. A platform sends many messages, so its readable
/// form is sent and hashed cryptographically only once in a while.
pub(crate) struct PrintCache {
    table: LruTable<u64, Platform, 2>,
    authors: Authors,
    newcomers: Newcomers,
    content: ContentHasher,
    /// Buffers of the readable forms, reused for every message.
    sip: Readable,
    sdp: Readable,
    habits: Readable,
}

/// A platform, the number of its messages since its last report, and the time of that report, if any.
struct Platform {
    hashes: Hashes,
    seen: u32,
    told_at: Option<Timestamp>,
}

#[derive(Clone, Copy)]
struct Hashes {
    combined: PrintHash,
    sip: PrintHash,
    sdp: Option<PrintHash>,
    family: PrintHash,
    family_of_headers: PrintHash,
}

impl PrintCache {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            table: LruTable::new(REMEMBERED),
            authors: Authors::new(hash_key),
            newcomers: Newcomers::default(),
            content: hash_key.content_hasher(),
            sip: Readable::default(),
            sdp: Readable::default(),
            habits: Readable::default(),
        }
    }

    /// Number of platforms whose first message was not reported, or taught nothing of its author, since the
    /// previous call of this method.
    pub(crate) const fn take_deferred(&mut self) -> u64 {
        self.newcomers.take_deferred() + self.authors.take_deferred()
    }

    /// The fingerprints of a message; `body` is its session description. New knowledge leaves as a fact.
    /// Returns `None` if the message does not characterise its author.
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
        let mut seen = 0;
        let mut is_told = true;
        let hashes = match known.and_then(|slot| self.table.get_mut(slot)) {
            // The database expires platforms that are not reported for long.
            Some((_, platform)) if platform.told_at.is_some_and(|told_at| at.since(told_at) < TOLD_FOR) => {
                platform.seen = platform.seen.saturating_add(1);
                seen = platform.seen;
                platform.hashes
            }
            _ => {
                let readable = fingerprint::combined(sip, sdp);
                let family = fingerprint::family(&readable);
                let hashes = Hashes {
                    combined: PrintHash::of(Part::Combined, &readable),
                    sip: PrintHash::of(Part::Sip, sip),
                    sdp: sdp.map(|sdp| PrintHash::of(Part::Sdp, sdp)),
                    family,
                    family_of_headers: if sdp.is_some() { fingerprint::family(sip) } else { family },
                };
                is_told = known.is_some() || self.newcomers.admit(at);
                if is_told {
                    let method = fingerprint::fields(sip).find(|(key, _)| *key == "m").map_or("", |(_, m)| m);
                    let Hashes { combined, sip, sdp, family, family_of_headers } = hashes;
                    let (readable, method) = (readable.into(), method.to_owned().into());
                    let named = Named::of(message);
                    let seen = FingerprintSeen {
                        combined,
                        readable,
                        method,
                        sip,
                        sdp,
                        family,
                        family_of_headers,
                        at,
                        named,
                    };
                    out.fact(Fact::Fingerprint(Box::new(seen)));
                }
                let platform = Platform { hashes, seen: 0, told_at: is_told.then_some(at) };
                match known.and_then(|slot| self.table.get_mut(slot)) {
                    Some((_, known)) => *known = platform,
                    None => drop(self.table.insert(key, key, platform, ONCE, at)),
                }
                hashes
            }
        };
        if let Some(slot) = known {
            self.table.touch(slot, AGAIN, at);
        }
        let Hashes { combined, sip, sdp, family, family_of_headers } = hashes;
        if is_told && (seen < LEARN_ALL || seen.is_multiple_of(LEARN_EVERY)) {
            self.habits.clear();
            fingerprint::write_habits(message, body, &mut self.habits);
            let identifiers = Identifiers::of(message);
            let named = || Named::of(message);
            self.authors.learn((sip_content, sip), self.habits.as_str(), &identifiers, named, at, out);
        }
        let path = fingerprint::path(message).into();
        Some(Prints { combined, sip, sdp, family, family_of_headers, path })
    }

    /// Learns the retransmission interval of an author.
    pub(crate) fn repeated(&mut self, message: &Message<'_>, after: Span, at: Timestamp, out: &mut Outbox) {
        self.sip.clear();
        if !fingerprint::write_sip_author(message, &mut self.sip) {
            return;
        }
        let key = self.content.hash(self.sip.as_bytes());
        // A timer fires late by the duration of its event loop, hence the rounding.
        let millis = (after.as_nanos() + TIMER_STEP / 2) / TIMER_STEP * (TIMER_STEP / 1_000_000);
        self.habits.clear();
        self.habits.push_str(&format!("habits2|rt={millis}"));
        let sip = PrintHash::of(Part::Sip, self.sip.as_str());
        let (identifiers, named) = (Identifiers::of(message), || Named::of(message));
        self.authors.learn((key, sip), self.habits.as_str(), &identifiers, named, at, out);
    }
}
