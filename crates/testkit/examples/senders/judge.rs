//! Judgement of a site's calls by the crate under test.

use bellwether_base::{CallId, Timestamp};
use bellwether_senders::{ACCUSED_FROM, CallEnd, CallStart, Change, Senders};

use crate::kinds::Kind;
use crate::site::{Call, CallParty, Site};

/// Nanoseconds of a second.
const NANOS: f64 = 1e9;

/// Calls, and those of them that were accused.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    /// Accused by the last report about the call.
    pub(crate) at_the_end: u64,
    /// Accused by any report about the call.
    pub(crate) at_any_moment: u64,
}

impl Counts {
    fn add(&mut self, mark: Mark) {
        self.calls += 1;
        self.at_the_end += u64::from(mark.is_accused);
        self.at_any_moment += u64::from(mark.was_accused);
    }
}

/// The result of one seed.
#[derive(Clone, Copy, Default)]
pub(crate) struct Judged {
    pub(crate) sender: Counts,
    pub(crate) bystanders: Counts,
    pub(crate) background: Counts,
    /// Calls of the sender up to its first accused call.
    pub(crate) found_after: Option<u64>,
}

/// The state of a call.
#[derive(Clone, Copy, Default)]
struct Mark {
    is_accused: bool,
    was_accused: bool,
}

/// A start or an end of a call. The derived order is the order of time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: i64,
    is_end: bool,
    place: usize,
}

/// Plays a site with one sender to a fresh judge.
pub(crate) fn judge(kind: &Kind, seed: u64, has_registrations: bool) -> Judged {
    let site = Site::with_sender(kind, seed, has_registrations);
    let events = events(&site);
    let mut senders = Senders::new();
    if has_registrations {
        senders.set_accounts(site.accounts as u32);
    }
    let mut marks = vec![Mark::default(); site.calls.len()];
    let mut judged = Judged::default();
    let (mut out, mut seen) = (Vec::new(), 0);
    for event in events {
        let Some(call) = site.calls.get(event.place) else { continue };
        let (id, at) = (CallId::new(event.place as i64), Timestamp::from_nanos(event.at));
        if event.is_end {
            let end = CallEnd {
                call: id,
                at,
                ring_secs: call.ring as u16,
                talk_secs: call.talk.map(|secs| secs as u16),
                is_ended_by_caller: call.is_ended_by_caller,
            };
            senders.end(&end, &mut out);
        } else {
            seen += u64::from(call.party == CallParty::Sender);
            senders.begin(&start(id, at, call), &mut out);
        }
        for change in out.drain(..) {
            let is_of_sender = note(&change, &site.calls, &mut marks);
            if is_of_sender && judged.found_after.is_none() {
                judged.found_after = Some(seen);
            }
        }
    }
    for (call, mark) in site.calls.iter().zip(marks) {
        match call.party {
            CallParty::Sender => judged.sender.add(mark),
            CallParty::Bystander => judged.bystanders.add(mark),
            CallParty::Background => judged.background.add(mark),
        }
    }
    judged
}

/// Starts and ends of all calls.
fn events(site: &Site) -> Vec<Event> {
    let mut events = Vec::with_capacity(site.calls.len() * 2);
    for (place, call) in site.calls.iter().enumerate() {
        let at = call.at * 3600.0;
        let end = at + call.ring + call.talk.unwrap_or(0.0);
        events.push(Event { at: (at * NANOS) as i64, is_end: false, place });
        events.push(Event { at: (end * NANOS) as i64, is_end: true, place });
    }
    events.sort();
    events
}

fn start(call: CallId, at: Timestamp, of: &Call) -> CallStart {
    let device = of.caller.device;
    CallStart {
        call,
        at,
        number: of.caller.number,
        address: of.caller.address,
        block: of.caller.block,
        family: device.family,
        print: device.print,
        product: device.product,
        agent: device.agent,
        callee: of.callee,
        access: of.access,
    }
}

/// Marks a call; true if the sender's call is accused.
fn note(change: &Change, calls: &[Call], marks: &mut [Mark]) -> bool {
    let Ok(place) = usize::try_from(change.call.get()) else { return false };
    let Some((call, mark)) = calls.get(place).zip(marks.get_mut(place)) else { return false };
    mark.is_accused = change.verdict.is_accused && change.verdict.probability >= ACCUSED_FROM;
    mark.was_accused |= mark.is_accused;
    mark.is_accused && call.party == CallParty::Sender
}
