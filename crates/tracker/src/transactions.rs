use std::net::IpAddr;

use bellwether_sip::Method;

use crate::worker::Sip;
use crate::{Item, Limits, Tally};
use bellwether_base::{HashKey, Loss, LruTable, Span, Timestamp};

/// A datagram repeated within this time is a copy made by the mirror. No SIP timer is this short (T1 is 500
/// ms, RFC 3261 section 17.1.1.1).
pub(crate) const MIRROR_DELAY: Span = Span::from_millis(50);

/// With equal IP identification it is the same packet, even if the mirror delivered it this late.
const SAME_PACKET: Span = Span::from_secs(2);

/// A transaction stays in the table this long after its last message. T2 (4 s), the longest retransmission
/// interval, is shorter.
const REMEMBERED: Span = Span::from_secs(5);

/// Distinguishes new messages from repeated ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum MessageStatus {
    New,
    /// The mirror delivered the same packet twice.
    Duplicate,
    /// The sender transmitted the message again.
    Retransmission,
}

/// One client transaction on one hop: its requests and its responses.
#[derive(Clone, Copy, Default)]
struct Transaction {
    request: Seen,
    response: Seen,
    /// Hosts of the first and the latest copy of the request. A load balancer without a Via makes a copy
    /// between other hosts.
    hosts: [Hosts; 2],
    subject: u64,
}

/// Short keyed hashes of the sender and the receiver of a request.
#[derive(Clone, Copy, Default)]
struct Hosts {
    from: u16,
    to: u16,
}

/// The last message of one direction. These are very numerous, so a flag replaces an `Option`.
#[derive(Clone, Copy, Default)]
struct Seen {
    at: Timestamp,
    digest: u32,
    ip_id: u16,
    is_there: bool,
}

/// The transactions of a shard. They recognise copies, and match responses to requests.
pub(crate) struct Transactions {
    /// Keyed hash only. A collision would misclassify one copy, and cannot be forged.
    table: LruTable<u64, Transaction, 1>,
    content: bellwether_base::ContentHasher,
}

/// The status of a message within its transaction.
pub(crate) struct Place {
    pub(crate) novelty: MessageStatus,
    /// Time since the previous transmission, if the sender retransmitted a request.
    pub(crate) repeated_after: Option<Span>,
    key: u64,
}

impl Transactions {
    pub(crate) fn new(limits: &Limits, hash_key: HashKey) -> Self {
        let content = hash_key.content_hasher();
        Self { table: LruTable::new(Limits::per_shard(limits.transactions)), content }
    }

    pub(crate) fn observe(&mut self, sip: &Sip<'_, '_>, tally: &mut Tally) -> Place {
        let Sip { item, message, parts, cseq, call_id } = sip;
        if cseq.method == Method::Ack {
            // An ACK has no response, and a copy of it has no effect: it is not worth an entry per call.
            return Place { novelty: MessageStatus::New, repeated_after: None, key: 0 };
        }
        let branch = parts.top_via.and_then(|v| v.branch()).unwrap_or_default();
        let sent_by = parts.top_via.map(|v| v.host).unwrap_or_default();
        let key = self.content.parts(&[call_id, branch, sent_by, cseq.token], cseq.number);
        let digest = self.content.hash(item.bytes) as u32;
        let seen = Seen { at: item.at, digest, ip_id: item.ip_id, is_there: true };
        let (slot, evicted) = self.table.find_or_insert(key, key, item.at);
        if evicted.is_some() {
            tally.losses.count(Loss::TransactionEvicted);
        }
        self.table.touch(slot, 0, item.at);
        let Some((_, transaction)) = self.table.get_mut(slot) else {
            return Place { novelty: MessageStatus::New, repeated_after: None, key };
        };
        let is_request = message.method().is_some();
        if is_request && !transaction.request.is_there {
            tally.transactions += 1;
        }
        if is_request {
            let [first, latest] = &mut transaction.hosts;
            *latest = hosts(&self.content, item);
            if !transaction.request.is_there {
                *first = *latest;
            }
        }
        let last = if is_request { &mut transaction.request } else { &mut transaction.response };
        let novelty = novelty(last, &seen);
        let is_repeated = is_request && novelty == MessageStatus::Retransmission;
        let repeated_after = is_repeated.then(|| seen.at.since(last.at));
        if novelty != MessageStatus::Duplicate {
            *last = seen;
        }
        match novelty {
            MessageStatus::New => {}
            MessageStatus::Duplicate => tally.sip_duplicates += 1,
            MessageStatus::Retransmission => tally.sip_retransmissions += 1,
        }
        Place { novelty, repeated_after, key }
    }

    /// The subject of the transaction's request; 0 if the request was not seen, or if the response cannot answer
    /// it. A response comes from the host that received the request, or goes to the host that sent it (RFC 3261
    /// section 18.2.2); anybody could send others.
    pub(crate) fn subject(&self, place: &Place, response: &Item<'_>) -> u64 {
        let found = self.table.find(place.key, &place.key).and_then(|slot| self.table.get(slot));
        let Hosts { from, to } = hosts(&self.content, response);
        found
            .filter(|(_, transaction)| {
                transaction.hosts.iter().any(|asked| asked.to == from || asked.from == to)
            })
            .map_or(0, |(_, transaction)| transaction.subject)
    }

    /// Stores the subject of a request for its responses.
    pub(crate) fn set_subject(&mut self, place: &Place, subject: u64) {
        if let Some(slot) = self.table.find(place.key, &place.key)
            && let Some((_, transaction)) = self.table.get_mut(slot)
        {
            transaction.subject = subject;
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.table.oldest_touched(0).map(|t| t + REMEMBERED)
    }

    pub(crate) fn expire(&mut self, now: Timestamp) {
        while let Some((slot, _)) = self.table.oldest_before(0, now - REMEMBERED) {
            self.table.remove(slot);
        }
    }
}

fn hosts(content: &bellwether_base::ContentHasher, item: &Item<'_>) -> Hosts {
    let short = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => content.hash(&ip.octets()) as u16,
        IpAddr::V6(ip) => content.hash(&ip.octets()) as u16,
    };
    Hosts { from: short(item.flow.src.ip()), to: short(item.flow.dst.ip()) }
}

fn novelty(last: &Seen, seen: &Seen) -> MessageStatus {
    if !last.is_there || last.digest != seen.digest {
        return MessageStatus::New;
    }
    let since = seen.at.since(last.at);
    let is_same_packet = last.ip_id != 0 && last.ip_id == seen.ip_id && since <= SAME_PACKET;
    if is_same_packet || since <= MIRROR_DELAY {
        MessageStatus::Duplicate
    } else {
        MessageStatus::Retransmission
    }
}
