use bellwether_base::{FlowKey, PackedFlow, Timestamp};
use bellwether_sip::Method;
use smallvec::SmallVec;

use crate::Side;
use crate::control::EndpointKey;
use crate::fact::CallProgress;
use crate::negotiation::Negotiation;

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// INVITE sent, no final answer yet.
    Inviting,
    /// The INVITE was refused with a challenge (401, 407) or a redirection that its sender follows.
    Challenged,
    /// A 2xx came.
    Answered,
    /// Over: refused, cancelled or hung up.
    Over,
}

/// What happens to a call. Which hop and which leg it came from has been sorted out before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// The INVITE again, with credentials or to another target.
    Retry,
    /// A 1xx.
    Provisional,
    /// A 2xx.
    Success(u16),
    /// A 3xx to 6xx on the first hop, where it ends the INVITE.
    Failure(u16),
    /// A BYE from either side.
    Bye,
}

/// One dialog-forming INVITE and what followed.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) identity: i64,
    pub(crate) phase: Phase,
    pub(crate) cseq: u32,
    started_at: Timestamp,
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    final_status: Option<u16>,
    /// A final answer seen on a later hop only; it stands if the first hop's was missed.
    final_elsewhere: Option<u16>,
    first_hop: PackedFlow,
    last_hop: PackedFlow,
    /// Hashes of the hops' flows and of the To-tags that answered; one set serves both, as so few hashes are
    /// hardly ever equal by chance.
    seen: SmallVec<[u32; 4]>,
    hops: u8,
    forks: u8,
    pub(crate) duplicates: u32,
    pub(crate) retransmissions: u32,
    pub(crate) reinvites: u32,
    /// CSeq of the last re-INVITE of the caller and of the callee.
    reinvite_cseq: [u32; 2],
    pub(crate) is_cancelled: bool,
    /// Whether the caller showed credentials when it was asked for them.
    has_credentials: bool,
    is_reported: bool,
    /// Whether it waits to be told of.
    pub(crate) is_marked: bool,
    /// Where its sides listen for media.
    pub(crate) endpoints: SmallVec<[EndpointKey; 2]>,
    /// Its offers and answers, once somebody spoke of keys or candidates.
    pub(crate) negotiation: Option<Box<Negotiation>>,
    /// Before that a request offered media without.
    pub(crate) plain_offer: Option<(Side, u32)>,
    /// CSeq of each side's last UPDATE.
    update_cseq: [Option<u32>; 2],
}

/// Hops, forks and endpoints kept per call; more are an attack.
const MAX_KEPT: usize = 16;

impl Call {
    pub(crate) fn new(identity: i64, at: Timestamp, flow: FlowKey, flow_hash: u32, cseq: u32) -> Self {
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
            has_credentials: false,
            is_reported: false,
            is_marked: false,
            endpoints: SmallVec::new(),
            negotiation: None,
            plain_offer: None,
            update_cseq: [None; 2],
        }
    }

    /// Moves on. Answers whether something worth reporting changed.
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
                }
            }
            // Also a BYE on an early dialog (RFC 3261 section 15) ends the call, unanswered.
            (Phase::Inviting | Phase::Challenged | Phase::Answered, Event::Bye) => {
                self.phase = Phase::Over;
                self.ended_at = Some(at);
            }
            // The 2xx that crossed a CANCEL or lost the race against a failure on the first hop.
            (Phase::Over, Event::Success(status)) if self.answered_at.is_none() && !self.is_hung_up() => {
                self.phase = Phase::Answered;
                self.answered_at = Some(at);
                self.ended_at = None;
                self.final_status = Some(status);
            }
            (Phase::Inviting | Phase::Challenged, Event::Provisional)
            | (Phase::Answered, Event::Retry | Event::Provisional | Event::Success(_) | Event::Failure(_))
            | (
                Phase::Over,
                Event::Retry | Event::Provisional | Event::Success(_) | Event::Failure(_) | Event::Bye,
            ) => {}
        }
        before != (self.phase, self.final_status)
    }

    /// Whether an INVITE outside a dialog with a higher CSeq continues this call rather than reusing its
    /// Call-ID for the next one.
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

    /// Counts a re-INVITE once, although each hop shows it: proxies keep its CSeq.
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

    /// Whether that is the latest re-INVITE or UPDATE of a side.
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

    /// Whether a response that goes this way has reached the caller.
    pub(crate) fn ends_at_caller(&self, flow: FlowKey) -> bool {
        flow.dst.ip() == self.first_hop.unpack().src.ip()
    }

    pub(crate) fn failed_elsewhere(&mut self, status: u16) {
        self.final_elsewhere = Some(status);
    }

    /// Adds an endpoint; answers whether there was room for it.
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

    /// The INVITE comes with credentials: that means something where a challenge was its last answer.
    pub(crate) fn shows_credentials(&mut self) {
        self.has_credentials |= matches!(self.final_status, Some(401 | 407));
    }

    pub(crate) fn note_change(&mut self) {
        self.is_reported = false;
    }

    /// Which time-out applies: 0 once over, 1 while inviting, 2 once answered.
    pub(crate) const fn class(&self) -> usize {
        match self.phase {
            Phase::Over => 0,
            Phase::Inviting | Phase::Challenged => 1,
            Phase::Answered => 2,
        }
    }

    /// The state to report, if it changed since it was last reported.
    pub(crate) fn report(&mut self) -> Option<CallProgress> {
        if std::mem::replace(&mut self.is_reported, true) {
            return None;
        }
        Some(self.progress(self.final_status.or(self.final_elsewhere)))
    }

    /// The state to tell while it goes on, if it changed since it was last reported. An answer that may be followed by another is none yet.
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
            is_let_in: self.has_credentials
                && self.final_status.is_some_and(|status| !matches!(status, 401 | 403 | 407)),
        }
    }

    const fn is_hung_up(&self) -> bool {
        self.final_status.is_none()
    }
}

/// Final answers after which the same caller usually tries again under the same Call-ID: challenges
/// (RFC 3261 section 22), redirections (8.1.3.4), session interval too small (RFC 4028), bad or missing
/// extension (8.1.3.5), and ambiguous or incomplete addresses in overlap dialling (RFC 3578).
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
        let mut call = Call::new(1, Timestamp::default(), FlowKey::default(), 0, 1);
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
        let p = after(&[Provisional, Failure(407), Retry, Provisional, Success(200), Success(200), Bye, Bye]);
        assert_eq!((p.answered_at, p.ended_at, p.final_status), (at(5), at(7), Some(200)));
    }

    #[test]
    fn a_refused_call_ends_with_its_refusal() {
        let p = after(&[Event::Provisional, Event::Failure(486), Event::Retry]);
        assert_eq!((p.answered_at, p.ended_at, p.final_status), (None, at(2), Some(486)));
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
        let p = after(&[Event::Bye, Event::Success(200)]);
        assert_eq!((p.answered_at, p.ended_at), (None, at(1)));
    }
}
