use std::net::IpAddr;

use bellwether_base::{Endpoint, RegistrationId, Span, Timestamp, Transport};
use bellwether_clock::{Refresh, RegisterTimeline, RoundTrip};
use bellwether_fingerprint::PrintHash;

use crate::Item;
use crate::fact::{Move, RegistrationProgress};
use crate::transactions::MessageStatus;

/// A REGISTER within this time after a challenge answers it. A later one is a new refresh.
const CHALLENGE_ANSWERED_WITHIN: Span = Span::from_secs(10);

/// A copy of a REGISTER, seen on another hop or delivered late by the mirror, follows within this time. A phone
/// that repeats one CSeq (the paper's Polycom 601) sends it later.
const COPIED_WITHIN: Span = Span::from_secs(5);

/// Number of refreshes under one Call-ID after which a new Call-ID indicates a restarted device. Some user
/// agents change the Call-ID with every REGISTER, so a change alone is no evidence.
const STEADY: u32 = 3;

/// Round-trip times stored per device.
const LATEST_RTT: usize = RoundTrip::KEPT as usize;

/// Unit of the stored round-trip times, in nanoseconds.
const RTT_UNIT: i64 = 100_000;

/// Minimum number of round-trip times for a median.
const MIN_RTT: usize = 4;

/// Maximum number of address changes stored per device. The oldest leaves first.
const MAX_MOVES: usize = 8;

/// The timeline of one binding of one account.
pub(super) struct Device {
    pub(super) identity: RegistrationId,
    pub(super) timeline: RegisterTimeline,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    pub(super) call_id: u32,
    pub(super) cseq: u32,
    /// Number of consecutive refreshes under the same Call-ID.
    pub(super) steady: u32,
    /// True once a Call-ID and a CSeq are known.
    pub(super) is_begun: bool,
    /// The refresh without a final response so far.
    pub(super) pending: Option<Pending>,
    /// The next device of the latest request; 0 for the last one.
    pub(super) beside: u64,
    pub(super) challenged_at: Option<Timestamp>,
    /// Time of the response to the last refresh.
    pub(super) answered_at: Option<Timestamp>,
    pub(super) rtt: Option<Span>,
    /// The latest round-trip times in units of 0.1 ms; a ring buffer.
    pub(super) latest_rtt: [u16; LATEST_RTT],
    /// Source address of the latest request, and the time since which requests come from there.
    pub(super) source: Endpoint,
    pub(super) source_since: Timestamp,
    /// Number of Via headers of the latest request. The copy with the fewest is nearest to the device.
    pub(super) vias: u8,
    /// Time of the latest request that is no copy.
    pub(super) requested_at: Timestamp,
    /// The address of the first accepted binding, and those of later ones. Most devices have one.
    pub(super) home: Option<Move>,
    /// See `home`.
    pub(super) moves: Vec<Move>,
    /// Number of Via headers of the acceptance of the latest request; 0 without one. The copy with the most is
    /// nearest to the registrar.
    pub(super) answer_vias: u8,
    pub(super) duplicates: u32,
    pub(super) challenges: u32,
    pub(super) last_status: Option<u16>,
    pub(super) expires_s: Option<u32>,
    /// True if a registrar accepted the device at any time.
    pub(super) is_accepted: bool,
    /// The address of the current registration. `None` if the device is not registered.
    pub(super) registered_from: Option<IpAddr>,
    /// The server that accepted the binding last.
    pub(super) registrar: Option<Endpoint>,
    /// The fingerprint of the first REGISTER, or of the first one from the present address.
    pub(super) print: PrintHash,
    /// Expiry time of the binding as granted.
    pub(super) expires_at: Option<Timestamp>,
    /// True if the expiry was postponed, because the sensor saw no response to the latest refresh.
    pub(super) is_postponed: bool,
    /// True if the expiry is queued.
    pub(super) is_watched: bool,
    /// Time at which the registration ended. `None` while it is valid.
    pub(super) ended_at: Option<Timestamp>,
    /// True if the latest request removes the binding.
    pub(super) is_removal: bool,
    /// True if the device is queued for an interim report.
    pub(super) is_marked: bool,
    /// True if the latest request carried credentials.
    pub(super) has_credentials: bool,
}

/// The meaning of a REGISTER for its device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// The latest request or an earlier one, seen again.
    Copy,
    /// The latest request with credentials, or with a repeated CSeq. It is no refresh of its own.
    Again,
    /// A new refresh.
    Refresh,
}

/// A refresh without a final response. It joins the timeline once it is accepted.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) refresh: Refresh,
    /// True if the refresh indicates a restart of the device.
    pub(super) is_restart: bool,
}

