use bellwether_base::{Endpoint, HashKey, Loss, LruTable, SlotId, Span, Timestamp, Transport};
use bellwether_clock::{Refresh, RegisterTimeline, RoundTrip};
use bellwether_sip::{Address, Message, Name, StartLine};
use smallvec::SmallVec;

use crate::fact::{
    ClockSeen, Fact, Move, Outbox, Party, Prints, RegisterAnswered, RegistrationProgress, RegistrationStarted,
};
use crate::named::Named;
use crate::party::{clear, user_of};
use crate::prints::PrintCache;
use crate::timers::Timers;
use crate::transactions::{Novelty, Place, Transactions};
use crate::under_way::UnderWay;
use crate::worker::Sip;
use crate::{Item, Limits, Tally};

/// A REGISTER that follows a challenge within this time answers it; later it is a refresh of its own.
const CHALLENGE_ANSWERED_WITHIN: Span = Span::from_secs(10);

/// Refreshes under one Call-ID after which a new Call-ID means a restarted device: some programs make a new
/// one for every REGISTER, so a change alone says nothing.
const STEADY: u32 = 3;

/// A long-lived timeline is reported after this many refreshes too, not only at its end.
const REPORT_EVERY: u32 = 16;

/// Bindings of one REGISTER that are followed. Registrars take a handful; a sender could name hundreds.
const MOST_BINDINGS: usize = 16;

/// Round trips kept of a device.
const LATEST_RTT: usize = RoundTrip::KEPT as usize;

/// What they are counted in, in nanoseconds.
const RTT_UNIT: i64 = 100_000;

/// Round trips below which there is no middle.
const FEWEST_RTT: usize = 4;

/// Moves kept of a device; the oldest leaves first.
const MOST_MOVES: usize = 8;

/// The device timelines of a shard, each for one address of record and contact binding or instance.
pub(crate) struct Registrations {
    table: LruTable<u64, Device, 2>,
    identity_key: HashKey,
    timers: Timers<2>,
    under_way: UnderWay,
}

/// Queue of the table for devices that no registrar ever accepted: scanners make them for free.
const UNACCEPTED: usize = 0;
/// Queue for devices that registered.
const ACCEPTED: usize = 1;

struct Device {
    identity: i64,
    timeline: RegisterTimeline,
    first_seen: Timestamp,
    last_seen: Timestamp,
    call_id: u32,
    cseq: u32,
    /// Refreshes in a row under the same Call-ID.
    steady: u32,
    /// Whether a Call-ID and a CSeq are known.
    is_begun: bool,
    /// The refresh that waits for its answer.
    pending: Option<Pending>,
    /// The next device of those that the latest request binds; 0 if it is the last.
    beside: u64,
    challenged_at: Option<Timestamp>,
    /// The answer to the last refresh.
    answered_at: Option<Timestamp>,
    rtt: Option<Span>,
    /// The latest round trips, in units of 0.1 ms, round about.
    latest_rtt: [u16; LATEST_RTT],
    /// Where it comes from, and since when it does where that has changed.
    source: Endpoint,
    moves: Vec<Move>,
    duplicates: u32,
    challenges: u32,
    last_status: Option<u16>,
    expires_s: Option<u32>,
    is_accepted: bool,
    /// Whether it waits to be told of.
    is_marked: bool,
    /// Whether its latest request showed credentials.
    has_credentials: bool,
}

/// A refresh that nobody has answered yet: it is one once it is accepted.
#[derive(Clone, Copy)]
struct Pending {
    refresh: Refresh,
    /// Whether it shows that the device was restarted.
    is_restart: bool,
}

impl Registrations {
    pub(crate) fn new(limits: &Limits, identity_key: HashKey) -> Self {
        Self {
            table: LruTable::new(Limits::per_shard(limits.registrations)),
            identity_key,
            timers: Timers::new([limits.registration_idle; 2]),
            under_way: UnderWay::new(limits.tells_under_way, Limits::per_shard(limits.registrations)),
        }
    }

