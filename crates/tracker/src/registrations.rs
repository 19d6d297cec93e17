mod device;
mod expiry;

use std::borrow::Cow;

use bellwether_base::{
    Endpoint, HashKey, Loss, LruTable, RegistrationId, SlotId, Span, SubjectId, Timestamp,
};
use bellwether_sip::{Address, Message, Name, StartLine};
use smallvec::SmallVec;

use crate::fact::{
    ClockSeen, Fact, Outbox, Party, Prints, RegisterAnswered, RegistrationEnded, RegistrationStarted,
};
use crate::named::Named;
use crate::party::{clear, user_of};
use crate::prints::PrintCache;
use crate::timers::Timers;
use crate::transactions::{MessageStatus, Place, Transactions};
use crate::under_way::UnderWay;
use crate::worker::Sip;
use crate::{Item, Limits, Tally};
use device::{Device, Request};
use expiry::Expiries;

/// A long-lived timeline is reported after this many refreshes too, not only at its end.
const REPORT_EVERY: u32 = 16;

/// Maximum number of bindings per REGISTER. Registrars accept a handful; a sender could name hundreds.
const MAX_BINDINGS: usize = 16;

/// The device timelines of a shard. Each belongs to one AOR and one contact binding or instance.
pub(crate) struct Registrations {
    table: LruTable<u64, Device, 2>,
    /// The devices of each account. One request may remove all its bindings.
    accounts: LruTable<u64, SmallVec<[u64; 1]>, 1>,
    expiries: Expiries,
    identity_key: HashKey,
    timers: Timers<2>,
    under_way: UnderWay,
}

/// Eviction class of devices without an accepted REGISTER. Scanners create them at no cost.
const UNACCEPTED: usize = 0;
/// Eviction class of registered devices.
const ACCEPTED: usize = 1;

impl Registrations {
    pub(crate) fn new(limits: &Limits, identity_key: HashKey) -> Self {
        let most = Limits::per_shard(limits.registrations);
        Self {
            table: LruTable::new(most),
            accounts: LruTable::new(most),
            expiries: Expiries::new(most),
            identity_key,
            timers: Timers::new([limits.registration_idle; 2]),
            under_way: UnderWay::new(limits.tells_under_way, most),
        }
    }