impl Device {
    pub(super) fn new(identity: RegistrationId, source: Endpoint, print: PrintHash, at: Timestamp) -> Self {
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
            source_since: at,
            vias: 0,
            requested_at: at,
            home: None,
            moves: Vec::new(),
            answer_vias: 0,
            duplicates: 0,
            challenges: 0,
            last_status: None,
            expires_s: None,
            is_accepted: false,
            registered_from: None,
            registrar: None,
            print,
            expires_at: None,
            is_postponed: false,
            is_watched: false,
            ended_at: None,
            is_removal: false,
            is_marked: false,
            has_credentials: false,
        }
    }

    /// Processes a REGISTER.
    pub(super) fn register(
        &mut self,
        at: Timestamp,
        call_id: u32,
        cseq: u32,
        novelty: MessageStatus,
        is_authorised: bool,
    ) -> Request {
        self.last_seen = at;
        if novelty != MessageStatus::New {
            self.duplicates += 1;
            return Request::Copy;
        }
        let is_same_dialog = self.is_begun && self.call_id == call_id;
        let is_copied = at.since(self.requested_at) <= COPIED_WITHIN;
        // A device may answer a challenge under the same CSeq, although it must not (RFC 3261 section 22.2).
        let is_answer = cseq == self.cseq && is_authorised && !self.has_credentials;
        if is_same_dialog && cseq <= self.cseq && is_copied && !is_answer {
            self.duplicates += 1;
            return Request::Copy;
        }
        self.requested_at = at;
        self.answer_vias = 0;
        if is_same_dialog && self.cseq == cseq {
            self.duplicates += 1;
            return Request::Again;
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
                return Request::Again;
            }
            // The challenged request is unknown or was no refresh, so this request counts on its own.
        }
        let is_restart = if is_same_dialog { cseq < self.cseq } else { self.steady >= STEADY };
        self.steady = if is_same_dialog { self.steady + 1 } else { 0 };
        (self.call_id, self.cseq, self.is_begun) = (call_id, cseq, true);
        let after_answer = self.answered_at.take().map(|answered| at.since(answered));
        let refresh = Refresh { at, after_answer, retried_at: None };
        // A restart shown by an unanswered refresh carries over to the next one.
        let is_restart = is_restart || self.pending.is_some_and(|pending| pending.is_restart);
        self.pending = Some(Pending { refresh, is_restart });
        Request::Refresh
    }

    /// Updates the source address of requests. Returns true if the host changed.
    pub(super) fn comes_from(&mut self, item: &Item<'_>, vias: u8) -> bool {
        self.vias = vias;
        let source = item.flow.src;
        let has_moved = source.ip() != self.source.ip();
        if !is_same_place(source, self.source, item.transport()) {
            (self.source, self.source_since) = (source, item.stamp);
        }
        has_moved
    }

    /// A copy of the latest request. The mirror may deliver the hops in the wrong order.
    pub(super) fn is_copied(&mut self, item: &Item<'_>, call_id: u32, cseq: u32, vias: u8) {
        if (self.call_id, self.cseq) == (call_id, cseq) && vias < self.vias && self.answer_vias == 0 {
            self.comes_from(item, vias);
        }
    }

    /// Records the registrar's acceptance of the binding at the address of the latest request. Anybody may
    /// send a request, so that only an acceptance shows a move.
    ///
    /// If the response passes the sensor several times, the copy with the most Via headers comes from the
    /// registrar.
    pub(super) fn is_let_in(&mut self, registrar: Endpoint, vias: u8, transport: Transport) {
        self.is_accepted = true;
        self.registered_from = Some(self.source.ip());
        if vias > self.answer_vias {
            (self.registrar, self.answer_vias) = (Some(registrar), vias);
        }
        self.is_postponed = false;
        self.ended_at = None;
        let present = Move { at: self.source_since, source: self.source };
        let known = self.moves.last().unwrap_or(self.home.get_or_insert(present));
        if !is_same_place(self.source, known.source, transport) {
            if self.moves.len() == MAX_MOVES {
                self.moves.remove(0);
            }
            self.moves.push(present);
        }
    }

    /// Postpones the expiry once by the granted interval if the sensor saw no response to the latest refresh:
    /// the mirror may have lost it. Returns the new expiry time.
    pub(super) fn postpone(&mut self) -> Option<Timestamp> {
        let (pending, granted) = (self.pending?, self.expires_s?);
        if self.challenged_at.is_some() || std::mem::replace(&mut self.is_postponed, true) {
            return None;
        }
        self.expires_at = Some(pending.refresh.at + Span::from_secs(i64::from(granted)));
        self.expires_at
    }

    /// Records the removal or expiry of the binding.
    pub(super) fn end(&mut self, at: Timestamp) {
        self.registered_from = None;
        self.expires_at = None;
        self.ended_at = Some(at);
    }

    /// Median of the latest round-trip times in milliseconds, and their median absolute deviation.
    fn middle_rtt(&self) -> Option<(f64, f64)> {
        let mut latest: Vec<u16> = self.latest_rtt.iter().copied().filter(|rtt| *rtt > 0).collect();
        if latest.len() < MIN_RTT {
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

    pub(super) fn progress(&self) -> RegistrationProgress {
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
            registrar: self.registrar,
            ended_at: self.ended_at,
            moves: self.home.iter().chain(&self.moves).copied().collect(),
            segment_count: self.timeline.segment_count(),
            segments: self.timeline.segments(),
        }
    }
}

/// Returns true for one place of a device. The port counts for UDP only, because every new connection has
/// another port.
fn is_same_place(a: Endpoint, b: Endpoint, transport: Transport) -> bool {
    match transport {
        Transport::Udp => a == b,
        _ => a.ip() == b.ip(),
    }
}
