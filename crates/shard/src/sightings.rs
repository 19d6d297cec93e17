use bellwether_base::{ContentHasher, HashKey, LruTable};
use bellwether_sip::{Method, Name, StartLine};

use crate::fact::{Fact, Outbox, Sighting};
use crate::party::text;
use crate::prints::PrintCache;
use crate::worker::Sip;

/// Senders remembered per shard.
const REMEMBERED: usize = 1024;

/// Who else speaks SIP: those who probe with OPTIONS, and those who answer. They have no row of their own as callers and
/// devices have, but a fingerprint all the same.
///
/// A sender's messages of one kind are looked at when their number is a power of two: they are most of all messages, and the
/// next shows nothing that the last did not.
pub(crate) struct Sightings {
    seen: LruTable<u64, u32, 1>,
    content: ContentHasher,
}

impl Sightings {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { seen: LruTable::new(REMEMBERED), content: hash_key.content_hasher() }
    }

    /// Takes a message that is seen for the first time.
    pub(crate) fn message(&mut self, sip: &Sip<'_, '_>, prints: &mut PrintCache, out: &mut Outbox) {
        let Sip { item, message, cseq, .. } = sip;
        let is_registration = cseq.method == Method::Register;
        let kind = match message.start() {
            StartLine::Request { .. } if sip.parts.to_tag().is_some() => return,
            StartLine::Request { method: Method::Options | Method::Register, .. } => 0,
            StartLine::Request { .. } => return,
            StartLine::Status { code, .. } => u32::from(code),
            StartLine::Unknown(_) => return,
        };
        let source = item.flow.src.ip().to_canonical();
        let key = match source {
            std::net::IpAddr::V4(ip) => self.content.parts(&[&ip.octets(), cseq.token], kind),
            std::net::IpAddr::V6(ip) => self.content.parts(&[&ip.octets(), cseq.token], kind),
        };
        let (slot, _) = self.seen.find_or_insert(key, key, item.at);
        self.seen.touch(slot, 0, item.at);
        let Some((_, count)) = self.seen.get_mut(slot) else { return };
        *count = count.saturating_add(1);
        if !count.is_power_of_two() {
            return;
        }
        // What an answer describes follows what was offered.
        let Some(prints) = prints.prints(message, None, item.at, out) else { return };
        // Who registers has a row of its own; what is learned here is how it goes on, with credentials.
        if is_registration && kind == 0 {
            return;
        }
        let agent = message.get(Name::UserAgent).or_else(|| message.get(Name::Server));
        out.fact(Fact::Sighting(Box::new(Sighting {
            fingerprint: prints.combined,
            source,
            user_agent: agent.map(text).unwrap_or_default(),
            at: item.stamp,
        })));
    }
}
