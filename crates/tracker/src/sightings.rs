use std::net::IpAddr;

use bellwether_base::{ContentHasher, HashKey, LruTable};
use bellwether_sip::{Message, Method, Name, StartLine};

use crate::fact::{Fact, Outbox, Sighting};
use crate::named::Named;
use crate::party::clear;
use crate::prints::PrintCache;
use crate::worker::Sip;

/// Message kind of an OPTIONS request. The kind of a response is its status code.
const ASKS: u32 = 0;

/// Message kind of a request with credentials. Callers and devices are reported elsewhere; here only such requests of
/// theirs are learned from.
const LEARNED: u32 = 1;

/// Senders remembered per shard.
const REMEMBERED: usize = 1024;

/// Observes SIP platforms that neither call nor register: sources of OPTIONS and of responses. They have no
/// report of their own, but a fingerprint.
///
/// Of a sender's messages of one kind only the first, 4th, 16th, 64th and so on are examined. These messages
/// are the majority of all, and the next one rarely shows anything new.
pub(crate) struct Sightings {
    seen: LruTable<u64, u32, 1>,
    content: ContentHasher,
}

impl Sightings {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { seen: LruTable::new(REMEMBERED), content: hash_key.content_hasher() }
    }

    /// Processes a new message.
    pub(crate) fn message(&mut self, sip: &Sip<'_, '_>, prints: &mut PrintCache, out: &mut Outbox) {
        let Sip { item, message, cseq, .. } = sip;
        let kind = match message.start() {
            StartLine::Request { .. } if sip.parts.to_tag().is_some() => return,
            StartLine::Request { method: Method::Options, .. } => ASKS,
            StartLine::Request { method: Method::Invite | Method::Register, .. }
                if has_credentials(message) =>
            {
                LEARNED
            }
            StartLine::Request { .. } | StartLine::Unknown(_) => return,
            StartLine::Status { code, .. } => u32::from(code),
        };
        let source = item.flow.src.ip().to_canonical();
        let agent = message.get(Name::UserAgent).or_else(|| message.get(Name::Server)).unwrap_or_default();
        let key = match source {
            // All instances of a platform behave alike after a challenge, so the source address is left out.
            _ if kind == LEARNED => self.content.parts(&[agent, cseq.token], kind),
            IpAddr::V4(ip) => self.content.parts(&[&ip.octets(), cseq.token], kind),
            IpAddr::V6(ip) => self.content.parts(&[&ip.octets(), cseq.token], kind),
        };
        let (slot, _) = self.seen.find_or_insert(key, key, item.at);
        self.seen.touch(slot, 0, item.at);
        let Some((_, count)) = self.seen.get_mut(slot) else { return };
        *count = count.saturating_add(1);
        // 1, 4, 16, 64...
        if !(count.is_power_of_two() && count.trailing_zeros().is_multiple_of(2)) {
            return;
        }
        // The description in a response depends on the offer, so it is left out.
        let Some(prints) = prints.prints(message, None, item.at, out) else { return };
        if kind == LEARNED {
            return;
        }
        out.fact(Fact::Sighting(Box::new(Sighting {
            fingerprint: prints.combined,
            source,
            user_agent: clear(agent),
            at: item.stamp,
            named: Named::of(message),
        })));
    }
}

fn has_credentials(message: &Message<'_>) -> bool {
    message.headers().iter().any(|h| matches!(h.name, Name::Authorization | Name::ProxyAuthorization))
}
