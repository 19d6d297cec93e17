//! Links the calls of one conversation: B2BUA legs, transfers and forwarded calls.
//!
//! Two calls are linked if evidence shows that one is the next leg of the other, and if both overlap in time.
//! A common host alone is no evidence. `docs/legs.md` lists the evidence.

mod clues;
mod heard;
mod leg;
#[cfg(test)]
pub(crate) mod tests;

use std::net::IpAddr;

use bellwether_base::{CallId, Endpoint, HashKey, LruTable, SlotId, Span, Timestamp, is_public};
use bellwether_tracker::{CallProgress, CallStarted, MediaNamed, Party, Side, StreamFact};
use smallvec::SmallVec;

use crate::number::canonical;
use clues::{Clues, Others};
use heard::Heard;
use leg::Leg;

/// Maximum number of calls.
const CALLS: usize = 65_536;

/// A finished call leaves the table after this time. It stays so long because its streams are reported late.
const OVER_FOR: Span = Span::from_secs(180);
/// A call without a known end leaves the table after this time.
const OPEN_FOR: Span = Span::from_secs(4 * 3600);

/// Eviction classes of the table.
const OVER: usize = 0;
const OPEN: usize = 1;

/// Maximum number of legs of one conversation.
const MAX_LEGS: usize = 16;

/// A forwarded call may start this long after the first leg under the same caller, when the callee does not
/// answer.
const GOES_ON_FOR: Span = Span::from_secs(180);

/// Limits for a link by outcome alone: the next leg starts within the first time, and its outcome returns
/// within the second.
const TOLD_BY_OUTCOME: (Span, Span) = (Span::from_millis(400), Span::from_millis(100));

/// The same limits if the next leg returns to the host of the first. Among calls that cross a trunk in both
/// directions some are answered at the same time.
const TOLD_BACK_THERE: (Span, Span) = (Span::from_millis(50), Span::from_millis(20));

/// Minimum length of a full number, as opposed to an extension.
const SHORTEST_NUMBER: usize = 7;

/// Caller names that do not identify a party.
const NAMELESS: [&str; 7] = ["", "anonymous", "unknown", "restricted", "unavailable", "private", "asterisk"];

/// Two calls of one conversation.
pub(crate) type Link = (CallId, CallId);

/// Finds the calls of one conversation.
pub(crate) struct Legs {
    calls: LruTable<u64, Leg, 2>,
    clues: Clues,
    /// Streams by their SSRC.
    heard: LruTable<u64, SmallVec<[Heard; 1]>, 1>,
    /// True once any call named an identifier of another call or of the conversation.
    are_ids_shared: bool,
    hash_key: HashKey,
}