    /// Processes a REGISTER or a response to one.
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
            StartLine::Status { code, .. } if code >= 200 && place.novelty == MessageStatus::New => {
                let mut subject = transactions.subject(place, sip.item);
                if self.accounts.find(subject, &subject).is_some() {
                    self.removed_all(sip, code, subject, out);
                    return;
                }
                for i in 0..MAX_BINDINGS {
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
        let others = [self.under_way.next_deadline(), self.expiries.next_deadline()];
        self.timers.next_deadline(&self.table).into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Fires timers due before `now`.
    pub(crate) fn expire(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some((slot, _)) = self.timers.due(&self.table, now, shard, out) {
            self.close(slot, out);
        }
        while let Some((subject, granted_until, has_left)) = self.expiries.due(now, shard, out) {
            if has_left {
                self.expired_unseen(subject, granted_until, out);
            } else {
                self.expired(subject, granted_until, out);
            }
        }
        while let Some(slot) = self.under_way.due(now, shard, out) {
            if let Some((_, device)) = self.table.get_mut(slot)
                && std::mem::take(&mut device.is_marked)
            {
                out.fact(Fact::RegistrationUnderWay(Box::new(device.progress())));
            }
        }
    }

    /// Reports all devices.
    pub(crate) fn finish(&mut self, now: Timestamp, shard: u16, out: &mut Outbox) {
        while let Some(slot) = self.timers.rest(&self.table, now, shard, out) {
            self.close(slot, out);
        }
    }

    /// Processes a REGISTER. Each contact is a device of its own. Returns the first device, which links to
    /// the others.
    fn request(
        &mut self,
        sip: &Sip<'_, '_>,
        novelty: MessageStatus,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) -> Option<u64> {
        let aor = sip.parts.to?;
        // The contact `*` addresses all bindings of the account. Anybody may send it, so that it changes nothing
        // before it is accepted.
        if let Some(all) = sip.message.contacts().find(|contact| contact.target == b"*") {
            let is_removal = requested_expires(sip.message, &all) == Some(0);
            return self.account_of(&aor).filter(|_| is_removal);
        }
        let mut subjects: SmallVec<[u64; 2]> = SmallVec::new();
        // A REGISTER without a contact is only a query.
        for contact in sip.message.contacts() {
            if subjects.len() == MAX_BINDINGS {
                break;
            }
            let Some(identity) = self.identity_of(&aor, &contact) else { continue };
            let subject = identity.key();
            if !subjects.contains(&subject) {
                let slot = match self.table.find(subject, &subject) {
                    Some(slot) => slot,
                    None => self.begin(sip, &aor, &contact, identity, prints, out, tally),
                };
                // A removal ends the timeline's segment and is no refresh.
                let is_removal = requested_expires(sip.message, &contact) == Some(0)
                    && self.is_removed(sip.message, &aor, identity);
                self.requested(sip, slot, is_removal, novelty, prints, out);
                subjects.push(subject);
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

    /// Returns true if a REGISTER removes a binding. A device that moves may remove its former contact and add
    /// the next one in one request, both of one instance.
    fn is_removed(&self, message: &Message<'_>, aor: &Address<'_>, identity: RegistrationId) -> bool {
        let mut own = message
            .contacts()
            .take(MAX_BINDINGS)
            .filter(|contact| contact.target != b"*" && self.identity_of(aor, contact) == Some(identity));
        own.all(|contact| requested_expires(message, &contact) == Some(0))
    }

    /// A response to the contact `*`. An acceptance ends all bindings of the account (RFC 3261 section 10.2.2).
    fn removed_all(&mut self, sip: &Sip<'_, '_>, code: u16, account: u64, out: &mut Outbox) {
        let at = sip.item.stamp;
        let Some((_, devices)) = self.accounts.find(account, &account).and_then(|at| self.accounts.get(at))
        else {
            return;
        };
        for subject in devices.clone().into_iter().filter(|_| code < 300) {
            let Some(slot) = self.table.find(subject, &subject) else { continue };
            let Some((_, device)) = self.table.get_mut(slot) else { continue };
            if device.registered_from.is_none() {
                continue;
            }
            device.pending = None;
            device.timeline.cut();
            device.end(at);
            out.fact(Fact::RegistrationEnded(Box::new(RegistrationEnded {
                registration: device.identity,
                at,
            })));
            self.mark(slot, sip.item.at);
        }
    }

    /// Creates a device.
    #[expect(clippy::too_many_arguments, reason = "a parsed message and the outputs")]
    fn begin(
        &mut self,
        sip: &Sip<'_, '_>,
        aor: &Address<'_>,
        contact: &Address<'_>,
        identity: RegistrationId,
        prints: &mut PrintCache,
        out: &mut Outbox,
        tally: &mut Tally,
    ) -> SlotId {
        let Sip { item, message, .. } = sip;
        let subject = identity.key();
        let prints = prints.prints(message, None, item.at, out).unwrap_or_else(Prints::unknown);
        let device = Device::new(identity, item.flow.src, prints.combined, item.stamp);
        let started = started(item, message, aor, contact, identity, prints);
        out.fact(Fact::RegistrationStarted(Box::new(started)));
        let (slot, evicted) = self.table.insert(subject, subject, device, UNACCEPTED, item.at);
        if let Some(evicted) = evicted {
            if let Some(until) = evicted.value.expires_at {
                self.expiries.outlives(until, evicted.key);
            }
            if evicted.value.is_accepted {
                tally.losses.count(Loss::RegistrationEvicted);
            }
            out.fact(Fact::RegistrationProgress(Box::new(evicted.value.progress())));
        }
        if let Some(account) = self.account_of(aor) {
            let (of, _) = self.accounts.find_or_insert(account, account, item.at);
            self.accounts.touch(of, 0, item.at);
            if let Some((_, devices)) = self.accounts.get_mut(of) {
                if devices.len() == MAX_BINDINGS {
                    devices.remove(0);
                }
                if !devices.contains(&subject) {
                    devices.push(subject);
                }
            }
        }
        slot
    }

    /// Applies the part of a REGISTER that binds one device or removes its binding.
    fn requested(
        &mut self,
        sip: &Sip<'_, '_>,
        slot: SlotId,
        is_removal: bool,
        novelty: MessageStatus,
        prints: &mut PrintCache,
        out: &mut Outbox,
    ) {
        let Sip { item, message, cseq, .. } = sip;
        let call_id = self.identity_key.parts(&[sip.call_id]) as u32;
        let Some((_, device)) = self.table.get_mut(slot) else { return };
        let is_authorised =
            message.get(Name::Authorization).is_some() || message.get(Name::ProxyAuthorization).is_some();
        let vias = vias_of(message);
        let kind = device.register(item.stamp, call_id, cseq.number, novelty, is_authorised);
        if kind == Request::Copy {
            device.is_copied(item, call_id, cseq.number, vias);
        } else {
            device.has_credentials = is_authorised;
            device.is_removal = is_removal;
            if device.comes_from(item, vias)
                && let Some(prints) = prints.prints(message, None, item.at, out)
            {
                device.print = prints.combined;
            }
            if is_removal {
                device.pending = None;
                device.timeline.cut();
            }
        }
        if kind == Request::Refresh && (device.timeline.refreshes() + 1).is_multiple_of(REPORT_EVERY) {
            readings(item, message, device.identity.into(), out);
        }
        let class = if device.is_accepted { ACCEPTED } else { UNACCEPTED };
        self.mark(slot, item.at);
        self.table.touch(slot, class, item.at);
    }

    /// Queues the device for an interim report.
    fn mark(&mut self, slot: SlotId, at: Timestamp) {
        let Some((_, device)) = self.table.get_mut(slot).filter(|(_, device)| !device.is_marked) else {
            return;
        };
        device.is_marked = self.under_way.mark(slot, at, !device.is_accepted);
    }

    /// Applies a response to one device of its REGISTER. Returns the next device of the request, or 0.
    ///
    /// A refusal is reported once, with the first device, however many bindings the request had.
    fn response(
        &mut self,
        sip: &Sip<'_, '_>,
        code: u16,
        subject: u64,
        is_first: bool,
        out: &mut Outbox,
    ) -> u64 {
        let Sip { item, message, cseq, .. } = sip;
        let call_id = self.identity_key.parts(&[sip.call_id]) as u32;
        let Some(slot) = self.table.find(subject, &subject) else { return 0 };
        let Some((_, device)) = self.table.get_mut(slot) else { return 0 };
        let beside = device.beside;
        // A response to somebody else's request, or to an earlier one, does not count. A sender may have several requests in flight, each with
        // a Call-ID of its own, as a tool that guesses passwords has: one that is accepted lets the sender in.
        let is_to_sender = item.flow.dst.ip() == device.source.ip();
        let is_accepted = (200..300).contains(&code) && !device.is_removal && is_to_sender;
        if cseq.number != device.cseq || (call_id != device.call_id && !is_accepted) {
            return beside;
        }
        device.last_status = Some(code);
        let vias = vias_of(message).max(1);
        if is_news(code, device, message, (item.flow.src, vias)) && (is_first || code < 300) {
            out.fact(Fact::RegisterAnswered(Box::new(RegisterAnswered {
                registration: device.identity,
                aor: message.to().map(|to| Party::from_address(&to)).unwrap_or_default(),
                device: device.source,
                registrar: item.flow.src,
                fingerprint: device.print,
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
            200..=299 if device.is_removal => {
                let identity = device.identity;
                // A response lists the bindings that are left (RFC 3261 section 10.3). Another device may have
                // an equal contact in another private network.
                let is_left = message.to().is_some_and(|to| {
                    message.contacts().any(|contact| {
                        requested_expires(message, &contact).is_some_and(|seconds| seconds > 0)
                            && self.identity_of(&to, &contact) == Some(identity)
                    })
                });
                let Some((_, device)) = self.table.get_mut(slot).filter(|_| !is_left) else { return beside };
                device.end(item.stamp);
                let ended = RegistrationEnded { registration: device.identity, at: item.stamp };
                out.fact(Fact::RegistrationEnded(Box::new(ended)));
            }
            200..=299 => {
                device.is_let_in(item.flow.src, vias, item.transport());
                // If the response passes the sensor several times, the last copy is the one that reaches the
                // device.
                device.answered_at = Some(item.stamp);
                let identity = device.identity;
                let granted = granted_expires(message, |contact| {
                    let to = message.to();
                    to.and_then(|to| self.identity_of(&to, contact)).is_some_and(|id| id == identity)
                });
                self.grant(slot, granted, item);
                self.accept(slot, item.at, out);
            }
            401 | 407 => {}
            // A 423 also asks for a longer interval. The next refresh starts another timer.
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

    /// The pending refresh was accepted and becomes a point of the timeline.
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

    fn grant(&mut self, slot: SlotId, granted: Option<u32>, item: &Item<'_>) {
        let Some((subject, device)) = self.table.get_mut(slot) else { return };
        if granted.is_some() && granted != device.expires_s {
            // The device's period follows from the granted expiry, so a new grant starts a new segment. The
            // refresh that asked for the grant is the first of that segment.
            if device.expires_s.is_some() {
                device.timeline.cut();
            }
            device.expires_s = granted;
        }
        device.expires_at = granted.map(|granted| item.at + Span::from_secs(i64::from(granted)));
        if let Some(until) = device.expires_at.filter(|_| !device.is_watched) {
            device.is_watched = self.expiries.watch(until, *subject);
        }
    }

    /// Ends a binding at its expiry, unless a refresh prolonged it.
    fn expired(&mut self, subject: u64, granted_until: Timestamp, out: &mut Outbox) {
        let Some(slot) = self.table.find(subject, &subject) else { return };
        let Some((_, device)) = self.table.get_mut(slot) else { return };
        device.is_watched = false;
        match device.expires_at {
            Some(until) if until > granted_until => device.is_watched = self.expiries.watch(until, subject),
            Some(until) => {
                if let Some(until) = device.postpone() {
                    device.is_watched = self.expiries.watch(until, subject);
                    return;
                }
                device.end(until);
                let ended = RegistrationEnded { registration: device.identity, at: until };
                out.fact(Fact::RegistrationEnded(Box::new(ended)));
                self.mark(slot, until);
            }
            // The binding was removed.
            None => {}
        }
    }

    /// Ends a binding whose device left the table before the expiry, unless it came back.
    fn expired_unseen(&self, subject: u64, until: Timestamp, out: &mut Outbox) {
        let present = self.table.find(subject, &subject).and_then(|slot| self.table.get(slot));
        if present.is_none_or(|(_, device)| device.registered_from.is_none()) {
            let registration = RegistrationId::from_key(subject);
            out.fact(Fact::RegistrationEnded(Box::new(RegistrationEnded { registration, at: until })));
        }
    }

    fn account_of(&self, aor: &Address<'_>) -> Option<u64> {
        let uri = aor.uri?;
        Some(self.identity_key.parts(&[b"account", &user_of(&uri), uri.host]))
    }

    fn identity_of(&self, aor: &Address<'_>, contact: &Address<'_>) -> Option<RegistrationId> {
        let uri = aor.uri?;
        let user = user_of(&uri);
        let (binding, flow) = binding(contact);
        let parts: [&[u8]; 5] = [b"registration", &user, uri.host, &binding, flow];
        let known = if flow.is_empty() { parts.len() - 1 } else { parts.len() };
        Some(RegistrationId::of(&self.identity_key, parts.get(..known).unwrap_or_default()))
    }

    fn close(&mut self, slot: SlotId, out: &mut Outbox) {
        if let Some((subject, device)) = self.table.remove(slot) {
            if let Some(until) = device.expires_at {
                self.expiries.outlives(until, subject);
            }
            out.fact(Fact::RegistrationProgress(Box::new(device.progress())));
        }
    }
}

fn vias_of(message: &Message<'_>) -> u8 {
    u8::try_from(message.vias().count()).unwrap_or(u8::MAX)
}

/// Returns true if a response accepts a device for the first time, at a new address or by another registrar,
/// or refuses it.
///
/// A challenge is not a refusal, unless it answers credentials that are not just stale (RFC 3261 section
/// 22.4). A 423 is not a refusal either.
fn is_news(code: u16, device: &Device, message: &Message<'_>, (registrar, vias): (Endpoint, u8)) -> bool {
    match code {
        200..=299 => {
            // A device may go to another registrar. Later copies of a response come from proxies.
            let is_elsewhere = device.registrar.is_some_and(|known| known.ip() != registrar.ip());
            device.registered_from != Some(device.source.ip()) || (is_elsewhere && vias > device.answer_vias)
        }
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

/// Reports the clock readings of a later message. The first message already reported the device's
/// identifiers; a clock needs a series of readings.
fn readings(item: &Item<'_>, message: &Message<'_>, subject: SubjectId, out: &mut Outbox) {
    for evidence in bellwether_instance::evidence(message, None, item.flow.src.ip(), item.stamp) {
        if let Some(reading) = evidence.clock {
            let kind = evidence.kind;
            out.fact(Fact::Clock(Box::new(ClockSeen { subject, kind, at: item.stamp, reading })));
        }
    }
}

/// The key of a binding within its account: the instance and its flow number (RFC 5626 section 6), else the
/// contact URI. The device refreshes each flow on a schedule of its own.
fn binding<'a>(contact: &Address<'a>) -> (Cow<'a, [u8]>, &'a [u8]) {
    let value = |name| contact.params.get(name).and_then(|p| p.value);
    match value("+sip.instance") {
        // Most devices have only flow 1, and devices without flow numbers count as flow 1.
        Some(instance) => {
            (Cow::Borrowed(instance), value("reg-id").filter(|flow| *flow != b"1").unwrap_or_default())
        }
        None => (with_host_in_lower_case(contact), &[]),
    }
}

/// The URI of a contact with its host in lower case. Hosts compare without regard to case (RFC 3261 section
/// 19.1.4).
fn with_host_in_lower_case<'a>(contact: &Address<'a>) -> Cow<'a, [u8]> {
    let Some(uri) = contact.uri.filter(|uri| uri.host.iter().any(u8::is_ascii_uppercase)) else {
        return Cow::Borrowed(contact.target);
    };
    // The host follows the user part, which is case-sensitive.
    let from = contact.target.iter().rposition(|octet| *octet == b'@').map_or(0, |at| at + 1);
    let (before, rest) = contact.target.split_at(from);
    let at = rest.windows(uri.host.len()).position(|part| part == uri.host).unwrap_or_default();
    let lowered = rest.iter().enumerate().map(|(i, octet)| {
        if (at..at + uri.host.len()).contains(&i) { octet.to_ascii_lowercase() } else { *octet }
    });
    Cow::Owned(before.iter().copied().chain(lowered).collect())
}

fn requested_expires(message: &Message<'_>, contact: &Address<'_>) -> Option<u32> {
    let own = contact.params.get("expires").and_then(|p| p.value);
    let own = own.and_then(|v| std::str::from_utf8(v).ok()).and_then(|v| v.parse().ok());
    own.or_else(|| message.expires())
}

/// The expiry granted to the device's own contact, else to the whole message (RFC 3261 section 10.3).
fn granted_expires(message: &Message<'_>, is_ours: impl Fn(&Address<'_>) -> bool) -> Option<u32> {
    let mut contacts = message.contacts().peekable();
    let first = contacts.peek().copied();
    let mut count = 0;
    let ours = contacts.inspect(|_| count += 1).find(|c| is_ours(c));
    // Registrars may rewrite the URI. A single contact is the device's own in any case.
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
    identity: RegistrationId,
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
