use bellwether_base::{CallId, FlowKey, PackedFlow, Timestamp};
use bellwether_sip::Method;
use smallvec::SmallVec;

use crate::Side;
use crate::control::EndpointKey;
use crate::fact::CallProgress;
use crate::negotiation::Negotiation;

/// The state of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// INVITE sent, no final response yet.
    Inviting,
    /// The INVITE was refused with a challenge (401, 407), a redirection, or another response that its sender
    /// retries.
    Challenged,
    /// A 2xx response was seen.
    Answered,
    /// The call was refused, cancelled or terminated by BYE.
    Over,
}

/// An event in the life of a call. The caller has already determined the hop and the B2BUA leg of the
/// message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A repeated INVITE, with credentials or to another target.
    Retry,
    /// A 1xx response.
    Provisional,
    /// A 2xx response.
    Success(u16),
    /// A 3xx to 6xx response on the first hop, where it ends the INVITE transaction.
    Failure(u16),
    /// A BYE of a side.
    Bye(Side),
}

/// One dialog-forming INVITE and the dialog that follows.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) identity: CallId,
    pub(crate) phase: Phase,
    pub(crate) cseq: u32,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    final_status: Option<u16>,
    /// A final response seen on a later hop only. It counts if the sensor missed the response on the first
    /// hop.
    final_elsewhere: Option<u16>,
    first_hop: PackedFlow,
    last_hop: PackedFlow,
    /// Hashes of the hops' flows and of the To-tags of responses. One set serves both: with so few hashes a
    /// collision is unlikely.
    seen: SmallVec<[u32; 4]>,
    hops: u8,
    forks: u8,
    pub(crate) duplicates: u32,
    pub(crate) retransmissions: u32,
    pub(crate) reinvites: u32,
    /// CSeq of the last re-INVITE of the caller and of the callee.
    reinvite_cseq: [u32; 2],
    pub(crate) is_cancelled: bool,
    /// The side that ended the call.
    ended_by: Option<Side>,
    /// True if the caller sent credentials after a challenge.
    has_credentials: bool,
    is_reported: bool,
    /// True if the call is queued for a progress report.
    pub(crate) is_marked: bool,
    /// Agreed media endpoints of both sides.
    pub(crate) endpoints: SmallVec<[EndpointKey; 2]>,
    /// Offer/answer state. Present once a description mentions keys or ICE.
    pub(crate) negotiation: Option<Box<Negotiation>>,
    /// Side and CSeq of a request without keys that came before `negotiation` existed.
    pub(crate) plain_offer: Option<(Side, u32)>,
    /// CSeq of each side's last UPDATE.
    update_cseq: [Option<u32>; 2],
}

/// Maximum number of hops, forks and endpoints per call. Larger numbers indicate an attack.
const MAX_KEPT: usize = 16;

impl Call {
    pub(crate) fn new(identity: CallId, at: Timestamp, flow: FlowKey, flow_hash: u32, cseq: u32) -> Self {
        Self {
            identity,
            phase: Phase::Inviting,
            cseq,
            started_at: at,
            answered_at: None,
            ended_at: None,
            final_status: None,
            final_elsewhere: None,
            first_hop: flow.into(),
            last_hop: flow.into(),
            seen: SmallVec::from_slice(&[flow_hash]),
            hops: 1,
            forks: 0,
            duplicates: 0,
            retransmissions: 0,
            reinvites: 0,
            reinvite_cseq: [0; 2],
            is_cancelled: false,
            ended_by: None,
            has_credentials: false,
            is_reported: false,
            is_marked: false,
            endpoints: SmallVec::new(),
            negotiation: None,
            plain_offer: None,
            update_cseq: [None; 2],
        }
    }

