//! Media of calls, and evidence that the legs of one conversation share.

use bellwether_base::{CallId, Side};
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
        let Some(player) = Side::of(row.direction) else { return };
        if self.opened(id).is_none() {
            return;
        }
        if player == Side::Caller
            && let Some(rate) = row.media_rate.and_then(|rate| Rate::new(rate.ppm, rate.ci95_ppm))
        {
            self.paced(id, rate);
        }
        // Other media evidence is reported when the call closes. The two directions arrive one after the
        // other, and the first alone would look like one-way media.
        if let Some(found) = &row.recording {
            self.hear(id, (found, player), row.first_seen, memory, out);
        }
    }

    /// Records media of one side of a call. The media counts for all legs of the conversation.
    fn heard(&mut self, id: CallId, direction: &str, row: &StreamRow) {
        let Some(call) = self.opened(id) else { return };
        // Media evidence depends on the duration of talk, which is known at the end.
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

    /// Updates the media evidence that a call has from its other legs.
    fn share_what_was_heard(&mut self, id: CallId) {
        let Some(legs) = self.opened(id).map(|call| call.legs.clone()) else { return };
        let heard = legs.iter().filter_map(|leg| Some(self.opened(*leg)?.heard)).collect::<Vec<_>>();
        let Some(call) = self.opened(id) else { return };
        // Evidence of a leg that is closed by now still counts.
        let heard = heard.into_iter().fold(call.heard_of_legs, |all, leg| all.with(leg));
        call.is_news |= call.is_over && heard != call.heard_of_legs;
        call.heard_of_legs = heard;
    }

    /// Links two legs. The later leg shares the membership of the earlier one and is no call of its own.
    pub(super) fn leg(&mut self, a: CallId, b: CallId, memory: &mut dyn History, out: &mut Vec<Outcome>) {
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
                    Membership { why: "another leg of the call is a member".into(), ..membership },
                    memory,
                    out,
                );
            }
        }
    }

    /// Clears the other legs of unregistered status, if the caller is known on this leg.
    pub(super) fn vouch(&mut self, id: CallId, out: &mut Vec<Outcome>) {
        let Some(call) = self.opened(id).filter(|call| call.is_rooted || call.is_let_in) else { return };
        for leg in call.legs.clone() {
            if let Some(other) = self.opened(leg).filter(|other| other.stranger_to.is_some()) {
                other.stranger_to = None;
                other.is_news = true;
                self.tell(leg, out);
            }
        }
    }

    /// Withdraws `registered_elsewhere` if another leg comes from the caller's registered address.
    fn comes_from_home(&mut self, of: CallId, other: CallId, out: &mut Vec<Outcome>) {
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