    /// Takes a REGISTER or an answer to one.
    pub(crate) fn message(
        &mut self,
        sip: &Sip<'_, '_>,
        place: &Place,
        transactions: &mut Transactions,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        match sip.message.start() {
            StartLine::Request { .. } => {
                if let Some(subject) = self.request(sip, place.novelty, prints, out, tally) {
                    transactions.set_subject(place, subject);
                }
            }
            StartLine::Status { code, .. } if code >= 200 && place.novelty == Novelty::New => {
                let mut subject = transactions.subject(place);
                for i in 0..MOST_BINDINGS {
                    if subject == 0 {
                        break;
                    }
                    subject = self.response(sip, code, subject, i == 0, out);
                }
            }
            StartLine::Status { .. } | StartLine::Unknown(_) => {}
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next_deadline(&self.table).into_iter().chain(self.under_way.next_deadline()).min()
    }

    /// Fires what is due before `now`.
    pub(crate) fn expire(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some((slot, _)) = self.timers.due(&self.table, now, shard, out) {
            self.close(slot, out);
        }
        while let Some(slot) = self.under_way.due(now, shard, out) {
            if let Some((_, device)) = self.table.get_mut(slot)
                && std::mem::take(&mut device.is_marked)
            {
                out.fact(Fact::RegistrationUnderWay(Box::new(device.progress())));
            }
        }
    }

    /// Reports everything.
    pub(crate) fn finish(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some(slot) = self.timers.rest(&self.table, now, shard, out) {
            self.close(slot, out);
        }
    }

    /// Takes a request: each contact that it binds is a device of its own. Answers the first of them, which leads to the others.
    fn request(
        &mut self,
        sip: &Sip<'_, '_>,
        novelty: Novelty,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) -> Option<u64> {
        let aor = sip.parts.to?;
        let mut subjects: SmallVec<[u64; 2]> = SmallVec::new();
        // Without a contact it only asks; "*" removes all, and is no device's.
        for contact in sip.message.contacts().filter(|c| c.target != b"*") {
            if subjects.len() == MOST_BINDINGS {
                break;
            }
            let Some(identity) = self.identity_of(&aor, &contact) else { continue };
            if !subjects.contains(&identity.cast_unsigned()) {
                self.bind(sip, &aor, &contact, identity, novelty, prints, out, tally);
                subjects.push(identity.cast_unsigned());
            }
        }
        for (i, subject) in subjects.iter().enumerate() {
            let beside = subjects.get(i + 1).copied().unwrap_or_default();
            if let Some((_, device)) =
                self.table.find(*subject, subject).and_then(|slot| self.table.get_mut(slot))
            {
                device.beside = beside;
            }
        }
        subjects.first().copied()
    }

    /// Takes what a request says of one of its bindings.
    #[expect(clippy::too_many_arguments, reason = "a message with what was read of it, and where it goes")]
    fn bind(
        &mut self,
        sip: &Sip<'_, '_>,
        aor: &Address<'_>,
        contact: &Address<'_>,
        identity: i64,
        novelty: Novelty,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) {
        let Sip { item, message, cseq, .. } = sip;
        let subject = identity.cast_unsigned();
        let slot = match self.table.find(subject, &subject) {
            Some(slot) => slot,
            None => {
                let prints = prints.prints(message, None, item.at, out).unwrap_or_else(Prints::unknown);
                let started = started(item, message, aor, contact, identity, prints);
                out.fact(Fact::RegistrationStarted(Box::new(started)));
                let device = Device::new(identity, item.flow.src, item.stamp);
                let (slot, evicted) = self.table.insert(subject, subject, device, UNACCEPTED, item.at);
                if let Some(evicted) = evicted {
                    if evicted.value.is_accepted {
                        tally.losses.count(Loss::RegistrationEvicted);
                    }
                    out.fact(Fact::RegistrationProgress(Box::new(evicted.value.progress())));
                }
                slot
            }
        };
        let call_id = self.identity_key.parts(&[sip.call_id]) as u32;
        let Some((_, device)) = self.table.get_mut(slot) else { return };
        let is_authorised =
            message.get(Name::Authorization).is_some() || message.get(Name::ProxyAuthorization).is_some();
        device.has_credentials = is_authorised;
        if device.register(item.stamp, call_id, cseq.number, novelty, is_authorised) {
            device.comes_from(item);
            if (device.timeline.refreshes() + 1).is_multiple_of(REPORT_EVERY) {
                readings(item, message, identity, out);
            }
        }
        if requested_expires(message, contact) == Some(0) {
            // What removes the binding ends the run, and is no refresh.
            device.pending = None;
            device.timeline.cut();
        }
        let class = if device.is_accepted { ACCEPTED } else { UNACCEPTED };
        self.mark(slot, item.at);
        self.table.touch(slot, class, item.at);
    }

    /// What changed of a device will be told.
    fn mark(&mut self, slot: SlotId, at: Timestamp) {
        let Some((_, device)) = self.table.get_mut(slot).filter(|(_, device)| !device.is_marked) else {
            return;
        };
        device.is_marked = self.under_way.mark(slot, at, !device.is_accepted);
    }

    /// Takes an answer to a request that bound a device; answers the next device that it bound, 0 if there is none.
    /// A refusal is one, however many bindings were asked for: the first tells it.
    fn response(
        &mut self,
        sip: &Sip<'_, '_>,
        code: u16,
        subject: u64,
        is_first: bool,
        out: &mut Outbox,
    ) -> u64 {
        let Sip { item, message, cseq, .. } = sip;
        let Some(slot) = self.table.find(subject, &subject) else { return 0 };
        let Some((_, device)) = self.table.get_mut(slot) else { return 0 };
        let beside = device.beside;
        if cseq.number != device.cseq {
            return beside;
        }
        device.last_status = Some(code);
        if is_news(code, device, message) && (is_first || code < 300) {
            out.fact(Fact::RegisterAnswered(Box::new(RegisterAnswered {
                registration: device.identity,
                aor: message.to().map(|to| Party::from_address(&to)).unwrap_or_default(),
                device: item.flow.dst,
                registrar: item.flow.src,
                status: code,
                had_credentials: device.has_credentials,
                at: item.stamp,
            })));
        }
        match code {
            401 | 407 if device.challenged_at.is_none() => {
                device.challenges += 1;
                device.challenged_at = Some(item.stamp);
            }
            // What removes a binding that nobody saw made lets nobody in.
            200..=299 if device.pending.is_none() && !device.is_accepted => {}
            200..=299 => {
                device.is_accepted = true;
                // Where the answer passes several times, the device hears the last.
                device.answered_at = Some(item.stamp);
                let identity = device.identity;
                let granted = granted_expires(message, |contact| {
                    let to = message.to();
                    to.and_then(|to| self.identity_of(&to, contact)).is_some_and(|id| id == identity)
                });
                self.grant(slot, granted);
                self.accept(slot, item.at, out);
            }
            401 | 407 => {}
            // Also 423, which asks for a longer interval: what comes next is another timer.
            300..=699 => {
                device.pending = None;
                device.timeline.cut();
            }
            _ => {}
        }
        self.mark(slot, item.at);
        let class = self.table.get(slot).map_or(UNACCEPTED, |(_, d)| usize::from(d.is_accepted));
        self.table.touch(slot, class, item.at);
        beside
    }

    /// The refresh that waited is accepted, and so a point of the timeline.
    fn accept(&mut self, slot: SlotId, at: Timestamp, out: &mut Outbox) {
        let Some((_, device)) = self.table.get_mut(slot) else { return };
        let Some(pending) = device.pending.take() else { return };
        if pending.is_restart {
            device.timeline.cut();
        }
        device.timeline.accepted(pending.refresh);
        let refreshes = device.timeline.refreshes();
        if refreshes == 1 && self.under_way.may_tell_now(at) {
            out.fact(Fact::RegistrationUnderWay(Box::new(device.progress())));
        }
        if refreshes.is_multiple_of(REPORT_EVERY) {
            out.fact(Fact::RegistrationProgress(Box::new(device.progress())));
        }
    }

    fn grant(&mut self, slot: SlotId, granted: Option<u32>) {
        let Some((_, device)) = self.table.get_mut(slot) else { return };
        if granted.is_some() && granted != device.expires_s {
            // The device's period follows from what is granted, so a new grant begins a new segment; the
            // refresh that asked for it is that segment's first.
            if device.expires_s.is_some() {
                device.timeline.cut();
            }
            device.expires_s = granted;
        }
    }

    fn identity_of(&self, aor: &Address<'_>, contact: &Address<'_>) -> Option<i64> {
        let uri = aor.uri?;
        let user = user_of(&uri);
        let (binding, flow) = binding(contact);
        let parts: [&[u8]; 5] = [b"registration", &user, uri.host, binding, flow];
        let known = if flow.is_empty() { parts.len() - 1 } else { parts.len() };
        Some(self.identity_key.identity(parts.get(..known).unwrap_or_default()))
    }

    fn close(&mut self, slot: SlotId, out: &mut Outbox) {
        if let Some((_, device)) = self.table.remove(slot) {
            out.fact(Fact::RegistrationProgress(Box::new(device.progress())));
        }
    }
}

/// Whether an answer says for the first time that a device is let in, or that it is turned away. A challenge is neither, unless it
/// answers credentials that are not just out of date (RFC 3261 section 22.4), nor is the wish for a longer interval.
fn is_news(code: u16, device: &Device, message: &Message<'_>) -> bool {
    match code {
        200..=299 => !device.is_accepted && device.pending.is_some(),
        401 | 407 => {
            let challenge =
                message.get(Name::WwwAuthenticate).or_else(|| message.get(Name::ProxyAuthenticate));
            let is_stale =
                challenge.is_some_and(|c| c.to_ascii_lowercase().windows(10).any(|w| w == b"stale=true"));
            device.has_credentials && !is_stale
        }
        423 => false,
        400..=699 => true,
        _ => false,
    }
}

impl Device {
    fn new(identity: i64, source: Endpoint, at: Timestamp) -> Self {
        Self {
            identity,
            timeline: RegisterTimeline::default(),
            first_seen: at,
            last_seen: at,
            call_id: 0,
            cseq: 0,
            steady: 0,
            pending: None,
            beside: 0,
            is_begun: false,
            challenged_at: None,
            answered_at: None,
            rtt: None,
            latest_rtt: [0; LATEST_RTT],
            source,
            moves: Vec::new(),
            duplicates: 0,
            challenges: 0,
            last_status: None,
            expires_s: None,
            is_accepted: false,
            is_marked: false,
            has_credentials: false,
        }
    }

