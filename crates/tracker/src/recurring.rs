use bellwether_base::{FlowKey, HashKey, Loss, LruTable, SlotId, Span, TimerId, Timestamp, percent_decoded};
use bellwether_clock::RegisterTimeline;
use bellwether_sip::{Address, Method, Name, StartLine};

use crate::fact::{Fact, Outbox, Party, TimerProgress};
use crate::timers::Timers;
use crate::transactions::MessageStatus;
use crate::under_way::UnderWay;
use crate::worker::Sip;
use crate::{Item, Limits, Tally};

/// Recurring messages of a device other than REGISTER. Each kind has its own timer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TimerKind {
    /// Line ends or zeros that keep a NAT binding open (RFC 5626 section 3.5.1).
    KeepAlive,
    /// STUN binding requests for the same purpose (RFC 5626 section 3.5.2).
    Stun,
    /// OPTIONS outside of dialogs.
    Options,
    /// Refreshes of a subscription (RFC 6665 section 4.1.2.2).
    Subscription,
    /// Refreshes of a session (RFC 4028).
    Session,
}

impl TimerKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep_alive",
            Self::Stun => "stun",
            Self::Options => "options",
            Self::Subscription => "subscription",
            Self::Session => "session",
        }
    }
}

/// Minimum number of ticks of a timer. Sources with fewer are evicted first and never reported.
const FEWEST: u32 = 4;

/// No timer of these kinds is faster. A message within this time is a mirrored copy, another hop, or a
/// retransmission.
const AT_ONCE: Span = Span::from_secs(2);

/// A timer is reported after this many ticks too, not only at its end.
const REPORT_EVERY: u32 = 16;

/// Eviction classes of the table: candidates, and proven timers.
const UNPROVEN: usize = 0;
const PROVEN: usize = 1;

/// The timers of a shard other than those of registrations.
pub(crate) struct Recurring {
    table: LruTable<u64, Beats, 2>,
    identity_key: HashKey,
    timers: Timers<2>,
    under_way: UnderWay,
}

struct Beats {
    identity: TimerId,
    kind: TimerKind,
    party: Option<Party>,
    flow: FlowKey,
    first_seen: Timestamp,
    last_seen: Timestamp,
    timeline: RegisterTimeline,
    /// True if the timer is queued for an interim report.
    is_marked: bool,
}

impl Recurring {
    pub(crate) fn new(limits: &Limits, identity_key: HashKey) -> Self {
        Self {
            table: LruTable::new(Limits::per_shard(limits.timers)),
            identity_key,
            timers: Timers::new([limits.registration_idle; 2]),
            under_way: UnderWay::new(limits.tells_under_way, Limits::per_shard(limits.timers)),
        }
    }

    /// Processes a new message, if a timer may have sent it.
    pub(crate) fn message(
        &mut self,
        sip: &Sip<'_, '_>,
        novelty: MessageStatus,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        if novelty != MessageStatus::New {
            return;
        }
        let StartLine::Request { method, .. } = sip.message.start() else { return };
        let is_in_dialog = sip.parts.to_tag().is_some();
        let kind = match method {
            Method::Options if !is_in_dialog => TimerKind::Options,
            Method::Subscribe if is_in_dialog => TimerKind::Subscription,
            Method::Invite | Method::Update
                if is_in_dialog && sip.message.get(Name::SessionExpires).is_some() =>
            {
                TimerKind::Session
            }
            _ => return,
        };
        let (Some(from), Some(via)) = (sip.parts.from, sip.message.own_via()) else { return };
        // The identity is that of the sender on any path: the author's own Via is the last one.
        let (user, host) = from.uri.map_or((&b""[..], &b""[..]), |uri| (uri.user, uri.host));
        let user: &[u8] = &percent_decoded(user);
        let name = kind.name().as_bytes();
        let port = via.port.unwrap_or_default();
        let identity = match kind {
            TimerKind::Session => {
                TimerId::of(&self.identity_key, &[b"timer", name, sip.call_id, sip.parts.from_tag()])
            }
            TimerKind::Subscription => {
                let to = sip.parts.to.and_then(|to| to.uri).map_or(&b""[..], |uri| uri.user);
                let to: &[u8] = &percent_decoded(to);
                let event = sip.message.get(Name::Event).unwrap_or_default();
                TimerId::of(&self.identity_key, &[b"timer", name, user, host, via.host, port, to, event])
            }
            _ => TimerId::of(&self.identity_key, &[b"timer", name, user, host, via.host, port]),
        };
        self.beat(sip.item, identity, kind, Some(&from), out, tally);
    }

