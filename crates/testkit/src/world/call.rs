use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;

use crate::{Frame, Rng, udp_frame};

use super::party::{DOMAIN, PROXY, Party};
use super::passport::Attest;
use super::sip::{Leg, answer, forwarded, passed_back, refusal, request};
use super::speech::Talker;
use super::stack::fill;

/// The outcome of a call after its INVITE.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Answered {
        lasts: Span,
        caller_hangs_up: bool,
    },
    /// Status, and true if it rang before.
    Refused(u16, bool),
    Cancelled,
}

/// The speech of one side.
#[derive(Clone, Copy, Debug)]
pub(super) enum Says {
    /// A person who begins after a number of samples.
    Human(Talker, usize),
    /// A recording of the world: its index, samples of silence before it, samples per packet.
    Recording(usize, usize, usize),
    Nothing,
}

/// A planned call.
#[derive(Clone, Debug)]
pub(super) struct CallPlan {
    pub(super) at: Timestamp,
    pub(super) call_id: String,
    pub(super) actor: String,
    pub(super) campaign: Option<String>,
    pub(super) is_fraud: bool,
    pub(super) caller: Party,
    pub(super) callee: Party,
    pub(super) to: String,
    /// The account for the response to a challenge.
    pub(super) account: Option<String>,
    pub(super) asserts: bool,
    pub(super) attest: Option<Attest>,
    pub(super) rings: Span,
    pub(super) outcome: Outcome,
    pub(super) caller_says: Says,
    pub(super) callee_says: Says,
    pub(super) seed: u64,
}

impl CallPlan {
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.outcome, Outcome::Answered { .. })
    }

    /// Corrects a 404 for a subscriber's number, which always exists.
    pub(super) fn is_known_where_it_is(&mut self) {
        let is_subscriber = !self.callee.stack.register.is_empty();
        if is_subscriber && matches!(self.outcome, Outcome::Refused(404, _)) {
            self.outcome = Outcome::Refused(480, false);
        }
    }

    /// All frames, with media for `media` at most. Not in order.
    pub(super) fn frames(&self, media: Span, recordings: &[Vec<i16>]) -> Vec<Frame> {
        let mut dialogue = Dialogue::new(self);
        let (invite, forward) = dialogue.invite();
        match self.outcome {
            Outcome::Answered { lasts, caller_hangs_up } => {
                dialogue.answered(&invite, &forward);
                let from = dialogue.at;
                dialogue.media(media.min(lasts), recordings);
                dialogue.at = from + lasts;
                dialogue.hang_up(caller_hangs_up);
            }
            Outcome::Refused(status, _) => dialogue.refused(&invite, &forward, status),
            Outcome::Cancelled => dialogue.cancelled(&invite, &forward),
        }
        dialogue.frames
    }
}

/// A call in progress.
struct Dialogue<'a> {
    plan: &'a CallPlan,
    rng: Rng,
    at: Timestamp,
    frames: Vec<Frame>,
    leg: Leg,
    callee_tag: String,
    ports: (u16, u16),
}

impl<'a> Dialogue<'a> {
    fn new(plan: &'a CallPlan) -> Self {
        let mut rng = Rng::new(plan.seed);
        let caller = plan.caller.stack;
        let nothing = Default::default();
        let (low, more) = caller.cseq;
        let leg = Leg {
            call_id: plan.call_id.clone(),
            tag: fill(caller.tag, &nothing, &mut rng),
            to: plan.to.clone(),
            to_tag: String::new(),
            branch: fill(caller.branch, &nothing, &mut rng),
            cseq: low + rng.below(u64::from(more) + 1) as u32,
            auth: String::new(),
            extra: Vec::new(),
        };
        let mut port =
            |party: &Party| party.stack.ports.0 + 2 * rng.below(u64::from(party.stack.ports.1)) as u16;
        let ports = (port(&plan.caller), port(&plan.callee));
        let callee_tag = fill(plan.callee.stack.tag, &nothing, &mut rng);
        Self { plan, rng, at: plan.at, frames: Vec::new(), leg, callee_tag, ports }
    }

    fn send(&mut self, from: SocketAddrV4, to: SocketAddrV4, text: &str) {
        self.frames.push(udp_frame(self.at, from, to, 0, text.as_bytes()));
    }

    /// Advances the time by a number of milliseconds and a random addition.
    fn wait(&mut self, ms: f64) {
        let ms = ms * (1.0 + 0.25 * self.rng.uniform());
        self.at = self.at + Span::from_nanos((ms * 1e6) as i64);
    }

    fn new_branch(&mut self) {
        self.leg.branch = fill(self.plan.caller.stack.branch, &Default::default(), &mut self.rng);
    }

