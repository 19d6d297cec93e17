use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bellwether_acoustics::recordings::Ear;
use bellwether_base::{FlowKey, HashKey, Loss, Span, Timestamp, Transport};
use bellwether_sip::{CSeq, Message, Method, Parts};

use crate::calls::Calls;
use crate::control::{Control, MediaDirectory};
use crate::fact::Outbox;
use crate::media::Media;
use crate::prints::PrintCache;
use crate::recurring::Recurring;
use crate::registrations::Registrations;
use crate::sightings::Sightings;
use crate::transactions::{MessageStatus, Transactions};
use crate::{Limits, Tally, VIRTUAL_SHARDS};

/// The shortest time-out of any table. No entry added now is due earlier.
const SHORTEST_TIMEOUT: Span = Span::from_secs(5);

/// Purpose of the key that signalling and media share, so that both derive equal endpoint keys.
const ENDPOINTS: &str = "media directory";

/// The kind of an item's bytes, as the dispatcher classified it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content {
    /// A SIP message from a datagram.
    SipDatagram,
    /// A SIP message from a TCP stream.
    SipStream,
    /// A SIP message from a WebSocket.
    SipWebSocket,
    /// RTP by its shape.
    Rtp,
    /// RTCP.
    Rtcp,
    /// A DTLS record.
    Dtls,
    /// A datagram that keeps a NAT binding open: line ends, zeros, or a STUN message.
    KeepAlive,
}

/// The tunnel or agent that delivers a mirror's packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mirror {
    /// Name of its kind.
    pub kind: &'static str,
    /// Source address of the tunnel or agent.
    pub source: IpAddr,
    /// Session, key, network or agent number; 0 if absent.
    pub session: u32,
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.kind, self.source, self.session)
    }
}

/// One packet's worth of work.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Number of the item in the order of all items. Each message of a frame that holds several has its own.
    pub seq: u64,
    /// Time of arrival, never before that of the previous item. Timers and the order of facts use it.
    pub at: Timestamp,
    /// Capture time by the clock of the capturing device. Reports and clock fits use it. It equals `at`,
    /// except for packets forwarded by a HEP agent.
    pub stamp: Timestamp,
    /// The HEP agent that forwarded the packet.
    pub agent: Option<u32>,
    /// The mirror that delivered the packet; signalling only.
    pub mirror: Option<Mirror>,
    /// Source and destination.
    pub flow: FlowKey,
    /// The kind of bytes.
    pub content: Content,
    /// The owning shard.
    pub shard: u16,
    /// Keyed hash of the endpoint pair, for media.
    pub pair: u64,
    /// IPv4 identification, 0 for none.
    pub ip_id: u16,
    /// True if the capture truncated the packet.
    pub is_cut: bool,
    /// The message or packet.
    pub bytes: &'a [u8],
}

impl Item<'_> {
    /// The transport of a SIP message.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        match self.content {
            Content::SipStream => Transport::Tcp,
            Content::SipWebSocket => Transport::WebSocket,
            Content::SipDatagram | Content::Rtp | Content::Rtcp | Content::Dtls | Content::KeepAlive => {
                Transport::Udp
            }
        }
    }
}

/// A SIP message with its parsed parts.
pub(crate) struct Sip<'m, 'a> {
    pub(crate) item: &'m Item<'a>,
    pub(crate) message: &'m Message<'a>,
    pub(crate) parts: &'m Parts<'a>,
    pub(crate) cseq: CSeq<'a>,
    pub(crate) call_id: &'a [u8],
}

/// Owns some of the virtual shards, and a copy of the media directory that is equal in every worker.
pub struct Worker {
    /// `None` once finished.
    shards: Vec<Option<Shard>>,
    /// Position of each virtual shard in `shards`. `None` if another worker owns it.
    owned: Vec<Option<u8>>,
    directory: MediaDirectory,
    /// Counters.
    pub tally: Tally,
    /// Receives the directory's losses on all workers but the first.
    unreported: Tally,
}

struct Shard {
    number: u16,
    transactions: Transactions,
    calls: Calls,
    registrations: Registrations,
    recurring: Recurring,
    media: Media,
    prints: PrintCache,
    sightings: Sightings,
    /// No timer is due before this.
    quiet_until: Timestamp,
}

impl Worker {
    /// Creates worker `number` of `workers`. It owns every shard with `shard % workers == number`.
    #[must_use]
    pub fn new(number: u16, workers: u16, limits: &Limits, key: HashKey) -> Self {
        let mut worker = Self {
            shards: Vec::new(),
            owned: vec![None; usize::from(VIRTUAL_SHARDS)],
            directory: MediaDirectory::new(limits.media_endpoints, key.derive(ENDPOINTS)),
            tally: Tally::default(),
            unreported: Tally::default(),
        };
        let ear = Arc::new(Ear::new(&key));
        for shard in (0..VIRTUAL_SHARDS).filter(|s| s % workers.max(1) == number) {
            if let Some(place) = worker.owned.get_mut(usize::from(shard)) {
                *place = u8::try_from(worker.shards.len()).ok();
            }
            worker.shards.push(Some(Shard::new(shard, limits, key, Arc::clone(&ear))));
        }
        worker
    }

