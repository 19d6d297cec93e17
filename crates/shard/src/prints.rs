use bellwether_base::{ContentHasher, HashKey, LruTable, Timestamp};
use bellwether_fingerprint::{self as fingerprint, Part, PrintHash};
use bellwether_sip::Message;

use crate::fact::{Fact, FingerprintSeen, Outbox, Prints};

/// Platforms remembered per shard.
const REMEMBERED: usize = 256;

/// The hashes of platforms seen lately, by what their readable forms hash to quickly: a platform makes many
/// messages, and its readable form need travel, and be hashed for good, only once in a while.
pub(crate) struct PrintCache {
    table: LruTable<u64, Hashes, 1>,
    content: ContentHasher,
}

#[derive(Clone, Copy)]
struct Hashes {
    combined: PrintHash,
    sip: PrintHash,
    sdp: Option<PrintHash>,
}

impl PrintCache {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { table: LruTable::new(REMEMBERED), content: hash_key.content_hasher() }
    }

    /// The fingerprints of a request; `body` is its session description. What is new goes out as a fact.
    pub(crate) fn prints(
        &mut self,
        message: &Message<'_>,
        body: Option<&[u8]>,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Prints {
        let sip = fingerprint::sip_author(message).unwrap_or_default();
        let sdp = body.and_then(fingerprint::sdp_author);
        let sdp_content = sdp.as_ref().map_or(0, |sdp| self.content.hash(sdp.as_bytes()));
        let key = self.content.hash(sip.as_bytes()) ^ sdp_content.rotate_left(1);
        let known = self.table.find(key, &key);
        let hashes = match known.and_then(|slot| self.table.get(slot)) {
            Some((_, hashes)) => *hashes,
            None => {
                let readable = fingerprint::combined(&sip, sdp.as_deref());
                let hashes = Hashes {
                    combined: PrintHash::of(Part::Combined, &readable),
                    sip: PrintHash::of(Part::Sip, &sip),
                    sdp: sdp.as_deref().map(|sdp| PrintHash::of(Part::Sdp, sdp)),
                };
                let method = message.method().map_or("", |m| m.name());
                let Hashes { combined, sip, sdp } = hashes;
                out.fact(Fact::Fingerprint(Box::new(FingerprintSeen {
                    combined,
                    readable,
                    method,
                    sip,
                    sdp,
                })));
                self.table.insert(key, key, hashes, 0, at);
                hashes
            }
        };
        if let Some(slot) = known {
            self.table.touch(slot, 0, at);
        }
        let Hashes { combined, sip, sdp } = hashes;
        Prints { combined, sip, sdp, path: fingerprint::path(message) }
    }
}