impl Legs {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self {
            calls: LruTable::new(CALLS),
            clues: Clues::new(),
            heard: LruTable::new(CALLS),
            are_ids_shared: false,
            hash_key,
        }
    }

    /// The linked calls of a call.
    pub(crate) fn of(&self, call: CallId) -> &[CallId] {
        self.leg(call).map_or(&[], |leg| leg.peers.as_slice())
    }

    /// Adds a new call and returns the links that follow.
    pub(crate) fn begin(&mut self, call: &CallStarted) -> Vec<Link> {
        let at = call.started_at;
        self.forget(at);
        let dialled = if call.request_user.is_empty() { &call.to.user } else { &call.request_user };
        let leg = Leg {
            started_at: at,
            outcome: None,
            ended_at: None,
            flow: call.flow,
            last_destination: call.flow.dst,
            dialled_line: last_digits(&canonical(dialled)),
            domain: local_to(&call.from).map(|domain| self.hash(&[b"domain", domain.as_bytes()])),
            peers: SmallVec::new(),
            has_next: false,
            has_previous: false,
            media: SmallVec::new(),
        };
        let key = call.call.key();
        if self.calls.find(key, &key).is_some() {
            return Vec::new();
        }
        self.calls.insert(key, key, leg, OPEN, at);
        let mut links = Vec::new();
        self.by_identifier(call, &mut links);
        self.by_origin(call, &mut links);
        self.by_forwarding(call, &mut links);
        self.by_parties(call, &mut links);
        links
    }

    /// Links by identifiers of dialogs and of the conversation.
    fn by_identifier(&mut self, call: &CallStarted, links: &mut Vec<Link>) {
        let own = self.hash(&[b"dialog", dialog_of(call.call_id.expose()).as_bytes()]);
        let mut named = self.clues.leave(own, call.call, call.started_at);
        if self.are_ids_shared {
            let shared_own = self.hash(&[b"shared", dialog_of(call.call_id.expose()).as_bytes()]);
            named.extend_from_slice(self.clues.left(shared_own));
        }
        for id in call.kin.iter().flat_map(|kin| &kin.ids) {
            let dialog = self.hash(&[b"dialog", dialog_of(id.expose()).as_bytes()]);
            named.extend_from_slice(self.clues.left(dialog));
            self.are_ids_shared = true;
            let shared = self.hash(&[b"shared", dialog_of(id.expose()).as_bytes()]);
            // A device may write an identifier of its own into each of its calls.
            let others = self.clues.leave(shared, call.call, call.started_at);
            named.extend(others.into_iter().filter(|other| !self.have_one_sender(*other, call.call)));
        }
        for other in named {
            if self.lasts_with(other, call) {
                self.link(other, call.call, links);
            }
        }
        if call.kin.as_ref().is_some_and(|kin| kin.is_referred) {
            let referred = self.hash(&[b"referred", canonical(&call.request_user).as_bytes()]);
            let others: Others = self.clues.left(referred).into();
            for other in others {
                if self.lasts_with(other, call) {
                    self.link(other, call.call, links);
                }
            }
        }
    }

    /// Links by the origin line of the offer. A leg that passes descriptions through keeps the origin of the
    /// previous leg.
    ///
    /// Many phones use the current second as session identifier. Two phones that call within one second share
    /// nothing else.
    fn by_origin(&mut self, call: &CallStarted, links: &mut Vec<Link>) {
        let Some(origin) = call.sdp_origin.as_deref().filter(|origin| is_telling(origin)) else { return };
        let (session, _) = origin.rsplit_once(' ').unwrap_or_default();
        for (what, text) in [(&b"session"[..], session), (b"origin", origin)] {
            let clue = self.hash(&[what, text.as_bytes()]);
            for other in self.clues.leave(clue, call.call, call.started_at) {
                let Some((a, b)) = self.leg(other).zip(self.leg(call.call)) else { continue };
                let is_one = a.goes_on_as(b)
                    || b.goes_on_as(a)
                    || what == b"origin" && a.is_apart_from(b) && a.began_at_once(b);
                if is_one && a.overlaps(b) {
                    self.link(other, call.call, links);
                }
            }
        }
    }

    /// Links by forwarding: the diverting party in Diversion or History-Info was called at the host that
    /// sends this call.
    fn by_forwarding(&mut self, call: &CallStarted, links: &mut Vec<Link>) {
        for user in call.kin.iter().flat_map(|kin| &kin.sent_on_by) {
            let clue = self.at_host(b"to", call.flow.src, &canonical(user));
            self.link_only(clue, call, false, links);
        }
    }

    /// Links by caller, callee and time.
    fn by_parties(&mut self, call: &CallStarted, links: &mut Vec<Link>) {
        let caller = canonical(&call.from.user);
        let mut callees: SmallVec<[String; 2]> = SmallVec::new();
        callees.push(canonical(&call.to.user));
        // In most calls the Request-URI names the same user as To.
        if call.request_user != call.to.user {
            callees.push(canonical(&call.request_user));
        }
        let is_named = !NAMELESS.contains(&caller.as_str());
        for callee in callees.iter().filter(|callee| is_named && !callee.is_empty()) {
            let both = self.hash(&[b"parties", caller.as_bytes(), callee.as_bytes()]);
            for other in self.clues.leave(both, call.call, call.started_at) {
                let Some((first, second)) = self.leg(other).zip(self.leg(call.call)) else { continue };
                if !self.lasts_with(other, call) {
                    continue;
                }
                let is_at_once = first.began_at_once(second)
                    && first.is_apart_from(second)
                    && (first.domain.zip(second.domain)).is_none_or(|(one, other)| one == other);
                // A leg with a next leg gets another one only while the call is unanswered.
                let goes_on = first.goes_on_as(second) && (!first.has_next || first.outcome.is_none());
                if is_at_once || goes_on || second.goes_on_by_mirror_as(first) {
                    self.link(other, call.call, links);
                }
            }
        }
        if is_named && self.of(call.call).is_empty() {
            let clue = self.at_host(b"from", call.flow.src, &caller);
            self.link_only(clue, call, true, links);
        }
        if is_named && self.of(call.call).is_empty() {
            self.by_mirror(call, &caller, links);
        }
        if is_named {
            let from = self.at_host(b"from", call.flow.dst, &caller);
            self.clues.leave(from, call.call, call.started_at);
            let left = self.at_host(b"left", call.flow.src, &caller);
            self.clues.leave(left, call.call, call.started_at);
        }
        for callee in &callees {
            let to = self.at_host(b"to", call.flow.dst, callee);
            self.clues.leave(to, call.call, call.started_at);
        }
    }

    /// Links the only call of the caller that left this call's destination and that the mirror showed
    /// slightly too early.
    fn by_mirror(&mut self, call: &CallStarted, caller: &str, links: &mut Vec<Link>) {
        let clue = self.at_host(b"left", call.flow.dst, caller);
        let Some(leg) = self.leg(call.call) else { return };
        let mut next = (self.clues.left(clue).iter()).filter(|other| {
            self.leg(**other).is_some_and(|other| !other.has_previous && leg.goes_on_by_mirror_as(other))
        });
        if let (Some(other), None) = (next.next().copied(), next.next()) {
            self.link(other, call.call, links);
        }
    }

    /// Links the only call with a clue whose next leg this call is. If a caller has several such calls, calls
    /// with a next leg are excluded, and an equal end of the dialled number decides. Ambiguous calls are not
    /// linked.
    fn link_only(&mut self, clue: u64, call: &CallStarted, is_of_caller: bool, links: &mut Vec<Link>) {
        let Some(leg) = self.leg(call.call) else { return };
        let mut before: SmallVec<[(CallId, &Leg); 4]> = (self.clues.left(clue).iter())
            .filter(|other| **other != call.call)
            .filter_map(|other| Some((*other, self.leg(*other)?)))
            .filter(|(_, other)| {
                other.goes_on_as(leg) && call.started_at.since(other.started_at) <= GOES_ON_FOR
            })
            .collect();
        if is_of_caller && before.len() > 1 {
            before.retain(|(_, leg)| !leg.has_next);
            let is_same = |of: &Leg| of.dialled_line.is_some() && of.dialled_line == leg.dialled_line;
            if before.len() > 1 && before.iter().any(|(_, of)| is_same(of)) {
                before.retain(|(_, of)| is_same(of));
            }
        }
        let only = if let [(other, _)] = before.as_slice() { Some(*other) } else { None };
        drop(before);
        if let Some(other) = only {
            self.link(other, call.call, links);
        }
    }

    /// Links by media endpoint. Equal endpoints on the same side of two calls mean that one description
    /// passed through both.
    pub(crate) fn names_media(&mut self, named: &MediaNamed) -> Vec<Link> {
        let mut links = Vec::new();
        let end = self.end(named.endpoint);
        let clue = self.hash(&[b"media", &end.to_le_bytes(), &[named.side as u8]]);
        let others = self.clues.leave(clue, named.call, named.at);
        if let Some(leg) = self.leg_mut(named.call) {
            leg.media.push((end, named.side));
        }
        for other in others {
            let Some((a, b)) = self.leg(other).zip(self.leg(named.call)) else { continue };
            let is_one =
                a.goes_on_as(b) || b.goes_on_as(a) || is_public(named.endpoint.ip()) && a.is_apart_from(b);
            if is_one && a.overlaps(b) {
                self.link(other, named.call, &mut links);
            }
        }
        links
    }

    /// Links by outcome. Responses travel back along the path, so each leg has the outcome of its next leg a
    /// moment later.
    pub(crate) fn progress(&mut self, p: &CallProgress) -> Vec<Link> {
        let mut links = Vec::new();
        let key = p.call.key();
        let Some(slot) = self.calls.find(key, &key) else { return links };
        let Some((_, leg)) = self.calls.get_mut(slot) else { return links };
        leg.last_destination = p.last_hop.dst;
        leg.ended_at = p.ended_at;
        let refused =
            p.ended_at.filter(|_| p.answered_at.is_none() && p.final_status.is_some_and(|s| s >= 400));
        let outcome = p.answered_at.map(|at| (at, true)).or(refused.map(|at| (at, false)));
        let is_news = leg.outcome != outcome;
        leg.outcome = outcome;
        let (flow, class) = (leg.flow, if leg.ended_at.is_some() { OVER } else { OPEN });
        if let Some(ended) = p.ended_at {
            self.calls.touch(slot, class, ended);
        }
        if let Some((at, _)) = outcome.filter(|_| is_news) {
            self.by_outcome(p.call, flow.dst, &mut links);
            if p.last_hop.dst.ip() != flow.dst.ip() {
                self.by_outcome(p.call, p.last_hop.dst, &mut links);
            }
            let clue = self.at_host(b"outcome", flow.src, "");
            self.clues.leave(clue, p.call, at);
        }
        links
    }

    /// Links the only call that left the destination host and had the same outcome just before.
    fn by_outcome(&mut self, call: CallId, arrived: Endpoint, links: &mut Vec<Link>) {
        let Some(leg) = self.leg(call).filter(|leg| !leg.has_next) else { return };
        let Some((at, is_answered)) = leg.outcome else { return };
        let is_it = |next: &Leg| {
            let is_back = next.flow.dst.ip() == leg.flow.src.ip();
            let (sent_on, told_back) = if is_back { TOLD_BACK_THERE } else { TOLD_BY_OUTCOME };
            leg.goes_on_by_mirror_as(next)
                && !next.has_previous
                && next.started_at.since(leg.started_at) <= sent_on
                && next.outcome.is_some_and(|(before, is)| {
                    is == is_answered && before <= at && at.since(before) <= told_back
                })
        };
        let clue = self.at_host(b"outcome", arrived, "");
        let mut found = (self.clues.left(clue).iter())
            .filter(|other| **other != call && self.leg(**other).is_some_and(is_it));
        if let (Some(next), None) = (found.next().copied(), found.next()) {
            self.link(call, next, links);
        }
    }

    /// Records a referral of a party.
    pub(crate) fn referred(&mut self, call: CallId, to_user: &str) {
        let Some(at) = self.leg(call).map(|leg| leg.outcome.map_or(leg.started_at, |(at, _)| at)) else {
            return;
        };
        let clue = self.hash(&[b"referred", canonical(to_user).as_bytes()]);
        self.clues.leave(clue, call, at);
    }

    /// Other legs whose descriptions name the same stream, each with the side whose media it is.
    pub(crate) fn also_names(&self, stream: &StreamFact) -> Vec<(CallId, Side)> {
        let Some((call, leg)) = stream.call.and_then(|call| Some((call, self.leg(call)?))) else {
            return Vec::new();
        };
        let (src, dst) = (self.end(stream.flow.src), self.end(stream.flow.dst));
        let own = leg.names(src, dst).map_or(1, |(rank, _)| rank);
        let named = leg.peers.iter().filter(|peer| **peer != call).filter_map(|peer| {
            let other =
                self.leg(*peer).filter(|peer| peer.lasts_during(stream.first_seen, stream.last_seen))?;
            other.names(src, dst).filter(|(rank, _)| *rank >= own).map(|(_, side)| (*peer, side))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named
    }

    /// Links two calls and their groups, for all pairs that overlap in time.
    fn link(&mut self, a: CallId, b: CallId, links: &mut Vec<Link>) {
        let Some((of_a, of_b)) = self.leg(a).zip(self.leg(b)) else { return };
        if a == b || of_a.peers.contains(&b) || of_a.peers.len().max(of_b.peers.len()) >= MAX_LEGS {
            return;
        }
        let is_first = |x: &Leg, y: &Leg| x.goes_on_as(y) || !y.goes_on_as(x) && x.goes_on_by_mirror_as(y);
        let (a_first, b_first) = (is_first(of_a, of_b), is_first(of_b, of_a));
        let group = |of: CallId, leg: &Leg| -> SmallVec<[CallId; 4]> {
            std::iter::once(of).chain(leg.peers.iter().copied()).collect()
        };
        let (ours, theirs) = (group(a, of_a), group(b, of_b));
        for (first, second, is) in [(a, b, a_first), (b, a, b_first)] {
            if is {
                self.change(first, |leg| leg.has_next = true);
                self.change(second, |leg| leg.has_previous = true);
            }
        }
        for one in &ours {
            for other in theirs.iter().filter(|other| *other != one) {
                let Some((x, y)) = self.leg(*one).zip(self.leg(*other)) else { continue };
                let has_room = x.peers.len().max(y.peers.len()) < MAX_LEGS && !x.peers.contains(other);
                if has_room && (x.overlaps(y) || (*one, *other) == (a, b)) {
                    self.change(*one, |leg| leg.peers.push(*other));
                    self.change(*other, |leg| leg.peers.push(*one));
                    links.push((*other, *one));
                }
            }
        }
    }

    /// Returns true if a call is still active when another begins.
    fn lasts_with(&self, other: CallId, call: &CallStarted) -> bool {
        let at = call.started_at;
        self.leg(other).is_some_and(|leg| leg.started_at <= at && leg.lasts_at(at))
    }

    /// Returns true if one host sent both calls to one destination. They are then two calls of this host.
    fn have_one_sender(&self, a: CallId, b: CallId) -> bool {
        let Some((a, b)) = self.leg(a).zip(self.leg(b)) else { return true };
        a.flow.src.ip() == b.flow.src.ip() && !a.goes_on_as(b) && !b.goes_on_as(a)
    }

    fn forget(&mut self, now: Timestamp) {
        for (class, kept) in [(OVER, OVER_FOR), (OPEN, OPEN_FOR)] {
            while let Some((slot, _)) = self.calls.oldest_before(class, now - kept) {
                self.calls.remove(slot);
            }
        }
    }

    fn slot(&self, call: CallId) -> Option<SlotId> {
        let key = call.key();
        self.calls.find(key, &key)
    }

    fn leg(&self, call: CallId) -> Option<&Leg> {
        self.calls.get(self.slot(call)?).map(|(_, leg)| leg)
    }

    fn leg_mut(&mut self, call: CallId) -> Option<&mut Leg> {
        let slot = self.slot(call)?;
        self.calls.get_mut(slot).map(|(_, leg)| leg)
    }

    fn change(&mut self, call: CallId, change: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.leg_mut(call) {
            change(leg);
        }
    }

    fn hash(&self, parts: &[&[u8]]) -> u64 {
        self.hash_key.parts(parts)
    }

    fn end(&self, end: Endpoint) -> u64 {
        self.hash(&[b"end", &end.octets(), &end.port().to_be_bytes()])
    }

    fn at_host(&self, what: &[u8], host: Endpoint, user: &str) -> u64 {
        self.hash(&[what, &host.octets(), user.as_bytes()])
    }
}

/// The domain to which an extension or a name is local. An IP address is no domain, and a full number is
/// global.
fn local_to(party: &Party) -> Option<String> {
    let user = canonical(&party.user);
    let is_whole = user.len() >= SHORTEST_NUMBER && user.bytes().all(|b| b.is_ascii_digit() || b == b'+');
    let host = party.host.trim_matches(['[', ']']);
    (!is_whole && !host.is_empty() && host.parse::<IpAddr>().is_err()).then(|| host.to_ascii_lowercase())
}

/// The last three digits of a number. Dial plans add or remove prefixes but keep the end.
fn last_digits(number: &str) -> Option<u16> {
    let digits = number.get(number.len().checked_sub(3)?..)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The Call-ID without the suffix that some B2BUAs add for their other leg.
fn dialog_of(call_id: &str) -> &str {
    let digits = call_id.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_'));
    let bare = ["b2b", "B2B"].iter().find_map(|mark| digits.strip_suffix(mark));
    bare.map_or(call_id, |bare| bare.trim_end_matches(['-', '_', '.']))
}

/// Returns true if an origin line (user, session identifier, address) is distinctive. Test tools and some
/// phones write a constant in all their calls. A long session identifier is no constant.
fn is_telling(origin: &str) -> bool {
    const CONSTANTS: [&str; 1] = ["53655765"];
    let id = origin.split(' ').nth(1).unwrap_or_default();
    id.len() >= 6 && !CONSTANTS.contains(&id)
}
