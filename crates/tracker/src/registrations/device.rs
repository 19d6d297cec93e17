use std::net::IpAddr;

use bellwether_base::{Endpoint, Span, Timestamp, Transport};
use bellwether_clock::{Refresh, RegisterTimeline, RoundTrip};
use bellwether_fingerprint::PrintHash;

use crate::Item;
use crate::fact::{Move, RegistrationProgress};
use crate::transactions::MessageStatus;

/// A REGISTER that follows a challenge within this time answers it; later it is a refresh of its own.
const CHALLENGE_ANSWERED_WITHIN: Span = Span::from_secs(10);

/// Refreshes under one Call-ID after which a new Call-ID means a restarted device: some programs make a new
/// one for every REGISTER, so a change alone says nothing.
const STEADY: u32 = 3;

/// Round trips kept of a device.
const LATEST_RTT: usize = RoundTrip::KEPT as usize;

/// What they are counted in, in nanoseconds.
const RTT_UNIT: i64 = 100_000;

/// Round trips below which there is no middle.
const MIN_RTT: usize = 4;

/// Moves kept of a device; the oldest leaves first.
const MAX_MOVES: usize = 8;

/// The timeline of one binding of one account.
pub(super) struct Device {
    pub(super) identity: i64,
    pub(super) timeline: RegisterTimeline,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    pub(super) call_id: u32,
    pub(super) cseq: u32,
    /// Refreshes in a row under the same Call-ID.
    pub(super) steady: u32,
    /// Whether a Call-ID and a CSeq are known.
    pub(super) is_begun: bool,
    /// The refresh that waits for its answer.
    pub(super) pending: Option<Pending>,
    /// The next device of those that the latest request binds; 0 if it is the last.
    pub(super) beside: u64,
    pub(super) challenged_at: Option<Timestamp>,
    /// The answer to the last refresh.
    pub(super) answered_at: Option<Timestamp>,
    pub(super) rtt: Option<Span>,
    /// The latest round trips, in units of 0.1 ms, round about.
    pub(super) latest_rtt: [u16; LATEST_RTT],
    /// Where it comes from, and since when it does where that has changed.
    pub(super) source: Endpoint,
    pub(super) moves: Vec<Move>,
    pub(super) duplicates: u32,
    pub(super) challenges: u32,
    pub(super) last_status: Option<u16>,
    pub(super) expires_s: Option<u32>,
    /// Whether a registrar ever accepted it.
    pub(super) is_accepted: bool,
    /// The address that it is registered from; none if it is not registered now.
    pub(super) registered_from: Option<IpAddr>,
    /// The server that accepted it last.
    pub(super) registrar: Option<Endpoint>,
    /// The fingerprint of its first REGISTER, or of the first from its present address.
    pub(super) print: PrintHash,
    /// When the binding runs out unless it is refreshed, as granted.
    pub(super) expires_at: Option<Timestamp>,
    /// Whether the expiry is being waited for.
    pub(super) is_watched: bool,
    /// When the registration ended; none while it stands.
    pub(super) ended_at: Option<Timestamp>,
    /// Whether its latest request removes the binding.
    pub(super) is_removal: bool,
    /// Whether it waits to be told of.
    pub(super) is_marked: bool,
    /// Whether its latest request showed credentials.
    pub(super) has_credentials: bool,
}

/// A refresh that nobody has answered yet: it is one once it is accepted.
#[derive(Clone, Copy)]
pub(super) struct Pending {
    pub(super) refresh: Refresh,
    /// Whether it shows that the device was restarted.
    pub(super) is_restart: bool,
}

impl Device {
    pub(super) fn new(identity: i64, source: Endpoint, print: PrintHash, at: Timestamp) -> Self {
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
            registered_from: None,
            registrar: None,
            print,
            expires_at: None,
            is_watched: false,
            ended_at: None,
            is_removal: false,
            is_marked: false,
            has_credentials: false,
        }
    }

    /// Takes a REGISTER; answers whether it asks for a refresh.
    pub(super) fn register(
        &mut self,
        at: Timestamp,
        call_id: u32,
        cseq: u32,
        novelty: MessageStatus,
        is_authorised: bool,
    ) -> bool {
        self.last_seen = at;
        if novelty != MessageStatus::New {
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

    /// Takes the address of a request. Answers whether the host is another than before. Over a connection the port is another with each one,
    /// and says nothing.
    pub(super) fn comes_from(&mut self, item: &Item<'_>) -> bool {
        let source = item.flow.src;
        let has_moved = source.ip() != self.source.ip();
        let is_same = match item.transport() {
            Transport::Udp => source == self.source,
            _ => !has_moved,
        };
        if is_same {
            return false;
        }
        self.source = source;
        if self.moves.len() == MAX_MOVES {
            self.moves.remove(0);
        }
        self.moves.push(Move { at: item.stamp, source });
        has_moved
    }

    /// The registrar accepted the binding.
    pub(super) fn is_let_in(&mut self, registrar: Endpoint) {
        self.is_accepted = true;
        self.registered_from = Some(self.source.ip());
        self.registrar = Some(registrar);
        self.ended_at = None;
    }

    /// The binding was removed or ran out.
    pub(super) fn end(&mut self, at: Timestamp) {
        self.registered_from = None;
        self.expires_at = None;
        self.ended_at = Some(at);
    }

    /// The middle of the latest round trips in milliseconds, and how far half of them lie from it at most.
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
            moves: self.moves.clone(),
            segment_count: self.timeline.segment_count(),
            segments: self.timeline.segments(),
        }
    }
}