    /// Processes a keep-alive datagram.
    pub(crate) fn keep_alive(&mut self, item: &Item<'_>, out: &mut Outbox, tally: &mut Tally) {
        let is_stun = item.bytes.len() >= STUN_HEADER;
        if is_stun && !item.bytes.starts_with(&STUN_BINDING_REQUEST) {
            return;
        }
        let kind = if is_stun { TimerKind::Stun } else { TimerKind::KeepAlive };
        let end = |end: bellwether_base::Endpoint| (end.octets(), end.port().to_be_bytes());
        let ((source, source_port), (to, to_port)) = (end(item.flow.src), end(item.flow.dst));
        let name = kind.name().as_bytes();
        let identity =
            TimerId::of(&self.identity_key, &[b"timer", name, &source, &source_port, &to, &to_port]);
        self.beat(item, identity, kind, None, out, tally);
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next_deadline(&self.table).into_iter().chain(self.under_way.next_deadline()).min()
    }

    /// Fires timers due before `now`.
    pub(crate) fn expire(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some((slot, _)) = self.timers.due(&self.table, now, shard, out) {
            self.close(slot, out);
        }
        while let Some(slot) = self.under_way.due(now, shard, out) {
            if let Some((_, beats)) = self.table.get_mut(slot)
                && std::mem::take(&mut beats.is_marked)
            {
                out.fact(beats.progress());
            }
        }
    }

    /// Reports all timers.
    pub(crate) fn finish(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some(slot) = self.timers.rest(&self.table, now, shard, out) {
            self.close(slot, out);
        }
    }

    fn beat(
        &mut self,
        item: &Item<'_>,
        identity: TimerId,
        kind: TimerKind,
        party: Option<&Address<'_>>,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let key = identity.key();
        let slot = self.table.find(key, &key).unwrap_or_else(|| {
            let beats = Beats {
                identity,
                kind,
                party: party.map(Party::from_address),
                flow: item.flow,
                first_seen: item.stamp,
                last_seen: Timestamp::MIN,
                timeline: RegisterTimeline::default(),
                is_marked: false,
            };
            let (slot, evicted) = self.table.insert(key, key, beats, UNPROVEN, item.at);
            if let Some(evicted) = evicted.map(|e| e.value).filter(Beats::is_timer) {
                tally.losses.count(Loss::TimerEvicted);
                out.fact(evicted.progress());
            }
            slot
        });
        let Some((_, beats)) = self.table.get_mut(slot) else { return };
        if item.stamp.since(beats.last_seen) < AT_ONCE {
            return;
        }
        beats.last_seen = item.stamp;
        beats.timeline.refresh(item.stamp, None);
        let is_timer = beats.is_timer();
        if is_timer && beats.timeline.refreshes().is_multiple_of(REPORT_EVERY) {
            out.fact(beats.progress());
        }
        if is_timer && !beats.is_marked {
            beats.is_marked = self.under_way.mark(slot, item.at, false);
        }
        self.table.touch(slot, if is_timer { PROVEN } else { UNPROVEN }, item.at);
    }

    fn close(&mut self, slot: SlotId, out: &mut Outbox) {
        if let Some((_, beats)) = self.table.remove(slot)
            && beats.is_timer()
        {
            out.fact(beats.progress());
        }
    }
}

/// Length of a STUN header (RFC 8489 section 5). Other keep-alives are shorter.
const STUN_HEADER: usize = 20;

/// Message type of a STUN binding request.
const STUN_BINDING_REQUEST: [u8; 2] = [0, 1];

impl Beats {
    const fn is_timer(&self) -> bool {
        self.timeline.refreshes() >= FEWEST
    }

    fn progress(&self) -> Fact {
        Fact::Timer(Box::new(TimerProgress {
            timer: self.identity,
            kind: self.kind,
            party: self.party.clone(),
            flow: self.flow,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            beats: self.timeline.refreshes(),
            segments: self.timeline.segments(),
        }))
    }
}