    /// Applies an event. Returns true if the reported state changed.
    pub(crate) fn step(&mut self, event: Event, at: Timestamp) -> bool {
        let before = (self.phase, self.final_status);
        match (self.phase, event) {
            (Phase::Inviting | Phase::Challenged, Event::Retry) => {
                self.phase = Phase::Inviting;
                self.final_status = None;
            }
            (Phase::Inviting | Phase::Challenged, Event::Success(status)) => {
                self.phase = Phase::Answered;
                self.answered_at = Some(at);
                self.final_status = Some(status);
            }
            (Phase::Inviting | Phase::Challenged, Event::Failure(status)) => {
                self.final_status = Some(status);
                if is_followed(status) {
                    self.phase = Phase::Challenged;
                } else {
                    self.phase = Phase::Over;
                    self.ended_at = Some(at);
                    self.ended_by = Some(if self.is_cancelled { Side::Caller } else { Side::Callee });
                }
            }
            // A BYE in an early dialog (RFC 3261 section 15) also ends the call, unanswered.
            (Phase::Inviting | Phase::Challenged | Phase::Answered, Event::Bye(side)) => {
                self.phase = Phase::Over;
                self.ended_at = Some(at);
                self.ended_by = Some(side);
            }
            // A 2xx that crossed a CANCEL, or lost a race against a failure response on the first hop.
            (Phase::Over, Event::Success(status)) if self.answered_at.is_none() && !self.is_hung_up() => {
                self.phase = Phase::Answered;
                self.answered_at = Some(at);
                self.ended_at = None;
                self.ended_by = None;
                self.final_status = Some(status);
            }
            (Phase::Inviting | Phase::Challenged, Event::Provisional)
            | (Phase::Answered, Event::Retry | Event::Provisional | Event::Success(_) | Event::Failure(_))
            | (
                Phase::Over,
                Event::Retry | Event::Provisional | Event::Success(_) | Event::Failure(_) | Event::Bye(_),
            ) => {}
        }
        before != (self.phase, self.final_status)
    }

    /// Returns true if an INVITE with a higher CSeq outside a dialog continues this call. Otherwise it reuses
    /// the Call-ID for a new call.
    pub(crate) fn is_continued_by(&self, cseq: u32) -> bool {
        cseq > self.cseq && matches!(self.phase, Phase::Inviting | Phase::Challenged)
    }

    pub(crate) fn hop(&mut self, flow: FlowKey, flow_hash: u32) {
        if usize::from(self.hops) < MAX_KEPT && self.is_first(flow_hash) {
            self.hops += 1;
            self.last_hop = flow.into();
            self.is_reported = false;
        }
    }

    /// Counts a re-INVITE once. Each hop shows the same CSeq, because proxies keep it.
    pub(crate) fn reinvite(&mut self, from: Side, cseq: u32) {
        let last = &mut self.reinvite_cseq[usize::from(from == Side::Callee)];
        if *last != cseq {
            *last = cseq;
            self.reinvites += 1;
            self.is_reported = false;
        }
    }

    pub(crate) const fn update(&mut self, from: Side, cseq: u32) {
        self.update_cseq[from as usize] = Some(cseq);
    }

    /// Returns true if `cseq` is the latest re-INVITE or UPDATE of a side.
    pub(crate) fn is_reinvited_by(&self, from: Side, cseq: u32) -> bool {
        let side = usize::from(from == Side::Callee);
        (self.reinvites > 0 && self.reinvite_cseq[side] == cseq) || self.update_cseq[side] == Some(cseq)
    }

    pub(crate) fn answer_from(&mut self, to_tag_hash: u32) {
        if usize::from(self.forks) < MAX_KEPT && self.is_first(to_tag_hash) {
            self.forks += 1;
        }
    }

    fn is_first(&mut self, hash: u32) -> bool {
        let is_first = !self.seen.contains(&hash);
        if is_first {
            self.seen.push(hash);
        }
        is_first
    }

    /// Returns true if a response with this destination has reached the caller.
    pub(crate) fn ends_at_caller(&self, flow: FlowKey) -> bool {
        flow.dst.ip() == self.first_hop.unpack().src.ip()
    }

    pub(crate) fn failed_elsewhere(&mut self, status: u16) {
        self.final_elsewhere = Some(status);
    }

    /// Adds an endpoint. Returns false if the call has no room for it.
    pub(crate) fn listens_at(&mut self, endpoint: EndpointKey) -> bool {
        if self.endpoints.contains(&endpoint) {
            return true;
        }
        let has_room = self.endpoints.len() < MAX_KEPT;
        if has_room {
            self.endpoints.push(endpoint);
        }
        has_room
    }

    pub(crate) fn copied(&mut self, is_duplicate: bool) {
        if is_duplicate {
            self.duplicates += 1;
        } else {
            self.retransmissions += 1;
        }
        self.is_reported = false;
    }

    /// Records credentials in an INVITE. They count only if the last final response was a challenge.
    pub(crate) fn shows_credentials(&mut self) {
        self.has_credentials |= matches!(self.final_status, Some(401 | 407));
    }

    pub(crate) fn note_change(&mut self) {
        self.is_reported = false;
    }

