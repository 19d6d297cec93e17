use bellwether_base::{CallId, Endpoint, FlowKey, HashKey, Loss, LruTable, SlotId, Span, Timestamp};
use bellwether_sip::sdp::{Session, description, fragment};
use bellwether_sip::{Address, Method, Name, StartLine, Uri};

use crate::announce::{Announcer, release, settle};
use crate::call::{Call, Event, Phase, is_of_calls};
use crate::fact::{CallStarted, Fact, OrphanBye, Outbox, Party, Prints, Referral};
use crate::formats::FormatLists;
use crate::named::Named;
use crate::negotiation::Carrier;
use crate::party::{clear, text, user_of, user_text};
use crate::prints::PrintCache;
use crate::timers::Timers;
use crate::transactions::MessageStatus;
use crate::under_way::UnderWay;
use crate::worker::Sip;
use crate::{Claims, Kin, Limits, Side, Tally};

/// A finished call stays in the table for late copies, retransmissions and other hops.
const LINGER: Span = Span::from_secs(10);

/// The calls of a shard.
pub(crate) struct Calls {
    table: LruTable<Key, Call, 3>,
    hash_key: HashKey,
    identity_key: HashKey,
    endpoint_key: HashKey,
    timers: Timers<3>,
    formats: FormatLists,
    under_way: UnderWay,
}

/// Second keyed hash of Call-ID and From-tag. Together with the table's own hash it makes a 128-bit key that
/// replaces two strings. A collision needs knowledge of the secret key.
#[derive(PartialEq, Eq, Clone, Copy)]
struct Key(u64);

/// A call found by one of its tags, and the side that the message's From header names.
struct Found {
    slot: SlotId,
    from_side: Side,
}

impl Calls {
    pub(crate) fn new(
        limits: &Limits,
        hash_key: HashKey,
        identity_key: HashKey,
        endpoint_key: HashKey,
    ) -> Self {
        Self {
            table: LruTable::new(Limits::per_shard(limits.calls)),
            hash_key,
            identity_key,
            endpoint_key,
            timers: Timers::new([LINGER, limits.ringing_timeout, limits.call_idle]),
            formats: FormatLists::new(hash_key),
            under_way: UnderWay::new(limits.tells_under_way, Limits::per_shard(limits.calls)),
        }
    }

    /// Processes a message of any method except REGISTER.
    pub(crate) fn message(
        &mut self,
        sip: &Sip<'_, '_>,
        novelty: MessageStatus,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        if !is_of_calls(sip.cseq.method) {
            return;
        }
        self.take(sip, novelty, prints, out, tally);
        if self.under_way.is_told() {
            self.mark(sip);
        }
    }

    /// Queues the call for a progress report if its state changed.
    fn mark(&mut self, sip: &Sip<'_, '_>) {
        let found = self.find(sip.call_id, sip.parts.from_tag(), sip.parts.to_tag());
        let Some((slot, (_, call))) = found.and_then(|f| Some((f.slot, self.table.get_mut(f.slot)?))) else {
            return;
        };
        if !call.is_marked && call.under_way().is_some() {
            call.is_marked = self.under_way.mark(slot, sip.item.at, false);
        }
    }

