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
    /// The readable forms being made: buffers used again for every message.
    sip: String,
    sdp: String,
}

#[derive(Clone, Copy)]
struct Hashes {
    combined: PrintHash,
    sip: PrintHash,
    sdp: Option<PrintHash>,
}

impl PrintCache {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            table: LruTable::new(REMEMBERED),
            content: hash_key.content_hasher(),
            sip: String::new(),
            sdp: String::new(),
        }
    }

    /// The fingerprints of a request; `body` is its session description. What is new goes out as a fact.
    pub(crate) fn prints(
        &mut self,
        message: &Message<'_>,
        body: Option<&[u8]>,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Prints {
        let (sip, sdp) = (&mut self.sip, &mut self.sdp);
        sip.clear();
        sdp.clear();
        fingerprint::write_sip_author(message, sip);
        let has_sdp = body.is_some_and(|body| fingerprint::write_sdp_author(body, sdp));
        let sdp = has_sdp.then_some(sdp.as_str());
        let sdp_content = sdp.map_or(0, |sdp| self.content.hash(sdp.as_bytes()));
        let key = self.content.hash(sip.as_bytes()) ^ sdp_content.rotate_left(1);
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