    /// Takes a REGISTER; answers whether it asks for a refresh.
    fn register(
        &mut self,
        at: Timestamp,
        call_id: u32,
        cseq: u32,
        novelty: Novelty,
        is_authorised: bool,
    ) -> bool {
        self.last_seen = at;
        if novelty != Novelty::New {
            self.duplicates += 1;
            return false;
        }
        let is_same_dialog = self.call_id == call_id;
        if is_same_dialog && self.cseq == cseq && self.is_begun {
            // Another hop, or a phone that repeats itself under one CSeq (the paper's Polycom 601).
            self.duplicates += 1;
            return false;
        }
        let challenge = self.challenged_at.take().map(|challenged| at.since(challenged));
        if let Some(gap) = challenge
            && gap <= CHALLENGE_ANSWERED_WITHIN
            && is_authorised
        {
            self.rtt = Some(self.rtt.map_or(gap, |rtt| rtt.min(gap)));
            let place = (self.challenges.max(1) - 1) as usize % LATEST_RTT;
            if let Some(latest) = self.latest_rtt.get_mut(place) {
                *latest = u16::try_from(gap.as_nanos() / RTT_UNIT).unwrap_or(u16::MAX).max(1);
            }
            (self.call_id, self.cseq) = (call_id, cseq);
            if let Some(pending) = &mut self.pending {
                pending.refresh.retried_at = Some(at);
                return false;
            }
            // What was challenged is not known, or was no refresh: this one speaks for itself.
        }
        let is_restart = if is_same_dialog { cseq < self.cseq } else { self.steady >= STEADY };
        self.steady = if is_same_dialog { self.steady + 1 } else { 0 };
        (self.call_id, self.cseq, self.is_begun) = (call_id, cseq, true);
        let after_answer = self.answered_at.take().map(|answered| at.since(answered));
        let refresh = Refresh { at, after_answer, retried_at: None };
        // One that was never answered shows a restart to the next one too.
        let is_restart = is_restart || self.pending.is_some_and(|pending| pending.is_restart);
        self.pending = Some(Pending { refresh, is_restart });
        true
    }

