//! Signals of the calling pattern.

use bellwether_base::Span;

use super::{AtStart, Found};
use crate::Evidence;
use crate::call_history::{CallHistory, CallResult, follows, unevenness};
use crate::evidence::whole;
use crate::settings::Tuned;
use crate::stack_index::distinct;

const HOUR: Span = Span::from_secs(3600);

pub(super) fn velocity(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.caller.is_below(11.0) {
        return None;
    }
    let (per_hour, count) = at.caller.rate(at.now());
    (per_hour > tuned.limit(0) && count > 10)
        .then(|| Evidence::of([whole(per_hour)], |[calls, ..], f| write!(f, "{calls} calls per hour")))
        .and_then(Found::whole)
}

pub(super) fn spread(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.caller.is_below(tuned.limit(0)) {
        return None;
    }
    let latest = at.caller.since(at.now() - HOUR);
    let calls = latest.len();
    if (calls as f64) < tuned.limit(0) {
        return None;
    }
    let callees = distinct(latest, |deed| deed.callee.into());
    (callees as f64 / calls as f64 >= tuned.limit(1))
        .then(|| {
            Evidence::of([callees, calls], |[callees, calls, ..], f| {
                write!(f, "{calls} calls to {callees} different numbers within the hour")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn pacing(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.caller.is_below(tuned.limit(0)) {
        return None;
    }
    let latest = at.caller.since(at.now() - HOUR);
    if (latest.len() as f64) < tuned.limit(0) {
        return None;
    }
    let unevenness = unevenness(latest, |deed| deed.at)?;
    (unevenness < tuned.limit(1))
        .then(|| {
            Evidence::of([whole(unevenness * 100.0)], |[percent, ..], f| {
                write!(f, "the gaps between calls deviate by only {percent} %")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn short(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.caller.is_below(tuned.limit(0)) {
        return None;
    }
    let answered = at.caller.since(at.now() - HOUR).iter().filter(|deed| deed.fate == CallResult::Answered);
    let calls = answered.clone().count();
    let short = answered.filter(|deed| f64::from(deed.secs) < tuned.limit(1)).count();
    (calls as f64 >= tuned.limit(0) && short as f64 / calls as f64 >= tuned.limit(2))
        .then(|| {
            Evidence::of([short, calls, whole(tuned.limit(1))], |[short, calls, secs, ..], f| {
                write!(f, "{short} of {calls} answered calls ended within {secs} s")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn answer_ratio(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.caller.is_below(tuned.limit(0)) {
        return None;
    }
    let ended = at.caller.since(at.now() - HOUR).iter().filter(|deed| deed.fate != CallResult::Open);
    let calls = ended.clone().count();
    let answered = ended.filter(|deed| deed.fate == CallResult::Answered).count();
    (calls as f64 >= tuned.limit(0) && answered as f64 / calls as f64 <= tuned.limit(1))
        .then(|| {
            Evidence::of([answered, calls], |[answered, calls, ..], f| {
                write!(f, "{answered} of {calls} calls were answered")
            })
        })
        .and_then(Found::whole)
}

pub(super) fn concurrent(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    if at.caller.is_below(tuned.limit(0)) {
        return None;
    }
    let open = at.caller.open(at.now());
    (open as f64 > tuned.limit(0))
        .then(|| Evidence::of([open], |[open, ..], f| write!(f, "{open} calls at the same time")))
        .and_then(Found::whole)
}

pub(super) fn sequential(at: &AtStart<'_>, tuned: &Tuned) -> Option<Found> {
    let of_source = Some(&at.source.actor).filter(|_| !at.is_from_trunk());
    let actors = [Some(at.caller), of_source].into_iter().flatten();
    let run = actors.filter(|actor| !actor.is_below(tuned.limit(0))).map(run).max()?;
    (run as f64 >= tuned.limit(0))
        .then(|| Evidence::of([run], |[run, ..], f| write!(f, "{run} numbers dialled in sequence")))
        .and_then(Found::whole)
}

/// Number of consecutive numbers at the end of the history.
fn run(actor: &CallHistory) -> usize {
    let latest = actor.latest().iter().rev().map(|deed| (deed.neighbourhood, deed.line));
    let followers = latest.clone().skip(1).zip(latest).take_while(|(before, after)| follows(*before, *after));
    let steps = followers.count();
    if steps == 0 { 0 } else { steps + 1 }
}