    /// Index of the applicable time-out: 0 after the end, 1 during setup, 2 after the answer.
    pub(crate) const fn class(&self) -> usize {
        match self.phase {
            Phase::Over => 0,
            Phase::Inviting | Phase::Challenged => 1,
            Phase::Answered => 2,
        }
    }

    /// The state of the call, if it changed since the last report.
    pub(crate) fn report(&mut self) -> Option<CallProgress> {
        if std::mem::replace(&mut self.is_reported, true) {
            return None;
        }
        Some(self.progress(self.final_status.or(self.final_elsewhere)))
    }

    /// The interim state of the call, if it changed since the last report. A final response counts only if no
    /// retry can follow it.
    pub(crate) fn under_way(&self) -> Option<CallProgress> {
        let is_sure = matches!(self.phase, Phase::Answered | Phase::Over);
        (!self.is_reported).then(|| self.progress(self.final_status.filter(|_| is_sure)))
    }

    fn progress(&self, final_status: Option<u16>) -> CallProgress {
        CallProgress {
            call: self.identity,
            started_at: self.started_at,
            answered_at: self.answered_at,
            ended_at: self.ended_at,
            final_status,
            duplicates: self.duplicates,
            retransmissions: self.retransmissions,
            hops: self.hops.into(),
            first_hop: self.first_hop.unpack(),
            last_hop: self.last_hop.unpack(),
            forks: self.forks.into(),
            reinvites: self.reinvites,
            cancelled: self.is_cancelled,
            ended_by: self.ended_by,
            is_let_in: self.has_credentials
                && self.final_status.is_some_and(|status| !matches!(status, 401 | 403 | 407)),
        }
    }

    const fn is_hung_up(&self) -> bool {
        self.final_status.is_none()
    }
}

/// Final responses after which a caller usually retries under the same Call-ID: challenges (RFC 3261 section
/// 22), redirections (8.1.3.4), session interval too small (RFC 4028), bad or missing extension (8.1.3.5),
/// and ambiguous or incomplete addresses in overlap dialling (RFC 3578).
const fn is_followed(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 407 | 413..=416 | 420 | 421 | 422 | 428 | 484 | 494)
}

/// Methods that belong to a dialog or to the INVITE that forms it.
pub(crate) const fn is_of_calls(method: Method) -> bool {
    matches!(
        method,
        Method::Invite
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Prack
            | Method::Update
            | Method::Info
            | Method::Refer
            | Method::Message
            | Method::Notify
            | Method::Subscribe
            | Method::Options
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[Event]) -> CallProgress {
        let mut call = Call::new(CallId::new(1), Timestamp::default(), FlowKey::default(), 0, 1);
        for (i, event) in events.iter().enumerate() {
            call.step(*event, Timestamp::from_nanos(i as i64 + 1));
        }
        call.report().unwrap()
    }

    fn at(n: i64) -> Option<Timestamp> {
        Some(Timestamp::from_nanos(n))
    }

    #[test]
    fn a_challenged_call_that_is_answered_and_hung_up() {
        use Event::{Bye, Failure, Provisional, Retry, Success};
        let bye = [Bye(Side::Callee), Bye(Side::Caller)];
        let before = [Provisional, Failure(407), Retry, Provisional, Success(200), Success(200)];
        let p = after(&[&before[..], &bye].concat());
        assert_eq!((p.answered_at, p.ended_at, p.final_status), (at(5), at(7), Some(200)));
        assert_eq!(p.ended_by, Some(Side::Callee), "the first BYE ends the call");
    }

    #[test]
    fn a_refused_call_ends_with_its_refusal() {
        let p = after(&[Event::Provisional, Event::Failure(486), Event::Retry]);
        assert_eq!((p.answered_at, p.ended_at, p.final_status), (None, at(2), Some(486)));
        assert_eq!(p.ended_by, Some(Side::Callee));
    }

    #[test]
    fn a_challenge_that_nobody_answers_stays_the_final_status() {
        let p = after(&[Event::Failure(401)]);
        assert_eq!((p.ended_at, p.final_status), (None, Some(401)));
    }

    #[test]
    fn an_answer_that_crosses_a_failure_wins_but_not_one_behind_a_bye() {
        let p = after(&[Event::Failure(487), Event::Success(200)]);
        assert_eq!((p.answered_at, p.ended_at, p.final_status), (at(2), None, Some(200)));
        assert_eq!(p.ended_by, None);
        let p = after(&[Event::Bye(Side::Caller), Event::Success(200)]);
        assert_eq!((p.answered_at, p.ended_at), (None, at(1)));
    }
}