    /// Marks another address. Over a connection the port is another with each one, and says nothing.
    fn comes_from(&mut self, item: &Item<'_>) {
        let source = item.flow.src;
        let is_same = match item.transport() {
            Transport::Udp => source == self.source,
            _ => source.ip() == self.source.ip(),
        };
        if is_same {
            return;
        }
        self.source = source;
        if self.moves.len() == MOST_MOVES {
            self.moves.remove(0);
        }
        self.moves.push(Move { at: item.stamp, source });
    }

    /// The middle of the latest round trips in milliseconds, and how far half of them lie from it at most.
    fn middle_rtt(&self) -> Option<(f64, f64)> {
        let mut latest: Vec<u16> = self.latest_rtt.iter().copied().filter(|rtt| *rtt > 0).collect();
        if latest.len() < FEWEST_RTT {
            return None;
        }
        let middle_of = |values: &mut [u16]| {
            let at = values.len() / 2;
            *values.select_nth_unstable(at).1
        };
        let middle = middle_of(&mut latest);
        let mut off: Vec<u16> = latest.iter().map(|rtt| rtt.abs_diff(middle)).collect();
        let ms = |units: u16| f64::from(units) * RTT_UNIT as f64 / 1e6;
        Some((ms(middle), ms(middle_of(&mut off))))
    }