    fn take(
        &mut self,
        sip: &Sip<'_, '_>,
        novelty: MessageStatus,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let to_tag = sip.parts.to_tag();
        let found = self.find(sip.call_id, sip.parts.from_tag(), to_tag);
        if novelty != MessageStatus::New {
            if let Some(found) = found {
                self.with(&found, sip.item.at, |call| call.copied(novelty == MessageStatus::Duplicate));
            }
            return;
        }
        match sip.message.start() {
            StartLine::Request { method: Method::Invite, .. } if to_tag.is_none() => {
                self.initial_invite(sip, found, prints, out, tally);
            }
            StartLine::Request { method, .. } => {
                let Some(found) = found else {
                    // An unknown ACK ends a transaction of a call that closed long ago, and OPTIONS needs no
                    // dialog.
                    tally.unknown_dialog += u64::from(matches!(method, Method::Invite | Method::Bye));
                    if let (Method::Bye, Some(to_tag)) = (method, to_tag) {
                        out.fact(Fact::OrphanBye(Box::new(stray_end(sip, to_tag))));
                    }
                    return;
                };
                self.in_dialog_request(sip, method, &found, out, tally);
            }
            StartLine::Status { code, .. } => {
                if let Some(found) = found {
                    self.response(sip, code, &found, out, tally);
                }
            }
            StartLine::Unknown(_) => {}
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next_deadline(&self.table).into_iter().chain(self.under_way.next_deadline()).min()
    }

    /// Fires timers due before `now`.
    pub(crate) fn expire(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some((slot, deadline)) = self.timers.due(&self.table, now, shard, out) {
            self.close(slot, deadline, out);
        }
        while let Some(slot) = self.under_way.due(now, shard, out) {
            if let Some((_, call)) = self.table.get_mut(slot)
                && std::mem::take(&mut call.is_marked)
                && let Some(progress) = call.under_way()
            {
                out.fact(Fact::CallUnderWay(Box::new(progress)));
            }
        }
    }

    /// Reports all open calls.
    pub(crate) fn finish(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some(slot) = self.timers.rest(&self.table, now, shard, out) {
            self.close(slot, now, out);
        }
    }

    fn find(&self, call_id: &[u8], from_tag: &[u8], to_tag: Option<&[u8]>) -> Option<Found> {
        let (hash, key) = self.key(call_id, from_tag);
        if let Some(slot) = self.table.find(hash, &key) {
            return Some(Found { slot, from_side: Side::Caller });
        }
        // Requests of the callee, and responses to them, carry the caller's tag in To.
        let (hash, key) = self.key(call_id, to_tag?);
        self.table.find(hash, &key).map(|slot| Found { slot, from_side: Side::Callee })
    }

    fn initial_invite(
        &mut self,
        sip: &Sip<'_, '_>,
        found: Option<Found>,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let Sip { item, cseq, .. } = sip;
        let flow_hash = self.flow_hash(item.flow);
        if let Some(found) = found {
            let Some((_, call)) = self.table.get_mut(found.slot) else { return };
            let is_continued = call.is_continued_by(cseq.number);
            if cseq.number == call.cseq || is_continued {
                if is_continued {
                    call.cseq = cseq.number;
                    let credentials = [Name::Authorization, Name::ProxyAuthorization];
                    if credentials.iter().any(|name| sip.message.get(*name).is_some()) {
                        call.shows_credentials();
                    }
                    call.step(Event::Retry, item.stamp);
                }
                call.hop(item.flow, flow_hash);
                let class = call.class();
                self.table.touch(found.slot, class, item.at);
                self.negotiate(sip, found.slot, Side::Caller, out, tally);
                return;
            }
            // The Call-ID is reused for the next call (some gateways do this).
            self.close(found.slot, item.at, out);
        }
        let started = self.started(sip, prints, out);
        let identity = started.call;
        out.fact(Fact::CallStarted(Box::new(started)));
        let (hash, key) = self.key(sip.call_id, sip.parts.from_tag());
        let call = Call::new(identity, item.stamp, item.flow, flow_hash, cseq.number);
        let (slot, evicted) = self.table.insert(hash, key, call, 1, item.at);
        if let Some(mut evicted) = evicted {
            if evicted.value.phase != Phase::Over {
                tally.losses.count(Loss::CallEvicted);
            }
            release(&evicted.value, item.at, out);
            out.report(evicted.value.report());
        }
        self.negotiate(sip, slot, Side::Caller, out, tally);
    }

    fn in_dialog_request(
        &mut self,
        sip: &Sip<'_, '_>,
        method: Method,
        found: &Found,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let item = sip.item;
        let Some((_, call)) = self.table.get_mut(found.slot) else { return };
        match method {
            Method::Bye if call.step(Event::Bye(found.from_side), item.stamp) => {
                call.note_change();
                release(call, item.at, out);
                out.report(call.report());
            }
            Method::Cancel => {
                call.is_cancelled = true;
                call.note_change();
            }
            Method::Invite => call.reinvite(found.from_side, sip.cseq.number),
            Method::Update => call.update(found.from_side, sip.cseq.number),
            Method::Refer => {
                let to_user = sip.message.get(Name::ReferTo).map(|v| user_text(Address::parse(v).user()));
                if let Some(to_user) = to_user.filter(|user| !user.is_empty()) {
                    let (call, by) = (call.identity, found.from_side);
                    out.fact(Fact::Referral(Box::new(Referral { call, by, to_user })));
                }
            }
            _ => {}
        }
        let class = call.class();
        self.table.touch(found.slot, class, item.at);
        self.negotiate(sip, found.slot, found.from_side, out, tally);
    }

    fn response(&mut self, sip: &Sip<'_, '_>, code: u16, found: &Found, out: &mut Outbox, tally: &mut Tally) {
        let Sip { item, cseq, .. } = sip;
        let tag_hash = sip.parts.to_tag().map(|tag| self.hash_key.parts(&[tag]) as u32);
        let Some((_, call)) = self.table.get_mut(found.slot) else { return };
        let answers_invite = cseq.method == Method::Invite && cseq.number == call.cseq;
        if answers_invite && found.from_side == Side::Caller {
            if let (Some(hash), 101..=299) = (tag_hash, code) {
                call.answer_from(hash);
            }
            let is_first_hop = call.ends_at_caller(item.flow);
            let event = match code {
                100..=199 => Some(Event::Provisional),
                200..=299 => Some(Event::Success(code)),
                300..=699 if is_first_hop => Some(Event::Failure(code)),
                300..=699 => {
                    call.failed_elsewhere(code);
                    None
                }
                _ => None,
            };
            if event.is_some_and(|event| call.step(event, item.stamp)) {
                call.note_change();
                if call.phase == Phase::Over {
                    release(call, item.at, out);
                }
                if call.phase != Phase::Challenged {
                    out.report(call.report());
                }
            }
            let class = call.class();
            self.table.touch(found.slot, class, item.at);
        }
        if matches!(cseq.method, Method::Invite | Method::Update) && code >= 200 {
            let offer = (found.from_side, cseq.number);
            if let Some((_, call)) = self.table.get_mut(found.slot) {
                settle(call, offer, code < 300, item.at, out);
            }
        }
        match code {
            101..=299 => self.negotiate(sip, found.slot, found.from_side.other(), out, tally),
            300..=699 => self.offer_refused(sip, found.slot),
            _ => {}
        }
    }

    /// Announces the description that `side` wrote to the media owners.
    fn negotiate(
        &mut self,
        sip: &Sip<'_, '_>,
        slot: SlotId,
        side: Side,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let Sip { item, message, parts, cseq, .. } = sip;
        let (kind, body) = (message.get(Name::ContentType), message.body());
        let is_trickle = cseq.method == Method::Info;
        let session = match cseq.method {
            // Bodies of other methods take no part in offer/answer. An OPTIONS response lists capabilities
            // only (RFC 3261 section 11.2).
            Method::Invite | Method::Ack | Method::Prack | Method::Update => {
                description(kind, body).and_then(Session::parse)
            }
            Method::Info => fragment(kind, body).map(Session::parse_fragment),
            _ => None,
        };
        let Some(session) = session else { return };
        let hash = |parts: &[&[u8]]| self.hash_key.parts(parts) as u32;
        let FlowKey { src, dst } =
            if item.flow.src < item.flow.dst { item.flow } else { item.flow.reversed() };
        let by = Carrier {
            side,
            is_response: message.method().is_none(),
            is_provisional: matches!(message.start(), StartLine::Status { code: 101..=199, .. }),
            cseq: cseq.number,
            branch: hash(&[parts.top_via.and_then(|via| via.branch()).unwrap_or_default()]),
            between: self.flow_hash(FlowKey { src, dst }),
        };
        let Some((_, call)) = self.table.get_mut(slot) else { return };
        // A late copy of an answer does not reopen a call.
        if call.phase == Phase::Over {
            return;
        }
        let (formats, endpoint_key) = (&mut self.formats, &self.endpoint_key);
        // The offer of a re-INVITE or UPDATE takes effect when it is accepted (RFC 3261 section 14.1, RFC
        // 3311 section 5.2).
        let is_offer = matches!(message.method(), Some(Method::Invite | Method::Update));
        let offered_by = (is_offer && parts.to_tag().is_some()).then_some(cseq.number);
        let mut announcer = Announcer {
            call,
            by,
            at: item.at,
            stamp: item.stamp,
            offered_by,
            formats,
            endpoint_key,
            out,
            tally,
        };
        if is_trickle { announcer.trickle(&session) } else { announcer.describe(&session) }
    }

    /// Voids the offer in an INVITE or UPDATE that was refused.
    fn offer_refused(&mut self, sip: &Sip<'_, '_>, slot: SlotId) {
        let branch = sip.parts.top_via.and_then(|via| via.branch()).unwrap_or_default();
        let branch = self.hash_key.parts(&[branch]) as u32;
        if let Some((_, call)) = self.table.get_mut(slot)
            && let Some(negotiation) = &mut call.negotiation
        {
            negotiation.refused(sip.cseq.number, branch);
        }
    }

    fn started(&self, sip: &Sip<'_, '_>, prints: &mut PrintCache, out: &mut Outbox) -> CallStarted {
        let Sip { item, message, parts, call_id, .. } = sip;
        let from_tag = parts.from_tag();
        let body = description(message.get(Name::ContentType), message.body());
        let uri = match message.start() {
            StartLine::Request { uri, .. } => Uri::parse(uri),
            StartLine::Status { .. } | StartLine::Unknown(_) => None,
        };
        let party =
            |address: Option<Address<'_>>| address.map(|a| Party::from_address(&a)).unwrap_or_default();
        let origin = body.and_then(Session::parse).and_then(|s| s.origin);
        let claims = Claims::of(message, item.flow);
        CallStarted {
            call: CallId::of(
                &self.identity_key,
                &[b"call", call_id, from_tag, &item.stamp.as_nanos().to_le_bytes()],
            ),
            call_id: clear(call_id),
            from_tag: clear(from_tag),
            started_at: item.stamp,
            agent: item.agent,
            mirror: item.mirror,
            flow: item.flow,
            transport: item.transport(),
            from: party(parts.from),
            to: party(parts.to),
            request_user: match message.start() {
                // A service URN (RFC 5031) has no user part. The URN itself is the dialled target.
                StartLine::Request { uri, .. } if uri.len() > 4 && uri[..4].eq_ignore_ascii_case(b"urn:") => {
                    text(uri)
                }
                _ => uri.map(|u| text(&user_of(&u))).unwrap_or_default(),
            },
            asserted: message.get(Name::PAssertedIdentity).map(|v| Party::from_address(&Address::parse(v))),
            user_agent: message.get(Name::UserAgent).map(clear),
            first_via_host: message.own_via().map(|v| text(v.host)).unwrap_or_default(),
            prints: prints.prints(message, body, item.at, out).unwrap_or_else(Prints::unknown),
            instances: bellwether_instance::evidence(message, body, item.flow.src.ip(), item.stamp),
            sdp_origin: origin
                .map(|o| format!("{} {} {}", text(o.username), text(o.session_id), text(o.address))),
            named: Named::with(message, [parts.from, parts.to], &claims.passports),
            claims: Some(claims).filter(|c| *c != Claims::default()).map(Box::new),
            kin: Kin::of(message),
            defects: message.defects().iter().map(|d| d.name()).collect(),
        }
    }

    fn close(&mut self, slot: SlotId, at: Timestamp, out: &mut Outbox) {
        if let Some((_, mut call)) = self.table.remove(slot) {
            if call.phase != Phase::Over {
                release(&call, at, out);
            }
            out.report(call.report());
        }
    }

    fn with(&mut self, found: &Found, at: Timestamp, change: impl FnOnce(&mut Call)) {
        if let Some((_, call)) = self.table.get_mut(found.slot) {
            change(call);
            let class = call.class();
            self.table.touch(found.slot, class, at);
        }
    }

    fn key(&self, call_id: &[u8], tag: &[u8]) -> (u64, Key) {
        let (hash, key) = self.hash_key.wide_parts(&[call_id, tag]);
        (hash, Key(key))
    }

    fn flow_hash(&self, flow: FlowKey) -> u32 {
        let end = |e: Endpoint| (e.octets(), e.port().to_be_bytes());
        let ((s, sp), (d, dp)) = (end(flow.src), end(flow.dst));
        self.hash_key.parts(&[&s, &sp, &d, &dp]) as u32
    }
}

fn stray_end(sip: &Sip<'_, '_>, to_tag: &[u8]) -> OrphanBye {
    OrphanBye {
        call_id: clear(sip.call_id),
        tags: [clear(sip.parts.from_tag()), clear(to_tag)],
        named: Named::of(sip.message),
        at: sip.item.stamp,
    }
}

impl Outbox {
    fn report(&mut self, progress: Option<crate::CallProgress>) {
        if let Some(progress) = progress {
            self.fact(Fact::CallProgress(Box::new(progress)));
        }
    }
}
