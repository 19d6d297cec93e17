use std::net::IpAddr;

use bellwether_base::{ContentHasher, HashKey, LruTable};
use bellwether_sip::{Message, Method, Name, StartLine};

use crate::fact::{Fact, Outbox, Sighting};
use crate::named::Named;
use crate::party::clear;
use crate::prints::PrintCache;
use crate::worker::Sip;

/// Kinds of messages beside the codes of answers. Callers and devices have rows of their own; what is learned of them here is
/// how they go on, with credentials.
const ASKS: u32 = 0;
const LEARNED: u32 = 1;

/// Senders remembered per shard.
const REMEMBERED: usize = 1024;

/// Who else speaks SIP: those who probe with OPTIONS, and those who answer. They have no row of their own as callers and
/// devices have, but a fingerprint all the same.
///
/// A sender's messages of one kind are looked at when their number is a power of four: they are most of all messages, and the
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
            // How a platform goes on does not differ between those who have it.
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
        // What an answer describes follows what was offered.
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
