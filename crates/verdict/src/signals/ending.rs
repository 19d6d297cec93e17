//! What a call turns out to be while it goes on and at its end.

use super::Found;
use crate::actor::Fate;
use crate::open::OpenCall;
use crate::settings::Tuned;

pub(super) fn campaign_member(call: &OpenCall, _: &Tuned) -> Option<Found> {
    call.membership.as_ref().map(|membership| member(&membership.name, membership.strength, &membership.why))
}

/// The finding of a call that belongs to a campaign.
pub(crate) fn member(name: &str, strength: f64, why: &str) -> Found {
    Found { share: share(strength), evidence: format!("belongs to campaign {name}: {why}").into() }
}

/// Between two thirds and all, by the odds.
fn share(strength: f64) -> f64 {
    (0.67 + 0.11 * strength).clamp(0.67, 1.0)
}

pub(super) fn prompt_repeated(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let (calls, callers) = call.prompt?;
    (f64::from(calls) >= tuned.limit(0) && callers >= 2)
        .then(|| format!("begins with the same recording as {} calls of {callers} callers", calls - 1))
        .and_then(Found::whole)
}

pub(super) fn conversation(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let is_two_way = call.caller_packets == 0 && call.callee_packets == 0
        || call.caller_packets > 0 && call.callee_packets > 0;
    let is_long = call.fate == Fate::Answered && f64::from(call.secs) >= tuned.limit(0);
    // Calls to destinations that earn money by the minute are long, whoever makes them.
    (is_long && is_two_way && call.membership.is_none() && !call.is_risky)
        .then(|| format!("talked for {} s", call.secs))
        .and_then(Found::whole)
}

pub(super) fn one_way(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let is_long = call.fate == Fate::Answered && f64::from(call.secs) >= tuned.limit(0);
    // Both directions must be on the mirror: where one was seen in earnest, the other would have been.
    let (most, least) =
        (call.caller_packets.max(call.callee_packets), call.caller_packets.min(call.callee_packets));
    (is_long && most >= 200 && least == 0)
        .then(|| {
            let who = if call.caller_packets > 0 { "caller" } else { "called" };
            format!("only the {who} sent media in {} s", call.secs)
        })
        .and_then(Found::whole)
}

pub(super) fn dead_air(call: &OpenCall, tuned: &Tuned) -> Option<Found> {
    let is_long = call.fate == Fate::Answered && f64::from(call.secs) >= tuned.limit(1);
    let quiet = call.quiet_share?;
    (is_long && quiet >= tuned.limit(0))
        .then(|| format!("{:.0} % of the caller's packets are quiet", quiet * 100.0))
        .and_then(Found::whole)
}
