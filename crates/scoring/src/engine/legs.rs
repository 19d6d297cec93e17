//! What was heard of calls, and what the legs of one conversation tell of each other.

use bellwether_enrich::StreamRow;

use super::{Outcome, ScoringEngine};
use crate::clocks::Rate;
use crate::history::History;
use crate::open::Membership;
use crate::signals::REGISTERED_ELSEWHERE;

impl ScoringEngine {
    pub(super) fn stream(&mut self, row: &StreamRow, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        self.advance(row.last_seen);
        let Some(id) = row.call else { return };
        self.heard(id, row.direction, row);
        for (other, direction) in &row.also {
            self.heard(*other, direction, row);
        }
        if self.opened(id).is_none() || row.direction != "caller" {
            return;
        }
        if let Some(rate) = row.media_rate.and_then(|rate| Rate::new(rate.ppm, rate.ci95_ppm)) {
            self.paced(id, rate);
        }
        // What else was heard is told when the call is closed: the two directions come one after the other, and one of them by itself is
        // a call in which only one side spoke.
        if let Some(opening) = row.opening {
            self.hear(id, opening, memory, out);
        }
    }

    /// A side of a call was heard: so it was on all legs of the conversation.
    fn heard(&mut self, id: i64, direction: &str, row: &StreamRow) {
        let Some(call) = self.opened(id) else { return };
        // What is heard counts by how long people talked, which is known at the end.
        call.is_news |= call.is_over;
        match direction {
            "caller" => {
                call.heard.caller_packets = call.heard.caller_packets.max(row.packets);
                if let Some(silence) = row.silence.as_ref().filter(|silence| silence.observed_packets >= 200)
                {
                    call.heard.quiet_share =
                        Some(f64::from(silence.packets) / f64::from(silence.observed_packets));
                }
            }
            "callee" => call.heard.callee_packets = call.heard.callee_packets.max(row.packets),
            _ => return,
        }
        for leg in call.legs.clone() {
            self.share_what_was_heard(leg);
        }
    }

    /// Works out what was heard on the other legs of a call.
    fn share_what_was_heard(&mut self, id: i64) {
        let Some(legs) = self.opened(id).map(|call| call.legs.clone()) else { return };
        let heard = legs.iter().filter_map(|leg| Some(self.opened(*leg)?.heard)).collect::<Vec<_>>();
        let Some(call) = self.opened(id) else { return };
        // A leg that is closed by now was heard too.
        let heard = heard.into_iter().fold(call.heard_of_legs, |all, leg| all.with(leg));
        call.is_news |= call.is_over && heard != call.heard_of_legs;
        call.heard_of_legs = heard;
    }

    /// The other leg of a call shares its fate, and is no call of its own.
    pub(super) fn leg(&mut self, a: i64, b: i64, memory: &mut dyn History, out: &mut Vec<Outcome>) {
        for (of, other) in [(a, b), (b, a)] {
            if let Some(call) = self.opened(of).filter(|call| !call.legs.contains(&other)) {
                call.legs.push(other);
            }
        }
        for (of, other) in [(a, b), (b, a)] {
            self.share_what_was_heard(of);
            self.comes_from_home(of, other, out);
            self.vouch(of, out);
            let is_later = self.opened(of).map(|c| c.started_at) > self.opened(other).map(|c| c.started_at);
            let Some(call) = self.opened(of) else { continue };
            let started_at = call.started_at;
            if !is_later && of < other {
                continue;
            }
            self.in_pools(of, |pool, place| pool.change(place, of, |c| c.marks.is_leg = true));
            let is_settled = self.opened(of).is_some_and(|c| c.is_known && !c.is_recalled);
            if let Some(membership) = self.membership(other).filter(|_| !is_settled) {
                self.join(
                    (of, started_at),
                    Membership { why: "another leg of a call of it".into(), ..membership },
                    memory,
                    out,
                );
            }
        }
    }

    /// Whoever is known on one leg of a conversation is no stranger on another.
    pub(super) fn vouch(&mut self, id: i64, out: &mut Vec<Outcome>) {
        let Some(call) = self.opened(id).filter(|call| call.is_rooted || call.is_let_in) else { return };
        for leg in call.legs.clone() {
            if let Some(other) = self.opened(leg).filter(|other| other.stranger_to.is_some()) {
                other.stranger_to = None;
                other.is_news = true;
                self.tell(leg, out);
            }
        }
    }

    /// Where another leg comes from an address that the caller of a call is registered at, the caller is at home.
    fn comes_from_home(&mut self, of: i64, other: i64, out: &mut Vec<Outcome>) {
        let Some(source) = self.opened(other).map(|other| other.source) else { return };
        let Some(call) = self.opened(of) else { return };
        if !call.at_start.iter().any(|finding| finding.signal == REGISTERED_ELSEWHERE) {
            return;
        }
        let (caller, caller_at) = (call.caller, call.caller_at);
        let devices = self.callers.value_from(caller_at, caller).map(|of| of.account.devices.clone());
        if devices.iter().flatten().any(|home| self.keys.address(home.source) == source)
            && let Some(call) = self.opened(of)
        {
            call.at_start.retain(|finding| finding.signal != REGISTERED_ELSEWHERE);
            call.is_news = true;
            self.tell(of, out);
        }
    }
}