    /// Applies a control at the barrier.
    pub fn control(&mut self, control: &Control) {
        // All directories have the same losses, so only the first worker reports them.
        let counts_here = self.owned.first().is_some_and(Option::is_some);
        let tally = if counts_here { &mut self.tally } else { &mut self.unreported };
        self.directory.apply(control, tally);
    }

    /// Processes one item of an owned shard. Items of other shards are ignored.
    pub fn handle(&mut self, item: &Item<'_>, out: &mut Outbox) {
        let Some(place) = self.owned.get(usize::from(item.shard)).copied().flatten() else { return };
        let Some(Some(shard)) = self.shards.get_mut(usize::from(place)) else { return };
        shard.advance(item.at, &self.directory, out, &mut self.tally);
        out.at_packet(item.at, item.seq);
        match item.content {
            Content::Rtp => {
                shard.media.rtp(item, item.pair, item.is_cut, &self.directory, out, &mut self.tally);
            }
            Content::Rtcp => shard.media.rtcp(item, item.pair, &mut self.tally),
            Content::Dtls => shard.media.dtls(item),
            Content::KeepAlive => {
                shard.media.stun(item, &self.directory);
                shard.recurring.keep_alive(item, out, &mut self.tally);
            }
            Content::SipDatagram | Content::SipStream | Content::SipWebSocket => {
                shard.sip(item, out, &mut self.tally)
            }
        }
    }

    /// Fires timers due before `now` in every shard.
    pub fn advance(&mut self, now: Timestamp, out: &mut Outbox) {
        for shard in self.shards.iter_mut().flatten() {
            shard.advance(now, &self.directory, out, &mut self.tally);
        }
    }

    /// Ends the input of one shard: reports all its open entries as of `now` and frees the shard. The caller
    /// finishes the shards one by one, so that their reports never occupy memory together.
    pub fn finish(&mut self, shard: u16, now: Timestamp, out: &mut Outbox) {
        let finished = self.shards.iter_mut().find(|s| s.as_ref().is_some_and(|s| s.number == shard));
        if let Some(mut shard) = finished.and_then(Option::take) {
            shard.calls.finish(now, shard.number, out);
            shard.registrations.finish(now, shard.number, out);
            shard.recurring.finish(now, shard.number, out);
            shard.media.finish(now, shard.number, &self.directory, out, &mut self.tally);
        }
    }
}

impl Shard {
    fn new(number: u16, limits: &Limits, key: HashKey, ear: Arc<Ear>) -> Self {
        let identity = key.derive("identity");
        Self {
            number,
            transactions: Transactions::new(limits, key.derive("transactions")),
            calls: Calls::new(limits, key.derive("calls"), identity, key.derive(ENDPOINTS)),
            registrations: Registrations::new(limits, identity),
            recurring: Recurring::new(limits, identity),
            media: Media::new(limits, identity, ear),
            prints: PrintCache::new(key.derive("prints")),
            sightings: Sightings::new(key.derive("sightings")),
            quiet_until: Timestamp::MIN,
        }
    }

    /// Fires every timer with a deadline before `now`. They precede the event at `now`.
    fn advance(&mut self, now: Timestamp, directory: &MediaDirectory, out: &mut Outbox, tally: &mut Tally) {
        if now < self.quiet_until {
            return;
        }
        self.transactions.expire(now);
        self.calls.expire(now, self.number, out);
        self.registrations.expire(now, self.number, out);
        self.recurring.expire(now, self.number, out);
        self.media.expire(now, self.number, directory, out, tally);
        self.quiet_until = self.earliest_deadline().min(now + SHORTEST_TIMEOUT);
    }

    fn earliest_deadline(&self) -> Timestamp {
        [
            self.transactions.next_deadline(),
            self.calls.next_deadline(),
            self.registrations.next_deadline(),
            self.recurring.next_deadline(),
            self.media.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(Timestamp::MAX)
    }

    fn sip(&mut self, item: &Item<'_>, out: &mut Outbox, tally: &mut Tally) {
        let mut message = Message::parse(item.bytes);
        let parts = message.parts();
        let defects = message.examine_with(&parts);
        tally.message(&message, defects);
        let (Some(cseq), Some(call_id)) = (parts.cseq, parts.call_id) else {
            tally.losses.count(Loss::SipMalformed);
            return;
        };
        let sip = Sip { item, message: &message, parts: &parts, cseq, call_id };
        let place = self.transactions.observe(&sip, tally);
        if place.novelty == MessageStatus::New {
            self.sightings.message(&sip, &mut self.prints, out);
        } else if let Some(after) = place.repeated_after
            && message.vias().nth(1).is_none()
        {
            self.prints.repeated(&message, after, item.at, out);
        }
        if cseq.method == Method::Register {
            self.registrations.message(&sip, &place, &mut self.transactions, &mut self.prints, out, tally);
        } else {
            self.recurring.message(&sip, place.novelty, out, tally);
            self.calls.message(&sip, place.novelty, &mut self.prints, out, tally);
        }
        tally.losses.add(Loss::PlatformDeferred, self.prints.take_deferred());
    }
}