    /// The INVITE and its forwarded copy. With an account it is challenged first.
    fn invite(&mut self) -> (String, String) {
        let (caller, plan) = (&self.plan.caller, self.plan);
        let target = format!("sip:{}@{DOMAIN}", plan.to);
        if plan.asserts {
            self.leg.extra.push(format!("P-Asserted-Identity: <sip:{}@{}>", caller.number, caller.at.ip()));
        }
        if let Some(attest) = &plan.attest {
            self.leg.extra.push(attest.header(&caller.number, &plan.to, plan.at, &mut self.rng));
        }
        let offer = caller.describes(self.ports.0, &mut self.rng);
        if let Some(account) = &plan.account {
            let first = request(caller, &self.leg, "INVITE", &target, &offer, &mut self.rng);
            self.send(caller.at, PROXY, &first);
            self.wait(1.5);
            let nonce = self.rng.hex(32);
            let challenge = format!("Proxy-Authenticate: Digest realm=\"{DOMAIN}\", nonce=\"{nonce}\"");
            let denied = refusal(&first, "407 Proxy Authentication Required", &challenge, &mut self.rng);
            self.send(PROXY, caller.at, &denied);
            self.wait(18.0);
            let ack = request(caller, &self.leg, "ACK", &target, "", &mut self.rng);
            self.send(caller.at, PROXY, &ack);
            self.wait(3.0);
            self.new_branch();
            self.leg.cseq += 1;
            self.leg.auth =
                caller.credentials("Proxy-Authorization", account, &nonce, &target, &mut self.rng);
        }
        let invite = request(caller, &self.leg, "INVITE", &target, &offer, &mut self.rng);
        self.send(caller.at, PROXY, &invite);
        self.leg.auth = String::new();
        self.leg.extra.clear();
        self.wait(0.8);
        let trying = refusal(&invite, "100 trying", "", &mut self.rng);
        self.send(PROXY, caller.at, &trying);
        self.wait(1.2);
        let forward = forwarded(&invite, caller, &self.plan.callee, &mut self.rng);
        (invite, forward)
    }

    /// A response of the callee, back through the proxy.
    fn callee_answers(&mut self, forward: &str, status: &str, body: &str) {
        let callee = &self.plan.callee;
        let text = answer(callee, forward, status, &self.callee_tag, body, &mut self.rng);
        self.send(callee.at, PROXY, &text);
        self.wait(0.7);
        self.send(PROXY, self.plan.caller.at, &passed_back(&text));
    }

    fn rings(&mut self, forward: &str) {
        self.send(PROXY, self.plan.callee.at, forward);
        self.wait(90.0 + 200.0 * self.plan.rings.as_secs_f64().fract());
        self.callee_answers(forward, "180 Ringing", "");
        self.at = self.at + self.plan.rings;
    }

    /// A request of the caller and its forwarded copy.
    fn caller_sends(&mut self, method: &str) -> String {
        let (caller, callee) = (&self.plan.caller, &self.plan.callee);
        let target = format!("sip:{}@{}", callee.number, callee.inner);
        let text = request(caller, &self.leg, method, &target, "", &mut self.rng);
        self.send(caller.at, PROXY, &text);
        self.wait(0.6);
        let forward = forwarded(&text, caller, callee, &mut self.rng);
        self.send(PROXY, callee.at, &forward);
        forward
    }

    fn answered(&mut self, _invite: &str, forward: &str) {
        self.rings(forward);
        let description = self.plan.callee.describes(self.ports.1, &mut self.rng);
        self.callee_answers(forward, "200 OK", &description);
        self.leg.to_tag = format!(";tag={}", self.callee_tag);
        self.wait(20.0);
        self.new_branch();
        self.caller_sends("ACK");
    }

    fn hang_up(&mut self, caller_hangs_up: bool) {
        let (caller, callee) = (&self.plan.caller, &self.plan.callee);
        if caller_hangs_up {
            self.new_branch();
            self.leg.cseq += 1;
            let forward = self.caller_sends("BYE");
            self.wait(15.0);
            self.callee_answers(&forward, "200 OK", "");
            return;
        }
        let back = Leg {
            call_id: self.leg.call_id.clone(),
            tag: self.callee_tag.clone(),
            to: caller.number.clone(),
            to_tag: format!(";tag={}", self.leg.tag),
            branch: fill(callee.stack.branch, &Default::default(), &mut self.rng),
            cseq: callee.stack.cseq.0,
            auth: String::new(),
            extra: Vec::new(),
        };
        let target = format!("sip:{}@{}", caller.number, caller.inner);
        let bye = request(callee, &back, "BYE", &target, "", &mut self.rng);
        self.send(callee.at, PROXY, &bye);
        self.wait(0.6);
        let forward = forwarded(&bye, callee, caller, &mut self.rng);
        self.send(PROXY, caller.at, &forward);
        self.wait(20.0);
        let done = answer(caller, &forward, "200 OK", "", "", &mut self.rng);
        self.send(caller.at, PROXY, &done);
        self.wait(0.7);
        self.send(PROXY, callee.at, &passed_back(&done));
    }