    fn progress(&self) -> RegistrationProgress {
        RegistrationProgress {
            registration: self.identity,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            refreshes: self.timeline.refreshes(),
            duplicates: self.duplicates,
            challenges: self.challenges,
            last_status: self.last_status,
            expires_s: self.expires_s,
            rtt_ms: self.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
            rtt_middle_ms: self.middle_rtt(),
            moves: self.moves.clone(),
            segment_count: self.timeline.segment_count(),
            segments: self.timeline.segments(),
        }
    }
}

/// A device's first message has told what names it; a clock is told by how its readings go on.
fn readings(item: &Item<'_>, message: &Message<'_>, subject: i64, out: &mut Outbox) {
    for evidence in bellwether_instance::evidence(message, None, item.flow.src.ip(), item.stamp) {
        if let Some(reading) = evidence.clock {
            let kind = evidence.kind;
            out.fact(Fact::Clock(Box::new(ClockSeen { subject, kind, at: item.stamp, reading })));
        }
    }
}

/// What tells one binding of an account from another: the instance and which of its flows (RFC 5626 section 6), each of which the device
/// refreshes in its own time; else the contact URI.
fn binding<'a>(contact: &Address<'a>) -> (&'a [u8], &'a [u8]) {
    let value = |name| contact.params.get(name).and_then(|p| p.value);
    match value("+sip.instance") {
        // The first flow is the only one of nearly all, and of those who do not number it.
        Some(instance) => (instance, value("reg-id").filter(|flow| *flow != b"1").unwrap_or_default()),
        None => (contact.target, &[]),
    }
}

fn requested_expires(message: &Message<'_>, contact: &Address<'_>) -> Option<u32> {
    let own = contact.params.get("expires").and_then(|p| p.value);
    let own = own.and_then(|v| std::str::from_utf8(v).ok()).and_then(|v| v.parse().ok());
    own.or_else(|| message.expires())
}

/// The expiry granted to the contact that is ours, else to the message as a whole (RFC 3261 section 10.3).
fn granted_expires(message: &Message<'_>, is_ours: impl Fn(&Address<'_>) -> bool) -> Option<u32> {
    let mut contacts = message.contacts().peekable();
    let first = contacts.peek().copied();
    let mut count = 0;
    let ours = contacts.inspect(|_| count += 1).find(|c| is_ours(c));
    // Registrars may rewrite the URI; a single contact is ours all the same.
    let ours = ours.or(if count == 1 { first } else { None });
    match ours {
        Some(contact) => requested_expires(message, &contact),
        None => message.expires(),
    }
}

fn started(
    item: &Item<'_>,
    message: &Message<'_>,
    aor: &Address<'_>,
    contact: &Address<'_>,
    identity: i64,
    prints: Prints,
) -> RegistrationStarted {
    RegistrationStarted {
        named: Named::of(message),
        registration: identity,
        aor: Party::from_address(aor),
        contact: Party::from_address(contact),
        instance_id: contact.params.get("+sip.instance").and_then(|p| p.unquoted()).map(clear),
        flow: item.flow,
        transport: item.transport(),
        user_agent: message.get(Name::UserAgent).map(clear),
        prints,
        instances: bellwether_instance::evidence(message, None, item.flow.src.ip(), item.stamp),
        first_seen: item.stamp,
        agent: item.agent,
        mirror: item.mirror,
    }
}