    fn refused(&mut self, invite: &str, forward: &str, status: u16) {
        let line = match status {
            404 => "404 Not Found",
            480 => "480 Temporarily Unavailable",
            486 => "486 Busy Here",
            _ => "603 Decline",
        };
        let is_known = status != 404;
        if let Outcome::Refused(_, true) = self.plan.outcome {
            self.rings(forward);
        } else if is_known {
            self.send(PROXY, self.plan.callee.at, forward);
            self.wait(120.0);
        }
        if is_known {
            self.callee_answers(forward, line, "");
        } else {
            self.wait(4.0);
            let text = refusal(invite, line, "", &mut self.rng);
            self.send(PROXY, self.plan.caller.at, &text);
        }
        self.acknowledge(is_known);
    }

    /// The ACK of a refusal, which goes hop by hop under the INVITE's branch.
    fn acknowledge(&mut self, reached_callee: bool) {
        self.wait(16.0);
        self.leg.to_tag = format!(";tag={}", self.callee_tag);
        if reached_callee {
            self.caller_sends("ACK");
        } else {
            let target = format!("sip:{}@{DOMAIN}", self.plan.to);
            let ack = request(&self.plan.caller, &self.leg, "ACK", &target, "", &mut self.rng);
            self.send(self.plan.caller.at, PROXY, &ack);
        }
    }

    fn cancelled(&mut self, _invite: &str, forward: &str) {
        self.rings(forward);
        let sent = self.caller_sends("CANCEL");
        self.wait(12.0);
        self.callee_answers(&sent, "200 OK", "");
        self.wait(2.0);
        self.callee_answers(forward, "487 Request Terminated", "");
        self.acknowledge(true);
    }

    /// The beginning of both sides' media.
    fn media(&mut self, lasts: Span, recordings: &[Vec<i16>]) {
        let (plan, start) = (self.plan, self.at);
        let samples = (lasts.as_secs_f64() * 8000.0) as usize;
        let law = if plan.caller.stack.offers_a_law() { Law::A } else { Law::Mu };
        let end = |party: &Party, port| -> SocketAddrV4 { SocketAddrV4::new(party.media, port) };
        let (caller, callee) = (end(&plan.caller, self.ports.0), end(&plan.callee, self.ports.1));
        for (says, from, to, after) in
            [(plan.caller_says, caller, callee, 30.0), (plan.callee_says, callee, caller, 12.0)]
        {
            self.at = start;
            self.wait(after);
            let heard = heard(says, samples, recordings, &mut self.rng);
            let packet = if let Says::Recording(_, _, packet) = says { packet } else { 160 };
            self.speaks(&heard, packet, law, from, to);
        }
    }

    fn speaks(&mut self, heard: &[i16], packet: usize, law: Law, from: SocketAddrV4, to: SocketAddrV4) {
        let rng = &mut self.rng;
        let (ssrc, seq, ticks) = (rng.bits() as u32, rng.bits() as u16, rng.bits() as u32);
        let kind = if law == Law::Mu { 0 } else { 8 };
        for (i, samples) in heard.chunks_exact(packet).enumerate() {
            let mut rtp = vec![0x80, if i == 0 { 0x80 | kind } else { kind }];
            rtp.extend(seq.wrapping_add(i as u16).to_be_bytes());
            rtp.extend(ticks.wrapping_add((packet * i) as u32).to_be_bytes());
            rtp.extend(ssrc.to_be_bytes());
            rtp.extend(samples.iter().map(|s| law.encode(*s)));
            let jitter = (1.5e6 * rng.uniform().powi(3)) as i64;
            let at = self.at + Span::from_nanos((packet * i) as i64 * 125_000 + jitter);
            self.frames.push(udp_frame(at, from, to, 0, &rtp));
        }
    }
}

fn heard(says: Says, samples: usize, recordings: &[Vec<i16>], rng: &mut Rng) -> Vec<i16> {
    match says {
        Says::Human(talker, lead) => talker.speaks(samples, lead, rng),
        Says::Nothing => vec![0; samples],
        Says::Recording(index, lead, _) => {
            let silence = std::iter::repeat_n(0, lead);
            let after = std::iter::repeat(0);
            silence.chain(recordings[index].iter().copied()).chain(after).take(samples).collect()
        }
    }
}

impl Party {
    /// Its session description.
    fn describes(&self, port: u16, rng: &mut Rng) -> String {
        let id = 1_000_000_000 + rng.below(3_000_000_000);
        let (sid, next, port, ip) =
            (id.to_string(), (id + 1).to_string(), port.to_string(), self.media.to_string());
        let pairs = vec![("sid", &*sid), ("next", &next), ("mport", &port), ("ip", &ip)];
        fill(self.stack.sdp, &super::stack::Fields { pairs, ..Default::default() }, rng)
    }
}

/// The `n`th address of a network.
pub(super) fn address(network: [u8; 2], n: u64) -> Ipv4Addr {
    Ipv4Addr::new(network[0], network[1], (n / 250) as u8, (n % 250) as u8 + 2)
}
